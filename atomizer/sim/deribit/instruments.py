"""The instruments of practice Deribit: names, increments, fees and price limits, over the one practice market.

Every option of the market is listed in its coin (ETH-27JUN25-2600-C), Ether's in USDC too (ETH_USDC-27JUN25-2600-C).
Each underlying has a perpetual and a future of the last expiry, whose amounts are USD, and a perpetual in USDC.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from atomizer.sim.deribit.units import NANOS, NS_PER_S, to_nanos
from atomizer.sim.market import Listing

PERPETUAL_EXPIRY_MS = 32_503_708_800_000  # the venue's word for "never"
OPTION_FEE_CAP_NANOS = 125_000_000  # an option's fee is at most 12.5 % of its price
LINEAR_OPTIONS = ("ETH",)
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_FIRST_ID = 100_001
_DAYS_OF_A_WEEK = 7

# Half widths of the price limits round the mark; the shape is the venue's, the figures resemble its recorded tickers.
_OPTION_LIMIT_OF_MARK_NANOS, _OPTION_LIMIT_OF_FORWARD_NANOS = 200_000_000, 30_000_000
_FUTURE_LIMIT_OF_MARK_NANOS = 15_000_000


@dataclass(frozen=True, slots=True)
class Rules:
    """Increments, in nanos: `steps` are (above this price, this tick); amounts are multiples of `lot`, at least it.

    `contract` is what one contract is in amounts. Fees are nanos of the notional.
    """

    tick: int
    steps: tuple[tuple[int, int], ...]
    lot: int
    contract: int
    maker_fee: int
    taker_fee: int
    block_minimum: int


_COIN_TICKS = (100_000, ((5_000_000, 500_000),))  # 0.0001, from 0.005 on 0.0005
_OPTION_FEE = 300_000
# Protocol sheet §7; the increments of linear options and the least block amounts of futures were chosen. Blocks of
# options may be a tenth of what the venue wants, since practice books hold no more than that.
_RULES: Mapping[tuple[str, str], Rules] = {
    ("ETH", "option"): Rules(*_COIN_TICKS, NANOS, NANOS, _OPTION_FEE, _OPTION_FEE, 25 * NANOS),
    ("BTC", "option"): Rules(*_COIN_TICKS, NANOS // 10, NANOS, _OPTION_FEE, _OPTION_FEE, 5 * NANOS // 2),
    ("ETH_USDC", "option"): Rules(
        NANOS // 10, ((20 * NANOS, NANOS // 2),), NANOS // 10, NANOS, _OPTION_FEE, _OPTION_FEE, 25 * NANOS
    ),
    ("ETH", "future"): Rules(NANOS // 20, (), NANOS, NANOS, 150_000, 350_000, 100_000 * NANOS),
    ("BTC", "future"): Rules(NANOS // 2, (), 10 * NANOS, 10 * NANOS, 150_000, 350_000, 200_000 * NANOS),
    ("ETH_USDC", "future"): Rules(NANOS // 20, (), NANOS // 1000, NANOS // 1000, 150_000, 350_000, 100 * NANOS),
    ("BTC_USDC", "future"): Rules(NANOS // 2, (), NANOS // 10_000, NANOS // 10_000, 150_000, 350_000, 5 * NANOS),
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Nobody may bid above `high` or offer below `low`. Nanos."""

    low: int
    high: int


