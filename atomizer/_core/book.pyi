"""One instrument's L2 book: sorted arrays of (price, size) in int64 nanos, best first."""

from collections.abc import Iterable
from typing import Final

from typing_extensions import disjoint_base

NO_PRICE: Final[int]
CAPACITY: Final[int]  # levels a side

@disjoint_base
class Book:
    """A book starts dark (no price may be taken from it) and is dark again after a gap, a crossing or `darken()`.

    Only a snapshot makes it bright. All prices and sizes are nanos; no size is ever 0 or negative. Methods that answer
    a price answer NO_PRICE when the book is dark, the side is empty or too thin. A bid equal to an ask is a crossing.
    """

    sequence: int
    venue_time_ns: int
    received_ns: int

    @property
    def dark(self) -> bool: ...
    @property
    def bid_count(self) -> int:
        """Levels held, ours and dark ones included."""

    @property
    def ask_count(self) -> int:
        """Levels held, ours and dark ones included."""

    def __init__(self) -> None: ...
    def apply_snapshot(
        self,
        bids: Iterable[tuple[int, int]],
        asks: Iterable[tuple[int, int]],
        sequence: int,
        venue_time_ns: int,
        received_ns: int,
    ) -> bool:
        """Replace everything but our own sizes.

        False, and the book goes dark, when levels are out of order, crossed, not positive or too many.

        Raises:
            OverflowError: a figure is not an int64 (the sequence: a uint64); the book is dark.
        """

    def apply_change(self, is_bid: bool, price_nanos: int, size_nanos: int) -> bool:
        """Set one level's absolute size; 0 deletes it, present or not.

        False on a dark book; False, and dark, on a price not above 0, a negative size or a side that is full.
        """

    def finish_change(self, sequence: int, venue_time_ns: int, received_ns: int) -> bool:
        """Close a group of changes: False, and dark, when it left the book crossed.

        Whether the sequence continues the last one is the caller's to check, before the changes.
        """

    def darken(self) -> None:
        """Take no price from this book until the next snapshot."""

    def set_own(self, is_bid: bool, price_nanos: int, size_nanos: int) -> None:
        """Our own resting size at a price, taken out of every answer below; 0 forgets it. Outlives snapshots.

        Raises:
            ValueError: negative, or we rest at 32 prices of that side already.
        """

    def best_bid(self) -> int: ...
    def best_ask(self) -> int: ...
    def vwap(self, is_bid: bool, size_nanos: int) -> int:
        """Average price of taking `size_nanos` from that side, rounded against the taker.

        NO_PRICE when it holds less.
        """

    def worst(self, is_bid: bool, size_nanos: int) -> int:
        """Price of the last level that taking `size_nanos` from that side would touch; NO_PRICE when it holds less."""

    def depth(self, is_bid: bool) -> int:
        """Total size of that side, 0 when dark."""

    def levels(self, is_bid: bool) -> list[tuple[int, int]]:
        """(price, size) of that side, best first; empty when dark."""
