"""Practice Rysk over real sockets: auctions as a maker lives them, and what bad peers do to it."""

import asyncio
import json
import time
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
from rysk_maker import MAKER, OTHER_KEY, SECOND_NS, USDC, WETH, arrival, call, e18, quote_params, rival

from atomizer.sim.market import Market
from atomizer.sim.rysk import server as shell
from atomizer.sim.rysk.accounts import OPENING_USD
from atomizer.sim.rysk.venue import RyskVenue
from atomizer.sim.rysk.verify import warm_up

FUTURE_S = 4_000_000_000  # an expiry that these auctions do not reach


class Client:
    """One aiohttp session against a served venue."""

    def __init__(self, server, port, session):
        self.server, self.session = server, session
        self.url = f"http://127.0.0.1:{port}"

    def connect(self, path, **options):
        return self.session.ws_connect(self.url + path, **options)

    async def get(self, path):
        async with self.session.get(self.url + path) as answer:
            assert answer.status == 200
            return await answer.json(content_type=None)

    def broadcast(self, **changes):
        rfq = arrival(self.server.venue.catalog._market, expiry_s=FUTURE_S, **changes)
        self.server.on_market([rfq])
        return rfq.rfq_id


@asynccontextmanager
async def serving():
    warm_up()
    start_ns = time.time_ns()
    server = shell.RyskServer(RyskVenue(Market(7, start_ns), start_ns))
    port = await server.start(0)
    async with aiohttp.ClientSession() as session:
        try:
            yield Client(server, port, session)
        finally:
            await server.stop()


async def heard(socket):
    """The next frame that is not blank."""
    while True:
        frame = await socket.receive_str(timeout=5)
        if frame.strip():
            return json.loads(frame)


async def quote(socket, rfq_frame, price, nonce, **options):
    valid_until = time.time_ns() // SECOND_NS + 30
    params = quote_params(rfq_frame["result"], price, nonce, valid_until=valid_until, **options)
    await socket.send_str(call("quote", params, rfq_frame["id"]))


async def test_auction_won():
    """RFQ in, quote out, "OK", and two seconds later the trade, the position, the money and the answer time."""
    async with serving() as client, client.connect(f"/rfqs/{WETH}") as rfqs, client.connect("/maker") as maker:
        rfq_id = client.broadcast()
        rfq = await heard(rfqs)
        assert rfq["id"] == rfq_id
        await quote(maker, rfq, "12.5", 1)
        assert await heard(maker) == {"jsonrpc": "2.0", "id": rfq_id, "result": "OK"}
        trade = await heard(maker)
        assert (trade["id"], trade["result"]["quoteNonce"], trade["result"]["price"]) == ("trade", "1", e18("12.5"))
        await maker.send_str(call("positions", {"account": MAKER}, "positions"))
        positions = (await heard(maker))["result"]
        assert positions == await client.get(f"/api/maker/positions?address={MAKER}")
        assert [row["balance"] for row in positions] == [e18(1)]
        ledger = await client.get("/practice/ledger")
        assert ledger["trades"] == [trade["result"]]
        assert ledger["makers"][MAKER]["balances_e18"][USDC] == str(OPENING_USD * 10**18 - int(e18("12.5")))
        assert (await client.get("/practice/latency"))[MAKER]["count"] == 1


async def test_auction_lost_to_a_rival():
    """A maker below a rival's price is told the best, hears of no trade, and owns nothing."""
    async with serving() as client, client.connect(f"/rfqs/{WETH}") as rfqs, client.connect("/maker") as maker:
        client.broadcast(rivals=(rival(20, delay_ms=0),))
        rfq = await heard(rfqs)
        await quote(maker, rfq, 15, 1)
        notice = await heard(maker)
        assert (notice["result"]["newBest"], notice["result"]["yours"]) == (e18(20), e18(15))
        await asyncio.sleep(2.1)
        await maker.send_str(call("positions", {"account": MAKER}, "positions"))
        assert await heard(maker) == {"jsonrpc": "2.0", "id": "positions", "result": []}


async def test_auction_outbid_and_requoted():
    """A maker that a rival outbids hears it, quotes again with a new nonce beyond the rival's limit, and wins."""
    async with serving() as client, client.connect(f"/rfqs/{WETH}") as rfqs, client.connect("/maker") as maker:
        client.broadcast(rivals=(rival(9, limit=11, delay_ms=0, reaction_ms=100),))
        rfq = await heard(rfqs)
        await quote(maker, rfq, 10, 1)
        assert (await heard(maker))["result"] == "OK"
        assert (await heard(maker))["result"]["newBest"] == e18("10.02")
        await quote(maker, rfq, "11.01", 2)
        assert (await heard(maker))["result"] == "OK"
        trade = await heard(maker)
        assert (trade["id"], trade["result"]["quoteNonce"]) == ("trade", "2")


