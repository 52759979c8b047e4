"""Practice Deribit over real sockets and HTTP, as an independent client meets it."""

import asyncio
import json
import time
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
from deribit_trader import ACCOUNTS, PERP, READER_ACCOUNT

from atomizer.sim.deribit import REST_PATH, SOCKET_PATH, Bucket, RateLimits, Venue, serve
from atomizer.sim.market import STEP_NS, Market

AUTH = {"grant_type": "client_credentials", "client_id": "AMANDA", "client_secret": "AMANDASECRECT"}


class Client:
    """Just enough of a client: numbers its requests, keeps the notifications apart."""

    def __init__(self, socket):
        self.socket, self.notes, self.count = socket, [], 0

    async def send(self, method, **params):
        self.count += 1
        await self.socket.send_json({"jsonrpc": "2.0", "id": self.count, "method": method, "params": params})
        while True:
            frame = await self.socket.receive_json(timeout=5)
            if "id" in frame:
                assert frame["id"] == self.count
                return frame
            self.notes.append(frame["params"])

    async def ok(self, method, **params):
        answer = await self.send(method, **params)
        assert "result" in answer, answer
        return answer["result"]

    async def heard(self, channel):
        """The next notification of a channel."""
        while True:
            for note in self.notes:
                if note["channel"] == channel:
                    self.notes.remove(note)
                    return note["data"]
            self.notes.append((await self.socket.receive_json(timeout=5))["params"])


class Exchange:
    """A served venue, its market moving in real time."""

    def __init__(self, port, session):
        self.session, self.url = session, f"http://127.0.0.1:{port}"

    @asynccontextmanager
    async def socket(self, auth=AUTH):
        async with self.session.ws_connect(self.url + SOCKET_PATH) as socket:
            client = Client(socket)
            if auth:
                await client.ok("public/auth", **auth)
            yield client

    async def get(self, method, **options):
        async with self.session.get(f"{self.url}{REST_PATH}/{method}", **options) as answer:
            return answer.status, await answer.json()

    async def ledger(self):
        async with self.session.get(self.url + "/practice/ledger") as answer:
            return (await answer.json())["accounts"][0]


@asynccontextmanager
async def served(**options):
    market = Market(5, time.time_ns() // STEP_NS * STEP_NS)
    venue = Venue(market, ACCOUNTS, **options)
    runner, port = await serve(venue, "127.0.0.1", 0)

    async def play():
        while True:
            now_ns = time.time_ns()
            venue.on_market(market.advance(now_ns), now_ns)
            venue.publish(now_ns)
            await asyncio.sleep(0.1)

    playing = asyncio.create_task(play())
    try:
        async with aiohttp.ClientSession() as session:
            yield Exchange(port, session)
    finally:
        playing.cancel()
        with suppress(asyncio.CancelledError):
            await playing
        await runner.cleanup()


async def test_a_trade_is_the_same_everywhere():
    """Order, channel, REST history and ledger tell of one trade, on a market that moves."""
    async with served() as exchange, exchange.socket() as client:
        channels = [f"book.{PERP}.raw", f"ticker.{PERP}.100ms"]
        assert await client.ok("public/subscribe", channels=channels) == channels
        assert (await client.heard(f"book.{PERP}.raw"))["type"] == "snapshot"
        ticker = await client.heard(f"ticker.{PERP}.100ms")
        await client.ok("private/subscribe", channels=["user.changes.any.any.raw", "user.portfolio.eth"])
        answer = await client.ok(
            "private/buy", instrument_name=PERP, amount=1000, price=ticker["max_price"], label="once"
        )
        changes = await client.heard("user.changes.any.any.raw")
        assert changes["trades"] == answer["trades"]
        assert sum(trade["amount"] for trade in answer["trades"]) == 1000
        basic = {"Authorization": "Basic QU1BTkRBOkFNQU5EQVNFQ1JFQ1Q="}  # AMANDA:AMANDASECRECT
        params = {"instrument_name": PERP, "sorting": "asc"}
        status, history = await exchange.get("private/get_user_trades_by_instrument", params=params, headers=basic)
        assert (status, history["result"]["trades"]) == (200, answer["trades"])
        ledger = await exchange.ledger()
        assert ledger["trades"] == len(answer["trades"])
        assert ledger["positions"][0]["size"] == 1000
        balance = (await client.heard("user.portfolio.eth"))["balance"]
        assert balance == pytest.approx(float(ledger["cash"]["ETH"]), abs=0.01)


async def test_lost_socket_takes_its_orders_along():
    """A socket that breaks without a word loses its orders where it asked for that."""
    async with served() as exchange, exchange.socket() as watcher:
        await watcher.ok("private/subscribe", channels=["user.orders.any.any.raw"])
        async with exchange.socket() as client:
            await client.ok("private/enable_cancel_on_disconnect")
            await client.ok("private/buy", instrument_name=PERP, amount=1000, price=1000)
            client.socket._writer.transport.abort()  # as a broken network would
        states = [(await watcher.heard("user.orders.any.any.raw"))["order_state"] for _ in range(2)]
        assert states == ["open", "cancelled"]


async def test_too_many_requests_end_the_session():
    """After 10028 the venue closes the socket."""
    async with (
        served(limits=RateLimits(non_matching=Bucket(1, 3, 1))) as exchange,
        exchange.socket({**AUTH, "client_id": "reader", "client_secret": READER_ACCOUNT.keys[0].secret}) as client,
    ):
        codes = [(await client.send("public/get_time")).get("error", {}).get("code") for _ in range(4)]
        assert codes == [None, None, None, 10028]
        assert (await client.socket.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE


async def test_one_connection_too_many_is_429():
    """The address's limit is told with the HTTP status."""
    async with served(limits=RateLimits(connections=1)) as exchange, exchange.socket():
        with pytest.raises(aiohttp.WSServerHandshakeError, match="429"):
            async with exchange.socket():
                pass


async def test_http_and_errors():
    """Errors come as HTTP 400 with the JSON-RPC body; a plain GET on the socket's path is no page."""
    async with served() as exchange:
        status, answer = await exchange.get("public/ticker", params={"instrument_name": "NOPE"})
        assert (status, answer["error"]["code"], answer["testnet"]) == (400, -32602, True)
        body = {"jsonrpc": "2.0", "id": 1, "method": "public/get_time", "params": {}}
        async with exchange.session.post(exchange.url + REST_PATH, data=json.dumps(body)) as response:
            assert (await response.json())["id"] == 1
        async with exchange.session.get(exchange.url + SOCKET_PATH) as response:
            assert response.status == 404


async def test_frozen_market_stands_still():
    """While frozen nothing happens in the market; orders are still taken."""
    async with served() as exchange, exchange.socket() as client:
        async with exchange.session.post(exchange.url + "/practice/freeze", json={"frozen": True}) as response:
            assert await response.json() == {"frozen": True}
        await client.ok("public/subscribe", channels=[f"book.{PERP}.raw"])
        await client.heard(f"book.{PERP}.raw")
        await client.ok("private/buy", instrument_name=PERP, amount=1000, price=1000)
        change = await client.heard(f"book.{PERP}.raw")
        assert change["bids"] == [["new", 1000, 1000]]
        async with exchange.session.post(exchange.url + "/practice/freeze", json={}) as response:
            assert response.status == 400
