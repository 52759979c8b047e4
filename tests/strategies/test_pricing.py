"""What an RFQ is priced at, and why it is not."""

import math
from fractions import Fraction

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec import structs
from resident import (
    CALL,
    NOW_NS,
    PERP,
    SECOND,
    Resident,
    book,
    exact_edge,
    exact_fee,
    exact_vwap,
    instrument,
    ladders,
    mark,
    rfq,
    sizes,
)

from atomizer.domain.instruments import NANOS
from atomizer.domain.reasons import Reason
from atomizer.strategies.pricing import BookPricer, BookPricerParams, Edge, FixedPricer, Price

BIDS, ASKS = [(90 * NANOS, NANOS), (89 * NANOS, 4 * NANOS)], [(92 * NANOS, NANOS), (94 * NANOS, 4 * NANOS)]
MINIMUM = Edge(usd_nanos=NANOS, premium_bps=80)
PARAMS = BookPricerParams(
    target=Edge(usd_nanos=NANOS, premium_bps=300),
    minimum=MINIMUM,
    max_book_age_ns=5 * SECOND,
    max_mark_age_ns=30 * SECOND,
)

edges = st.builds(
    Edge,
    usd_nanos=st.integers(0, 2 * NANOS),
    premium_bps=st.integers(0, 2000),
    vol_points=st.floats(0, 2, allow_subnormal=False),
)
listings = st.builds(
    lambda taker, base, cap: instrument(CALL, taker_fee_nanos=taker, base_fee_nanos=base, fee_cap_nanos=cap),
    st.integers(0, 10**6),
    st.integers(0, NANOS),
    st.sampled_from([0, 125_000_000]),
)


def market(levels=(BIDS, ASKS), listed=None, **mark_changes):
    return Resident([listed or instrument(CALL)], {CALL: book(*levels)}, [mark(**mark_changes)])


@pytest.mark.parametrize("taker_buys", [False, True])
def test_a_book_in_coins_prices_as_the_same_book_in_dollars(taker_buys):
    """Levels in coins are worth their index price, rounded to our good; fee and edge are counted in USD as ever."""
    coins = ([(36_000_000, NANOS), (35_600_000, 4 * NANOS)], [(40_000_000, 2 * NANOS), (40_400_000, 4 * NANOS)])
    dollars = tuple([(price * 2500, size) for price, size in side] for side in coins)
    asked = rfq(2 * NANOS, taker_buys=taker_buys)
    inverse = market(coins, instrument(CALL, currency="ETH"), mark_nanos=40_000_000, currency="ETH")
    assert BookPricer(PARAMS, inverse).price(asked, NOW_NS) == BookPricer(PARAMS, market(dollars)).price(asked, NOW_NS)


def test_what_counts_dollars_and_pays_coins_is_no_part_of_an_rfq():
    """An inverse perpetual has no amount in coins: declined by name."""
    resident = Resident([instrument(PERP, currency="ETH")], {PERP: book(BIDS, ASKS)}, [mark(PERP)])
    verdict = BookPricer(PARAMS, resident).price(rfq(NANOS, name=PERP), NOW_NS)
    assert verdict.reason is Reason.COIN_PRICED


def test_price_by_hand():
    """Two calls sold into bids 90 x 1 and 89 x 4 fetch 89.5; fee 0.25 + 0.75, edge 2.685: we bid 85.815."""
    price = BookPricer(PARAMS, market()).price(rfq(2 * NANOS), NOW_NS)
    assert price == Price(target_nanos=85_815_000_000, limit_nanos=87_500_000_000, hedge_nanos=89_500_000_000)
    offer = BookPricer(PARAMS, market()).price(rfq(2 * NANOS, taker_buys=True), NOW_NS)
    assert offer == Price(target_nanos=96_790_000_000, limit_nanos=95_000_000_000, hedge_nanos=93 * NANOS)


def test_a_source_that_charges_the_maker_is_priced_in():
    """Where the RFQ's own trade costs the taker's rate, too, both prices are that 0.75 further away."""
    params = structs.replace(PARAMS, quotes_pay=True)
    price = BookPricer(params, market()).price(rfq(2 * NANOS), NOW_NS)
    assert price == Price(target_nanos=85_065_000_000, limit_nanos=86_750_000_000, hedge_nanos=89_500_000_000)
    offer = BookPricer(params, market()).price(rfq(2 * NANOS, taker_buys=True), NOW_NS)
    assert offer == Price(target_nanos=97_540_000_000, limit_nanos=95_750_000_000, hedge_nanos=93 * NANOS)