async def test_refusals_over_the_wire():
    """The refusals of the fact sheet arrive under the id of what they refuse, and the socket stays usable."""
    async with serving() as client, client.connect(f"/rfqs/{WETH}") as rfqs, client.connect("/maker") as maker:
        client.broadcast()
        rfq = await heard(rfqs)
        await quote(maker, rfq, 10, 1)
        assert (await heard(maker))["result"] == "OK"
        for code, options in (
            (-32003, {"nonce": 1}),
            (-32003, {"nonce": 2, "signature": "0x" + "11" * 65}),
            (-32011, {"nonce": 3, "assetAddress": WETH.upper().replace("0X", "0x")}),
            (-32600, {"nonce": 4, "expiry": "soon"}),
            (-32000, {"nonce": 5, "key": OTHER_KEY}),
        ):
            await quote(maker, rfq, 11, **options)
            answer = await heard(maker)
            assert (answer["id"], answer["error"]["code"]) == (rfq["id"], code)
        await maker.send_str(b"{".decode())
        assert (await heard(maker))["error"]["code"] == -32600


@pytest.mark.parametrize("size", [shell.MAX_FRAME_BYTES, 20 << 20])
async def test_huge_frame_ends_its_own_connection_only(size):
    """A frame above 64 KiB ends its connection, with code 1009 if the peer listens; the venue and others go on."""
    async with serving() as client, client.connect("/maker") as other:
        async with client.connect("/maker") as maker:
            with suppress(ConnectionError):  # the venue does not read a huge frame to its end
                await maker.send_str('{"jsonrpc":"2.0","id":"' + "x" * size + '"}')
            while (await maker.receive(timeout=5)).type is aiohttp.WSMsgType.TEXT:
                pass
            assert maker.close_code in ((1009,) if size == shell.MAX_FRAME_BYTES else (1006, 1009))
        await other.send_str(call("balances", {"account": MAKER}, "b"))
        assert (await heard(other))["result"][USDC] == str(OPENING_USD * 10**6)


async def test_binary_frame_is_read_as_text():
    """A binary frame with JSON in it is answered like a text frame."""
    async with serving() as client, client.connect("/maker") as maker:
        await maker.send_bytes(call("balances", {"account": MAKER}, "b").encode())
        assert (await heard(maker))["id"] == "b"


async def test_forced_disconnect_cuts_without_a_goodbye_and_clients_may_return():
    """POST /practice/disconnect drops every socket as a broken network would; a new connection works at once."""
    async with serving() as client:
        async with client.connect("/maker") as maker, client.connect(f"/rfqs/{WETH}") as rfqs:
            async with client.session.post(client.url + "/practice/disconnect") as answer:
                assert await answer.json() == {"dropped": 2}
            for socket in (maker, rfqs):
                assert (await socket.receive(timeout=5)).type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
                assert socket.close_code == 1006
        async with client.connect(f"/rfqs/{WETH}") as rfqs:
            rfq_id = client.broadcast()
            assert (await heard(rfqs))["id"] == rfq_id


async def test_server_pings_and_drops_who_does_not_answer(monkeypatch):
    """The server pings; a client that never pongs loses its connection."""
    monkeypatch.setattr(shell, "PING_EVERY_S", 0.1)
    async with serving() as client, client.connect("/maker", autoping=False) as maker:
        assert (await maker.receive(timeout=5)).type is aiohttp.WSMsgType.PING
        assert (await maker.receive(timeout=5)).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)


async def test_client_that_falls_too_far_behind_is_dropped(monkeypatch):
    """A client with more frames waiting than the venue keeps for it is cut off, so that it cannot eat the memory."""
    monkeypatch.setattr(shell, "MAX_WAITING_FRAMES", 5)
    async with serving() as client, client.connect(f"/rfqs/{WETH}") as rfqs:
        market = client.server.venue.catalog._market
        client.server.on_market([arrival(market, rfq_id=str(number)) for number in range(20)])
        while (await rfqs.receive(timeout=5)).type is aiohttp.WSMsgType.TEXT:
            pass
        assert rfqs.close_code == 1006


async def test_pages_without_a_socket():
    """Ping and assets answer over HTTP; a socket path without a handshake and an unknown path are not found."""
    async with serving() as client:
        async with client.session.get(client.url + "/ping") as answer:
            assert await answer.text() == "pong"
        assets = await client.get("/api/assets")
        assert WETH in {asset["address"] for asset in assets["84532"]}
        assert await client.get("/api/maker/positions?address=nobody") == []
        for path in ("/maker", "/api/unknown"):
            async with client.session.get(client.url + path) as answer:
                assert answer.status == 404
        with pytest.raises(aiohttp.WSServerHandshakeError, match="404"):
            await client.connect("/rfq")


async def test_stop_says_goodbye():
    """When the venue stops, sockets are closed with "going away"."""
    async with serving() as client, client.connect("/maker") as maker:
        stopping = asyncio.create_task(client.server.stop())
        assert (await maker.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE
        assert maker.close_code == 1001
        await stopping
