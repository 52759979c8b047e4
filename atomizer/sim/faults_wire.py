"""The wire of a practice venue: its sockets and its HTTP, on which the faults of a plan strike.

Every server makes its sockets by `Wire.socket` and hands `Wire.middlewares` to its application; its venue never knows.
Each fault that strikes is one line of JSON on standard error:

    {"fault":"gap","venue":"deribit","connection":2,"frame":117,"what":"book.ETH-PERPETUAL.raw"}
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import orjson
from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from atomizer.sim.faults import Kind, Manners, Outcome, Plan, Stream, Struck, Weather

_NS: Final = 1_000_000_000
_PRACTICE: Final = "/practice/"  # for tests and operators: always answered
_STATUS: Final = {Kind.REJECT: 400, Kind.RATE_LIMIT: 429, Kind.MAINTENANCE: 503}
_NO_MANNERS: Final = Manners((0, ""), (0, ""), (0, ""))

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def tell(struck: Struck) -> None:
    line = {
        "fault": struck.kind,
        "venue": struck.venue,
        "connection": struck.connection,
        "frame": struck.frame,
        "what": struck.what,
    }
    print(orjson.dumps(line).decode(), file=sys.stderr, flush=True)  # noqa: T201  what the tests read


class Wire:
    """One venue's. Without rules its sockets are aiohttp's own and its HTTP is left alone."""

    def __init__(self, venue: str, plan: Plan, seed: int, manners: Manners) -> None:
        self._weather = Weather(venue, plan.of(venue), seed, manners, tell)
        self._http = Stream(self._weather, 0)

    @property
    def middlewares(self) -> list[Any]:
        return [self._on_http] if self._weather.rules else []

    async def on_calm(self, request: web.Request) -> web.Response:
        """{"calm": true} suspends the plan, false lets it go on."""
        wanted = await request.json()
        if not isinstance(wanted, dict) or not isinstance(wanted.get("calm"), bool):
            return web.json_response({"error": "expected calm"}, status=web.HTTPBadRequest.status_code)
        self._weather.set_calm(is_calm=wanted["calm"])
        return web.json_response({"calm": self._weather.is_calm})

    def socket(self, **options: Any) -> web.WebSocketResponse:
        """As `aiohttp.web.WebSocketResponse`."""
        if not self._weather.rules:
            return web.WebSocketResponse(**options)
        return FaultySocket(self._weather.stream(), **options)

    @web.middleware
    async def _on_http(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """A request over HTTP: late, refused, or executed and never answered."""
        if request.path.startswith(_PRACTICE):
            return await handler(request)
        if self._weather.is_down(time.time_ns()):
            raise web.HTTPServiceUnavailable
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await handler(request)
        arriving = self._http.request(0, request.path, time.time_ns())
        if arriving.refused is not None:
            status = _STATUS[arriving.refused]
            return web.Response(status=status, text=arriving.answer, content_type="application/json")
        response: web.StreamResponse = await handler(request) if arriving.copies else web.Response()
        leaving = self._http.leaving("", time.time_ns())
        await asyncio.sleep(leaving.delay_ns / _NS)
        if not arriving.copies or not leaving.copies:
            _abort(request.transport)
        return response


CALM: Final = Wire("", Plan("calm", ()), 0, _NO_MANNERS)


class FaultySocket(web.WebSocketResponse):
    """A socket whose frames meet their fate on the way out and on the way in."""

    def __init__(self, stream: Stream, **options: Any) -> None:
        super().__init__(**options)
        self._stream = stream
        self._is_mute = False  # half closed: nothing leaves any more
        self._late: set[asyncio.Task[None]] = set()

    async def send_str(self, data: str, compress: int | None = None) -> None:
        if self._is_mute:
            return
        outcome = self._stream.leaving(data, time.time_ns())
        if outcome.delay_ns and not outcome.holds_up:
            task = asyncio.create_task(self._send_late(data, outcome.delay_ns))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
            return
        if outcome.delay_ns:
            await asyncio.sleep(outcome.delay_ns / _NS)
        for _ in range(outcome.copies):
            await self._send(data, compress)
        await self._end(outcome)

    async def receive(self, timeout: float | None = None) -> WSMessage:  # noqa: ASYNC109  aiohttp's signature
        while True:
            try:
                message = await super().receive(timeout)
            except ConnectionError:  # the client went away while our side of the connection was closed already
                return WSMessage(WSMsgType.CLOSED, None, None)
            if message.type not in {WSMsgType.TEXT, WSMsgType.BINARY}:
                return message
            outcome = self._stream.arriving(message.data, time.time_ns())
            if outcome.refused is not None:
                await self._send(outcome.answer)
            await self._end(outcome)
            if outcome.copies:
                return message

    async def pong(self, message: bytes = b"") -> None:
        if not self._is_mute:
            await super().pong(message)

    async def close(self, *, code: int = WSCloseCode.OK, message: bytes = b"", drain: bool = True) -> bool:
        if not self._is_mute:
            return await super().close(code=code, message=message, drain=drain)
        _abort(self._transport_of())
        return True

    def _transport_of(self) -> asyncio.Transport | None:
        return self._req.transport if self._req is not None else None

    async def _send(self, data: str, compress: int | None = None) -> None:
        if not self._is_mute:
            await super().send_str(data, compress)

    async def _send_late(self, data: str, delay_ns: int) -> None:
        await asyncio.sleep(delay_ns / _NS)
        if not self.closed:
            await self._send(data)

    async def _end(self, outcome: Outcome) -> None:
        transport = self._transport_of()
        if outcome.ending is Kind.CUT:
            _abort(transport)
        elif outcome.ending is Kind.HALF_CLOSE and transport is not None and not self._is_mute:
            self._is_mute = True
            transport.write_eof()
        elif outcome.ending is Kind.MAINTENANCE and not self.closed:
            with suppress(ConnectionError):
                await self.close(code=WSCloseCode.SERVICE_RESTART, message=b"maintenance")


def _abort(transport: asyncio.Transport | None) -> None:
    if transport is not None:
        transport.abort()
