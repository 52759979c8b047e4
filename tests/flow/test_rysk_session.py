"""A maker's session at practice Rysk over real sockets: heard, answered, outbid, won, cut off and back."""

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from random import Random

import aiohttp
import msgspec
import pytest
from aiohttp import web
from flow.running import PATIENCE_S

from atomizer.app.quote_terms import verify_fill
from atomizer.domain.instruments import Contract, OptionType
from atomizer.domain.reasons import Reason
from atomizer.domain.trading import Fill, QuoteAnswered, QuoteOutcome, QuoteSent, Side
from atomizer.errors import BadFrame, ConfigError, Disconnected, Refused
from atomizer.net.backoff import Backoff
from atomizer.sim.market import Market, RfqArrival, Rival
from atomizer.sim.rysk.accounts import PRACTICE_MAKER
from atomizer.sim.rysk.server import RyskServer
from atomizer.sim.rysk.venue import RyskVenue
from atomizer.sim.rysk.verify import warm_up
from atomizer.venues.rysk.assets import map_assets, parse_assets
from atomizer.venues.rysk.auth import MakerKey, NonceClock
from atomizer.venues.rysk.codec import RyskRequest
from atomizer.venues.rysk.session import RyskSession
from atomizer.venues.rysk.taker import PriceRequest, RyskTaker
from atomizer.venues.rysk.transfers import Transfer

KEY = bytes.fromhex("4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318")  # a public test key
CHAIN = 84532
WETH = "0xb67bfa7b488df4f2efa874f4e59242e9130ae61f"
USDC = "0x98d56648c9b7f3cb49531f4135115b5000ab1733"
EXPIRY_S = 4_000_000_000
SECOND = 10**9
RIVAL_MS = 700  # of the two seconds of an auction: we must be first, and have time to improve
ASSETS = (
    '{"84532":[{"symbol":"WETH","address":"' + WETH + '","chainId":84532,"underlying":"ETH","decimals":18,'
    '"active":true,"minTradeSize":"1","maxTradeSize":"9"}]}'
).encode()
RFQ = (
    '{"id":"good-1","result":{"asset":"' + WETH + '","chainId":84532,"expiry":EXPIRY,"isPut":false,'
    '"quantity":"1000000000000000000","strike":"260000000000"}}'
)


class Heard:
    """What a session told, in order."""

    def __init__(self):
        self.events = asyncio.Queue()
        self.maker_opened = 0

    def on_maker_open(self):
        self.maker_opened += 1

    def on_rfq_frame(self, *_):
        return False

    on_request = on_settled = on_answer = on_fill = on_bad_frame = lambda self, event: self.events.put_nowait(event)

    async def next(self, kind):
        async with asyncio.timeout(PATIENCE_S):
            event = await self.events.get()
        assert isinstance(event, kind), event
        return event


class Floor:
    """The venue, a session at it, and what that session heard."""

    def __init__(self, server, url, assets):
        self.server, self.url, self.assets = server, url, assets
        self.heard = Heard()
        self.nonces = NonceClock()
        self.session = self.make_session()

    def make_session(self, rfq_assets=(WETH,)):
        return RyskSession(
            self.url,
            rfq_assets,
            assets=self.assets,
            key=MakerKey(KEY, PRACTICE_MAKER),
            events=self.heard,
            clock_ns=time.time_ns,
            random=Random(1),  # noqa: S311  spreads reconnects
        )

    def ask(self, **changes):
        rfq = RfqArrival(
            now_ns=time.time_ns(),
            rfq_id="7b1b1a2e-0000-4000-8000-000000000001",
            chain_id=CHAIN,
            asset=WETH,
            symbol="WETH",
            underlying="ETH",
            expiry_s=EXPIRY_S,
            strike=Decimal(2600),
            is_put=False,
            quantity=Decimal("1.5"),
            is_taker_buy=False,
            taker="0x2000000000000000000000000000000000000002",
            usd=USDC,
            collateral=WETH,
            rivals=(),
            reserve=Decimal("0.0001"),
        )
        self.server.on_market([replace(rfq, **changes)])

    def quote(self, request, price_nanos):
        now_ns = time.time_ns()
        quote = QuoteSent(
            now_ns=now_ns,
            source="rysk",
            rfq_id=request.rfq.rfq_id,
            nonce=self.nonces.next(now_ns),
            instrument=request.rfq.contract.name,
            side=request.rfq.side,
            price_nanos=price_nanos,
            quantity_nanos=request.rfq.quantity_nanos,
            valid_until_s=now_ns // SECOND + 30,
            fair_nanos=price_nanos,
        )
        self.session.send_quote(request, quote)
        return quote


@asynccontextmanager
async def serving():
    warm_up()
    start_ns = time.time_ns()
    server = RyskServer(RyskVenue(Market(7, start_ns), start_ns))
    port = await server.start(0)
    try:
        async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/api/assets") as answer:
            assets = map_assets(parse_assets(await answer.read()), CHAIN)
        yield Floor(server, f"ws://127.0.0.1:{port}", assets)
    finally:
        await server.stop()


