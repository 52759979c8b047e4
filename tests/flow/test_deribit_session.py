"""A session at practice Deribit over real sockets: in, trading, cut off, back, and never in doubt."""

import asyncio
import contextlib
import time
from decimal import Decimal
from random import Random

import msgspec
import orjson
import pytest
from deribit_trader import ACCOUNTS
from derive_wire import Wire
from flow.running import PATIENCE_S
from picows import WSMsgType

from atomizer._core.book import NO_PRICE
from atomizer._core.fixed import floor_to
from atomizer._core.gate import Gate
from atomizer._core.outbox import FIRST_REQUEST_ID
from atomizer.app.ledger import Ledger
from atomizer.app.market_making_lane import QuoteLane
from atomizer.app.market_making_parts import build_limits
from atomizer.config.settings import MarketMaker, Settings
from atomizer.config.units import Positive
from atomizer.domain.session import Connected, Lost
from atomizer.domain.trading import (
    CancelSent,
    Fill,
    OrderPlaced,
    OrderState,
    OrderUpdate,
    Protection,
    Side,
    TimeInForce,
)
from atomizer.errors import ConfigError, Disconnected, Refused
from atomizer.journal.frames import Identity
from atomizer.net import rpc
from atomizer.orders.table import OrderTable
from atomizer.sim.deribit import SOCKET_PATH, Venue, serve
from atomizer.sim.market import STEP_NS, Market
from atomizer.sim.market.events import TakerOrder
from atomizer.strategies.market_maker import Rule
from atomizer.venues.deribit import codec, listening, orders, session
from atomizer.venues.deribit.account_codec import MmpConfig
from atomizer.venues.deribit.auth import Credentials, build_refresh
from atomizer.venues.deribit.market import BookKind
from atomizer.venues.deribit.profile import choose_profile
from atomizer.venues.deribit.session import DeribitSession

SECOND = 10**9
ANSWERS_WITHIN_NS = 5 * SECOND  # again, once a shorter limit has done its work: what follows is really answered
PERPETUAL = "ETH-PERP"
RAW_BOOK = "book.ETH-PERPETUAL.raw"
# Public test keys: the documents' own example, and RFC 8032's first vector.
AMANDA = Credentials.with_secret("AMANDA", b"AMANDASECRECT")
SEED = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"


class Told:
    """Everything a session emitted, in order, and an order table that heard it all."""

    def __init__(self):
        self.events = []
        self.table = OrderTable()
        self.learn = self.table.apply
        self._news = asyncio.Event()

    def __call__(self, event):
        self.events.append(event)
        if isinstance(event, OrderUpdate | Fill):
            self.learn(event)
        self._news.set()

    async def until(self, is_there):
        async with asyncio.timeout(PATIENCE_S):
            while not is_there():
                self._news.clear()
                await self._news.wait()

    def count(self, kind):
        return sum(isinstance(event, kind) for event in self.events)

    def fills(self):
        return list({event.trade_id: event for event in self.events if isinstance(event, Fill)}.values())


class Floor:
    """One practice venue, a wire to it, and a session at the wire's end."""

    def __init__(self, wire, venue):
        self.wire = wire
        self.venue = venue
        self.told = Told()
        self.session = self.make_session()
        self.count = 0

    def make_session(self, **changes):
        options = {
            "underlyings": ["ETH"],
            "emit": self.told,
            "now_ns": time.time_ns,
            "random": Random(1),  # noqa: S311  spreads reconnects
        }
        credentials = changes.pop("credentials", AMANDA)
        return DeribitSession(choose_profile(is_test=True, url=self.wire.url), credentials, **(options | changes))

    def order(self, side, offset_nanos, **changes):
        """An order for the perpetual, `offset_nanos` beyond the other side's touch (negative rests)."""
        name = changes.get("instrument", PERPETUAL)
        book, now_ns, instrument = self.session.book(name), time.time_ns(), self.session.instrument(name)
        self.count += 1
        touch = book.best_ask() if side is Side.BUY else book.best_bid()
        wish = changes.get("price_nanos", touch + side * offset_nanos)
        fields = {
            "now_ns": now_ns,
            "venue": "deribit",
            "client_id": f"test.flow.{self.count}",
            "nonce": self.session.next_nonce(now_ns),
            "instrument": name,
            "side": side,
            "price_nanos": floor_to(wish, instrument.tick_at(wish)),
            "amount_nanos": instrument.min_amount_nanos,
            "time_in_force": TimeInForce.GTC,
        }
        return OrderPlaced(**(fields | changes))

    def place(self, order):
        self.told.table.apply(order)
        self.session.place(order, time.time_ns())
        return order

    def replace(self, old, new):
        order = msgspec.structs.replace(new, replaces=old.client_id)
        self.told.table.apply(order)
        self.session.replace(order, time.time_ns())
        return order

    def cancel(self, order):
        cancel = CancelSent(now_ns=time.time_ns(), venue="deribit", client_id=order.client_id)
        self.session.cancel(cancel, time.time_ns())

    def option(self, underlying):
        """A listed option with offers, of the underlying."""
        for name in self.session.names:
            book, contract = self.session.book(name), self.session.instrument(name).contract
            if contract.is_option and contract.underlying == underlying and book.best_ask() != NO_PRICE:
                return name
        raise AssertionError(f"no option of {underlying} is offered")

    def state_of(self, order):
        return self.told.table.get("deribit", order.client_id).state

    async def reaches(self, order, *states):
        await self.told.until(lambda: self.state_of(order) in states)

    async def back(self, times=2):
        """Until the session has connected this many times."""
        await self.told.until(lambda: self.told.count(Connected) >= times)


async def eventually(is_there):
    """For what no event announces."""
    async with asyncio.timeout(PATIENCE_S):
        while not is_there():  # noqa: ASYNC110  nothing tells of it
            await asyncio.sleep(0.02)


async def play(market, venue):
    while True:
        now_ns = time.time_ns()
        venue.on_market(market.advance(now_ns), now_ns)
        venue.publish(now_ns)
        await asyncio.sleep(STEP_NS / SECOND)


