"""The risk gate's checks that need no Python object: one order against one instrument's limits and what is known.

The same rules in the same order as `atomizer.risk.gate`, which explains in words. Prices and amounts in nanos.
"""

from typing import Final, Self, final

REASONS: Final[tuple[str, ...]]  # by code; names of the members of atomizer.domain.reasons.Reason, OK first

@final
class InstrumentLimits:
    """One instrument's limits, checked once, never changed. A limit binds at its value."""

    def __new__(
        cls,
        *,
        tick_nanos: int,
        lot_nanos: int,
        min_amount_nanos: int,
        max_amount_nanos: int,
        max_order_size_nanos: int,
        max_position_nanos: int,
        mark_band_share_nanos: int,
        max_book_age_ns: int,
        max_mark_age_ns: int,
        fair_band_share_nanos: int | None = None,
    ) -> Self:
        """Shares are nanos of a whole; without `fair_band_share_nanos` no fair value is asked for.

        Raises:
            ValueError: a limit is not above 0 or does not fit 64 bits; names it.
        """

@final
class Gate:
    """What all instruments share: whether anything may leave, the order rate, and what was refused. One thread."""

    is_shut: bool

    def __new__(cls, max_orders_per_second: int) -> Self:
        """At most so many (1..4096) orders are allowed within any second."""

    def shut(self) -> None:
        """Let nothing through from now on. There is no way to open it but a new run."""

    @property
    def refusals(self) -> dict[str, int]:
        """New orders refused so far, by reason."""

    def check(
        self,
        limits: InstrumentLimits,
        *,
        is_bid: bool,
        price_nanos: int,
        size_nanos: int,
        now_ns: int,
        rests: bool = False,
        book_dark: bool = False,
        book_received_ns: int = 0,
        mark_nanos: int = ...,
        mark_ns: int = 0,
        fair_nanos: int = ...,
        fair_ns: int = 0,
        position_nanos: int = 0,
        open_bids_nanos: int = 0,
        open_asks_nanos: int = 0,
        own_bid_nanos: int = ...,
        own_ask_nanos: int = ...,
    ) -> str:
        """One of REASONS: "OK" for an order that may leave (then it counts), or, when it `rests`, that may stay.

        Unknown prices are NO_PRICE. `position_nanos` is signed; `open_bids_nanos` is what our other live bids may still
        buy, ones in flight included; `own_ask_nanos` is our lowest live ask, which a bid must stay below.

        Raises:
            ValueError: a time is below 0.
        """
