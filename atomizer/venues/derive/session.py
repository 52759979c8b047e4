"""A trading session at Derive: connect, log in, protect, listen, trade, and come back after a loss.

Implements `MarketView`, `OrderVenue` and `ProtectingVenue`. What the venue says is emitted as it comes, duplicates
included; the order table is who knows better.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import Any, Final

from atomizer._core.book import Book
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
from atomizer.errors import BadFrame, ConfigError, Refused, VenueError
from atomizer.net.channels import Channels, Feed, Notice
from atomizer.net.clock import ClockOffset, keep_checking
from atomizer.net.line import Line
from atomizer.net.rpc import NANOS_PER_S
from atomizer.net.websocket import CloseReason
from atomizer.venues.derive import protection
from atomizer.venues.derive.account_codec import Account, SubaccountState, parse_positions, parse_subaccount
from atomizer.venues.derive.auth import Credentials
from atomizer.venues.derive.budgets import Budgets
from atomizer.venues.derive.codec import build_request, parse_message
from atomizer.venues.derive.codes import OVERTAKEN
from atomizer.venues.derive.delivery import fetch_delivery_prices
from atomizer.venues.derive.funding import fetch_funding
from atomizer.venues.derive.maker import Maker, MakerEvents
from atomizer.venues.derive.market import MarketData
from atomizer.venues.derive.market_codec import book_channel, parse_tape, tape_channel
from atomizer.venues.derive.opening import (
    INSTRUMENT_KINDS,
    check_clock,
    check_key,
    fetch_account,
    fetch_listings,
    leave_expired_key,
    log_in,
    protect,
    subscribe,
    unsubscribe,
)
from atomizer.venues.derive.orders import OrderDesk
from atomizer.venues.derive.pen import Pen
from atomizer.venues.derive.profile import VENUE, Profile
from atomizer.venues.derive.rfq_side import RfqSide
from atomizer.venues.derive.rfq_terms import RfqTerms
from atomizer.venues.derive.taker import Taker

log = logging.getLogger(__name__)

FIRST_MESSAGES_WITHIN_S: Final = 5
LISTINGS_EVERY_S: Final = 300  # new expiries and strikes appear while we run


class DeriveSession:
    """One subaccount's presence at one deployment.

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
        reader: FrameReader | None = None,
        last_nonce: int = 0,
        max_clock_offset_ns: int = NANOS_PER_S,
        on_trade: Callable[[PublicTrade], None] | None = None,
        random: Random | None = None,
    ) -> None:
        self._profile = profile
        self._credentials = credentials
        self._subject: dict[str, object] = {"subaccount_id": credentials.subaccount_id}
        self._underlyings = tuple(underlyings)
        self._emit = emit
        self._now_ns = now_ns
        self._reader = reader
        self._on_trade = on_trade
        self._nonces = profile.nonces(last_nonce)
        self._max_clock_offset_ns = max_clock_offset_ns
        self._market = MarketData(listeners)
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
        self._rpc.on_fault = partial(leave_expired_key, self.line.drop)
        desk = profile, credentials, self._rpc, self._market, self.line.echoes
        self._orders = OrderDesk(*desk, emit=emit, now_ns=now_ns)
        terms = RfqTerms(profile, credentials, self._market)
        self._rfqs = RfqSide(
            profile, credentials, self._rpc, self._market, terms, listen=self._listen_for_rfqs, now_ns=now_ns
        )
        self.taker = Taker(credentials, self._rpc, terms, self.next_nonce)
        self._channels = Channels(VENUE, partial(subscribe, self._rpc), partial(unsubscribe, self._rpc))
        self.clock_offset: ClockOffset | None = None

    # --- life

    async def start(self) -> None:
        """Everything up to `Connected`.

        Raises:
            ConfigError: the wallet, key, subaccount, underlyings or this machine's clock will not do: says which.
            VenueError, BadFrame: the venue said no, could not be reached or not be understood.
        """
        await self.line.start(self._orders.wake, self._flush)
        self.line.chores.do(self._keep_listings())
        self.line.chores.do(keep_checking(VENUE, self._check_clock, lambda: self.is_open))

    async def wait(self) -> None:
        """Until `stop`, or until something broke that no reconnect repairs: that is raised here."""
        await self.line.chores.wait()

    async def stop(self) -> None:
        """Leave. Orders that still rest are cancelled by the venue (cancel on disconnect)."""
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

    def pen(self, label_prefix: str, *, is_protected: bool) -> Pen:
        """For orders that the compiled lane signs and writes."""
        parts = self._profile, self._credentials, self._market, self._orders, self._rpc
        pen = Pen(
            *parts,
            socket=self.line.writer,
            now_ns=self._now_ns,
            nonces=self._nonces,
            label_prefix=label_prefix,
            is_protected=is_protected,
        )
        self._budgets.on_taken = pen.pace
        return pen

    def book_channel(self, name: str) -> str:
        """The channel that an instrument's book comes on."""
        return book_channel(name)

    def volatility(self, underlying: str) -> None:
        """Derive has no index of it."""

    def renew_book(self, name: str) -> None:
        """Nothing to do: each frame of Derive's is the whole book."""

    @property
    def names(self) -> list[str]:
        """Names of all listed instruments."""
        return self._market.names

    # --- OrderVenue

    def next_nonce(self, now_ns: int) -> int:
        return self._nonces.next(now_ns)

    def signed(self, instrument: str) -> Signed:
        return self._orders.signed(instrument)

    def place(self, order: OrderPlaced, now_ns: int) -> None:
        """Sign and send; the outcome comes as `OrderUpdate`. The intent must be in the journal before."""
        self._orders.place(order, now_ns)

    def replace(self, order: OrderPlaced, now_ns: int) -> None:
        """Place an order instead of the one that it `replaces`: see `OrderDesk.replace`."""
        self._orders.replace(order, now_ns)

    def cancel(self, cancel: CancelSent, now_ns: int) -> None:  # noqa: ARG002  the port's signature
        self._orders.cancel(cancel)

    async def open_orders(self) -> list[OrderUpdate]:
        return await self._orders.open_orders()

    async def fills_since(self, since_ms: int) -> list[Fill]:
        return await self._orders.fills_since(since_ms)

    async def resolve(self, order: OrderPlaced) -> None:
        """End an unknown outcome: see `OrderDesk.resolve`."""
        await self._orders.resolve(order)

    async def cancel_all(self, instrument: str = "") -> None:
        """Cancel everything of this subaccount, or of one instrument; ask `open_orders` whether it is gone."""
        await self._orders.cancel_all(instrument)
        if not instrument:
            await self._rfqs.withdraw()

    # --- ProtectingVenue

    async def protect(self, wanted: Protection) -> ProtectionState:
        return await protection.protect(self._rpc, self._credentials.subaccount_id, wanted)

    async def protections(self) -> list[ProtectionState]:
        return await protection.fetch_protections(self._rpc, self._credentials.subaccount_id)

    async def reset_protection(self, underlying: str) -> None:
        await protection.reset_protection(self._rpc, self._credentials.subaccount_id, underlying)

    # --- RFQs

    async def answer_rfqs(self, events: MakerEvents, protections: Sequence[Protection] = ()) -> Maker:
        """Take part as an RFQ maker from now on, also after a loss: see `RfqSide.answer`."""
        return await self._rfqs.answer(events, protections)

    async def _listen_for_rfqs(self, maker: Maker) -> None:
        await self._listen_privately(
            {maker.rfq_channel: maker.on_rfqs, maker.quote_channel: self.line.private(maker.on_quotes)}
        )

    # --- the venue's own ledger

    async def positions(self) -> list[LedgerPosition]:
        """What the venue holds for us, in its own figures."""
        return parse_positions(await self._rpc.ask("private/get_positions", self._subject))

    async def funding_since(self, since_ms: int) -> list[FundingPaid]:
        return await fetch_funding(self._rpc, self._subject, since_ms, self._now_ns())

    async def delivery_prices(self, underlying: str) -> dict[int, int]:
        """USD for one coin, in nanos, at each expiry (unix seconds) that has a price."""
        return await fetch_delivery_prices(self._rpc, underlying)

    async def subaccount(self) -> SubaccountState:
        """Value and margins, in the venue's own figures."""
        return parse_subaccount(await self._rpc.ask("private/get_subaccount", self._subject))

    async def account(self) -> Account:
        return await fetch_account(self._rpc, self._credentials)

    # --- opening

    async def _on_open(self) -> None:
        await self._check_clock()
        await log_in(self._rpc, self._profile, self._credentials, self._now_ns())
        await check_key(self._rpc, self._credentials, self._now_ns())
        self._budgets.adopt(await protect(self._rpc, self._profile, self._credentials, self._now_ns))
        subaccount_id = self._credentials.subaccount_id
        await self._listen_privately(
            {
                f"{subaccount_id}.orders": self.line.private(self._orders.on_orders),
                f"{subaccount_id}.trades": self.line.private(self._orders.on_trades),
            }
        )
        for order in await self._orders.open_orders():
            self._emit(order)
        await self._refresh_listings()
        await self._listen_to_tape()
        await self._channels.all_heard(FIRST_MESSAGES_WITHIN_S)
        await self._rfqs.on_open()
        self._orders.is_open = True
        if self._reader is not None:  # until now every channel had to be heard here: that is how we know that it speaks
            self.line.read_first(self._reader.ticks)
        self._emit(Connected(now_ns=self._now_ns(), venue=VENUE, silent_channels=self._channels.silent_count))

    async def _check_clock(self) -> None:
        self.clock_offset = await check_clock(self._rpc, self._now_ns, self._max_clock_offset_ns)

    async def _listen_to_tape(self) -> None:
        """Only where somebody hears it; without it nothing is missing that we trade by."""
        kinds = INSTRUMENT_KINDS if self._on_trade is not None else ()
        tapes = [tape_channel(kind, underlying) for kind in kinds for underlying in self._underlyings]
        refused = await self._channels.listen(dict.fromkeys(tapes, self._on_tape), speaks_first=False)
        for channel, words in refused.items():
            log.warning("%s: not subscribed to %s: %s", VENUE, channel, words)

    async def _listen_privately(self, feeds: dict[str, Feed]) -> None:
        refused = await self._channels.listen(feeds, speaks_first=False)
        if refused:
            raise Refused(VENUE, "; ".join(f"{name}: {words}" for name, words in refused.items()), request="subscribe")

    async def _refresh_listings(self) -> None:
        """Ask what is listed; subscribe to what is new of it, and leave what is gone."""
        before = self._market.feeds().keys()
        self._market.replace_listings(await fetch_listings(self._rpc, self._underlyings))
        feeds = self._market.feeds()
        gone = [channel for channel in before - feeds.keys() if channel in self._channels.names]
        if gone:
            await self._channels.leave(gone)
        new = {channel: feed for channel, feed in feeds.items() if channel not in self._channels.names}
        for channel, words in (await self._channels.listen(new, speaks_first=True)).items():
            log.warning("%s: not subscribed to %s: %s", VENUE, channel, words)

    # --- what comes

    def _on_text(self, text: memoryview) -> None:
        now_ns = self._now_ns()
        where = ""
        try:
            message = parse_message(text)
            if isinstance(message, Notice):
                where = message.channel
                self._channels.on_notice(message, now_ns)
            else:
                self._rpc.on_answer(message)
        except BadFrame as error:
            self.line.count(error, where or "frame")
        if self._reader is not None and where and self._orders.is_open:
            self._reader.on_channel(where, now_ns)

    def _on_tape(self, data: Any, now_ns: int) -> None:
        for trade in parse_tape(data, now_ns):
            if self._on_trade is not None and self._market.listing(trade.instrument) is not None:
                self._on_trade(trade)

    def _on_lost(self, reason: CloseReason) -> None:
        was_open = self._orders.is_open
        self._orders.forget()
        self._rfqs.on_lost()
        self._market.darken()
        self._channels.forget()
        self._rpc.cut_off()
        if was_open:
            self._emit(Lost(now_ns=self._now_ns(), venue=VENUE, reason=reason))

    # --- chores

    def _flush(self) -> None:
        self._orders.flush()
        self._rfqs.tick(self._now_ns())

    async def _keep_listings(self) -> None:
        while True:
            await asyncio.sleep(LISTINGS_EVERY_S)
            if self._orders.is_open:  # else the next opening refreshes
                try:
                    await self._refresh_listings()
                except (VenueError, BadFrame, ConfigError) as error:
                    log.warning("%s: the list of instruments stays as it was: %s", VENUE, error)
