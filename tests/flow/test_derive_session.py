"""A session at practice Derive over real sockets, API v2 and v3: in, trading, cut off, back, and never in doubt."""

import asyncio
import contextlib
import gzip
import json
import re
import time
from collections import defaultdict
from pathlib import Path
from random import Random

import msgspec
import orjson
import pytest
from derive_wire import Wire
from flow.running import PATIENCE_S

from atomizer._core.book import NO_PRICE
from atomizer._core.ecdsa import Signer
from atomizer._core.fixed import floor_to
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
from atomizer.errors import ConfigError, Disconnected, OutcomeUnknown, Refused
from atomizer.net import rpc
from atomizer.orders.table import OrderTable
from atomizer.sim.derive import Venue, serve
from atomizer.sim.market import Market
from atomizer.venues.derive import orders, session
from atomizer.venues.derive.auth import Credentials
from atomizer.venues.derive.profile import choose_profile
from atomizer.venues.derive.session import DeriveSession

WALLET = "0x8772185a1516f0d61fC1c2524926BfC69F95d698"
SUBACCOUNT = 30769
# Public anvil test keys #0 (the practice session key) and #1 (nobody's here).
KEY = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
FOREIGN_KEY = bytes.fromhex("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d")
SECOND = 10**9
ANSWERS_WITHIN_NS = 5 * SECOND  # again, once a shorter limit has done its work: what follows is really answered
PATHS = {"v2": "/ws", "v3": "/v3/ws"}
PERPETUAL = "ETH-PERP"


