"""A slot's decisions: each rule by itself, and any history against the parts put together in plain Python."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from atomizer._core.fixed import NANOS
from atomizer._core.gate import Gate, InstrumentLimits
from atomizer._core.lane import CANCEL, PLACE, REPLACE, RESUBSCRIBE, Lane
from atomizer._core.quote import QuoteParams
from tests.reference.reference_slot import ReferenceSlot, as_tuples

NOW_NS = 1_750_000_000 * NANOS
SECOND_NS = 10**9
TICK = 10
PARAMS = {
    "aggression_nanos": 0,
    "improvement_nanos": 0,
    "reference_size_nanos": 0,
    "spread_share_nanos": NANOS // 100,
    "min_spread_share_nanos": 0,
    "bid_size_nanos": 5,
    "ask_size_nanos": 5,
    "skew_nanos": 0,
}
LIMITS = {
    "tick_nanos": TICK,
    "lot_nanos": 1,
    "min_amount_nanos": 1,
    "max_amount_nanos": 100,
    "max_order_size_nanos": 50,
    "max_position_nanos": 20,
    "mark_band_share_nanos": NANOS // 2,
    "max_book_age_ns": 2 * SECOND_NS,
    "max_mark_age_ns": 3 * SECOND_NS,
}


class Bench:
    """One slot in a lane, with a book, a mark, and time that stands still."""

    def __init__(self, params=None, limits=None, per_second=100, keep=(TICK, 2)):
        self.lane = Lane(Gate(per_second))
        self.slot = self.lane.add(
            b"book.X.raw",
            params=QuoteParams(**PARAMS | (params or {})),
            limits=InstrumentLimits(**LIMITS | (limits or {})),
            keep_price_nanos=keep[0],
            keep_size_nanos=keep[1],
        )
        self.slot.set_mark(1_050, NOW_NS)

    def market(self, bid, ask, size=50):
        """Rows after a snapshot of one level a side."""
        bids, asks = ([(price, size)] if price else [] for price in (bid, ask))
        self.slot.book.apply_snapshot(bids, asks, 1, NOW_NS, NOW_NS)
        return self.rows()

    def rows(self, now_ns=NOW_NS):
        count = self.lane.on_book_changed(self.slot, now_ns)
        return [row[1:] for row in as_tuples(self.lane.rows, count)]

    def quoted(self, **parts):
        """A bench whose two orders rest at 1000 and 1100."""
        bench = Bench(**parts)
        bench.market(1_000, 1_100)
        bench.slot.settle(True, 1_000, 5)
        bench.slot.settle(False, 1_100, 5)
        assert bench.rows() == []
        return bench


def quoted(**parts):
    return Bench().quoted(**parts)


def test_an_empty_slot_places_both_sides():
    """With nothing at rest, both desired prices become orders."""
    assert Bench().market(1_000, 1_100) == [(PLACE, False, "OK", 1_100, 5), (PLACE, True, "OK", 1_000, 5)]


def test_nothing_comes_out_twice():
    """Until the outcome is told, a side that was sent gives no further order, wherever the market goes."""
    bench = Bench()
    bench.market(1_000, 1_100)
    assert bench.market(900, 1_200) == []


def test_an_order_within_its_threshold_keeps_its_place():
    """A desired price that moved no further than the threshold leaves the order where it is; one further moves it."""
    bench = quoted()
    assert bench.market(1_000 - TICK, 1_100) == []
    assert bench.market(1_000 - 2 * TICK, 1_100) == [(REPLACE, True, "OK", 980, 5)]


def test_an_order_behind_the_touch_is_not_kept_when_we_want_to_be_at_it():
    """Within its threshold too, an order follows when others show a better price than it and not than what we want."""
    bench = quoted()
    assert bench.market(1_000 + TICK, 1_100) == [(REPLACE, True, "OK", 1_010, 5)]
    bench.slot.settle(True, 1_010, 5)
    assert bench.market(1_010, 1_100 - TICK) == [(REPLACE, False, "OK", 1_090, 5)]


def test_an_order_filled_down_to_its_rest_is_replaced():
    """What is left of an order is kept down to the least size, and renewed below it."""
    bench = quoted()
    bench.slot.settle(True, 1_000, 2)
    assert bench.rows() == []
    bench.slot.settle(True, 1_000, 1)
    assert bench.rows() == [(REPLACE, True, "OK", 1_000, 5)]


def test_the_side_in_danger_goes_first():
    """When the market moves through us, the order that stands too near to it is the first row."""
    assert [row[:2] for row in quoted().market(1_050, 1_150)] == [(REPLACE, False), (REPLACE, True)]
    assert [row[:2] for row in quoted().market(950, 1_050)] == [(REPLACE, True), (REPLACE, False)]


def test_we_never_cross_ourselves_while_both_sides_move():
    """An order that would meet our other side's old or new price waits until that has moved, then follows."""
    bench = quoted()
    assert bench.market(1_150, 1_250) == [(REPLACE, False, "OK", 1_250, 5)]
    bench.slot.settle(False, 1_250, 5)
    assert bench.rows() == [(REPLACE, True, "OK", 1_150, 5)]


