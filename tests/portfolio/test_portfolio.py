"""Marks, net Greeks and the inventory's rows."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.generators import RECORDS
from reference.reference_black76 import greeks as reference_greeks

from atomizer.domain.instruments import NANOS, parse_name
from atomizer.domain.trading import Fill, FundingPaid, Mark, Settled, Side
from atomizer.portfolio.exposure import Greeks, own_greeks
from atomizer.portfolio.inventory import inventory_rows, inventory_summary
from atomizer.portfolio.portfolio import Portfolio

CALL = "ETH-20300628-3000-C"
PUT = "ETH-20300628-2000-P"
BTC_CALL = "BTC-20300628-90000-C"
E18 = 10**18


def fill(instrument=CALL, side=Side.BUY, amount=1.0, *, price=100, venue="derive", fee_e18=0):
    return Fill(
        now_ns=1,
        venue=venue,
        trade_id="t",
        client_id="c",
        instrument=instrument,
        side=side,
        price_nanos=price * NANOS,
        amount_nanos=round(amount * NANOS),
        fee_e18=fee_e18,
        is_maker=False,
        venue_time_ns=1,
    )


def mark(instrument=CALL, price=110, venue="derive", venue_time_ns=5, **greeks):
    values = {"delta": 0.5, "gamma": 0.001, "vega": 2.0, "theta": -3.0} | greeks
    return Mark(
        now_ns=venue_time_ns + 1,
        venue=venue,
        instrument=instrument,
        mark_nanos=price * NANOS,
        index_nanos=2500 * NANOS,
        forward_nanos=2500 * NANOS,
        iv=0.6,
        venue_time_ns=venue_time_ns,
        **values,
    )


def fold(*records):
    portfolio = Portfolio()
    for record in records:
        portfolio.apply(record)
    return portfolio


def test_net_greeks_add_up_by_underlying():
    """Greeks are per unit times signed amount, summed over venues; a perpetual counts with a delta of one, unmarked."""
    portfolio = fold(
        mark(), mark(PUT, delta=-0.25), mark(BTC_CALL),
        fill(amount=4), fill(venue="rysk", side=Side.SELL, amount=2), fill(PUT, amount=8),
        fill("ETH-PERP", Side.SELL, 1.5), fill(BTC_CALL, amount=1),
    )  # fmt: skip
    exposure = portfolio.exposure()
    assert list(exposure) == ["BTC", "ETH"]
    assert exposure["ETH"].venue == Greeks(delta=1.0 - 2.0 - 1.5, gamma=0.01, vega=20.0, theta=-30.0)
    assert exposure["ETH"].unknown == ()
    assert exposure["BTC"].venue.delta == 0.5
    assert portfolio.amount_nanos(CALL) == 2 * NANOS


IN_COINS = RECORDS.filter(lambda record: not getattr(record, "is_amount_usd", False))


@given(st.lists(IN_COINS, max_size=20), st.lists(IN_COINS, max_size=20))
def test_whoever_watches_knows_every_amount(before, after):
    """A watcher is told what is held when it begins and every change since: the sum of all venues' positions."""
    portfolio = fold(*before)
    told = {}
    portfolio.watch(told.__setitem__)
    for record in after:
        portfolio.apply(record)
    held = {}
    for position in portfolio.positions():
        held[position.instrument] = held.get(position.instrument, 0) + position.amount_nanos
    assert {name: amount for name, amount in told.items() if amount} == {name: n for name, n in held.items() if n}
    assert all(portfolio.amount_nanos(name) == amount for name, amount in held.items())


def test_a_missing_mark_is_named_and_not_zero():
    """An option without a mark makes its underlying's Greeks unknown and is named; a flat one does not matter."""
    portfolio = fold(mark(), fill(), fill(PUT), fill(BTC_CALL), fill(BTC_CALL, Side.SELL))
    assert portfolio.exposure()["ETH"].greeks == Greeks(None, None, None, None)
    assert portfolio.exposure()["ETH"].unknown == (PUT,)
    assert portfolio.exposure()["BTC"].greeks == Greeks()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_greek_that_is_no_number_is_unknown(value):
    """A mark whose vega is NaN or infinite gives the venue's other Greeks only; ours need none of them."""
    exposure = fold(mark(vega=value), fill()).exposure()["ETH"]
    assert exposure.venue == Greeks(delta=0.5, gamma=0.001, vega=None, theta=-3.0)
    assert exposure.greeks.is_known


@pytest.mark.parametrize("changes", [{"iv": math.nan}, {"iv": 0.0}, {"forward_nanos": 0}, {"venue_time_ns": 2**62}])
def test_without_what_they_are_made_of_our_greeks_are_unknown(changes):
    """No volatility, no forward, or an expiry that has passed: ours are named as unknown, whatever the venue says."""
    exposure = fold(msgspec.structs.replace(mark(), **changes), fill()).exposure()["ETH"]
    assert exposure.greeks == Greeks(None, None, None, None)
    assert exposure.unknown == (CALL,)


