"""The order table against the practice venue's own ledger, its messages lost, late, doubled and in any order.

Orders and answers go through the venue's own encoder and our parsers, so that the table learns what a trader would.
"""

from decimal import Decimal

from derive_trader import MS, PERP, Desk
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, multiple, precondition, rule

from atomizer.domain.trading import CancelSent, OrderPlaced, OrderState, OrderUpdate, Side, TimeInForce
from atomizer.net.channels import Notice
from atomizer.orders.client_ids import ClientIds
from atomizer.orders.reconcile import Answer, reconcile
from atomizer.orders.table import OrderTable
from atomizer.venues.derive.codec import (
    build_request,
    parse_message,
    parse_order_notice,
    parse_orders,
    parse_placed,
    parse_replaced,
    parse_trade_notice,
    parse_trades,
)

VENUE = "derive"
NANOS = 10**9
LIVES = {"gtc": TimeInForce.GTC, "ioc": TimeInForce.IOC, "post_only": TimeInForce.POST_ONLY}
sides, sizes, ticks = st.sampled_from(Side), st.integers(1, 5), st.integers(-1, 1)


class TableAtVenue(RuleBasedStateMachine):
    """One trader of ours, the market's makers and takers, and every message on its way."""

    labels = Bundle("labels")

    def __init__(self):
        super().__init__()
        self.desk = Desk()
        self.trader = self.desk.trader()
        self.trader.own_id = self.trader.subaccount_id
        self.ask("subscribe", {"channels": [f"{self.trader.subaccount_id}.{each}" for each in ("orders", "trades")]})
        self.ids = ClientIds("mm", "r1")
        self.table = OrderTable()
        self.asked = {}  # request id → (what for, client id, the one it replaces)
        self.messages = []  # frames on their way to us
        self.booked = []

    # what we do

    @rule(target=labels, side=sides, size=sizes, tick=ticks, life=st.sampled_from(sorted(LIVES)), arrives=st.booleans())
    def place(self, side, size, tick, life, arrives):
        """Written first; the request may be lost on its way."""
        order, params = self.intend(side, size, tick, life)
        if arrives:
            self.send("private/order", params, ("order", order.client_id, ""))
        return order.client_id

    @rule(target=labels, label=labels, size=sizes, tick=ticks, arrives=st.booleans())
    def replace(self, label, size, tick, arrives):
        """In place of an order whose id we know; refused when that has gone or filled further."""
        old = self.table.get(VENUE, label)
        if old is None or not old.order_id:
            return multiple()
        order, params = self.intend(old.placed.side, size, tick, "gtc", replaces=label)
        params["order_id_to_cancel"] = old.order_id
        params["expected_filled_amount"] = str(Decimal(old.filled_nanos) / NANOS)
        if arrives:
            self.send("private/replace", params, ("replace", order.client_id, label))
        return order.client_id

    @rule(label=labels, arrives=st.booleans())
    def cancel(self, label, arrives):
        self.apply(CancelSent(now_ns=self.now(), venue=VENUE, client_id=label))
        if arrives:
            params = {"subaccount_id": self.trader.subaccount_id, "label": label}
            self.send("private/cancel_by_label", params, ("cancel", label, ""))

    # what others do

    @rule(side=sides, size=sizes)
    def take(self, side, size):
        """Whatever rests on the other side, at its price."""
        self.now()
        self.desk.take(is_buy=side is Side.BUY, amount=str(size), ticks=side * 5)
        self.collect()

    @rule(size=sizes, tick=ticks)
    def make(self, size, tick):
        self.now()
        self.desk.ladder([(tick - 1, str(size))], [(tick + 1, str(size))])
        self.collect()

    # what comes to us

    @precondition(lambda self: self.messages)
    @rule(data=st.data(), is_last=st.booleans())
    def deliver(self, data, is_last):
        """Any of them, and perhaps it comes once more later."""
        index = data.draw(st.integers(0, len(self.messages) - 1))
        self.hear(self.messages.pop(index) if is_last else self.messages[index])

    @precondition(lambda self: self.messages)
    @rule(random=st.randoms(use_true_random=False))
    def deliver_all(self, random):
        """In any order, some of them twice."""
        frames = self.messages + random.sample(self.messages, len(self.messages) // 2)
        self.messages.clear()
        random.shuffle(frames)
        for frame in frames:
            self.hear(frame)

    @precondition(lambda self: self.messages)
    @rule()
    def lose(self):
        """The connection is gone, and whatever was on its way with it; what is not answered is unknown."""
        self.messages.clear()
        for order in self.table.live():
            if order.state is OrderState.SENT:
                self.apply(_word(order.client_id, OrderState.UNKNOWN))

    @rule()
    def reconcile(self):
        found = self.square()
        for stray in found.strays:
            self.ask("private/cancel_by_label", {"subaccount_id": self.trader.subaccount_id, "label": stray.client_id})
        assert self.square().is_clean
        resting = {
            order["label"]: order["filled_amount"] for order in self.trader.own("private/get_open_orders")["orders"]
        }
        ours = {order.client_id: order.filled_nanos for order in self.table.live()}
        assert ours == {label: _nanos(filled) for label, filled in resting.items()}
        traded = self.venue_trades()
        assert sorted(fill.trade_id for fill in self.booked) == sorted(traded)
        position = self.trader.position()
        held = sum(fill.side * fill.amount_nanos for fill in self.booked)
        assert held == (_nanos(position["amount"]) if position else 0)

    def teardown(self):
        self.reconcile()
        for order in self.table.live():
            assert self.table.filled_nanos(VENUE, order.client_id) == self.venue_filled(order.client_id)

    # inside

    def now(self):
        """Time for the venue's budgets of requests to fill again."""
        self.desk.now_ns += 1500 * MS
        return self.desk.now_ns

    def intend(self, side, size, tick, life, replaces=""):
        label, price = self.ids.next(), self.desk.at(tick)
        self.now()
        params = self.trader.params(side.word, size, price, label=label, time_in_force=life)
        order = OrderPlaced(
            now_ns=self.desk.now_ns,
            venue=VENUE,
            client_id=label,
            nonce=params["nonce"],
            instrument=PERP,
            side=side,
            price_nanos=_nanos(price),
            amount_nanos=size * NANOS,
            time_in_force=LIVES[life],
            replaces=replaces,
        )
        self.apply(order)
        return order, params

    def send(self, method, params, why):
        request_id = 1000 + len(self.asked)
        self.asked[request_id] = why
        self.desk.venue.receive(self.trader.connection, build_request(request_id, method, params), self.desk.now_ns)
        self.collect()

    def collect(self):
        self.messages += [text.encode() for text in self.trader.connection.outbox]
        self.trader.connection.outbox.clear()

    def ask(self, method, params):
        """The answer at once; what else came stays on its way."""
        self.now()
        self.desk.venue.receive(self.trader.connection, build_request(1, method, params), self.desk.now_ns)
        *before, answer = [text.encode() for text in self.trader.connection.outbox]
        self.trader.connection.outbox.clear()
        if method != "subscribe":
            self.messages += before
        found = parse_message(answer)
        assert found.fault is None, found.fault
        return found.result

    def hear(self, frame):
        message, now_ns = parse_message(frame), self.desk.now_ns
        if isinstance(message, Notice):
            self.hear_notice(message, now_ns)
        elif message.request_id in self.asked:
            what, label, replaced = self.asked[message.request_id]
            if message.fault is not None:
                if what != "cancel":
                    self.apply(_word(label, OrderState.REFUSED))
            elif what == "order":
                self.hear_orders(*parse_placed(message.result, now_ns))
            elif what == "replace":
                done = parse_replaced(message.result, now_ns)
                self.hear_orders(done.cancelled, [])
                assert done.cancelled.client_id == replaced
                if done.order is None:
                    self.apply(_word(label, OrderState.REFUSED))
                else:
                    self.hear_orders(done.order, done.fills)

    def hear_notice(self, notice, now_ns):
        if notice.channel.endswith(".trades"):
            for fill in parse_trade_notice(notice.data, now_ns):
                self.apply(fill)
        else:
            for order in parse_order_notice(notice.data):
                self.hear_orders(order, [])

    def hear_orders(self, order, fills):
        self.apply(order.as_update(self.desk.now_ns))
        for fill in fills:
            self.apply(fill)

    def square(self):
        """One question after the other, and what follows from the answers."""
        subject = {"subaccount_id": self.trader.subaccount_id}
        orders, _ = parse_orders(self.ask("private/get_open_orders", subject))
        fills, _ = parse_trades(self.ask("private/get_trade_history", subject | {"page_size": 1000}), self.desk.now_ns)
        answer = Answer(
            venue=VENUE,
            open_orders=[order.as_update(self.desk.now_ns) for order in orders],
            fills=fills,
            asked_ns=self.desk.now_ns,
            live={order.client_id for order in self.table.live(VENUE)},
        )
        found = reconcile(self.table, answer, {"mm"}, 0, self.desk.now_ns)
        for record in (*found.fills, *found.adopted, *found.ended):
            self.apply(record)
        return found

    def apply(self, record):
        if self.table.apply(record) and hasattr(record, "trade_id"):
            self.booked.append(record)
        self.never_beyond_the_venue()

    def never_beyond_the_venue(self):
        """What we hold for traded has traded, and what rests there is nothing that we hold for ended."""
        subaccount = self.desk.venue._engine.subaccounts[self.trader.subaccount_id]
        assert {fill.trade_id for fill in self.booked} <= {trade.trade_id for trade in subaccount.trades}
        live = {order.client_id for order in self.table.live()}
        assert {order.request.label for order in subaccount.open_orders.values()} <= live
        for order in subaccount.orders.values():
            assert self.table.filled_nanos(VENUE, order.request.label) <= order.filled

    def venue_trades(self):
        subaccount = self.desk.venue._engine.subaccounts[self.trader.subaccount_id]
        return [trade.trade_id for trade in subaccount.trades]

    def venue_filled(self, label):
        orders = self.desk.venue._engine.subaccounts[self.trader.subaccount_id].orders.values()
        return sum(order.filled for order in orders if order.request.label == label)


def _word(label, state):
    return OrderUpdate(now_ns=1, venue=VENUE, client_id=label, state=state)


def _nanos(number):
    return int(Decimal(number) * NANOS)


TestTableAtVenue = TableAtVenue.TestCase
TestTableAtVenue.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