def test_a_dark_book_pulls_everything_and_asks_for_a_snapshot_once():
    """When the book goes dark, cancels come first, orders in flight included, then one wish for a new snapshot."""
    bench = quoted()
    bench.market(1_050, 1_100)
    bench.slot.book.darken()
    assert [row[:3] for row in bench.rows()] == [
        (CANCEL, True, "NO_BOOK"),
        (CANCEL, False, "NO_BOOK"),
        (RESUBSCRIBE, False, "NO_BOOK"),
    ]
    assert bench.rows() == []


def test_after_a_pull_the_side_starts_anew():
    """Once a cancel's outcome is told, the side quotes again as soon as its book allows."""
    bench = quoted()
    bench.slot.book.darken()
    bench.rows()
    for is_bid in (True, False):
        bench.slot.settle(is_bid, 0, 0)
    assert [row[:2] for row in bench.market(1_000, 1_100)] == [(PLACE, False), (PLACE, True)]


@pytest.mark.parametrize(
    ("breach", "reason"),
    [
        (lambda bench: bench.slot.set_position(16, 0, 0), "MAX_POSITION"),
        (lambda bench: bench.slot.set_position(0, 16, 0), "MAX_POSITION"),
        (lambda bench: bench.slot.set_params(QuoteParams(**PARAMS | {"bid_size_nanos": 0})), "OK"),
        (lambda bench: bench.slot.set_limits(InstrumentLimits(**LIMITS | {"max_position_nanos": 4})), "MAX_POSITION"),
    ],
    ids=["position", "other orders", "silenced", "limits"],
)
def test_a_breach_pulls_the_side_that_makes_it_worse(breach, reason):
    """A bid that may no longer rest is pulled; the ask, which the breach does not concern, stays."""
    bench = quoted()
    breach(bench)
    pulled = [row for row in bench.rows() if row[1]]
    assert pulled == [(CANCEL, True, reason, 1_000, 5)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda bench: bench.lane.gate.shut(), "GATE_SHUT"),
        (lambda bench: bench.slot.set_mark(1_050, NOW_NS - 4 * SECOND_NS), "NO_GREEKS"),
        (lambda bench: bench.slot.set_limits(InstrumentLimits(**LIMITS, fair_band_share_nanos=NANOS)), "NO_FAIR"),
    ],
    ids=["shut", "old mark", "no fair"],
)
def test_what_ends_all_quoting_pulls_both_sides(change, reason):
    """A shut gate, or data too old to hold a price against, pulls what rests on either side."""
    bench = quoted()
    change(bench)
    assert sorted(row[:3] for row in bench.rows()) == [(CANCEL, False, reason), (CANCEL, True, reason)]


def test_a_stale_book_pulls_both_sides_when_looked_at():
    """A book that nothing came for is too old at the next look, and what rests is pulled."""
    bench = quoted()
    bench.slot.set_mark(1_050, NOW_NS + 3 * SECOND_NS)
    assert {row[2] for row in bench.rows(NOW_NS + 2 * SECOND_NS)} == set()
    assert {row[2] for row in bench.rows(NOW_NS + 2 * SECOND_NS + 1)} == {"STALE_BOOK"}


def test_without_budget_a_safe_order_stays_and_an_exposed_one_is_pulled():
    """When the rate is used up, an order too far from the market stays, one too near to it is cancelled."""
    bench = quoted(per_second=2)
    assert bench.market(1_050, 1_150) == [(CANCEL, False, "RATE", 1_100, 5)]


def test_without_budget_an_order_that_is_too_large_is_pulled():
    """When the rate is used up, an order larger than what we want to show does not stay."""
    bench = quoted(per_second=2)
    bench.slot.set_params(QuoteParams(**PARAMS | {"bid_size_nanos": 3}))
    assert bench.rows() == [(CANCEL, True, "RATE", 1_000, 5)]


def test_a_refused_order_is_asked_again_when_nothing_moves():
    """What the rate refused is placed by the next look after the second is over."""
    bench = Bench(per_second=1)
    assert len(bench.market(1_000, 1_100)) == 1
    assert bench.rows() == []
    later = NOW_NS + SECOND_NS
    assert bench.rows(later) == [(PLACE, True, "OK", 1_000, 5)]


