"""The compiled gate: each rule by itself, and the same word as risk's gate wherever both look at the same thing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atomizer._core.fixed import NANOS, NO_PRICE
from atomizer._core.gate import REASONS, Gate, InstrumentLimits
from atomizer.domain.reasons import Reason
from tests.reference import risk_scenes as scenes

SECOND_NS = 10**9
NOW_NS = 1_000 * SECOND_NS
LIMITS = {
    "tick_nanos": NANOS // 10,
    "lot_nanos": NANOS // 100,
    "min_amount_nanos": NANOS // 10,
    "max_amount_nanos": 1_000 * NANOS,
    "max_order_size_nanos": 5 * NANOS,
    "max_position_nanos": 10 * NANOS,
    "mark_band_share_nanos": NANOS // 10,
    "max_book_age_ns": 2 * SECOND_NS,
    "max_mark_age_ns": 3 * SECOND_NS,
}
SOUND = {
    "is_bid": True,
    "price_nanos": 100 * NANOS,
    "size_nanos": NANOS,
    "now_ns": NOW_NS,
    "book_received_ns": NOW_NS,
    "mark_nanos": 100 * NANOS,
    "mark_ns": NOW_NS,
}


def verdict(limits=None, gate=None, **changes):
    return (gate or Gate(100)).check(InstrumentLimits(**LIMITS | (limits or {})), **SOUND | changes)


def test_every_code_is_a_reason_of_the_domain():
    """A code of the gate is named like a member of Reason, and no name stands twice."""
    assert [Reason[name].name for name in REASONS] == list(REASONS)
    assert len(set(REASONS)) == len(REASONS)


@pytest.mark.parametrize(
    ("expected", "changes"),
    [
        ("OK", {}),
        ("OFF_TICK", {"price_nanos": 100 * NANOS + 1}),
        ("OFF_TICK", {"price_nanos": NO_PRICE}),
        ("OFF_LOT", {"size_nanos": NANOS + 1}),
        ("OFF_LOT", {"size_nanos": NO_PRICE}),
        ("BELOW_MINIMUM", {"size_nanos": NANOS // 20}),
        ("BELOW_MINIMUM", {"size_nanos": -NANOS}),
        ("BELOW_MINIMUM", {"price_nanos": 0}),
        ("ABOVE_MAXIMUM", {"size_nanos": 1_001 * NANOS}),
        ("MAX_SIZE", {"size_nanos": 6 * NANOS}),
        ("NO_BOOK", {"book_dark": True}),
        ("OK", {"book_received_ns": NOW_NS - 2 * SECOND_NS}),
        ("STALE_BOOK", {"book_received_ns": NOW_NS - 2 * SECOND_NS - 1}),
        ("NO_GREEKS", {"mark_nanos": NO_PRICE}),
        ("NO_GREEKS", {"mark_ns": NOW_NS - 3 * SECOND_NS - 1}),
        ("OK", {"price_nanos": 110 * NANOS}),
        ("PRICE_BAND", {"price_nanos": 110 * NANOS + NANOS // 10}),
        ("OK", {"price_nanos": NANOS // 10}),
        ("OK", {"price_nanos": 90 * NANOS, "is_bid": False}),
        ("PRICE_BAND", {"price_nanos": 90 * NANOS - NANOS // 10, "is_bid": False}),
        ("OK", {"price_nanos": NANOS // 2 + 1_000_000 * NANOS, "is_bid": False}),
        ("SELF_CROSS", {"own_ask_nanos": 100 * NANOS}),
        ("OK", {"own_ask_nanos": 100 * NANOS + 1}),
        ("SELF_CROSS", {"own_bid_nanos": 100 * NANOS, "is_bid": False}),
        ("OK", {"own_bid_nanos": 100 * NANOS, "is_bid": True}),
    ],
)
def test_each_rule_binds_at_its_value(expected, changes):
    """Every rule lets its limit through and refuses what lies beyond it."""
    assert verdict(**changes) == expected


def test_a_band_is_never_narrower_than_five_ticks():
    """A share of a tiny premium is less than a tick, so five ticks are always free."""
    cheap = {"mark_nanos": NANOS // 10}
    assert verdict(**cheap, price_nanos=6 * NANOS // 10) == "OK"
    assert verdict(**cheap, price_nanos=7 * NANOS // 10) == "PRICE_BAND"


def test_fair_value_bounds_the_price_where_it_is_asked_for():
    """With a fair band, an order needs a recent fair value and stays inside both bands."""
    limits = {"fair_band_share_nanos": NANOS // 20}
    assert verdict(limits) == "NO_FAIR"
    assert verdict(limits, fair_nanos=100 * NANOS, fair_ns=NOW_NS - 4 * SECOND_NS) == "NO_FAIR"
    assert verdict(limits, fair_nanos=100 * NANOS, fair_ns=NOW_NS) == "OK"
    assert verdict(limits, fair_nanos=95 * NANOS, fair_ns=NOW_NS) == "PRICE_BAND"


@pytest.mark.parametrize("is_bid", [True, False])
def test_worst_case_counts_open_orders_and_lets_reducing_orders_go(is_bid):
    """A position limit counts what open orders of that side may add; what only reduces a position always may go."""
    side = 1 if is_bid else -1
    open_name = "open_bids_nanos" if is_bid else "open_asks_nanos"
    assert verdict(is_bid=is_bid, position_nanos=side * 8 * NANOS, **{open_name: NANOS}) == "OK"
    assert verdict(is_bid=is_bid, position_nanos=side * 8 * NANOS, **{open_name: NANOS + 1}) == "MAX_POSITION"
    assert verdict(is_bid=is_bid, position_nanos=-side * 900 * NANOS) == "OK"
    other = "open_asks_nanos" if is_bid else "open_bids_nanos"
    assert verdict(is_bid=is_bid, position_nanos=side * 9 * NANOS, **{other: 50 * NANOS}) == "OK"


def test_a_resting_order_is_held_against_data_and_position_alone():
    """What rests is not asked for tick, minimum or rate, but must not outlive its data or its position limit."""
    gate = Gate(1)
    assert verdict(gate=gate) == "OK"
    leftover = {"rests": True, "size_nanos": 1, "price_nanos": NANOS + 1, "own_ask_nanos": NANOS}
    assert verdict(gate=gate, **leftover) == "OK"
    assert verdict(gate=gate, **leftover, book_dark=True) == "NO_BOOK"
    assert verdict(gate=gate, **leftover, position_nanos=10 * NANOS) == "MAX_POSITION"
    gate.shut()
    assert verdict(gate=gate, **leftover) == "GATE_SHUT"


def test_a_shut_gate_lets_nothing_through():
    """Once shut, every order is refused, reducing ones too."""
    gate = Gate(10)
    gate.shut()
    assert gate.is_shut
    assert verdict(gate=gate, position_nanos=-5 * NANOS) == "GATE_SHUT"


def test_refusals_are_counted_by_reason():
    """Every refused order is counted under its reason; allowed ones and reviews of resting ones are not."""
    gate = Gate(10)
    for changes in (
        {},
        {"book_dark": True},
        {"book_dark": True},
        {"price_nanos": 1},
        {"book_dark": True, "rests": True},
    ):
        verdict(gate=gate, **changes)
    assert gate.refusals == {"NO_BOOK": 2, "OFF_TICK": 1}


@given(st.integers(1, 5), st.lists(st.integers(0, SECOND_NS // 2), max_size=60))
def test_no_second_holds_more_orders_than_allowed(allowance, pauses):
    """Over any arrival of orders, no window of one second holds more than the allowance, and none is refused before."""
    gate, sent, now_ns = Gate(allowance), [], NOW_NS
    for pause in pauses:
        now_ns += pause
        recent = [stamp for stamp in sent if now_ns - stamp < SECOND_NS]
        fresh = {"now_ns": now_ns, "book_received_ns": now_ns, "mark_ns": now_ns}
        expected = "RATE" if len(recent) == allowance else "OK"
        assert verdict(gate=gate, **fresh) == expected
        if expected == "OK":
            sent.append(now_ns)


def test_a_clock_that_steps_back_does_not_stop_trading():
    """After a step back of the clock orders still leave."""
    gate = Gate(1)
    assert verdict(gate=gate) == "OK"
    assert verdict(gate=gate, now_ns=NOW_NS - SECOND_NS) == "OK"


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("value", [0, -1, 2**63])
def test_a_limit_that_is_none_is_refused(name, value):
    """A limit of zero, below zero or beyond 64 bits is refused by name."""
    with pytest.raises(ValueError, match=name):
        InstrumentLimits(**LIMITS | {name: value})


@pytest.mark.parametrize("value", [0, -1, 4_097])
def test_an_order_rate_must_be_one_that_the_gate_can_hold(value):
    """The order rate lies in 1..4096."""
    with pytest.raises(ValueError, match="max_orders_per_second"):
        Gate(value)


def test_times_before_1970_are_refused():
    """A time below zero is no time."""
    with pytest.raises(ValueError, match="1970"):
        verdict(now_ns=-1)


@given(scenes.limits, scenes.orders)
@settings(max_examples=1_000, deadline=None)
def test_both_gates_give_the_same_word(limits, order):
    """Wherever the compiled gate and risk's gate look at the same thing, they give the same reason."""
    assert scenes.ask_compiled(limits, order) == scenes.ask_risk(limits, order)
