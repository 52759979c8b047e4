"""The exposure added up anew from everything that is held and in flight: what the running sums must come to."""

import math
from typing import NamedTuple

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
    units = {
        name: unit(name, mark_of(name), oldest_ns)
        for name in {instrument, *held, *(flight.instrument for flight in flying)}
    }
    if None in units.values():
        return {name for name, known in units.items() if known is None}
    deltas = [(away_from_zero(flight.change, units[flight.instrument]), flight.is_quote) for flight in flying]
    amounts = [(flight.change, flight.is_quote) for flight in flying if flight.instrument == instrument]
    return Exposure(
        instrument,
        span(positions.get(instrument, 0), amounts),
        units[instrument],
        span(sum(away_from_zero(amount, units[name]) for name, amount in held.items()), deltas),
        sum(each.price_nanos * each.amount_nanos for each in in_flight if each.is_quote and each.side is Side.BUY),
    )


def span(now, changes):
    orders = [change for change, is_quote in changes if not is_quote]
    everything = [change for change, _ in changes]

    def reach(some, pick):
        return now + sum(pick(change, 0) for change in some)

    return Span(now, reach(orders, min), reach(orders, max), reach(everything, min), reach(everything, max))


def unit(name, mark, oldest_ns):
    """Delta of one unit in nanos, None when it is not known."""
    if name.endswith("-PERP"):
        return NANOS
    if mark is None or mark.now_ns < oldest_ns:
        return None
    greeks = (mark.delta, mark.gamma, mark.vega, mark.theta)
    return round(mark.delta * NANOS) if all(map(math.isfinite, greeks)) else None
