"""Orders at Deribit on a wire that is a list: each ends as accepted, refused or unknown, and nothing is sent twice."""

import json

import deribit_samples as samples
import orjson
import pytest
from deribit_captures import FREE
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from atomizer.domain.instruments import NANOS
from atomizer.domain.trading import CancelSent, Fill, OrderPlaced, OrderState, OrderUpdate, Side, TimeInForce
from atomizer.errors import Disconnected
from atomizer.net.echoes import WITHIN_NS, Echoes
from atomizer.net.rpc import ANSWER_WITHIN_NS, Rpc
from atomizer.venues.deribit.account_codec import Limit, Limits
from atomizer.venues.deribit.budgets import CANCEL_SHARE, MATCHING, Budgets
from atomizer.venues.deribit.codec import build_request, parse_message
from atomizer.venues.deribit.listing_codec import parse_instruments
from atomizer.venues.deribit.market import MarketData
from atomizer.venues.deribit.orders import OrderDesk

NOW_NS = 1_780_000_000 * NANOS
PERPETUAL = "BTC-PERP"
FINAL = {OrderState.FILLED, OrderState.CANCELLED, OrderState.REFUSED}


class Floor:
    """A desk with a wire that is a list: what left, what was told, and a hand on the clock."""

    def __init__(self):
        self.clock_ns = 0
        self.sent = []
        self.told = []
        self.is_cut = False
        self.budgets = Budgets()
        self.rpc = Rpc("deribit", self.send_text, build_request, self.budgets.of, lambda: self.clock_ns)
        self.market = MarketData(print)
        self.market.replace_listings(parse_instruments((FREE / "instruments_future.json").read_bytes()).listings)
        self.echoes = Echoes(lambda: self.clock_ns)
        desk = self.rpc, self.market, self.echoes
        self.desk = OrderDesk(*desk, emit=self.told.append, now_ns=lambda: NOW_NS + self.clock_ns)
        self.desk.is_open = True
        self.count = 0

    def send_text(self, text):
        if self.is_cut:
            raise Disconnected("deribit", "not connected")
        self.sent.append(orjson.loads(text))

    def order(self, **changes):
        self.count += 1
        fields = {
            "now_ns": NOW_NS,
            "venue": "deribit",
            "client_id": f"test.r.{self.count}",
            "nonce": self.count,
            "instrument": PERPETUAL,
            "side": Side.BUY,
            "price_nanos": 80_000 * NANOS,
            "amount_nanos": 10 * NANOS,
            "time_in_force": TimeInForce.GTC,
        }
        return OrderPlaced(**(fields | changes))

    def place(self, **changes):
        order = self.order(**changes)
        self.desk.place(order, NOW_NS + self.clock_ns)
        return order

    def replace(self, old, **changes):
        order = self.order(replaces=old.client_id, **changes)
        self.desk.replace(order, NOW_NS + self.clock_ns)
        return order

    def cancel(self, order):
        self.desk.cancel(CancelSent(now_ns=NOW_NS, venue="deribit", client_id=order.client_id))

    def answer(self, request, **body):
        self.rpc.on_answer(parse_message(json.dumps({"id": request["id"], **body}).encode()))

    def shape(self, label, state="open", filled=0):
        changes = {"label": label, "order_state": state, "filled_amount": filled, "order_id": f"id-{label}"}
        return samples.ORDER | {"instrument_name": "BTC-PERPETUAL"} | changes

    def acknowledge(self, request, state="open", filled=0):
        order = self.shape(request["params"]["label"], state, filled)
        self.answer(request, result={"order": order, "trades": []})

    def notify(self, order, state, filled=0):
        data = {"orders": [self.shape(order.client_id, state, filled)], "trades": [], "positions": []}
        self.desk.on_changes(json.dumps(data).encode(), NOW_NS)

    def refuse(self, request, code, data=None):
        self.answer(request, error={"code": code, "message": "words", "data": data})

    def states_of(self, order):
        return [u.state for u in self.told if isinstance(u, OrderUpdate) and u.client_id == order.client_id]


def resting(floor, filled=0):
    order = floor.place()
    floor.acknowledge(floor.sent[-1], filled=filled)
    return order


@pytest.mark.parametrize(("words", "is_overdue"), [("an", False), ("na", False), ("n", False), ("a", True)])
def test_an_order_that_only_its_answer_told_of_shows_that_the_channel_is_dead(words, is_overdue):
    """Answer and notice come in either order; where an answer stays alone the order is named, once, in time."""
    floor = Floor()
    order = floor.place()
    for word in words:
        if word == "a":
            floor.acknowledge(floor.sent[0])
        else:
            floor.notify(order, "open")
    floor.clock_ns += WITHIN_NS - 1
    assert floor.echoes.take_overdue() == ""
    floor.clock_ns += 1
    assert floor.echoes.take_overdue() == (order.client_id if is_overdue else "")
    assert floor.echoes.take_overdue() == ""


