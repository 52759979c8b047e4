"""Our orders and positions at a venue against its own account of them."""

import asyncio

import pytest
from reference.venue_orders import VenueOrders

from atomizer.app import custody as room
from atomizer.app.custody import Custody
from atomizer.app.ledger import Ledger
from atomizer.domain.session import LedgerPosition
from atomizer.domain.trading import OrderPlaced, OrderState, RunStarted, Side, TimeInForce
from atomizer.errors import BadFrame, Disconnected, OutcomeUnknown
from atomizer.journal.frames import Identity

PERP = "ETH-PERP"
E18_PER_NANO = 10**9


class Venue(VenueOrders):
    """The venue at its simplest, asked and told as a session is."""

    def __init__(self):
        super().__init__("derive")
        self.positions_held = {}
        self.asked_since_ms = []
        self.cancelled = []
        self.late = []  # fills that its history shows at the next question only
        self.troubles = []  # what becomes of the next questions for open orders
        self.is_mute = False
        self.meanwhile = []  # what happens between two questions
        self.resolved = []

    async def resolve(self, order):
        self.resolved.append(order.client_id)

    async def fills_since(self, since_ms):
        self.asked_since_ms.append(since_ms)
        await asyncio.sleep(0)
        while self.meanwhile:
            self.meanwhile.pop()()
        found, self.late = [fill for fill in self.fills if fill not in self.late], []
        return found

    async def open_orders(self):
        if self.is_mute:
            await asyncio.Event().wait()
        if self.troubles:
            raise self.troubles.pop()
        return super().open_orders()

    async def positions(self):
        return [
            LedgerPosition(
                instrument=name,
                amount_e18=amount * E18_PER_NANO,
                average_price_e18=100 * E18_PER_NANO,
                mark_price_e18=0,
                realized_pnl_e18=0,
                unrealized_pnl_e18=0,
                total_fees_e18=0,
            )
            for name, amount in self.positions_held.items()
        ]

    def cancel(self, cancel, _now_ns=0):
        self.cancelled.append(cancel.client_id)
        return super().cancel(cancel.client_id)

    def trade(self, client_id, amount_nanos):
        messages = super().trade(client_id, amount_nanos)
        fill = messages[0]
        held = self.positions_held.get(fill.instrument, 0)
        self.positions_held[fill.instrument] = held + fill.side * amount_nanos
        return messages


class Desk:
    """One account's ledger at that venue; `begin` is a start of a trader."""

    def __init__(self, directory):
        self.directory = directory
        self.venue = Venue()
        self.now_ns = 1_790_000_000_000_000_000
        self.ledger = None
        self.begin()

    def begin(self):
        if self.ledger is not None:
            self.ledger.journal.close()
        self.ledger = Ledger(self.directory, Identity("derive", "7"))
        self.custody = Custody(
            ledger=self.ledger,
            venue=self.venue,
            clock_ns=self.tick,
            on_fill=self.ledger.learn,
            on_update=self.ledger.learn,
        )
        self.ledger.write(RunStarted(now_ns=self.tick(), run="r1", venue="derive", account="7"))

    def tick(self):
        self.now_ns += 1_000_000_000
        return self.now_ns

    def place(self, label="hedge.r1.1", *, is_written=True, replaces=""):
        order = OrderPlaced(
            now_ns=self.tick(),
            venue="derive",
            client_id=label,
            nonce=self.now_ns,
            instrument=PERP,
            side=Side.BUY,
            price_nanos=100,
            amount_nanos=10,
            time_in_force=TimeInForce.GTC,
            replaces=replaces,
        )
        if is_written:
            self.ledger.write(order)
        return self.venue.replace(order, is_taken=True) if replaces else self.venue.accept(order)

    def amount(self):
        position = self.ledger.state.portfolio.position("derive", PERP)
        return position.amount_nanos if position is not None else 0


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "LOOK_AGAIN_S", 0.0)
    monkeypatch.setattr(room, "FILLS_WITHIN_S", 0.0)
    made = Desk(tmp_path)
    yield made
    made.ledger.journal.close()


async def test_missed_trades_explain_a_position(desk):
    """A fill that nobody told us of is booked from the venue's history, and its instrument is not in doubt."""
    await desk.custody.reconcile()
    desk.place()
    desk.venue.trade("hedge.r1.1", 4)
    await desk.custody.reconcile()
    assert desk.amount() == 4
    assert desk.ledger.state.doubting(PERP) == ""


