"""The shell round the practice venue: WebSocket and HTTP on one port, by aiohttp.

`/ws` and `/v3/ws` are the sockets of the two generations; `POST /public/…`, `/private/…` and the same below `/v3` are
REST, of which public methods are also answered to a `GET` whose query is their parameters; `/practice/…` is for tests
and operators and exists on no real venue.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial

import orjson
from aiohttp import WSCloseCode, WSMsgType, web

from atomizer.sim.derive.codes import Rejection
from atomizer.sim.derive.connection import Connection
from atomizer.sim.derive.dialect import DIALECTS, Dialect
from atomizer.sim.derive.rpc import build_error, parse_json, parse_params
from atomizer.sim.derive.venue import RestRequest, Venue
from atomizer.sim.faults_wire import CALM, Wire

LARGEST_FRAME = 4 * 1024 * 1024  # bytes; a larger one closes the socket with 1009
HEARTBEAT_S = 60.0
_SLOWEST_BACKLOG = 20_000  # frames a client may leave unread before it is dropped


async def serve(
    venue: Venue,
    host: str,
    port: int,
    *,
    now: Callable[[], int] = time.time_ns,
    heartbeat_s: float = HEARTBEAT_S,
    wire: Wire = CALM,
) -> tuple[web.AppRunner, int]:
    """Listen; returns the runner (`await runner.cleanup()` stops it) and the port, chosen by the system if 0."""
    shell = _Shell(venue, now, heartbeat_s, wire)
    app = web.Application(client_max_size=LARGEST_FRAME, middlewares=wire.middlewares)
    app.on_shutdown.append(shell.say_goodbye)
    for dialect in DIALECTS:
        app.router.add_get(dialect.websocket_path, partial(shell.on_socket, dialect))
        for room in ("public", "private"):
            app.router.add_post(f"{dialect.rest_prefix}/{room}/{{name}}", partial(shell.on_rest, dialect, room))
        app.router.add_get(f"{dialect.rest_prefix}/public/{{name}}", partial(shell.on_rest, dialect, "public"))
    app.router.add_get("/practice/ledger", shell.on_ledger)
    app.router.add_get("/practice/books", shell.on_books)
    app.router.add_post("/practice/freeze", shell.on_freeze)
    app.router.add_post("/practice/clock", shell.on_clock)
    app.router.add_post("/practice/expire", shell.on_expire)
    app.router.add_post("/practice/calm", wire.on_calm)
    app.router.add_post("/practice/funding", shell.on_funding)
    app.router.add_post("/practice/take", shell.on_take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    return runner, runner.addresses[0][1]


class _Shell:
    """The handlers, and the sockets that are open."""

    def __init__(self, venue: Venue, now: Callable[[], int], heartbeat_s: float, wire: Wire) -> None:
        self._venue = venue
        self._now = now
        self._heartbeat_s = heartbeat_s
        self._wire = wire
        self._sockets: set[web.WebSocketResponse] = set()

    async def say_goodbye(self, _app: web.Application) -> None:
        """Going down politely: clients are told, and lose their orders if they wish so."""
        await asyncio.gather(*(socket.close(code=WSCloseCode.GOING_AWAY) for socket in list(self._sockets)))

    async def on_socket(self, dialect: Dialect, request: web.Request) -> web.StreamResponse:
        socket = self._wire.socket(max_msg_size=LARGEST_FRAME, heartbeat=self._heartbeat_s)
        await socket.prepare(request)
        try:
            connection = self._venue.connect(self._now(), dialect, request.remote or "")
        except Rejection as rejection:
            await socket.send_str(build_error(dialect, None, rejection))
            await socket.close(code=WSCloseCode.TRY_AGAIN_LATER)
            return socket
        self._sockets.add(socket)
        something = asyncio.Event()
        connection.wake = something.set
        writer = asyncio.create_task(_write(socket, connection, something))
        try:
            async for message in socket:
                if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
                    self._venue.receive(connection, message.data, self._now())
        finally:
            self._sockets.discard(socket)
            writer.cancel()
            self._venue.disconnect(connection, self._now())
            await asyncio.gather(writer, return_exceptions=True)
        return socket

    async def on_rest(self, dialect: Dialect, room: str, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        name = f"{room}/{request.match_info['name']}"
        body = await request.read() or orjson.dumps(dict(request.query))
        rest = RestRequest(name, body, headers, request.remote or "")
        status, text = self._venue.rest(dialect, rest, self._now())
        return web.Response(status=status, text=text, content_type="application/json")

    async def on_ledger(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response(self._venue.ledger(self._now()))

    async def on_books(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response(self._venue.books())

    async def on_funding(self, _request: web.Request) -> web.StreamResponse:
        """Pay the funding that is pending now."""
        self._venue.pay_funding(self._now())
        return web.json_response({"paid": True})

    async def on_take(self, request: web.Request) -> web.StreamResponse:
        """{"instrument_name": "ETH-PERP", "direction": "buy", "amount": "0.1"}: a taker of the market's comes by."""
        try:
            self._venue.take(parse_params(await request.read()), self._now())
        except Rejection as rejection:
            return web.json_response({"error": str(rejection)}, status=web.HTTPBadRequest.status_code)
        return web.json_response({"taken": True})

    async def on_clock(self, request: web.Request) -> web.StreamResponse:
        """{"ahead_ms": 3000}: who asks the venue for the time hears one that is so far from ours."""
        try:
            wanted = parse_json(await request.read())
        except Rejection as rejection:
            return web.json_response({"error": str(rejection)}, status=web.HTTPBadRequest.status_code)
        if not isinstance(wanted, dict) or type(wanted.get("ahead_ms")) is not int:
            return web.json_response({"error": "expected ahead_ms"}, status=web.HTTPBadRequest.status_code)
        self._venue.clock_ahead_ms = wanted["ahead_ms"]
        return web.json_response({"ahead_ms": self._venue.clock_ahead_ms})

    async def on_expire(self, _request: web.Request) -> web.StreamResponse:
        """Every session key has expired."""
        self._venue.expire_keys(self._now())
        return web.json_response({"expired": True})

    async def on_freeze(self, request: web.Request) -> web.StreamResponse:
        """{"frozen": true}"""
        try:
            wanted = parse_json(await request.read())
        except Rejection as rejection:
            return web.json_response({"error": str(rejection)}, status=web.HTTPBadRequest.status_code)
        if not isinstance(wanted, dict) or not isinstance(wanted.get("frozen"), bool):
            return web.json_response({"error": "expected frozen"}, status=web.HTTPBadRequest.status_code)
        self._venue.frozen = wanted["frozen"]
        return web.json_response({"frozen": self._venue.frozen})


async def _write(socket: web.WebSocketResponse, connection: Connection, something: asyncio.Event) -> None:
    """Empty the outbox into the socket as it fills, until the socket is gone."""
    while not socket.closed:
        await something.wait()
        something.clear()
        if len(connection.outbox) > _SLOWEST_BACKLOG:
            await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"too slow")
            return
        try:
            while connection.outbox:
                await socket.send_str(connection.outbox.popleft())
        except ConnectionError:
            return
