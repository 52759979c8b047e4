"""Contracts and instruments, and the one name that atomizer uses for each.

A `Contract` is what is traded, the same on every venue. An `Instrument` is a contract as one venue lists it: with its
tick, lot and fees. The name is Derive's: ``ETH-20250530-3000-C``, ``ETH-PERP``, fractional strikes with ``_`` for the
point (``XRP-20261225-0_5-P``).
"""

import re
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache

import msgspec

NANOS = 1_000_000_000
EXPIRY_HOUR_UTC = 8  # Derive "Settlement"; Deribit the same

_OPTION_NAME = re.compile(r"([A-Z0-9]+)-(\d{8})-(\d+(?:_\d+)?)-([CP])")
_PERPETUAL_NAME = re.compile(r"([A-Z0-9]+)-PERP")


class OptionType(StrEnum):
    CALL = "C"
    PUT = "P"


class Contract(msgspec.Struct, frozen=True, order=True):
    """An option when `option_type` is set, else a perpetual."""

    underlying: str
    expiry_s: int = 0  # unix seconds; 0 for a perpetual
    strike_nanos: int = 0
    option_type: OptionType | None = None

    @property
    def is_option(self) -> bool:
        return self.option_type is not None

    @property
    def name(self) -> str:
        return _name(self)


# Names and contracts are asked for on every quote, and there are only as many as venues list.
@lru_cache(maxsize=65_536)
def _name(contract: Contract) -> str:
    if contract.option_type is None:
        return f"{contract.underlying}-PERP"
    day = datetime.fromtimestamp(contract.expiry_s, UTC).strftime("%Y%m%d")
    whole, fraction = divmod(contract.strike_nanos, NANOS)
    strike = f"{whole}_{fraction:09d}".rstrip("0") if fraction else str(whole)
    return f"{contract.underlying}-{day}-{strike}-{contract.option_type.value}"


@lru_cache(maxsize=65_536)
def parse_name(name: str) -> Contract:
    """Derive-style name → contract; expiry at 08:00 UTC of its day.

    Raises:
        ValueError: not such a name, an impossible day, or a strike that nanos cannot carry.
    """
    if match := _PERPETUAL_NAME.fullmatch(name):
        return Contract(match[1])
    match = _OPTION_NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"not an instrument name: {name!r}, expected ETH-20250530-3000-C or ETH-PERP")
    underlying, day, strike, kind = match.groups()
    expiry = datetime.strptime(day, "%Y%m%d").replace(hour=EXPIRY_HOUR_UTC, tzinfo=UTC)
    whole, _, fraction = strike.partition("_")
    if len(fraction) > 9:  # noqa: PLR2004  nanos carry nine decimals
        raise ValueError(f"strike of {name!r} has more than nine decimals")
    strike_nanos = int(whole) * NANOS + int(fraction.ljust(9, "0"))
    return Contract(underlying, int(expiry.timestamp()), strike_nanos, OptionType(kind))


class Instrument(msgspec.Struct, frozen=True):
    """A contract as one venue lists it. All `_nanos` are 10⁻⁹ of a USD or of a unit of the underlying."""

    venue: str
    contract: Contract
    tick_nanos: int
    lot_nanos: int
    min_amount_nanos: int
    max_amount_nanos: int
    maker_fee_nanos: int  # fraction of the spot notional
    taker_fee_nanos: int
    base_fee_nanos: int  # USD per taker order
    fee_cap_nanos: int  # share of the premium that the fee may not exceed; 0 = uncapped
    is_active: bool = True

    @property
    def name(self) -> str:
        return self.contract.name
