"""The books of practice Derive against ledgers written the slow way."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from reference.ledger import FractionLedger, truncated_ledger

from atomizer.sim.derive.ledger import Position

E18 = 10**18
fills = st.lists(
    st.tuples(st.booleans(), st.integers(1, 10**14), st.integers(1, 10**12), st.integers(0, 10**20)), max_size=25
)


def booked(rows):
    position = Position()
    for is_buy, price, amount, fee_e18 in rows:
        position.apply(is_buy=is_buy, price=price, amount=amount, fee_e18=fee_e18)
    return position


def signed(rows):
    return [(1 if is_buy else -1, price, amount) for is_buy, price, amount, _ in rows]


@given(fills)
def test_books_equal_the_published_truncation(rows):
    """Amount, cost and result are, to the last digit, those of the rule as it is written."""
    position = booked(rows)
    assert (position.amount_nanos, position.cost_e18, position.realized_e18) == truncated_ledger(signed(rows))
    assert position.fees_e18 == sum(row[3] for row in rows)


@given(fills)
def test_books_stay_near_exact_fractions(rows):
    """Truncation moves at most one 10⁻¹⁸ of a USD a reduction, and stays out of what is realized plus open."""
    position, exact = booked(rows), FractionLedger(signed(rows))
    assert abs(Fraction(position.realized_e18, E18) - exact.realized) <= Fraction(len(rows), E18)
    assert position.realized_e18 - position.cost_e18 == (exact.realized - exact.cost) * E18


@given(fills, st.integers(0, 10**14))
def test_profit_is_cash_flow_plus_value(rows, mark):
    """Realized plus unrealized is what was received less what was paid plus what the rest is worth; fees once."""
    position = booked(rows)
    cash_e18 = -sum(sign * price * amount for sign, price, amount in signed(rows))
    profit = cash_e18 + mark * position.amount_nanos
    assert position.realized_e18 + position.unrealized_e18(mark) == profit
    with_fees = position.realized_with_fees_e18 + position.unrealized_with_fees_e18(mark)
    assert with_fees == profit - position.fees_e18


@given(fills)
def test_nothing_open_has_no_cost(rows):
    """A closed position has no cost and no average price left, with fees or without."""
    position = booked(rows)
    if position.amount_nanos:
        is_buy = position.amount_nanos < 0
        position.apply(is_buy=is_buy, price=1, amount=abs(position.amount_nanos), fee_e18=7)
    assert (position.cost_e18, position.cost_with_fees_e18, position.average_price_e18) == (0, 0, 0)


def test_average_price_is_truncated_at_eighteen_places():
    """One at 1 and two at 2 make an average of 1.666…, cut and not rounded."""
    position = booked([(True, 10**9, 10**9, 0), (True, 2 * 10**9, 2 * 10**9, 0)])
    assert position.average_price_e18 == 1_666_666_666_666_666_666
