"""Black-76: price, Greeks and implied volatility of a European option on a forward, undiscounted unless said.

F forward, K strike (> 0), t years (> 0), v volatility as a fraction (> 0). Delta per unit of forward, gamma per USD, vega per 1.00
of volatility, theta per year, rho by `rate` where given. A wrong input is a named result (`Status`), never a number.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

OK: Final = 0
BAD_INPUT: Final = 1  # NaN, infinite, zero or negative forward, strike, time or volatility
NO_VOLATILITY: Final = 2  # price at or below intrinsic, or at or above its bound

class Greeks(NamedTuple):
    status: int
    price: float
    delta: float
    gamma: float
    vega: float
    theta: float

def greeks(
    is_call: bool, forward: float, strike: float, years: float, volatility: float, discount: float = 1.0
) -> Greeks:
    """Price and Greeks times `discount`; all NaN with status BAD_INPUT. Theta holds forward and discount still."""

def greeks_batch(
    is_call: NDArray[np.bool_],
    forward: NDArray[np.float64],
    strike: NDArray[np.float64],
    years: NDArray[np.float64],
    volatility: NDArray[np.float64],
    out: NDArray[np.float64],
) -> int:
    """Rows of `out` (5 x n, C order) become price, delta, gamma, vega, theta; bad rows are NaN. Answers how many were bad."""

def implied_volatility(is_call: bool, price: float, forward: float, strike: float, years: float) -> float:
    """Volatility whose undiscounted price is `price`; NaN when there is none. Relative error of the price at most 1e-12."""
