"""Faults on the wire: what a plan says, that it is the same for the same seed, and what a client sees of each."""

import asyncio
import functools
import json
import subprocess
import sys
import time
from contextlib import asynccontextmanager

import aiohttp
import pytest
import uvloop

from atomizer.errors import UsageError
from atomizer.sim.deribit import Venue, serve
from atomizer.sim.faults import NAMED, Kind, Manners, Weather, parse_plan
from atomizer.sim.faults_wire import Wire
from atomizer.sim.market import STEP_NS, Market

MANNERS = Manners((10040, "retry"), (10028, "too_many_requests"), (11051, "system_maintenance"))
REQUEST = '{"jsonrpc":"2.0","id":7,"method":"public/test"}'
ANSWER = '{"jsonrpc":"2.0","id":7,"result":1}'
CHANGE = '{"method":"subscription","params":{"channel":"book.X.raw","data":{"type":"change"}}}'
SNAPSHOT = '{"method":"subscription","params":{"channel":"book.X.raw","data":{"type":"snapshot"}}}'
TICKER = '{"method":"subscription","params":{"channel":"ticker.X.raw","data":{}}}'
SECOND = 1_000_000_000


def weather(plan, seed=3, venue="deribit", told=None):
    return Weather(venue, parse_plan(plan).of(venue), seed, MANNERS, (told if told is not None else []).append)


# Plans


@pytest.mark.parametrize("name", NAMED)
def test_named_plans(name):
    """Every named plan is one; calm has no faults."""
    assert bool(parse_plan(name).rules) == (name != "calm")


def test_plan_in_words():
    """Chance, duration and venue are read; what is left out has a usual value."""
    drop, delay, gap = parse_plan("drop=0.5%, delay=5%:300ms,deribit/gap=100%").rules
    assert (drop.kind, drop.chance, drop.venue) == (Kind.DROP, 0.005, "")
    assert (delay.duration_ns, gap.venue, gap.chance) == (300_000_000, "deribit", 1.0)
    assert parse_plan("maintenance=1%:2s").rules[0].duration_ns == 2 * SECOND
    assert len(parse_plan("drop=1%,rysk/gap=1%").of("deribit")) == 1


@pytest.mark.parametrize(
    "text", ["x", "drop", "drop=1", "drop=101%", "drop=-1%", "kraken/drop=1%", "drop=1%:2s", "delay=1%:2h", "=1%"]
)
def test_what_is_no_plan_is_refused(text):
    """The error says what was wrong and what may be written."""
    with pytest.raises(UsageError, match="--fault"):
        parse_plan(text)


# Decisions


def test_the_same_seed_strikes_the_same_frames():
    """Fates depend on seed, venue, connection, direction and the frame's number, and on nothing else."""

    def fates(seed, venue="deribit", first=0):
        sky = weather("drop=20%,duplicate=20%", seed, venue)
        streams = [sky.stream() for _ in range(3)]
        return [stream.leaving(TICKER, 0).copies for stream in streams[first:] for _ in range(50)]

    assert fates(1) == fates(1)
    assert fates(1)[50:] == fates(1, first=1)
    assert fates(1) != fates(2)
    assert fates(1) != fates(1, "derive")
    interrupted = weather("drop=20%,duplicate=20%", 1).stream()
    alone = []
    for _ in range(50):
        interrupted.arriving(REQUEST, 0)
        alone.append(interrupted.leaving(TICKER, 0).copies)
    assert alone == fates(1)[:50]


def test_each_fault_strikes_what_it_may():
    """Gaps are changes of books only, freezes are channels only, and refusals are requests that can be answered."""
    gap = weather("gap=100%").stream()
    assert [gap.leaving(text, 0).copies for text in (CHANGE, SNAPSHOT, TICKER, ANSWER)] == [0, 1, 1, 1]
    freeze = weather("freeze=100%:2s").stream()
    assert freeze.leaving(ANSWER, 0).copies == 1
    assert freeze.leaving(TICKER, 0).copies == 0
    reject = weather("reject=100%").stream()
    refused = reject.arriving(REQUEST, 0)
    assert json.loads(refused.answer) == {
        "jsonrpc": "2.0",
        "id": 7,
        "error": {"code": 10040, "message": "retry"},
    }
    assert [reject.arriving(text, 0).copies for text in ("ping", "[]", '{"method":"x"}')] == [1, 1, 1]