@given(
    st.sampled_from([CALL, PUT]), st.floats(1000, 5000), st.floats(0.1, 2.0), st.floats(0.5, 400), st.integers(-9, 9)
)
def test_our_greeks_are_those_of_black_76(name, forward, iv, days_left, amount):
    """Delta, gamma, vega per volatility point and theta per day of a whole position, by an independent Black-76."""
    contract = parse_name(name)
    forward_nanos = round(forward * NANOS)
    left_ns = round(days_left * 86_400 * NANOS)
    priced = msgspec.structs.replace(
        mark(name), forward_nanos=forward_nanos, iv=iv, venue_time_ns=contract.expiry_s * NANOS - left_ns
    )
    ours = own_greeks(name, amount * NANOS, priced)
    years = left_ns / (365 * 86_400 * NANOS)
    exact = reference_greeks(name == CALL, forward_nanos / NANOS, contract.strike_nanos / NANOS, years, iv)
    wanted = (exact.delta, exact.gamma, exact.vega / 100, exact.theta / 365)
    for found, figure in zip(msgspec.structs.astuple(ours), wanted, strict=True):
        assert found == pytest.approx(float(figure) * amount, rel=1e-9, abs=1e-12)


traded = st.builds(
    fill,
    st.sampled_from([CALL, PUT, "ETH-PERP"]),
    st.sampled_from(Side),
    st.integers(1, 9),
    price=st.integers(1, 200),
    venue=st.sampled_from(["derive", "rysk"]),
    fee_e18=st.integers(-9, 9),
)
marked = st.builds(
    mark,
    st.sampled_from([CALL, PUT, "ETH-PERP"]),
    st.integers(1, 200),
    st.sampled_from(["derive", "deribit"]),
    st.integers(1, 9),
)


@given(st.lists(traded | marked, max_size=30))
def test_running_profit_is_what_the_rows_add_up_to(records):
    """After any fills and marks the running P&L is the sum over the inventory's rows, unknown when one of them is."""
    portfolio = Portfolio()
    for record in records:
        portfolio.apply(record)
        total = inventory_summary(inventory_rows(portfolio, now_ns=9)).total
        assert portfolio.net_e18 == total.net_e18


