"""The venue on loopback: sockets, HTTP, timers and the clock round `RyskVenue`, and no rule of its own."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import orjson
from aiohttp import WSCloseCode, WSMsgType, web

from atomizer.sim.faults_wire import CALM, Wire
from atomizer.sim.market import Event
from atomizer.sim.rysk.venue import RyskVenue

LOOPBACK: Final = "127.0.0.1"
PING_EVERY_S: Final = 20.0  # a client that does not answer within half of it is dropped
MAX_FRAME_BYTES: Final = 64 * 1024  # a quote has under 1 KiB; larger frames close the connection with code 1009
MAX_WAITING_FRAMES: Final = 10_000  # a client that reads this far behind is dropped
_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class _Client:
    """An open socket. `queue` holds what it has still to be sent."""

    socket: web.WebSocketResponse
    transport: asyncio.Transport
    queue: asyncio.Queue[str]


class RyskServer:
    """Serves one venue. `on_market` feeds it; `start` and `stop` frame its life."""

    def __init__(self, venue: RyskVenue, wire: Wire = CALM) -> None:
        self.venue = venue
        self._wire = wire
        self._clients: dict[int, _Client] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._runner: web.AppRunner | None = None

    async def start(self, port: int) -> int:
        """Listen on loopback; port 0 takes any free one. Returns the port.

        Raises:
            OSError: the port is taken.
        """
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, LOOPBACK, port)
        await site.start()
        self._flush()
        bound: int = self._runner.addresses[0][1]
        return bound

    async def stop(self) -> None:
        """Close every socket with "going away" and stop listening."""
        if self._timer is not None:
            self._timer.cancel()
        for client in list(self._clients.values()):
            await client.socket.close(code=WSCloseCode.GOING_AWAY)
        if self._runner is not None:
            await self._runner.cleanup()

    def on_market(self, events: Sequence[Event]) -> None:
        """Feed market events. RFQs are stamped here, as late as can be: answer times count from this moment."""
        self.venue.on_market(events, time.time_ns())
        self._flush()

    def drop_connections(self) -> int:
        """Cut every socket without a goodbye, as a broken network would; how many there were."""
        for client in self._clients.values():
            client.transport.abort()
        return len(self._clients)

    def _application(self) -> web.Application:
        application = web.Application(middlewares=self._wire.middlewares)
        application.add_routes(
            [
                web.get("/ping", self._on_ping),
                web.get("/api/assets", self._on_assets),
                web.get("/api/maker/positions", self._on_positions),
                web.get("/practice/ledger", self._on_ledger),
                web.get("/practice/latency", self._on_latency),
                web.post("/practice/disconnect", self._on_disconnect),
                web.post("/practice/calm", self._wire.on_calm),
                web.get("/{path:.+}", self._on_socket),
            ]
        )
        return application

    # Sockets

    async def _on_socket(self, request: web.Request) -> web.StreamResponse:
        socket = self._wire.socket(heartbeat=PING_EVERY_S, max_msg_size=MAX_FRAME_BYTES, compress=False)
        transport = request.transport
        if not socket.can_prepare(request).ok or transport is None:
            raise web.HTTPNotFound
        if (connection := self.venue.connect(request.path)) is None:
            raise web.HTTPNotFound
        client = _Client(socket, transport, asyncio.Queue(MAX_WAITING_FRAMES))
        try:
            await socket.prepare(request)
            self._clients[connection] = client
            await self._serve(connection, client)
        finally:
            self._clients.pop(connection, None)
            self.venue.disconnect(connection)
        return socket

    async def _serve(self, connection: int, client: _Client) -> None:
        writer = asyncio.create_task(_write_all(client))
        try:
            async for message in client.socket:
                if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    break
                self.venue.receive(connection, message.data, time.time_ns())
                self._flush()
        finally:
            writer.cancel()

    def _flush(self) -> None:
        """Hand out what the venue wants sent, and set the timer for its next own move."""
        for connection, frame in self.venue.drain():
            client = self._clients.get(connection)
            if client is None:
                continue  # still shaking hands, or just gone: there is no replay
            if client.queue.full():
                client.transport.abort()
            else:
                client.queue.put_nowait(frame)
        if self._timer is not None:
            self._timer.cancel()
        delay_ns = max(self.venue.next_wake_ns() - time.time_ns(), 0)
        self._timer = asyncio.get_running_loop().call_later(delay_ns / _NS, self._on_timer)

    def _on_timer(self) -> None:
        self.venue.tick(time.time_ns())
        self._flush()

    # HTTP

    async def _on_ping(self, _: web.Request) -> web.Response:
        return web.Response(text="pong")

    async def _on_assets(self, _: web.Request) -> web.Response:
        return _json(self.venue.catalog.assets())

    async def _on_positions(self, request: web.Request) -> web.Response:
        return _json(self.venue.accounts.positions(request.query.get("address", "")))

    async def _on_ledger(self, _: web.Request) -> web.Response:
        return _json(self.venue.ledger())

    async def _on_latency(self, _: web.Request) -> web.Response:
        return _json(self.venue.latencies.report())

    async def _on_disconnect(self, _: web.Request) -> web.Response:
        return _json({"dropped": self.drop_connections()})


async def _write_all(client: _Client) -> None:
    """Send in order; a client that reads slowly holds up nobody else. Ends with the connection."""
    while True:
        frame = await client.queue.get()
        try:
            await client.socket.send_str(frame)
        except ConnectionError:
            return


def _json(value: object) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json")
