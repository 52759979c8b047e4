"""The sockets of a Rysk maker: one an asset for RFQs, one for quotes and what becomes of them. Bytes to events."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol

from atomizer.domain.instruments import NANOS
from atomizer.domain.reasons import Reason
from atomizer.domain.trading import Fill, QuoteAnswered, QuoteLeg, QuoteSent, Signed
from atomizer.errors import BadFrame, ConfigError
from atomizer.net.backoff import Backoff
from atomizer.net.connection import Connection
from atomizer.net.websocket import CloseReason
from atomizer.venues.rysk import account, codec
from atomizer.venues.rysk.account import AccountAnswer, RyskPosition
from atomizer.venues.rysk.asking import Asking
from atomizer.venues.rysk.assets import AssetMap, parse_address
from atomizer.venues.rysk.auth import MakerKey
from atomizer.venues.rysk.codec import RyskRequest
from atomizer.venues.rysk.schemas import Schema
from atomizer.venues.rysk.transfers import Transfer, Transfers

log = logging.getLogger(__name__)


class Events(Protocol):
    """Who listens. Called from the socket's callback: must not block; an exception ends the session."""

    def on_maker_open(self) -> None:
        """The maker's socket is open, again or for the first time: trades may have been told to nobody before this."""

    def on_rfq_frame(self, frame: memoryview, now_ns: int) -> bool:
        """An RFQ as it came, before it was read. Whether that settled it: `on_settled` follows then, else `on_request`.

        The memory is valid during the call only.
        """

    def on_settled(self, request: RyskRequest) -> None:
        """What the frame that was just settled says."""

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
        self._maker = Connection(
            "rysk maker",
            f"{base}/maker",
            on_open=self._on_maker_open,
            on_text=self._on_maker_text,
            on_lost=self._on_maker_lost,
            backoff=Backoff(random),
        )
        self._asking = Asking(self._maker.send_text, key.maker)
        self._transfers = Transfers(self._maker.send_text, key.maker, key.sign_transfer)
        self._old_schemas: set[Schema] = set()
        self._sources = [
            Connection(
                f"rysk rfqs {assets.underlying(address) or address}",
                f"{base}/rfqs/{address}",
                on_open=_nothing_to_say,
                on_text=self._on_rfq_text,
                on_lost=_nothing_to_release,
                backoff=Backoff(random),
            )
            for address in _checked(rfq_assets)
        ]
        self._connections = [self._maker, *self._sources]

    @property
    def is_open(self) -> bool:
        """Whether every socket is."""
        return all(connection.is_open for connection in self._connections)

    async def start(self) -> None:
        """Open every socket, the maker's first, so that no RFQ arrives that could not be answered.

        Raises:
            ConfigError, VenueError: the first connect failed; nothing is left running.
        """
        try:
            await self._maker.start()
            _raise_first(await asyncio.gather(*(each.start() for each in self._sources), return_exceptions=True))
        except BaseException:
            await self.stop()
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

    def signed(self, _leg: QuoteLeg, valid_for_s: int) -> Signed:
        """What the signature of a quote allows: no fee, for as long as it is valid."""
        return Signed(life_ns=valid_for_s * NANOS)

    def barred(self) -> str:
        """Why no quote could leave now, in words; empty when one could."""
        return "" if self._maker.is_open else "the maker socket is down"

    def send_quote(self, request: RyskRequest, quote: QuoteSent) -> None:
        """Sign and send. The intent must be in the journal before.

        Raises:
            Disconnected: the maker socket is down; nothing was sent.
        """
        signature = self._key.sign(request, quote)
        self._maker.send_text(codec.build_quote(request, quote, self._key.maker, signature))

    def send_frame(self, frame: memoryview) -> None:
        """Send a quote that is signed and built. The intent must be in the journal before.

        Raises:
            Disconnected: the maker socket is down; nothing was sent.
        """
        self._maker.send_text(frame)

    async def positions(self) -> list[RyskPosition]:
        """What the venue holds for our maker.

        Raises:
            VenueError: `Disconnected`, `Refused`, or `OutcomeUnknown` when no answer came.
            BadFrame: an answer came that we cannot read.
        """
        return account.parse_positions(await self._asking.ask(account.POSITIONS), self._assets)

    async def balances(self) -> dict[str, int]:
        """What our maker may spend there: units of each token (of its own decimals) by its address.

        Raises:
            VenueError, BadFrame: as for `positions`.
        """
        return account.parse_balances(await self._asking.ask(account.BALANCES))

    async def transfer(self, transfer: Transfer) -> None:
        """Deposit or withdraw; returns when the venue has accepted it. The intent must be in the journal before.

        Raises:
            ConfigError, VenueError: see `Transfers.send`.
        """
        await self._transfers.send(transfer, self._clock_ns() // NANOS)

    async def _on_maker_open(self) -> None:
        self._events.on_maker_open()

    def _on_maker_lost(self, _reason: CloseReason) -> None:
        self._asking.cut_off()
        self._transfers.cut_off()

    def _on_rfq_text(self, text: memoryview) -> None:
        now_ns = self._clock_ns()
        is_settled = self._events.on_rfq_frame(text, now_ns)
        try:
            request = codec.parse_rfq(text, now_ns, self._assets)
        except BadFrame as error:
            self._events.on_bad_frame(error)
            return
        if request is None:
            return
        self._tell_old(request.schema)
        if is_settled:
            self._events.on_settled(request)
        else:
            self._events.on_request(request)

    def _on_maker_text(self, text: memoryview) -> None:
        try:
            event = codec.parse_maker_frame(text, self._clock_ns(), self._key.maker, self._assets)
        except BadFrame as error:
            self._events.on_bad_frame(error)
            return
        if isinstance(event, Fill):
            self._events.on_fill(event)
        elif isinstance(event, AccountAnswer):
            if not self._asking.on_answer(event):
                self._events.on_bad_frame(
                    BadFrame("rysk: an answer that was not asked for", reason=Reason.UNKNOWN_KIND)
                )
        elif event is not None and not self._transfers.on_answer(event):
            self._events.on_answer(event)

    def _tell_old(self, schema: Schema) -> None:
        """Once: a venue that speaks an older schema refuses our signatures without saying why."""
        if schema is not Schema.CURRENT and schema not in self._old_schemas:
            self._old_schemas.add(schema)
            log.warning("rysk: RFQs come in %s; we sign the current one, which this venue may not take", schema)


def _raise_first(results: list[BaseException | None]) -> None:
    for failure in filter(None, results):
        raise failure


async def _nothing_to_say() -> None:
    """There is no subscription: the path is what one listens to."""


def _nothing_to_release(_reason: CloseReason) -> None:
    """Nobody waits for an answer on a socket that only pushes."""


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
