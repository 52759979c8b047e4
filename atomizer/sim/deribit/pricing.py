"""What an option is worth by the venue's own formulas: Black-76 without discounting, one option at a time.

Conventions as checked against its recorded tickers: T is (expiry - now) / 365 days, the forward is `underlying_price`,
delta is N(d1), gamma is per USD, vega per volatility point in USD, and theta is a day's decay (or that of what is left
of the day), never more than the option is worth.
"""

from dataclasses import dataclass
from math import erfc, exp, log, pi, sqrt

_SHORTEST_YEARS = 60 / (365 * 86_400)  # prices stay finite in an option's last minute
_POINT = 0.01  # one volatility point
_DAYS = 365.0
_HIGHEST_IV, _NEWTON_STEPS, _BISECTIONS = 20.0, 8, 40
_PRECISION = 1e-7


@dataclass(frozen=True, slots=True)
class Greeks:
    delta: float
    gamma: float
    vega: float
    theta: float
    rho: float


@dataclass(frozen=True, slots=True)
class Option:
    """What a price depends on besides volatility: USD, years."""

    forward: float
    strike: float
    years: float
    is_call: bool


def option(forward: float, strike: float, years: float, *, is_call: bool) -> Option:
    return Option(forward, strike, max(years, _SHORTEST_YEARS), is_call)


def price(item: Option, iv: float) -> float:
    """USD for one unit."""
    total = iv * sqrt(item.years)
    d1 = log(item.forward / item.strike) / total + 0.5 * total
    sign = 1.0 if item.is_call else -1.0
    value = sign * (item.forward * _cdf(sign * d1) - item.strike * _cdf(sign * (d1 - total)))
    return max(value, 0.0)


def greeks(item: Option, iv: float) -> Greeks:
    root = sqrt(item.years)
    total = iv * root
    d1 = log(item.forward / item.strike) / total + 0.5 * total
    density = exp(-0.5 * d1 * d1) / sqrt(2 * pi)
    sign = 1.0 if item.is_call else -1.0
    decay = item.forward * density * iv / (2 * root) / _DAYS
    return Greeks(
        delta=sign * _cdf(sign * d1),
        gamma=density / (item.forward * total),
        vega=_POINT * item.forward * density * root,
        theta=-min(decay * min(item.years * _DAYS, 1.0), price(item, iv)),
        rho=_POINT * sign * item.strike * item.years * _cdf(sign * (d1 - total)),
    )


def implied_volatility(item: Option, value: float, guess: float) -> float:
    """Volatility at which the option is worth `value` USD; 0.0 where there is none."""
    sign = 1.0 if item.is_call else -1.0
    intrinsic = max(sign * (item.forward - item.strike), 0.0)
    if value <= intrinsic or value >= price(item, _HIGHEST_IV):
        return 0.0
    iv = max(guess, _POINT)
    for _ in range(_NEWTON_STEPS):
        miss = price(item, iv) - value
        if abs(miss) < _PRECISION * item.forward:
            return iv
        slope = greeks(item, iv).vega / _POINT
        if slope <= _PRECISION * item.forward or not 0 < iv - miss / slope < _HIGHEST_IV:
            break
        iv -= miss / slope
    low, high = 1e-4, _HIGHEST_IV
    for _ in range(_BISECTIONS):
        iv = 0.5 * (low + high)
        low, high = (iv, high) if price(item, iv) < value else (low, iv)
    return iv


def _cdf(value: float) -> float:
    return 0.5 * erfc(-value / sqrt(2))
