"""A presence at Deribit without a socket: requests over HTTP, for commands that ask or do one thing and end.

The venue cancels orders with the connection that placed them where that was asked for; what goes over HTTP belongs to
no connection, so an order that a person places stays when the command ends.
"""

import asyncio
import logging
import secrets
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

from atomizer._core.book import Book
from atomizer.domain.instruments import Instrument
from atomizer.domain.session import Connected, LedgerPosition, OpenOrder, Wiring
from atomizer.domain.trading import CancelSent, Fill, FundingPaid, Mark, OrderPlaced, OrderUpdate, Side, Signed
from atomizer.errors import BadFrame, ConfigError, Refused
from atomizer.net import http
from atomizer.net.clock import ClockOffset
from atomizer.net.echoes import Echoes
from atomizer.net.http_rpc import HttpRpc
from atomizer.net.rpc import Answer
from atomizer.venues.deribit.account_codec import parse_positions
from atomizer.venues.deribit.auth import Credentials
from atomizer.venues.deribit.budgets import Budgets
from atomizer.venues.deribit.codec import build_request, parse_login, parse_message
from atomizer.venues.deribit.delivery import fetch_delivery_prices
from atomizer.venues.deribit.funding import fetch_funding
from atomizer.venues.deribit.market import BookKind, MarketData
from atomizer.venues.deribit.market_codec import ticker_channel
from atomizer.venues.deribit.opening import check_clock, currencies_of, fetch_listings
from atomizer.venues.deribit.orders import OrderDesk
from atomizer.venues.deribit.profile import NANOS_PER_MS, VENUE, Profile
from atomizer.venues.deribit.wire import Identity, Millis, Name, Word, contract_of, nanos, read

log = logging.getLogger(__name__)

BOOK_DEPTH: Final = 20
AT_ONCE: Final = 10  # requests for prices: far below the venue's burst of a hundred
NONCE_BYTES: Final = 8


class _WireToken(msgspec.Struct):
    access_token: Word


class _WireOpen(msgspec.Struct):
    order_id: Identity
    instrument_name: Name
    direction: Literal["buy", "sell"]
    price: msgspec.Raw  # a number, or "market_price" for one that waits for its trigger
    amount: Decimal
    creation_timestamp: Millis
    filled_amount: Decimal = Decimal(0)
    label: Word = ""