async def test_a_trade_that_only_its_order_tells_of_is_asked_for(desk, caplog):
    """An amount that an order is said to have filled, and no trade comes: it is told, asked for and booked once."""
    await desk.custody.reconcile()
    desk.place()
    for amount in (4, 2):
        fill, update = desk.venue.trade("hedge.r1.1", amount)
        desk.ledger.learn(update)
        await desk.custody.await_fills("hedge.r1.1")
    assert desk.amount() == 6
    assert caplog.text.count("order hedge.r1.1: filled further than any trade tells") == 2
    assert not desk.ledger.learn(fill)


async def test_a_trade_that_comes_in_time_is_not_asked_for(desk, caplog):
    """Word of the order and of its trade may come in either order: while they make up one whole nothing is asked."""
    desk.place()
    fill, update = desk.venue.trade("hedge.r1.1", 4)
    desk.ledger.learn(update)
    waiting = asyncio.create_task(desk.custody.await_fills("hedge.r1.1"))
    await asyncio.sleep(0)
    desk.ledger.learn(fill)
    await waiting
    assert desk.venue.asked_since_ms == []
    assert caplog.text == ""


async def test_an_order_replaced_while_the_venue_is_asked_is_left_alone(desk):
    """The first answer shows it, by the time of the second another rests in its place: neither is cancelled."""

    def replace():
        for update in desk.place("mm.r1.2", replaces="mm.r1.1"):
            desk.ledger.learn(update)

    desk.place("mm.r1.1")
    desk.venue.meanwhile = [replace]
    assert not (await desk.custody.reconcile()).strays
    assert desk.venue.cancelled == []
    assert [order.client_id for order in desk.ledger.state.orders.live()] == ["mm.r1.2"]


async def test_what_rested_in_the_answer_is_not_proven_gone(desk, monkeypatch):
    """An order that ended by all we know after the question, and that the answer shows, is asked about once more."""
    monkeypatch.setattr(room, "ROUND_S", 0.0)
    desk.place()
    update = desk.venue.update("hedge.r1.1", OrderState.CANCELLED)
    desk.venue.meanwhile = [lambda: desk.ledger.learn(update)]
    assert await desk.custody.cancel_own() == 0
    assert desk.venue.cancelled == ["hedge.r1.1"]
    assert len(desk.venue.asked_since_ms) == 3


async def test_many_doubts_at_once_are_one_question(desk):
    """Whoever has a question while the venue is asked waits, and shares the next one with all who wait."""
    labels = [f"mm.r1.{number}" for number in range(20)]
    for label, before in zip(labels, ["mm.r1.before", *labels], strict=False):
        desk.place(label, replaces=before)
    await asyncio.gather(*map(desk.custody.resolve, labels))
    assert desk.venue.resolved == labels
    assert len(desk.venue.asked_since_ms) == 2


async def test_a_question_that_fails_is_asked_again_by_the_next_who_waits(desk):
    """Its failure is told to who asked it; who waited for the next one has an answer."""
    desk.venue.troubles = [OutcomeUnknown("derive", "no answer")]
    failed, found = await asyncio.gather(desk.custody.reconcile(), desk.custody.reconcile(), return_exceptions=True)
    assert isinstance(failed, OutcomeUnknown)
    assert found.is_clean


async def test_an_order_that_has_ended_has_no_outcome_to_ask_for(desk):
    """The cancel of an order that had just gone is answered with doubt: nobody is asked about it."""
    desk.place()
    for update in desk.venue.end("hedge.r1.1"):
        desk.ledger.learn(update)
    await desk.custody.resolve("hedge.r1.1")
    assert desk.venue.resolved == []


async def test_history_that_lags_is_waited_for(desk):
    """A position that is ahead of the venue's own history is asked about again before anything is concluded."""
    await desk.custody.reconcile()
    desk.place()
    desk.venue.trade("hedge.r1.1", 4)
    desk.venue.late = list(desk.venue.fills)
    await desk.custody.reconcile()
    assert desk.amount() == 4
    assert desk.ledger.state.doubting(PERP) == ""


