"""Reconciliation: after it, our table and the venue say the same."""

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, precondition, rule
from reference.venue_orders import VenueOrders

from atomizer.domain.trading import OrderPlaced, OrderState, OrderUpdate, Side, TimeInForce
from atomizer.orders.client_ids import ClientIds
from atomizer.orders.reconcile import Answer, reconcile
from atomizer.orders.table import OrderTable

STRATEGIES = {"hedger", "maker"}
GRACE_NS = 100


def place(label, now_ns=0, amount_nanos=10, venue="derive", replaces=""):
    return OrderPlaced(
        now_ns=now_ns,
        venue=venue,
        client_id=label,
        nonce=now_ns,
        instrument="ETH-PERP",
        side=Side.SELL,
        price_nanos=100,
        amount_nanos=amount_nanos,
        time_in_force=TimeInForce.GTC,
        replaces=replaces,
    )


def fold(*records):
    table = OrderTable()
    for record in records:
        assert table.apply(record)
    return table


def hear(table, venue, asked_ns=1_000):
    """What the venue answers now."""
    live = {order.client_id for order in table.live(venue.name)}
    return Answer(
        venue=venue.name, open_orders=venue.open_orders(), fills=list(venue.fills), asked_ns=asked_ns, live=live
    )


def ask(table, venue, asked_ns=1_000):
    return reconcile(table, hear(table, venue, asked_ns), STRATEGIES, GRACE_NS, asked_ns + 1)


def test_what_both_know_needs_nothing():
    """An order that both sides know alike is left alone."""
    venue, order = VenueOrders("derive"), place("hedger.r1.1")
    assert ask(fold(order, *venue.accept(order)), venue).is_clean


def test_ours_and_known_is_adopted_with_its_missed_fills():
    """An order of ours that rests there is adopted with the amount and id that we had missed, its fills booked."""
    venue, order = VenueOrders("derive"), place("hedger.r1.1")
    table = fold(order)
    venue.accept(order)
    venue.trade("hedger.r1.1", 4)
    found = ask(table, venue)
    assert [update.filled_nanos for update in found.adopted] == [4]
    assert found.fills == tuple(venue.fills)
    assert not found.ended
    assert not found.strays


def test_ours_and_unknown_is_a_stray():
    """An order under our label that the journal does not know is to be cancelled."""
    venue = VenueOrders("derive")
    venue.accept(place("hedger.lost.1"))
    assert [update.client_id for update in ask(OrderTable(), venue).strays] == ["hedger.lost.1"]


def test_ours_and_ended_but_resting_is_a_stray():
    """An order that we hold for ended and that still rests is to be cancelled."""
    venue, order = VenueOrders("derive"), place("hedger.r1.1")
    gone = OrderUpdate(now_ns=1, venue="derive", client_id="hedger.r1.1", state=OrderState.REFUSED)
    venue.accept(order)
    assert [update.client_id for update in ask(fold(order, gone), venue).strays] == ["hedger.r1.1"]


def test_two_orders_of_one_label_are_strays():
    """When two orders rest for one intent neither is adopted."""
    venue, order = VenueOrders("derive"), place("hedger.r1.1")
    table = fold(order, *venue.accept(order))
    heard = hear(table, venue)
    answer = msgspec.structs.replace(heard, open_orders=heard.open_orders * 2)
    found = reconcile(table, answer, STRATEGIES, GRACE_NS, 1_001)
    assert [update.client_id for update in found.strays] == ["hedger.r1.1"] * 2


@pytest.mark.parametrize("sent_ns", [0, 1_000, 1_001])
def test_an_order_that_has_ended_since_the_question_is_no_stray(sent_ns):
    """An answer that is older than what we know by now says nothing of an order that has ended meanwhile."""
    venue, order = VenueOrders("derive"), place("hedger.r1.1", sent_ns)
    successor = place("hedger.r1.2", 1_001, replaces="hedger.r1.1")
    table = fold(order, *venue.accept(order)) if sent_ns < 1_000 else OrderTable()
    answer = hear(table, venue)
    if sent_ns >= 1_000:
        venue.accept(order)
        answer = msgspec.structs.replace(answer, open_orders=venue.open_orders())
        table.apply(order)
    for record in (successor, *venue.replace(successor, is_taken=True)):
        table.apply(record)
    assert table.get("derive", "hedger.r1.1").state.is_final
    found = reconcile(table, answer, STRATEGIES, GRACE_NS, 1_002)
    assert found.is_clean
    assert [update.client_id for update in found.outdated] == ["hedger.r1.1"]


