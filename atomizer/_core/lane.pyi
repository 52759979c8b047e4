"""The fused path: a frame goes in as bytes, rows come out. One crossing, no Python object per tick."""

from typing import Any, Final, Self, final

import numpy as np
from numpy.typing import NDArray

from atomizer._core.gate import Gate, InstrumentLimits
from atomizer._core.quote import QuoteParams
from atomizer._core.slot import Slot

# Fields: slot, action, is_bid, reason (an index of gate.REASONS), unused, price_nanos, size_nanos.
ROW: Final[np.dtype[np.void]]

# Actions of a row.
PLACE: Final[int]
REPLACE: Final[int]  # what rests, by an order at another price or of another size
CANCEL: Final[int]  # whatever lives of ours on that side, in flight or resting; the row says what rested
RESUBSCRIBE: Final[int]  # the book went dark and wants a new snapshot

@final
class Lane:
    """Holds the slots of a thread. A call that answers a count has written so many rows; the next call overwrites them.

    A row is a wish that must be sent; its outcome is told to the slot with `Slot.settle`.
    """

    gate: Gate
    rows: NDArray[Any]

    def __new__(cls, gate: Gate) -> Self: ...
    def add(
        self,
        channel: bytes,
        *,
        params: QuoteParams,
        limits: InstrumentLimits,
        keep_price_nanos: int,
        keep_size_nanos: int,
    ) -> Slot:
        """A slot for the book that comes on this channel.

        An order within `keep_price_nanos` of where we want it keeps its place in the queue, unless less than
        `keep_size_nanos` is left of it.

        Raises:
            ValueError: the name is empty, beyond 64 bytes or taken, a threshold is below 0, or 2048 slots are held.
        """

    def slot(self, channel: bytes) -> Slot | None:
        """The slot of a channel."""

    def on_book_changed(self, slot: Slot, now_ns: int) -> int:
        """Decide one slot, whose book or settings changed; how many rows.

        Raises:
            ValueError: `now_ns` is no time.
        """

    def look(self, now_ns: int) -> int:
        """Decide every slot, as must be done now and then: a book that nothing came for grows stale unseen."""
