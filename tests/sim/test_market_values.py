"""What the practice market thinks things are worth: marks, Greeks, smiles, paths, the end of an option."""

from decimal import Decimal
from itertools import pairwise
from math import log, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atomizer.sim.market import STEP_NS, Market
from atomizer.sim.market.black76 import price_and_delta
from atomizer.sim.market.figures import UNDERLYINGS, load_figures
from atomizer.sim.market.makers import Makers
from atomizer.sim.market.paths import JUMP_VARIANCE, Paths
from atomizer.sim.market.smile import shocked, slices_at, total_variance
from atomizer.sim.market.takers import Takers
from atomizer.sim.market.valuation import Valuation
from tests.reference.reference_black76 import greeks

START_NS = 1_771_977_600_000_000_000  # 2026-02-25 00:00 UTC
YEAR_S = 365 * 86_400
FIGURES = {underlying: load_figures(underlying) for underlying in UNDERLYINGS}
SHOCKS = st.tuples(st.floats(-0.36, 0.36), st.floats(-0.15, 0.15))  # three deviations of level and skew


@pytest.fixture(scope="module")
def market():
    result = Market(77, START_NS)
    result.advance(START_NS + 50 * STEP_NS)
    return result


def options(market):
    return {name: item for name, item in market.listings.items() if item.kind == "option"}


def test_marks_and_greeks_agree_with_the_slow_reference(market):
    """Mark, delta, gamma, vega and theta follow from the published forward, IV and discount in 60-digit Black-76."""
    for name, listing in options(market).items():
        state = market.state(name)
        years = (listing.expiry_s - market.now_ns / 1e9) / YEAR_S
        wanted = greeks(listing.option_type == "C", float(state.forward), float(listing.strike), years, state.iv)
        # Forward and IV are published to a cent and five digits; the mark is floored to the tick.
        slack = 0.011 + state.vega * 0.0011 + float(listing.tick)
        assert float(state.mark) >= 0
        assert abs(float(wanted.price) * state.discount - float(state.mark)) < slack
        assert state.delta == pytest.approx(float(wanted.delta), abs=2e-4)
        assert state.gamma == pytest.approx(float(wanted.gamma), rel=1e-3, abs=1e-8)
        assert state.vega == pytest.approx(float(wanted.vega) / 100, rel=1e-3, abs=1e-5)
        assert state.theta == pytest.approx(float(wanted.theta) / 365, rel=1e-3, abs=1e-5)
        assert state.mark % listing.tick == 0


def test_put_call_parity_holds_to_the_tick(market):
    """Call mark less put mark is the discounted forward less strike, to the rounding of both marks."""
    for name, listing in options(market).items():
        if listing.option_type == "C":
            call, put = market.state(name), market.state(name[:-1] + "P")
            parity = (float(call.forward) - float(listing.strike)) * call.discount
            assert abs(float(call.mark - put.mark) - parity) <= float(listing.tick) + 0.1


def test_listed_marks_have_no_static_arbitrage(market):
    """Call marks fall along the strikes, by less than these rise, and are convex, to the two ticks of rounding."""
    chains = {}
    for name, listing in options(market).items():
        if listing.option_type == "C":
            chains.setdefault((listing.underlying, listing.expiry_s), []).append((listing.strike, name))
    for chain in chains.values():
        chain.sort()
        tick = market.listings[chain[0][1]].tick
        marks = [market.state(name).mark for _, name in chain]
        spacing = chain[1][0] - chain[0][0]
        steps = [before - after for before, after in pairwise(marks)]
        assert all(-tick <= step <= spacing + tick for step in steps)
        assert all(left - right >= -2 * tick for left, right in pairwise(steps))


@settings(max_examples=60)
@given(st.sampled_from(UNDERLYINGS), SHOCKS, st.floats(0.6 / 365, 300 / 365))
def test_smiles_have_no_butterfly(underlying, shocks, years):
    """At any tenor and after any likely shock, the density implied within three deviations is not negative."""
    at = np.array([years])
    theta, rho, psi = (float(c[0]) for c in shocked(slices_at(FIGURES[underlying], at), at, *shocks))
    k = np.linspace(-3, 3, 241) * sqrt(theta)
    w = total_variance((np.full_like(k, theta), np.full_like(k, rho), np.full_like(k, psi)), k)
    slope = np.gradient(w, k)
    curvature = np.gradient(slope, k)
    density = (1 - k * slope / (2 * w)) ** 2 - slope**2 / 4 * (1 / w + 0.25) + curvature / 2
    assert (w > 0).all()
    assert density[2:-2].min() >= -1e-3


@settings(max_examples=60)
@given(st.sampled_from(UNDERLYINGS), SHOCKS)
def test_smiles_have_no_calendar_arbitrage_worth_a_tick(underlying, shocks):
    """After any likely shock total variance grows with time at each moneyness, to one percent of itself."""
    figures = FIGURES[underlying]
    years = np.geomspace(1.2 / 365, 320 / 365, 60)
    theta, rho, psi = shocked(slices_at(figures, years), years, *shocks)
    for z in np.linspace(-2, 2, 17):
        k = z * np.sqrt(theta[:-1])
        before = total_variance((theta[:-1], rho[:-1], psi[:-1]), k)
        after = total_variance((theta[1:], rho[1:], psi[1:]), k)
        assert ((after - before) / before).min() >= -0.01