@pytest.mark.parametrize("channel", ["user.changes.any.any.raw", "block_rfq.maker.any", "30769.orders", "0xabc.rfqs"])
def test_only_private_channels_fall_mute(channel):
    """What is ours alone is not told; books, tickers and answers are."""
    stream = weather("mute=100%").stream()
    private = f'{{"method":"subscription","params":{{"channel":"{channel}","data":[]}}}}'
    assert [stream.leaving(text, 0).copies for text in (private, CHANGE, TICKER, ANSWER)] == [0, 1, 1, 1]


def test_a_frozen_channel_speaks_again():
    """A freeze is over after its time, and only of its channel."""
    told = []
    stream = weather("freeze=40%:2s", told=told).stream()
    while not told:
        stream.leaving(TICKER, 0)
    assert stream.leaving(TICKER, SECOND).copies == 0
    assert any(stream.leaving(TICKER, 3 * step * SECOND).copies for step in range(1, 20))
    assert {struck.what for struck in told} == {"ticker.X.raw"}


def test_maintenance_is_the_whole_venue():
    """One request starts it; until it is over every connection of the venue ends."""
    sky = weather("maintenance=100%:2s")
    first, second = sky.stream(), sky.stream()
    assert first.arriving(REQUEST, 0).ending is Kind.MAINTENANCE
    assert second.leaving(TICKER, SECOND).ending is Kind.MAINTENANCE
    assert not sky.is_down(2 * SECOND)


# On the wire


def on_the_venues_loop(test):
    """Run as the venues are run: their loop's transports are not asyncio's."""

    @functools.wraps(test)
    def run(*args, **options):
        uvloop.run(test(*args, **options))

    return run