class DeribitRest:
    """One account over HTTP, or without credentials the public part only. Prices are as of `fetch_prices`."""

    name = VENUE
    keeps_orders = True

    def __init__(self, profile: Profile, credentials: Credentials | None, wiring: Wiring) -> None:
        self._profile = profile
        self._credentials = credentials
        self._wiring = wiring
        self.address = rest_base(profile)
        self._token = ""
        self._nonces = profile.nonces(wiring.last_nonce)
        self._market = MarketData(_unheard, wiring.listeners, BookKind.GROUPED)
        self._http = HttpRpc(VENUE, build_request, Budgets().of, self._post)
        self._rpc = self._http.rpc
        unheard = Echoes()  # there is no channel that could owe any
        self._orders = OrderDesk(self._rpc, self._market, unheard, emit=wiring.emit, now_ns=wiring.now_ns)
        self.clock_offset: ClockOffset | None = None

    async def start(self) -> None:
        """Clock, login if we have an account, listings.

        Raises:
            ConfigError, VenueError, BadFrame: as for a session.
        """
        self._http.start(self._orders.flush)
        try:
            self.clock_offset = await check_clock(self._rpc, self._wiring.now_ns, self._wiring.max_clock_offset_ns)
            self._market.platform.on_status(await self._rpc.ask("public/status", {}))
            await self._log_in()
            if self._wiring.underlyings:
                self._market.replace_listings(await fetch_listings(self._rpc, self._wiring.underlyings))
        except BaseException:
            await self.stop()
            raise
        self._wiring.emit(Connected(now_ns=self._wiring.now_ns(), venue=VENUE, silent_channels=0))

    async def wait(self) -> None:
        await self._http.chores.wait()

    async def stop(self) -> None:
        await self._http.stop()

    @property
    def is_open(self) -> bool:
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
        return self._market.names

    async def fetch_prices(self, names: Iterable[str]) -> None:
        """Mark and book of these instruments, as of now."""
        listed = [name for name in names if self._market.listing(name) is not None]
        for at in range(0, len(listed), AT_ONCE):
            await asyncio.gather(*(self._fetch_price(name) for name in listed[at : at + AT_ONCE]))

    async def _fetch_price(self, name: str) -> None:
        """One answer is both: the ticker's fields, and the best levels of the book."""
        venue_name = self._market.venue_name(name)
        params: dict[str, object] = {"instrument_name": venue_name, "depth": BOOK_DEPTH}
        answer = await self._rpc.ask("public/get_order_book", params)
        now_ns, feeds = self._wiring.now_ns(), self._market.feeds()
        feeds[ticker_channel(venue_name)](answer, now_ns)
        feeds[self._market.book_channel(name)](answer, now_ns)

    # --- OrderVenue

    def next_nonce(self, now_ns: int) -> int:
        return self._nonces.next(now_ns)

    def signed(self, instrument: str) -> Signed:  # noqa: ARG002  the port's signature
        return Signed()

    def place(self, order: OrderPlaced, now_ns: int) -> None:
        self._orders.place(order, now_ns)

    def replace(self, order: OrderPlaced, now_ns: int) -> None:
        self._orders.replace(order, now_ns)

    def cancel(self, cancel: CancelSent, now_ns: int) -> None:  # noqa: ARG002  the port's signature
        self._orders.cancel(cancel)

    async def open_orders(self) -> list[OrderUpdate]:
        return await self._orders.open_orders()

    async def fills_since(self, since_ms: int) -> list[Fill]:
        return await self._orders.fills_since(since_ms, currencies_of(self._wiring.underlyings))

    async def resolve(self, order: OrderPlaced) -> None:
        await self._orders.resolve(order)

    async def cancel_all(self, instrument: str = "") -> None:
        await self._orders.cancel_all(instrument)

    async def positions(self) -> list[LedgerPosition]:
        return parse_positions(await self._rpc.ask("private/get_positions", {"currency": "any"}))

    async def funding_since(self, since_ms: int) -> list[FundingPaid]:
        return await fetch_funding(self._rpc, currencies_of(self._wiring.underlyings), since_ms, self._wiring.now_ns())

    async def delivery_prices(self, underlying: str) -> dict[int, int]:
        return await fetch_delivery_prices(self._rpc, self._market.index_of(underlying))

    # --- what a person asks

    async def validate(self, order: OrderPlaced) -> str:
        """What can be said without placing it: Deribit has no call for that, and signs nothing order by order."""
        if self.instrument(order.instrument) is None:
            raise Refused(VENUE, f"{order.instrument} is not listed here", request="order")
        return "nothing to sign: the venue knows us by the login, and has no call that tries an order"

    async def resting(self) -> list[OpenOrder]:
        """What rests on this account, whoever placed it."""
        orders: list[OpenOrder] = []
        for wire in read(await self._rpc.ask("private/get_open_orders", {}), list[_WireOpen], "open orders"):
            what = f"order {wire.order_id}"
            try:
                contract = contract_of(wire.instrument_name, what)
            except BadFrame as error:
                log.warning("%s: %s", VENUE, error)
                continue
            orders.append(
                OpenOrder(
                    client_id=wire.label,
                    order_id=wire.order_id,
                    instrument=contract.name,
                    side=Side.BUY if wire.direction == "buy" else Side.SELL,
                    price_nanos=_price_nanos(wire.price, what),
                    amount_nanos=nanos(wire.amount, f"{what} amount"),
                    filled_nanos=nanos(wire.filled_amount, f"{what} filled_amount"),
                    created_ns=wire.creation_timestamp * NANOS_PER_MS,
                )
            )
        return orders

    async def _log_in(self) -> None:
        mine = self._credentials
        if mine is None:
            return
        params = mine.build_login(self._wiring.now_ns() // NANOS_PER_MS, secrets.token_hex(NONCE_BYTES))
        request = f"login of key {mine.api_key} at {self._profile.name}"
        answer = await self._rpc.ask("public/auth", params, request=request)
        login = parse_login(answer)
        self._token = read(answer, _WireToken, "login").access_token
        if "trade:read_write" not in login.scopes:
            raise ConfigError(f"key {mine.api_key} lacks the scope trade:read_write: grant it on Deribit's API page")
        self._orders.is_open = True

    # --- requests

    async def _post(self, request: dict[str, Any], frame: bytes) -> Answer:
        """HTTP takes a request in the socket's form as it is."""
        method = request["method"]
        headers = {"Authorization": f"Bearer {self._token}"} if method.startswith("private/") else {}
        message = parse_message(await http.post(VENUE, f"{self.address}/{method}", frame, headers))
        if not isinstance(message, Answer):
            raise BadFrame("not an answer", reason="unknown_kind")
        return message


def rest_base(profile: Profile) -> str:
    """``wss://www.deribit.com/ws/api/v2`` → ``https://www.deribit.com/api/v2`` (protocol sheet §1)."""
    return profile.url.replace("ws", "http", 1).replace("/ws/", "/", 1)


def _unheard(_channel: str) -> None:
    """A book that cannot be believed stays dark: the next look asks for it again anyway."""


def _price_nanos(raw: msgspec.Raw, what: str) -> int:
    """0 for what has no price of its own."""
    text = bytes(raw).decode()
    return 0 if text == '"market_price"' else nanos(read(raw, Decimal, what), f"{what} price")