def test_a_smaller_desired_size_shrinks_what_rests():
    """An order larger than what we want to show is replaced by one of the wanted size."""
    bench = quoted()
    bench.slot.set_params(QuoteParams(**PARAMS | {"bid_size_nanos": 3}))
    assert bench.rows() == [(REPLACE, True, "OK", 1_000, 3)]


def test_while_a_size_changes_the_larger_one_is_ours():
    """An order being replaced at its own price is taken out of the book with the larger of both sizes."""
    bench = quoted()
    bench.market(1_000, 1_100, size=50)
    bench.slot.set_params(QuoteParams(**PARAMS | {"bid_size_nanos": 3}))
    bench.rows()
    assert bench.slot.book.levels(True) == [(1_000, 45)]
    bench.slot.settle(True, 1_000, 3)
    assert bench.slot.book.levels(True) == [(1_000, 47)]


def test_our_own_order_is_not_chased():
    """Our order at the touch does not move our own quote, in flight or at rest."""
    improving = {"aggression_nanos": NANOS, "improvement_nanos": 2 * TICK}
    bench = Bench(params=improving)
    assert [row[3] for row in bench.market(1_000, 1_100)] == [1_080, 1_020]
    for _ in range(2):
        bench.slot.book.apply_change(True, 1_020, 5)
        bench.slot.book.apply_change(False, 1_080, 5)
        bench.slot.book.finish_change(2, NOW_NS, NOW_NS)
        assert bench.rows() == []
        bench.slot.settle(True, 1_020, 5)
        bench.slot.settle(False, 1_080, 5)
        assert bench.rows() == []


def test_a_side_whose_order_changed_waits_for_the_book_to_show_it():
    """What was told with its time is taken out of the next frame, not of this one, and until then nothing moves."""
    bench = Bench(params={"aggression_nanos": NANOS, "improvement_nanos": 2 * TICK})
    bench.market(1_000, 1_100)
    bench.slot.settle(True, 1_020, 5, now_ns=NOW_NS)
    assert bench.slot.book.levels(True) == [(1_000, 50)]
    bench.slot.set_mark(1_050, NOW_NS)
    assert bench.rows() == []
    bench.slot.book.apply_change(True, 1_020, 5)
    bench.slot.book.finish_change(2, NOW_NS, NOW_NS + 1)
    assert bench.rows(NOW_NS + 1) == []
    assert bench.slot.book.levels(True) == [(1_000, 50)]
    bench.slot.settle(True, 0, 0, now_ns=NOW_NS + 2)
    assert bench.rows(NOW_NS + 2) == []
    bench.slot.book.apply_change(True, 1_020, 0)
    bench.slot.book.finish_change(3, NOW_NS, NOW_NS + 3)
    assert bench.rows(NOW_NS + 3) == [(PLACE, True, "OK", 1_020, 5)]


def test_a_side_that_waits_may_still_be_pulled_and_does_not_wait_for_ever():
    """The gate can pull what waits; a book that shows nothing within a second is taken to have shown it."""
    bench = quoted()
    bench.slot.settle(True, 1_000, 5, now_ns=NOW_NS)
    bench.slot.set_params(QuoteParams(**PARAMS | {"bid_size_nanos": 3}))
    assert bench.rows() == []
    assert bench.rows(NOW_NS + NANOS) == [(REPLACE, True, "OK", 1_000, 3)]
    bench = quoted()
    bench.slot.settle(True, 1_000, 5, now_ns=NOW_NS)
    bench.slot.set_position(18, 0, 0)
    assert bench.rows() == [(CANCEL, True, "MAX_POSITION", 1_000, 5)]


def test_a_side_to_which_something_has_happened_gives_nothing_but_a_cancel():
    """Until its outcome is told, what rests is neither moved nor added to, but pulled when it may not stay."""
    bench = quoted()
    bench.slot.unsettle(True)
    assert bench.market(1_050, 1_100) == []
    bench.slot.set_position(18, 0, 0)
    assert bench.rows() == [(CANCEL, True, "MAX_POSITION", 1_000, 5)]
    bench = quoted()
    bench.slot.settle(True, 0, 0)
    bench.slot.unsettle(True)
    assert bench.market(1_000, 1_100) == []
    bench.slot.settle(True, 0, 0)
    assert bench.rows() == [(PLACE, True, "OK", 1_000, 5)]


