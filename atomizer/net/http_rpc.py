"""The requests of a socket, each as a POST of its own: for commands that ask or do one thing and end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson

from atomizer.errors import BadFrame, Disconnected, VenueError
from atomizer.net.chores import Chores
from atomizer.net.rate import RateBudget
from atomizer.net.rpc import Answer, Fault, Rpc

HOUSEKEEPING_S: Final = 0.02

Post = Callable[[dict[str, Any], bytes], Awaitable[Answer]]
"""Ask one request, as decoded and as text. Raises VenueError or BadFrame; `Disconnected` says that nothing left."""


class HttpRpc:
    """Requests in flight and the house that is kept meanwhile. Every request ends for its asker, as on a socket."""

    def __init__(
        self,
        venue: str,
        build_request: Callable[[int, str, dict[str, object]], bytes],
        budget_of: Callable[[str, str], RateBudget],
        post: Post,
    ) -> None:
        self._post = post
        self._in_flight: set[asyncio.Task[None]] = set()
        self.chores = Chores()
        self.rpc = Rpc(venue, self._send, build_request, budget_of)

    def start(self, flush: Callable[[], None]) -> None:
        """`flush` is called many times a second from now on."""
        self.chores.do(self._keep_house(flush))

    async def stop(self) -> None:
        await self.chores.stop()
        for task in self._in_flight:
            task.cancel()

    def _send(self, frame: bytes | memoryview) -> None:
        task = asyncio.create_task(self._ask(orjson.loads(frame), bytes(frame)))
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)

    async def _ask(self, request: dict[str, Any], frame: bytes) -> None:
        request_id = request["id"]
        try:
            answer = await self._post(request, frame)
        except Disconnected as error:
            answer = Answer(request_id, None, Fault(None, str(error), is_retryable=True))
        except (VenueError, BadFrame) as error:
            answer = Answer(request_id, None, Fault(None, str(error), is_unknown=True))
        self.rpc.on_answer(answer)

    async def _keep_house(self, flush: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            self.rpc.expire()
            flush()