@contextlib.asynccontextmanager
async def practice():
    """A floor whose session has not started."""
    market = Market(7, time.time_ns())
    venue = Venue(market, ACCOUNTS)
    runner, port = await serve(venue, "127.0.0.1", 0)
    playing = asyncio.create_task(play(market, venue))
    async with Wire(f"ws://127.0.0.1:{port}{SOCKET_PATH}").listening() as wire:
        floor = Floor(wire, venue)
        yield floor
        await floor.session.stop()
    playing.cancel()
    await asyncio.gather(playing, return_exceptions=True)
    await runner.cleanup()


@pytest.fixture
async def floor():
    async with practice() as floor:
        yield floor


@pytest.fixture
async def trading(floor):
    await floor.session.start()
    return floor


# --- coming in


async def test_after_start_everything_listed_is_known(trading):
    """Start ends with every book live, every mark there, the clock measured, money known and nothing unreadable."""
    session = trading.session
    assert [type(event) for event in trading.told.events] == [Connected]
    assert trading.told.events[0].silent_channels == 0
    assert len(session.names) > 50
    for name in session.names:
        assert session.instrument(name).name == name
        assert session.instrument(name).currency == "ETH"
        assert not session.book(name).dark
        assert session.mark(name).instrument == name
    assert session.clock_offset.error_ns < SECOND
    assert session.standings["ETH"].equity_e18 == 1000 * 10**18
    assert session.market.index("eth_usd").price_nanos > 0
    assert not session.line.bad_frames
    assert session.is_open


async def test_nothing_leaves_before_cancel_on_disconnect_was_read_back(trading):
    """The setting is made after the login and asked for before anything is listened to or ordered."""
    methods = [request["method"] for request in trading.wire.sent]
    wish, check = (methods.index(f"private/{verb}_cancel_on_disconnect") for verb in ("enable", "get"))
    assert methods.index("public/auth") < wish < check < methods.index("private/subscribe")
    assert trading.wire.requests("public/set_heartbeat")[0]["params"]["interval"] == 10


@pytest.mark.parametrize(
    "credentials",
    [AMANDA, Credentials.with_sent_secret("AMANDA", b"AMANDASECRECT"), Credentials.with_ed25519("EdKey001", SEED)],
    ids=["signature", "secret", "ed25519"],
)
async def test_each_kind_of_key_comes_in(floor, credentials):
    """By signature, by sending the secret, or by an Ed25519 key."""
    session = floor.make_session(credentials=credentials)
    await session.start()
    assert session.is_open
    await session.stop()
    said = orjson.dumps(floor.wire.requests("public/auth")).decode()
    assert ("AMANDASECRECT" in said) == ("client_credentials" in said)


@pytest.mark.parametrize(
    ("credentials", "error", "words"),
    [
        (Credentials.with_secret("AMANDA", b"wrong"), Refused, "DERIBIT_API_KEY"),
        (Credentials.with_secret("nobody", b"AMANDASECRECT"), Refused, "nobody"),
        (Credentials.with_secret("reader", b"reader-secret"), ConfigError, "trade:read_write"),
    ],
)
async def test_a_key_that_will_not_do_is_refused(floor, credentials, error, words):
    """A wrong secret, a key of nobody's, or one that may only read: named, with what to do, without the secret."""
    session = floor.make_session(credentials=credentials)
    with pytest.raises(error, match=words) as caught:
        await session.start()
    assert "SECRECT" not in str(caught.value)
    assert floor.told.events == []


@pytest.mark.parametrize(("skew_ns", "words"), [(3 * SECOND, "ahead of"), (-3 * SECOND, "behind")])
async def test_a_clock_that_is_off_is_refused(floor, skew_ns, words):
    """Seconds off is refused before the login, with the direction."""
    session = floor.make_session(now_ns=lambda: time.time_ns() + skew_ns)
    with pytest.raises(ConfigError, match=words):
        await session.start()
    assert not floor.wire.requests("public/auth")


async def test_underlyings_are_told_apart_by_what_they_are_paid_in(floor):
    """ETH is paid in ether and ETH_USDC in dollars; what is not listed is left out, and nothing at all is an error."""
    session = floor.make_session(underlyings=["ETH_USDC", "DOGE_USDC", "HYPE"])  # the venue keeps no HYPE
    await session.start()
    assert {session.instrument(name).contract.underlying for name in session.names} == {"ETH_USDC"}
    assert {session.instrument(name).currency for name in session.names} == {"USD"}
    await session.stop()
    with pytest.raises(ConfigError, match="SOL_USDC"):
        await floor.make_session(underlyings=["DOGE_USDC"]).start()


@pytest.mark.parametrize("kind", list(BookKind))
async def test_books_come_raw_in_intervals_or_grouped(floor, kind):
    """Each kind of channel gives bright books that stay in sequence."""
    session = floor.make_session(books=kind)
    await session.start()
    assert all(not session.book(name).dark for name in session.names)
    before = session.book(PERPETUAL).sequence
    await eventually(lambda: session.book(PERPETUAL).sequence > before)
    assert not session.line.bad_frames
    assert len(floor.wire.requests("public/unsubscribe")) == 0
    await session.stop()


# --- trading


async def test_an_order_rests_and_is_cancelled(trading):
    """Placed, open at the venue under its label, cancelled, gone."""
    order = trading.place(trading.order(Side.BUY, -100 * SECOND))
    await trading.reaches(order, OrderState.OPEN)
    [resting] = await trading.session.open_orders()
    assert (resting.client_id, resting.state) == (order.client_id, OrderState.OPEN)
    trading.cancel(order)
    await trading.reaches(order, OrderState.CANCELLED)
    assert await trading.session.open_orders() == []
    assert trading.told.table.get("deribit", order.client_id).filled_nanos == 0


