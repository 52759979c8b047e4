"""Smile of one expiry: raw SVI, w(k) = a + b(rho(k - m) + sqrt((k - m)^2 + sigma^2)).

w is the total variance to expiry (volatility squared times years) and k = ln(strike / forward); volatility as a
fraction (0.8 is 80 %). A wrong figure is a named status or NaN, never a number; a wrong array is a ValueError.
Sources: J. Gatheral, "A parsimonious arbitrage-free implied volatility parameterization" (2004); Zeliade Systems,
"Quasi-explicit calibration of Gatheral's SVI model" (2009).
"""

from typing import Final, final

import numpy as np
from numpy.typing import NDArray

OK: Final = 0
BAD_INPUT: Final = 1  # a point or parameter that is NaN or out of its domain, as `fit` and `smile_of` give it
TOO_FEW_POINTS: Final = 2  # fewer than five different k that weigh more than nothing

@final
class Smile:
    """Only `fit` and `smile_of` fill one in; all figures are NaN unless the status is OK."""

    @property
    def status(self) -> int: ...
    @property
    def a(self) -> float: ...
    @property
    def b(self) -> float: ...
    @property
    def rho(self) -> float: ...
    @property
    def m(self) -> float: ...
    @property
    def sigma(self) -> float: ...
    @property
    def years(self) -> float: ...
    @property
    def points(self) -> int:
        """How many it was fitted to, those of weight 0 left out."""
    @property
    def rms_points(self) -> float:
        """Weighted root mean square of what the fit misses, in volatility points: 1.0 is 0.01 of volatility."""
    @property
    def lowest(self) -> float:
        """The k from which points were fitted; beyond it the smile is a guess."""
    @property
    def highest(self) -> float: ...
    def __init__(self) -> None: ...

def fit(k: NDArray[np.float64], volatility: NDArray[np.float64], weight: NDArray[np.float64], years: float) -> Smile:
    """The SVI that misses these volatilities least, by weighted squares.

    A miss is taken in total variance over its slope in volatility: to first order a miss in volatility. Variance is
    above 0 at every k, wings no steeper than 2 (Lee), m within 1.5 spans of k round its middle, sigma from 0.001 to 30
    spans. At an m and sigma whose best variance would dip to 0, a is 0. A fit may admit arbitrage: ask
    `chain.butterfly`.
    Domain: |k| to 20, volatility 1e-6 to 100, weight 0 to 1e50, years 1e-9 to 1000.

    Raises:
        ValueError: an array is not contiguous, or of another type or length.
    """

def smile_of(a: float, b: float, rho: float, m: float, sigma: float, years: float) -> Smile:
    """A smile from its parameters. BAD_INPUT unless b >= 0, |rho| <= 1, sigma > 0 and every variance is."""

def volatility(smile: Smile, strike: float, forward: float) -> float:
    """NaN if there is no smile, or strike or forward is not above 0."""

def volatility_batch(smile: Smile, strike: NDArray[np.float64], forward: float, out: NDArray[np.float64]) -> int:
    """Rows of `out` (3 x n, C order) become volatility and its first and second derivative by k.

    Answers how many are NaN. Raises as `fit` does.
    """
