"""Practice Derive over real sockets and HTTP, as an independent client meets it: signed by derive-action-signing."""

import asyncio
import io
import json
import time
import warnings
from contextlib import asynccontextmanager, suppress
from decimal import Decimal

import aiohttp
import pytest
from derive_trader import ACCOUNTS, KEY, MS, OTHER_KEY, OTHER_WALLET, PERP, SECOND, login_params
from eth_account import Account as EthAccount

from atomizer.sim.derive import PRACTICE_ACCOUNT, V2, V3, RateLimits, Venue, serve
from atomizer.sim.derive.verify import action_typehash, domain_separator
from atomizer.sim.market import STEP_NS, Market

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # its web3 still imports the old websockets
    from derive_action_signing import SignedAction, TradeModuleData

BOTH = pytest.mark.parametrize("dialect", [V2, V3], ids=["v2", "v3"])


class Exchange:
    """A served venue, its market moving in real time."""

    def __init__(self, venue, market, port, session):
        self.venue, self.market, self.session = venue, market, session
        self.url = f"http://127.0.0.1:{port}"

    @asynccontextmanager
    async def socket(self, dialect, account=PRACTICE_ACCOUNT, key=KEY):
        """A logged-in client."""
        async with self.session.ws_connect(self.url + dialect.websocket_path) as socket:
            client = Client(socket, dialect, account.wallet, key)
            assert account.subaccount_id in await client.ok("public/login", **client.login())
            yield client

    async def post(self, path, params, headers=None):
        async with self.session.post(self.url + path, json=params, headers=headers) as answer:
            return answer.status, await answer.json()

    async def ledger(self):
        async with self.session.get(self.url + "/practice/ledger") as answer:
            return await answer.json()


