"""Tick in, signed order out, by the fused lane, beside the fastest Python parts put together by hand.

A tick is a book frame that moves the touch; the answer is the signed message that moves our bid after it. Ours is in
the journal when it comes, and framed for the socket. The peer is what a careful engineer writes with the best libraries
there are: orjson, dict and bisect, constant words padded once, pycryptodome's Keccak, coincurve's signature, orjson
again; it keeps no journal. Both must sign the same terms, which is checked first. Targets of the lane: median 4.5 us
and 99th percentile 8 us for a tick that becomes an order, median 1.2 us for one that does not.
"""

import atexit
import gc
import json
import shutil
import tempfile
import time
from bisect import bisect_left, insort
from itertools import count
from pathlib import Path

import coincurve
import orjson
import pytest
from derive_order import (
    ACTIONS,
    ASSET,
    ASSET_WORD,
    DOMAIN,
    EXPIRY_S,
    INSTRUMENT,
    KEY,
    MODULE_WORD,
    OWNER_WORD,
    SIGNER,
    SIGNER_WORD,
    SUB_ID,
    SUBACCOUNT,
    keccak,
    word,
)
from feeds import Deribit, Derive
from tail import note_tail

from atomizer._core.ecdsa import NONCE_CAPACITY, Signer, parse_address, recover
from atomizer._core.eip712 import ACTION_TYPEHASH
from atomizer._core.frame import POST_ONLY, DeriveOrders
from atomizer._core.gate import Gate, InstrumentLimits
from atomizer._core.lane import Lane
from atomizer._core.nonces import Nonces
from atomizer._core.outbox import Outbox
from atomizer._core.quote import QuoteParams
from atomizer._core.socket_writer import SocketWriter
from atomizer.journal.frames import Identity
from atomizer.journal.writer import JournalWriter

NANOS = 10**9
SECOND_NS = 10**9
NOW_NS = 1_761_000_000 * SECOND_NS
MAX_FEE = 12 * NANOS
SIZE = NANOS
TICK = NANOS // 2
PAUSE_NS = SECOND_NS // 200  # between ticks, so that the order rate of the gate is never reached
ROUNDS = 900  # below the nonces that a signer can hold
RESTING_NONCE = 7  # what every replacement names
STRIKES = range(5_000, 7_000, 10)  # other slots of the lane


def add_slot(lane, channel, size_nanos=SIZE):
    return lane.add(
        channel.encode(),
        params=QuoteParams(
            aggression_nanos=0,
            improvement_nanos=0,
            reference_size_nanos=0,
            spread_share_nanos=NANOS // 100,
            min_spread_share_nanos=NANOS // 10_000,
            bid_size_nanos=size_nanos,
            ask_size_nanos=size_nanos,
        ),
        limits=InstrumentLimits(
            tick_nanos=TICK,
            lot_nanos=NANOS // 100,
            min_amount_nanos=NANOS // 10,
            max_amount_nanos=1_000 * NANOS,
            max_order_size_nanos=10 * NANOS,
            max_position_nanos=10 * NANOS,
            mark_band_share_nanos=NANOS // 2,
            max_book_age_ns=SECOND_NS,
            max_mark_age_ns=SECOND_NS,
        ),
        keep_price_nanos=0,
        keep_size_nanos=0,
    )


TERMS = {
    "life": POST_ONLY,
    "max_fee_nanos": MAX_FEE,
    "order_life_s": 7_200,
    "least_life_s": 1,
    "last_s": EXPIRY_S,
}


