"""Black-76 over arrays: the market's own, so that it shares nothing with the core that is tested against it."""

from math import erfc, sqrt

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

YEAR_NS = 365 * 86_400 * 1_000_000_000
_SQRT_HALF = sqrt(0.5)
_DENSITY_AT_ZERO = 1 / sqrt(2 * np.pi)


def normal_cdf(values: Floats) -> Floats:
    """Standard normal distribution function; full double precision in both tails."""
    return np.fromiter((0.5 * erfc(-value * _SQRT_HALF) for value in values.tolist()), np.float64, values.size)


def normal_density(values: Floats) -> Floats:
    result: Floats = _DENSITY_AT_ZERO * np.exp(-0.5 * values * values)
    return result


def price_and_delta(
    forward: Floats, strike: Floats, total_sd: Floats, is_call: NDArray[np.bool_]
) -> tuple[Floats, Floats, Floats]:
    """Undiscounted price, forward delta and d1 for total standard deviations sigma·sqrt(T) > 0."""
    d1 = np.log(forward / strike) / total_sd + 0.5 * total_sd
    sign = np.where(is_call, 1.0, -1.0)
    near = normal_cdf(sign * d1)
    far = normal_cdf(sign * (d1 - total_sd))
    price = np.maximum(sign * (forward * near - strike * far), 0.0)
    return price, sign * near, d1
