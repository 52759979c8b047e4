"""The instruments of the practice venue: increments, fees, price bands, and how a trade in each is shared out."""

from dataclasses import dataclass, field

from atomizer.sim.derive.units import NANOS, NS_PER_S, to_nanos
from atomizer.sim.market import Listing, MarketState
from atomizer.sim.matching import Rule

PREMIUM_FEE_CAP_NANOS = 125_000_000  # an option's proportional fee is at most 12.5 % of its premium
_STRIKE_SHIFT, _CALL_BIT, _STRIKE_SCALE = 32, 95, 10  # option sub_id: strike in 10⁻⁸, and we hold nanos

# Protocol sheet §5 "Matching": fraction, first-in-first-out minimum, step of the proportional shares.
_PRO_RATA = {"ETH": (800_000_000, 10 * NANOS, NANOS), "BTC": (800_000_000, NANOS, NANOS // 10)}

# Price bands: an option's half width is the larger of half its mark and 1.25 % of the index, a perpetual's is 2 % of
# its mark. The shape is the venue's, the figures were chosen to resemble its captured tickers.
_OPTION_BAND_OF_MARK_NANOS = 500_000_000
_OPTION_BAND_OF_INDEX_NANOS = 12_500_000
_PERP_BAND_OF_MARK_NANOS = 20_000_000
FAR_OFF_WIDTHS = 3  # a price this many half widths through the mark is refused outright


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """Rates are nanos of the notional at the index; base fees are nanos of a USD, once per taker order."""

    maker_rate_nanos: int = 100_000
    taker_rate_nanos: int = 300_000
    option_base_nanos: int = 500_000_000
    perp_base_nanos: int = 100_000_000


@dataclass(frozen=True, slots=True)
class Band:
    """Prices between which an aggressive order may trade, and half the width, in nanos."""

    low: int
    high: int
    half_width: int


@dataclass(slots=True, eq=False)
class Instrument:
    """One listing as the venue trades it. Prices and amounts in nanos."""

    listing: Listing
    fees: FeeSchedule
    activation_s: int
    settlement_price: int | None = None
    is_active: bool = True
    funding_rate_e18: int = 0  # of a perpetual: by the hour, of the index value
    aggregate_funding_e18: int = 0  # USD that a unit has cost its holder since it was listed
    name: str = field(init=False)
    is_option: bool = field(init=False)
    tick: int = field(init=False)
    lot: int = field(init=False)
    minimum: int = field(init=False)
    maximum: int = field(init=False)
    strike: int = field(init=False)

    def __post_init__(self) -> None:
        listing = self.listing
        self.name = listing.name
        self.is_option = listing.kind == "option"
        self.tick, self.lot = to_nanos(listing.tick), to_nanos(listing.step)
        self.minimum, self.maximum = to_nanos(listing.minimum), to_nanos(listing.maximum)
        self.strike = to_nanos(listing.strike)

    @property
    def underlying(self) -> str:
        return self.listing.underlying

    @property
    def base_fee_nanos(self) -> int:
        return self.fees.option_base_nanos if self.is_option else self.fees.perp_base_nanos

    @property
    def sub_id(self) -> int:
        """expiry + strike x 10⁸ << 32 + call << 95; 0 for a perpetual."""
        if not self.is_option:
            return 0
        call = 1 << _CALL_BIT if self.listing.option_type == "C" else 0
        return self.listing.expiry_s | self.strike // _STRIKE_SCALE << _STRIKE_SHIFT | call

    @property
    def rule(self) -> Rule:
        if not self.is_option:
            return Rule(0, 0, NANOS, self.lot)
        fraction, minimum, step = _PRO_RATA[self.underlying]
        return Rule(minimum, fraction, step, self.lot)

    def is_expired(self, now_ns: int) -> bool:
        return self.is_option and now_ns >= self.listing.expiry_s * NS_PER_S

    def proportional_fee_e18(self, *, is_maker: bool, index: int, price: int, amount: int) -> int:
        """rate x index x amount, for options at most 12.5 % of the premium; truncated at 10⁻¹⁸."""
        rate = self.fees.maker_rate_nanos if is_maker else self.fees.taker_rate_nanos
        fee_e27 = rate * index * amount
        if self.is_option:
            fee_e27 = min(fee_e27, PREMIUM_FEE_CAP_NANOS * price * amount)
        return fee_e27 // NANOS

    def intrinsic(self, index: int) -> int:
        """What one contract pays at expiry."""
        value = index - self.strike if self.listing.option_type == "C" else self.strike - index
        return max(value, 0)

    def band(self, state: MarketState) -> Band:
        mark, index = to_nanos(state.mark), to_nanos(state.index)
        if self.is_option:
            width = max(mark * _OPTION_BAND_OF_MARK_NANOS, index * _OPTION_BAND_OF_INDEX_NANOS) // NANOS
        else:
            width = mark * _PERP_BAND_OF_MARK_NANOS // NANOS
        low = max(-(-(mark - width) // self.tick) * self.tick, self.tick)
        return Band(low, max((mark + width) // self.tick * self.tick, low), width)
