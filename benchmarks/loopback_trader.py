"""Our end of the loopback benchmark: a picows listener on uvloop whose sockets are polled without ever sleeping.

    loopback_trader.py PORT lane|libraries

`lane` answers each tick through the fused lane; `libraries` with the best Python parts, behind the same socket.
"""

import asyncio
import gc
import sys
import time

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect
from test_lane import EXPIRY_S, NANOS, RESTING_NONCE, SIZE, BestLibraries, Deribit, open_lane

FIRST_NONCE = 1_761_000_000_000_000_000
PER_SECOND = 4_096


class LaneTrader(WSListener):
    """Answers within the callback; all that can wait is done after the answer has left."""

    def __init__(self):
        self.lane, self.slot, self.signer = open_lane(Deribit.channel, PER_SECOND)
        self.number = 0
        self.make_ready()

    def make_ready(self):
        self.signer.prepare(2)
        self.slot.set_mark(103 * NANOS, time.time_ns())

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame):
        now_ns = time.time_ns()
        rows = self.lane.on_frame(frame.get_payload_as_memoryview(), now_ns)
        if rows <= 0:
            raise RuntimeError(f"a tick gave {rows} rows, refused so far: {self.lane.gate.refusals}")
        self.number += 1
        message = self.lane.build_order(rows - 1, FIRST_NONCE + self.number, EXPIRY_S, 1, self.number)
        transport.send(WSMsgType.TEXT, message)
        for row in self.lane.rows[:rows]:
            self.slot.settle(bool(row["is_bid"]), int(row["price_nanos"]), SIZE, RESTING_NONCE)
        self.make_ready()
        if self.lane.on_book_changed(self.slot, now_ns):
            raise RuntimeError("a settled slot wants something")


class LibrariesTrader(WSListener):
    """The same with the best Python parts."""

    def __init__(self):
        self.party = BestLibraries()
        self.number = 0

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame):
        self.number += 1
        transport.send(WSMsgType.TEXT, self.party.order(frame.get_payload_as_bytes(), FIRST_NONCE + self.number))


async def trade(port, listener):
    loop = asyncio.get_running_loop()
    transport, _ = await ws_connect(lambda: listener, f"ws://127.0.0.1:{port}/")

    def poll():
        """A callback that is always due keeps the loop from waiting in the kernel."""
        loop.call_soon(poll)

    poll()
    await transport.wait_disconnected()


if __name__ == "__main__":
    listener = {"lane": LaneTrader, "libraries": LibrariesTrader}[sys.argv[2]]()
    gc.collect()
    gc.freeze()
    gc.disable()
    uvloop.run(trade(int(sys.argv[1]), listener))