async def test_an_inverse_future_fills_in_dollars_and_pays_in_coins(trading):
    """Amount and position in USD, the fee in ether with its index, and the venue's position the same as ours."""
    order = trading.place(trading.order(Side.BUY, 5 * SECOND, time_in_force=TimeInForce.IOC))
    await trading.reaches(order, OrderState.FILLED)
    fills = trading.told.fills()
    assert sum(fill.amount_nanos for fill in fills) == order.amount_nanos
    for fill in fills:
        assert (fill.currency, fill.is_amount_usd, fill.is_maker) == ("ETH", True, False)
        assert fill.price_nanos <= order.price_nanos
        assert fill.index_nanos == pytest.approx(trading.session.mark(PERPETUAL).index_nanos, rel=0.01)
        rate = Decimal(trading.session.instrument(PERPETUAL).taker_fee_nanos) / SECOND
        coins = Decimal(fill.amount_nanos) / fill.price_nanos
        assert fill.fee_e18 == pytest.approx(float(rate * coins) * 1e18, rel=1e-3, abs=2e10)
    [position] = await trading.session.positions()
    assert (position.instrument, position.amount_e18, position.currency) == (
        PERPETUAL,
        order.amount_nanos * 10**9,
        "ETH",
    )


async def test_an_inverse_option_is_bought_in_coins(trading):
    """Price in coins on the tick of its height, fee in coins, and its price in dollars by the index."""
    name = trading.option("ETH")
    tick = trading.session.instrument(name).tick_at(trading.session.book(name).best_ask())
    order = trading.place(trading.order(Side.BUY, 5 * tick, instrument=name, time_in_force=TimeInForce.IOC))
    await trading.reaches(order, OrderState.FILLED)
    [fill, *_] = trading.told.fills()
    assert (fill.instrument, fill.currency, fill.is_amount_usd) == (name, "ETH", False)
    assert fill.fee_e18 > 0
    dollars = trading.session.market.usd_nanos(name, fill.price_nanos)
    assert dollars == pytest.approx(fill.price_nanos * trading.session.mark(name).index_nanos / SECOND, rel=0.01)


async def test_a_linear_option_is_bought_in_dollars(floor):
    """What is quoted in USDC is paid in dollars, fee included."""
    session = floor.session = floor.make_session(underlyings=["ETH_USDC"])
    await session.start()
    name = floor.option("ETH_USDC")
    tick = session.instrument(name).tick_at(session.book(name).best_ask())
    order = floor.place(floor.order(Side.BUY, 5 * tick, instrument=name, time_in_force=TimeInForce.IOC))
    await floor.reaches(order, OrderState.FILLED)
    [fill, *_] = floor.told.fills()
    assert (fill.instrument, fill.currency, session.market.usd_nanos(name, 7)) == (name, "USD", 7)


async def test_a_refused_order_carries_code_and_words(trading):
    """A post-only order that would trade is refused by the venue, and says so."""
    order = trading.place(trading.order(Side.SELL, 5 * SECOND, time_in_force=TimeInForce.POST_ONLY))
    await trading.reaches(order, OrderState.REFUSED)
    refused = trading.told.table.get("deribit", order.client_id)
    assert refused.code == 11054
    assert refused.code in trading.session.overtaken
    assert "post_only_reject" in refused.detail


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"price_nanos": 1_000_000_007}, "tick"),
        ({"amount_nanos": SECOND // 2}, "least"),
        ({"instrument": "BTC-PERP"}, "not listed"),
        ({"price_nanos": -SECOND}, "tick"),
    ],
)
async def test_what_cannot_succeed_does_not_leave(trading, changes, words):
    """Off tick, below the least amount, or not listed: refused here, in words, with nothing sent."""
    order = msgspec.structs.replace(trading.order(Side.BUY, -100 * SECOND), **changes)
    trading.place(order)
    await trading.reaches(order, OrderState.REFUSED)
    assert words in trading.told.table.get("deribit", order.client_id).detail
    assert not trading.wire.requests("private/buy")


async def test_a_cancel_overtakes_its_order(trading):
    """A cancel right behind an order that is not acknowledged goes by its label: the order ends."""
    order = trading.place(trading.order(Side.BUY, -100 * SECOND))
    trading.cancel(order)
    await trading.reaches(order, OrderState.CANCELLED, OrderState.REFUSED)
    assert await trading.session.open_orders() == []
    assert trading.wire.requests("private/cancel_by_label")[0]["params"]["currency"] == "ETH"


async def test_an_order_takes_the_place_of_another(trading):
    """The old order ends before the new one leaves; replaced again meanwhile, only the last one ever rests."""
    first = trading.place(trading.order(Side.BUY, -100 * SECOND))
    await trading.reaches(first, OrderState.OPEN)
    second = trading.replace(first, trading.order(Side.BUY, -101 * SECOND))
    third = trading.replace(second, trading.order(Side.BUY, -102 * SECOND))
    await trading.reaches(third, OrderState.OPEN)
    assert trading.state_of(first) is OrderState.CANCELLED
    assert trading.state_of(second).is_final
    assert [update.client_id for update in await trading.session.open_orders()] == [third.client_id]
    labels = [request["params"]["label"] for request in trading.wire.requests("private/buy")]
    assert labels == [first.client_id, third.client_id]


async def test_an_order_in_flight_can_be_replaced(trading):
    """Without waiting for its acknowledgement: it goes by its label, and its successor rests."""
    first = trading.place(trading.order(Side.BUY, -100 * SECOND))
    second = trading.replace(first, trading.order(Side.BUY, -101 * SECOND))
    await trading.reaches(second, OrderState.OPEN)
    assert trading.state_of(first) is OrderState.CANCELLED


async def test_a_replacement_for_what_has_filled_does_not_leave(trading):
    """It would add to what the old order did."""
    old = trading.place(trading.order(Side.BUY, 5 * SECOND))
    new = trading.replace(old, trading.order(Side.BUY, -100 * SECOND))
    await trading.reaches(old, OrderState.FILLED)
    await trading.reaches(new, OrderState.REFUSED)
    assert len(trading.wire.requests("private/buy")) == 1


async def test_a_waiting_replacement_can_be_cancelled(trading):
    """Before it left, it ends here."""
    old = trading.place(trading.order(Side.BUY, -100 * SECOND))
    await trading.reaches(old, OrderState.OPEN)
    new = trading.replace(old, trading.order(Side.BUY, -101 * SECOND))
    trading.cancel(new)
    await trading.reaches(new, OrderState.REFUSED)
    await trading.reaches(old, OrderState.CANCELLED)
    assert await trading.session.open_orders() == []


