"""`atomizer` with numbered places to die at: `victim.py PLACE OCCURRENCE COMMAND…` kills itself there with SIGKILL.

Or at the place that the file ORDERS names when SIGUSR2 comes, so that one process can recover first and die then.

The places stand round what a trader does between a decision and the knowledge of its outcome: each record's way into
the journal, each message's into the socket, each word of a venue's into our books; and round what changes under it
meanwhile, the journal's file and the limits. They are laid from outside, at the
seams of the classes that do it, so the trader has nothing in it for its tests.
"""

import os
import signal
import sys
from pathlib import Path

from atomizer.app import ledger
from atomizer.app.market_making import MarketMaking
from atomizer.app.trader import Trader
from atomizer.cli import main
from atomizer.journal import writer
from atomizer.journal.writer import JournalWriter
from atomizer.net.connection import Connection
from atomizer.net.websocket import WebSocket
from atomizer.venues.derive.pen import Pen

WRITTEN = {
    "rfq-responder": ("QuoteSent", "OrderPlaced", "OrderUpdate", "Fill", "HedgeOpened", "HedgeClosed"),
    "market-maker": ("CancelSent", "OrderUpdate", "Fill"),
}
SENT = {
    "rfq-responder": {"quote": b'"method":"quote"', "order": b'"private/order"'},
    "market-maker": {"cancel": b'"private/cancel', "orders": b""},  # orders leave as frames, which are masked
}
QUESTION = {"question": b'"private/get_open_orders"'}
NOTICES = {"order notice": b".orders", "trades notice": b".trades", "order answer": b'"order_status"'}
HEARD = {"rfq-responder": {"trade notice": b'"id":"trade"', **NOTICES}, "market-maker": NOTICES}
NEW = ("file", "limits")  # of the journal, as it grows; of the configuration, as it is written anew
ORDERS, NOWHERE = "victim.orders", "nowhere"
AT_THE_START = (
    "before start",
    "after start",
    *(f"{when} sending question" for when in ("before", "after")),
    *(f"{when} writing PositionsCompared" for when in ("before", "after")),
)
PLACES = {
    command: [
        *AT_THE_START,
        *(f"{when} writing {kind}" for kind in WRITTEN[command] for when in ("before", "after")),
        *(f"{when} sending {what}" for what in SENT[command] for when in ("before", "after")),
        *(f"{when} hearing {what}" for what in HEARD[command] for when in ("before", "after")),
        *(f"{when} new {what}" for what in NEW for when in ("before", "after")),
    ]
    for command in WRITTEN
}


class Walk:
    """Counts how often each place is passed, and dies at the one that was asked for."""

    def __init__(self, place, occurrence):
        self.place, self.left = place, occurrence
        signal.signal(signal.SIGUSR2, self.on_orders)

    def on_orders(self, _number, _frame):
        occurrence, _, self.place = Path(ORDERS).read_text().partition(" ")
        self.left = int(occurrence)

    def at(self, place):
        if place == self.place:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class Passed:
    """A stream below a WebSocket, which is asked before the compiled lane's orders leave by its socket."""

    def __init__(self, stream, walk):
        self.stream, self.walk = stream, walk
        self.is_closing, self.write = stream.is_closing, stream.write

    def get_write_buffer_size(self):
        self.walk.at("before sending orders")  # the lane has them in the journal by now
        return self.stream.get_write_buffer_size()


def lay(walk, command):
    """Put the places round the classes that write, send and hear."""
    sent, heard = SENT[command] | QUESTION, HEARD[command]
    append, send_text, init = JournalWriter.append, Connection.send_text, Connection.__init__

    def append_at(self, record):
        kind = type(record).__name__
        walk.at(f"before writing {kind}")
        sequence = append(self, record)
        walk.at(f"after writing {kind}")
        return sequence

    def send_at(self, text):
        kind = kind_of(sent, text)
        walk.at(f"before sending {kind}")
        send_text(self, text)
        walk.at(f"after sending {kind}")

    def init_at(self, *arguments, on_text, **more):
        def hear(text):
            kind = kind_of(heard, text)
            walk.at(f"before hearing {kind}")
            on_text(text)
            walk.at(f"after hearing {kind}")

        init(self, *arguments, on_text=hear, **more)

    def begun(start):
        async def start_at(self, *arguments):
            walk.at("before start")
            await start(self, *arguments)
            walk.at("after start")

        return start_at

    def passing(call, what):
        def pass_by(*arguments):
            walk.at(f"before new {what}")
            found = call(*arguments)
            walk.at(f"after new {what}")
            return found

        return pass_by

    writer.begin_segment = passing(writer.begin_segment, "file")
    Trader.use, MarketMaking.use = passing(Trader.use, "limits"), passing(MarketMaking.use, "limits")
    lay_orders(walk)
    JournalWriter.append, Connection.send_text, Connection.__init__ = append_at, send_at, init_at
    Trader.start, MarketMaking.start = begun(Trader.start), begun(MarketMaking.start)


def lay_orders(walk):
    """Round the way of the compiled lane's orders: what is asked last before they leave, and told first afterwards."""
    sent = Pen.sent

    def lend_at(self, socket_writer):
        stream = self._transport.underlying_transport
        socket_writer.open(self._transport, Passed(stream, walk), stream.get_extra_info("socket").fileno())

    def sent_at(self, *order):
        walk.at("after sending orders")
        sent(self, *order)

    WebSocket.lend, Pen.sent = lend_at, sent_at


def kind_of(kinds, text):
    data = bytes(text)
    return next((kind for kind, mark in kinds.items() if mark and mark in data), "")


def hurry():
    """What takes weeks of trading comes with every few starts: a new file of the journal, and a fold that is kept."""
    writer.SEGMENT_BYTES = 24 << 10
    ledger.KEEP_AFTER = 200


if __name__ == "__main__":
    hurry()
    place, occurrence, *command = sys.argv[1:]
    lay(Walk(place, int(occurrence)), command[0])
    sys.argv = ["atomizer", *command]
    main()
