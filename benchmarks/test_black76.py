"""Price with five Greeks, and implied volatility: one option and many, beside the libraries people use.

The peers answer less or slower: nautilus gives four Greeks, vollib's Greeks are five calls.
"""

import numpy as np
import pytest
import QuantLib
import vollib.black
import vollib.black.greeks.analytical as vollib_greeks
import vollib.black.implied_volatility as vollib_volatility
from nautilus_trader.core import nautilus_pyo3
from numeric import numeric_probe
from scipy.special import ndtr

from atomizer._core import black76

ONE = (True, 84_604.0, 96_000.0, 0.173, 0.52)
OPTION = QuantLib.PlainVanillaPayoff(QuantLib.Option.Call, ONE[2])
*UNPRICED, VOLATILITY = ONE
PRICED = (ONE[0], black76.greeks(*ONE).price, *UNPRICED[1:])  # what implied_volatility takes
LOOP = 1_000
CALLS = {"rounds": 1_000, "iterations": 100}  # of a call so short that the clock must not be asked each time


def chain(count):
    """Out-of-the-money options from half to twice the forward, a week to two years, as a crypto venue lists them."""
    rng = np.random.default_rng(76)
    forward = np.full(count, 84_604.0) * rng.uniform(0.99, 1.01, count)
    strike = forward * np.exp(rng.uniform(-0.7, 0.7, count))
    return strike > forward, forward, strike, rng.uniform(0.02, 2, count), rng.uniform(0.3, 1.2, count)


def nautilus(is_call, forward, strike, years, volatility):
    return nautilus_pyo3.black_scholes_greeks(forward, 0.0, 0.0, volatility, is_call, strike, years, 1.0)


def quantlib(_is_call, forward, _strike, years, volatility):
    made = QuantLib.BlackCalculator(OPTION, forward, volatility * years**0.5, 1.0)
    return (
        made.value(),
        made.deltaForward(),
        made.gammaForward(),
        made.vega(years),
        made.theta(forward, years),
    )


def vollib_values(is_call, forward, strike, years, volatility):
    arguments = ("c" if is_call else "p", forward, strike, years, 0.0, volatility)
    return (
        vollib.black.black("c" if is_call else "p", forward, strike, years, volatility, 0.0),
        *(getattr(vollib_greeks, name)(*arguments) for name in ("delta", "gamma", "vega", "theta")),
    )


def scipy_batch(*columns):
    is_call, forward, strike, years, volatility, out = columns
    root = np.sqrt(years)
    total = volatility * root
    d1 = np.log(forward / strike) / total + total / 2
    sign = np.where(is_call, 1.0, -1.0)
    near = ndtr(sign * d1)
    density = np.exp(-d1 * d1 / 2) * 0.3989422804014327
    out[0] = sign * (forward * near - strike * ndtr(sign * (d1 - total)))
    out[1] = sign * near
    out[2] = density / (forward * total)
    out[3] = forward * density * root
    out[4] = -forward * density * volatility / (2 * root)


@pytest.mark.parametrize(
    "price", [black76.greeks, nautilus, quantlib, vollib_values], ids=["atomizer", "nautilus", "quantlib", "vollib"]
)
def test_greeks(benchmark, price):
    benchmark.group = "price and Greeks, a call from Python"
    benchmark.pedantic(price, ONE, **CALLS)


@pytest.mark.parametrize("name", ["values", "textbook_values"], ids=["atomizer", "libm"])
def test_greeks_native(benchmark, name):
    benchmark.group = f"price and Greeks, {LOOP} calls without Python"
    loop = getattr(numeric_probe(), name)
    is_call, *rest = chain(LOOP)
    benchmark(loop, is_call.view("u1"), *rest)


@pytest.mark.parametrize("count", [1_000, 100_000])
@pytest.mark.parametrize("batch", [black76.greeks_batch, scipy_batch], ids=["atomizer", "scipy"])
def test_greeks_batch(benchmark, batch, count):
    benchmark.group = f"price and Greeks, batch of {count}"
    out = np.zeros((5, count))
    benchmark(batch, *chain(count), out)


@pytest.mark.parametrize("name", black76.INSTRUCTION_SETS)
def test_greeks_instructions(benchmark, name):
    benchmark.group = "price and Greeks, batch of 1000 by instruction set"
    black76.use_instructions(name)
    benchmark(black76.greeks_batch, *chain(1_000), np.zeros((5, 1_000)))
    black76.use_instructions(black76.INSTRUCTION_SETS[-1])


def nautilus_implied(is_call, price, forward, strike, years):
    return nautilus_pyo3.imply_vol(forward, 0.0, 0.0, is_call, strike, years, price)


def quantlib_implied(_is_call, price, forward, strike, years):
    total = QuantLib.blackFormulaImpliedStdDev(QuantLib.Option.Call, strike, forward, price, 1.0, 0.0, 0.3, 1e-12)
    return total / years**0.5


def vollib_implied(_is_call, price, forward, strike, years):
    return vollib_volatility.implied_volatility(price, forward, strike, 0.0, years, "c")


@pytest.mark.parametrize(
    "imply",
    [black76.implied_volatility, nautilus_implied, quantlib_implied, vollib_implied],
    ids=["atomizer", "nautilus", "quantlib", "vollib"],
)
def test_implied_volatility(benchmark, imply):
    benchmark.group = "implied volatility, a call from Python"
    assert benchmark.pedantic(imply, PRICED, **CALLS) == pytest.approx(VOLATILITY, rel=1e-6)


def test_implied_volatility_near(benchmark):
    benchmark.group = "implied volatility, a call from Python"
    near = VOLATILITY * 1.001
    found = benchmark.pedantic(black76.implied_volatility_near, (*PRICED, near), **CALLS)
    assert found == pytest.approx(VOLATILITY, rel=1e-12)


@pytest.mark.parametrize("near", [None, 1.001], ids=["cold", "warm"])
def test_implied_volatility_native(benchmark, near):
    benchmark.group = f"implied volatility, {LOOP} calls without Python"
    is_call, forward, strike, years, volatility = chain(LOOP)
    out = np.zeros((5, LOOP))
    black76.greeks_batch(is_call, forward, strike, years, volatility, out)
    start = np.full(LOOP, np.nan) if near is None else volatility * near
    total = benchmark(numeric_probe().volatilities, is_call.view("u1"), out[0], forward, strike, years, start)
    assert total == pytest.approx(volatility.sum(), rel=1e-6)


def test_implied_volatility_batch(benchmark):
    benchmark.group = "implied volatility, batch of 5000"
    is_call, forward, strike, years, volatility = chain(5_000)
    out = np.zeros((5, 5_000))
    black76.greeks_batch(is_call, forward, strike, years, volatility, out)
    found = np.zeros(5_000)
    benchmark(black76.implied_volatility_batch, is_call, out[0].copy(), forward, strike, years, found)
    assert np.allclose(found, volatility, rtol=1e-6)
