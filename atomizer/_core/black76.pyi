"""Black-76: price, Greeks and implied volatility of a European option on a forward, undiscounted unless said.

Forward and strike in USD, time in years, volatility as a fraction (0.8 is 80 %). Delta per unit of forward, gamma per
USD, vega per 1.00 of volatility, theta per year. A wrong input is a named result (a status, or NaN), never a number.
Source: F. Black, "The pricing of commodity contracts", J. Financial Economics 3 (1976).
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

OK: Final = 0
BAD_INPUT: Final = 1  # NaN, infinite, zero or negative forward, strike, time, volatility or discount; or out of range
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
    """Undiscounted rows of `out` (5 x n, C order) become price, delta, gamma, vega, theta; bad columns are NaN.

    Answers how many were bad.

    Raises:
        ValueError: an array is not contiguous, of another type, or not of the length of `is_call`.
    """

def implied_volatility(is_call: bool, price: float, forward: float, strike: float, years: float) -> float:
    """Volatility whose undiscounted price is `price`; NaN when there is none.

    Its relative error is at most 1e-12, deep in and out of the money too, where `price` is taken as exact.
    """
