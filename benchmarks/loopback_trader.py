"""Our end of the loopback benchmark: a trader's own socket on uvloop, held as `--performance-mode` holds it.

    loopback_trader.py PORT lane|libraries

`lane` answers each tick through the fused lane; `libraries` with the best Python parts, behind the same socket.
"""

import asyncio
import sys
import time

import uvloop
from feeds import HIGH, Deribit
from test_lane import NANOS, RESTING_NONCE, SIZE, BestLibraries, open_lane, settle

from atomizer._core.lane import TickReader
from atomizer.app.performance import hold_collector, spin
from atomizer.net.websocket import connect

FIRST_NONCE = 1_761_000_000_000_000_000
PER_SECOND = 4_096
DAY_S = 86_400


class LaneTrader:
    """Answers within the callback; all that can wait is done after the answer has left."""

    def __init__(self):
        self.lane, self.slot, self.signer, self.journal = open_lane(
            Deribit.channel, PER_SECOND, last_s=int(time.time()) + DAY_S
        )
        self.outbox = self.lane.outbox
        self.slot.settle(False, (HIGH + 5) * NANOS + NANOS // 2, SIZE, nonce=RESTING_NONCE)
        self.make_ready()

    def use(self, socket):
        socket.lend(self.outbox.socket)
        socket.read_first(TickReader(self.lane, time.time_ns, self.on_rows, self.on_sent))

    def make_ready(self):
        self.journal.make_room()
        self.signer.prepare(2)
        self.lane.make_ahead(time.time_ns(), 16)
        self.slot.set_mark(103 * NANOS, time.time_ns())

    def on_text(self, text):
        raise RuntimeError(f"not read: {bytes(text)!r}")

    def on_rows(self, rows, _now_ns):
        raise RuntimeError(f"a tick gave {rows} rows, refused so far: {self.lane.gate.refusals}")

    def on_sent(self, _rows, now_ns, _written_ns, _sent_ns):
        settle(self.lane, self.slot)
        self.make_ready()
        if self.lane.on_book_changed(self.slot, now_ns):
            raise RuntimeError("a settled slot wants something")


class LibrariesTrader:
    """The same with the best Python parts."""

    def __init__(self):
        self.party = BestLibraries()
        self.number = 0

    def use(self, socket):
        self.send = socket.send_text

    def on_text(self, text):
        self.number += 1
        self.send(self.party.order(bytes(text), FIRST_NONCE + self.number))


async def trade(port, trader):
    loop = asyncio.get_running_loop()
    spin(loop, lambda line: print(line, file=sys.stderr))
    hold_collector(loop)
    socket = await connect("venue", f"ws://127.0.0.1:{port}/", trader.on_text, lambda _reason: None)
    trader.use(socket)
    await socket.wait_closed()


if __name__ == "__main__":
    uvloop.run(trade(int(sys.argv[1]), {"lane": LaneTrader, "libraries": LibrariesTrader}[sys.argv[2]]()))