def open_journal():
    """A journal of its own, as a trader has it: its head in memory."""
    directory = Path(tempfile.mkdtemp())
    journal = JournalWriter(directory / "journal.atj", Identity("derive", "benchmark"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    atexit.register(journal.close)
    return journal


def open_outbox(journal):
    outbox = Outbox("derive", journal.appender, Nonces(unit_ns=1, per_unit=1, last=0), SocketWriter(), time.time_ns)
    outbox.allowance = 1 << 30
    return outbox


def open_lane(channel, per_second, **terms):
    """A lane of two hundred slots, the one of this channel, which writes its orders, their signer and their journal."""
    signer, journal = Signer(KEY), open_journal()
    lane = Lane(Gate(per_second), open_outbox(journal))
    slots = {name: add_slot(lane, name) for name in (channel.replace("6000", str(strike)) for strike in STRIKES)}
    writer = DeriveOrders(signer, ACTIONS, label_prefix="mm.r1.", nonces_as_text=True)
    slots[channel].write_with(writer, writer.add_instrument(INSTRUMENT, parse_address(ASSET), SUB_ID), **TERMS | terms)
    return lane, slots[channel], signer, journal


def settle(lane, slot):
    """The venue's word on the orders of the last rows: they rest."""
    for row in lane.rows[: lane.row_count]:
        slot.settle(bool(row["is_bid"]), int(row["price_nanos"]), SIZE, nonce=RESTING_NONCE, label_number=7)


class Fused:
    """The lane, with two hundred slots, of which one speaks. Between two ticks it makes digests ahead, as it runs."""

    most_ahead = 200  # more than there are

    def __init__(self, feed):
        self.lane, self.slot, self.signer, self.journal = open_lane(feed.channel, 1_000)
        self.nothing = self.lane.on_frame
        self.now_ns = NOW_NS
        self.outbox = self.lane.outbox
        self.receive(feed.first())
        settle(self.lane, self.slot)
        self.outbox.clear()
        assert self.receive(feed.quiet(1)) == 0

    def receive(self, frame):
        self.now_ns += PAUSE_NS
        self.slot.set_mark(103 * NANOS, self.now_ns)
        return self.lane.on_frame(frame, self.now_ns)

    def make_ready(self, frame):
        """The venue's word on the last order comes before the next tick."""
        self.journal.make_room()
        settle(self.lane, self.slot)
        self.now_ns += PAUSE_NS
        self.slot.set_mark(103 * NANOS, self.now_ns)
        assert self.lane.on_book_changed(self.slot, self.now_ns) == 0
        self.lane.make_ahead(self.now_ns, self.most_ahead)
        return (frame, self.now_ns), {}

    def order(self, frame, now_ns):
        assert self.lane.on_frame(frame, now_ns) == 1
        message = self.outbox.frames[: self.outbox.frames_size]
        self.outbox.clear()
        return message


class Unforeseen(Fused):
    """The same when the market goes where nobody looked: every digest is made when it is wanted."""

    most_ahead = 0


class BestLibraries:
    """orjson, dict and bisect, pycryptodome and coincurve, with everything constant made beforehand."""

    def __init__(self):
        self.key = coincurve.PrivateKey(KEY)
        self.numbers = count(3)  # after what rests already
        self.now_ns = NOW_NS
        self.sizes = {"bids": {}, "asks": {}}
        self.prices = {"bids": [], "asks": []}
        self.change_id = 0
        self.resting = None
        self.order_head = ASSET_WORD + word(SUB_ID)
        self.order_tail = word(MAX_FEE * NANOS) + word(SUBACCOUNT) + word(1)
        self.action_head = ACTION_TYPEHASH + word(SUBACCOUNT)
        self.action_tail = word(EXPIRY_S) + OWNER_WORD + SIGNER_WORD
        self.sealed = b"\x19\x01" + DOMAIN

    @classmethod
    def after(cls, feed):
        """One that has heard the feed's beginning."""
        party = cls()
        party.take(feed.first())
        party.take(feed.quiet(1))
        party.resting = party.touch()
        return party

    def take(self, frame):
        data = orjson.loads(frame)["params"]["data"]
        if "publish_id" in data:
            for name in ("bids", "asks"):
                levels = {round(float(price) * NANOS): round(float(size) * NANOS) for price, size in data[name]}
                self.sizes[name] = levels
                self.prices[name] = list(levels) if name == "asks" else list(levels)[::-1]
            return
        if data["type"] == "change" and data["prev_change_id"] != self.change_id:
            raise ValueError("gap")
        self.change_id = data["change_id"]
        for name in ("bids", "asks"):
            sizes, prices = self.sizes[name], self.prices[name]
            for action, level, amount in data[name]:
                price = round(level * NANOS)
                if action == "delete":
                    if sizes.pop(price, None) is not None:
                        del prices[bisect_left(prices, price)]
                    continue
                if price not in sizes:
                    insort(prices, price)
                sizes[price] = round(amount * NANOS)

    def touch(self):
        return self.prices["bids"][-1]

    def make_ready(self, frame):
        """What was sent rests now."""
        self.resting = self.touch()
        self.now_ns += PAUSE_NS
        return (frame, self.now_ns), {}

    def order(self, frame, now_ns):
        self.take(frame)
        price = self.touch() // TICK * TICK
        assert 50 * NANOS < price < 150 * NANOS
        number = next(self.numbers)
        terms = self.order_head + word(price * NANOS) + word(SIZE * NANOS) + self.order_tail
        action = self.action_head + word(now_ns) + MODULE_WORD + keccak(terms) + self.action_tail
        signature = self.key.sign_recoverable(keccak(self.sealed + keccak(action)), hasher=None)
        params = {
            "instrument_name": INSTRUMENT,
            "subaccount_id": SUBACCOUNT,
            "direction": "buy",
            "order_type": "limit",
            "time_in_force": "post_only",
            "limit_price": str(price / NANOS),
            "amount": "1",
            "max_fee": "12",
            "nonce": str(now_ns),
            "signature_expiry_sec": EXPIRY_S,
            "signer": SIGNER,
            "signature": f"0x{signature[:64].hex()}{signature[64] + 27:02x}",
            "reduce_only": False,
            "mmp": False,
            "label": f"mm.r1.{number}",
            "nonce_to_cancel": str(RESTING_NONCE),
            "expected_filled_amount": "0",
        }
        return orjson.dumps({"id": number, "method": "private/replace", "params": params})

    def nothing(self, frame, now_ns):
        self.take(frame)
        assert now_ns
        assert self.touch() == self.resting


def text_of(message):
    """A message's text, be it in a client's WebSocket frame (of more than 125 bytes) or not."""
    message = bytes(message)
    if message[0] != 0x81:
        return message
    mask, text = message[4:8], message[8:]
    return bytes(byte ^ mask[at % 4] for at, byte in enumerate(text))


def signed_terms(message):
    """What a message says, and the address that signed exactly that."""
    params = json.loads(text_of(message))["params"]
    price, amount, fee = (round(float(params[name]) * NANOS) for name in ("limit_price", "amount", "max_fee"))
    figures = [value * NANOS for value in (price, amount, fee)]
    is_bid = params["direction"] == "buy"
    digest = ACTIONS.order(
        parse_address(ASSET), SUB_ID, *figures, is_bid, int(params["nonce"]), params["signature_expiry_sec"]
    )
    names = (
        "instrument_name",
        "subaccount_id",
        "label",
        "signer",
        "nonce_to_cancel",
        "expected_filled_amount",
        "time_in_force",
    )
    terms = [price, amount, fee, is_bid, params["nonce"], *(params[name] for name in names)]
    return terms, recover(digest, bytes.fromhex(params["signature"][2:]))


sides = pytest.mark.parametrize(
    "side",
    [Fused, Unforeseen, BestLibraries.after],
    ids=["atomizer", "atomizer, unforeseen", "orjson+bisect+pycryptodome+coincurve"],
)
feeds = pytest.mark.parametrize("feed", [Deribit, Derive], ids=["deribit change", "derive book"])


@feeds
def test_both_send_the_same_order(feed):
    """The same terms under the same key, one tick after another."""
    sent = []
    for side in (Unforeseen, BestLibraries.after):
        source = feed()
        party = side(source)
        party.now_ns = NOW_NS + SECOND_NS
        made = []
        for number in range(1, 6):
            arguments, _ = party.make_ready(source.moving(number))
            made.append(signed_terms(party.order(*arguments)))
        sent.append(made)
    assert sent[0] == sent[1]
    assert {signer for _, signer in sent[0]} == {Signer(KEY).address}


@feeds
@sides
def test_tick_to_order(benchmark, side, feed, request):
    """A tick that moves the touch in, a signed order out."""
    benchmark.group = f"tick to order, {request.node.callspec.id.rpartition('-')[2]}"
    source = feed()
    party = side(source)
    run(benchmark, party, party.order, map(source.moving, count(1)))


@feeds
@sides
def test_tick_to_nothing(benchmark, side, feed, request):
    """A tick that changes nothing we look at."""
    benchmark.group = f"tick to nothing, {request.node.callspec.id.rpartition('-')[2]}"
    source = feed()
    party = side(source)
    run(benchmark, party, party.nothing, map(source.quiet, count(2)))


@pytest.mark.benchmark(group="stages of the lane")
def test_frame_to_row(benchmark):
    """A Deribit change to its row, where nothing may be written."""
    source = Deribit()
    party = Fused(source)
    party.outbox.allowance = 0
    frames = map(source.moving, count(1))
    setup = lambda: party.make_ready(next(frames))  # noqa: E731  one line where it is used
    benchmark.pedantic(party.lane.on_frame, setup=setup, rounds=ROUNDS, warmup_rounds=50)
    note_tail(benchmark)


def run(benchmark, party, act, frames):
    """Time one tick after another, with the tail in the extra info."""
    if isinstance(party, Fused):
        party.signer.prepare(NONCE_CAPACITY)
    gc.disable()
    benchmark.pedantic(act, setup=lambda: party.make_ready(next(frames)), rounds=ROUNDS, warmup_rounds=50)
    gc.enable()
    note_tail(benchmark)
