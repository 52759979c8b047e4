"""What a fill is hedged with, and how a hedge is worked to its end."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from resident import CALL, NOW_NS, PERP, SECOND, Resident, book, fill, instrument, ladders, mark

from atomizer.domain.instruments import NANOS, TickStep
from atomizer.domain.reasons import Reason, Verdict
from atomizer.domain.trading import HedgeClosed, HedgeOpened, Side, TimeInForce
from atomizer.strategies.hedger import HedgeMode, Hedger, HedgerParams, OrderPlan

LEVELS = ([(90 * NANOS, NANOS), (89 * NANOS, 4 * NANOS)], [(92 * NANOS, NANOS), (94 * NANOS, 4 * NANOS)])
TICK, LOT = NANOS // 10, NANOS // 100


def hedger(mode=HedgeMode.OPTION, levels=LEVELS, carried=None, **changes):
    resident = Resident(
        [instrument(CALL), instrument(PERP)],
        {CALL: book(*levels), PERP: book(*levels)},
        [mark(), mark(PERP, delta=1.0)],
    )
    fields = {
        "mode": mode,
        "ratio_nanos": NANOS,
        "slippage_bps": 100,
        "max_attempts": 3,
        "max_duration_ns": 60 * SECOND,
        "max_book_age_ns": 5 * SECOND,
        "max_mark_age_ns": 30 * SECOND,
    }
    return Hedger(HedgerParams(**(fields | changes)), resident, carried or {}), resident


def test_an_inverse_perpetual_is_sold_in_dollars():
    """Half a coin of delta is half its price in an instrument that counts dollars, in whole lots of ten."""
    hedging, resident = hedger(HedgeMode.PERPETUAL)
    listed = {"currency": "ETH", "lot_nanos": 10 * NANOS, "min_amount_nanos": 10 * NANOS}
    resident.instruments[PERP] = instrument(PERP, **listed)
    resident.marks[PERP] = mark(PERP, mark_nanos=2501 * NANOS, currency="ETH")
    hedge = hedging.on_fill(fill(NANOS), NOW_NS)
    assert (hedge.side, hedge.amount_nanos, hedge.carried_nanos) == (Side.SELL, 1120 * NANOS, -5_450_000_000)
    del resident.marks[PERP]
    assert hedging.on_fill(fill(NANOS), NOW_NS).reason is Reason.NO_GREEKS


@pytest.mark.parametrize(
    ("side", "gamma", "is_option"),
    [
        (Side.BUY, 0.51, True),
        (Side.BUY, 0.5, False),
        (Side.BUY, -0.9, False),
        (Side.SELL, -0.51, True),
        (Side.SELL, 0.9, False),
    ],
)
def test_a_fill_that_adds_to_too_much_gamma_is_hedged_in_its_option(side, gamma, is_option):
    """Beyond the threshold, and on the side that makes it worse; anything else by its delta as ever."""
    limits = {"max_gamma_nanos": NANOS // 2, "gamma_ratio_nanos": 8 * NANOS // 10}
    hedging, _ = hedger(HedgeMode.PERPETUAL, **limits)
    hedge = hedging.on_fill(fill(2 * NANOS, side=side), NOW_NS, round(gamma * NANOS))
    expected = opened(1_600_000_000, Side(-side)) if is_option else opened(900_000_000, Side(-side), PERP)
    assert hedge == expected


def opened(amount_nanos, side=Side.SELL, name=CALL):
    return HedgeOpened(now_ns=NOW_NS, trade_id="t-1", instrument=name, side=side, amount_nanos=amount_nanos)


@pytest.mark.parametrize("side", list(Side))
def test_back_to_back_hedge_is_the_same_option_the_other_way(side):
    """What we bought from the taker we sell on, and the other way round."""
    hedge = hedger()[0].on_fill(fill(2 * NANOS, side=side), NOW_NS)
    assert hedge == opened(2 * NANOS, Side(-side))


@pytest.mark.parametrize(
    ("side", "delta", "hedge_side", "amount"),
    [
        (Side.BUY, 0.45, Side.SELL, 900_000_000),
        (Side.SELL, 0.45, Side.BUY, 900_000_000),
        (Side.BUY, -0.333, Side.BUY, 660_000_000),
    ],
)
def test_delta_hedge_is_the_perpetual_against_the_delta(side, delta, hedge_side, amount):
    """The perpetual takes the other side of the fill's delta, in whole lots."""
    hedging, resident = hedger(HedgeMode.PERPETUAL)
    resident.marks[CALL] = mark(delta=delta)
    hedge = hedging.on_fill(fill(2 * NANOS, side=side), NOW_NS)
    assert (hedge.instrument, hedge.side, hedge.amount_nanos) == (PERP, hedge_side, amount)


