"""The lane and our orders in step while something of ours has traded: what quotes on, and what waits for the rules."""

import msgspec
import pytest

from atomizer._core.book import Book
from atomizer._core.gate import Gate
from atomizer._core.nonces import Nonces
from atomizer._core.outbox import FIRST_REQUEST_ID
from atomizer._core.socket_writer import SocketWriter
from atomizer.app.ledger import Ledger
from atomizer.app.market_making_lane import QuoteLane
from atomizer.app.market_making_parts import build_limits
from atomizer.config.settings import MarketMaker, Settings
from atomizer.config.units import Positive
from atomizer.domain.instruments import NANOS
from atomizer.domain.trading import CancelSent, Fill, OrderState, OrderUpdate, Side, Signed, TimeInForce
from atomizer.journal.frames import Identity
from atomizer.strategies.market_maker import Rule
from tests.core.test_lane import ASSET, SUB_ID, TERMS, writer_of
from tests.risk.books_at_risk import NOW_NS, instrument, mark

SIZE = 2 * NANOS
SETTINGS = Settings(market_maker=MarketMaker(max_position=Positive(2)))
RULE = Rule(
    aggression_nanos=0,
    improvement_nanos=0,
    reference_size_nanos=0,
    spread_share_nanos=NANOS // 100,
    min_spread_share_nanos=0,
    bid_size_nanos=SIZE,
    ask_size_nanos=SIZE,
)


class Pen:
    """Lets the lane write orders, as many as there is room for, or leaves them to the session; its socket is not open.

    Keeps what it is told.
    """

    def __init__(self, *, writes):
        self.writes = writes
        self.nonces = Nonces(unit_ns=1, per_unit=1, last=0)
        self.socket = SocketWriter()
        self.writer, _ = writer_of()
        self.room = 10
        self.told = []

    def fit(self, slot, name, _life, _signed):
        if self.writes:
            slot.write_with(self.writer, self.writer.add_instrument(name, ASSET, SUB_ID), **TERMS)

    def allowance(self, _instrument=""):
        return self.room

    def sent(self, order, request_id, unsent):
        self.room -= 1
        self.told.append((order.client_id, request_id, unsent))


class Venue:
    """Where orders rest: keeps what it was sent."""

    name = "derive"
    is_open = True

    def __init__(self, pen):
        self.sent = []
        self.nonce = 0
        self.order_pen = pen

    def book_channel(self, name):
        return f"book.{name}"

    def pen(self, _prefix, *, is_protected):  # noqa: ARG002  the port's signature
        return self.order_pen

    def signed(self, _name):
        return Signed()

    def next_nonce(self, _now_ns):
        self.nonce += 1
        return self.nonce

    def place(self, order, _now_ns):
        self.sent.append(order)

    replace = place

    def cancel(self, cancel, _now_ns):
        self.sent.append(cancel)