class Told:
    """Everything a session emitted, in order, and an order table that heard it all."""

    def __init__(self):
        self.events = []
        self.table = OrderTable()
        self._news = asyncio.Event()

    def __call__(self, event):
        self.events.append(event)
        if isinstance(event, OrderUpdate | Fill):
            self.table.apply(event)
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

    def __init__(self, version, wire):
        self.version = version
        self.wire = wire
        self.told = Told()
        self.session = self.make_session()
        self.count = 0

    def make_session(self, **changes):
        credentials = changes.pop("credentials", None) or Credentials(WALLET, Signer(KEY), SUBACCOUNT)
        options = {
            "underlyings": ["ETH"],
            "emit": self.told,
            "now_ns": time.time_ns,
            "random": Random(1),  # noqa: S311  spreads reconnects
        }
        profile = choose_profile(self.version, is_test=True, url=self.wire.url)
        return DeriveSession(profile, credentials, **(options | changes))

    def order(self, side, offset_nanos, **changes):
        """An order for the perpetual, `offset_nanos` beyond the other side's touch (negative rests)."""
        book, now_ns = self.session.book(PERPETUAL), time.time_ns()
        self.count += 1
        touch = book.best_ask() if side is Side.BUY else book.best_bid()
        fields = {
            "now_ns": now_ns,
            "venue": "derive",
            "client_id": f"test.flow.{self.count}",
            "nonce": self.session.next_nonce(now_ns),
            "instrument": PERPETUAL,
            "side": side,
            "price_nanos": floor_to(touch + side * offset_nanos, self.session.instrument(PERPETUAL).tick_nanos),
            "amount_nanos": SECOND // 10,
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
        self.session.cancel(
            CancelSent(now_ns=time.time_ns(), venue="derive", client_id=order.client_id), time.time_ns()
        )

    def state_of(self, order):
        return self.told.table.get("derive", order.client_id).state

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
        await asyncio.sleep(0.05)


@pytest.fixture(params=list(PATHS))
async def floor(request):
    market = Market(7, time.time_ns())
    venue = Venue(market)
    runner, port = await serve(venue, "127.0.0.1", 0)
    playing = asyncio.create_task(play(market, venue))
    async with Wire(f"ws://127.0.0.1:{port}{PATHS[request.param]}").listening() as wire:
        floor = Floor(request.param, wire)
        yield floor
        await floor.session.stop()
    playing.cancel()
    await asyncio.gather(playing, return_exceptions=True)
    await runner.cleanup()


@pytest.fixture
async def trading(floor):
    await floor.session.start()
    return floor


# --- coming in


async def test_after_start_everything_listed_is_known(trading):
    """Start ends with every book live, every mark there, the clock measured and nothing unreadable."""
    session = trading.session
    assert [type(event) for event in trading.told.events] == [Connected]
    assert trading.told.events[0].silent_channels == 0
    assert len(session.names) > 50
    for name in session.names:
        assert session.instrument(name).name == name
        assert not session.book(name).dark
        assert session.mark(name).instrument == name
    assert session.clock_offset.error_ns < SECOND
    assert not session.line.bad_frames
    assert session.is_open


async def test_cancel_on_disconnect_is_set_and_read_back(trading):
    """The account's flag is on afterwards, and in v3 the login came after the setting."""
    assert (await trading.session.account()).cancel_on_disconnect
    methods = [request["method"] for request in trading.wire.sent]
    wish = methods.index("private/set_cancel_on_disconnect")
    assert "private/get_account" in methods[wish:]
    assert ("public/login" in methods[wish:]) == (trading.version == "v3")


@pytest.mark.parametrize(
    ("wallet", "key", "words"),
    [
        (WALLET, FOREIGN_KEY, "session key"),
        ("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", KEY, "DERIVE_WALLET_ADDRESS"),
    ],
    ids=["foreign key", "wrong wallet"],
)
async def test_a_key_or_wallet_that_does_not_fit_is_refused(floor, wallet, key, words):
    """A key of nobody here, or a wallet of nobody here, is refused by name, with what to do and without the key."""
    session = floor.make_session(credentials=Credentials(wallet, Signer(key), SUBACCOUNT))
    with pytest.raises(Refused) as caught:
        await session.start()
    assert words in str(caught.value)
    assert wallet in str(caught.value)
    assert caught.value.code is not None
    assert key.hex() not in str(caught.value)
    assert floor.told.events == []


async def test_a_subaccount_that_is_not_ours_is_refused(floor):
    """A subaccount that the key may not use is a configuration error that lists those it may."""
    session = floor.make_session(credentials=Credentials(WALLET, Signer(KEY), 9))
    with pytest.raises(ConfigError, match=r"DERIVE_SUBACCOUNT_ID 9 .* 30769"):
        await session.start()


async def test_underlyings_that_are_not_listed_are_left_out_unless_nothing_remains(floor):
    """An underlying without options and perpetuals is left out with a warning; none at all is a configuration error."""
    session = floor.make_session(underlyings=["DOGE", "BTC"])
    await session.start()
    assert {session.instrument(name).contract.underlying for name in session.names} == {"BTC"}
    await session.stop()
    with pytest.raises(ConfigError, match="DOGE"):
        await floor.make_session(underlyings=["DOGE"]).start()


@pytest.mark.parametrize(("skew_ns", "words"), [(3 * SECOND, "ahead"), (-3 * SECOND, "behind")])
async def test_a_clock_that_is_off_is_refused(floor, skew_ns, words):
    """Beyond the limit the session does not start, and says by how much and which way."""
    session = floor.make_session(now_ns=lambda: time.time_ns() + skew_ns)
    with pytest.raises(ConfigError, match=rf"(2\.9|3\.0)\d+ s {words}"):
        await session.start()


async def test_a_venue_that_says_nothing_does_not_hold_us_forever(floor, monkeypatch):
    """Without an answer start ends with an error, and so does a socket that closes."""
    monkeypatch.setattr(rpc, "ANSWER_WITHIN_NS", SECOND // 10)
    floor.wire.to_venue = lambda _text: None
    with pytest.raises(OutcomeUnknown, match="no answer"):
        await floor.session.start()
    monkeypatch.setattr(rpc, "ANSWER_WITHIN_NS", ANSWERS_WITHIN_NS)
    silent = floor.make_session()

    def cut(_text):
        floor.wire.cut()

    floor.wire.to_venue = cut
    with pytest.raises((OutcomeUnknown, Disconnected), match=r"connection was lost|not connected"):
        await silent.start()


async def test_one_bad_channel_does_not_cost_the_others(floor):
    """A batch that is refused as a whole is subscribed by halves; what the venue does not take stays dark."""
    bad = f"orderbook.{PERPETUAL}.1.20"

    def refuse_batches(text):
        request = orjson.loads(text)
        if request["method"] == "subscribe" and bad in request["params"]["channels"]:
            floor.wire.tell_client(
                {"id": request["id"], "error": {"code": 13000, "message": "Invalid channels", "data": {bad: "no"}}}
            )
            return None
        return text

    floor.wire.to_venue = refuse_batches
    await floor.session.start()
    assert floor.told.events[0].silent_channels == 1
    dark = [name for name in floor.session.names if floor.session.book(name).dark]
    assert dark == [PERPETUAL]


async def test_what_is_newly_listed_appears_and_what_is_gone_goes(floor, monkeypatch):
    """While we run, a new instrument gets a live book, and one that is gone darkens and is unsubscribed."""
    hidden = {PERPETUAL}

    def hide(text):
        answer = orjson.loads(text)
        result = answer.get("result")
        if isinstance(result, dict) and "instruments" in result:
            result["instruments"] = [row for row in result["instruments"] if row["instrument_name"] not in hidden]
        return orjson.dumps(answer)

    monkeypatch.setattr(session, "LISTINGS_EVERY_S", 0.1)
    floor.wire.to_client = hide
    await floor.session.start()
    assert floor.session.instrument(PERPETUAL) is None
    hidden.clear()
    await eventually(lambda: floor.session.book(PERPETUAL) is not None and not floor.session.book(PERPETUAL).dark)
    book = floor.session.book(PERPETUAL)
    hidden.add(PERPETUAL)
    await eventually(lambda: floor.session.book(PERPETUAL) is None and floor.wire.requests("unsubscribe"))
    assert book.dark
    left = floor.wire.requests("unsubscribe")[-1]["params"]["channels"]
    assert set(left) == {f"orderbook.{PERPETUAL}.1.20", f"ticker_slim.{PERPETUAL}.1000"}
    assert floor.told.count(Lost) == 0


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
    assert trading.told.table.get("derive", order.client_id).filled_nanos == 0


async def test_an_immediate_order_fills_with_its_fee(trading):
    """An IOC fills at the touch or better; its fee is the listed schedule's on the venue's index, to the last digit."""
    order = trading.place(trading.order(Side.BUY, 5 * SECOND, time_in_force=TimeInForce.IOC))
    await trading.reaches(order, OrderState.FILLED)
    await trading.told.until(trading.told.fills)
    fills = trading.told.fills()
    assert sum(fill.amount_nanos for fill in fills) == order.amount_nanos
    assert all(fill.price_nanos <= order.price_nanos and not fill.is_maker for fill in fills)
    [position] = await trading.session.positions()
    assert position.amount_e18 == order.amount_nanos * 10**9
    assert position.average_price_e18 * order.amount_nanos == sum(fill.notional_e18 for fill in fills) * 10**9
    assert position.total_fees_e18 == sum(fill.fee_e18 for fill in fills)
    instrument = trading.session.instrument(PERPETUAL)
    proportional = (
        trading.session.mark(PERPETUAL).index_nanos * order.amount_nanos * instrument.taker_fee_nanos // 10**9
    )
    expected = proportional + instrument.base_fee_nanos * 10**9
    assert abs(position.total_fees_e18 - expected) < expected // 100  # the index may have moved since


async def test_a_refused_order_carries_code_and_words(trading):
    """A post-only order that would trade is refused by the venue, and says so."""
    order = trading.place(trading.order(Side.SELL, 5 * SECOND, time_in_force=TimeInForce.POST_ONLY))
    await trading.reaches(order, OrderState.REFUSED)
    refused = trading.told.table.get("derive", order.client_id)
    assert refused.code == 11008
    assert refused.code in trading.session.overtaken
    assert "Post-only" in refused.detail


async def test_the_tape_is_heard_where_somebody_listens(floor):
    """Each trade of what is listed, by its taker's side; without a listener the tape is not asked for."""
    heard = []
    session = floor.session = floor.make_session(on_trade=heard.append)
    await session.start()
    order = floor.place(floor.order(Side.BUY, SECOND))
    await floor.reaches(order, OrderState.FILLED)
    fills = floor.told.fills()
    await eventually(lambda: {fill.trade_id for fill in fills} <= {trade.trade_id for trade in heard})
    mine = next(trade for trade in heard if trade.trade_id == fills[0].trade_id)
    assert (mine.instrument, mine.side, mine.price_nanos) == (PERPETUAL, Side.BUY, fills[0].price_nanos)
    assert not mine.is_block
    assert {trade.instrument for trade in heard} <= set(session.names)
    asked = {channel for each in floor.wire.requests("subscribe") for channel in each["params"]["channels"]}
    assert {"trades.option.ETH", "trades.perp.ETH"} <= asked


async def test_an_option_can_be_bought_too(trading):
    """The option's own asset and sub_id are what its signature names: the venue takes it."""
    session, market_now = trading.session, time.time_ns()
    name = next(n for n in session.names if n.endswith("-C") and session.book(n).best_ask() != NO_PRICE)
    order = trading.place(
        trading.order(
            Side.BUY,
            0,
            instrument=name,
            price_nanos=session.book(name).best_ask() + 10 * session.instrument(name).tick_nanos,
            amount_nanos=session.instrument(name).min_amount_nanos,
            time_in_force=TimeInForce.IOC,
            now_ns=market_now,
        )
    )
    await trading.reaches(order, OrderState.FILLED)


async def test_a_cancel_overtakes_its_order(trading):
    """A cancel right behind an order that is not acknowledged burns its nonce: the order ends, in any case."""
    order = trading.place(trading.order(Side.BUY, -100 * SECOND))
    trading.cancel(order)
    await trading.reaches(order, OrderState.CANCELLED, OrderState.REFUSED)
    assert await trading.session.open_orders() == []


async def test_an_order_takes_the_place_of_another(trading):
    """One request: the old order ends, the new one rests alone; twice, the second time before the first is answered."""
    first = trading.place(trading.order(Side.BUY, -100 * SECOND))
    await trading.reaches(first, OrderState.OPEN)
    second = trading.replace(first, trading.order(Side.BUY, -101 * SECOND))
    third = trading.replace(second, trading.order(Side.BUY, -102 * SECOND))
    await trading.reaches(third, OrderState.OPEN)
    assert (trading.state_of(first), trading.state_of(second)) == (OrderState.CANCELLED, OrderState.CANCELLED)
    assert [update.client_id for update in await trading.session.open_orders()] == [third.client_id]


async def test_a_replacement_that_would_trade_leaves_no_order(trading):
    """Half done: the old order is cancelled, the post-only new one is refused, and nothing rests."""
    old = trading.place(trading.order(Side.BUY, -100 * SECOND))
    await trading.reaches(old, OrderState.OPEN)
    new = trading.replace(old, trading.order(Side.BUY, 5 * SECOND, time_in_force=TimeInForce.POST_ONLY))
    await trading.reaches(new, OrderState.REFUSED)
    await trading.reaches(old, OrderState.CANCELLED)
    assert trading.told.table.get("derive", new.client_id).code == 11008
    assert await trading.session.open_orders() == []


async def test_a_replacement_of_an_order_that_has_ended_was_overtaken(trading):
    """Cancelled meanwhile: nothing is created, and the refusal is told apart from one of the order itself."""
    old = trading.place(trading.order(Side.BUY, -100 * SECOND))
    await trading.reaches(old, OrderState.OPEN)
    trading.cancel(old)
    new = trading.replace(old, trading.order(Side.BUY, -101 * SECOND))
    await trading.reaches(new, OrderState.REFUSED)
    await trading.reaches(old, OrderState.CANCELLED)
    refused = trading.told.table.get("derive", new.client_id)
    assert refused.code == 11003
    assert refused.code in trading.session.overtaken
    assert await trading.session.open_orders() == []


async def test_too_much_traded_trips_the_protection_until_it_is_reset(trading):
    """Set and read back; a protected fill beyond the limit takes the protected orders away and bars new ones."""
    wanted = Protection(underlying="ETH", window_ms=60_000, frozen_ms=0, amount_limit_nanos=SECOND // 10)
    state = await trading.session.protect(wanted)
    assert (state.protection, state.is_frozen) == (wanted, False)
    guarded = trading.place(trading.order(Side.BUY, -100 * SECOND, is_protected=True))
    plain = trading.place(trading.order(Side.BUY, -100 * SECOND))
    for order in (guarded, plain):
        await trading.reaches(order, OrderState.OPEN)
    much = trading.order(
        Side.BUY, 5 * SECOND, is_protected=True, time_in_force=TimeInForce.IOC, amount_nanos=SECOND // 5
    )
    trading.place(much)
    await trading.reaches(guarded, OrderState.CANCELLED)
    assert trading.told.table.get("derive", guarded.client_id).detail == "mmp_trigger"
    [state] = await trading.session.protections()
    assert state.is_frozen
    barred = trading.place(trading.order(Side.BUY, -100 * SECOND, is_protected=True))
    await trading.reaches(barred, OrderState.REFUSED)
    assert trading.told.table.get("derive", barred.client_id).code == 11015
    await trading.session.reset_protection("ETH")
    [state] = await trading.session.protections()
    assert not state.is_frozen
    assert trading.state_of(plain) is OrderState.OPEN


async def test_a_protection_that_reads_back_otherwise_is_refused(trading):
    """A venue that keeps another limit than the one that we set does not protect us as we think."""
    trading.wire.to_client = lambda text: text.replace(b'"mmp_delta_limit":"2"', b'"mmp_delta_limit":"20"')
    wanted = Protection(underlying="ETH", window_ms=5000, frozen_ms=0, delta_limit_nanos=2 * SECOND)
    with pytest.raises(Refused, match="reads back otherwise"):
        await trading.session.protect(wanted)


async def test_cancelling_one_instrument_leaves_the_others(trading):
    """What rests in the perpetual goes, what rests in an option stays."""
    session = trading.session
    name = next(n for n in session.names if n.endswith("-C") and session.book(n).best_bid() != NO_PRICE)
    option = session.instrument(name)
    kept = trading.place(
        trading.order(
            Side.BUY,
            0,
            instrument=name,
            price_nanos=option.tick_nanos,
            amount_nanos=option.min_amount_nanos,
        )
    )
    gone = trading.place(trading.order(Side.BUY, -100 * SECOND))
    for order in (kept, gone):
        await trading.reaches(order, OrderState.OPEN)
    await session.cancel_all(PERPETUAL)
    await trading.reaches(gone, OrderState.CANCELLED)
    assert [update.client_id for update in await session.open_orders()] == [kept.client_id]


async def test_our_books_and_the_venues_ledger_agree_to_the_last_digit(trading):
    """After a burst of random orders, fills folded here are the venue's position, cost and fees, exactly."""
    chance = Random(5)  # noqa: S311  test data
    placed = []
    for _ in range(12):
        side = chance.choice([Side.BUY, Side.SELL])
        order = trading.order(
            side,
            5 * SECOND,
            amount_nanos=chance.randrange(10, 3000) * SECOND // 1000,
            time_in_force=TimeInForce.IOC,
        )
        placed.append(trading.place(order))
        await trading.reaches(order, *(state for state in OrderState if state.is_final))
    seen = {fill.trade_id: fill for fill in await trading.session.fills_since(placed[0].now_ns // 10**6 - 1)}
    assert {fill.trade_id for fill in trading.told.fills()} == set(seen)
    amounts = defaultdict(int)
    for fill in seen.values():
        amounts[fill.instrument] += fill.side * fill.amount_nanos * 10**9
    positions = await trading.session.positions()
    assert {p.instrument: p.amount_e18 for p in positions} == {name: held for name, held in amounts.items() if held}
    assert sum(p.total_fees_e18 for p in positions) == sum(fill.fee_e18 for fill in seen.values())


async def test_what_has_not_expired_has_no_delivery_price(trading):
    """The venue's list of delivery prices is asked for and read; listed expiries are not in it."""
    assert await trading.session.delivery_prices("ETH") == {}


async def test_cancel_all_leaves_nothing(trading):
    """One call ends everything that rests."""
    placed = [trading.place(trading.order(Side.BUY, -(100 + n) * SECOND)) for n in range(3)]
    for order in placed:
        await trading.reaches(order, OrderState.OPEN)
    await trading.session.cancel_all()
    for order in placed:
        await trading.reaches(order, OrderState.CANCELLED)
    assert await trading.session.open_orders() == []


PROTOCOLS = Path(__file__).parents[3] / "shared" / "protocols"
SOCKET_ONLY = {"public/login", "subscribe", "private/set_cancel_on_disconnect"}  # not in the HTTP specification
JSON_TYPES = {str: "string", int: "integer", bool: "boolean"}


def specified_v3():
    """Method → (required parameters, type of each), from the venue's OpenAPI document."""
    spec = json.loads(gzip.decompress((PROTOCOLS / "derive-v3-openapi.json.gz").read_bytes()))
    for path, operations in spec["paths"].items():
        body = operations.get("post", {}).get("requestBody")
        if body:
            name = body["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
            schema = spec["components"]["schemas"][name]
            types = {key: json.dumps(value) for key, value in schema.get("properties", {}).items()}
            yield path[1:], (set(schema.get("required", [])), types)


def specified_v2():
    """The same from the tables of the v2 reference: ``  P *name: type {choices}`` below ``## private-method``."""
    method, required, types = "", set(), {}
    for line in [*(PROTOCOLS / "derive-v2-fields.txt").read_text().splitlines(), "## end"]:
        if line.startswith("## "):
            yield method, (required, types)
            method = line.split()[1].replace("-", "/", 1).replace("-", "_")
            required, types = set(), {}
        elif match := re.fullmatch(r"  P (\*?)([a-z_]+): (.*)", line):
            types[match[2]] = f'"{match[3]}"'.replace("string", '"string"').replace("integer", '"integer"')
            types[match[2]] = types[match[2]].replace("boolean", '"boolean"')
            required |= {match[2]} if match[1] else set()


@pytest.mark.skipif(not PROTOCOLS.exists(), reason="the venue's specifications are not part of the repository")
async def test_every_request_is_what_the_venue_specifies(trading):
    """Every parameter that the venue requires is there, none is unknown to it, and each has the specified type."""
    resting = trading.place(trading.order(Side.BUY, -100 * SECOND))
    await trading.reaches(resting, OrderState.OPEN)
    moved = trading.replace(resting, trading.order(Side.BUY, -101 * SECOND))
    await trading.reaches(moved, OrderState.OPEN)
    trading.cancel(moved)
    await trading.reaches(moved, OrderState.CANCELLED)
    trading.cancel(moved)
    overtaken = trading.place(trading.order(Side.BUY, -100 * SECOND))
    trading.cancel(overtaken)
    await trading.session.resolve(overtaken)
    await trading.session.fills_since(0)
    await trading.session.positions()
    await trading.session.cancel_all()
    await trading.session.cancel_all(PERPETUAL)
    await trading.session.protect(Protection(underlying="ETH", window_ms=5000, frozen_ms=0))
    await trading.session.reset_protection("ETH")
    specified = dict(specified_v3() if trading.version == "v3" else specified_v2())
    checked = set()
    for request in trading.wire.sent:
        method, params = request["method"], request["params"]
        if method in SOCKET_ONLY or method not in specified:
            continue
        required, types = specified[method]
        assert required <= params.keys(), method
        for name, value in params.items():
            assert name in types, f"{method} {name}"
            assert f'"{JSON_TYPES[type(value)]}"' in types[name] or "$ref" in types[name], f"{method} {name}"
        checked.add(method)
    assert {
        "private/order",
        "private/replace",
        "private/cancel",
        "private/cancel_by_nonce",
        "private/cancel_by_label",
        "private/cancel_by_instrument",
        "private/cancel_all",
        "private/get_account",
        "private/set_mmp_config",
        "private/get_mmp_config",
        "private/reset_mmp",
    } <= checked


# --- cut off, and back


async def test_a_private_subscription_that_is_never_confirmed_keeps_the_session_shut(trading, monkeypatch):
    """After a loss no order may leave before the channel of our orders is confirmed; each try asks for it anew."""
    monkeypatch.setattr(rpc, "ANSWER_WITHIN_NS", SECOND // 2)

    def is_private(request):
        return request.get("method") == "subscribe" and f"{SUBACCOUNT}.orders" in request["params"]["channels"]

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


async def test_a_cut_connection_darkens_books_cancels_orders_and_comes_back(trading):
    """The venue cancels what rested, every book is dark at once, and after the return the same books live again."""
    session, book = trading.session, trading.session.book(PERPETUAL)
    order = trading.place(trading.order(Side.BUY, -100 * SECOND))
    await trading.reaches(order, OrderState.OPEN)
    trading.wire.cut()
    await trading.told.until(lambda: trading.told.count(Lost))
    assert book.dark
    assert session.mark(PERPETUAL) is None
    assert not session.is_open
    late = trading.place(msgspec.structs.replace(order, client_id="test.flow.late"))
    await trading.reaches(late, OrderState.REFUSED)
    await trading.back()
    assert await session.open_orders() == []
    assert session.book(PERPETUAL) is book
    assert not book.dark
    await session.resolve(order)
    assert trading.state_of(order) is OrderState.CANCELLED
    again = trading.place(trading.order(Side.BUY, -100 * SECOND))
    await trading.reaches(again, OrderState.OPEN)


async def test_a_connection_lost_before_its_channels_spoke_was_never_open(trading):
    """Cut off again while the first messages are awaited: no word of being back until we are, and at once then."""
    wire, subscriptions = trading.wire, len(trading.wire.requests("subscribe"))
    wire.to_client = lambda text: None if b'"channel":"ticker' in text else text
    wire.cut()
    await eventually(lambda: len(wire.requests("subscribe")) == 2 * subscriptions)
    await trading.session.account()  # answered behind the last subscription: now only channels are awaited
    wire.to_client = lambda text: text
    wire.cut()
    await trading.back()
    assert await trading.session.open_orders() == []
    assert not trading.session.book(PERPETUAL).dark
    assert trading.told.count(Lost) == 1


async def test_stopping_leaves_nothing_behind(trading):
    """A stop with an order resting leaves it to cancel on disconnect: the next session finds nothing."""
    order = trading.place(trading.order(Side.BUY, -100 * SECOND))
    await trading.reaches(order, OrderState.OPEN)
    await trading.session.stop()
    await asyncio.wait_for(trading.session.wait(), PATIENCE_S)
    following = trading.make_session()
    await following.start()
    assert await following.open_orders() == []
    await following.stop()


async def test_an_order_whose_answer_was_lost_is_found_filled(trading):
    """The order arrived and filled, the answer did not: unknown, until the venue has been asked."""

    def hold_answers(text):
        return text if b"orderbook" in text or b"ticker" in text else None

    trading.wire.to_client = hold_answers
    order = trading.place(trading.order(Side.SELL, 5 * SECOND, time_in_force=TimeInForce.IOC))
    await asyncio.sleep(0.1)
    assert trading.state_of(order) is OrderState.SENT
    trading.wire.cut()
    await trading.reaches(order, OrderState.UNKNOWN)
    trading.wire.to_client = lambda text: text
    await trading.back()
    await trading.session.resolve(order)
    assert trading.state_of(order) is OrderState.FILLED
    [fill] = await trading.session.fills_since(order.now_ns // 10**6 - 1)
    assert (fill.client_id, fill.amount_nanos) == (order.client_id, order.amount_nanos)


async def test_an_order_that_never_arrived_ends_refused_and_its_nonce_is_burned(trading, monkeypatch):
    """The order was lost on its way: unknown, then refused, and the same signed order can never come true later."""
    monkeypatch.setattr(orders, "FIRST_PAUSE_S", 0.01)
    lost = []

    def lose_orders(text):
        if b"private/order" in text and b"history" not in text:
            lost.append(text)
            return None
        return text

    trading.wire.to_venue = lose_orders
    order = trading.place(trading.order(Side.BUY, -100 * SECOND))
    await asyncio.sleep(0.05)
    trading.wire.cut()
    await trading.reaches(order, OrderState.UNKNOWN)
    trading.wire.to_venue = lambda text: text
    await trading.back()
    await trading.session.resolve(order)
    assert trading.state_of(order) is OrderState.REFUSED
    answered = asyncio.Event()

    def watch(text):
        if b"11017" in text:
            answered.set()
        return text

    trading.wire.to_client = watch
    trading.wire.ends[-1].forward(lost[0])
    async with asyncio.timeout(PATIENCE_S):
        await answered.wait()
    assert await trading.session.open_orders() == []


async def test_silence_is_unknown_and_the_late_answer_is_the_truth(trading, monkeypatch):
    """Without an answer in time the order is unknown; when the answer comes after all, it is open; sent once."""
    held = []

    def hold_private_words(text):
        if b"orderbook" in text or b"ticker" in text:
            return text
        held.append(text)
        return None

    monkeypatch.setattr(rpc, "ANSWER_WITHIN_NS", SECOND // 10)
    trading.wire.to_client = hold_private_words
    order = trading.place(trading.order(Side.BUY, -100 * SECOND))
    await trading.reaches(order, OrderState.UNKNOWN)
    trading.wire.to_client = lambda text: text
    for text in held:
        trading.wire.tell_client(text)
    await trading.reaches(order, OrderState.OPEN)
    assert len(trading.wire.requests("private/order")) == 1


async def test_a_private_message_that_cannot_be_read_starts_over(trading):
    """Not knowing our own orders is worse than a reconnect: the session drops the connection and comes back."""
    trading.wire.tell_client({"method": "subscription", "params": {"channel": f"{SUBACCOUNT}.orders", "data": [{}]}})
    await trading.back()
    assert trading.session.line.bad_frames["bad_frame"] == 1
    assert trading.session.is_open


NONSENSE = {
    b"\n": "not_json",
    b"[]": "unknown_kind",
    b'{"id":999999,"result":1}': None,  # an answer to nothing is not even bad
    b'{"id":null,"error":{"code":-32700,"message":"Parse error"}}': "unaddressed",
    b'{"method":"subscription","params":{"channel":"spot_feed.DOGE","data":{}}}': "unknown_channel",
    b'{"method":"subscription","params":{"channel":"ticker_slim.ETH-PERP.1000","data":{}}}': "bad_frame",
}


async def test_nonsense_is_counted_and_survived(trading):
    """What nobody asked for, or nobody can read, is counted under its reason and changes nothing."""
    for frame in NONSENSE:
        trading.wire.tell_client(frame)
    order = trading.place(trading.order(Side.BUY, -100 * SECOND))
    await trading.reaches(order, OrderState.OPEN)
    assert dict(trading.session.line.bad_frames) == {reason: 1 for reason in NONSENSE.values() if reason}
    assert trading.told.count(Lost) == 0


async def test_a_message_beyond_the_limit_ends_the_connection_and_the_session_returns(trading):
    """Twenty MiB in one message is not read; the connection is dropped with its reason, and made again."""
    trading.wire.tell_client(b'{"x":"' + b"y" * (20 * 2**20) + b'"}')
    await trading.back()
    [lost] = [event for event in trading.told.events if isinstance(event, Lost)]
    assert lost.reason == "oversized"


async def test_what_the_listener_raises_ends_the_session(floor):
    """When the owner of the session cannot take an event (a full disk), the session ends and says so."""

    def broken(event):
        if isinstance(event, OrderUpdate):
            raise OSError("no space left on device")

    session = floor.make_session(emit=broken)
    await session.start()
    floor.session = session
    floor.told.table.apply(order := floor.order(Side.BUY, -100 * SECOND))
    session.place(order, time.time_ns())
    with pytest.raises(OSError, match="no space left"):
        async with asyncio.timeout(PATIENCE_S):
            await session.wait()
    with contextlib.suppress(Disconnected):
        assert not session.is_open
