"""Our end of the loopback benchmark: a trader's own socket on uvloop, held as `--performance-mode` holds it.

    loopback_trader.py PORT lane|libraries

`lane` answers each tick through the fused lane; `libraries` with the best Python parts, behind the same socket.
"""

import asyncio
import sys
import time

import uvloop
from test_lane import HIGH, NANOS, NOW_NS, RESTING_NONCE, SIZE, BestLibraries, Deribit, open_lane, settle

from atomizer.app.performance import hold_collector, spin
from atomizer.net.websocket import WebSocket, connect

FIRST_NONCE = 1_761_000_000_000_000_000
PER_SECOND = 4_096


class LaneTrader:
    """Answers within the callback; all that can wait is done after the answer has left."""

    socket: WebSocket

    def __init__(self):
        self.lane, self.slot, self.signer, self.journal = open_lane(Deribit.channel, PER_SECOND)
        self.outbox = self.lane.outbox
        self.begun_ns = time.time_ns()
        self.slot.settle(False, (HIGH + 5) * NANOS + NANOS // 2, SIZE, nonce=RESTING_NONCE)
        self.make_ready()

    def now_ns(self):
        """A clock by which orders expire when those of the other traders do."""
        return NOW_NS + time.time_ns() - self.begun_ns

    def make_ready(self):
        self.journal.make_room()
        self.signer.prepare(2)
        self.slot.set_mark(103 * NANOS, self.now_ns())

    def on_text(self, text):
        now_ns = self.now_ns()
        rows = self.lane.on_frame(text, now_ns)
        if rows != 1 or self.outbox.count != 1:
            raise RuntimeError(f"a tick gave {rows} rows, refused so far: {self.lane.gate.refusals}")
        self.socket.send_frames(self.outbox.frames[: self.outbox.frames_size])
        self.outbox.clear()
        settle(self.lane, self.slot)
        self.make_ready()
        if self.lane.on_book_changed(self.slot, now_ns):
            raise RuntimeError("a settled slot wants something")


class LibrariesTrader:
    """The same with the best Python parts."""

    socket: WebSocket

    def __init__(self):
        self.party = BestLibraries()
        self.number = 0

    def on_text(self, text):
        self.number += 1
        self.socket.send_text(self.party.order(bytes(text), FIRST_NONCE + self.number))


async def trade(port, trader):
    loop = asyncio.get_running_loop()
    spin(loop, lambda line: print(line, file=sys.stderr))
    hold_collector(loop)
    early = []  # the venue speaks first, maybe before we hold the socket
    on_text = early.append
    url = f"ws://127.0.0.1:{port}/"
    trader.socket = await connect("venue", url, lambda text: on_text(bytes(text)), lambda _reason: None)
    on_text = trader.on_text
    for text in early:
        on_text(text)
    await trader.socket.wait_closed()


if __name__ == "__main__":
    uvloop.run(trade(int(sys.argv[1]), {"lane": LaneTrader, "libraries": LibrariesTrader}[sys.argv[2]]()))
