"""The exposure added up anew from everything that is held and in flight: what the running sums must come to."""

import math
from typing import NamedTuple

from atomizer._core.fixed import NO_PRICE
from atomizer.domain.instruments import NANOS
from atomizer.domain.trading import Side
from atomizer.risk.exposure import Exposure, Span


class Flight(NamedTuple):
    """An order or a quote that may still become a position."""

    instrument: str
    side: Side
    amount_nanos: int
    price_nanos: int
    is_quote: bool

    @property
    def change(self):
        return self.side * self.amount_nanos


def away_from_zero(amount, unit):
    size = -(-abs(amount * unit) // NANOS)
    return size if amount * unit > 0 else -size


def whole_exposure(instrument, positions, in_flight, mark_of, oldest_ns):
    """`Exposure`, or the set of names whose Greeks are not known."""
    symbol = instrument.split("-")[0]
    held = {name: amount for name, amount in positions.items() if amount and name.split("-")[0] == symbol}
    flying = [flight for flight in in_flight if flight.instrument.split("-")[0] == symbol]
    names = {instrument, *held, *(flight.instrument for flight in flying)}
    units = {name: unit(name, mark_of(name), oldest_ns) for name in names}
    if None in units.values():
        return {name for name, known in units.items() if known is None}

    def net(greek):
        now = sum(away_from_zero(amount, units[name][greek]) for name, amount in held.items())
        changes = [(away_from_zero(each.change, units[each.instrument][greek]), each.is_quote) for each in flying]
        return span(now, changes)

    def position(name):
        return span(
            positions.get(name, 0), [(each.change, each.is_quote) for each in flying if each.instrument == name]
        )

    others = [position(name) for name in names if name != instrument and not name.endswith("-PERP")]
    orders = [each for each in in_flight if not each.is_quote]
    own = [each for each in orders if each.instrument == instrument]
    return Exposure(
        instrument,
        not instrument.endswith("-PERP"),
        position(instrument),
        *(net(greek) for greek in range(3)),
        *units[instrument],
        sum(max(abs(each.low), abs(each.high)) for each in others),
        sum(each.price_nanos * each.amount_nanos for each in in_flight if each.is_quote and each.side is Side.BUY),
        len(orders),
        sum(each.price_nanos * each.amount_nanos for each in orders),
        max((each.price_nanos for each in own if each.side is Side.BUY), default=NO_PRICE),
        min((each.price_nanos for each in own if each.side is Side.SELL), default=NO_PRICE),
    )


def span(now, changes):
    orders = [change for change, is_quote in changes if not is_quote]
    everything = [change for change, _ in changes]

    def reach(some, pick):
        return now + sum(pick(change, 0) for change in some)

    return Span(now, reach(orders, min), reach(orders, max), reach(everything, min), reach(everything, max))


def unit(name, mark, oldest_ns):
    """Delta, gamma and vega of one unit in nanos, None when they are not known."""
    if name.endswith("-PERP"):
        return NANOS, 0, 0
    if mark is None or mark.now_ns < oldest_ns:
        return None
    greeks = (mark.delta, mark.gamma, mark.vega, mark.theta)
    return tuple(round(each * NANOS) for each in greeks[:3]) if all(map(math.isfinite, greeks)) else None
