"""The fused path: a frame goes in as bytes, orders leave and rows come out. One crossing, no object per tick."""

from collections.abc import Callable
from typing import Any, Final, Self, final

import numpy as np
from numpy.typing import NDArray

from atomizer._core.book import Book
from atomizer._core.gate import Gate, InstrumentLimits
from atomizer._core.outbox import Outbox
from atomizer._core.quote import QuoteParams
from atomizer._core.slot import Slot
from atomizer._core.spinner import TextReader

# Fields: slot, action, is_bid, reason (an index of gate.REASONS), unused, price_nanos, size_nanos; and of an order that
# was written: number (which its label ends in; 0: not written) and nonce.
ROW: Final[np.dtype[np.void]]

NO_SLOT: Final[int]  # below 0: a book frame, but of a channel that no slot has

# Actions of a row.
PLACE: Final[int]
REPLACE: Final[int]  # what rests, by an order at another price or of another size
CANCEL: Final[int]  # whatever lives of ours on that side, in flight or resting; the row says what rested
RESUBSCRIBE: Final[int]  # the book went dark and wants a new snapshot

@final
class Lane:
    """Holds the slots of a thread. A call that answers a count has written so many rows; the next call overwrites them.

    A row is a wish that must be sent; its outcome is told to the slot with `Slot.settle`. With an outbox, the orders of
    slots that have a writer are in the journal when the call returns, as far as that lets them, and have been handed to
    the socket. They wait in the outbox where cancels among the rows must leave first, and where no connection is open.
    """

    gate: Gate
    outbox: Outbox | None
    rows: NDArray[Any]
    row_count: int
    cancel_count: int  # of these rows

    def __new__(cls, gate: Gate, outbox: Outbox | None = None) -> Self: ...
    def add(
        self,
        channel: bytes,
        *,
        params: QuoteParams,
        limits: InstrumentLimits,
        keep_price_nanos: int,
        keep_size_nanos: int,
        book: Book | None = None,
    ) -> Slot:
        """A slot for the book that comes on this channel: a new one, or `book`, which others may fill and read as well.

        An order within `keep_price_nanos` of where we want it keeps its place in the queue, unless less than
        `keep_size_nanos` is left of it.

        Raises:
            ValueError: the name is empty, beyond 64 bytes or taken, a threshold is below 0, or 2048 slots are held.
        """

    def slot(self, channel: bytes) -> Slot | None:
        """The slot of a channel."""

    def on_frame(self, frame: bytes | bytearray | memoryview, now_ns: int) -> int:
        """Read a book frame and decide its slot; how many rows.

        Below 0 the frame was not read and no book was touched: take the slow path, and end it with `on_book_changed`.
        NO_SLOT says that the channel is unknown, any other value is the negative of a status of `_core.scan`.

        Raises:
            ValueError: `now_ns` is no time.
        """

    def on_book_changed(self, slot: Slot, now_ns: int) -> int:
        """Decide one slot, whose book or settings changed; how many rows.

        Raises:
            ValueError: `now_ns` is no time.
        """

    def look(self, now_ns: int) -> int:
        """Decide every slot, as must be done now and then: a book that nothing came for grows stale unseen.

        The slots whose orders stand worst come first: by the USD that they would lose to the prices wanted now.
        """

    def make_ahead(self, now_ns: int, most: int) -> int:
        """Make at most so many digests of orders that may be wanted next, around those written last; how many.

        When none is missing, those of one more slot are made anew if they grow old.

        For when nothing else is to do. An order at a price and of a size that was made ahead only has to be signed.

        Raises:
            ValueError: `now_ns` is no time.
        """

    def rehearse(self, now_ns: int) -> None:
        """Go the way of a frame that led to orders lately, and of one of these, and leave nothing behind.

        For when nothing else is to do: a frame after a pause then finds its way in the caches, not in memory. Nothing
        is named, signed, journalled or sent, and no slot changes.

        Raises:
            ValueError: `now_ns` is no time.
        """

    def send(self, now_ns: int) -> bool:
        """Send what waits in the outbox, and write and send those orders among the last rows that may be written now.

        False: the connection is not open, so what is in the outbox has not left.

        Raises:
            ValueError: `now_ns` is no time.
        """

@final
class TickReader(TextReader):
    """Has a lane read frames as they come, and says what they led to. One thread.

    A frame that is not read has touched no book and must go the slow way.

    Orders that have left are told once no more frames lie ready, so that a burst of ticks is answered before the first
    of its orders is booked: nothing else of the connection is heard before.
    """

    def __new__(
        cls,
        lane: Lane,
        clock_ns: Callable[[], int],
        on_rows: Callable[[int, int], None],
        on_sent: Callable[[list[tuple[int, ...]], int, int, int], None],
    ) -> Self:
        """`on_sent` is called for each decision whose orders have all left: with its rows, which have ROW's fields, its
        time, and when the orders were written and sent.

        `on_rows` is called with the count and the time of any other that led to something, after those before it.
        """
