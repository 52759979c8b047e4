"""A trading session at Deribit: connect, log in, protect, listen, trade, and come back after a loss.

Implements `QuoteSession`. What the venue says is emitted as it comes, duplicates included; the
order table is who knows better. We never log out: Deribit keeps orders after a polite logout, and cancels them when the
socket is gone.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import Any, Final

from atomizer._core.book import Book
from atomizer._core.scan import channel_of
from atomizer.domain.instruments import Instrument
from atomizer.domain.ports import FrameReader, MarketListener
from atomizer.domain.session import Connected, Event, LedgerPosition, Lost, PublicTrade
from atomizer.domain.trading import (
    CancelSent,
    Fill,
    FundingPaid,
    Mark,
    OrderPlaced,
    OrderUpdate,
    Protection,
    ProtectionState,
    Signed,
)
from atomizer.errors import BadFrame, ConfigError, VenueError
from atomizer.net.channels import Feed, Notice
from atomizer.net.clock import ClockOffset, keep_checking
from atomizer.net.line import Line
from atomizer.net.rpc import NANOS_PER_S, Answer
from atomizer.net.websocket import CloseReason
from atomizer.venues.deribit.account_codec import Standing, parse_positions, parse_standing, parse_trip
from atomizer.venues.deribit.auth import Credentials
from atomizer.venues.deribit.block_maker import BlockMaker, MakerEvents
from atomizer.venues.deribit.blocks import BlockDesk
from atomizer.venues.deribit.budgets import Budgets
from atomizer.venues.deribit.codec import ORDERS, Heartbeat, Login, build_request, parse_message
from atomizer.venues.deribit.codes import OVERTAKEN
from atomizer.venues.deribit.delivery import fetch_delivery_prices
from atomizer.venues.deribit.funding import fetch_funding
from atomizer.venues.deribit.listening import Listening
from atomizer.venues.deribit.market import BookKind, MarketData
from atomizer.venues.deribit.opening import (
    check_clock,
    currencies_of,
    fetch_standings,
    introduce,
    leave_lost_login,
    log_in,
    may_quote_blocks,
    protect,
    renew,
)
from atomizer.venues.deribit.orders import OrderDesk
from atomizer.venues.deribit.pen import Pen
from atomizer.venues.deribit.platform import CHANNEL as PLATFORM
from atomizer.venues.deribit.profile import VENUE, Profile
from atomizer.venues.deribit.quoting import QuoteDesk

log = logging.getLogger(__name__)

FIRST_MESSAGES_WITHIN_S: Final = 5
RENEW_AT: Final = 0.8  # of a login's life


class DeribitSession:
    """One account's presence at one deployment.

    `emit` is called synchronously, from the socket's callback or from our housekeeping; what it raises ends the session
    and comes out of `wait`. `now_ns` is the wall clock.
    """

    name = VENUE
    overtaken = OVERTAKEN

    def __init__(
        self,
        profile: Profile,
        credentials: Credentials,
        *,
        underlyings: Sequence[str],
        emit: Callable[[Event], None],
        now_ns: Callable[[], int],
        listeners: Sequence[MarketListener] = (),
        last_nonce: int = 0,
        max_clock_offset_ns: int = NANOS_PER_S,
        reader: FrameReader | None = None,
        books: BookKind = BookKind.RAW,
        on_trade: Callable[[PublicTrade], None] | None = None,
        random: Random | None = None,
    ) -> None:
        self._profile = profile
        self._credentials = credentials
        self._underlyings = tuple(underlyings)
        self._emit = emit
        self._now_ns = now_ns
        self._nonces = profile.nonces(last_nonce)
        self._max_clock_offset_ns = max_clock_offset_ns
        self._budgets = Budgets()
        self.line = Line(
            VENUE,
            profile.url,
            build_request=build_request,
            budget_of=self._budgets.of,
            on_open=self._on_open,
            on_text=self._on_text,
            on_lost=self._on_lost,
            random=random,
        )
        self._rpc = self.line.rpc
        self._rpc.on_fault = partial(leave_lost_login, self.line.drop)
        self._reader = reader
        self._listening = Listening(self._rpc, self._underlyings, listeners, books, on_trade)
        self._market, self._channels = self._listening.market, self._listening.channels
        self._orders = OrderDesk(self._rpc, self._market, self.line.echoes, emit=self._tell, now_ns=now_ns)
        self._login: Login | None = None
        self._renew_at_s = 0.0
        self.quotes = QuoteDesk(self._rpc, emit=emit, now_ns=now_ns)
        self.blocks = BlockDesk(self._rpc, self._market, self.quotes, now_ns)
        self.standings: dict[str, Standing] = {}  # by currency
        self.clock_offset: ClockOffset | None = None

    # --- life

    async def start(self) -> None:
        """Everything up to `Connected`.

        Raises:
            ConfigError: the key, its scopes, the underlyings or this machine's clock will not do: says which.
            VenueError, BadFrame: the venue said no, could not be reached or not be understood.
        """
        await self.line.start(self._orders.wake, self._flush)
        self.line.chores.do(self._listening.keep_listings(lambda: self.is_open))
        self.line.chores.do(self._listening.keep_books(self.line.drop))
        self.line.chores.do(self._keep_login())
        self.line.chores.do(keep_checking(VENUE, self._check_clock, lambda: self.is_open))

    async def wait(self) -> None:
        """Until `stop`, or until something broke that no reconnect repairs: that is raised here."""
        await self.line.chores.wait()

    async def stop(self) -> None:
        """Leave by closing the socket, never by a logout: so the venue cancels what still rests."""
        await self.line.stop()

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
    def market(self) -> MarketData:
        """Tickers, indices and the USD view, beyond what every venue has."""
        return self._market

    def book_channel(self, name: str) -> str:
        """The channel that an instrument's book comes on."""
        return self._market.book_channel(name)

    def pen(self, label_prefix: str, *, is_protected: bool) -> Pen:
        """For orders that the compiled lane writes."""
        return Pen(
            self._market,
            self._orders,
            self._rpc,
            socket=self.line.writer,
            nonces=self._nonces,
            label_prefix=label_prefix,
            is_protected=is_protected,
        )

    def volatility(self, underlying: str) -> float | None:
        """The venue's index of what options in this coin cost, a fraction a year; None while it is not told."""
        index = self._market.volatility(underlying)
        return index.volatility if index is not None else None

    def renew_book(self, name: str) -> None:
        """The reader has lost the book's sequence: ask for this one anew."""
        self._listening.renew_book(name)

    @property
    def names(self) -> list[str]:
        """Names of all listed instruments."""
        return self._market.names

    # --- OrderVenue

    def next_nonce(self, now_ns: int) -> int:
        return self._nonces.next(now_ns)

    def signed(self, instrument: str) -> Signed:  # noqa: ARG002  the port's signature
        return Signed()

    def place(self, order: OrderPlaced, now_ns: int) -> None:
        """Send; the outcome comes as `OrderUpdate`. The intent must be in the journal before."""
        self._orders.place(order, now_ns)

    def replace(self, order: OrderPlaced, now_ns: int) -> None:
        """Cancel one order, and place the other once that has ended; its intent must be in the journal before."""
        self._orders.replace(order, now_ns)

    def cancel(self, cancel: CancelSent, now_ns: int) -> None:  # noqa: ARG002  the port's signature
        self._orders.cancel(cancel)

    async def open_orders(self) -> list[OrderUpdate]:
        return await self._orders.open_orders()

    async def fills_since(self, since_ms: int) -> list[Fill]:
        fills = await self._orders.fills_since(since_ms, currencies_of(self._underlyings))
        return [self.blocks.named(fill) for fill in fills]

    async def resolve(self, order: OrderPlaced) -> None:
        """End an unknown outcome: see `OrderDesk.resolve`."""
        await self._orders.resolve(order)

    async def cancel_all(self, instrument: str = "") -> None:
        """Cancel everything of this account, or of one instrument; ask `open_orders` whether it is gone."""
        await self._orders.cancel_all(instrument)
        if not instrument and self._login is not None and may_quote_blocks(self._login):
            await self.blocks.cancel_all()

    async def answer_rfqs(
        self, events: MakerEvents, protections: Sequence[Protection] = (), *, only_listens: bool = False
    ) -> BlockMaker:
        """Answer block RFQs from now on: see `BlockDesk.answer`. Raises ConfigError, too: the key may not quote any."""
        if self._login is None or not may_quote_blocks(self._login):
            raise ConfigError(f"key {self._credentials.api_key} lacks the scope block_rfq:read_write: grant it there")
        by_index = {self._market.index_of(wanted.underlying): wanted for wanted in protections}
        return await self.blocks.answer(events, by_index, only_listens=only_listens)

    @property
    def orders(self) -> OrderDesk:
        """Edits and the narrower cancels, beyond what every venue has."""
        return self._orders

    # --- ProtectingVenue

    async def protect(self, wanted: Protection) -> ProtectionState:
        return await self.quotes.protect(self._market.index_of(wanted.underlying), wanted)

    async def protections(self) -> list[ProtectionState]:
        indices = {self._market.index_of(underlying): underlying for underlying in self._underlyings}
        return await self.quotes.protections(indices)

    async def reset_protection(self, underlying: str) -> None:
        await self.quotes.reset(self._market.index_of(underlying))

    # --- the venue's own ledger

    async def positions(self) -> list[LedgerPosition]:
        """What the venue holds for us, in its own figures."""
        return parse_positions(await self._rpc.ask("private/get_positions", {"currency": "any"}))

    async def funding_since(self, since_ms: int) -> list[FundingPaid]:
        return await fetch_funding(self._rpc, currencies_of(self._underlyings), since_ms, self._now_ns())

    async def delivery_prices(self, underlying: str) -> dict[int, int]:
        """USD for one coin, in nanos, at each expiry (unix seconds) of the last months."""
        return await fetch_delivery_prices(self._rpc, self._market.index_of(underlying))

    # --- opening

    async def _on_open(self) -> None:
        await introduce(self._rpc)
        await self._check_clock()
        login = await log_in(self._rpc, self._profile, self._credentials, self._now_ns())
        self._keep(login)
        await protect(self._rpc)
        standings, limits = await fetch_standings(self._rpc)
        self._budgets.adopt(limits)
        self.standings = {standing.currency: standing for standing in standings}
        await self._listen(login)
        await self._channels.all_heard(FIRST_MESSAGES_WITHIN_S)
        await self.blocks.on_open()
        self._orders.is_open = True
        if self._reader is not None:  # until now every channel had to be heard here: that is how we know that it speaks
            self.line.read_first(self._reader.ticks)
        self._emit(Connected(now_ns=self._now_ns(), venue=VENUE, silent_channels=self._channels.silent_count))

    async def _check_clock(self) -> None:
        self.clock_offset = await check_clock(self._rpc, self._now_ns, self._max_clock_offset_ns)

    async def _listen(self, login: Login) -> None:
        feeds: dict[str, Feed] = {
            ORDERS: self.line.private(self._orders.on_changes),
            "user.portfolio.any": self._on_portfolio,
        }
        if may_quote_blocks(login):
            feeds["block_rfq.maker.any"] = self.blocks.on_rfq
            feeds["block_rfq.maker.quotes.any"] = self.blocks.on_quotes
        mine = [underlying for underlying in self._underlyings if currencies_of([underlying])]
        trips = {f"user.mmp_trigger.{self._market.index_of(underlying)}" for underlying in mine}
        feeds |= dict.fromkeys(sorted(trips), self._on_trip)
        await self._listening.listen_to_new({PLATFORM: self._on_platform}, speaks_first=False)
        self._market.platform.on_status(await self._rpc.ask("public/status", {}))
        if words := self._market.platform.words:
            log.warning("%s: %s: nothing is sent there", VENUE, words)
        await self._listening.listen_privately(ORDERS, feeds)
        for order in await self._orders.open_orders():
            self._emit(order)
        await self._listening.refresh()

    # --- what comes

    def _on_text(self, text: memoryview) -> None:
        now_ns = self._now_ns()
        channel = channel_of(text)
        try:
            feed = self._market.book_feed(channel) if channel is not None else None
            if channel is not None and feed is not None and feed.on_frame(text, now_ns):
                self._channels.has_spoken(channel)
            else:
                self._on_message(parse_message(text), now_ns)
        except BadFrame as error:
            self.line.count(error, channel or "frame")
        if self._reader is not None and channel is not None and self._orders.is_open:
            self._reader.on_channel(channel, now_ns)

    def _on_message(self, message: Answer | Notice | Heartbeat, now_ns: int) -> None:
        if isinstance(message, Notice):
            try:
                self._channels.on_notice(message, now_ns)
            except BadFrame as error:
                self.line.count(error, message.channel)
        elif isinstance(message, Heartbeat):
            self._on_heartbeat(message)
        else:
            self._rpc.on_answer(message)

    def _on_heartbeat(self, heartbeat: Heartbeat) -> None:
        if heartbeat.wants_answer:
            self._rpc.send("public/test", {}, _ignore)

    def _on_portfolio(self, data: Any, _now_ns: int) -> None:
        standing = parse_standing(data)
        self.standings[standing.currency] = standing

    def _on_platform(self, data: Any, now_ns: int) -> None:
        platform = self._market.platform
        before = platform.words
        platform.on_state(data)
        if platform.words != before:
            log.warning("%s: %s", VENUE, f"{platform.words}: nothing is sent there" if platform.words else "open again")
            self._orders.hold()
        for channel in self._market.obey():
            if self._reader is not None:
                self._reader.on_channel(channel, now_ns)

    def _on_trip(self, data: Any, _now_ns: int) -> None:
        trip = parse_trip(data)
        log.warning("%s: market maker protection of %s has tripped", VENUE, trip.index_name)
        self.quotes.on_trip(trip)

    def _tell(self, event: OrderUpdate | Fill) -> None:
        self._emit(self.blocks.named(event) if isinstance(event, Fill) else event)

    def _on_lost(self, reason: CloseReason) -> None:
        was_open = self._orders.is_open
        self._orders.forget()
        self.blocks.on_lost()
        self._listening.forget()
        self._login = None
        self._rpc.cut_off()
        if was_open:
            self._emit(Lost(now_ns=self._now_ns(), venue=VENUE, reason=reason))

    # --- chores

    def _flush(self) -> None:
        self._orders.flush()
        self.blocks.tick(self._now_ns())

    def _keep(self, login: Login) -> None:
        self._login = login
        self._renew_at_s = asyncio.get_running_loop().time() + login.expires_in_s * RENEW_AT

    async def _keep_login(self) -> None:
        while True:
            await asyncio.sleep(1)
            login = self._login
            if login is None or asyncio.get_running_loop().time() < self._renew_at_s:
                continue
            try:
                self._keep(await renew(self._rpc, self._profile, self._credentials, login, self._now_ns()))
            except (VenueError, BadFrame) as error:
                log.warning("%s: the login could not be renewed, connecting again: %s", VENUE, error)
                self.line.drop()


def _ignore(_result: object, _fault: object) -> None:
    """The answer to our sign of life."""