@asynccontextmanager
async def under(plan, seed=3):
    """(session, base address) of practice Deribit under a plan, its market moving."""
    market = Market(5, time.time_ns() // STEP_NS * STEP_NS)
    venue = Venue(market)
    wire = Wire("deribit", parse_plan(plan), seed, MANNERS)
    runner, port = await serve(venue, "127.0.0.1", 0, wire=wire)

    async def play():
        while True:
            now_ns = time.time_ns()
            venue.on_market(market.advance(now_ns), now_ns)
            venue.publish(now_ns)
            await asyncio.sleep(0.1)

    playing = asyncio.create_task(play())
    try:
        async with aiohttp.ClientSession() as session:
            yield session, f"http://127.0.0.1:{port}"
    finally:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
        await runner.cleanup()


async def ask(socket, method="public/test", **params):
    await socket.send_json({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})


@on_the_venues_loop
async def test_duplicates_arrive_twice():
    """Every answer comes twice."""
    async with under("duplicate=100%") as (session, url), session.ws_connect(url + "/ws/api/v2") as socket:
        await ask(socket)
        first, second = await socket.receive_json(timeout=5), await socket.receive_json(timeout=5)
        assert first == second


@on_the_venues_loop
async def test_delays_keep_the_order_and_reorderings_do_not():
    """What is delayed holds up what is behind it; what is reordered is overtaken."""
    async with under("delay=50%:30ms") as (session, url), session.ws_connect(url + "/ws/api/v2") as socket:
        for number in range(20):
            await socket.send_json({"jsonrpc": "2.0", "id": number, "method": "public/test"})
        assert [(await socket.receive_json(timeout=5))["id"] for _ in range(20)] == list(range(20))
    async with under("reorder=50%:100ms") as (session, url), session.ws_connect(url + "/ws/api/v2") as socket:
        for number in range(20):
            await socket.send_json({"jsonrpc": "2.0", "id": number, "method": "public/test"})
        arrived = [(await socket.receive_json(timeout=5))["id"] for _ in range(20)]
        assert sorted(arrived) == list(range(20))
        assert arrived != list(range(20))


@on_the_venues_loop
async def test_refusals_never_reach_the_venue(capfd):
    """A rejected order is not in the market; each fault is announced with its venue, connection, frame and subject."""
    async with under("reject=50%") as (session, url), session.ws_connect(url + "/ws/api/v2") as socket:
        codes = []
        for _ in range(20):
            await ask(socket)
            codes.append((await socket.receive_json(timeout=5)).get("error", {}).get("code"))
        assert set(codes) == {None, 10040}
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    frames = [number for number, code in enumerate(codes, start=1) if code]
    assert lines == [
        {"fault": "reject", "venue": "deribit", "connection": 1, "frame": frame, "what": "public/test"}
        for frame in frames
    ]


@on_the_venues_loop
async def test_cut_is_a_broken_connection():
    """The client's read ends without a close frame."""
    async with under("cut=100%") as (session, url), session.ws_connect(url + "/ws/api/v2") as socket:
        await ask(socket)
        assert (await socket.receive(timeout=5)).type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
        assert socket.close_code == 1006


@on_the_venues_loop
async def test_half_close_ends_one_direction(caplog):
    """The venue's side ends; the client sees the end of the stream, is not answered, and may go away as it likes."""
    async with under("half-close=100%") as (session, url), session.ws_connect(url + "/ws/api/v2") as socket:
        await ask(socket)
        assert (await socket.receive(timeout=5)).type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
    async with under("half-close=100%") as (_, url):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(
            b"GET /ws/api/v2 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"\x81\x82\0\0\0\0{}")  # a masked text frame: {}
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.write(b"\x89\x80\0\0\0\0")  # a ping that cannot be answered any more
        await writer.drain()
        await asyncio.sleep(0.2)
        writer.close()
        await writer.wait_closed()
    assert [record for record in caplog.records if record.name.startswith("aiohttp")] == []


@on_the_venues_loop
async def test_maintenance_turns_everybody_away_for_a_while():
    """The request is refused, the socket closed, the next one not let in; afterwards it is."""
    async with under("maintenance=30%:3s") as (session, url):
        async with session.ws_connect(url + "/ws/api/v2") as socket:
            code = None
            async with asyncio.timeout(60):
                while code != 11051:
                    await ask(socket)
                    code = (await socket.receive_json()).get("error", {}).get("code")
                assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            await session.ws_connect(url + "/ws/api/v2")
        async with session.get(url + "/api/v2/public/test") as response:
            assert response.status == 503
        async with session.get(url + "/practice/ledger") as response:
            assert response.status == 200
        async with asyncio.timeout(60):
            while True:
                async with session.get(url + "/api/v2/public/get_time") as response:
                    if response.status == 200:
                        break
                await asyncio.sleep(0.1)


@on_the_venues_loop
async def test_a_plan_is_suspended_and_goes_on():
    """While it is calm nothing strikes; a plan that goes on strikes as it would have."""
    async with under("reject=100%") as (session, url):
        for is_calm, status in ((True, 200), (False, 400)):
            async with session.post(url + "/practice/calm", json={"calm": is_calm}) as response:
                assert await response.json() == {"calm": is_calm}
            async with session.get(url + "/api/v2/public/get_time") as response:
                assert response.status == status
        async with session.post(url + "/practice/calm", json={"calm": 1}) as response:
            assert response.status == 400


@on_the_venues_loop
async def test_http_meets_the_same_faults():
    """429 and its body for coming too often; an answer that is lost is a connection that breaks."""
    async with under("rate-limit=100%") as (session, url), session.get(url + "/api/v2/public/test") as response:
        assert (response.status, (await response.json())["error"]["code"]) == (429, 10028)
    async with under("drop=100%") as (session, url):
        with pytest.raises(aiohttp.ClientError):
            await session.get(url + "/api/v2/public/test")


def test_the_command_announces_its_plan():
    """`atomizer sim start --fault` says its plan with the addresses, and refuses what is none."""
    command = [sys.executable, "-m", "atomizer", "sim", "start"]
    with subprocess.Popen([*command, "--fault", "storm"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert json.loads(process.stdout.readline())["fault"] == "storm"
        finally:
            process.kill()
    wrong = subprocess.run([*command, "--fault", "hail=3%"], capture_output=True, text=True, timeout=30, check=False)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "--fault 'hail=3%': not a plan" in wrong.stderr
