"""Smiles: an eSSVI slice for each expiry, interpolated between the fitted tenors and moved by two shocks.

Total variance at log-moneyness k = ln(K/F) is
``w(k) = (theta + rho·psi·k + sqrt((psi·k + theta·rho)² + theta²·(1 - rho²))) / 2``
(Hendriks and Martini, "The extended SSVI volatility surface", with psi = theta·phi). theta is the total variance at
the money, psi the slope scale, rho the tilt. No butterfly while psi·(1+|rho|) <= 4 and psi²·(1+|rho|) <= 4·theta.
"""

import numpy as np

from atomizer.sim.market.black76 import Floats
from atomizer.sim.market.figures import Figures

_LEVEL_REACH_YEARS = 0.25  # a level shock acts in full on the front and by half at this tenor
Slices = tuple[Floats, Floats, Floats]


def slices_at(figures: Figures, years: Floats) -> Slices:
    """(theta, rho, psi) at each of `years`: theta, psi and rho·psi are linear between tenors, which keeps slices
    without calendar arbitrage so (Corbetta and others, 2019), and proportional to time before the first.
    """
    grid = np.concatenate(([0.0], figures.years))
    theta = np.interp(years, grid, np.concatenate(([0.0], figures.theta)))
    psi = np.interp(years, grid, np.concatenate(([0.0], figures.psi)))
    tilt = np.interp(years, grid, np.concatenate(([0.0], figures.rho * figures.psi)))
    return theta, tilt / psi, psi


def shocked(slices: Slices, years: Floats, level: float, skew: float) -> Slices:
    """Slices after a shock of `level` (log of front volatility) and `skew` (added to atanh of rho).

    psi moves with the square root of theta, so that the smile keeps its shape in standard deviations.
    """
    theta, rho, psi = slices
    scale = np.exp(level / (1.0 + years / _LEVEL_REACH_YEARS))
    return theta * scale * scale, np.tanh(np.arctanh(rho) + skew), psi * scale


def total_variance(slices: Slices, log_moneyness: Floats) -> Floats:
    theta, rho, psi = slices
    wing = psi * log_moneyness + theta * rho
    result: Floats = 0.5 * (theta + rho * psi * log_moneyness + np.sqrt(wing * wing + theta * theta * (1 - rho * rho)))
    return result