async def test_an_order_is_edited_by_hand(trading):
    """Another price and amount under the same label, by the venue's id or by label while there is none."""
    order = trading.place(trading.order(Side.BUY, -100 * SECOND, time_in_force=TimeInForce.POST_ONLY))
    desk = trading.session.orders
    edited = await desk.edit(order.client_id, order.price_nanos - SECOND, 2 * order.amount_nanos)
    assert (edited.client_id, edited.state) == (order.client_id, OrderState.OPEN)
    await desk.edit(order.client_id, order.price_nanos, order.amount_nanos)
    assert len(trading.wire.requests("private/edit_by_label")) + len(trading.wire.requests("private/edit")) == 2
    assert await desk.cancel_label(order.client_id, PERPETUAL) == 1
    await trading.reaches(order, OrderState.CANCELLED)
    with pytest.raises(Refused, match="no live order"):
        await desk.edit(order.client_id, SECOND, SECOND)


async def test_cancelling_many_leaves_the_others(trading):
    """By instrument, by currency, or everything."""
    option = trading.option("ETH")
    one = trading.place(trading.order(Side.BUY, -100 * SECOND))
    tick = trading.session.instrument(option).tick_nanos
    two = trading.place(trading.order(Side.BUY, 0, instrument=option, price_nanos=tick))
    for order in (one, two):
        await trading.reaches(order, OrderState.OPEN)
    await trading.session.cancel_all(PERPETUAL)
    await trading.reaches(one, OrderState.CANCELLED)
    assert trading.state_of(two) is OrderState.OPEN
    assert await trading.session.orders.cancel_currency("ETH") == 1
    await trading.reaches(two, OrderState.CANCELLED)
    three = trading.place(trading.order(Side.BUY, -100 * SECOND))
    await trading.reaches(three, OrderState.OPEN)
    await trading.session.cancel_all()
    await trading.reaches(three, OrderState.CANCELLED)


async def test_fills_are_the_venues_own_history(trading):
    """Everything since the start, each once, the same as what was told as it happened."""
    since_ms = time.time_ns() // 10**6 - 1000
    for side in (Side.BUY, Side.SELL, Side.BUY):
        order = trading.place(trading.order(side, 5 * SECOND, time_in_force=TimeInForce.IOC))
        await trading.reaches(order, OrderState.FILLED)
    history = await trading.session.fills_since(since_ms)
    told = sorted(trading.told.fills(), key=lambda fill: (fill.venue_time_ns, fill.trade_id))
    found = sorted(history, key=lambda fill: (fill.venue_time_ns, fill.trade_id))
    assert [msgspec.structs.replace(fill, now_ns=0) for fill in found] == [
        msgspec.structs.replace(fill, now_ns=0) for fill in told
    ]
    [position] = await trading.session.positions()
    assert position.amount_e18 == sum(fill.side * fill.amount_nanos for fill in told) * 10**9


async def test_what_has_not_expired_has_no_delivery_price(trading):
    """The venue's list of delivery prices is asked for and read; listed expiries are not in it."""
    listed = {trading.session.instrument(name).contract.expiry_s for name in trading.session.names}
    assert not listed & (await trading.session.delivery_prices("ETH")).keys()


async def test_too_much_traded_trips_the_protection_until_it_is_reset(trading):
    """Set and read back; a protected fill beyond the limit takes the protected orders away and bars new ones."""
    amount = trading.session.instrument(PERPETUAL).min_amount_nanos
    wanted = Protection(underlying="ETH", window_ms=60_000, frozen_ms=0, amount_limit_nanos=SECOND)
    state = await trading.session.protect(wanted)
    assert (state.protection, state.is_frozen) == (wanted, False)
    assert await trading.session.protections() == [state]
    guarded = trading.place(trading.order(Side.BUY, -100 * SECOND, is_protected=True))
    await trading.reaches(guarded, OrderState.OPEN)
    much = trading.order(
        Side.BUY, 5 * SECOND, is_protected=True, time_in_force=TimeInForce.IOC, amount_nanos=5000 * amount
    )
    trading.place(much)
    await trading.reaches(guarded, OrderState.CANCELLED)
    await eventually(lambda: trading.session.quotes.trips)
    barred = trading.place(trading.order(Side.BUY, -100 * SECOND, is_protected=True))
    await trading.reaches(barred, OrderState.REFUSED)
    assert trading.told.table.get("deribit", barred.client_id).code == 13030
    assert (await trading.session.protections())[0].is_frozen
    await trading.session.reset_protection("ETH")
    assert not trading.session.quotes.trips
    free = trading.place(trading.order(Side.BUY, -100 * SECOND, is_protected=True))
    await trading.reaches(free, OrderState.OPEN)


async def test_a_protection_that_reads_back_otherwise_is_refused(trading):
    """What the venue says it has must be what was wanted."""

    def bend(text):
        return text.replace(b'"interval":7', b'"interval":8')

    trading.wire.to_client = bend
    with pytest.raises(Refused, match="reads back"):
        await trading.session.quotes.configure(
            MmpConfig(index_name="eth_usd", interval_s=7, frozen_s=0, max_quote_nanos=SECOND, quantity_nanos=SECOND)
        )
    with pytest.raises(Refused, match="whole seconds"):
        await trading.session.protect(Protection(underlying="ETH", window_ms=1500, frozen_ms=0))


# --- orders that the compiled lane writes


