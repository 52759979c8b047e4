"""Net Greeks by underlying. A Greek that is not known is named and makes the total unknown: never counted as zero."""

import math
from collections.abc import Iterable
from typing import Final

import msgspec

from atomizer._core import black76
from atomizer.domain.instruments import NANOS, OptionType, is_option_name, parse_name
from atomizer.domain.trading import Mark
from atomizer.portfolio.positions import Position

DAYS: Final = 365  # of a year, as venues count
YEAR_NS: Final = DAYS * 86_400 * NANOS
POINTS: Final = 100  # volatility points in 1.00


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
    """Net Greeks of one underlying, ours and the venue's, and which instruments (sorted) make any of ours unknown."""

    underlying: str
    greeks: Greeks
    venue: Greeks
    unknown: tuple[str, ...]


def own_greeks(instrument: str, amount_nanos: int, mark: Mark | None) -> Greeks:
    """Greeks of holding `amount_nanos` of an instrument by Black-76, at its mark's forward, volatility and time.

    A perpetual has a delta of one coin and no other by what it is, so it needs no mark; nothing has any when flat. Of
    an inverse future, which counts USD, the mark says how many coins they are.

    Raises:
        ValueError: not the name of an instrument.
    """
    if amount_nanos == 0:
        return Greeks()
    contract = parse_name(instrument)
    amount = amount_nanos / NANOS
    if not contract.is_option:
        if mark is not None and mark.is_amount_usd:
            return Greeks(delta=amount * NANOS / mark.mark_nanos) if mark.mark_nanos > 0 else UNKNOWN
        return Greeks(delta=amount)
    if mark is None:
        return UNKNOWN
    found = black76.greeks(
        contract.option_type is OptionType.CALL,
        mark.forward_nanos / NANOS,
        contract.strike_nanos / NANOS,
        (contract.expiry_s * NANOS - mark.venue_time_ns) / YEAR_NS,
        mark.iv,
    )
    if found.status != black76.OK:
        return UNKNOWN
    return Greeks(
        found.delta * amount,
        found.gamma * amount,
        found.vega / POINTS * amount,
        found.theta / DAYS * amount,
    )


def venue_greeks(instrument: str, amount_nanos: int, mark: Mark | None) -> Greeks:
    """The same as the venue says; a perpetual as it is."""
    if amount_nanos == 0 or not is_option_name(instrument):
        return own_greeks(instrument, amount_nanos, mark)
    if mark is None:
        return UNKNOWN
    amount = amount_nanos / NANOS
    return Greeks(
        _scale(mark.delta, amount), _scale(mark.gamma, amount), _scale(mark.vega, amount), _scale(mark.theta, amount)
    )


def net_exposure(holdings: Iterable[tuple[Position, Mark | None]]) -> dict[str, Exposure]:
    """Net Greeks by underlying, of positions with their marks. Flat positions are in it with zeros."""
    totals: dict[str, tuple[Greeks, Greeks]] = {}
    unknown: dict[str, set[str]] = {}
    for position, mark in holdings:
        underlying = parse_name(position.instrument).base
        words = position.instrument, position.amount_nanos, mark
        ours, theirs = totals.get(underlying, (Greeks(), Greeks()))
        greeks = own_greeks(*words)
        totals[underlying] = ours + greeks, theirs + venue_greeks(*words)
        names = unknown.setdefault(underlying, set())
        if not greeks.is_known:
            names.add(position.instrument)
    return {
        underlying: Exposure(underlying, ours, theirs, tuple(sorted(unknown[underlying])))
        for underlying, (ours, theirs) in sorted(totals.items())
    }


def _add(left: float | None, right: float | None) -> float | None:
    return None if left is None or right is None else left + right


def _scale(per_unit: float, amount: float) -> float | None:
    return per_unit * amount if math.isfinite(per_unit) else None