@asynccontextmanager
async def making():
    async with serving() as floor:
        await floor.session.start()
        try:
            yield floor
        finally:
            await floor.session.stop()


async def reach(condition):
    """Wait for a state of a session, which tells nobody when it changes."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110  a session has no event for this
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("asked", "side"),
    [
        ({}, Side.BUY),
        ({"is_put": True, "collateral": USDC}, Side.BUY),
        ({"is_taker_buy": True, "reserve": Decimal(999)}, Side.SELL),
    ],
)
async def test_rfq_is_quoted_won_and_booked(asked, side):
    """A request is heard, our signature is accepted as best, and the trade is the quote that we signed."""
    async with making() as floor:
        floor.ask(**asked)
        request = await floor.heard.next(RyskRequest)
        assert request.rfq.side is side
        quote = floor.quote(request, 12_345_678_901)
        best = await floor.heard.next(QuoteAnswered)
        assert (best.rfq_id, best.outcome) == (request.rfq.rfq_id, QuoteOutcome.BEST)
        fill = await floor.heard.next(Fill)
        verify_fill(fill, quote)
        assert (fill.side, fill.fee_e18) == (side, 0)
        assert len(floor.server.venue.trades) == 1


async def test_outbid_quote_is_improved_and_wins():
    """A rival's better price arrives as an outbid notice, and a second quote under a new nonce takes the auction."""
    async with making() as floor:
        floor.ask(rivals=(Rival("rival-1", RIVAL_MS, Decimal(13), Decimal(13), 100),))
        request = await floor.heard.next(RyskRequest)
        floor.quote(request, 12 * SECOND)
        assert (await floor.heard.next(QuoteAnswered)).outcome is QuoteOutcome.BEST
        outbid = await floor.heard.next(QuoteAnswered)
        assert (outbid.outcome, outbid.best_nanos) == (QuoteOutcome.OUTBID, 13 * SECOND)
        second = floor.quote(request, 13_100_000_000)
        assert (await floor.heard.next(QuoteAnswered)).outcome is QuoteOutcome.BEST
        verify_fill(await floor.heard.next(Fill), second)