def test_an_order_that_rests_beside_its_successor_is_a_stray():
    """When a replaced order and the one that succeeds it both rest, the replaced one is to be cancelled."""
    venue, order, successor = VenueOrders("derive"), place("hedger.r1.1"), place("hedger.r1.2", replaces="hedger.r1.1")
    table = fold(order, successor)
    venue.accept(order)
    venue.accept(successor)
    found = ask(table, venue)
    assert [update.client_id for update in found.strays] == ["hedger.r1.1"]
    assert [update.client_id for update in found.adopted] == ["hedger.r1.2"]


def test_foreign_orders_are_reported_and_untouched():
    """Orders of others on the same account, without a label or with another's, are only reported."""
    venue = VenueOrders("derive")
    for label in ("", "web-ui", "other.r1.1"):
        venue.accept(place(label))
    found = ask(OrderTable(), venue)
    assert [update.client_id for update in found.foreign] == ["", "web-ui", "other.r1.1"]
    assert found.is_clean


def test_an_order_that_is_gone_ends_by_its_fills():
    """An order that no longer rests is filled if its fills add up to it, and else cancelled with what there is."""
    venue, whole, part = VenueOrders("derive"), place("hedger.r1.1"), place("hedger.r1.2")
    table = fold(whole, part)
    for order in (whole, part):
        venue.accept(order)
    venue.trade("hedger.r1.1", 10)
    venue.trade("hedger.r1.2", 3)
    venue.cancel("hedger.r1.2")
    ended = {update.client_id: (update.state, update.filled_nanos) for update in ask(table, venue).ended}
    assert ended == {"hedger.r1.1": (OrderState.FILLED, 10), "hedger.r1.2": (OrderState.CANCELLED, 3)}


def test_an_unknown_order_that_never_arrived_is_cancelled():
    """An order without an answer, that the venue does not hold and never traded, ends cancelled."""
    order = place("hedger.r1.1")
    table = fold(order, OrderUpdate(now_ns=1, venue="derive", client_id="hedger.r1.1", state=OrderState.UNKNOWN))
    (ended,) = ask(table, VenueOrders("derive")).ended
    assert (ended.state, ended.filled_nanos) == (OrderState.CANCELLED, 0)


def test_an_order_that_may_be_in_flight_is_left_alone():
    """Nothing is concluded about an order sent after the question, or less than the grace before it."""
    table = fold(place("hedger.r1.1", now_ns=1_001), place("hedger.r1.2", now_ns=901), place("hedger.r1.3", now_ns=900))
    assert [update.client_id for update in ask(table, VenueOrders("derive")).ended] == ["hedger.r1.3"]


def test_another_venue_is_not_concerned():
    """An answer of one venue says nothing about orders at another."""
    assert ask(fold(place("hedger.r1.1", venue="deribit")), VenueOrders("derive")).is_clean


def ended_labels(found):
    return {update.client_id for update in found.ended}