class Maker:
    """One instrument with an order at rest on either side."""

    def __init__(self, directory, *, writes):
        self.venue, self.now_ns = Venue(Pen(writes=writes)), NOW_NS
        self.ledger = Ledger(directory, Identity("derive", "test"))
        self.lane = QuoteLane(
            ledger=self.ledger,
            venue=self.venue,
            gate=Gate(100),
            run="r1",
            time_in_force=TimeInForce.POST_ONLY,
            is_protected=False,
            clock_ns=lambda: self.now_ns,
        )
        listed = instrument()
        self.quoted = self.lane.add(listed, Book(), build_limits(SETTINGS, listed), 0)
        self.lane.on_mark(mark(mark_nanos=101 * NANOS))
        self.lane.set_rule(self.quoted, RULE)
        self.lane.fit(self.quoted)
        self.lane.is_on = True
        self.move(100, 102)
        for order in self.taken():
            self.hear(order)
        self.move(100, 102)
        assert not self.taken()

    def move(self, bid, ask):
        """The next frame of the book, and what it leads to."""
        self.now_ns += NANOS // 10
        levels = [(bid * NANOS, 9 * NANOS)], [(ask * NANOS, 9 * NANOS)]
        self.quoted.slot.book.apply_snapshot(*levels, self.now_ns, self.now_ns, self.now_ns)
        self.lane.decide(self.quoted, self.now_ns)

    def taken(self):
        """What the venue was sent since it was last looked at."""
        sent, self.venue.sent = self.venue.sent, []
        return sent

    def hear(self, order, state=OrderState.OPEN, filled_nanos=0):
        words = {"now_ns": self.now_ns, "venue": "derive", "client_id": order.client_id}
        self.ledger.learn(OrderUpdate(**words, state=state, filled_nanos=filled_nanos))
        self.lane.settle(order.client_id, self.now_ns)

    def end_all(self, *sides):
        """Whatever is live is gone, so that both sides want an order again; or that of the given ones."""
        for order in [each for each in self.ledger.state.orders.live() if each.placed.side in (sides or Side)]:
            words = {"now_ns": self.now_ns, "venue": "derive", "client_id": order.client_id}
            self.ledger.learn(OrderUpdate(**words, state=OrderState.CANCELLED, filled_nanos=0))
            self.lane.sides.tell(self.quoted, order.placed.side is Side.BUY, 0)

    def resting(self, side):
        return self.lane.sides.resting(self.quoted, side is Side.BUY).placed

    def fill(self, side, amount_nanos):
        order = self.resting(side)
        words = {"now_ns": self.now_ns, "venue": "derive", "client_id": order.client_id}
        words |= {"instrument": order.instrument, "side": side, "price_nanos": order.price_nanos}
        words |= {"trade_id": f"t{side}", "amount_nanos": amount_nanos, "fee_e18": 0, "is_maker": True}
        self.ledger.learn(Fill(**words, venue_time_ns=self.now_ns))
        self.lane.on_fill(order.client_id)
        return order


@pytest.fixture
def maker(tmp_path):
    made = Maker(tmp_path, writes=False)
    yield made
    made.ledger.close()