def test_a_look_decides_every_slot():
    """One look over the lane gives the rows of all slots, each under its slot's number."""
    lane = Lane(Gate(100))
    made = {"params": QuoteParams(**PARAMS), "limits": InstrumentLimits(**LIMITS)}
    slots = [lane.add(b"book.%d" % at, **made, keep_price_nanos=0, keep_size_nanos=0) for at in range(5)]
    for slot in slots:
        slot.set_mark(1_050, NOW_NS)
        slot.book.apply_snapshot([(1_000, 9)], [(1_100, 9)], 1, NOW_NS, NOW_NS)
    count = lane.look(NOW_NS)
    assert [row[0] for row in as_tuples(lane.rows, count)] == [at for at in range(5) for _ in range(2)]


def test_a_look_begins_where_our_orders_stand_worst():
    """After a jump the slot that would lose most to the new prices comes first, whatever its number."""
    lane = Lane(Gate(100))
    made = {"params": QuoteParams(**PARAMS), "limits": InstrumentLimits(**LIMITS)}
    slots = [lane.add(b"book.%d" % at, **made, keep_price_nanos=0, keep_size_nanos=0) for at in range(3)]
    for slot, fall in zip(slots, (10, 50, 30), strict=True):
        slot.set_mark(1_050, NOW_NS)
        slot.settle(True, 1_000, 5)
        slot.book.apply_snapshot([(1_000 - fall, 9)], [(1_100, 9)], 1, NOW_NS, NOW_NS)
    count = lane.look(NOW_NS)
    assert list(dict.fromkeys(row[0] for row in as_tuples(lane.rows, count))) == [1, 2, 0]


