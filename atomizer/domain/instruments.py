"""Contracts and instruments, and the one name that atomizer uses for each.

A `Contract` is what is traded, the same on every venue. An `Instrument` is a contract as one venue lists it: with its
tick, lot and fees, and what it is paid in. The name is Derive's on every venue: ``ETH-20250530-3000-C``, ``ETH-PERP``,
``ETH-20250627`` for a dated future, fractional strikes with ``_`` for the point (``XRP-20261225-0_5-P``), underlyings
quoted in a coin of their own with both (``SOL_USDC-20261002-72_5-P``).
"""

import re
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache

import msgspec

NANOS = 1_000_000_000
EXPIRY_HOUR_UTC = 8  # Derive "Settlement"; Deribit the same

USD = "USD"  # also of what venues settle in USDC: both take it at par

_PAIR = r"([A-Z0-9]+(?:_[A-Z0-9]+)?)"
_OPTION_NAME = re.compile(_PAIR + r"-(\d{8})-(\d+(?:_\d+)?)-([CP])", re.ASCII)
_FUTURE_NAME = re.compile(_PAIR + r"-(\d{8})", re.ASCII)
_PERPETUAL_NAME = re.compile(_PAIR + r"-PERP", re.ASCII)


class OptionType(StrEnum):
    CALL = "C"
    PUT = "P"


class Contract(msgspec.Struct, frozen=True, order=True):
    """An option when `option_type` is set, else a future: a perpetual, or a dated one when it expires."""

    underlying: str  # "ETH", or with what it is quoted in: "SOL_USDC"
    expiry_s: int = 0  # unix seconds; 0 for a perpetual
    strike_nanos: int = 0
    option_type: OptionType | None = None

    @property
    def base(self) -> str:
        """The coin that it is on: exposure is netted over everything with the same one."""
        return self.underlying.partition("_")[0]

    @property
    def is_option(self) -> bool:
        return self.option_type is not None

    @property
    def is_perpetual(self) -> bool:
        return self.expiry_s == 0

    @property
    def name(self) -> str:
        return _name(self)


# Names and contracts are asked for on every quote, and there are only as many as venues list.
@lru_cache(maxsize=65_536)
def _name(contract: Contract) -> str:
    if contract.is_perpetual:
        return f"{contract.underlying}-PERP"
    day = datetime.fromtimestamp(contract.expiry_s, UTC).strftime("%Y%m%d")
    if contract.option_type is None:
        return f"{contract.underlying}-{day}"
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
    if match := _FUTURE_NAME.fullmatch(name):
        return Contract(match[1], _expiry_s(match[2]))
    match = _OPTION_NAME.fullmatch(name)
    if match is None:
        raise ValueError(
            f"not an instrument name: {name!r}, expected one like ETH-20250530-3000-C, ETH-20250627 or ETH-PERP"
        )
    underlying, day, strike, kind = match.groups()
    whole, _, fraction = strike.partition("_")
    if len(fraction) > 9:  # noqa: PLR2004  nanos carry nine decimals
        raise ValueError(f"strike of {name!r} has more than nine decimals")
    strike_nanos = int(whole) * NANOS + int(fraction.ljust(9, "0"))
    return Contract(underlying, _expiry_s(day), strike_nanos, OptionType(kind))


def is_option_name(name: str) -> bool:
    """Told by its dashes, so that it costs nothing and takes any text: ETH-20250530-3000-C, but ETH-PERP."""
    return name.count("-") > 1


def _expiry_s(day: str) -> int:
    expiry = datetime.strptime(day, "%Y%m%d").replace(hour=EXPIRY_HOUR_UTC, tzinfo=UTC)
    return int(expiry.timestamp())


class TickStep(msgspec.Struct, frozen=True):
    """Prices above `above_nanos` move in ticks of `tick_nanos`."""

    above_nanos: int
    tick_nanos: int


class Instrument(msgspec.Struct, frozen=True):
    """A contract as one venue lists it. All `_nanos` are 10⁻⁹ of what is said here.

    Three kinds are listed; `currency` tells them apart:

    | kind                          | `currency` | price             | amount         | premium or profit             |
    |-------------------------------|------------|-------------------|----------------|-------------------------------|
    | linear (Derive, `*_USDC`)     | USD        | USD for a coin    | coins          | USD: price x amount           |
    | inverse option (Deribit)      | the coin   | coins for a coin  | coins          | coins: price x amount         |
    | inverse future (Deribit)      | the coin   | USD for a coin    | USD            | coins: amount x (1/in - 1/out)|

    Fees are in `currency` too. A coin amount becomes USD by the venue's index price of the coin.
    """

    venue: str
    contract: Contract
    tick_nanos: int  # of the lowest prices, if there are `tick_steps`
    lot_nanos: int
    min_amount_nanos: int
    max_amount_nanos: int
    maker_fee_nanos: int  # fraction of the spot notional
    taker_fee_nanos: int
    base_fee_nanos: int  # USD per taker order
    fee_cap_nanos: int  # share of the premium that the fee may not exceed; 0 = uncapped
    is_active: bool = True
    currency: str = USD  # what premium, profit and fees are paid in
    tick_steps: tuple[TickStep, ...] = ()  # from the lowest price on

    @property
    def name(self) -> str:
        return self.contract.name

    @property
    def is_inverse(self) -> bool:
        """Whether it is paid in its own coin."""
        return self.currency != USD

    @property
    def is_amount_usd(self) -> bool:
        """Whether amounts count USD instead of coins: see the table."""
        return self.is_inverse and not self.contract.is_option

    @property
    def any_tick_nanos(self) -> int:
        """The tick of the highest prices, which lower ones are on, too: venues list steps that are multiples."""
        return self.tick_steps[-1].tick_nanos if self.tick_steps else self.tick_nanos

    def tick_at(self, price_nanos: int) -> int:
        """The tick of that price; a price where two steps meet is on the finer one (and on both grids)."""
        tick_nanos = self.tick_nanos
        for step in self.tick_steps:
            if price_nanos <= step.above_nanos:
                break
            tick_nanos = step.tick_nanos
        return tick_nanos
