"""The smile: what it recovers, how close it comes, which arbitrage it tells, and what it refuses to say."""

import json
from itertools import pairwise
from math import exp, inf, isnan, log, nan, pi, sqrt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from atomizer._core import black76, chain, smile
from tests.reference.reference_smile import best_miss

SLICES = json.loads(
    (Path(__file__).parents[1] / "data" / "reference" / "btc_iv_slices_20211021_stochvolmodels.json").read_text()
)
NO_PRICE = -(2**63)
VOGT = (-0.0410, 0.1331, 0.3060, 0.3586, 0.4153, 1.0)  # of Axel Vogt, in Gatheral and Jacquier: has butterfly arbitrage


def smile_from(least, b, rho, m, sigma, years):  # noqa: PLR0917  SVI has five
    """By its least variance, a share of a year's, so that each is legal; wings as a year has them, too."""
    b *= sqrt(years)
    return smile.smile_of(least * years - b * sigma * sqrt(1 - rho * rho), b, rho, m, sigma, years)


smiles = st.builds(
    smile_from,
    *(st.floats(0.02, 1.0), st.floats(0.01, 0.6), st.floats(-0.9, 0.9), st.floats(-0.3, 0.3), st.floats(0.03, 0.8)),
    st.floats(0.01, 2.0),
)


def curve(of, k):
    out = np.zeros((3, len(k)))
    assert smile.volatility_batch(of, np.exp(k), 1.0, out) == 0
    return out


def flat(level, years):
    return smile.smile_of(level * level * years, 0.0, 0.0, 0.0, 0.1, years)


def points_of(one):
    """Log-moneyness, middle of bid and ask, weight, years; with half of what lies between bid and ask."""
    bid, ask = np.array(one["bid_iv"]), np.array(one["ask_iv"])
    return np.log(np.array(one["strikes"]) / one["forward"]), (bid + ask) / 2, (ask - bid) ** -2, one["ttm"]


@settings(max_examples=150, deadline=None)
@given(smiles, st.integers(7, 40), st.floats(0.4, 1.0))
def test_a_smile_without_arbitrage_is_recovered(true, count, reach):
    """Points on an SVI without arbitrage give it back, to 1e-6 of volatility at every k between them."""
    assume(chain.butterfly(true, -reach, reach, 101)[1] >= 0)
    k = np.linspace(-reach, reach, count)
    fitted = smile.fit(k, curve(true, k)[0].copy(), np.ones(count), true.years)
    assert (fitted.status, fitted.points) == (smile.OK, count)
    between = np.linspace(-reach, reach, 301)
    assert np.abs(curve(fitted, between)[0] - curve(true, between)[0]).max() < 1e-6
    assert fitted.rms_points < 1e-4


@settings(max_examples=6, deadline=None)
@given(smiles, st.integers(0, 2**32 - 1))
def test_no_general_solver_comes_closer(true, seed):
    """On quotes a volatility point or so beside an SVI, the fit misses no more than the best of a slow solver's."""
    rng = np.random.default_rng(seed)
    k = np.sort(rng.uniform(-0.8, 0.8, 16))
    volatility = curve(true, k)[0] * rng.uniform(0.99, 1.01, 16)
    weight = rng.uniform(0.2, 5, 16)
    fitted = smile.fit(k, volatility, weight, true.years)
    assert miss_of(fitted, k, volatility, weight) <= best_miss(k, volatility, weight, true.years) * (1 + 1e-6) + 1e-9


def miss_of(fitted, k, volatility, weight):
    x = k - fitted.m
    total = fitted.a + fitted.b * (fitted.rho * x + np.hypot(x, fitted.sigma))
    missed = (total - volatility**2 * fitted.years) / (2 * volatility * fitted.years)
    return sqrt(np.average(missed**2, weights=weight))


@pytest.mark.parametrize("one", SLICES, ids=[one["id"] for one in SLICES])
def test_recorded_smiles_are_fitted_within_bid_and_ask(one):
    """Of each recorded BTC expiry every fitted volatility lies between bid and ask, and no solver comes closer.

    Between the outer strikes there is no butterfly arbitrage.
    """
    k, middle, weight, years = points_of(one)
    fitted = smile.fit(k, middle, weight, years)
    fair = curve(fitted, k)[0]
    assert (np.array(one["bid_iv"]) <= fair).all()
    assert (fair <= np.array(one["ask_iv"])).all()
    assert miss_of(fitted, k, middle, weight) <= best_miss(k, middle, weight, years) * (1 + 1e-6)
    assert fitted.rms_points == pytest.approx(100 * sqrt(np.average((fair - middle) ** 2, weights=weight)))
    assert (fitted.lowest, fitted.highest) == (k.min(), k.max())
    assert chain.butterfly(fitted, fitted.lowest, fitted.highest, 201)[1] >= 0


