"""Slow oracle: the best SVI by a general solver, in all five parameters at once, from many starts."""

import numpy as np
from scipy.optimize import least_squares

STEEPEST = 2.0  # of a wing (Lee)


def total_variance(parameters, k):
    """From least variance, slopes of the right and the left wing, m and log sigma, which bounds hold one by one."""
    least, right, left, m, log_sigma = parameters
    sigma = np.exp(log_sigma)
    x = k - m
    root = np.hypot(x, sigma)
    return least + right * (root + x) / 2 + left * (root - x) / 2 - sigma * np.sqrt(right * left)


def best_miss(k, volatility, weight, years):
    """Root of the weighted mean square of misses in volatility, to first order, as the fit of the core counts them."""
    scale = np.sqrt(weight / weight.sum()) / (2 * volatility * years)
    total = volatility**2 * years
    span = np.ptp(k)
    middle = (k.min() + k.max()) / 2
    low = [0, 1e-12, 1e-12, middle - 1.5 * span, np.log(1e-3 * span)]
    high = [total.max(), STEEPEST, STEEPEST, middle + 1.5 * span, np.log(30 * span)]
    slope = np.ptp(total) / span + 1e-3
    misses = []
    for m in (-0.8, 0.0, 0.8):
        for sigma in (0.05, 0.3, 1.5):
            start = [total.min() * 0.9, slope, slope, middle + m * span, np.log(sigma * span)]
            found = least_squares(
                lambda parameters: scale * (total_variance(parameters, k) - total),
                np.clip(start, low, high),
                bounds=(low, high),
                x_scale=[total.mean(), slope, slope, span, 1.0],
                max_nfev=300,
            )
            misses.append(np.sqrt(2 * found.cost))
    return min(misses)
