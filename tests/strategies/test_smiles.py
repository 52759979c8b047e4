"""Our own value of a chain: what is recovered from what others show, and every way in which nothing may be quoted."""

from math import exp, isnan, nan, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from atomizer._core import black76
from atomizer._core.smile import smile_of, volatility
from atomizer.domain.reasons import Reason
from atomizer.strategies.smiles import Option, Pricer, falls_by, fit_chain

FORWARD, YEARS = 3000.0, 30 / 365
VOGT = (-0.0410, 0.1331, 0.3060, 0.3586, 0.4153)  # Gatheral and Jacquier (2014): wings rise, and yet a density below 0


def shown(smile, strike, *, years=YEARS, forward=FORWARD, discount=1.0, half=0.002):
    """The option out of the money, marked at the smile and shown `half` of volatility round it."""
    is_call, middle = strike >= forward, volatility(smile, strike, forward)

    def price(of):
        return black76.greeks(is_call, forward, strike, years, of, discount).price

    return Option(
        is_call=is_call,
        strike=strike,
        bid=price(middle - half),
        ask=price(middle + half),
        mark=price(middle),
        iv=middle,
        forward=forward,
    )


def chain(smile, count=15, reach=0.3, **how):
    return [shown(smile, FORWARD * exp(k), **how) for k in np.linspace(-reach, reach, count)]


def plain(level=0.55, years=YEARS):
    return smile_of(level * level * years * 0.6, 0.05, -0.3, 0.0, 0.2, years)


@given(st.floats(0.3, 1.2), st.floats(0.9, 1.0), st.floats(-0.25, 0.25))
@settings(max_examples=60, deadline=None)
def test_a_discounted_chain_is_priced_as_its_smile_says(level, discount, k):
    """From bids and asks round a smile, at whatever discount the marks are made with, comes its price at any strike."""
    smile, strike = plain(level), FORWARD * exp(k)
    fitted = fit_chain(chain(smile, discount=discount), FORWARD, YEARS, 1.0)
    assert fitted.reason is Reason.OK, fitted.detail
    (nanos,) = Pricer([False], [strike]).price(fitted, FORWARD, YEARS)
    expected = black76.greeks(False, FORWARD, strike, YEARS, volatility(smile, strike, FORWARD), discount).price
    assert nanos / 1e9 == pytest.approx(expected, rel=2e-3, abs=0.02)


def test_a_move_of_the_forward_prices_the_chain_and_a_coin_pays_in_coins():
    """The smile goes with the forward, and an inverse option is worth its USD in coins of that moment."""
    smile = plain()
    fitted = fit_chain(chain(smile), FORWARD, YEARS, 1.0)
    in_usd = Pricer([True, False], [3000.0, 2800.0]).price(fitted, 3100.0, YEARS)
    in_coins = Pricer([True, False], [3000.0, 2800.0]).price(fitted, 3100.0, YEARS, 3000.0)
    assert in_usd[0] / 1e9 == pytest.approx(
        black76.greeks(True, 3100.0, 3000.0, YEARS, volatility(smile, 3000.0, 3100.0)).price, rel=1e-3
    )
    assert [coins * 3000 for coins in in_coins] == pytest.approx(in_usd, abs=3000)


def test_a_side_that_nobody_shows_leaves_the_mark():
    """Where bid or ask is missing, or both are far apart, the venue's own volatility is the point."""
    options = [replace(each, bid=nan) if at % 2 else replace(each, ask=nan) for at, each in enumerate(chain(plain()))]
    fitted = fit_chain(options, FORWARD, YEARS, 1.0)
    assert fitted.reason is Reason.OK
    assert fitted.at_the_money == pytest.approx(volatility(plain(), FORWARD, FORWARD), rel=1e-3)


def bent(options):
    """Every other option shown ten points too high."""
    return [each if at % 2 else bumped(each, 0.1) for at, each in enumerate(options)]


def bumped(option, by):
    def price(of):
        return black76.greeks(option.is_call, FORWARD, option.strike, YEARS, of).price

    iv = option.iv + by
    return replace(option, bid=price(iv - 0.002), ask=price(iv + 0.002), mark=price(iv), iv=iv)


@pytest.mark.parametrize(
    ("options", "reason", "words"),
    [
        ([], Reason.NO_SMILE, "marks are nan"),
        (chain(plain(), count=4), Reason.NO_SMILE, "4 options, too few points"),
        ([replace(each, mark=2 * each.mark) for each in chain(plain())], Reason.NO_SMILE, "marks are 2 of what"),
        (bent(chain(plain())), Reason.BAD_SMILE, "volatility points, more than 1"),
        (
            chain(smile_of(*VOGT, YEARS), count=41, reach=1.2, half=1e-5),
            Reason.SMILE_ARBITRAGE,
            "butterfly arbitrage at strike",
        ),
    ],
)
def test_a_chain_without_a_smile_to_trust_names_why(options, reason, words):
    """Too few points, marks that are none, a fit that misses, a density below 0: a reason and words, and no price."""
    fitted = fit_chain(options, FORWARD, YEARS, 1.0)
    assert fitted.reason is reason
    assert words in fitted.detail


def test_variance_that_falls_with_time_is_told_with_where():
    """Of two expiries the later one must have more total variance at every strike."""
    near = fit_chain(chain(plain(0.8)), FORWARD, YEARS, 1.0)
    low = plain(0.8 / sqrt(3), 2 * YEARS)
    later = fit_chain(chain(low, years=2 * YEARS), FORWARD, 2 * YEARS, 1.0)
    strike, fall = falls_by(near, later)
    assert fall > 0
    assert FORWARD * 0.7 < strike < FORWARD * 1.4
    high = fit_chain(chain(plain(0.8, 2 * YEARS), years=2 * YEARS), FORWARD, 2 * YEARS, 1.0)
    assert falls_by(near, high)[1] == 0
    strike, fall = falls_by(fit_chain([], FORWARD, YEARS, 1.0), high)
    assert (isnan(strike), fall) == (True, 0.0)
