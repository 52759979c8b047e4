"""The market maker's rules: plain when all is off, wider in danger, and shifted against what is held."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atomizer._core.fixed import NANOS
from atomizer.domain.instruments import Instrument, parse_name
from atomizer.domain.trading import Mark
from atomizer.strategies.market_maker import MakerParams, MarketMaker, Seen, View
from atomizer.strategies.market_maker_skew import NetGreeks, SkewParams, skew_nanos
from atomizer.strategies.market_maker_spread import Conditions, Moves, SpreadParams, widening

NOW_NS = 1_800_000_000 * NANOS
CALL = "ETH-20271231-3000-C"
PLAIN = MakerParams(
    aggression_nanos=NANOS // 2,
    improvement_nanos=0,
    reference_size_nanos=0,
    spread_share_nanos=NANOS // 200,
    min_spread_share_nanos=NANOS // 1000,
    size_nanos=NANOS // 10,
)
CALM = Conditions(iv=0.5, move=0.0, depth_nanos=100 * NANOS, left_s=10**7)


def mark(name=CALL, **changes) -> Mark:
    known = Mark(
        now_ns=NOW_NS,
        venue="derive",
        instrument=name,
        mark_nanos=100 * NANOS,
        index_nanos=3_000 * NANOS,
        forward_nanos=3_000 * NANOS,
        iv=0.6,
        delta=0.5,
        gamma=0.001,
        vega=4.0,
        theta=-3.0,
        venue_time_ns=NOW_NS,
    )
    return msgspec.structs.replace(known, **changes)


def view(net=None, moves=None, known=None) -> View:
    instrument = Instrument("derive", parse_name(CALL), 1, 1, 1, NANOS, 0, 0, 0, 0)
    return View(NOW_NS, {CALL: Seen(instrument, known or mark(), 0, 100 * NANOS)}, net or {}, moves or {})


def test_with_every_factor_off_the_rule_is_the_plain_formula():
    """Weights and aversion of zero: whatever the market does, nothing is added to the guide's formula."""
    make = MarketMaker(PLAIN)
    wild = view({"ETH": NetGreeks(50.0, 900.0)}, {"ETH": 0.2}, mark(iv=4.0))
    rule = make(wild)[CALL]
    assert rule == make(view())[CALL]
    assert (rule.widen_nanos, rule.skew_nanos, rule.bid_size_nanos) == (NANOS, 0, NANOS // 10)


def test_one_sided_modes_show_one_side():
    """Only bids, or only asks, when that is what was asked for."""
    rule = MarketMaker(msgspec.structs.replace(PLAIN, shows_asks=False))(view())[CALL]
    assert (rule.bid_size_nanos, rule.ask_size_nanos) == (NANOS // 10, 0)


@pytest.mark.parametrize(
    ("params", "now", "factor"),
    [
        (SpreadParams(iv=1.0), CALM, 1.0),
        (SpreadParams(iv=1.0), msgspec.structs.replace(CALM, iv=0.75), 1.5),
        (SpreadParams(move=0.5), msgspec.structs.replace(CALM, move=0.01), 1.5),
        (SpreadParams(thin=1.0), msgspec.structs.replace(CALM, depth_nanos=25 * NANOS), 1.5),
        (SpreadParams(short=1.0), msgspec.structs.replace(CALM, left_s=86_400), 1.5),
        (SpreadParams(short=1.0), msgspec.structs.replace(CALM, left_s=-5), 2.0),
        (SpreadParams(move=9.0, widest=2.5), msgspec.structs.replace(CALM, move=0.5), 2.5),
    ],
)
def test_each_danger_widens_by_its_weight_within_the_bound(params, now, factor):
    """Check values of the documented formula, one factor at a time, and its bound."""
    assert widening(params, now) == pytest.approx(factor)


def test_the_venues_index_of_volatility_widens_where_it_is_higher():
    """Implied volatility is the mark's, or the index of the coin's where that says more."""
    make = MarketMaker(msgspec.structs.replace(PLAIN, spread=SpreadParams(iv=1.0)))
    factors = []
    for iv, index_iv in ((0.5, 0.0), (0.5, 0.75), (0.75, 0.6)):
        seen = view(known=mark(iv=iv)).seen[CALL]
        seen = msgspec.structs.replace(seen, index_iv=index_iv)
        factors.append(make(msgspec.structs.replace(view(), seen={CALL: seen}))[CALL].widen_nanos / NANOS)
    assert factors == pytest.approx([1.0, 1.5, 1.5])


weights = st.floats(0, 10)
greeks = st.floats(-1e3, 1e3)


@given(
    st.builds(SpreadParams, iv=weights, move=weights, thin=weights, short=weights, widest=st.floats(1, 3)),
    st.builds(
        Conditions, iv=weights, move=st.floats(0, 1), depth_nanos=st.integers(0, 10**12), left_s=st.floats(0, 1e9)
    ),
)
def test_the_factor_is_never_below_one_nor_beyond_its_bound(params, now):
    """Danger only ever widens, and no further than allowed."""
    assert 1.0 <= widening(params, now) <= params.widest


def test_what_is_held_pushes_both_quotes_the_other_way():
    """Long delta lowers the quotes of calls and raises those of puts; with nothing held nothing moves."""
    params = SkewParams(aversion=1e-3)
    assert skew_nanos(params, NetGreeks(), mark()) == 0
    assert (
        skew_nanos(params, NetGreeks(delta=5.0), mark())
        < 0
        < skew_nanos(params, NetGreeks(delta=5.0), mark(delta=-0.5))
    )
    assert skew_nanos(params, NetGreeks(vega=300.0), mark()) < 0


def test_the_skew_is_the_formula_of_the_papers():
    """gamma T (delta_i Delta (S IV)^2): 1e-3 x one hour x 0.5 x 5 x 1800^2."""
    usd = -1e-3 * 3_600 / (365 * 86_400) * 0.5 * 5.0 * 1_800.0**2
    assert skew_nanos(SkewParams(aversion=1e-3), NetGreeks(delta=5.0), mark()) == pytest.approx(usd * NANOS)


@given(st.floats(0, 1e3), greeks, greeks, st.floats(-1, 1), st.floats(0, 50))
def test_the_skew_is_bounded_by_a_share_of_the_mark(aversion, delta, vega, unit_delta, unit_vega):
    """However much is held, quotes move by no more than the share."""
    params = SkewParams(aversion=aversion, most_share=0.05)
    skew = skew_nanos(params, NetGreeks(delta, vega), mark(delta=unit_delta, vega=unit_vega))
    assert abs(skew) <= 5 * NANOS
    assert skew_nanos(params, NetGreeks(-delta, -vega), mark(delta=unit_delta, vega=unit_vega)) == -skew


def test_moves_are_the_range_of_the_window():
    """The index's range within the window, as a share of its lowest; what is older is forgotten."""
    moves = Moves(60 * NANOS)
    for second, index in ((0, 3_000), (1, 2_970), (2, 3_003)):
        moves.note("ETH", index * NANOS, NOW_NS + second * NANOS)
    assert moves.shares() == {"ETH": pytest.approx(33 / 2_970)}
    moves.note("ETH", 3_003 * NANOS, NOW_NS + 90 * NANOS)
    assert moves.shares() == {"ETH": 0.0}


def held(position, instrument=None, known=None):
    instrument = instrument or Instrument("derive", parse_name(CALL), 1, NANOS // 100, NANOS // 10, NANOS, 0, 0, 0, 0)
    return View(NOW_NS, {CALL: Seen(instrument, known or mark(), round(position * NANOS), 100 * NANOS)})


@pytest.mark.parametrize(
    ("position", "bid", "ask"),
    [(0, "1", "1"), (5, "1", "1"), (7.5, "0.5", "1"), (9, "0.2", "1"), (9.95, "0.1", "1"), (-9, "1", "0.2")],
)
def test_sizes_taper_on_the_side_that_makes_a_large_position_larger(position, bid, ask):
    """From half of the largest position on, linearly down to the venue's least order; the side home stays whole."""
    params = msgspec.structs.replace(PLAIN, size_nanos=NANOS, max_position_nanos=10 * NANOS, taper_from=0.5)
    rule = MarketMaker(params)(held(position))[CALL]
    assert (rule.bid_size_nanos, rule.ask_size_nanos) == (round(float(bid) * NANOS), round(float(ask) * NANOS))


def test_where_prices_are_coins_usd_become_coins():
    """On an inverse option improvement and skew, which are told in USD, are coins at the index."""
    inverse = Instrument("deribit", parse_name(CALL), 1, 1, 1, NANOS, 0, 0, 0, 0, currency="ETH")
    known = mark(mark_nanos=NANOS // 30, currency="ETH", index_nanos=2_000 * NANOS)
    rule = MarketMaker(msgspec.structs.replace(PLAIN, improvement_nanos=NANOS))(held(0, inverse, known))[CALL]
    assert rule.improvement_nanos == NANOS // 2_000
    skew = SkewParams(aversion=1e-4, most_share=1.0)
    in_usd = skew_nanos(skew, NetGreeks(3.0, 100.0), msgspec.structs.replace(known, currency="USD", mark_nanos=10**12))
    in_coins = skew_nanos(skew, NetGreeks(3.0, 100.0), msgspec.structs.replace(known, mark_nanos=10**12))
    assert in_coins == pytest.approx(in_usd / 2_000, abs=1)