def test_recorded_smiles_rise_with_expiry():
    """Total variance of the recorded expiries rises from each to the next, wherever both are quoted."""
    fitted = [smile.fit(*points_of(one)) for one in SLICES]
    for earlier, later in pairwise(fitted):
        low, high = max(earlier.lowest, later.lowest), min(earlier.highest, later.highest)
        assert chain.calendar(earlier, later, low, high, 201)[1] > 0


def test_equal_points_give_equal_bits():
    """A fit is a function of its points: nothing random, nothing kept from the one before."""
    first = repr(smile.fit(*points_of(SLICES[0])))
    smile.fit(*points_of(SLICES[1]))
    assert repr(smile.fit(*points_of(SLICES[0]))) == first


def test_a_point_of_no_weight_says_nothing():
    """A point of weight 0 moves nothing, however far off it is, and is not counted."""
    k, middle, weight, years = points_of(SLICES[0])
    without = smile.fit(k, middle, weight, years)
    added = smile.fit(np.append(k, 3.0), np.append(middle, 9.0), np.append(weight, 0.0), years)
    assert repr(added) == repr(without)
    assert added.highest == without.highest


@settings(max_examples=100, deadline=None)
@given(smiles, st.floats(-1.0, 1.0))
def test_derivatives_are_those_of_differences(of, k):
    """Slope and curvature of volatility are what central differences of the volatility tend to."""
    step = 1e-4 * of.sigma
    below, at, above = curve(of, np.array([k - step, k, k + step])).T
    assert at[1] == pytest.approx((above[0] - below[0]) / (2 * step), rel=1e-5, abs=1e-6)
    assert at[2] == pytest.approx((above[1] - below[1]) / (2 * step), rel=1e-5, abs=1e-5)


@settings(max_examples=100, deadline=None)
@given(smiles, st.floats(-0.5, 0.5))
@example(smile.smile_of(*VOGT), 0.8)
def test_g_is_the_sign_of_a_butterfly(of, k):
    """Durrleman's g makes the density that second differences of call prices show."""
    strike, step = exp(k), 2e-4 * exp(k)
    prices = [
        black76.greeks(True, 1.0, at, of.years, smile.volatility(of, at, 1.0)).price
        for at in (strike - step, strike, strike + step)
    ]
    _, g = chain.butterfly(of, k, k + 1e-9, 2)
    width = smile.volatility(of, strike, 1.0) * sqrt(of.years)
    d2 = -k / width - width / 2
    density = g * exp(-d2 * d2 / 2) / (strike * width * sqrt(2 * pi))
    shown = (prices[0] - 2 * prices[1] + prices[2]) / step**2
    assert shown == pytest.approx(density, rel=1e-3, abs=1e-3)


def test_butterfly_arbitrage_is_told_with_its_place():
    """Vogt's smile has its worst g below 0, where a grid computed by hand has it."""
    a, b, rho, m, sigma, _ = VOGT
    k = np.linspace(-1.5, 1.5, 301)
    x = k - m
    root = np.hypot(x, sigma)
    w, slope, bend = a + b * (rho * x + root), b * (rho + x / root), b * sigma**2 / root**3
    g = (1 - k * slope / (2 * w)) ** 2 - slope**2 / 4 * (1 / w + 0.25) + bend / 2
    worst_k, worst = chain.butterfly(smile.smile_of(*VOGT), -1.5, 1.5, 301)
    assert worst < 0
    assert (worst_k, worst) == (pytest.approx(k[g.argmin()]), pytest.approx(g.min()))


