"""A smile fitted, beside the same fit by scipy; and a chain priced at it anew when the forward moves."""

import numpy as np
import pytest
from scipy.optimize import least_squares

from atomizer._core import chain, smile

STRIKES = 20
YEARS, FORWARD = 0.173, 84_604.0
K = np.linspace(-0.6, 0.6, STRIKES)
TRUE = smile.smile_of(0.02, 0.12, -0.25, 0.05, 0.2, YEARS)
CHAIN = 200


def quotes():
    out = np.zeros((3, STRIKES))
    smile.volatility_batch(TRUE, np.exp(K), 1.0, out)
    return out[0] * np.random.default_rng(7).uniform(0.99, 1.01, STRIKES)


def scipy_fit(k, volatility, weight, years):
    """One descent in all five parameters from a usual start; a second start would double its time."""
    total = volatility**2 * years
    scale = np.sqrt(weight / weight.sum()) / (2 * volatility * years)

    def misses(parameters):
        a, b, rho, m, sigma = parameters
        x = k - m
        return scale * (a + b * (rho * x + np.sqrt(x * x + sigma * sigma)) - total)

    bounds = ([-np.inf, 0, -1, k[0], 1e-4], [total.max(), 2, 1, k[-1], 5])
    return least_squares(misses, [total.min() / 2, 0.1, -0.1, 0.0, 0.1], bounds=bounds).x


@pytest.mark.parametrize("fit", [smile.fit, scipy_fit], ids=["atomizer", "scipy"])
def test_fit(benchmark, fit):
    benchmark.group = f"smile, fit of {STRIKES} points"
    benchmark(fit, K, quotes(), np.ones(STRIKES), YEARS)


def test_reprice(benchmark):
    benchmark.group = f"smile, volatility, price and Greeks of {CHAIN} options"
    strike = FORWARD * np.exp(np.linspace(-0.6, 0.6, CHAIN))
    out = np.zeros((5, CHAIN))
    assert benchmark(chain.reprice, TRUE, strike > FORWARD, strike, FORWARD, YEARS, out) == 0