@dataclass(slots=True, eq=False)
class Instrument:
    """One instrument. `listing` is the market's instrument that it is priced from; `expiry_s` 0 is a perpetual.

    Prices are coins for an inverse option, else USD or USDC; amounts are USD for an inverse future, else coins.
    """

    name: str
    listing: Listing
    is_option: bool
    is_linear: bool
    expiry_s: int
    created_s: int
    instrument_id: int
    rules: Rules = field(init=False)
    base: str = field(init=False)
    currency: str = field(init=False)
    index_name: str = field(init=False)
    strike: int = field(init=False)
    delivery_price: int | None = None
    funding_rate_e18: int = 0  # of a perpetual: of eight hours, of the position's value
    aggregate_funding_e18: int = 0  # what a unit of amount has cost its holder so far, in the currency

    def __post_init__(self) -> None:
        self.base = self.listing.underlying
        self.currency = "USDC" if self.is_linear else self.base
        self.index_name = f"{self.base.lower()}_{'usdc' if self.is_linear else 'usd'}"
        pair = f"{self.base}_USDC" if self.is_linear else self.base
        self.rules = _RULES[pair, self.kind]
        self.strike = to_nanos(self.listing.strike) if self.is_option else 0

    @property
    def kind(self) -> str:
        return "option" if self.is_option else "future"

    @property
    def is_call(self) -> bool:
        return self.listing.option_type == "C"

    @property
    def is_in_usd(self) -> bool:
        """An inverse future: its amounts are USD, its profits coins."""
        return not self.is_option and not self.is_linear

    @property
    def expiry_ms(self) -> int:
        return self.expiry_s * 1000 if self.expiry_s else PERPETUAL_EXPIRY_MS

    @property
    def settlement_period(self) -> str:
        if not self.expiry_s:
            return "perpetual"
        days = (self.expiry_s - self.created_s) / 86_400
        return "week" if days <= _DAYS_OF_A_WEEK else "month"

    @property
    def is_closed(self) -> bool:
        return self.delivery_price is not None

    def is_expired(self, now_ns: int) -> bool:
        return bool(self.expiry_s) and now_ns >= self.expiry_s * NS_PER_S

    def tick_at(self, price: int) -> int:
        """The step with the largest `above_price` below the price."""
        tick = self.rules.tick
        for above, step in self.rules.steps:
            if price > above:
                tick = step
        return tick

    def rounded(self, price: int, *, up: bool) -> int:
        tick = self.tick_at(price)
        return -(-price // tick) * tick if up else price // tick * tick

    def next_below(self, price: int) -> int:
        return self.rounded(price - 1, up=False)

    def next_above(self, price: int) -> int:
        return self.rounded(price + 1, up=True)

    def limits(self, mark: int, forward: int) -> Limits:
        if self.is_option:
            unit = forward if self.is_linear else NANOS
            width = max(mark * _OPTION_LIMIT_OF_MARK_NANOS, unit * _OPTION_LIMIT_OF_FORWARD_NANOS) // NANOS
        else:
            width = mark * _FUTURE_LIMIT_OF_MARK_NANOS // NANOS
        low = max(self.rounded(max(mark - width, 0), up=True), self.rules.tick)
        return Limits(low, max(self.rounded(mark + width, up=False), low))

    def fee_e18(self, *, is_maker: bool, price: int, amount: int, index: int) -> int:
        """Of the settlement currency: options by the coin (or its index value), capped; futures by the value traded."""
        rate = self.rules.maker_fee if is_maker else self.rules.taker_fee
        if not self.is_option:
            return rate * self.value_e18(price, amount) // NANOS
        unit = index if self.is_linear else NANOS
        return min(rate * unit * amount // NANOS, OPTION_FEE_CAP_NANOS * price * amount // NANOS)

    def value_e18(self, price: int, amount: int) -> int:
        """What `amount` is worth at `price`, in the settlement currency; truncated for an inverse future."""
        if self.is_in_usd:
            return amount * NANOS * NANOS // price
        return price * amount

    def intrinsic(self, index: int) -> int:
        """What one unit of an option pays at expiry, in its own price."""
        value = max(index - self.strike if self.is_call else self.strike - index, 0)
        return value if self.is_linear else value * NANOS // index


def expiry_text(expiry_s: int) -> str:
    """Like 3APR26: no leading zero, months in English whatever the locale."""
    day = datetime.fromtimestamp(expiry_s, UTC)
    return f"{day.day}{_MONTHS[day.month - 1]}{day:%y}"


def list_instruments(listings: Mapping[str, Listing], now_s: int) -> dict[str, Instrument]:
    """By name, in a fixed order: options first, then futures."""
    found: dict[str, Instrument] = {}
    for number, (name, listing, is_option, is_linear, expiry_s) in enumerate(_rows(listings)):
        found[name] = Instrument(name, listing, is_option, is_linear, expiry_s, now_s, _FIRST_ID + number)
    return found


def _rows(listings: Mapping[str, Listing]) -> Iterator[tuple[str, Listing, bool, bool, int]]:
    options = [listing for listing in listings.values() if listing.kind == "option"]
    for item in options:
        tail = f"{expiry_text(item.expiry_s)}-{item.strike}-{item.option_type}"
        yield f"{item.underlying}-{tail}", item, True, False, item.expiry_s
        if item.underlying in LINEAR_OPTIONS:
            yield f"{item.underlying}_USDC-{tail}", item, True, True, item.expiry_s
    for item in listings.values():
        if item.kind == "perp":
            last_s = max(each.expiry_s for each in options if each.underlying == item.underlying)
            yield f"{item.underlying}-PERPETUAL", item, False, False, 0
            yield f"{item.underlying}-{expiry_text(last_s)}", item, False, False, last_s
            yield f"{item.underlying}_USDC-PERPETUAL", item, False, True, 0