def test_calendar_arbitrage_is_told_with_its_place_and_size():
    """Where a later expiry has less total variance, the greatest fall and its k are told; else how little it rises."""
    peak = smile.smile_of(0.04, 0.2, 0.0, 0.25, 0.1, 0.5)
    k, rise = chain.calendar(peak, flat(0.3, 1.0), -1.0, 1.0, 201)
    assert (k, rise) == (-1.0, pytest.approx(0.09 - 0.04 - 0.2 * sqrt(1.25**2 + 0.01)))
    k, rise = chain.calendar(
        flat(0.3, 0.5), peak_later := smile.smile_of(0.04, 0.2, 0.0, 0.25, 0.1, 1.0), -1.0, 1.0, 201
    )
    assert (k, rise) == (pytest.approx(0.25), pytest.approx(0.06 - 0.045))
    with pytest.raises(ValueError, match="must expire later"):
        chain.calendar(peak_later, flat(0.3, 0.5), -1.0, 1.0, 201)


GOOD = [np.linspace(-0.4, 0.4, 7), np.full(7, 0.6), np.ones(7), 0.25]


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        *((0, nan), (0, inf), (0, 21.0), (1, nan), (1, 0.0), (1, -0.5), (1, inf)),
        *((2, nan), (2, -1.0), (2, inf), (3, nan), (3, 0.0), (3, -1.0), (3, inf)),
    ],
)
def test_bad_input_gives_no_smile(argument, value):
    """A point that is no number, no volatility or no weight, or a time that has passed, makes every answer NaN."""
    points = [np.copy(given) for given in GOOD]
    points[argument][... if argument == 3 else 4] = value
    made = smile.fit(points[0], points[1], points[2], float(points[3]))
    assert made.status == smile.BAD_INPUT
    assert_silent(made)


@pytest.mark.parametrize(
    ("k", "weight"),
    [
        ([], []),
        ([0.0, 0.1, 0.2, 0.3], [1.0] * 4),
        ([0.0, 0.1, 0.2, 0.3, 0.3, 0.0], [1.0] * 6),
        ([0.0, 0.1, 0.2, 0.3, 0.4], [1.0, 1.0, 1.0, 1.0, 0.0]),
    ],
)
def test_too_few_points_give_no_smile(k, weight):
    """Five parameters need five different k that weigh something."""
    made = smile.fit(np.array(k), np.full(len(k), 0.5), np.array(weight), 0.1)
    assert made.status == smile.TOO_FEW_POINTS
    assert_silent(made)


def assert_silent(made):
    figures = (made.a, made.b, made.rho, made.m, made.sigma, made.years, made.rms_points, made.lowest, made.highest)
    assert all(isnan(figure) for figure in figures)
    assert isnan(smile.volatility(made, 100.0, 100.0))
    assert all(isnan(figure) for figure in chain.butterfly(made, -1.0, 1.0, 11))
    assert all(isnan(figure) for figure in chain.calendar(made, flat(0.5, 1.0), -1.0, 1.0, 11))
    out = np.zeros((5, 2))
    assert chain.reprice(made, np.array([True, False]), np.array([90.0, 110.0]), 100.0, 0.1, out) == 2
    assert np.isnan(out).all()


@pytest.mark.parametrize(
    "parameters",
    [
        *((nan, 0.1, 0, 0, 0.1, 1), (0.1, -0.1, 0, 0, 0.1, 1), (0.1, 0.1, 1.1, 0, 0.1, 1), (0.1, 0.1, 0, 0, 0, 1)),
        *((0.1, 0.1, 0, 0, 0.1, 0), (-0.02, 0.1, 0, 0, 0.1, 1), (0.1, 0.1, 0, nan, 0.1, 1)),
    ],
)
def test_parameters_without_a_smile_are_refused(parameters):
    """Variance that dips to 0, or a parameter out of its domain, is no smile."""
    made = smile.smile_of(*parameters)
    assert made.status == smile.BAD_INPUT
    assert_silent(made)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 80),
    st.sampled_from([0.0, 1e-6, 0.3, 5.0]),
    st.sampled_from([1e-6, 0.1, 5]),
)
def test_any_points_give_a_legal_smile(seed, count, noise, years):
    """However wild the quotes, a fit has variance above 0 everywhere and wings that Lee allows, or is none."""
    rng = np.random.default_rng(seed)
    k = rng.normal(0, 0.5, count)
    made = smile.fit(k, 0.5 * np.exp(noise * rng.normal(0, 1, count)).clip(1e-5, 100), rng.uniform(0, 1, count), years)
    if made.status == smile.TOO_FEW_POINTS:
        assert count < 5
        return
    assert made.status == smile.OK
    assert -1 <= made.rho <= 1
    assert 0 <= made.b * (1 + abs(made.rho)) <= 2 * (1 + 1e-12)
    assert (curve(made, np.linspace(-3, 3, 101))[0] > 0).all()


