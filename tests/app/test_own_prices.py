"""No two quotes that may be in doubt look alike, nor does any sum of some of them look like another."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from atomizer.app.own_prices import IN_DOUBT_S, OwnPrices
from atomizer.domain.instruments import NANOS
from atomizer.domain.trading import QuoteSent, Side
from atomizer.strategies.rfq_responder import QuotePlan

NOW_NS = 1_790_000_000 * NANOS
CALL = "ETH-20271231-3000-C"


def plan_of(price=95 * NANOS, side=Side.BUY, quantity=NANOS, instrument=CALL):
    return QuotePlan("rfq", instrument, side, price, quantity, 100 * NANOS, 96 * NANOS)


def quote_of(plan, now_ns=NOW_NS):
    return QuoteSent(
        now_ns=now_ns,
        source="rysk",
        rfq_id=plan.rfq_id,
        nonce=1,
        instrument=plan.instrument,
        side=plan.side,
        price_nanos=plan.price_nanos,
        quantity_nanos=plan.quantity_nanos,
        valid_until_s=now_ns // NANOS + 30,
        fair_nanos=plan.fair_nanos,
    )


@given(st.sampled_from(list(Side)), st.integers(1, 7), st.integers(10**6, 10**12))
def test_every_sum_of_like_quotes_is_a_sum_of_its_own(side, count, price):
    """However many alike are asked for, each is at most as good for the taker, and what traded can be told."""
    prices = OwnPrices([], are_needed=True)
    plans = []
    for _ in range(count):
        plan = prices.own(plan_of(price, side), NOW_NS)
        assert not prices.is_taken(plan, NOW_NS)
        assert side * (price - plan.price_nanos) >= 0
        prices.note(quote_of(plan))
        plans.append(plan.price_nanos)
    assert plans[0] == price
    for size in range(1, count + 1):
        sums = [sum(some) for some in combinations(plans, size)]
        assert len(set(sums)) == len(sums)


def test_another_contract_side_or_size_is_another_kind():
    """Only what looks alike is moved."""
    prices = OwnPrices([quote_of(plan_of())], are_needed=True)
    assert prices.is_taken(plan_of(), NOW_NS)
    for other in (plan_of(side=Side.SELL), plan_of(quantity=2 * NANOS), plan_of(instrument="ETH-20271231-3100-C")):
        assert not prices.is_taken(other, NOW_NS)
        assert prices.own(other, NOW_NS) == other


def test_a_price_is_free_again_once_nothing_can_be_in_doubt():
    """Some time after its quote's end a trade would be in the venue's positions."""
    prices = OwnPrices([quote_of(plan_of())], are_needed=True)
    end_ns = NOW_NS + (30 + IN_DOUBT_S) * NANOS
    assert prices.is_taken(plan_of(), end_ns)
    assert not prices.is_taken(plan_of(), end_ns + NANOS)


def test_where_trades_have_names_nothing_moves():
    """A grid of prices may not allow it, and nobody needs it there."""
    prices = OwnPrices([quote_of(plan_of())], are_needed=False)
    assert prices.own(plan_of(), NOW_NS) == plan_of()