def test_an_inverse_future_is_counted_in_coins():
    """USD of an inverse future are coins at its mark, and each newer mark of its venue tells of them anew."""
    portfolio, told = Portfolio(), {}
    portfolio.watch(told.__setitem__)
    perpetual = fill("BTC-PERP", amount=50_000, price=50_000, venue="deribit")
    portfolio.apply(msgspec.structs.replace(perpetual, currency="BTC", index_nanos=50_000 * NANOS))
    assert told == {"BTC-PERP": NANOS}
    portfolio.apply(fill("BTC-PERP", amount=1, price=50_000))
    portfolio.apply(msgspec.structs.replace(mark("BTC-PERP", 100_000, "deribit"), currency="BTC"))
    assert told == {"BTC-PERP": NANOS * 3 // 2}


def test_a_mark_in_a_coin_values_a_position_in_usd():
    """What was bought for USD is worth what the contract's coin price is in USD, and the other way round."""
    coins = msgspec.structs.replace(mark(venue="deribit"), mark_nanos=NANOS // 20, currency="ETH")
    portfolio = fold(coins, fill(venue="rysk"))
    assert portfolio.net_e18 == 25 * E18
    inverse = msgspec.structs.replace(fill(venue="deribit"), price_nanos=NANOS // 25, currency="ETH")
    assert fold(mark(price=125), inverse).net_e18 is None  # the coin's price at the trade is not known
    inverse = msgspec.structs.replace(inverse, index_nanos=2000 * NANOS)
    assert fold(mark(price=125), inverse).net_e18 == 45 * E18


def test_funding_is_booked_once():
    """Funding is income of its position, and the same payment changes nothing the second time."""
    paid = FundingPaid(
        now_ns=3, venue="derive", payment_id="p", instrument="ETH-PERP", amount_e18=-2 * E18, venue_time_ns=3
    )
    portfolio = fold(fill("ETH-PERP"), mark("ETH-PERP", 100))
    assert portfolio.apply(paid)
    assert not portfolio.apply(paid)
    assert portfolio.net_e18 == -2 * E18


def test_expiry_closes_what_is_open_once():
    """A settlement closes every position of its venue and instrument at the delivery price, and no other's."""
    portfolio = fold(fill(amount=2), fill(venue="rysk"))
    settled = Settled(now_ns=9, venue="derive", instrument=CALL, price_nanos=3150 * NANOS)
    assert portfolio.apply(settled)
    assert not portfolio.apply(settled)
    assert portfolio.position("derive", CALL).realized_e18 == 2 * 50 * E18
    assert portfolio.amount_nanos(CALL) == NANOS


def test_an_older_mark_changes_nothing():
    """Of one venue's marks the one with the latest stamp counts, whenever it comes."""
    portfolio = fold(mark(price=120, venue_time_ns=9))
    assert not portfolio.apply(mark(price=110, venue_time_ns=8))
    assert portfolio.mark("derive", CALL).mark_nanos == 120 * NANOS


def test_positions_of_a_venue_without_marks_take_the_newest_mark_of_the_contract():
    """A Rysk position is marked where the same contract is marked; a venue's own mark goes before others'."""
    portfolio = fold(mark(price=110), mark(price=120, venue="deribit", venue_time_ns=9))
    assert portfolio.mark("rysk", CALL).venue == "deribit"
    assert portfolio.mark("derive", CALL).venue == "derive"
    assert portfolio.mark("rysk", PUT) is None


def test_inventory_rows_show_each_position():
    """A row carries amount, average price, mark and its age, position Greeks and P&L of its position."""
    portfolio = fold(mark(), fill(amount=2, fee_e18=E18), fill(side=Side.SELL, amount=0.5, price=120))
    (row,) = inventory_rows(portfolio, now_ns=NANOS + 5)
    assert (row.venue, row.instrument, row.underlying) == ("derive", CALL, "ETH")
    assert (row.amount_nanos, row.average_e18) == (NANOS * 3 // 2, 100 * E18)
    assert (row.mark_nanos, row.mark_venue, row.mark_age_ns) == (110 * NANOS, "derive", NANOS)
    assert (row.realized_e18, row.unrealized_e18, row.fees_e18) == (10 * E18, 15 * E18, E18)
    assert (row.net_e18, row.cash_e18) == (24 * E18, -141 * E18)
    assert row.venue_greeks.delta == 0.75


def test_totals_add_up_and_say_what_is_unknown():
    """Totals are sums of the rows; an unknown part makes the sum unknown, and two underlyings have no common delta."""
    portfolio = fold(mark(), mark(BTC_CALL), fill(), fill(BTC_CALL, Side.SELL), fill(PUT, fee_e18=E18))
    summary = inventory_summary(inventory_rows(portfolio, now_ns=9))
    btc, eth = summary.by_underlying
    assert (btc.unrealized_e18, btc.net_e18, btc.venue_greeks.vega, btc.unknown) == (-10 * E18, -10 * E18, -2.0, ())
    assert (eth.unrealized_e18, eth.net_e18, eth.venue_greeks.vega, eth.unknown) == (None, None, None, (PUT,))
    assert (eth.fees_e18, eth.open_positions) == (E18, 2)
    assert (summary.total.greeks.delta, summary.total.net_e18, summary.total.open_positions) == (None, None, 3)
    known = inventory_summary(inventory_rows(fold(mark(), mark(BTC_CALL), fill(), fill(BTC_CALL, Side.SELL)), now_ns=9))
    assert known.total.venue_greeks == Greeks(delta=None, gamma=None, vega=0.0, theta=0.0)
    assert known.total.net_e18 == 0


def test_a_flat_position_keeps_its_row_and_needs_no_mark():
    """A closed position still shows what it realized, and is worth nothing without any mark."""
    (row,) = inventory_rows(fold(fill(), fill(side=Side.SELL, price=130)), now_ns=9)
    assert (row.amount_nanos, row.average_e18, row.unrealized_e18, row.net_e18) == (0, None, 0, 30 * E18)
    assert row.greeks == Greeks()


def test_an_empty_inventory_has_a_total_of_nothing():
    """Without positions there are no rows and the total is zero."""
    summary = inventory_summary([])
    assert summary.by_underlying == ()
    assert (summary.total.net_e18, summary.total.greeks) == (0, Greeks())


@given(st.lists(RECORDS, max_size=20))
def test_any_records_can_be_folded(records):
    """No record makes the portfolio raise, and every fill given is booked."""
    portfolio = fold(*records)
    fills = [record for record in records if isinstance(record, Fill)]
    assert sum(position.own_fees_e18 for position in portfolio.positions()) == sum(fill.fee_e18 for fill in fills)


def test_rows_are_plain_values():
    """Rows and totals are values that can be sent anywhere as they are."""
    rows = inventory_rows(fold(mark(), fill()), now_ns=9)
    assert msgspec.json.decode(msgspec.json.encode(rows), type=list[type(rows[0])]) == rows
