"""The limits of the gate. A limit binds at its value: a position of exactly `max_position` is allowed."""

import msgspec

from atomizer.errors import ConfigError


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Amounts in nanos of the underlying; all of them must be above 0.

    Raises:
        ConfigError: a limit is not above 0; names it.
    """

    max_position_nanos: int  # per instrument, either way
    max_delta_nanos: int  # per underlying, either way
    max_order_size_nanos: int
    max_premium_e18: int  # USD that all quotes which may still be taken would make us pay
    price_band_nanos: int  # share of the mark (NANOS is 100 %) that a price may be worse than it
    max_orders_per_second: int
    max_mark_age_ns: int

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if getattr(self, name) <= 0:
                raise ConfigError(f"risk limit {name} is {getattr(self, name)}: it must be above 0")