@pytest.mark.parametrize("amount_nanos", [NANOS // 2, SIZE], ids=["part", "whole"])
@pytest.mark.parametrize("side", Side)
def test_a_side_that_has_traded_waits_until_the_rules_are_renewed(maker, side, amount_nanos):
    """Whatever the market does and the venue tells, nothing new leaves on that side before; the other one quotes on."""
    order = maker.fill(side, amount_nanos)
    maker.move(98, 104)
    maker.hear(order, OrderState.FILLED if amount_nanos == SIZE else OrderState.OPEN, amount_nanos)
    maker.move(97, 105)
    assert [each.side for each in maker.taken()] == [Side(-side)]
    maker.lane.on_renewed(maker.now_ns)
    maker.move(96, 106)
    (follows,) = [each for each in maker.taken() if each.side is side]
    assert follows.replaces == ("" if amount_nanos == SIZE else order.client_id)


@pytest.mark.parametrize("side", Side)
def test_a_side_that_has_filled_waits_for_the_trade_to_be_told(maker, side):
    """An order's update can come before its trade: a replacement would name too little as filled, so none leaves."""
    order = maker.resting(side)
    maker.hear(order, OrderState.OPEN, NANOS // 2)
    maker.move(98, 104)
    assert [each.side for each in maker.taken()] == [Side(-side)]
    maker.fill(side, NANOS // 2)
    maker.lane.on_renewed(maker.now_ns)
    maker.move(97, 105)
    (follows,) = [each for each in maker.taken() if each.side is side]
    assert follows.replaces == order.client_id


@pytest.fixture
def writing(tmp_path):
    """A market maker whose lane writes its orders, and where they go."""
    made = Maker(tmp_path, writes=True)
    yield made, made.venue.order_pen
    made.ledger.close()


def test_what_the_lane_wrote_and_could_not_send_is_told(writing):
    """Orders that found no connection are in the books, each with that word and under the request id it carries."""
    maker, pen = writing
    words = "derive: not connected: nothing was sent"
    assert pen.told == [(f"mm.r1.{number}", FIRST_REQUEST_ID + number, words) for number in (1, 2)]
    assert {order.placed.client_id for order in maker.ledger.state.orders.live()} == {"mm.r1.1", "mm.r1.2"}


def test_an_order_of_the_session_leaves_the_lane_s_request_ids_alone(writing):
    """Where the session writes one side's order, the lane's of the other is expected under the id that it carries."""
    maker, pen = writing
    maker.end_all()
    pen.told.clear()
    maker.quoted.slot.hold(False, 1 << 62)  # the ask is the session's, and the first row
    maker.move(97, 105)
    [(name, request_id, _)] = pen.told
    assert request_id == FIRST_REQUEST_ID + int(name.rpartition(".")[2])
    assert [each.side for each in maker.taken()] == [Side.SELL]


def test_an_allowance_is_used_once(writing):
    """A decision for more orders than may leave sends as many as may, though their room is taken only afterwards."""
    maker, pen = writing
    maker.end_all()
    pen.told.clear()
    pen.room = 1
    maker.lane.is_on = True
    maker.move(97, 105)
    assert len(pen.told) == 1
    assert maker.taken() == []


def test_cancels_have_the_room_before_orders(writing):
    """What a decision's cancels take of the room the lane leaves to them: the order behind is the session's to send."""
    maker, pen = writing
    maker.end_all(Side.BUY)
    pen.told.clear()
    pen.room = 1
    maker.lane.is_on = True
    maker.lane.set_rule(maker.quoted, msgspec.structs.replace(RULE, ask_size_nanos=0))
    maker.move(97, 105)
    assert pen.told == []
    cancel, order = maker.taken()
    assert (type(cancel), order.side) == (CancelSent, Side.BUY)


def test_orders_behind_cancels_that_break_off_are_given_up(writing, monkeypatch):
    """What was written behind a cancel that could not even be tried must not leave with the next decision."""
    maker, pen = writing

    def broken(_cancel, _now_ns):
        raise ZeroDivisionError

    maker.end_all(Side.BUY)
    pen.told.clear()
    monkeypatch.setattr(maker.venue, "cancel", broken)
    maker.lane.set_rule(maker.quoted, msgspec.structs.replace(RULE, ask_size_nanos=0))
    with pytest.raises(ZeroDivisionError):
        maker.move(97, 105)
    assert pen.told == []
    assert maker.lane._outbox.count == 0


def test_nothing_is_shown_without_a_connection(maker):
    """What rested goes with the connection, so until the venue says more none of it counts as a quote that is up."""
    assert maker.lane.shown(maker.quoted, is_bid=True).placed == maker.resting(Side.BUY)
    maker.venue.is_open = False
    assert maker.lane.shown(maker.quoted, is_bid=True) is None


def test_a_side_that_has_traded_is_still_pulled(maker):
    """A side that waits for the rules loses what rests as soon as nothing may rest."""
    order = maker.fill(Side.BUY, NANOS)
    maker.lane.shut(maker.now_ns)
    assert order.client_id in [each.client_id for each in maker.taken()]


def test_all_that_has_traded_is_settled_before_anything_of_it_is_decided(maker):
    """With the position after both sides' trades, neither is held to what it was before: what is left of both stays."""
    maker.fill(Side.SELL, NANOS // 2)
    maker.fill(Side.BUY, NANOS * 3 // 2)
    maker.lane.set_position(maker.quoted, NANOS)
    maker.lane.set_rule(maker.quoted, msgspec.structs.replace(RULE, bid_size_nanos=NANOS))
    maker.lane.on_renewed(maker.now_ns)
    assert not maker.taken()
    maker.move(98, 104)
    assert {each.side: each.amount_nanos for each in maker.taken()} == {Side.BUY: NANOS, Side.SELL: SIZE}