class Quoting:
    """Both sides of the perpetual, by a lane that has the session's pen."""

    RULE = Rule(
        aggression_nanos=0,
        improvement_nanos=0,
        reference_size_nanos=0,
        spread_share_nanos=SECOND // 100,
        min_spread_share_nanos=SECOND // 50,
        bid_size_nanos=10 * SECOND,
        ask_size_nanos=10 * SECOND,
    )

    def __init__(self, trading, directory):
        self.trading, session = trading, trading.session
        self.ledger = Ledger(directory, Identity("deribit", "test"))
        self.lane = QuoteLane(
            ledger=self.ledger,
            venue=session,
            gate=Gate(1_000),
            run="r1",
            time_in_force=TimeInForce.POST_ONLY,
            is_protected=False,
            clock_ns=time.time_ns,
        )
        trading.told.table = self.ledger.state.orders
        trading.told.learn = self.learn
        instrument = session.instrument(PERPETUAL)
        limits = build_limits(Settings(market_maker=MarketMaker(max_position=Positive(1_000))), instrument)
        self.quoted = self.lane.add(instrument, session.book(PERPETUAL), limits, 0)
        self.lane.on_mark(session.mark(PERPETUAL))
        self.lane.fit(self.quoted)
        self.lane.is_on = True

    def learn(self, event):
        self.ledger.learn(event)
        if isinstance(event, OrderUpdate):
            self.lane.settle(event.client_id, time.time_ns())

    def want(self, **changes):
        """Other prices or sizes, from one decision."""
        self.lane.on_mark(self.trading.session.mark(PERPETUAL))
        self.lane.set_rule(self.quoted, msgspec.structs.replace(self.RULE, **changes))
        self.lane.decide(self.quoted, time.time_ns())

    def order(self, name):
        return self.ledger.state.orders.get("deribit", name)

    def are(self, state, *names):
        return all((order := self.order(name)) is not None and order.state is state for name in names)

    def written(self, method):
        """Requests that the lane has written, and not the session."""
        return [each for each in self.trading.wire.requests(method) if each["id"] > FIRST_REQUEST_ID]

    async def rests(self, *names):
        await self.trading.told.until(lambda: self.are(OrderState.OPEN, *names))


@pytest.fixture
async def quoting(trading, tmp_path):
    made = Quoting(trading, tmp_path)
    made.want()
    await made.rests("mm.r1.1", "mm.r1.2")
    yield made
    made.ledger.close()


async def test_the_lane_writes_orders_for_deribit(quoting):
    """Both sides rest as it wrote them, in our books and at the venue."""
    (sold,), (bought,) = quoting.written("private/sell"), quoting.written("private/buy")
    assert {sold["params"]["label"], bought["params"]["label"]} == {"mm.r1.1", "mm.r1.2"}
    assert sold["params"]["instrument_name"] == "ETH-PERPETUAL"
    resting = await quoting.trading.session.open_orders()
    assert {update.client_id for update in resting} == {"mm.r1.1", "mm.r1.2"}