@settings(max_examples=50, deadline=None)
@given(smiles, st.floats(0.7, 1.4), st.integers(0, 70))
def test_a_chain_is_priced_at_its_fair_volatilities(of, move, count):
    """Each column has the bits of its option priced alone, at the volatility of its k to the forward as it is now."""
    forward, years = 60_000.0 * move, of.years * 0.9
    strike = 60_000.0 * np.exp(np.linspace(-0.5, 0.5, count))
    is_call = np.arange(count) % 2 == 0
    out = np.zeros((5, count))
    assert chain.reprice(of, is_call, strike, forward, years, out) == 0
    for column, (call, at) in enumerate(zip(is_call, strike, strict=True)):
        fair = of.a + of.b * (of.rho * (log(at / forward) - of.m) + np.hypot(log(at / forward) - of.m, of.sigma))
        volatility = smile.volatility(of, at, forward)
        assert volatility == pytest.approx(sqrt(fair / of.years), rel=1e-12)
        assert (smile.OK, *out[:, column]) == tuple(black76.greeks(call, forward, at, years, volatility))


def test_one_bad_strike_spoils_its_column_only():
    """A strike that is none is NaN in its column, counted, and leaves the others alone."""
    strike, out = np.array([90.0, -1.0, nan, 110.0]), np.zeros((5, 4))
    assert chain.reprice(flat(0.5, 0.5), np.ones(4, bool), strike, 100.0, 0.5, out) == 2
    assert np.isnan(out).all(axis=0).tolist() == [False, True, True, False]
    assert chain.reprice(flat(0.5, 0.5), np.ones(4, bool), strike, nan, 0.5, out) == 4
    rows = np.zeros((3, 4))
    assert smile.volatility_batch(flat(0.5, 0.5), strike, 100.0, rows) == 2


def test_prices_become_nanos_or_no_price():
    """The nearest nano, half to even; what is no number, or does not fit, is NO_PRICE and counted."""
    price = np.array([0.0, 1.25, 2.5e-9, 3.5e-9, -1e-9, 9e9, nan, inf, -inf, 9.3e9])
    out = np.zeros(10, np.int64)
    assert chain.nanos_of_prices(price, out) == 4
    assert out.tolist() == [0, 1_250_000_000, 2, 4, -1, 9 * 10**18] + [NO_PRICE] * 4


@pytest.mark.parametrize(
    "call",
    [
        lambda: smile.fit(np.zeros(5), np.ones(4), np.ones(5), 1.0),
        lambda: smile.fit(np.zeros(5), np.ones(5), np.ones(6), 1.0),
        lambda: smile.fit(np.zeros(5, np.float32), np.ones(5), np.ones(5), 1.0),
        lambda: smile.fit(np.zeros(10)[::2], np.ones(5), np.ones(5), 1.0),
        lambda: smile.volatility_batch(flat(0.5, 1.0), np.ones(5), 1.0, np.zeros((3, 4))),
        lambda: smile.volatility_batch(flat(0.5, 1.0), np.ones(5), 1.0, np.zeros((2, 5))),
        lambda: chain.reprice(flat(0.5, 1.0), np.ones(5), np.ones(5), 1.0, 1.0, np.zeros((5, 5))),
        lambda: chain.reprice(flat(0.5, 1.0), np.ones(4, bool), np.ones(5), 1.0, 1.0, np.zeros((5, 5))),
        lambda: chain.reprice(flat(0.5, 1.0), np.ones(5, bool), np.ones(5), 1.0, 1.0, np.zeros((4, 5))),
        lambda: chain.nanos_of_prices(np.ones(5), np.zeros(4, np.int64)),
        lambda: chain.butterfly(flat(0.5, 1.0), 1.0, -1.0, 11),
        lambda: chain.butterfly(flat(0.5, 1.0), -1.0, nan, 11),
        lambda: chain.calendar(flat(0.5, 1.0), flat(0.5, 2.0), -1.0, 1.0, 1),
    ],
)
def test_a_wrong_array_or_grid_is_an_error(call):
    """Arrays of another length, type or layout, and grids that do not go up, are refused before anything is read."""
    with pytest.raises(ValueError, match=r"must|mismatch|contiguous|grid"):
        call()
