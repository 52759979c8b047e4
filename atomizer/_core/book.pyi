"""One instrument's L2 book: sorted arrays of (price, size) in int64 nanos, best first."""

from collections.abc import Sequence
from typing import Final

NO_PRICE: Final[int]
CAPACITY: Final[int]  # levels a side

class Book:
    """A book starts dark (no price may be taken from it) and is dark again after a gap, a crossing or `darken()`.

    All prices and sizes are nanos; no size is ever 0 or negative. Methods that answer a price answer NO_PRICE when the book is
    dark, the side is empty or too thin.
    """

    sequence: int
    venue_time_ns: int
    received_ns: int
    dark: bool
    bid_count: int
    ask_count: int

    def __init__(self) -> None: ...
    def apply_snapshot(
        self,
        bids: Sequence[tuple[int, int]],
        asks: Sequence[tuple[int, int]],
        sequence: int,
        venue_time_ns: int,
        received_ns: int,
    ) -> bool:
        """Replace everything. False, and the book goes dark, when levels are out of order, crossed, not positive or too many."""

    def apply_change(self, is_bid: bool, price_nanos: int, size_nanos: int) -> bool:
        """Set one level's absolute size; 0 deletes it. False, and dark, on a price or size that cannot be."""

    def finish_change(self, sequence: int, venue_time_ns: int, received_ns: int) -> bool:
        """Close a group of changes: False, and dark, when it left the book crossed."""

    def darken(self) -> None: ...
    def set_own(self, is_bid: bool, price_nanos: int, size_nanos: int) -> None:
        """Our own resting size at a price, taken out of every answer below; 0 forgets it."""

    def best_bid(self) -> int: ...
    def best_ask(self) -> int: ...
    def vwap(self, is_bid: bool, size_nanos: int) -> int:
        """Average price of taking `size_nanos` from that side, rounded against the taker; NO_PRICE when it holds less."""

    def worst(self, is_bid: bool, size_nanos: int) -> int:
        """Price of the last level that taking `size_nanos` from that side would touch."""

    def depth(self, is_bid: bool) -> int:
        """Total size of that side."""

    def levels(self, is_bid: bool) -> list[tuple[int, int]]: ...
