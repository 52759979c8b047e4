"""One instrument at one venue: from its book to the rows that bring our orders where we want them.

A slot is made by `Lane.add`. What it decides comes out as rows of its lane.
"""

from typing import Self, final

from atomizer._core.book import Book
from atomizer._core.frame import OrderWriter
from atomizer._core.gate import InstrumentLimits
from atomizer._core.quote import QuoteParams

@final
class Slot:
    """Its book, what we want to show, and what lives of ours. All prices and sizes in nanos; one thread.

    Every setter makes the next decision look again although the market may stand still; none makes rows itself.
    """

    book: Book
    index: int

    def __new__(
        cls,
        index: int,
        params: QuoteParams,
        limits: InstrumentLimits,
        keep_price_nanos: int,
        keep_size_nanos: int,
        book: Book | None = None,
    ) -> Self: ...
    def refusal(self, is_bid: bool) -> int:
        """Why the last decision did not put that side where it is wanted: an index of gate.REASONS, 0 for no reason."""

    def wanted(self) -> tuple[int, int]:
        """The bid and the ask that would be shown now if the gate let them, NO_PRICE for nothing. Decides nothing."""

    def set_params(self, params: QuoteParams) -> None: ...
    def set_limits(self, limits: InstrumentLimits) -> None: ...
    def set_mark(self, mark_nanos: int, now_ns: int) -> None:
        """The venue's mark and when it came; NO_PRICE when there is none any more."""

    def set_fair(self, fair_nanos: int, now_ns: int) -> None:
        """Our own fair value and what time its inputs are of; NO_PRICE when there is none any more."""

    def set_position(self, position_nanos: int, open_bids_nanos: int, open_asks_nanos: int) -> None:
        """What we hold, signed, and what live orders of ours other than this slot's may still add to either side.

        Raises:
            ValueError: an open amount is below 0.
        """

    def settle(
        self,
        is_bid: bool,
        price_nanos: int,
        size_nanos: int,
        *,
        nonce: int = 0,
        label_number: int = 0,
        filled_nanos: int = 0,
        now_ns: int = 0,
    ) -> None:
        """What is known to rest of ours on that side now that nothing is in flight there; size 0: nothing.

        With `now_ns` the book is yet to show it: until its next frame, at most a second, the side gives nothing but a
        cancel. Without, the book is as told.

        To be told once for every row, and again when a resting order fills or vanishes by itself. While an outcome is
        unknown it must not be told: the side then gives nothing but a cancel. `nonce`, the number that ends its label
        and what has filled are the resting order's, for a replacement to name.

        Raises:
            ValueError: a negative size or fill, or an order without a price.
        """

    def unsettle(self, is_bid: bool) -> None:
        """Something has happened to what rests on that side: until the next `settle` it gives nothing but a cancel."""

    def hold(self, is_bid: bool, until_ns: int) -> None:
        """Write no order of that side here before then, nor before an earlier hold ends; rows come out as ever.

        Raises:
            ValueError: not a time.
        """

    def write_with(
        self,
        writer: OrderWriter,
        instrument: int,
        *,
        life: int,
        max_fee_nanos: int,
        order_life_s: int,
        least_life_s: int,
        last_s: int,
    ) -> None:
        """Have this slot's orders written here, signed if need be.

        Its number at the writer, GTC, POST_ONLY or IOC, fee a unit.

        A signature is good for `order_life_s`, and at most until `last_s` (unix time); nothing is written that would
        not be good for `least_life_s`. To be told anew when the fee that must be allowed changes.

        Raises:
            ValueError: no such instrument or life, a negative fee, or no time to be good for.
        """
