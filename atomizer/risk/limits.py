"""The limits of the gate. A limit binds at its value: a position of exactly `max_position` is allowed."""

import msgspec

from atomizer.errors import ConfigError


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Amounts in nanos of the underlying, money in 10⁻¹⁸ USD; all of them must be above 0.

    Raises:
        ConfigError: a limit is not above 0; names it.
    """

    # of one order or quote
    max_order_size_nanos: int
    max_order_notional_e18: int  # price x amount
    price_band_nanos: int  # share of the mark (NANOS is 100 %) that a price may be worse than it
    fair_band_nanos: int  # the same, of our own fair value
    max_fee_nanos: int  # share of the index price that a signature may let the venue charge per unit
    max_signature_life_ns: int
    # of everything held and in flight
    max_position_nanos: int  # per instrument, either way
    max_exposure_nanos: int  # per underlying: the sum over its options, each either way
    max_delta_nanos: int  # per underlying, either way, as the two below
    max_gamma_nanos: int
    max_vega_nanos: int
    max_premium_e18: int  # USD that all quotes which may still be taken would make us pay
    max_open_orders: int
    max_open_notional_e18: int
    # of the pace, of what we know, and of what it cost so far
    max_orders_per_second: int
    max_book_age_ns: int
    max_mark_age_ns: int
    max_daily_loss_e18: int  # since 00:00 UTC
    max_drawdown_e18: int  # from the best that the P&L ever was

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if getattr(self, name) <= 0:
                raise ConfigError(f"risk limit {name} is {getattr(self, name)}: it must be above 0")