@given(
    levels=ladders(),
    quantity=sizes,
    taker_buys=st.booleans(),
    target=edges,
    minimum=edges,
    listed=listings,
    vega=st.floats(0, 5, allow_subnormal=False),
)
def test_price_is_never_on_the_wrong_side_of_cost(*, levels, quantity, taker_buys, target, minimum, listed, vega):
    """In exact fractions, what we show leaves at least the minimum edge after the hedge and its fee, first or last."""
    params = BookPricerParams(target=target, minimum=minimum, max_book_age_ns=SECOND, max_mark_age_ns=SECOND)
    price = BookPricer(params, market(levels, listed, vega=vega)).price(rfq(quantity, taker_buys=taker_buys), NOW_NS)
    vwap = exact_vwap(levels[taker_buys], quantity)
    if vwap is None:
        assert price.reason is Reason.THIN_BOOK
        return
    cost = exact_fee(listed, vwap, 2500 * NANOS, quantity) + exact_edge(minimum, vwap, vega)
    if not isinstance(price, Price):
        assert price.reason is Reason.UNPROFITABLE
        assert not taker_buys
        assert vwap - cost < exact_edge(target, vwap, vega) + 5
    elif taker_buys:
        assert price.target_nanos >= price.limit_nanos >= vwap + cost
        assert price.limit_nanos < vwap + cost + 5  # four roundings, each under a nano
    else:
        assert 0 < price.target_nanos <= price.limit_nanos <= vwap - cost
        assert price.limit_nanos > vwap - cost - 5


@given(ladders(), sizes, sizes, st.booleans(), edges)
def test_a_larger_request_never_gets_a_better_price(levels, one, other, taker_buys, edge):
    """Apart from the order fee that size dilutes, more quantity is never priced better for the taker."""
    params = BookPricerParams(target=edge, minimum=edge, max_book_age_ns=SECOND, max_mark_age_ns=SECOND)
    pricer = BookPricer(params, market(levels, instrument(CALL, base_fee_nanos=0)))
    small, large = (pricer.price(rfq(size, taker_buys=taker_buys), NOW_NS) for size in sorted((one, other)))
    assume(isinstance(small, Price) and isinstance(large, Price))
    assert (large.target_nanos - small.target_nanos) * (1 if taker_buys else -1) >= 0


def dark(levels=(BIDS, ASKS)):
    made = book(*levels)
    made.darken()
    return made


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda m: m.instruments.clear(), Reason.UNLISTED),
        (lambda m: m.instruments.update({CALL: instrument(CALL, is_active=False)}), Reason.UNLISTED),
        (lambda m: m.books.clear(), Reason.NO_BOOK),
        (lambda m: m.books.update({CALL: dark()}), Reason.NO_BOOK),
        (lambda m: m.books.update({CALL: book(BIDS, ASKS, NOW_NS - 5 * SECOND - 1)}), Reason.STALE_BOOK),
        (lambda m: m.books.update({CALL: book([], ASKS)}), Reason.THIN_BOOK),
        (lambda m: m.marks.clear(), Reason.NO_GREEKS),
        (lambda m: m.marks.update({CALL: mark(now_ns=NOW_NS - 30 * SECOND - 1)}), Reason.NO_GREEKS),
        (lambda m: m.marks.update({CALL: mark(vega=math.nan)}), Reason.NO_GREEKS),
        (lambda m: m.marks.update({CALL: mark(index_nanos=0)}), Reason.NO_GREEKS),
        (lambda m: m.books.update({CALL: book([(NANOS, 9 * NANOS)], ASKS)}), Reason.UNPROFITABLE),
    ],
)
def test_what_is_not_known_is_not_priced(change, reason):
    """Each thing that a price needs and that is missing, old or not a number has its own word."""
    resident = market()
    assert isinstance(BookPricer(PARAMS, resident).price(rfq(NANOS), NOW_NS), Price)
    change(resident)
    verdict = BookPricer(PARAMS, resident).price(rfq(NANOS), NOW_NS)
    assert verdict.reason is reason
    assert CALL in verdict.detail


def test_own_resting_size_is_not_hedged_against():
    """Our own orders in the hedge book are no liquidity to us."""
    resident = market()
    resident.books[CALL].set_own(True, 90 * NANOS, NANOS)
    price = BookPricer(PARAMS, resident).price(rfq(NANOS), NOW_NS)
    assert price.hedge_nanos == 89 * NANOS


def test_same_day_at_another_hour_is_another_contract():
    """An option that expires on the same day at another hour is not what the hedge venue lists."""
    plain = rfq(NANOS)
    later = msgspec.structs.replace(plain.contract, expiry_s=plain.contract.expiry_s + 9 * 3600 + 1800)
    at_1730 = msgspec.structs.replace(plain, contract=later)
    assert at_1730.contract.name == CALL
    assert BookPricer(PARAMS, market()).price(at_1730, NOW_NS).reason is Reason.UNLISTED


@given(st.floats(0.01, 3), st.floats(0.01, 5))
def test_volatility_edge_is_points_of_vega(points, vega):
    """An edge in volatility points is the option's vega for so many points, rounded up."""
    edge = Edge(vol_points=points).nanos(100 * NANOS, vega)
    assert 0 <= edge - Fraction(points * vega * NANOS) < 1


def test_fixed_price_is_for_everything():
    """A fixed price asks no market and leaves no room to follow."""
    assert FixedPricer(100 * NANOS).price(rfq(NANOS), NOW_NS) == Price(100 * NANOS, 100 * NANOS, 100 * NANOS)
    with pytest.raises(ValueError, match="above 0"):
        FixedPricer(0)