def test_what_the_venue_says_of_an_order_may_come_before_its_answer():
    """The notice opens it and carries its fill; the answer behind it changes nothing."""
    floor = Floor()
    order = floor.place()
    trade = samples.TRADE | {"label": order.client_id, "instrument_name": "BTC-PERPETUAL", "fee_currency": "BTC"}
    data = {"orders": [floor.shape(order.client_id, "filled", 10)], "trades": [trade], "positions": []}
    floor.desk.on_changes(json.dumps(data).encode(), NOW_NS)
    floor.acknowledge(floor.sent[0], "filled", 10)
    assert floor.states_of(order) == [OrderState.FILLED, OrderState.FILLED]
    assert [fill.client_id for fill in floor.told if isinstance(fill, Fill)] == [order.client_id]


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (10009, OrderState.REFUSED),
        (11054, OrderState.REFUSED),
        (13888, OrderState.REFUSED),
        (11094, OrderState.UNKNOWN),
    ],
)
def test_a_fault_is_a_definite_no_or_leaves_the_outcome_unknown(code, state):
    """As the table of codes has it, with the venue's code."""
    floor = Floor()
    order = floor.place()
    floor.refuse(floor.sent[0], code)
    assert floor.states_of(order) == [state]
    assert floor.told[-1].code == code


def test_silence_is_unknown_and_the_late_answer_is_the_truth():
    """Told once; what comes later is heard."""
    floor = Floor()
    order = floor.place()
    floor.clock_ns = ANSWER_WITHIN_NS
    floor.rpc.expire()
    floor.rpc.expire()
    floor.acknowledge(floor.sent[0])
    assert floor.states_of(order) == [OrderState.UNKNOWN, OrderState.OPEN]


def test_the_last_requests_of_the_budget_are_for_cancels():
    """New orders are refused here before the venue would end our session; cancels still leave."""
    floor = Floor()
    reserve = MATCHING.burst // CANCEL_SHARE
    orders = [floor.place() for _ in range(MATCHING.burst - reserve)]
    late = floor.place()
    floor.desk.flush()
    assert floor.states_of(late) == [OrderState.REFUSED]
    for order in orders[: reserve + 1]:
        floor.cancel(order)
    cancels = [request for request in floor.sent if request["method"].startswith("private/cancel")]
    assert len(cancels) == reserve
    floor.clock_ns = 60 * NANOS
    floor.desk.flush()
    assert floor.sent[-1]["params"]["label"] == orders[reserve].client_id


def test_a_slow_down_holds_everything_for_as_long_as_the_venue_says():
    """A cancel that was turned away leaves again after the hold; a new order is refused meanwhile."""
    floor = Floor()
    order = resting(floor)
    floor.cancel(order)
    floor.refuse(floor.sent[-1], 10028, {"wait": 2})
    floor.desk.flush()
    barred = floor.place()
    floor.desk.flush()
    assert floor.states_of(barred) == [OrderState.REFUSED]
    assert len(floor.sent) == 2
    floor.clock_ns = 2 * NANOS
    floor.desk.flush()
    assert [request["method"] for request in floor.sent[2:]] == ["private/cancel"]


def test_limits_of_the_account_take_the_place_of_the_least():
    """A market maker's burst is used when the venue grants it; what it does not say stays."""
    floor = Floor()
    floor.budgets.adopt(Limits(Limit(250, 200.0), None, None, None))
    for _ in range(200):
        floor.place()
    assert len(floor.sent) == 200


# --- replacing


def test_a_replacement_leaves_when_the_old_order_is_gone():
    """Not before; with what had filled known, and no further."""
    floor = Floor()
    old = resting(floor, filled=4)
    new = floor.replace(old)
    assert [request["method"] for request in floor.sent] == ["private/buy", "private/cancel"]
    floor.answer(floor.sent[1], result=floor.shape(old.client_id, "cancelled", 4))
    assert floor.sent[2]["params"]["label"] == new.client_id
    floor.acknowledge(floor.sent[2])
    assert floor.states_of(new) == [OrderState.OPEN]


@pytest.mark.parametrize(("state", "filled"), [("cancelled", 5), ("filled", 10)])
def test_a_replacement_is_dropped_when_more_had_filled(state, filled):
    """It would add to what the old order did."""
    floor = Floor()
    old = resting(floor, filled=4)
    new = floor.replace(old)
    floor.answer(floor.sent[1], result=floor.shape(old.client_id, state, filled))
    floor.desk.flush()
    assert floor.states_of(new) == [OrderState.REFUSED]
    assert len(floor.sent) == 2