class ReconcileMachine(RuleBasedStateMachine):
    """A venue acts; its messages come late, twice, in any order or never. Reconciliation must find the truth."""

    labels = Bundle("labels")

    def __init__(self):
        super().__init__()
        self.venue = VenueOrders("derive")
        self.table = OrderTable()
        self.ids = ClientIds("hedger", "r1")
        self.messages = []
        self.booked = []
        self.now_ns = 0
        self.answer = None
        self.ended_before = set()  # of the question

    @initialize()
    def foreign_order_rests(self):
        self.venue.accept(place("web-ui"))

    @rule(target=labels, amount=st.integers(1, 5), arrives=st.booleans(), is_remembered=st.booleans())
    def place_order(self, amount, arrives, is_remembered):
        """Written and sent; it may be lost on the way, or be lost from our journal."""
        self.now_ns += 1
        order = place(self.ids.next(), self.now_ns, amount)
        if is_remembered:
            self.apply(order)
        if arrives:
            self.messages += self.venue.accept(order)
        return order.client_id

    @rule(target=labels, label=labels, amount=st.integers(1, 5), arrives=st.booleans(), is_taken=st.booleans())
    def replace_order(self, label, amount, arrives, is_taken):
        """Written and sent; it may be lost on the way, be refused when the old order has gone, or be half done."""
        if self.table.get("derive", label) is None:
            return label
        self.now_ns += 1
        order = place(self.ids.next(), self.now_ns, amount, replaces=label)
        self.apply(order)
        if arrives:
            self.messages += self.venue.replace(order, is_taken=is_taken)
        return order.client_id

    @rule(label=labels)
    def no_answer(self, label):
        self.apply(OrderUpdate(now_ns=self.now_ns, venue="derive", client_id=label, state=OrderState.UNKNOWN))

    @rule(label=labels, amount=st.integers(1, 5))
    def trade(self, label, amount):
        if label in self.venue.orders and self.venue.orders[label][2]:
            placed, filled, _ = self.venue.orders[label]
            self.messages += self.venue.trade(label, min(amount, placed.amount_nanos - filled))

    @rule(label=labels)
    def cancel(self, label):
        if label in self.venue.orders and self.venue.orders[label][2]:
            self.messages += self.venue.cancel(label)

    @precondition(lambda self: self.messages)
    @rule(data=st.data(), is_last=st.booleans())
    def deliver(self, data, is_last):
        index = data.draw(st.integers(0, len(self.messages) - 1))
        self.apply(self.messages.pop(index) if is_last else self.messages[index])

    @precondition(lambda self: self.answer is None)
    @rule()
    def ask(self):
        """The venue answers; until we read it, more may happen."""
        self.now_ns += GRACE_NS
        self.answer = hear(self.table, self.venue, self.now_ns)
        labels = {update.client_id for update in self.answer.open_orders}
        self.ended_before = {label for label in labels - {"web-ui"} if self.is_over(label)}

    def is_over(self, label):
        """Whether we would not have it rest."""
        order = self.table.get("derive", label)
        return order is None or order.state.is_final or any(self.table.successors("derive", label))

    @precondition(lambda self: self.answer is not None)
    @rule()
    def read_answer(self):
        """Read late, it takes no order for a stray that has ended since, and ends none that rests."""
        found = reconcile(self.table, self.answer, STRATEGIES, GRACE_NS, self.now_ns)
        self.answer = None
        assert {stray.client_id for stray in found.strays} <= self.ended_before
        assert not any(label in self.venue.orders and self.venue.orders[label][2] for label in ended_labels(found))
        for record in (*found.fills, *found.adopted, *found.ended):
            self.apply(record)

    @rule()
    def reconcile(self):
        self.now_ns += GRACE_NS
        found = ask(self.table, self.venue, self.now_ns)
        for record in (*found.fills, *found.adopted):
            assert self.apply(record)
        for record in found.ended:
            # Nothing new of an order whose successor, adopted just now, says that it is gone.
            assert self.apply(record) or self.table.successors("derive", record.client_id)
        for stray in found.strays:
            self.messages += self.venue.cancel(stray.client_id)
        assert "web-ui" not in {stray.client_id for stray in found.strays}
        again = ask(self.table, self.venue, self.now_ns)
        assert again.is_clean
        self.agree()

    def agree(self):
        resting = {label: order[1] for label, order in self.venue.orders.items() if order[2] and label != "web-ui"}
        assert {order.client_id: order.filled_nanos for order in self.table.live()} == resting
        assert sorted(fill.trade_id for fill in self.booked) == sorted(fill.trade_id for fill in self.venue.fills)

    def apply(self, record):
        is_news = self.table.apply(record)
        if is_news and hasattr(record, "trade_id"):
            self.booked.append(record)
        return is_news

    def teardown(self):
        self.reconcile()


TestReconcileMachine = ReconcileMachine.TestCase
TestReconcileMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
