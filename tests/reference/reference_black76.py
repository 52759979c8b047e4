"""Black-76 to sixty digits: every input is taken as the exact value of its double."""

from typing import NamedTuple

from mpmath import erfc, exp, log, mp, mpf, pi, sqrt

DIGITS = 60


class ReferenceGreeks(NamedTuple):
    price: mpf
    delta: mpf
    gamma: mpf
    vega: mpf
    theta: mpf


def _normal(z):
    return erfc(-z / sqrt(mpf(2))) / 2


def greeks(is_call, forward, strike, years, volatility) -> ReferenceGreeks:
    with mp.workdps(DIGITS):
        f, k, t, v = (mpf(value) for value in (forward, strike, years, volatility))
        total = v * sqrt(t)
        d1 = log(f / k) / total + total / 2
        d2 = d1 - total
        density = exp(-d1 * d1 / 2) / sqrt(2 * pi)
        sign = 1 if is_call else -1
        return ReferenceGreeks(
            price=sign * (f * _normal(sign * d1) - k * _normal(sign * d2)),
            delta=sign * _normal(sign * d1),
            gamma=density / (f * total),
            vega=f * density * sqrt(t),
            theta=-f * density * v / (2 * sqrt(t)),
        )


def volatility_error(is_call, price, forward, strike, years, *, volatility) -> float:
    """Relative distance from `volatility` to the one whose exact price is `price`: one Newton step, which suffices."""
    with mp.workdps(DIGITS):
        at = greeks(is_call, forward, strike, years, volatility)
        return abs(float((at.price - mpf(price)) / at.vega / mpf(volatility)))