@pytest.mark.parametrize("code", [11044, 10004, 11094])
def test_a_replacement_is_dropped_when_the_cancel_found_nothing(code):
    """What became of the old order is not known, so nothing follows it."""
    floor = Floor()
    old = resting(floor)
    new = floor.replace(old)
    floor.refuse(floor.sent[1], code)
    floor.desk.flush()
    assert floor.states_of(new) == [OrderState.REFUSED]
    assert floor.states_of(old)[-1] is OrderState.UNKNOWN
    floor.notify(old, "cancelled")
    assert len(floor.sent) == 2


def test_a_replacement_of_nothing_we_know_is_refused_and_the_label_cancelled():
    """The old order may rest all the same, so it is cancelled by its label."""
    floor = Floor()
    new = floor.replace(floor.order())
    floor.desk.flush()
    assert floor.states_of(new) == [OrderState.REFUSED]
    assert [request["method"] for request in floor.sent] == ["private/cancel_by_label"]


def test_a_refused_order_takes_its_replacement_with_it():
    """There is nothing to replace."""
    floor = Floor()
    old = floor.place()
    new = floor.replace(old)
    floor.refuse(floor.sent[0], 11054)
    floor.desk.flush()
    assert floor.states_of(new) == [OrderState.REFUSED]


class EveryOrderIsHeardOf(RuleBasedStateMachine):
    """Whatever is placed, replaced and cancelled, and whatever comes back in any order or never: each order is told of,
    leaves at most once, and is refused if it never left.
    """

    def __init__(self):
        super().__init__()
        self.floor = Floor()
        self.floor.budgets.adopt(Limits(Limit(10_000, 10_000.0), None, None, None))
        self.orders = []
        self.answered = 0

    @property
    def unanswered(self):
        return self.floor.sent[self.answered :]

    @rule(good=st.booleans())
    def place(self, good):
        self.orders.append(self.floor.place(**({} if good else {"amount_nanos": 1})))

    @precondition(lambda self: self.orders)
    @rule(data=st.data())
    def replace(self, data):
        self.orders.append(self.floor.replace(data.draw(st.sampled_from(self.orders))))

    @precondition(lambda self: self.orders)
    @rule(data=st.data())
    def cancel(self, data):
        self.floor.cancel(data.draw(st.sampled_from(self.orders)))

    @precondition(lambda self: self.unanswered)
    @rule(word=st.sampled_from(["good", "refused", "unknown", "slow", "unreadable"]), filled=st.integers(0, 10))
    def answer(self, word, filled):
        request = self.unanswered[0]
        self.answered += 1
        method, params = request["method"], request["params"]
        if word == "unreadable":
            self.floor.answer(request, result=[])
        elif word != "good":
            self.floor.refuse(request, {"refused": 11044, "unknown": 11094, "slow": 10028}[word], {"wait": 1})
        elif method == "private/buy":
            self.floor.acknowledge(request, "filled" if filled == 10 else "open", filled)
        elif method == "private/cancel":
            label = params["order_id"].removeprefix("id-")
            self.floor.answer(request, result=self.floor.shape(label, "cancelled", filled))
        else:
            self.floor.answer(request, result=1)

    @precondition(lambda self: self.orders)
    @rule(data=st.data(), state=st.sampled_from(["open", "cancelled", "filled"]))
    def notify(self, data, state):
        order = data.draw(st.sampled_from(self.orders))
        if order.client_id in self.labels():
            self.floor.notify(order, state)

    @rule(seconds=st.integers(0, 6))
    def wait(self, seconds):
        self.floor.clock_ns += seconds * NANOS
        self.floor.rpc.expire()
        self.floor.desk.flush()

    @rule()
    def lose(self):
        self.floor.rpc.cut_off()
        self.floor.desk.forget()
        self.answered = len(self.floor.sent)
        self.floor.desk.is_open = True

    def labels(self):
        return [request["params"]["label"] for request in self.floor.sent if request["method"] == "private/buy"]

    def teardown(self):
        self.floor.rpc.cut_off()
        self.floor.desk.forget()
        self.floor.desk.flush()
        labels = self.labels()
        assert len(set(labels)) == len(labels)
        for order in self.orders:
            states = self.floor.states_of(order)
            assert states
            if order.client_id not in labels:
                assert OrderState.REFUSED in states


EveryOrderIsHeardOf.TestCase.settings = settings(max_examples=60, stateful_step_count=25)
test_every_order_is_heard_of = EveryOrderIsHeardOf.TestCase