@given(
    st.lists(st.tuples(st.sampled_from(list(Side)), st.integers(1, 5 * NANOS)), max_size=20),
    st.sampled_from([NANOS, NANOS // 2, NANOS // 3]),
)
def test_nothing_of_any_fill_is_lost(fills, ratio):
    """Hedges opened plus what is carried is exactly the share of all fills, also through restarts between them."""
    hedging, _ = hedger(ratio_nanos=ratio)
    wanted = done = 0
    for number, (side, amount) in enumerate(fills):
        hedge = hedging.on_fill(fill(amount, side=side, trade_id=f"t-{number}"), NOW_NS)
        wanted += -side * amount * ratio // NANOS
        done += hedge.side * hedge.amount_nanos
        assert wanted == done + hedge.carried_nanos
        assert abs(hedge.carried_nanos) < instrument(CALL).min_amount_nanos
        assert hedge.amount_nanos == 0 or hedge.amount_nanos >= instrument(CALL).min_amount_nanos
        assert hedge.amount_nanos % LOT == 0
        hedging, _ = hedger(ratio_nanos=ratio, carried={CALL: hedge.carried_nanos})


def test_fill_too_small_to_trade_is_written_down_and_carried():
    """A fill below the smallest order is a hedge of nothing that ends at once and says what the next one takes over."""
    hedging, _ = hedger()
    small = hedging.on_fill(fill(NANOS // 20, trade_id="t-0"), NOW_NS)
    assert (small.amount_nanos, small.carried_nanos) == (0, -NANOS // 20)
    closed = hedging.next_order(small, 0, 0, NOW_NS)
    assert closed.detail == "sell ETH-20250627-2600-C is too small to trade, 0.05 joins the next hedge"
    assert hedging.on_fill(fill(NANOS // 20), NOW_NS) == opened(NANOS // 10)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda m: m.marks.clear(), Reason.NO_GREEKS),
        (lambda m: m.marks.update({CALL: mark(delta=math.nan)}), Reason.NO_GREEKS),
        (lambda m: m.marks.update({CALL: mark(now_ns=NOW_NS - 31 * SECOND)}), Reason.NO_GREEKS),
        (lambda m: m.instruments.pop(PERP), Reason.UNLISTED),
    ],
)
def test_hedge_that_cannot_be_known_is_asked_for_again(change, reason):
    """Without a delta or a listing nothing is counted; the same fill opens its whole hedge later."""
    hedging, resident = hedger(HedgeMode.PERPETUAL)
    change(resident)
    assert hedging.on_fill(fill(NANOS), NOW_NS).reason is reason
    resident.marks[CALL] = mark()
    resident.instruments[PERP] = instrument(PERP)
    hedge = hedging.on_fill(fill(2 * NANOS), NOW_NS)
    assert (hedge.amount_nanos, hedge.carried_nanos) == (900_000_000, 0)


def test_order_by_hand():
    """Selling 2 needs the bid at 89: the limit is 1 % below it, 88.11, taken in to the tick 88.2."""
    plan = hedger()[0].next_order(opened(2 * NANOS), 0, 0, NOW_NS)
    assert plan == OrderPlan("t-1", CALL, Side.SELL, 88_200_000_000, 2 * NANOS, TimeInForce.IOC)
    plan = hedger()[0].next_order(opened(2 * NANOS, Side.BUY), 0, 0, NOW_NS)
    assert (plan.price_nanos, plan.amount_nanos) == (94_900_000_000, 2 * NANOS)


@given(ladders(), st.sampled_from(list(Side)), st.integers(1, 20_000), st.integers(0, 20_000), st.integers(0, 1000))
def test_every_order_is_sound(levels, side, lots, filled_lots, slippage):
    """An order is on tick and lot, within what is left and what the book holds, and its slippage is bounded."""
    amount, filled = lots * LOT, filled_lots * LOT
    hedging, resident = hedger(levels=levels, slippage_bps=slippage)
    step = hedging.next_order(opened(amount, side), filled, 0, NOW_NS)
    listed = resident.instruments[CALL]
    if isinstance(step, OrderPlan):
        assert listed.min_amount_nanos <= step.amount_nanos <= min(amount - filled, listed.max_amount_nanos)
        assert step.amount_nanos % LOT == step.price_nanos % TICK == 0
        assert step.price_nanos > 0
        worst = resident.books[CALL].worst(side is Side.SELL, step.amount_nanos)
        assert (worst - step.price_nanos) * -side <= max(worst * slippage // 10_000, TICK)
    elif isinstance(step, HedgeClosed):
        assert amount - filled < listed.min_amount_nanos
        assert step.filled_nanos == filled
    else:
        assert step.reason is Reason.THIN_BOOK


def test_an_order_is_on_the_tick_of_its_own_price():
    """Where ticks grow with the price, the limit is on the tick that counts where it lies."""
    cent, dime = NANOS // 100, NANOS // 10
    for levels, price in (
        ([(5 * NANOS, 10 * NANOS)], 4_950_000_000),
        ([(5_200_000_000, 10 * NANOS)], 5_200_000_000),
    ):
        hedging, resident = hedger(levels=(levels, []))
        steps = (TickStep(above_nanos=5 * NANOS, tick_nanos=dime),)
        resident.instruments[CALL] = instrument(CALL, tick_nanos=cent, tick_steps=steps)
        assert hedging.next_order(opened(NANOS), 0, 0, NOW_NS).price_nanos == price


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda m: m.books.clear(), Reason.NO_BOOK),
        (lambda m: m.books[CALL].darken(), Reason.NO_BOOK),
        (lambda m: m.books.update({CALL: book(*LEVELS, NOW_NS - 6 * SECOND)}), Reason.STALE_BOOK),
        (lambda m: m.books.update({CALL: book([], LEVELS[1])}), Reason.THIN_BOOK),
        (lambda m: m.instruments.clear(), Reason.UNLISTED),
    ],
)
def test_hedge_waits_while_there_is_no_price(change, reason):
    """No price is no order: the hedge says what it waits for."""
    hedging, resident = hedger()
    change(resident)
    step = hedging.next_order(opened(NANOS), 0, 0, NOW_NS)
    assert isinstance(step, Verdict)
    assert step.reason is reason


@pytest.mark.parametrize(
    ("filled", "attempts", "later_ns", "detail"),
    [
        (2 * NANOS, 1, 0, "sell ETH-20250627-2600-C hedged"),
        (2 * NANOS - LOT, 1, 0, "sell ETH-20250627-2600-C hedged but for less than the smallest order, residual 0.01"),
        (NANOS, 3, 0, "sell ETH-20250627-2600-C given up after 3 orders, residual 1"),
        (NANOS, 1, 60 * SECOND, "sell ETH-20250627-2600-C given up after 60 s, residual 1"),
    ],
)
def test_hedge_ends_with_a_known_outcome(filled, attempts, later_ns, detail):
    """Done, nearly done or given up: the end says how much was done and names what is left."""
    closed = hedger()[0].next_order(opened(2 * NANOS), filled, attempts, NOW_NS + later_ns)
    assert closed == HedgeClosed(now_ns=NOW_NS + later_ns, trade_id="t-1", filled_nanos=filled, detail=detail)


def test_partial_liquidity_is_taken_and_the_rest_is_next():
    """When the book holds less than the hedge needs, what it holds is taken first."""
    plan = hedger()[0].next_order(opened(8 * NANOS), 0, 0, NOW_NS)
    assert plan.amount_nanos == 5 * NANOS
