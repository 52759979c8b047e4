"""The one place that keeps a connection up: connect, on_open, frames, on_lost, back off, again."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable

from atomizer._core.socket_writer import SocketWriter
from atomizer._core.spinner import TextReader
from atomizer.errors import BadFrame, Disconnected, VenueError
from atomizer.net.backoff import Backoff
from atomizer.net.websocket import CloseReason, OnText, WebSocket, connect

log = logging.getLogger(__name__)

PROVEN_AFTER_S = 30.0  # a connection that held this long ends the back-off; one that dies at once does not
NANOS_PER_S = 1_000_000_000


class Connection:
    """A supervised WebSocket.

    `on_open` runs after each connect, with frames already flowing: log in, subscribe. Its errors on the first connect
    are `start`'s. Later, a `Refused` that asking again cannot help ends the supervision, other venue errors back off.
    `on_lost` is called synchronously the moment the connection is gone, also when `on_open` has not finished: whoever
    waits in `on_open` must be released by it.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        on_open: Callable[[], Awaitable[None]],
        on_text: OnText,
        on_lost: Callable[[CloseReason], None],
        backoff: Backoff,
    ) -> None:
        self._name = name
        self._url = url
        self._on_open = on_open
        self._on_text = on_text
        self._on_lost = on_lost
        self._backoff = backoff
        self._socket: WebSocket | None = None
        self._task: asyncio.Task[None] | None = None
        self.losses: Counter[CloseReason] = Counter()
        self.writer = SocketWriter()  # for frames that are built elsewhere, once `on_open` is done

    @property
    def is_open(self) -> bool:
        return self._socket is not None and self._socket.is_open

    def send_text(self, text: bytes | memoryview) -> None:
        """Send one message.

        Raises:
            Disconnected: there is no connection, so nothing was sent.
        """
        self._open_socket().send_text(text)

    def read_first(self, reader: TextReader) -> None:
        """Ask `reader` about each text first, until this connection ends; `on_text` hears what it did not read."""
        if self._socket is not None:
            self._socket.read_first(reader)

    async def start(self) -> None:
        """First connect and `on_open`, then supervise in the background.

        Raises:
            ConfigError, VenueError, BadFrame: from the connect or from `on_open`; nothing is left running.
        """
        socket = await self._open()
        self._task = asyncio.create_task(self._supervise(socket), name=f"connection {self._name}")

    async def wait(self) -> None:
        """Until `stop`, or until something broke that no reconnect repairs: that is raised here."""
        if self._task is not None:
            await asyncio.wait([self._task])
            if not self._task.cancelled():
                self._task.result()

    async def stop(self) -> None:
        """Close, and stop supervising. Does not raise what broke before; `wait` does."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._socket is not None and self._socket.is_open:
            await self._socket.close_and_wait()

    def drop(self) -> None:
        """Give up this connection; the supervisor makes the next. For a peer whose words we cannot act on."""
        if self._socket is not None:
            self._socket.close()

    def _open_socket(self) -> WebSocket:
        if self._socket is None or not self._socket.is_open:
            is_over = self._task is not None and self._task.done()  # nobody makes another connection
            raise Disconnected(self._name, "not connected: nothing was sent", retryable=not is_over)
        return self._socket

    async def _open(self) -> WebSocket:
        socket = self._socket = await connect(self._name, self._url, self._on_text, self._closed)
        try:
            await self._on_open()
        except BaseException:
            await socket.close_and_wait()
            raise
        socket.lend(self.writer)
        return socket

    def _closed(self, reason: CloseReason) -> None:
        self._socket = None
        self.writer.shut()
        self.losses[reason] += 1
        self._on_lost(reason)

    async def _supervise(self, socket: WebSocket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            opened_s = loop.time()
            reason = await socket.wait_closed()
            log.warning("%s: connection lost (%s), connecting again", self._name, reason)
            if loop.time() - opened_s >= PROVEN_AFTER_S:
                self._backoff.reset()
            socket = await self._reopen()

    async def _reopen(self) -> WebSocket:
        while True:
            await asyncio.sleep(self._backoff.next_ns() / NANOS_PER_S)
            try:
                return await self._open()
            except (VenueError, BadFrame) as error:
                if isinstance(error, VenueError) and error.is_final:
                    raise
                log.warning("%s: %s", self._name, error)