async def test_the_lane_cancels_what_the_session_then_replaces(quoting):
    """The old orders go by the lane's cancels, and only then come the new ones, of which the journal knew before."""
    quoting.want(min_spread_share_nanos=SECOND // 20)
    assert {quoting.order(name).placed.replaces for name in ("mm.r1.3", "mm.r1.4")} == {"mm.r1.1", "mm.r1.2"}
    await quoting.rests("mm.r1.3", "mm.r1.4")
    assert quoting.are(OrderState.CANCELLED, "mm.r1.1", "mm.r1.2")
    assert len(quoting.written("private/cancel")) == 2
    resting = await quoting.trading.session.open_orders()
    assert {update.client_id for update in resting} == {"mm.r1.3", "mm.r1.4"}


async def test_what_trades_while_it_is_cancelled_gets_no_successor(quoting):
    """The new order would add to what the old one did: it is refused, and never leaves."""
    trading = quoting.trading
    (bid,) = quoting.written("private/buy")

    def take_first(text):
        if b"private/cancel" in text:
            words = {"taker": "taker", "name": PERPETUAL, "is_buy": False, "amount": Decimal(10**6)}
            taken = TakerOrder(time.time_ns(), limit=Decimal(str(bid["params"]["price"])), **words)
            trading.venue.on_market([taken, taken], time.time_ns())  # the coin's perpetual, and the dollar's
        return text

    trading.wire.to_venue = take_first
    quoting.want(min_spread_share_nanos=SECOND // 20)
    label = bid["params"]["label"]
    (successor,) = [name for name in ("mm.r1.3", "mm.r1.4") if quoting.order(name).placed.replaces == label]
    await trading.told.until(lambda: quoting.are(OrderState.FILLED, label))
    await trading.told.until(lambda: quoting.are(OrderState.REFUSED, successor))
    assert successor not in [request["params"]["label"] for request in trading.wire.requests("private/buy")]


def answer_cancels(trading, *answers):
    """To the next cancels in their order: an error in the venue's place, seconds that it takes, or None for as ever."""
    waiting = list(answers)

    def answer(text):
        if b"private/cancel" not in text or not waiting:
            return text
        found = waiting.pop(0)
        if isinstance(found, dict):
            trading.wire.tell_client({"jsonrpc": "2.0", "id": orjson.loads(text)["id"], "error": found})
        elif found is None:
            return text
        else:
            asyncio.get_running_loop().call_later(found, trading.wire.ends[-1].venue.send, WSMsgType.TEXT, text)
        return None

    trading.wire.to_venue = answer


async def test_a_cancel_that_the_venue_cannot_take_just_then_goes_again(quoting):
    """And what it makes room for follows."""
    answer_cancels(quoting.trading, {"code": 10040, "message": "retry"}, {"code": 11051, "message": "maintenance"})
    quoting.want(min_spread_share_nanos=SECOND // 20)
    await quoting.rests("mm.r1.3", "mm.r1.4")
    assert quoting.are(OrderState.CANCELLED, "mm.r1.1", "mm.r1.2")


async def test_a_cancel_of_what_the_session_does_not_know_goes_again_too(trading):
    """By its label: the venue's second answer is that nothing rests under it, which is for others to look into."""
    order = trading.order(Side.BUY, -100 * SECOND)
    trading.told.table.apply(order)
    answer_cancels(trading, {"code": 10040, "message": "retry"})
    trading.cancel(order)
    await trading.reaches(order, OrderState.UNKNOWN)
    assert len(trading.wire.requests("private/cancel_by_label")) == 2


async def test_what_waits_too_long_for_the_old_to_go_is_given_up(quoting):
    """Our books may have ended it by then, and the market has moved: it is refused here and never leaves."""
    answer_cancels(quoting.trading, 1.3, 1.3)
    quoting.want(min_spread_share_nanos=SECOND // 20)
    successors = ("mm.r1.3", "mm.r1.4")
    await quoting.trading.told.until(lambda: quoting.are(OrderState.REFUSED, *successors))
    sent = quoting.trading.wire.requests("private/buy") + quoting.trading.wire.requests("private/sell")
    assert not {request["params"]["label"] for request in sent} & set(successors)
    assert "took too long" in quoting.order("mm.r1.3").detail


async def test_a_hold_reaches_the_lane_at_once(quoting):
    """What waits for another to go still takes a request; told that it is too much, the lane has no allowance."""
    trading, pen, outbox = quoting.trading, quoting.lane._pen, quoting.lane._outbox
    budget = trading.session._budgets.of("private/buy")
    answer_cancels(trading, 60, {"code": 10028, "message": "too_many_requests", "data": {"wait": 2}})
    quoting.want(min_spread_share_nanos=SECOND // 20)
    assert pen.allowance() == (budget.allowance(time.monotonic_ns()) - 2) // 2 > 0
    assert outbox.allowance > 0
    await eventually(lambda: outbox.allowance == 0)
    assert {order.state for order in map(quoting.order, ("mm.r1.1", "mm.r1.2"))} == {OrderState.OPEN}


async def test_a_book_that_is_listed_no_more_is_not_asked_for(trading):
    """Its instrument has expired between the loss and the asking."""
    trading.session.renew_book("ETH-20200101-100-C")


async def test_the_lane_writes_nothing_that_may_not_leave(quoting):
    """Each order may need two requests; while the venue has locked something the session sends each; offline none."""
    trading, pen = quoting.trading, quoting.lane._pen
    budget = trading.session._budgets.of("private/buy")
    assert pen.allowance() == budget.allowance(time.monotonic_ns()) // 2 > 0
    trading.venue.set_platform({"price_index": "btc_usd", "locked": True})
    await eventually(lambda: trading.session.market.platform.words)
    assert quoting.lane._outbox.allowance == pen.allowance() == 0 < pen.allowance(PERPETUAL)
    await trading.session.stop()
    assert pen.allowance(PERPETUAL) == 0


# --- what goes wrong


async def test_a_private_subscription_that_is_never_confirmed_keeps_the_session_shut(trading, monkeypatch):
    """After a loss no order may leave before the channel of our orders is confirmed; each try asks for it anew."""
    monkeypatch.setattr(rpc, "ANSWER_WITHIN_NS", SECOND // 2)

    def is_private(request):
        return request.get("method") == "private/subscribe" and codec.ORDERS in request["params"]["channels"]

    def swallow(text):
        return None if is_private(orjson.loads(text)) else text

    trading.wire.to_venue = swallow
    asked = sum(map(is_private, trading.wire.sent))
    trading.wire.cut()
    await eventually(lambda: sum(map(is_private, trading.wire.sent)) >= asked + 2)
    assert not trading.session.is_open
    assert trading.told.count(Connected) == 1
    monkeypatch.setattr(rpc, "ANSWER_WITHIN_NS", ANSWERS_WITHIN_NS)
    trading.wire.to_venue = lambda text: text
    await trading.back()
    assert trading.session.is_open


async def test_a_gap_darkens_one_book_and_asks_for_that_one_alone(trading):
    """A lost change: the book is dark until its own new snapshot; no other book is touched."""
    lost = []

    def lose(text):
        if not lost and RAW_BOOK.encode() in text and b'"type":"change"' in text:
            lost.append(text)
            return None
        return text

    trading.wire.to_client = lose
    asked = len(trading.wire.requests("public/subscribe"))
    await eventually(lambda: trading.wire.requests("public/unsubscribe"))
    await eventually(lambda: not trading.session.book(PERPETUAL).dark)
    assert [request["params"]["channels"] for request in trading.wire.requests("public/unsubscribe")] == [[RAW_BOOK]]
    again = trading.wire.requests("public/subscribe")[asked:]
    assert [request["params"]["channels"] for request in again] == [[RAW_BOOK]]
    assert trading.told.count(Lost) == 0


@pytest.mark.parametrize("is_at_the_start", [False, True])
async def test_a_snapshot_that_does_not_come_is_asked_for_again(floor, monkeypatch, caplog, is_at_the_start):
    """Changes that follow light no book: what stays dark after it was asked for is asked for anew, and told."""
    monkeypatch.setattr(listening, "SNAPSHOT_WITHIN_S", 0.5)
    lost = []

    def lose(text):
        is_snapshot = RAW_BOOK.encode() in text and b'"type":"snapshot"' in text
        is_gap = not is_at_the_start and not lost and RAW_BOOK.encode() in text and b'"type":"change"' in text
        if is_gap or (is_snapshot and (is_at_the_start or lost) and len(lost) < 3):
            lost.append(text)
            return None
        return text

    if is_at_the_start:
        floor.wire.to_client = lose
    await floor.session.start()
    floor.wire.to_client = lose
    await eventually(lambda: len(lost) == 3 and not floor.session.book(PERPETUAL).dark)
    assert {tuple(each["params"]["channels"]) for each in floor.wire.requests("public/unsubscribe")} == {(RAW_BOOK,)}
    assert f"no snapshot yet, asking again: 1 books ({RAW_BOOK})" in caplog.text
    assert floor.told.count(Lost) == 0


async def test_what_the_venue_locks_is_dark_and_takes_no_order(trading):
    """Its books tell no price, an order is refused before the wire, a cancel still leaves; unlocked, all comes back."""
    resting, barred = trading.order(Side.BUY, -SECOND), trading.order(Side.BUY, -SECOND)
    trading.place(resting)
    await trading.reaches(resting, OrderState.OPEN)
    option = trading.option("ETH")
    trading.venue.set_platform({"price_index": "eth_usd", "locked": True})
    await eventually(lambda: trading.session.book(PERPETUAL).dark and trading.session.book(option).dark)
    sent = len(trading.wire.requests("private/buy"))
    trading.place(barred)
    await trading.reaches(barred, OrderState.REFUSED)
    assert "locked trading on eth_usd" in trading.told.table.get("deribit", barred.client_id).detail
    assert len(trading.wire.requests("private/buy")) == sent
    trading.session.renew_book(PERPETUAL)  # as a reader of its own frames would
    trading.cancel(resting)
    await trading.reaches(resting, OrderState.CANCELLED)
    assert trading.session.book(PERPETUAL).dark
    trading.venue.set_platform({"price_index": "eth_usd", "locked": False})
    await eventually(lambda: not trading.session.book(PERPETUAL).dark)
    order = trading.place(trading.order(Side.BUY, -SECOND))
    await trading.reaches(order, OrderState.OPEN)


@pytest.mark.parametrize("state", [{"price_index": "eth_usd", "locked": True}, {"maintenance": True}])
async def test_a_venue_that_is_shut_already_is_known_at_the_start(floor, state):
    """What is locked is asked for before anything is sent; under maintenance nobody comes in at all."""
    floor.venue.set_platform(state)
    if "maintenance" in state:
        with pytest.raises(Refused, match="system_maintenance"):
            await floor.session.start()
        return
    await floor.session.start()
    assert floor.session.book(PERPETUAL).dark
    assert floor.session.mark(PERPETUAL) is not None
    barred = floor.place(floor.order(Side.BUY, 0, price_nanos=2_000 * SECOND))
    await floor.reaches(barred, OrderState.REFUSED)
    assert floor.wire.requests("private/buy") == []


async def test_maintenance_is_heard_before_it_comes(trading):
    """The venue's own word lets nothing out any more, and its word that all is well again does."""
    order = trading.order(Side.BUY, -SECOND)
    for state, ends in (({"maintenance": True}, OrderState.REFUSED), ({"maintenance": False}, OrderState.OPEN)):
        trading.venue.set_platform(state)
        await eventually(lambda: trading.session.book(PERPETUAL).dark == state["maintenance"])  # noqa: B023  awaited at once
        order = msgspec.structs.replace(order, client_id=f"{order.client_id}.{ends}", now_ns=time.time_ns())
        await trading.reaches(trading.place(order), ends)


async def test_the_tape_is_heard_where_somebody_listens(floor):
    """Each trade of what is listed, by its taker's side; without a listener the tape is not asked for."""
    heard = []
    session = floor.session = floor.make_session(on_trade=heard.append)
    await session.start()
    await eventually(lambda: session.volatility("ETH") is not None)
    assert session.volatility("ETH_USDC") == session.volatility("ETH") > 0.1
    order = floor.place(floor.order(Side.BUY, SECOND))
    await floor.reaches(order, OrderState.FILLED)
    fills = floor.told.fills()
    await eventually(lambda: {fill.trade_id for fill in fills} <= {trade.trade_id for trade in heard})
    mine = next(trade for trade in heard if trade.trade_id == fills[0].trade_id)
    assert (mine.instrument, mine.side, mine.price_nanos) == (PERPETUAL, Side.BUY, fills[0].price_nanos)
    assert not mine.is_block
    assert {trade.instrument for trade in heard} <= set(session.names)
    asked = {channel for each in floor.wire.requests("public/subscribe") for channel in each["params"]["channels"]}
    assert {"trades.option.ETH.100ms", "trades.future.ETH.100ms"} <= asked


async def test_a_test_request_is_answered(trading):
    """The venue asks whether we are there, and is told at once."""
    trading.wire.tell_client({"jsonrpc": "2.0", "method": "heartbeat", "params": {"type": "heartbeat"}})
    trading.wire.tell_client({"jsonrpc": "2.0", "method": "heartbeat", "params": {"type": "test_request"}})
    await eventually(lambda: trading.wire.requests("public/test"))
    assert not trading.session.line.bad_frames


async def test_a_login_is_renewed_before_it_ends(floor, monkeypatch):
    """With the token that renews once; when the venue forgot it, by logging in again; trading goes on."""
    monkeypatch.setattr(session, "RENEW_AT", 0.0)
    await floor.session.start()
    await eventually(lambda: len(floor.wire.requests("public/auth")) >= 3)
    kinds = [request["params"]["grant_type"] for request in floor.wire.requests("public/auth")]
    assert kinds[0] == "client_signature"
    assert set(kinds[1:]) == {"refresh_token"}
    tokens = [request["params"]["refresh_token"] for request in floor.wire.requests("public/auth")[1:]]
    assert len(set(tokens)) == len(tokens)
    order = floor.place(floor.order(Side.BUY, -100 * SECOND))
    await floor.reaches(order, OrderState.OPEN)


async def test_a_token_that_has_ended_is_no_reason_to_end(trading):
    """A request that is turned away for it ends the connection, and with it what rests; the next login trades on."""
    resting = trading.place(trading.order(Side.BUY, -100 * SECOND))
    await trading.reaches(resting, OrderState.OPEN)
    other = trading.make_session(emit=lambda _event: None)
    await other.start()
    await other._rpc.ask("public/auth", build_refresh(trading.session._login.refresh_token))  # which works once
    refused = trading.place(trading.order(Side.BUY, -100 * SECOND))
    await trading.reaches(refused, OrderState.REFUSED)
    await trading.back()
    assert resting.client_id not in [order.client_id for order in await trading.session.open_orders()]
    again = trading.place(trading.order(Side.BUY, -100 * SECOND))
    await trading.reaches(again, OrderState.OPEN)
    await other.stop()


@pytest.mark.parametrize(("has_expired", "code"), [(False, 13004), (True, 13009)])
async def test_a_key_that_is_gone_ends_the_session_with_the_venues_word(trading, has_expired, code):
    """Nothing leaves any more, and no reconnect is tried again and again with it."""
    trading.venue.revoke("AMANDA", has_expired=has_expired)
    order = trading.place(trading.order(Side.BUY, -100 * SECOND))
    await trading.reaches(order, OrderState.REFUSED)
    with pytest.raises(Refused, match="login of key AMANDA") as caught:
        await asyncio.wait_for(trading.session.wait(), PATIENCE_S)
    assert (caught.value.code, trading.session.is_open) == (code, False)
    assert "expired or was removed" in str(caught.value)


async def test_a_cut_connection_darkens_books_cancels_orders_and_comes_back(trading):
    """The venue cancels what rested; meanwhile nothing leaves; afterwards everything is as after a start."""
    order = trading.place(trading.order(Side.BUY, -100 * SECOND))
    await trading.reaches(order, OrderState.OPEN)
    book = trading.session.book(PERPETUAL)
    trading.wire.cut()
    await trading.told.until(lambda: trading.told.count(Lost) == 1)
    assert book.dark
    assert trading.session.mark(PERPETUAL) is None
    late = trading.place(msgspec.structs.replace(order, client_id="test.flow.99"))
    await trading.reaches(late, OrderState.REFUSED)
    await trading.back()
    assert trading.session.book(PERPETUAL) is book
    assert not book.dark
    assert await trading.session.open_orders() == []
    again = trading.place(trading.order(Side.BUY, -100 * SECOND))
    await trading.reaches(again, OrderState.OPEN)


async def test_stopping_leaves_nothing_behind_and_never_logs_out(trading):
    """Orders that rest at the end are gone at the venue: the socket is dropped, since a logout would keep them."""
    order = trading.place(trading.order(Side.BUY, -100 * SECOND))
    await trading.reaches(order, OrderState.OPEN)
    await trading.session.stop()
    assert not trading.wire.requests("private/logout")
    other = trading.make_session()
    await other.start()
    assert await other.open_orders() == []
    await other.stop()
    with pytest.raises(Disconnected):
        await trading.session.open_orders()


async def test_an_order_whose_answer_was_lost_is_found_filled(trading, monkeypatch):
    """Its outcome is unknown, so the venue is asked by the label, and nothing is sent again."""
    monkeypatch.setattr(rpc, "ANSWER_WITHIN_NS", SECOND // 5)

    def lose(text):
        message = orjson.loads(text)
        is_ours = message.get("params", {}).get("channel", "").startswith("user.changes")
        return None if is_ours or (isinstance(message.get("result"), dict) and "order" in message["result"]) else text

    trading.wire.to_client = lose
    order = trading.place(trading.order(Side.BUY, 5 * SECOND, time_in_force=TimeInForce.IOC))
    await trading.reaches(order, OrderState.UNKNOWN)
    monkeypatch.setattr(rpc, "ANSWER_WITHIN_NS", ANSWERS_WITHIN_NS)
    await trading.session.resolve(order)
    assert trading.state_of(order) is OrderState.FILLED
    assert len(trading.wire.requests("private/buy")) == 1


async def test_an_order_that_never_arrived_ends_refused(trading, monkeypatch):
    """Once the venue would refuse it for being late, not finding it means that nothing can come of it."""
    monkeypatch.setattr(rpc, "ANSWER_WITHIN_NS", SECOND // 5)
    for module in (codec, orders):
        monkeypatch.setattr(module, "ORDER_VALID_MS", 300)
    monkeypatch.setattr(orders, "CLOCKS_APART_NS", SECOND // 10)
    trading.wire.to_venue = lambda text: None if b"private/buy" in text else text
    order = trading.place(trading.order(Side.BUY, -100 * SECOND))
    await trading.reaches(order, OrderState.UNKNOWN)
    monkeypatch.setattr(rpc, "ANSWER_WITHIN_NS", ANSWERS_WITHIN_NS)
    await trading.session.resolve(order)
    assert trading.state_of(order) is OrderState.REFUSED


async def test_an_order_that_rests_unanswered_is_cancelled_by_its_label(trading, monkeypatch):
    """Resolving takes it away: what we do not know of must not rest."""
    monkeypatch.setattr(rpc, "ANSWER_WITHIN_NS", SECOND // 5)

    def lose(text):
        message = orjson.loads(text)
        is_ours = message.get("params", {}).get("channel", "").startswith("user.changes")
        return None if is_ours or (isinstance(message.get("result"), dict) and "order" in message["result"]) else text

    trading.wire.to_client = lose
    order = trading.place(trading.order(Side.BUY, -100 * SECOND))
    await trading.reaches(order, OrderState.UNKNOWN)
    monkeypatch.setattr(rpc, "ANSWER_WITHIN_NS", ANSWERS_WITHIN_NS)
    await trading.session.resolve(order)
    assert trading.state_of(order) is OrderState.CANCELLED


async def test_an_order_that_comes_too_late_is_refused_by_the_venue(trading, monkeypatch):
    """What was held up on the way for longer than an order is valid comes to nothing."""
    monkeypatch.setattr(codec, "ORDER_VALID_MS", -1000)
    order = trading.place(trading.order(Side.BUY, -100 * SECOND))
    await trading.reaches(order, OrderState.REFUSED)
    assert trading.told.table.get("deribit", order.client_id).code == 13888


async def test_a_private_message_that_cannot_be_read_starts_over(trading):
    """Not knowing our own orders is no state to trade in: the connection is dropped, and everything asked anew."""
    channel = "user.changes.any.any.raw"
    trading.wire.tell_client({"method": "subscription", "params": {"channel": channel, "data": {"orders": 5}}})
    await trading.back()
    assert trading.told.count(Lost) == 1
    assert trading.session.is_open


async def test_nonsense_is_counted_and_survived(trading):
    """Bytes of no meaning and channels of nobody's leave a count and nothing else."""
    trading.wire.tell_client(b"nonsense")
    trading.wire.tell_client({"method": "subscription", "params": {"channel": "quote.X", "data": {}}})
    trading.wire.tell_client({"jsonrpc": "2.0", "error": {"code": 10028, "message": "too_many_requests"}})
    await eventually(lambda: sum(trading.session.line.bad_frames.values()) == 3)
    assert set(trading.session.line.bad_frames) == {"not_json", "unknown_channel", "unaddressed"}
    assert trading.session.is_open


async def test_what_the_listener_raises_ends_the_session(floor):
    """A journal that fails must stop trading: the exception comes out of `wait`."""

    def fail(event):
        if isinstance(event, OrderUpdate):
            raise RuntimeError("the journal is full")
        floor.told(event)

    session = floor.session = floor.make_session(emit=fail)
    await session.start()
    session.place(floor.order(Side.BUY, -100 * SECOND), time.time_ns())
    with pytest.raises(RuntimeError, match="journal is full"):
        async with asyncio.timeout(PATIENCE_S):
            await session.wait()