async def test_refusal_names_the_quote_and_the_cause():
    """A quote that the venue will not have comes back as refused, with the venue's code and words."""
    async with making() as floor:
        floor.ask()
        request = await floor.heard.next(RyskRequest)
        floor.nonces = NonceClock(time.time_ns() // 1000 + 10**9)
        floor.quote(request, SECOND)
        await floor.heard.next(QuoteAnswered)
        floor.nonces._last -= 1  # the same nonce once more, as a lost journal would have it
        floor.quote(request, 2 * SECOND)
        refused = await floor.heard.next(QuoteAnswered)
        assert (refused.rfq_id, refused.outcome) == (request.rfq.rfq_id, QuoteOutcome.REFUSED)
        assert "-32003" in refused.detail


async def test_session_comes_back_after_a_cut():
    """Sockets that are cut are opened again, and the next RFQ is answered as before."""
    async with making() as floor:
        assert floor.session.is_open
        assert floor.server.drop_connections() == 2
        await reach(lambda: not floor.session.is_open)
        await reach(lambda: floor.session.is_open)
        floor.ask()
        floor.quote(await floor.heard.next(RyskRequest), SECOND)
        assert (await floor.heard.next(QuoteAnswered)).outcome is QuoteOutcome.BEST


async def test_the_account_is_what_was_traded():
    """What the venue holds for us is the trade, to the last digit, and the balance is less by its premium."""
    async with making() as floor:
        assert (await floor.session.positions(), floor.heard.maker_opened) == ([], 1)
        before = await floor.session.balances()
        floor.ask()
        request = await floor.heard.next(RyskRequest)
        quote = floor.quote(request, 12_345_678_901)
        await floor.heard.next(QuoteAnswered)
        await floor.heard.next(Fill)
        (held,) = await floor.session.positions()
        assert held.contract == request.rfq.contract
        assert held.balance_e18 == quote.quantity_nanos * 10**9
        assert held.premium_e18 == quote.quantity_nanos * quote.price_nanos
        paid_units = -(-held.premium_e18 // 10**12)  # the practice dollar has six decimals
        assert await floor.session.balances() == before | {USDC: before[USDC] - paid_units}


async def test_a_cut_ends_the_questions_and_is_told():
    """Whoever waits for an answer when the socket is cut is told so, and the listener hears of the new socket."""
    async with making() as floor:
        asked = asyncio.gather(floor.session.positions(), floor.session.balances(), return_exceptions=True)
        await asyncio.sleep(0)  # let them be sent
        floor.server.drop_connections()
        assert [type(each) for each in await asked] == [Disconnected, Disconnected]
        await reach(lambda: floor.heard.maker_opened == 2)
        assert await floor.session.positions() == []


async def test_quote_without_a_connection_is_not_sent():
    """Once stopped, a quote is refused as not connected, so that nobody waits for its answer."""
    async with making() as floor:
        floor.ask()
        request = await floor.heard.next(RyskRequest)
        await floor.session.stop()
        assert not floor.session.is_open
        with pytest.raises(Disconnected, match="nothing was sent"):
            floor.quote(request, SECOND)


async def test_asset_without_a_symbol_is_heard_and_refused():
    """An RFQ on an asset that nobody mapped is counted as such."""
    async with serving() as floor:
        btc = "0x0cb970511c6c3491dc36f1b7774743da3fc4335f"
        floor.assets = map_assets([], CHAIN)
        session = floor.make_session([btc.upper().replace("X", "x")])
        await session.start()
        try:
            floor.ask(asset=btc, symbol="WBTC", underlying="BTC")
            assert (await floor.heard.next(Exception)).reason is Reason.UNMAPPED_ASSET
        finally:
            await session.stop()


@asynccontextmanager
async def hostile(first, then):
    """A server that says `first` to the first listener for RFQs and `then` to the next."""
    turns = iter([first, then])

    async def serve(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if request.path.startswith("/rfqs/"):
            for text in next(turns):
                await socket.send_str(text)
        await socket.receive()
        return socket

    application = web.Application()
    application.add_routes([web.get("/{path:.+}", serve)])
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"ws://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_nonsense_is_counted_and_outlived(caplog):
    """Garbage, NaN, unknown kinds and a frame of 20 MiB are refusals by name; the RFQ after them is heard.

    It is of an old deployment, without usd and collateralAsset, which is told in words.
    """
    good = RFQ.replace("EXPIRY", str(EXPIRY_S))
    first = [
        "{",
        "\n",
        '{"id":"x","result":{"quantity":NaN}}',
        '{"hello":1}',
        RFQ.replace("EXPIRY", "1"),
        "9" * (20 << 20),
    ]
    async with hostile(first, ["", good]) as url:
        floor = Floor(None, url, map_assets(parse_assets(ASSETS), CHAIN))
        await floor.session.start()
        try:
            reasons = [(await floor.heard.next(BadFrame)).reason for _ in range(4)]
            assert reasons == [Reason.MALFORMED, Reason.MALFORMED, Reason.UNKNOWN_KIND, Reason.EXPIRED]
            assert (await floor.heard.next(RyskRequest)).rfq.rfq_id == "good-1"
            assert caplog.text.count("April to August 2025") == 1
        finally:
            await floor.session.stop()


async def test_start_fails_where_nobody_listens():
    """A venue that is not there fails the start, and nothing is left running."""
    async with serving() as floor:
        pass
    with pytest.raises(Disconnected):
        await floor.session.start()
    assert not floor.session.is_open


@pytest.mark.parametrize("rfq_assets", [[], ["WETH"], ["0x12"]])
async def test_assets_that_cannot_be_meant_are_refused(rfq_assets):
    """No asset, or one that is no address, is a configuration error."""
    async with serving() as floor:
        with pytest.raises(ConfigError, match="RFQ asset"):
            floor.make_session(rfq_assets)


async def test_deposits_and_withdrawals_move_the_balance():
    """Accepted ones show in the balances; more than there is, and a nonce used before, are refused in words."""
    async with making() as floor:
        before = (await floor.session.balances())[USDC]
        nonces = NonceClock()

        def transfer(amount, *, is_deposit, nonce=None):
            used = nonce or nonces.next(time.time_ns())
            return Transfer(asset=USDC, chain_id=CHAIN, amount=amount, is_deposit=is_deposit, nonce=used)

        await floor.session.transfer(transfer(5_000_000, is_deposit=True))
        assert (await floor.session.balances())[USDC] == before + 5_000_000
        out = transfer(2_000_000, is_deposit=False)
        await floor.session.transfer(out)
        assert (await floor.session.balances())[USDC] == before + 3_000_000
        with pytest.raises(Refused, match="insufficient"):
            await floor.session.transfer(transfer(before * 2, is_deposit=False))
        with pytest.raises(Refused, match="Internal Error"):
            await floor.session.transfer(out)
        assert (await floor.session.balances())[USDC] == before + 3_000_000


async def test_a_taker_sees_the_inventory_and_gets_prices():
    """Several requests at once, each its makers' best; what nobody can price is refused in words."""
    async with making() as floor:
        taker = RyskTaker(floor.url, Backoff(Random(1)))  # noqa: S311  spreads reconnects
        await taker.start()
        try:
            offered = [row for row in await taker.inventory() if row.symbol == "WETH" and not row.is_put]
            assert offered
            assert all(row.bid_usd > 0 for row in offered)
            requests = [
                PriceRequest(
                    asset=WETH,
                    symbol="WETH",
                    chain_id=CHAIN,
                    contract=Contract("ETH", row.expiry_s, int(row.strike * SECOND), OptionType.CALL),
                    quantity_nanos=SECOND,
                    taker="0x" + "ab" * 20,
                )
                for row in offered[:3]
            ]
            prices = await taker.prices(requests)
            assert all(price.price_nanos > 0 for price in prices)
            odd = msgspec.structs.replace(requests[0], chain_id=1)
            with pytest.raises(Refused):
                await taker.price(odd)
        finally:
            await taker.stop()