async def test_a_position_that_no_trade_explains_is_in_doubt_until_it_agrees(desk, caplog):
    """Such an instrument is told once, is in doubt also after a restart, and no more once both agree."""
    await desk.custody.reconcile()
    desk.venue.positions_held[PERP] = 3
    for _ in range(2):
        await desk.custody.reconcile()
    assert desk.ledger.state.doubting(PERP) == "derive"
    assert [record.levelname for record in caplog.records if PERP in record.message] == ["ERROR"]
    assert "derive holds 0.000000003 more than our books" in caplog.text
    desk.begin()
    assert desk.ledger.state.doubting(PERP) == "derive"
    assert desk.amount() == 0
    desk.venue.positions_held[PERP] = 0
    await desk.custody.reconcile()
    assert desk.ledger.state.doubting(PERP) == ""


async def test_books_begin_with_what_the_venue_holds(desk):
    """A new journal takes over the positions that are there, once; a later difference is a difference."""
    desk.venue.positions_held[PERP] = -5
    await desk.custody.reconcile()
    assert desk.amount() == -5
    assert desk.ledger.state.doubting(PERP) == ""
    desk.begin()
    desk.venue.positions_held[PERP] = -6
    await desk.custody.reconcile()
    assert desk.amount() == -5
    assert desk.ledger.state.doubting(PERP) == "derive"


async def test_expired_and_strange_rows_are_not_compared(desk):
    """An option that has expired, and a coin, are no positions that trades must explain."""
    await desk.custody.reconcile()
    desk.venue.positions_held |= {"ETH-20200103-3000-C": 1, "USDC": 7}
    await desk.custody.reconcile()
    assert desk.ledger.state.doubting("ETH-20200103-3000-C") == ""


async def test_fills_are_asked_for_since_the_last_agreement(desk):
    """A run that died before it could agree does not move the time from which the next one asks."""
    await desk.custody.reconcile()
    first_ms = desk.venue.asked_since_ms[-1]
    agreed_ms = desk.ledger.state.agreed_ns("derive", "") // 1_000_000
    desk.now_ns += 3_600_000_000_000
    desk.begin()
    desk.now_ns += 3_600_000_000_000
    desk.begin()
    await desk.custody.reconcile()
    assert first_ms <= desk.venue.asked_since_ms[-1] <= agreed_ms


async def test_a_dry_run_only_looks(desk):
    """A dry run neither cancels orders under our labels nor doubts positions: they are another run's."""
    desk.custody.only_looks = True
    desk.place("hedge.other.1", is_written=False)
    desk.venue.positions_held[PERP] = 3
    found = await desk.custody.reconcile()
    assert [stray.client_id for stray in found.strays] == ["hedge.other.1"]
    assert await desk.custody.cancel_own() == 0
    assert desk.venue.cancelled == []
    assert desk.ledger.state.doubting(PERP) == ""


async def test_own_orders_are_cancelled_until_the_venue_shows_none(desk, monkeypatch):
    """Known orders and strays of ours go, another's stays, and nothing is left to fear."""
    monkeypatch.setattr(room, "ROUND_S", 0.0)
    desk.place()
    desk.place("hedge.lost.1", is_written=False)
    desk.place("web-ui", is_written=False)
    assert await desk.custody.cancel_own() == 0
    assert sorted(set(desk.venue.cancelled)) == ["hedge.lost.1", "hedge.r1.1"]


async def test_a_venue_that_is_on_its_way_back_is_asked_again(desk, monkeypatch):
    """No connection, no answer or an unreadable one end no proof: it is asked until it shows none of ours."""
    monkeypatch.setattr(room, "ROUND_S", 0.0)
    desk.place()
    desk.venue.troubles = [
        BadFrame("?"),
        OutcomeUnknown("derive", "no answer"),
        Disconnected("derive", "not connected", retryable=True),
    ]
    assert await desk.custody.cancel_own() == 0
    assert desk.venue.troubles == []
    assert desk.venue.cancelled == ["hedge.r1.1"]


async def test_a_venue_that_is_gone_for_good_is_not_waited_for(desk):
    """A session that has ended makes no other connection: that nothing can be proven is said at once."""
    desk.place()
    desk.venue.troubles = [BadFrame("never heard"), Disconnected("derive", "not connected")]
    assert await desk.custody.cancel_own() == 1
    assert len(desk.venue.troubles) == 1


async def test_a_venue_that_never_answers_leaves_its_orders_in_doubt(desk, monkeypatch):
    """A question that hangs takes no longer than a stop may wait, and an order is feared even if we know of none."""
    monkeypatch.setattr(room, "CANCEL_WITHIN_S", 0.02)
    desk.venue.is_mute = True
    assert await desk.custody.cancel_own() == 1
    desk.place()
    desk.place("hedge.r1.2")
    assert await desk.custody.cancel_own() == 2
