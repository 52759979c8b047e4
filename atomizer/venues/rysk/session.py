"""The sockets of a Rysk maker: one an asset for RFQs, one for quotes and what becomes of them. Bytes to events."""

import asyncio
from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol

from atomizer.domain.trading import Fill, QuoteAnswered, QuoteSent
from atomizer.errors import BadFrame, ConfigError
from atomizer.net.backoff import Backoff
from atomizer.net.connection import Connection
from atomizer.net.websocket import CloseReason
from atomizer.venues.rysk import codec
from atomizer.venues.rysk.assets import AssetMap, parse_address
from atomizer.venues.rysk.auth import MakerKey
from atomizer.venues.rysk.codec import RyskRequest


class Events(Protocol):
    """Who listens. Called from the socket's callback: must not block; an exception ends the session."""

    def on_request(self, request: RyskRequest) -> None: ...

    def on_answer(self, answer: QuoteAnswered) -> None: ...

    def on_fill(self, fill: Fill) -> None: ...

    def on_bad_frame(self, error: BadFrame) -> None:
        """Something came that we will not act on; `error.reason` is to be counted."""


class RyskSession:
    """A maker's presence at Rysk: reconnects by itself. An RFQ missed while away is lost, there is no replay."""

    def __init__(
        self,
        base_url: str,
        rfq_assets: Sequence[str],
        *,
        assets: AssetMap,
        key: MakerKey,
        events: Events,
        clock_ns: Callable[[], int],
        random: Random,
    ) -> None:
        """`base_url` as in `profile.HOSTS`; `rfq_assets` are the addresses whose RFQs we want, in any case.

        An asset without a symbol in `assets` is listened to all the same: its RFQs are declined and counted.

        Raises:
            ConfigError: no asset, or one that is no address.
        """
        self._assets = assets
        self._key = key
        self._events = events
        self._clock_ns = clock_ns
        base = base_url.rstrip("/")
        self._maker = self._connection("rysk maker", f"{base}/maker", self._on_maker_text, random)
        self._connections = [self._maker]
        for address in _checked(rfq_assets):
            name = f"rysk rfqs {assets.underlying(address) or address}"
            self._connections.append(self._connection(name, f"{base}/rfqs/{address}", self._on_rfq_text, random))

    @property
    def is_open(self) -> bool:
        """Whether every socket is."""
        return all(connection.is_open for connection in self._connections)

    async def start(self) -> None:
        """Open every socket, the maker's first, so that no RFQ arrives that could not be answered.

        Raises:
            ConfigError, VenueError: the first connect failed; nothing is left running.
        """
        started: list[Connection] = []
        try:
            for connection in self._connections:
                await connection.start()
                started.append(connection)
        except BaseException:
            await asyncio.gather(*(connection.stop() for connection in started))
            raise

    async def wait(self) -> None:
        """Until `stop`, or until something broke that no reconnect repairs: that is raised here."""
        waits = [asyncio.ensure_future(connection.wait()) for connection in self._connections]
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        for wait in done:
            wait.result()

    async def stop(self) -> None:
        await asyncio.gather(*(connection.stop() for connection in self._connections))

    def send_quote(self, request: RyskRequest, quote: QuoteSent) -> None:
        """Sign and send. The intent must be in the journal before.

        Raises:
            Disconnected: the maker socket is down; nothing was sent.
        """
        signature = self._key.sign(request, quote)
        self._maker.send_text(codec.build_quote(request, quote, self._key.maker, signature))

    def _connection(self, name: str, url: str, on_text: Callable[[memoryview], None], random: Random) -> Connection:
        return Connection(
            name, url, on_open=_nothing_to_say, on_text=on_text, on_lost=_nothing_to_release, backoff=Backoff(random)
        )

    def _on_rfq_text(self, text: memoryview) -> None:
        try:
            request = codec.parse_rfq(text, self._clock_ns(), self._assets)
        except BadFrame as error:
            self._events.on_bad_frame(error)
            return
        if request is not None:
            self._events.on_request(request)

    def _on_maker_text(self, text: memoryview) -> None:
        try:
            event = codec.parse_maker_frame(text, self._clock_ns(), self._key.maker, self._assets)
        except BadFrame as error:
            self._events.on_bad_frame(error)
            return
        if isinstance(event, Fill):
            self._events.on_fill(event)
        elif event is not None:
            self._events.on_answer(event)


async def _nothing_to_say() -> None:
    """Rysk has no login and no subscription: each quote carries its own signature."""


def _nothing_to_release(_reason: CloseReason) -> None:
    """No call of ours waits for an answer: quotes are told apart by their RFQ, not awaited."""


def _checked(rfq_assets: Sequence[str]) -> list[str]:
    if not rfq_assets:
        raise ConfigError("no RFQ assets: set RFQ_ASSET_ADDRESSES or --rfq-assets")
    addresses = []
    for text in rfq_assets:
        address = parse_address(text)
        if address is None:
            raise ConfigError(f"RFQ asset {text!r} is not an address: use 0x and 40 hex digits")
        addresses.append(address)
    return list(dict.fromkeys(addresses))
