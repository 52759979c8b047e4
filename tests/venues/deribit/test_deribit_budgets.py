"""What we let out in any time is what the venue's credits pay for, and cancels always have some left."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atomizer.sim.deribit import Bucket
from atomizer.sim.deribit.limits import Credits, Rate
from atomizer.venues.deribit.account_codec import Limit, Limits
from atomizer.venues.deribit.budgets import Budgets

SECOND = 10**9
# The venue's own figures (protocol sheet, "Rate limits"): credits a call, in the pool, and more a second.
POOLS = {
    "private/buy": Bucket(1, 20, 5),  # the lowest tier: five a second, twenty at once
    "private/mass_quote": Bucket(1, 20, 5),
    "private/cancel_all": Bucket(1, 20, 5),
    "private/get_positions": Bucket(500, 50_000, 10_000),
    "public/subscribe": Bucket(3_000, 30_000, 10_000),
    "public/get_instruments": Bucket(10_000, 500_000, 10_000),
}


@pytest.mark.parametrize("method", POOLS)
@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 3 * SECOND), st.booleans()), max_size=120))
def test_nothing_leaves_that_the_venue_would_not_pay_for(method, steps):
    """Whenever a budget says yes, the venue's pool of the same method has the credits."""
    budget, purse, now_ns = Budgets().of(method), Credits(), SECOND
    for step_ns, is_cancel in steps:
        now_ns += step_ns
        if budget.try_take(now_ns, is_cancel=is_cancel):
            assert purse.take(Rate.MATCHING, POOLS[method], now_ns)


@pytest.mark.parametrize(
    ("method", "cancel"), [("private/buy", "private/cancel"), ("private/edit", "private/cancel_by_label")]
)
def test_orders_leave_a_reserve_for_cancels(method, cancel):
    """Once orders have used up theirs, cancels of the same pool still leave; the account's own limits keep the rule."""
    adopted = Budgets()
    adopted.adopt(Limits(Limit(100, 50.0), None, None, None))
    for budgets in (Budgets(), adopted):
        while budgets.of(method).try_take(SECOND):
            pass
        assert budgets.of(cancel).try_take(SECOND, is_cancel=True)


def test_a_connection_made_again_has_what_was_left():
    """The venue counts by account: what it grants anew as before was used up before; other rates begin anew."""
    budgets, granted = Budgets(), Limits(Limit(100, 50.0), None, None, None)
    budgets.adopt(granted)
    while budgets.of("private/buy").try_take(SECOND):
        pass
    budgets.adopt(Limits(*granted))
    assert not budgets.of("private/buy").try_take(SECOND)
    budgets.adopt(Limits(Limit(200, 50.0), None, None, None))
    assert budgets.of("private/buy").try_take(SECOND)


def test_a_hold_keeps_everything_of_its_pool_and_nothing_else():
    """The venue's own hint: what it was said about waits, other pools go on."""
    budgets = Budgets()
    budgets.of("private/buy").hold_until(2 * SECOND)
    assert not budgets.of("private/cancel").try_take(SECOND, is_cancel=True)
    assert budgets.of("private/get_positions").try_take(SECOND)
    assert budgets.of("private/buy").try_take(2 * SECOND)
