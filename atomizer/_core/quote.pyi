"""The bid and the ask that we want to show: exact integer arithmetic, bids rounded down to the tick and asks up.

The rules are the guide's: "Quote prices". Prices and sizes in nanos; a share is nanos of a whole (NANOS is all of it,
100_000 is one basis point).
"""

from typing import Self, final

from atomizer._core.book import Book

@final
class QuoteParams:
    """Checked once, never changed: how far from the market to stand, how wide, and how much to show."""

    def __new__(
        cls,
        *,
        aggression_nanos: int,
        improvement_nanos: int,
        reference_size_nanos: int,
        spread_share_nanos: int,
        min_spread_share_nanos: int,
        bid_size_nanos: int,
        ask_size_nanos: int,
        widen_nanos: int = ...,
        skew_nanos: int = 0,
        is_round_fair: bool = False,
    ) -> Self:
        """A size of 0 silences that side; `widen_nanos` stretches the finished spread round its own middle (NANOS, the
        default, leaves it; 3 NANOS is the most); `skew_nanos` is added to both prices. ValueError names
        what cannot be meant.

        `aggression_nanos` below NANOS is the share of the way from the reference to mid (at most 0.9); from NANOS on,
        `improvement_nanos` is added to the reference bid and taken off the reference ask. The reference is the touch,
        or the first level that holds `reference_size_nanos`; where there is none it stands at mid -/+ half of
        `spread_share_nanos`. A quote narrower than `min_spread_share_nanos` of mid is drawn that wide round mid.

        `is_round_fair` takes our own fair value for mid and the book as empty on both sides; below an aggression of
        NANOS a side that would trade with the book stays a tick behind it instead.
        """

def quote(book: Book, params: QuoteParams, mark_nanos: int, tick_nanos: int, fair_nanos: int = ...) -> tuple[int, int]:
    """Bid and ask, NO_PRICE for a side that shows nothing. `mark_nanos` is NO_PRICE when the venue gives none.

    Without a mark, a book with an empty side gives no quote; without a fair value none is round it; a dark book never
    gives one.

    Raises:
        ValueError: the tick is not above 0.
    """
