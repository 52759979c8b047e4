"""Black-76: price, Greeks and implied volatility of a European option on a forward, undiscounted unless said.

Forward and strike in USD, time in years, volatility as a fraction (0.8 is 80 %). Delta per unit of forward, gamma per
USD, vega per 1.00 of volatility, theta per year. A wrong input is a named result (a status, or NaN), never a number.
Source: F. Black, "The pricing of commodity contracts", J. Financial Economics 3 (1976).
"""

from collections.abc import Iterator
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

OK: Final = 0
BAD_INPUT: Final = 1  # an input is NaN, or not within 1e-50 to 1e50
NO_VOLATILITY: Final = 2  # price at or below intrinsic, or at or above its bound

@final
class Greeks:
    """Iterates in the order of its fields. Only `greeks` fills one in; all figures are NaN unless the status is OK."""

    @property
    def status(self) -> int: ...
    @property
    def price(self) -> float: ...
    @property
    def delta(self) -> float: ...
    @property
    def gamma(self) -> float: ...
    @property
    def vega(self) -> float: ...
    @property
    def theta(self) -> float: ...
    def __init__(self) -> None: ...
    def __iter__(self) -> Iterator[float]: ...

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

    Answers how many were bad. Each column has the same bits as `greeks` of its option, on every machine.

    Raises:
        ValueError: an array is not contiguous, of another type or length, or `out` overlaps an input.
    """

def implied_volatility(is_call: bool, price: float, forward: float, strike: float, years: float) -> float:
    """Volatility whose undiscounted price is `price`; NaN when there is none.

    Its relative error is at most 1e-12, deep in and out of the money too, where `price` is taken as exact. A time value
    below 1e-290 of the square root of forward times strike counts as none.
    """

def implied_volatility_near(
    is_call: bool, price: float, forward: float, strike: float, years: float, near: float
) -> float:
    """As `implied_volatility`, in less time when `near` is close, such as the last value. Any `near` may be passed."""

def implied_volatility_batch(
    is_call: NDArray[np.bool_],
    price: NDArray[np.float64],
    forward: NDArray[np.float64],
    strike: NDArray[np.float64],
    years: NDArray[np.float64],
    out: NDArray[np.float64],
) -> int:
    """As `implied_volatility` for each item, into `out`. Answers how many are NaN; raises as `greeks_batch` does."""

INSTRUCTION_SETS: Final[tuple[str, ...]]  # of this machine, narrowest first: plain, avx2, avx512

def use_instructions(name: str) -> None:
    """Use one of INSTRUCTION_SETS instead of the widest, to compare them. ValueError on any other."""
