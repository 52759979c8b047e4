"""After a jump of spot: every quote of two hundred instruments moves, four hundred replacements go to a socket.

Ours is one look of the lane: the worst standing first, each order named, signed, in the journal and framed, an outbox
after the other in one write. The peer makes the same orders one by one with the best libraries, and keeps no journal.
Target: all have left within 3 ms.
"""

import gc
import socket
import subprocess
import sys

import pytest
from derive_order import ACTIONS, ASSET, INSTRUMENT, KEY, SUB_ID
from feeds import Derive
from tail import note_tail
from test_lane import (
    NANOS,
    NOW_NS,
    PAUSE_NS,
    RESTING_NONCE,
    SIZE,
    TERMS,
    BestLibraries,
    add_slot,
    open_journal,
    open_outbox,
)

from atomizer._core.ecdsa import NONCE_CAPACITY, Signer, parse_address
from atomizer._core.frame import DeriveOrders
from atomizer._core.gate import Gate
from atomizer._core.lane import Lane

INSTRUMENTS = 200
BIDS = (100, 101)  # the best of every other jump, four below the best ask
ROUNDS = 40

_SINK = "import socket, sys; s = socket.socket(fileno=int(sys.argv[1]))\nwhile s.recv(1 << 20): pass"


@pytest.fixture
def wire():
    """A socket whose other end another process reads."""
    ours, theirs = socket.socketpair()
    with subprocess.Popen([sys.executable, "-c", _SINK, str(theirs.fileno())], pass_fds=[theirs.fileno()]) as sink:  # noqa: S603  ours
        theirs.close()
        yield ours
        ours.close()
        sink.wait()


class Transport:
    """A connection that stays open."""

    is_disconnected = is_close_frame_sent = False


class Stream:
    """What takes over when the socket is full."""

    def __init__(self, wire):
        self.write = wire.sendall

    def is_closing(self):
        return False

    def get_write_buffer_size(self):
        return 0


class Chain:
    """A lane that quotes two hundred instruments on both sides."""

    def __init__(self, wire):
        self.signer, self.journal = Signer(KEY), open_journal()
        self.outbox = open_outbox(self.journal)
        self.outbox.socket.open(Transport(), Stream(wire), wire.fileno())
        self.lane = Lane(Gate(4_096), self.outbox)
        writer = DeriveOrders(self.signer, ACTIONS, label_prefix="mm.r1.", nonces_as_text=True)
        self.slots = []
        for at in range(INSTRUMENTS):
            name = INSTRUMENT.replace("6000", str(5_000 + at))
            slot = add_slot(self.lane, f"orderbook.{name}.1.20")
            slot.write_with(writer, writer.add_instrument(name, parse_address(ASSET), SUB_ID), **TERMS)
            self.slots.append(slot)
        self.now_ns = NOW_NS
        self.sequence = 0
        self.make_ready()
        self.reprice()

    def make_ready(self):
        """All that was sent rests, and then every book has moved."""
        for row in self.lane.rows[: self.lane.row_count]:
            price, is_bid = int(row["price_nanos"]), bool(row["is_bid"])
            self.slots[row["slot"]].settle(is_bid, price, SIZE, nonce=RESTING_NONCE, label_number=7)
        self.signer.prepare(NONCE_CAPACITY)
        self.journal.make_room()
        self.now_ns += NANOS
        self.sequence += 1
        best = BIDS[self.sequence % 2] * NANOS
        levels = [[(best - at * NANOS, 5 * NANOS) for at in range(20)]]
        levels.append([(best + (4 + at) * NANOS, 5 * NANOS) for at in range(20)])
        for slot in self.slots:
            slot.set_mark(best + 2 * NANOS, self.now_ns)
            slot.book.apply_snapshot(*levels, self.sequence, self.now_ns, self.now_ns)

    def reprice(self):
        before = self.outbox.last_number
        assert self.lane.look(self.now_ns) == 2 * INSTRUMENTS == self.outbox.last_number - before
        assert self.outbox.count == 0


class Libraries:
    """One instrument's orders, as often."""

    def __init__(self, wire):
        self.wire = wire
        self.feed = Derive()
        self.party = BestLibraries.after(self.feed)

    def make_ready(self):
        self.frames = [self.feed.moving(number) for number in range(2 * INSTRUMENTS)]

    def reprice(self):
        for at, frame in enumerate(self.frames):
            self.wire.sendall(self.party.order(frame, NOW_NS + at * PAUSE_NS))


@pytest.mark.parametrize("side", [Chain, Libraries], ids=["atomizer", "orjson+bisect+pycryptodome+coincurve"])
@pytest.mark.benchmark(group="400 quotes of 200 instruments re-priced after a jump, to the socket")
def test_reprice(benchmark, wire, side):
    party = side(wire)
    gc.disable()
    benchmark.pedantic(party.reprice, setup=party.make_ready, rounds=ROUNDS, warmup_rounds=3)
    gc.enable()
    note_tail(benchmark)
