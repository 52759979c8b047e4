"""Positions against exact fractions, and the digits of the published rule."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from reference.ledger import NANOS, FractionLedger, truncated_ledger

from atomizer.domain.trading import Fill, Side
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
