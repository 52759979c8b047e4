"""Net Greeks by underlying. A Greek that is not known is named and makes the total unknown: never counted as zero."""

import math
from collections.abc import Iterable

import msgspec

from atomizer.domain.instruments import NANOS, parse_name
from atomizer.domain.trading import Mark
from atomizer.portfolio.positions import Position


class Greeks(msgspec.Struct, frozen=True):
    """Of a whole position or a sum of them, in the units of `Mark` times the amount; None is unknown."""

    delta: float | None = 0.0  # units of the underlying
    gamma: float | None = 0.0  # units of the underlying per USD
    vega: float | None = 0.0  # USD per volatility point
    theta: float | None = 0.0  # USD per day

    def __add__(self, other: "Greeks") -> "Greeks":
        return Greeks(
            _add(self.delta, other.delta),
            _add(self.gamma, other.gamma),
            _add(self.vega, other.vega),
            _add(self.theta, other.theta),
        )

    @property
    def is_known(self) -> bool:
        return None not in (self.delta, self.gamma, self.vega, self.theta)


UNKNOWN = Greeks(None, None, None, None)


class Exposure(msgspec.Struct, frozen=True):
    """Net Greeks of one underlying, and the instruments (sorted) that make any of them unknown."""

    underlying: str
    greeks: Greeks
    unknown: tuple[str, ...]


def position_greeks(instrument: str, amount_nanos: int, mark: Mark | None) -> Greeks:
    """Greeks of holding `amount_nanos` of an instrument, per unit from its mark.

    A perpetual has a delta of one and no other by what it is, so it needs no mark; nothing has any when flat.

    Raises:
        ValueError: not the name of an instrument.
    """
    if amount_nanos == 0:
        return Greeks()
    amount = amount_nanos / NANOS
    if not parse_name(instrument).is_option:
        return Greeks(delta=amount)
    if mark is None:
        return UNKNOWN
    return Greeks(
        _scale(mark.delta, amount), _scale(mark.gamma, amount), _scale(mark.vega, amount), _scale(mark.theta, amount)
    )


def net_exposure(holdings: Iterable[tuple[Position, Mark | None]]) -> dict[str, Exposure]:
    """Net Greeks by underlying, of positions with their marks. Flat positions are in it with zeros."""
    totals: dict[str, Greeks] = {}
    unknown: dict[str, set[str]] = {}
    for position, mark in holdings:
        underlying = parse_name(position.instrument).underlying
        greeks = position_greeks(position.instrument, position.amount_nanos, mark)
        totals[underlying] = totals.get(underlying, Greeks()) + greeks
        names = unknown.setdefault(underlying, set())
        if not greeks.is_known:
            names.add(position.instrument)
    return {
        underlying: Exposure(underlying, greeks, tuple(sorted(unknown[underlying])))
        for underlying, greeks in sorted(totals.items())
    }


def _add(left: float | None, right: float | None) -> float | None:
    return None if left is None or right is None else left + right


def _scale(per_unit: float, amount: float) -> float | None:
    return per_unit * amount if math.isfinite(per_unit) else None