class Client:
    """Just enough of a client: numbers its requests, keeps the notifications apart."""

    def __init__(self, socket, dialect, wallet, key):
        self.socket, self.dialect, self.wallet, self.key = socket, dialect, wallet, key
        self.notes = asyncio.Queue()
        self.count = 0

    def login(self):
        return login_params(self.wallet, self.key, time.time_ns() // MS)

    async def send(self, method, params):
        self.count += 1
        await self.socket.send_json({"id": self.count, "method": method, "params": params})
        while True:
            frame = await self.socket.receive_json(timeout=5)
            if "id" in frame:
                assert frame["id"] == self.count
                return frame
            await self.notes.put(frame["params"])

    async def ok(self, method, **params):
        answer = await self.send(method, params)
        assert "result" in answer, answer
        return answer["result"]

    async def heard(self, channel):
        """The next notification of a channel."""
        while True:
            if self.notes.empty():
                await self.notes.put((await self.socket.receive_json(timeout=5))["params"])
            note = await self.notes.get()
            if note["channel"] == channel:
                return note["data"]

    async def order(self, direction, amount, price, name=PERP, **extra):
        """Signed by the venue's own package for Python, sent as it makes it."""
        record = await self.ok("public/get_instrument", instrument_name=name)
        network, now_ns = self.dialect.network, time.time_ns()
        action = SignedAction(
            subaccount_id=30769 if self.wallet == PRACTICE_ACCOUNT.wallet else 30770,
            owner=self.wallet,
            signer=EthAccount.from_key(self.key).address,
            signature_expiry_sec=now_ns // SECOND + 600,
            nonce=now_ns if self.dialect is V3 else now_ns // MS * 1000 + self.count % 1000,
            module_address=network.trade_module,
            module_data=TradeModuleData(
                asset_address=record["base_asset_address"],
                sub_id=int(record["base_asset_sub_id"]),
                limit_price=Decimal(price),
                amount=Decimal(amount),
                max_fee=Decimal(1000),
                recipient_id=30769 if self.wallet == PRACTICE_ACCOUNT.wallet else 30770,
                is_bid=direction == "buy",
            ),
            DOMAIN_SEPARATOR="0x" + domain_separator(network).hex(),
            ACTION_TYPEHASH="0x" + action_typehash().hex(),
        )
        action.sign(self.key)
        params = action.to_json() | {"instrument_name": name, "direction": direction} | extra
        params["signature"] = "0x" + params["signature"].removeprefix("0x")
        if self.dialect is V3:
            params["nonce"] = str(params["nonce"])
        return await self.ok("private/order", **params)


@asynccontextmanager
async def exchange(*, moves=True, **options):
    """Served on a free port; a market that does not move leaves the books to the test."""
    market = Market(7, time.time_ns())
    venue = Venue(market, ACCOUNTS, **options)
    runner, port = await serve(venue, "127.0.0.1", 0)

    async def play():
        while moves:
            now_ns = time.time_ns()
            if not venue.frozen:
                venue.on_market(market.advance(now_ns), now_ns)
            venue.publish(now_ns)
            await asyncio.sleep(STEP_NS / SECOND)

    player = asyncio.create_task(play())
    async with aiohttp.ClientSession() as session:
        try:
            yield Exchange(venue, market, port, session)
        finally:
            player.cancel()
            await asyncio.gather(player, return_exceptions=True)
            await runner.cleanup()


def headers_of(dialect, wallet=PRACTICE_ACCOUNT.wallet, key=KEY):
    login = login_params(wallet, key, time.time_ns() // MS)
    return {dialect.header_prefix + name.title(): value for name, value in login.items()}


@BOTH
async def test_a_hedge_from_login_to_ledger(dialect):
    """Login, book, order across the spread, fill on all channels, position, cancel-all: the way of a hedge."""
    async with exchange() as place, place.socket(dialect) as client:
        await client.ok("subscribe", channels=["orderbook.ETH-PERP.1.10", "30769.orders", "30769.trades"])
        book = await client.heard("orderbook.ETH-PERP.1.10")
        while not book["asks"]:
            book = await client.heard("orderbook.ETH-PERP.1.10")
        limit = Decimal(book["asks"][0][0]) + 5
        result = await client.order("buy", "0.5", limit, time_in_force="ioc", label="hedge")
        assert result["order"]["order_status"] == "filled"
        trades = await client.heard("30769.trades")
        assert [row["trade_id"] for row in trades] == [row["trade_id"] for row in result["trades"]]
        resting = await client.order("sell", "0.5", limit + 30)
        assert resting["order"]["order_status"] == "open"
        assert await client.ok("private/cancel_all", subaccount_id=30769) == "ok"
        (position,) = (await client.ok("private/get_positions", subaccount_id=30769))["positions"]
        assert position["amount"] == "0.5"
        ledger = await place.ledger()
        (account,) = [row for row in ledger["accounts"] if row["subaccount_id"] == 30769]
        assert account["positions"][0]["average_price_excl_fees"] == position["average_price_excl_fees"]
        assert account["open_orders"] == []


async def test_generations_meet_in_one_engine():
    """A v3 client's order is taken by a v2 client, and each sees it in its own shape."""
    async with (
        exchange(moves=False) as place,
        place.socket(V3) as maker,
        place.socket(V2, ACCOUNTS[1], OTHER_KEY) as taker,
    ):
        await maker.ok("subscribe", channels=["30769.trades"])
        mark = place.market.state(PERP).mark.quantize(Decimal("0.01"))
        offered = await maker.order("sell", "0.5", mark, time_in_force="post_only")
        assert isinstance(offered["order"]["nonce"], str)
        taken = await taker.order("buy", "0.5", mark)
        assert isinstance(taken["order"]["nonce"], int)
        (seen,) = await maker.heard("30769.trades")
        assert (seen["trade_id"], seen["liquidity_role"]) == (taken["trades"][0]["trade_id"], "maker")
        assert {"batch_status", "op_uuid"} <= seen.keys()
        assert {"tx_status", "transaction_id"} <= taken["trades"][0].keys()


@BOTH
async def test_rest_takes_parameters_and_headers(dialect):
    """POST with the parameters as body; private calls carry the three headers, in any case of letters."""
    async with exchange() as place:
        root = dialect.rest_prefix
        status, answer = await place.post(f"{root}/public/get_time", {})
        assert (status, answer["result"] > 0, "id" in answer) == (200, True, True)
        path, body = f"{root}/private/get_open_orders", {"subaccount_id": 30769}
        headers = {name.upper(): value for name, value in headers_of(dialect).items()}
        assert (await place.post(path, body, headers))[1]["result"]["orders"] == []
        status, answer = await place.post(path, body)
        assert (status, answer["error"]["code"]) == (403, 14021)
        status, answer = await place.post(path, body, headers_of(dialect, key=OTHER_KEY))
        assert (status, answer["error"]["code"]) == (403, 14014)
        status, answer = await place.post(path, body, headers_of(dialect, OTHER_WALLET, OTHER_KEY))
        assert (status, answer["error"]["code"]) == (200, 14020)
        for name in ("public/login", "public/nonsense"):
            assert (await place.post(f"{root}/{name}", {}))[1]["error"]["code"] in {-32601, -32602, 14000}
        for raw, code in (("{", -32700), ("[]", -32600), ("", None)):
            async with place.session.post(f"{place.url}{root}/public/get_time", data=raw) as answer:
                assert (await answer.json()).get("error", {}).get("code") == code


async def test_rest_is_limited_by_address():
    """Fifty calls in a window, then HTTP 429 with the same error as a socket's."""
    async with exchange() as place:
        answers = [await place.post("/public/get_time", {}) for _ in range(51)]
        assert [status for status, _ in answers] == [200] * 50 + [429]
        assert answers[-1][1]["error"]["code"] == -32000


async def test_plain_ping_is_answered():
    """The bare text ping gets the bare text pong, before and after login, and a ping frame its pong."""
    async with exchange() as place, place.session.ws_connect(place.url + "/v3/ws", autoping=False) as socket:
        await socket.send_str("ping")
        assert await socket.receive_str(timeout=5) == "pong"
        await socket.ping(b"x")
        assert (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.PONG


async def test_too_many_sockets_are_refused():
    """One socket over the limit is told -32100 and closed; when another leaves there is room again."""
    async with exchange(limits=RateLimits(connections=2)) as place:
        first, _second, third = [await place.session.ws_connect(place.url + "/ws") for _ in range(3)]
        assert (await third.receive_json(timeout=5))["error"]["code"] == -32100
        assert (await third.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE
        await first.close()
        async with place.session.ws_connect(place.url + "/ws") as fourth:
            await fourth.send_str("ping")
            assert await fourth.receive_str(timeout=5) == "pong"


@BOTH
async def test_dropped_connection_cancels_over_the_wire(dialect):
    """A socket that drops without a word takes the wallet's orders with it when the wallet wishes so."""
    async with exchange() as place, place.socket(dialect) as watcher:
        wish = {"enabled": True} if dialect is V3 else {"enabled": True, "wallet": PRACTICE_ACCOUNT.wallet}
        await watcher.ok("private/set_cancel_on_disconnect", **wish)
        await watcher.ok("subscribe", channels=["30769.orders"])
        async with place.socket(dialect) as victim:
            await victim.order("buy", "1", "1000")
            await watcher.heard("30769.orders")
            victim.socket._response.connection.transport.abort()
            (order,) = await watcher.heard("30769.orders")
            assert (order["order_status"], order["cancel_reason"]) == ("cancelled", "cancel_on_disconnect")


async def test_twenty_mebibytes_close_one_socket_only():
    """A frame far too large closes its own socket with 1009; everybody else trades on."""
    async with exchange() as place, place.socket(V2) as other:
        async with place.session.ws_connect(place.url + "/ws") as socket:
            with suppress(ConnectionError, aiohttp.ClientError):  # it may be closed while we still send
                await socket.send_str("[" * (20 * 1024 * 1024))
            while not socket.closed:
                await socket.receive(timeout=5)
            assert socket.close_code in {1006, 1009}
        with suppress(ConnectionError, aiohttp.ClientError):
            async with place.session.post(
                place.url + "/public/get_time", data=io.BytesIO(b"[" * (20 * 1024 * 1024))
            ) as answer:
                assert answer.status == 413
        assert await other.ok("public/get_time") > 0


async def test_freeze_holds_two_readings_together():
    """Frozen, the ledger stays the same for as long as it is looked at; thawed, the market goes on."""
    async with exchange() as place, place.socket(V2) as client:
        await asyncio.sleep(0.2)
        await client.order("buy", "0.5", place.market.state(PERP).mark.quantize(Decimal(1)) + 20)
        async with place.session.post(place.url + "/practice/freeze", json={"frozen": True}) as answer:
            assert answer.status == 200
        first = await place.ledger()
        await asyncio.sleep(0.3)
        second = await place.ledger()
        assert (first["frozen"], first["accounts"]) == (True, second["accounts"])
        async with place.session.post(place.url + "/practice/freeze", json={"frozen": False}) as answer:
            assert (await answer.json()) == {"frozen": False}
        before = place.market.now_ns
        await asyncio.sleep(0.3)
        assert place.market.now_ns > before
        for bad in ("", "{", "[]", '{"frozen": 1}', '{"cold": true}'):
            async with place.session.post(place.url + "/practice/freeze", data=bad) as answer:
                assert answer.status == 400
                assert "error" in json.loads(await answer.text())
