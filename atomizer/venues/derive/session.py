"""A trading session at Derive: connect, log in, protect, listen, trade, and come back after a loss.

Implements `MarketView` and `OrderVenue`. What the venue says is emitted as it comes, duplicates included; the order
table is who knows better.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

import msgspec

from atomizer._core.book import Book
from atomizer.domain.instruments import Instrument
from atomizer.domain.trading import CancelSent, Fill, Mark, OrderPlaced, OrderUpdate
from atomizer.errors import BadFrame, ConfigError, Refused
from atomizer.net.backoff import Backoff
from atomizer.net.clock import ClockOffset, ClockSample, measure_offset
from atomizer.net.connection import Connection
from atomizer.net.websocket import CloseReason
from atomizer.venues.derive.account_codec import (
    Account,
    LedgerPosition,
    parse_account,
    parse_login,
    parse_positions,
)
from atomizer.venues.derive.auth import Credentials, build_login
from atomizer.venues.derive.codec import Notice, parse_message, parse_subscribed, parse_time
from atomizer.venues.derive.codes import CHANNELS, NO_SUCH_CURRENCY
from atomizer.venues.derive.market import Feed, MarketData
from atomizer.venues.derive.market_codec import Listing, build_instruments, parse_instruments
from atomizer.venues.derive.orders import OrderDesk
from atomizer.venues.derive.profile import NANOS_PER_MS, VENUE, Profile, Version
from atomizer.venues.derive.rpc import NANOS_PER_S, Rpc

log = logging.getLogger(__name__)

CLOCK_SAMPLES: Final = 3
CHANNELS_PER_CALL: Final = 100
FIRST_MESSAGES_WITHIN_S: Final = 5
HOUSEKEEPING_S: Final = 0.1
INSTRUMENT_KINDS: Final = ("option", "perp")
MOST_PAGES: Final = 100


class Connected(msgspec.Struct, frozen=True, kw_only=True):
    """Logged in, protected and listening: now ask for open orders and fills, and square them with our own."""

    now_ns: int
    venue: str
    silent_channels: int  # subscribed, and nothing came yet: those books are dark


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """The connection is gone: every book is dark, and the venue cancels our orders (cancel on disconnect)."""

    now_ns: int
    venue: str
    reason: str


Event = OrderUpdate | Fill | Connected | Lost


class DeriveSession:
    """One subaccount's presence at one deployment.

    `emit` is called synchronously, from the socket's callback or from our housekeeping; what it raises ends the session
    and comes out of `wait`. `now_ns` is the wall clock.
    """

    name = VENUE

    def __init__(
        self,
        profile: Profile,
        credentials: Credentials,
        *,
        underlyings: Sequence[str],
        emit: Callable[[Event], None],
        now_ns: Callable[[], int],
        last_nonce: int = 0,
        max_clock_offset_ns: int = NANOS_PER_S,
        random: Random | None = None,
    ) -> None:
        self._profile = profile
        self._credentials = credentials
        self._underlyings = tuple(underlyings)
        self._emit = emit
        self._now_ns = now_ns
        self._last_nonce = last_nonce
        self._max_clock_offset_ns = max_clock_offset_ns
        self._market = MarketData()
        self._connection = Connection(
            VENUE,
            profile.url,
            on_open=self._on_open,
            on_text=self._on_text,
            on_lost=self._on_lost,
            backoff=Backoff(random or Random()),  # noqa: S311  jitter, not a secret
        )
        self._rpc = Rpc(self._connection.send_text)
        self._orders = OrderDesk(profile, credentials, self._rpc, self._market, emit=emit, now_ns=now_ns)
        self._feeds: dict[str, Feed] = {}
        self._silent: set[str] = set()  # market channels without a first message
        self._all_heard = asyncio.Event()
        self._housekeeper: asyncio.Task[None] | None = None
        self.clock_offset: ClockOffset | None = None
        self.bad_frames: Counter[str] = Counter()

    # --- life

    async def start(self) -> None:
        """Everything up to `Connected`.

        Raises:
            ConfigError: the wallet, key, subaccount, underlyings or this machine's clock will not do: says which.
            VenueError, BadFrame: the venue said no, could not be reached or not be understood.
        """
        self._housekeeper = asyncio.create_task(self._keep_house(), name=f"{VENUE} housekeeping")
        try:
            await self._connection.start()
        except BaseException:
            await self.stop()
            raise

    async def wait(self) -> None:
        """Until `stop`, or until something broke that no reconnect repairs: that is raised here."""
        if self._housekeeper is None:
            return
        supervision = asyncio.ensure_future(self._connection.wait())
        try:
            await asyncio.wait([supervision, self._housekeeper], return_when=asyncio.FIRST_COMPLETED)
            if supervision.done():
                supervision.result()
            if self._housekeeper.done() and not self._housekeeper.cancelled():
                self._housekeeper.result()
        finally:
            supervision.cancel()

    async def stop(self) -> None:
        """Leave. Orders that still rest are cancelled by the venue (cancel on disconnect)."""
        if self._housekeeper is not None:
            self._housekeeper.cancel()
            await asyncio.wait([self._housekeeper])
        await self._connection.stop()

    @property
    def is_open(self) -> bool:
        """Whether new orders may leave."""
        return self._orders.is_open

    # --- MarketView

    def instrument(self, name: str) -> Instrument | None:
        listing = self._market.listing(name)
        return listing.instrument if listing is not None else None

    def book(self, name: str) -> Book | None:
        return self._market.book(name)

    def mark(self, name: str) -> Mark | None:
        return self._market.mark(name)

    @property
    def names(self) -> list[str]:
        """Names of all listed instruments."""
        return self._market.names

    # --- OrderVenue

    def next_nonce(self, now_ns: int) -> int:
        self._last_nonce = self._profile.next_nonce(now_ns, self._last_nonce)
        return self._last_nonce

    def place(self, order: OrderPlaced, now_ns: int) -> None:
        """Sign and send; the outcome comes as `OrderUpdate`. The intent must be in the journal before."""
        self._orders.place(order, now_ns)

    def cancel(self, cancel: CancelSent, now_ns: int) -> None:  # noqa: ARG002  the port's signature
        self._orders.cancel(cancel)

    async def open_orders(self) -> list[OrderUpdate]:
        return await self._orders.open_orders()

    async def fills_since(self, since_ms: int) -> list[Fill]:
        return await self._orders.fills_since(since_ms)

    async def resolve(self, order: OrderPlaced) -> None:
        """End an unknown outcome: see `OrderDesk.resolve`."""
        await self._orders.resolve(order)

    async def cancel_all(self) -> None:
        """Cancel everything of this subaccount; ask `open_orders` whether it is gone."""
        await self._orders.cancel_all()

    # --- the venue's own ledger

    async def positions(self) -> list[LedgerPosition]:
        """What the venue holds for us, in its own figures."""
        return parse_positions(await self._rpc.ask("private/get_positions", self._subject))

    async def account(self) -> Account:
        return parse_account(await self._rpc.ask("private/get_account", {"wallet": self._credentials.wallet}))

    @property
    def _subject(self) -> dict[str, object]:
        return {"subaccount_id": self._credentials.subaccount_id}

    # --- opening

    async def _on_open(self) -> None:
        await self._check_clock()
        await self._log_in()
        self._rpc.adopt_limits(await self._protect())
        await self._load_instruments()
        await self._listen_privately()
        for order in await self._orders.open_orders():
            self._emit(order)
        await self._listen_to_markets()
        self._orders.is_open = True
        self._emit(Connected(now_ns=self._now_ns(), venue=VENUE, silent_channels=len(self._silent)))

    async def _check_clock(self) -> None:
        samples = []
        for _ in range(CLOCK_SAMPLES):
            sent_ns = self._now_ns()
            venue_ns = parse_time(await self._rpc.ask("public/get_time", {}))
            samples.append(ClockSample(sent_ns, venue_ns, self._now_ns()))
        offset = self.clock_offset = measure_offset(samples, NANOS_PER_MS)
        if offset.exceeds(self._max_clock_offset_ns):
            way = "behind" if offset.offset_ns > 0 else "ahead of"
            raise ConfigError(
                f"this machine's clock is {abs(offset.offset_ns) / NANOS_PER_S:.3f} s {way} Derive's, more than the"
                f" {self._max_clock_offset_ns / NANOS_PER_S:g} s allowed: run a time service such as chrony"
            )

    async def _log_in(self) -> None:
        mine = self._credentials
        request = f"login of key {mine.signer_address} for wallet {mine.wallet} at {self._profile.name}"
        params = build_login(mine, self._now_ns() // NANOS_PER_MS)
        usable = parse_login(await self._rpc.ask("public/login", params, request=request))
        if mine.subaccount_id not in usable:
            raise ConfigError(
                f"DERIVE_SUBACCOUNT_ID {mine.subaccount_id} is not among those that key {mine.signer_address} may use:"
                f" {', '.join(map(str, usable)) or 'none'}"
            )

    async def _protect(self) -> Account:
        """Cancel on disconnect, set and read back."""
        account = await self.account()
        if account.cancel_on_disconnect:
            return account
        params: dict[str, object] = {"enabled": True}
        if self._profile.version is Version.V2:
            params["wallet"] = self._credentials.wallet
        await self._rpc.ask("private/set_cancel_on_disconnect", params)
        if self._profile.version is Version.V3:
            await self._log_in()  # v3 applies the setting to connections as they log in
        account = await self.account()
        if not account.cancel_on_disconnect:
            raise Refused(VENUE, "cancel on disconnect was set and is still off: no order may rest unprotected")
        return account

    async def _load_instruments(self) -> None:
        listings: list[Listing] = []
        for underlying in self._underlyings:
            found = [listing for kind in INSTRUMENT_KINDS for listing in await self._instruments(underlying, kind)]
            if not found:
                log.warning("%s: lists no option or perpetual of %s", VENUE, underlying)
            listings += found
        if not listings:
            raise ConfigError(f"Derive lists nothing of {', '.join(self._underlyings)}: correct the underlyings")
        self._market.replace_listings(listings)

    async def _instruments(self, underlying: str, kind: str) -> list[Listing]:
        listings: list[Listing] = []
        page, page_count = 1, 1
        while page <= min(page_count, MOST_PAGES):
            try:
                result = await self._rpc.ask("public/get_all_instruments", build_instruments(underlying, kind, page))
            except Refused as error:
                if error.code in NO_SUCH_CURRENCY:
                    return []
                raise
            found = parse_instruments(result)
            listings += found.listings
            for name, reason in found.skipped.items():
                log.warning("%s: %s is left out: %s", VENUE, name, reason)
            page, page_count = page + 1, found.page_count
        return listings

    async def _listen_privately(self) -> None:
        subaccount_id = self._credentials.subaccount_id
        feeds = {f"{subaccount_id}.orders": self._orders.on_orders, f"{subaccount_id}.trades": self._orders.on_trades}
        self._feeds = {channel: self._private(feed) for channel, feed in feeds.items()}
        refused = await self._subscribe(list(feeds))
        if refused:
            raise Refused(VENUE, "; ".join(f"{name}: {words}" for name, words in refused.items()), request="subscribe")

    async def _listen_to_markets(self) -> None:
        """Subscribe to every book and ticker, and wait a while for the first word of each: before it nothing counts."""
        feeds = self._market.feeds()
        self._feeds |= feeds
        self._silent = set(feeds)
        self._all_heard.clear()
        channels = list(feeds)
        for at in range(0, len(channels), CHANNELS_PER_CALL):
            for name, words in (await self._subscribe(channels[at : at + CHANNELS_PER_CALL])).items():
                log.warning("%s: not subscribed to %s: %s", VENUE, name, words)
        try:
            async with asyncio.timeout(FIRST_MESSAGES_WITHIN_S):
                await self._all_heard.wait()
        except TimeoutError:
            log.warning("%s: nothing heard of %d of %d channels yet", VENUE, len(self._silent), len(channels))

    async def _subscribe(self, channels: list[str]) -> dict[str, str]:
        """Words for each channel that was refused. One bad name can get a whole batch refused: then by halves."""
        try:
            return parse_subscribed(await self._rpc.ask("subscribe", {"channels": channels}), channels)
        except Refused as error:
            if error.code != CHANNELS:
                raise
            if len(channels) == 1:
                return {channels[0]: str(error)}
            half = len(channels) // 2
            return await self._subscribe(channels[:half]) | await self._subscribe(channels[half:])

    # --- what comes

    def _on_text(self, text: memoryview) -> None:
        try:
            message = parse_message(text)
            if isinstance(message, Notice):
                self._on_notice(message)
            else:
                self._rpc.on_answer(message)
        except BadFrame as error:
            self._count(error, "frame")

    def _on_notice(self, notice: Notice) -> None:
        feed = self._feeds.get(notice.channel)
        if feed is None:
            raise BadFrame(f"channel {notice.channel[:80]!r} was not subscribed", reason="unknown_channel")
        try:
            feed(notice.data, self._now_ns())
        except BadFrame as error:
            self._count(error, notice.channel)
            return
        if notice.channel in self._silent:
            self._silent.discard(notice.channel)
            if not self._silent:
                self._all_heard.set()

    def _private(self, feed: Feed) -> Feed:
        """A private channel that we cannot read leaves us not knowing our own orders: start over and ask."""

        def guarded(data: object, now_ns: int) -> None:
            try:
                feed(data, now_ns)
            except BadFrame as error:
                log.error("%s: unreadable private message, connecting again: %s", VENUE, error)  # noqa: TRY400
                self._connection.drop()
                raise

        return guarded

    def _on_lost(self, reason: CloseReason) -> None:
        was_open = self._orders.is_open
        self._orders.forget()
        self._market.darken()
        self._feeds = {}
        self._rpc.cut_off()
        if was_open:
            self._emit(Lost(now_ns=self._now_ns(), venue=VENUE, reason=reason))

    def _count(self, error: BadFrame, where: str) -> None:
        self.bad_frames[error.reason] += 1
        if self.bad_frames[error.reason] == 1:  # a broken feed must not flood the log; the counter goes on
            log.warning("%s %s: %s; further ones are only counted as %s", VENUE, where, error, error.reason)

    async def _keep_house(self) -> None:
        while True:
            try:
                async with asyncio.timeout(HOUSEKEEPING_S):
                    await self._orders.wake.wait()
            except TimeoutError:
                pass
            self._orders.wake.clear()
            self._rpc.expire()
            self._orders.flush()
