"""What we hold, and what we would hold if everything in flight came true on the side that hurts.

Delta is kept in nanos of the underlying, like amounts. A Greek that is not known is never guessed: the answer is a
verdict, and whoever asked must not trade on it.
"""

import math
from collections.abc import Callable, Iterable, Mapping

import msgspec

from atomizer.domain.instruments import NANOS, Contract
from atomizer.domain.reasons import Reason, Verdict
from atomizer.domain.trading import Mark, Side


class InFlight(msgspec.Struct, frozen=True):
    """An order or a quote that may still become a position: what of it is not yet filled, in nanos."""

    instrument: str
    side: Side
    amount_nanos: int
    price_nanos: int
    is_quote: bool

    @property
    def is_bid_quote(self) -> bool:
        """Whether being taken would cost us premium."""
        return self.is_quote and self.side is Side.BUY


class Span(msgspec.Struct, frozen=True):
    """One signed quantity in nanos: as it is, and how far orders, and orders and quotes, can push it either way."""

    now: int = 0
    orders_low: int = 0
    orders_high: int = 0
    low: int = 0
    high: int = 0

    def after(self, change: int) -> int:
        """The farthest that it can get in the direction of the change, once that is added."""
        return self.low + change if change < 0 else self.high + change

    def shrinks(self, change: int) -> bool:
        """Whether the change brings it nearer to zero, not past it, even when every order of ours fills.

        Quotes are left out: few of them are taken, and a hedge must not wait for them to run out.
        """
        return self.orders_low + change >= 0 if change < 0 else self.orders_high + change <= 0


class Exposure(msgspec.Struct, frozen=True):
    """What one more trade in `instrument` would add to: its position, and the net Greeks of its underlying."""

    instrument: str
    position: Span
    unit_delta_nanos: int  # delta of one unit of the instrument
    delta: Span
    gamma: float  # of what is held, per USD
    vega: float  # USD per volatility point
    theta: float  # USD per day
    premium_e18: int  # USD that taken quotes of any underlying would make us pay


def measure(
    instrument: str,
    positions: Mapping[str, int],
    in_flight: Iterable[InFlight],
    mark_of: Callable[[str], Mark | None],
    oldest_ns: int,
) -> Exposure | Verdict:
    """Exposure before one more trade in `instrument`.

    `positions` maps names to signed nanos, over all underlyings; marks before `oldest_ns` count as unknown. NO_GREEKS
    when an option of this underlying has no mark, an old one, or one with a Greek that is not a number.
    """
    prefix = instrument.partition("-")[0] + "-"
    held = [(name, amount) for name, amount in positions.items() if amount and name.startswith(prefix)]
    flights = list(in_flight)
    flying = [flight for flight in flights if flight.instrument.startswith(prefix)]
    names = {instrument, *[name for name, _ in held], *[flight.instrument for flight in flying]}
    units = _units(names, mark_of, oldest_ns)
    if isinstance(units, Verdict):
        return units
    position, delta = _Reach(), _Reach()
    for flight in flying:
        change = flight.side * flight.amount_nanos
        delta.add(scaled(change, units[flight.instrument].delta_nanos), flight.is_quote)
        if flight.instrument == instrument:
            position.add(change, flight.is_quote)
    return Exposure(
        instrument=instrument,
        position=position.around(positions.get(instrument, 0)),
        unit_delta_nanos=units[instrument].delta_nanos,
        delta=delta.around(sum([scaled(amount, units[name].delta_nanos) for name, amount in held])),
        gamma=sum([amount * units[name].gamma for name, amount in held]) / NANOS,
        vega=sum([amount * units[name].vega for name, amount in held]) / NANOS,
        theta=sum([amount * units[name].theta for name, amount in held]) / NANOS,
        premium_e18=sum([each.price_nanos * each.amount_nanos for each in flights if each.is_bid_quote]),
    )


class _Reach:
    """How far orders, and quotes on top of them, can push a quantity down and up."""

    __slots__ = ("orders_down", "orders_up", "quotes_down", "quotes_up")

    def __init__(self) -> None:
        self.orders_down = self.orders_up = self.quotes_down = self.quotes_up = 0

    def add(self, change: int, is_quote: bool) -> None:
        down, up = min(change, 0), max(change, 0)
        if is_quote:
            self.quotes_down += down
            self.quotes_up += up
        else:
            self.orders_down += down
            self.orders_up += up

    def around(self, now: int) -> Span:
        low, high = now + self.orders_down, now + self.orders_up
        return Span(now, low, high, low + self.quotes_down, high + self.quotes_up)


class _Unit(msgspec.Struct, frozen=True):
    """Greeks of one unit."""

    delta_nanos: int
    gamma: float
    vega: float
    theta: float


_PERPETUAL = _Unit(NANOS, 0.0, 0.0, 0.0)
_PERPETUAL_SUFFIX = Contract("").name  # taking names apart in full would cost more than all the rest


def _units(names: Iterable[str], mark_of: Callable[[str], Mark | None], oldest_ns: int) -> dict[str, _Unit] | Verdict:
    units: dict[str, _Unit] = {}
    for name in names:
        unit = _unit(name, mark_of, oldest_ns)
        if isinstance(unit, Verdict):
            return unit
        units[name] = unit
    return units


def _unit(name: str, mark_of: Callable[[str], Mark | None], oldest_ns: int) -> _Unit | Verdict:
    if name.endswith(_PERPETUAL_SUFFIX):
        return _PERPETUAL
    mark = mark_of(name)
    if mark is None or mark.now_ns < oldest_ns:
        return Verdict(Reason.NO_GREEKS, f"{name} has no recent mark, so the exposure is not known")
    # One sum asks for all four: it is never finite when one of them is not.
    if not math.isfinite(mark.delta + mark.gamma + mark.vega + mark.theta):
        greeks = f"delta {mark.delta}, gamma {mark.gamma}, vega {mark.vega}, theta {mark.theta}"
        return Verdict(Reason.NO_GREEKS, f"{name} has {greeks}, so the exposure is not known")
    return _Unit(round(mark.delta * NANOS), mark.gamma, mark.vega, mark.theta)


def scaled(amount_nanos: int, unit_nanos: int) -> int:
    """Amount times delta, rounded away from zero so that rounding never hides exposure."""
    product = amount_nanos * unit_nanos
    return -(-product // NANOS) if product > 0 else product // NANOS