def test_a_jump_of_fair_values_moves_the_exposed_sides_first():
    """After the underlying has jumped up, the offer that stands furthest below its new place is the first row."""
    lane = Lane(Gate(100))
    made = {
        "params": QuoteParams(**PARAMS | {"is_round_fair": True, "spread_share_nanos": NANOS // 50}),
        "limits": InstrumentLimits(**LIMITS),
    }
    slots = [lane.add(b"book.%d" % at, **made, keep_price_nanos=0, keep_size_nanos=0) for at in range(3)]
    for slot, jump in zip(slots, (20, 60, 40), strict=True):
        slot.set_mark(1_000, NOW_NS)
        slot.book.apply_snapshot([(800, 9)], [(1_400, 9)], 1, NOW_NS, NOW_NS)
        slot.settle(True, 990, 5)
        slot.settle(False, 1_010, 5)
        slot.set_fair(1_000 + jump, NOW_NS)
    rows = as_tuples(lane.rows, lane.look(NOW_NS))
    offers = [row[:3] for row in rows if not row[2]]
    assert rows[0][:3] == offers[0]
    assert offers == [(at, REPLACE, False) for at in (1, 2, 0)]


@pytest.mark.parametrize(
    ("price", "size", "filled"),
    [(-1, 5, 0), (0, 5, 0), (1_000, -1, 0), (1_000, 5, -1)],
    ids=["price below zero", "price of zero", "size below zero", "filled below zero"],
)
def test_an_outcome_that_cannot_be_is_refused(price, size, filled):
    """An order without a price, of negative size or filled less than not at all does not exist."""
    with pytest.raises(ValueError, match="no such order"):
        quoted().slot.settle(True, price, size, filled_nanos=filled)


def test_thresholds_and_times_are_checked():
    """Thresholds below zero, open amounts below zero and times before 1970 are refused."""
    bench = Bench()
    with pytest.raises(ValueError, match="threshold"):
        Bench(keep=(-1, 0))
    with pytest.raises(ValueError, match="open"):
        bench.slot.set_position(0, -1, 0)
    with pytest.raises(ValueError, match="time"):
        bench.slot.set_mark(1, -1)
    with pytest.raises(ValueError, match="time"):
        bench.rows(-1)


prices = st.integers(95, 115).map(lambda ticks: ticks * TICK)
sizes = st.integers(1, 12)
orders = st.tuples(prices, sizes)


class SlotAgainstParts(RuleBasedStateMachine):
    """Any history of markets, outcomes and settings gives the rows of the parts put together."""

    @initialize(per_second=st.integers(1, 6), keep=st.tuples(st.integers(0, 30), st.integers(0, 6)))
    def start(self, per_second, keep):
        self.lane = Lane(Gate(per_second))
        self.slot = self.lane.add(
            b"X",
            params=QuoteParams(**PARAMS),
            limits=InstrumentLimits(**LIMITS),
            keep_price_nanos=keep[0],
            keep_size_nanos=keep[1],
        )
        self.reference = ReferenceSlot(0, Gate(per_second), PARAMS, LIMITS, keep=keep)
        self.now_ns = NOW_NS
        self._both("set_mark", 1_050, NOW_NS)

    def _both(self, method, *arguments):
        for slot in (self.slot, self.reference):
            getattr(slot, method)(*arguments)

    def _books(self, method, *arguments):
        for slot in (self.slot, self.reference):
            getattr(slot.book, method)(*arguments)

    def _compare(self):
        expected = self.reference.decide(self.now_ns)
        count = self.lane.on_book_changed(self.slot, self.now_ns)
        assert as_tuples(self.lane.rows, count) == expected
        assert self.lane.gate.refusals == self.reference.gate.refusals

    @rule(bids=st.dictionaries(prices, sizes, max_size=3), asks=st.dictionaries(prices, sizes, max_size=3))
    def snapshot(self, bids, asks):
        sides = sorted(bids.items(), reverse=True), sorted(asks.items())
        self._books("apply_snapshot", *sides, 1, self.now_ns, self.now_ns)
        self._compare()

    @rule(mid=st.integers(98, 112), sizes_there=st.tuples(sizes, sizes))
    def sound_snapshot(self, mid, sizes_there):
        bids, asks = [((mid - 2) * TICK, sizes_there[0])], [((mid + 2) * TICK, sizes_there[1])]
        self._books("apply_snapshot", bids, asks, 1, self.now_ns, self.now_ns)
        self._compare()

    @rule(is_bid=st.booleans(), price=prices, size=st.integers(0, 12))
    def change(self, is_bid, price, size):
        self._books("apply_change", is_bid, price, size)
        self._books("finish_change", 2, self.now_ns, self.now_ns)
        self._compare()

    @rule(is_bid=st.booleans(), outcome=st.sampled_from(["sent", "rests", "gone", "filled"]), left=sizes)
    def settle(self, is_bid, outcome, left):
        side = self.reference.sides[is_bid]
        order = {"sent": side.sent, "rests": side.rests, "filled": side.sent or side.rests}.get(outcome) or (0, 0)
        if outcome == "filled":
            order = (order[0], min(order[1], left))
        self._both("settle", is_bid, *order)
        self._compare()

    @rule(is_bid=st.booleans())
    def unsettle(self, is_bid):
        self._both("unsettle", is_bid)
        self._compare()

    @rule(is_bid=st.booleans(), order=orders)
    def foreign_outcome(self, is_bid, order):
        self._both("settle", is_bid, *order)
        self._compare()

    @rule(
        changes=st.fixed_dictionaries(
            {},
            optional={
                "aggression_nanos": st.sampled_from([0, NANOS // 2, NANOS]),
                "improvement_nanos": st.integers(0, 40),
                "reference_size_nanos": st.integers(0, 9),
                "bid_size_nanos": st.integers(0, 9),
                "ask_size_nanos": st.integers(0, 9),
                "skew_nanos": st.integers(-60, 60),
                "is_round_fair": st.booleans(),
            },
        )
    )
    def set_params(self, changes):
        self.slot.set_params(QuoteParams(**PARAMS | changes))
        self.reference.set_params(PARAMS | changes)
        self._compare()

    @rule(position=st.integers(-25, 25), open_amounts=st.tuples(st.integers(0, 9), st.integers(0, 9)))
    def set_position(self, position, open_amounts):
        self._both("set_position", position, *open_amounts)
        self._compare()

    @rule(most=st.integers(1, 30), fair_band=st.sampled_from([None, None, NANOS // 20]))
    def set_limits(self, most, fair_band):
        limits = LIMITS | {"max_position_nanos": most, "fair_band_share_nanos": fair_band}
        self.slot.set_limits(InstrumentLimits(**limits))
        self.reference.set_limits(limits)
        self._compare()

    @rule(which=st.sampled_from(["set_mark", "set_mark", "set_fair"]), price=prices)
    def value(self, which, price):
        self._both(which, price, self.now_ns)
        self._compare()

    @rule(pause_ns=st.sampled_from([SECOND_NS // 4, SECOND_NS, 3 * SECOND_NS]))
    def wait(self, pause_ns):
        self.now_ns += pause_ns
        self._compare()

    @rule()
    def darken(self):
        self._books("darken")
        self._compare()

    @invariant()
    def same_book(self):
        if not hasattr(self, "slot"):
            return
        for is_bid in (True, False):
            assert self.slot.book.levels(is_bid) == self.reference.book.levels(is_bid)


TestSlotAgainstParts = SlotAgainstParts.TestCase
TestSlotAgainstParts.settings = settings(
    max_examples=250, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
