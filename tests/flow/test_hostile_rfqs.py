"""An RFQ venue that sends anything: never a crash, never a quote for it, a counted reason and one clear line."""

import asyncio
import json
import signal
import urllib.request
from contextlib import asynccontextmanager, suppress

from aiohttp import WSMsgType, web
from flow.running import desk, finish, wait_for

ASSET = "0xb67bfa7b488df4f2efa874f4e59242e9130ae61f"  # WETH on Base Sepolia, as the practice venue lists it
USD = "0x98d56648c9b7f3cb49531f4135115b5000ab1733"
OPENS_WITHIN_S = 120.0  # on a machine that does much else


def rfq(number, **changes):
    """A request that we would quote, with some fields changed; None takes one out."""
    body = {
        "asset": ASSET,
        "assetName": "WETH",
        "chainId": 84532,
        "expiry": 1,
        "isPut": False,
        "quantity": "1000000000000000000",
        "strike": "300000000000",
        "taker": "0x2000000000000000000000000000000000000002",
        "usd": USD,
        "collateralAsset": ASSET,
        **changes,
    }
    body = {name: value for name, value in body.items() if value is not None}
    return json.dumps({"jsonrpc": "2.0", "id": f"7b1b1a2e-0000-4000-8000-{number:012d}", "result": body})


def hostile(good):
    """(frame, the reason it must be counted under) for each way to be wrong."""
    infinite = rfq(1, **good).replace('"1000000000000000000"', "1e400")
    return [
        ("{", "malformed"),
        ("[]", "malformed"),
        ("null", "malformed"),
        ('"rfq"', "malformed"),
        ("\x00", "malformed"),
        (rfq(2, **good).replace('"1000000000000000000"', "NaN"), "malformed"),
        (rfq(3, **good).replace('"1000000000000000000"', "Infinity"), "malformed"),
        (infinite, "malformed"),
        (rfq(4, **{**good, "quantity": "-1000000000000000000"}), "bad_quantity"),
        (rfq(5, **{**good, "quantity": "0"}), "bad_quantity"),
        (rfq(6, **{**good, "quantity": "1"}), "bad_quantity"),
        (rfq(7, **{**good, "strike": "0"}), "bad_strike"),
        (rfq(8, **{**good, "asset": "0x" + "12" * 20}), "unmapped_asset"),
        (rfq(9, **{**good, "expiry": 1}), "expired"),
        (rfq(10, **{**good, "isPut": "no"}), "malformed"),
        (rfq(11, **{**good, "expiry": None}), "malformed"),
        (json.dumps({"jsonrpc": "2.0", "id": "x", "method": "surprise", "params": {}}), "unknown_kind"),
        (json.dumps({"jsonrpc": "2.0", "id": "x", "result": "OK"}), "unknown_kind"),
        (rfq(12, **good, note="x" * 100_000), "oversized"),
        (rfq(13, **{**good, "strike": "300100000000"}), "unlisted"),
    ]


class HostileVenue:
    """Speaks Rysk's socket paths over real sockets and keeps what the maker sends."""

    def __init__(self, assets):
        self.assets = assets
        self.rfq_sockets = []
        self.quotes = []
        self.opened = asyncio.Event()

    async def on_rfqs(self, request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if request.match_info["asset"] == ASSET:
            self.rfq_sockets.append(socket)
            self.opened.set()
        async for _ in socket:
            pass
        return socket

    async def on_maker(self, request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type != WSMsgType.TEXT:
                continue
            call = json.loads(message.data)
            if call["method"] == "positions":
                await socket.send_json({"jsonrpc": "2.0", "id": "positions", "result": []})
            else:
                self.quotes.append(call)
        return socket

    async def on_assets(self, _request):
        return web.json_response(self.assets)

    async def send(self, frame):
        await self.rfq_sockets[-1].send_str(frame)


@asynccontextmanager
async def hostile_venue(assets):
    venue = HostileVenue(assets)
    app = web.Application()
    app.router.add_get("/rfqs/{asset}", venue.on_rfqs)
    app.router.add_get("/maker", venue.on_maker)
    app.router.add_get("/api/assets", venue.on_assets)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    venue.port = runner.addresses[0][1]
    try:
        yield venue
    finally:
        await runner.cleanup()


def point_at(venues, port):
    """Let the trader find the hostile venue where practice Rysk would be."""
    file = venues.directory / "state" / "sim" / "endpoints.json"
    endpoints = {**venues.endpoints, "rysk": {"ws": f"ws://127.0.0.1:{port}/", "http": f"http://127.0.0.1:{port}"}}
    file.write_text(json.dumps(endpoints))


def fetch(url):
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310  loopback
        return json.load(answer)


def a_listed_call(venues):
    """Expiry and strike, in Rysk's units, of an ETH call that the hedge venue lists."""
    body = json.dumps({"instrument_type": "option", "currency": "ETH", "expired": False, "page_size": 1000}).encode()
    request = urllib.request.Request(  # noqa: S310  loopback
        venues.endpoints["derive"]["http"] + "/public/get_all_instruments", data=body, method="POST"
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  loopback
        listed = json.load(answer)["result"]["instruments"]
    calls = [each["option_details"] for each in listed if each["option_details"]["option_type"] == "C"]
    last = max(call["expiry"] for call in calls)
    strikes = sorted(int(call["strike"]) for call in calls if call["expiry"] == last)
    return {"expiry": last, "strike": str(strikes[len(strikes) // 2] * 10**8)}


def count_declined(venues):
    return venues.log("quotes.log").count("declined")


async def test_hostile_requests_are_counted_and_never_quoted(tmp_path):
    """Every wrong frame is declined under its reason, duplicates too; a good request afterwards is quoted once."""
    with desk(tmp_path) as venues:
        good = a_listed_call(venues)
        async with hostile_venue(fetch(venues.endpoints["rysk"]["http"] + "/api/assets")) as hostile_rysk:
            point_at(venues, hostile_rysk.port)
            trader = venues.trader()
            await asyncio.wait_for(hostile_rysk.opened.wait(), OPENS_WITHIN_S)
            await asyncio.to_thread(wait_for, lambda: "Rysk maker" in trader.stderr.readline())  # it quotes
            wanted = {}
            for frame, reason in hostile(good):
                wanted[reason] = wanted.get(reason, 0) + 1
                await hostile_rysk.send(frame)
            await hostile_rysk.send("\n")
            await hostile_rysk.send("")
            hostile_rysk.opened.clear()
            with suppress(ConnectionError):  # the trader hangs up in the middle of it
                await hostile_rysk.send("x" * (20 << 20))
            await asyncio.wait_for(hostile_rysk.opened.wait(), OPENS_WITHIN_S)
            await hostile_rysk.send(rfq(99, **good))
            await hostile_rysk.send(rfq(99, **good))
            declined = sum(wanted.values()) + 1
            await asyncio.to_thread(wait_for, lambda: hostile_rysk.quotes and count_declined(venues) >= declined)
            await asyncio.sleep(0.2)  # in which a second quote would have come
            trader.send_signal(signal.SIGINT)
            code, out, err = await asyncio.to_thread(finish, trader)
    assert code == 0, err
    assert [quote["id"] for quote in hostile_rysk.quotes] == ["7b1b1a2e-0000-4000-8000-000000000099"]
    line = next(line for line in out.splitlines() if line.startswith("RFQs"))
    for reason, count in {**wanted, "duplicate": 1}.items():
        assert f"{count} {reason}" in line
    assert count_declined(venues) == declined
