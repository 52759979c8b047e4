"""Positions against exact fractions, and the digits of the published rule."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from reference.ledger import NANOS, FractionLedger, truncated_ledger

from atomizer.domain.trading import Fill, Settled, Side
from atomizer.portfolio.positions import Position

E18 = 10**18
trades = st.lists(
    st.tuples(st.sampled_from(Side), st.integers(0, 10**15), st.integers(1, 10**13))
    | st.tuples(st.sampled_from(Side), st.integers(1, 9), st.integers(1, 9)),
    max_size=30,
)


def fill(side, price_nanos, amount_nanos, fee_e18=0):
    return Fill(
        now_ns=1,
        venue="derive",
        trade_id="t",
        client_id="hedger.r1.1",
        instrument="ETH-PERP",
        side=side,
        price_nanos=price_nanos,
        amount_nanos=amount_nanos,
        fee_e18=fee_e18,
        is_maker=False,
        venue_time_ns=1,
    )


def hold(*fills):
    position = Position("derive", "ETH-PERP")
    for each in fills:
        position.book(fill(*each))
    return position


@given(trades)
def test_positions_follow_the_published_rule_to_the_last_digit(trades):
    """Amount, cost and realized P&L are those of the rule, truncation included, through shorts and flips."""
    position = hold(*trades)
    assert (position.amount_nanos, position.cost_e18, position.realized_e18) == truncated_ledger(trades)


@given(trades)
def test_truncation_stays_below_a_digit_a_trade(trades):
    """Against exact fractions, cost and realized P&L are off by less than 10⁻¹⁸ USD for each trade."""
    position, exact = hold(*trades), FractionLedger(trades)
    assert Fraction(position.amount_nanos, NANOS) == exact.amount
    allowed = Fraction(len(trades), E18)
    assert abs(Fraction(position.cost_e18, E18) - exact.cost) <= allowed
    assert abs(Fraction(position.realized_e18, E18) - exact.realized) <= allowed


@given(trades, st.lists(st.integers(-(10**20), 10**20), min_size=30, max_size=30), st.integers(0, 10**15))
def test_no_digit_of_cash_is_ever_lost(trades, fees, mark_nanos):
    """Realized less cost less fees is exactly the cash that moved, and net P&L exactly cash plus worth at the mark."""
    position = hold(*[(*trade, fee) for trade, fee in zip(trades, fees, strict=False)])
    paid = sum(fees[: len(trades)])
    assert position.fees_e18 == paid
    assert position.cash_e18 == -sum(side * price * amount for side, price, amount in trades) - paid
    assert position.net_e18(mark_nanos) == position.cash_e18 + mark_nanos * position.amount_nanos


@given(trades)
def test_flat_means_no_cost(trades):
    """A position that is flat has no cost and no average price; an open one has a cost of its own sign."""
    position = hold(*trades)
    if position.amount_nanos == 0:
        assert (position.cost_e18, position.average_e18) == (0, None)
    else:
        assert position.cost_e18 * position.amount_nanos >= 0
        average = Fraction(position.cost_e18, position.amount_nanos * NANOS)
        assert 0 <= average - Fraction(position.average_e18, E18) < Fraction(1, E18)


coin_trades = st.lists(
    st.tuples(
        st.sampled_from(Side),
        st.integers(1, 10**9),
        st.integers(1, 10**13),
        st.integers(10**11, 10**14),
        st.integers(0, 10**18),
    ),
    min_size=1,
    max_size=20,
)


def inverse(instrument, trades):
    position = Position("deribit", instrument, "ETH")
    for side, price, amount, index, fee in trades:
        booked = replace(fill(side, price, amount, fee), instrument=instrument, currency="ETH", index_nanos=index)
        position.book(booked)
    return position


@given(coin_trades, st.integers(1, 10**9), st.integers(10**11, 10**14))
def test_an_inverse_option_is_counted_in_coins_and_in_usd(trades, mark_nanos, index_nanos):
    """In coins it is a position like any other; in USD each premium and fee is what its coins were worth then."""
    position = inverse("ETH-20250627-2600-C", trades)
    plain = [(side, price, amount) for side, price, amount, _, _ in trades]
    own = position.own
    assert (own.amount_nanos, own.cost_e18, own.realized_e18) == truncated_ledger(plain)
    fees = [Fraction(fee * index, NANOS) for *_, index, fee in trades]
    premiums = [Fraction(side * price * amount * index, NANOS) for side, price, amount, index, _ in trades]
    worth = Fraction(mark_nanos * position.amount_nanos * index_nanos, NANOS)
    exact = worth - sum(premiums) - sum(fees)
    assert abs(position.net_e18(mark_nanos, index_nanos) - exact) <= 2 * len(trades) + 1
    if position.amount_nanos:
        assert position.average_usd_e18 == abs(position.cost_e18) * NANOS // abs(position.amount_nanos)
    coins = sum(-side * price * amount - fee for side, price, amount, _, fee in trades)
    assert position.own_cash_e18 == coins


@given(coin_trades, st.integers(10**11, 10**14))
def test_an_inverse_future_earns_the_difference_of_inverse_prices(trades, mark_nanos):
    """Of N USD bought at one price and worth another, the profit is N/in - N/out coins, realized and open together."""
    trades = [(side, price * 10**5, amount, index, fee) for side, price, amount, index, fee in trades]
    position = inverse("ETH-PERP", trades)
    profit = sum(
        side * amount * (Fraction(E18, price) - Fraction(E18, mark_nanos)) for side, price, amount, _, _ in trades
    )
    found = position.own.realized_e18 + (position.own_unrealized_e18(mark_nanos) if position.amount_nanos else 0)
    assert abs(found - profit) <= 3 * len(trades) + 1
    assert position.own_cash_e18 == position.own.realized_e18 - sum(fee for *_, fee in trades)


def test_usd_profit_of_an_inverse_future_is_taken_at_its_index():
    """A profit in coins becomes USD at the index when it is realized, an open one at the index now."""
    long = inverse("ETH-PERP", [(Side.BUY, 2000 * NANOS, 4000 * NANOS, 2000 * NANOS, 0)])
    assert long.average_e18 == 2000 * E18
    assert long.own_unrealized_e18(2500 * NANOS) == 4 * E18 // 10
    assert long.unrealized_e18(2500 * NANOS, 2490 * NANOS) == 996 * E18
    closed = inverse(
        "ETH-PERP",
        [
            (Side.BUY, 2000 * NANOS, 4000 * NANOS, 2000 * NANOS, 0),
            (Side.SELL, 2500 * NANOS, 4000 * NANOS, 2490 * NANOS, E18 // 100),
        ],
    )
    assert (closed.realized_e18, closed.fees_e18, closed.average_e18) == (996 * E18, 249 * E18 // 10, None)
    assert closed.cash_e18 == closed.net_e18(1, 1) == 9711 * E18 // 10


@pytest.mark.parametrize(
    "terms",
    [
        ("ETH-20250627-2600-C", "USD", 100, 0, 2750, 50),
        ("ETH-20250627-2600-C", "USD", 100, 0, 2600, -100),
        ("ETH-20250627-2600-P", "USD", 100, 0, 2400, 100),
        ("ETH-20250627-2600-P", "USD", 100, 0, 2700, -100),
        ("ETH-20250627", "USD", 2500, 0, 2600, 100),
        ("ETH-20250627-2600-C", "ETH", Fraction(1, 25), 2500, 2750, 50),
        ("ETH-20250627-2600-P", "ETH", Fraction(1, 25), 2500, 2400, 100),
        ("ETH-20250627", "ETH", 2500, 2500, 2500, 0),
    ],
)
@pytest.mark.parametrize("side", Side)
def test_expiry_pays_what_the_contract_says(side, terms):
    """At the delivery price an option is worth what it is in the money, a future the price; long and short alike."""
    name, currency, price, index, delivery, realized_usd = terms
    position = Position("v", name, currency)
    booked = replace(fill(side, int(price * NANOS), NANOS), instrument=name, currency=currency)
    position.book(replace(booked, index_nanos=index * NANOS))
    assert position.settle(Settled(now_ns=9, venue="v", instrument=name, price_nanos=delivery * NANOS))
    assert (position.amount_nanos, position.cost_e18) == (0, 0)
    assert abs(position.realized_e18 - side * realized_usd * E18) <= 10**4
    assert not position.settle(Settled(now_ns=9, venue="v", instrument=name, price_nanos=1))


def test_a_flip_closes_and_opens():
    """A fill beyond zero realizes on what was held and opens the rest at its own price."""
    position = hold((Side.BUY, 100 * NANOS, 2 * NANOS), (Side.SELL, 130 * NANOS, 5 * NANOS))
    assert position.amount_nanos == -3 * NANOS
    assert position.realized_e18 == 60 * E18
    assert position.average_e18 == 130 * E18
    assert position.unrealized_e18(120 * NANOS) == 30 * E18


def test_a_released_cost_is_truncated_toward_zero_on_both_sides():
    """A third of a cost of 10⁻¹⁸ x 100 releases 33 of it, for a short as for a long."""
    long = hold((Side.BUY, 20, 2), (Side.BUY, 60, 1), (Side.SELL, 40, 1))
    short = hold((Side.SELL, 20, 2), (Side.SELL, 60, 1), (Side.BUY, 40, 1))
    assert (long.amount_nanos, long.cost_e18, long.realized_e18) == (2, 67, 7)
    assert (short.amount_nanos, short.cost_e18, short.realized_e18) == (-2, -67, -7)