def test_realised_volatility_is_near_its_target():
    """Spot diffuses at the fitted volatility less the share of its rare jumps, ETH and BTC together as fitted."""
    returns = {underlying: [] for underlying in UNDERLYINGS}
    for seed in range(12):
        paths = Paths(FIGURES, np.random.SeedSequence(seed))
        last = {name: state.spot for name, state in paths.states.items()}
        for _ in range(30_000):
            paths.step()
            for name, state in paths.states.items():
                returns[name].append(log(state.spot / last[name]))
                last[name] = state.spot
    eth, btc = (np.array(returns[name]) for name in ("ETH", "BTC"))
    jumped = np.abs(eth) > 20 * np.median(np.abs(eth))
    assert 0 < jumped.sum() < 8
    a_year = YEAR_S * 1_000_000_000 // STEP_NS
    for name, series in (("ETH", eth), ("BTC", btc)):
        target = sqrt(FIGURES[name].dynamics["volatility"] ** 2 - JUMP_VARIANCE)
        assert sqrt(float(np.square(series[~jumped]).mean()) * a_year) == pytest.approx(target, rel=0.05)
    loading = FIGURES["ETH"].dynamics["common_loading"] * FIGURES["BTC"].dynamics["common_loading"]
    assert float(np.corrcoef(eth[~jumped], btc[~jumped])[0, 1]) == pytest.approx(loading, abs=0.01)


def test_levels_wander_and_come_back():
    """The level of volatility moves, stays within five of its deviations, and its average is near zero."""
    levels = []
    for seed in range(6):
        paths = Paths(FIGURES, np.random.SeedSequence(seed))
        for _ in range(10_000):
            paths.step()
        levels += [state.level for state in paths.states.values()]
        assert all(state.spot > 0 and abs(state.basis) < 0.001 for state in paths.states.values())
    assert 0 < max(abs(level) for level in levels) < 5 * 0.12
    assert abs(sum(levels) / len(levels)) < 0.12


def test_expired_option_loses_its_makers_and_takers():
    """From its expiry on an option is withdrawn by every maker, ordered by no taker, and worth its intrinsic value."""
    seeds = np.random.SeedSequence(1).spawn(3)
    paths, valuation = Paths(FIGURES, seeds[0]), Valuation(FIGURES, START_NS)
    makers, takers = Makers(valuation, FIGURES, seeds[1]), Takers(valuation, FIGURES, seeds[2])
    valuation.update(START_NS, paths)
    opened = makers.step(0, START_NS)
    expiry_ns = valuation.slots[0].expiry_s * 1_000_000_000
    expired = {item.name for item in valuation.listings if item.expiry_s == valuation.slots[0].expiry_s}
    valuation.update(expiry_ns, paths)
    withdrawn = [event for event in makers.step(1, expiry_ns) if not event.asks]
    shown = {(event.maker, event.name) for event in opened if event.name in expired}
    assert {(event.maker, event.name) for event in withdrawn} == shown
    assert len(withdrawn) == len(shown)
    later = [event for step in range(2, 400) for event in makers.step(step, expiry_ns + step * STEP_NS)]
    later += [order for step in range(4000) for order in takers.step(expiry_ns + step * STEP_NS)]
    assert later
    assert not expired & {event.name for event in later}
    for index, listing in enumerate(valuation.listings):
        if listing.name in expired:
            state = valuation.state(index)
            intrinsic = state.index - listing.strike if listing.option_type == "C" else listing.strike - state.index
            assert abs(state.mark - max(intrinsic, Decimal(0))) < 3 * listing.tick + Decimal(1)


def test_unknown_names_are_refused(market):
    """Neither an instrument nor an underlying is invented."""
    with pytest.raises(KeyError):
        market.state("ETH-20200101-1-C")
    with pytest.raises(KeyError):
        market.spot("DOGE")


@given(st.floats(100, 1e5), st.floats(-1.5, 1.5), st.floats(0.01, 2.0), st.booleans())
def test_price_and_delta_match_the_reference(forward, log_moneyness, total_sd, is_call):
    """Our Black-76 agrees with 60 digits on price, to 1e-12 of the forward, and on delta."""
    strike = forward * float(np.exp(log_moneyness))
    wanted = greeks(is_call, forward, strike, 1.0, total_sd)
    price, delta, _ = price_and_delta(*(np.array([v]) for v in (forward, strike, total_sd)), np.array([is_call]))
    assert float(price[0]) == pytest.approx(float(wanted.price), abs=1e-12 * forward)
    assert float(delta[0]) == pytest.approx(float(wanted.delta), abs=1e-13)
