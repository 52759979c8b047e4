"""What a session at a venue stands on: JSON-RPC over a supervised socket, with the work that goes on beside it."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random
from typing import Final

from atomizer.errors import BadFrame
from atomizer.net.backoff import ORDERS_CEILING_NS, Backoff
from atomizer.net.channels import Feed
from atomizer.net.chores import Chores
from atomizer.net.connection import Connection
from atomizer.net.echoes import Echoes
from atomizer.net.rate import RateBudget
from atomizer.net.rpc import Rpc
from atomizer.net.websocket import CloseReason, OnText

log = logging.getLogger(__name__)

HOUSEKEEPING_S: Final = 0.1


class Line:
    """A socket that comes back by itself, its requests, and chores beside it. The callbacks are a `Connection`'s."""

    def __init__(
        self,
        venue: str,
        url: str,
        *,
        build_request: Callable[[int, str, dict[str, object]], bytes],
        budget_of: Callable[[str, str], RateBudget],
        on_open: Callable[[], Awaitable[None]],
        on_text: OnText,
        on_lost: Callable[[CloseReason], None],
        random: Random | None = None,
    ) -> None:
        self._venue = venue
        self._connection = Connection(
            venue,
            url,
            on_open=on_open,
            on_text=on_text,
            on_lost=on_lost,
            backoff=Backoff(random or Random(), ceiling_ns=ORDERS_CEILING_NS),  # noqa: S311  jitter, not a secret
        )
        self.chores = Chores()
        self.rpc = Rpc(venue, self._connection.send_text, build_request, budget_of)
        self.echoes = Echoes()
        self.writer = self._connection.writer  # for requests that are written elsewhere
        self.read_first = self._connection.read_first
        self.bad_frames: Counter[str] = Counter()

    async def start(self, wake: asyncio.Event, flush: Callable[[], None]) -> None:
        """Connect, until `on_open` is done. `flush` is called several times a second, and when `wake` is set.

        Raises:
            ConfigError, VenueError, BadFrame: from the connect or from `on_open`; nothing is left running.
        """
        self.chores.do(self._keep_house(wake, flush))
        try:
            await self._connection.start()
        except BaseException:
            await self.stop()
            raise
        self.chores.do(self._connection.wait())

    async def stop(self) -> None:
        """Leave by closing the socket."""
        await self.chores.stop()
        await self._connection.stop()

    def drop(self) -> None:
        """Give up this connection; the next one is made by itself."""
        self._connection.drop()

    def private(self, feed: Feed) -> Feed:
        """A private channel that we cannot read leaves us not knowing our own orders: start over and ask."""

        def guarded(data: object, now_ns: int) -> None:
            try:
                feed(data, now_ns)
            except BadFrame as error:
                log.error("%s: unreadable private message, connecting again: %s", self._venue, error)  # noqa: TRY400
                self.drop()
                raise

        return guarded

    def count(self, error: BadFrame, where: str) -> None:
        """A frame that nobody acts on. A broken feed must not flood the log: the first of a kind is told."""
        self.bad_frames[error.reason] += 1
        if self.bad_frames[error.reason] == 1:
            log.warning("%s %.80s: %s; further ones are only counted as %s", self._venue, where, error, error.reason)

    async def _keep_house(self, wake: asyncio.Event, flush: Callable[[], None]) -> None:
        while True:
            try:
                async with asyncio.timeout(HOUSEKEEPING_S):
                    await wake.wait()
            except TimeoutError:
                pass
            wake.clear()
            self.rpc.expire()
            flush()
            if client_id := self.echoes.take_overdue():
                words = "%s: order %s rests, and its private channel does not say so: connecting again"
                log.error(words, self._venue, client_id)
                self.drop()
