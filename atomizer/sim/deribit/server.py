"""The shell round practice Deribit: WebSocket and HTTP on one port, by aiohttp.

`/ws/api/v2` is the socket; `GET` and `POST /api/v2/{method}` and `POST /api/v2` are HTTP; `/practice/…` is for tests
and operators and exists on no real venue.
"""

import asyncio
import time
from collections.abc import Callable

from aiohttp import WSCloseCode, WSMsgType, web

from atomizer.sim.deribit.auth import HttpRequest
from atomizer.sim.deribit.codes import Rejection
from atomizer.sim.deribit.connection import Connection
from atomizer.sim.deribit.rpc import parse_json
from atomizer.sim.deribit.venue import RestRequest, Venue
from atomizer.sim.faults_wire import CALM, Wire

SOCKET_PATH = "/ws/api/v2"
REST_PATH = "/api/v2"
LARGEST_FRAME = 4 * 1024 * 1024  # bytes; a larger one closes the socket with 1009
_SLOWEST_BACKLOG = 20_000  # frames a client may leave unread before it is dropped


async def serve(
    venue: Venue, host: str, port: int, *, now: Callable[[], int] = time.time_ns, wire: Wire = CALM
) -> tuple[web.AppRunner, int]:
    """Listen; returns the runner (`await runner.cleanup()` stops it) and the port, chosen by the system if 0."""
    shell = _Shell(venue, now, wire)
    app = web.Application(client_max_size=LARGEST_FRAME, middlewares=wire.middlewares)
    app.on_shutdown.append(shell.say_goodbye)
    app.router.add_get(SOCKET_PATH, shell.on_socket)
    app.router.add_post(REST_PATH, shell.on_rest)
    app.router.add_get(REST_PATH + "/{method:.+}", shell.on_rest)
    app.router.add_post(REST_PATH + "/{method:.+}", shell.on_rest)
    app.router.add_get("/practice/ledger", shell.on_ledger)
    app.router.add_get("/practice/books", shell.on_books)
    app.router.add_post("/practice/funding", shell.on_funding)
    app.router.add_post("/practice/freeze", shell.on_freeze)
    app.router.add_post("/practice/clock", shell.on_clock)
    app.router.add_post("/practice/platform", shell.on_platform)
    app.router.add_post("/practice/revoke", shell.on_revoke)
    app.router.add_post("/practice/calm", wire.on_calm)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    return runner, runner.addresses[0][1]


class _Shell:
    """The handlers, and the sockets that are open."""

    def __init__(self, venue: Venue, now: Callable[[], int], wire: Wire) -> None:
        self._venue = venue
        self._now = now
        self._wire = wire
        self._sockets: set[web.WebSocketResponse] = set()

    async def say_goodbye(self, _app: web.Application) -> None:
        await asyncio.gather(*(socket.close(code=WSCloseCode.GOING_AWAY) for socket in list(self._sockets)))

    async def on_socket(self, request: web.Request) -> web.StreamResponse:
        socket = self._wire.socket(max_msg_size=LARGEST_FRAME)
        if not socket.can_prepare(request).ok:
            raise web.HTTPNotFound
        connection = self._venue.connect(self._now(), request.remote or "")
        if connection is None:
            raise web.HTTPTooManyRequests
        something = asyncio.Event()
        connection.wake = something.set
        writer: asyncio.Task[None] | None = None
        try:
            await socket.prepare(request)
            self._sockets.add(socket)
            writer = asyncio.create_task(_write(socket, connection, something))
            async for message in socket:
                if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
                    self._venue.receive(connection, message.data, self._now())
        finally:
            self._sockets.discard(socket)
            self._venue.disconnect(connection, self._now())
            if writer is not None:
                writer.cancel()
                await asyncio.gather(writer, return_exceptions=True)
        return socket

    async def on_rest(self, request: web.Request) -> web.StreamResponse:
        http = HttpRequest(
            request.method, request.raw_path, await request.read(), request.headers.get("Authorization", "")
        )
        rest = RestRequest(request.match_info.get("method", ""), dict(request.query), http, request.remote or "")
        status, text = self._venue.rest(rest, self._now())
        return web.Response(status=status, text=text, content_type="application/json")

    async def on_ledger(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response(self._venue.ledger(self._now()))

    async def on_books(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response(self._venue.books())

    async def on_funding(self, _request: web.Request) -> web.StreamResponse:
        """Pay the funding that is pending now."""
        self._venue.pay_funding(self._now())
        return web.json_response({"paid": True})

    async def on_platform(self, request: web.Request) -> web.StreamResponse:
        """{"maintenance": true} or {"price_index": "eth_usd", "locked": true}"""
        try:
            is_set = self._venue.set_platform(parse_json(await request.read()))
        except Rejection:
            is_set = False
        status = web.HTTPOk.status_code if is_set else web.HTTPBadRequest.status_code
        return web.json_response({"set": is_set}, status=status)

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

    async def on_revoke(self, request: web.Request) -> web.StreamResponse:
        """{"client_id": "AMANDA", "expired": true}: the key has expired, or else it was removed."""
        try:
            wanted = parse_json(await request.read())
        except Rejection:
            wanted = None
        is_meant = isinstance(wanted, dict) and isinstance(wanted.get("expired"), bool)
        client_id = wanted.get("client_id") if is_meant else None
        is_revoked = isinstance(client_id, str) and self._venue.revoke(client_id, has_expired=wanted["expired"])
        status = web.HTTPOk.status_code if is_revoked else web.HTTPBadRequest.status_code
        return web.json_response({"revoked": is_revoked}, status=status)

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
    """Empty the outbox into the socket as it fills, until the socket is gone or the venue wants it closed."""
    while not socket.closed:
        await something.wait()
        something.clear()
        if len(connection.outbox) > _SLOWEST_BACKLOG:
            await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"connection_too_slow")
            return
        try:
            while connection.outbox:
                await socket.send_str(connection.outbox.popleft())
        except ConnectionError:
            return
        if connection.is_closing:
            await socket.close()
            return
