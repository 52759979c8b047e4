"""What we hold, and what we would hold if everything in flight came true on the side that hurts.

Delta is kept in nanos of the underlying, like amounts. A Greek that is not known is never guessed: the answer is a
verdict, and whoever asked must not trade on it.
"""

import math
from collections.abc import Callable, Iterable, Mapping

import msgspec

from atomizer.domain.instruments import NANOS, parse_name
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
    def change_nanos(self) -> int:
        return self.side * self.amount_nanos


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
    """One underlying: net Greeks of what is held, delta and each position with what is in flight, and open premium."""

    underlying: str
    delta: Span
    gamma: float  # per USD
    vega: float  # USD per volatility point
    theta: float  # USD per day
    positions: dict[str, Span]
    unit_deltas: dict[str, int]  # delta of one unit, in nanos, of each instrument that was asked about
    premium_e18: int  # USD that taken quotes of any underlying would make us pay

    def position(self, instrument: str) -> Span:
        return self.positions.get(instrument, Span())


def measure(
    instrument: str,
    positions: Mapping[str, int],
    in_flight: Iterable[InFlight],
    mark_of: Callable[[str], Mark | None],
    oldest_ns: int,
) -> Exposure | Verdict:
    """Exposure of the underlying of `instrument`, whose own delta is part of the answer.

    `positions` maps names to signed nanos, over all underlyings; marks before `oldest_ns` count as unknown. NO_GREEKS
    when an option of this underlying has no mark, an old one, or one with a Greek that is not a number.
    """
    flights = list(in_flight)
    underlying = parse_name(instrument).underlying
    prefix = underlying + "-"
    held = {name: amount for name, amount in positions.items() if amount and name.startswith(prefix)}
    flying = [flight for flight in flights if flight.instrument.startswith(prefix)]
    units: dict[str, _Unit] = {}
    for name in {instrument, *held, *(flight.instrument for flight in flying)}:
        unit = _unit(name, mark_of, oldest_ns)
        if isinstance(unit, Verdict):
            return unit
        units[name] = unit
    names = {*held, *(flight.instrument for flight in flying)}
    return Exposure(
        underlying=underlying,
        delta=_span(
            sum(scaled(amount, units[name].delta_nanos) for name, amount in held.items()),
            [(scaled(each.change_nanos, units[each.instrument].delta_nanos), each.is_quote) for each in flying],
        ),
        gamma=sum(amount * units[name].gamma for name, amount in held.items()) / NANOS,
        vega=sum(amount * units[name].vega for name, amount in held.items()) / NANOS,
        theta=sum(amount * units[name].theta for name, amount in held.items()) / NANOS,
        positions={
            name: _span(
                held.get(name, 0), [(each.change_nanos, each.is_quote) for each in flying if each.instrument == name]
            )
            for name in names
        },
        unit_deltas={name: unit.delta_nanos for name, unit in units.items()},
        premium_e18=sum(
            each.price_nanos * each.amount_nanos for each in flights if each.is_quote and each.side is Side.BUY
        ),
    )


class _Unit(msgspec.Struct, frozen=True):
    """Greeks of one unit."""

    delta_nanos: int
    gamma: float = 0.0
    vega: float = 0.0
    theta: float = 0.0


_PERPETUAL = _Unit(NANOS)


def _unit(name: str, mark_of: Callable[[str], Mark | None], oldest_ns: int) -> _Unit | Verdict:
    if not parse_name(name).is_option:
        return _PERPETUAL
    mark = mark_of(name)
    if mark is None or mark.now_ns < oldest_ns:
        return Verdict(Reason.NO_GREEKS, f"{name} has no recent mark, so the exposure is not known")
    if not all(map(math.isfinite, (mark.delta, mark.gamma, mark.vega, mark.theta))):
        greeks = f"delta {mark.delta}, gamma {mark.gamma}, vega {mark.vega}, theta {mark.theta}"
        return Verdict(Reason.NO_GREEKS, f"{name} has {greeks}, so the exposure is not known")
    return _Unit(round(mark.delta * NANOS), mark.gamma, mark.vega, mark.theta)


def scaled(amount_nanos: int, unit_nanos: int) -> int:
    """Amount times delta, rounded away from zero so that rounding never hides exposure."""
    product = amount_nanos * unit_nanos
    return -(-product // NANOS) if product > 0 else product // NANOS


def _span(now: int, changes: list[tuple[int, bool]]) -> Span:
    orders_low = now + sum(change for change, is_quote in changes if change < 0 and not is_quote)
    orders_high = now + sum(change for change, is_quote in changes if change > 0 and not is_quote)
    return Span(
        now=now,
        orders_low=orders_low,
        orders_high=orders_high,
        low=orders_low + sum(change for change, is_quote in changes if change < 0 and is_quote),
        high=orders_high + sum(change for change, is_quote in changes if change > 0 and is_quote),
    )
