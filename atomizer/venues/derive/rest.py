"""A presence at Derive without a socket: requests over HTTP, for commands that ask or do one thing and end.

The venue cancels an account's orders when a socket that is logged in drops, which may be a running trader's orders
(protocol sheet §5, "Cancel on disconnect"). Over HTTP nobody logs in, so nothing of that can happen, and an order that
a person places stays when the command ends.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final

import msgspec
import orjson

from atomizer._core.book import Book
from atomizer.domain.instruments import Instrument
from atomizer.domain.session import Connected, LedgerPosition, OpenOrder, Wiring
from atomizer.domain.trading import CancelSent, Fill, FundingPaid, Mark, OrderPlaced, OrderUpdate, Side, Signed
from atomizer.errors import ConfigError, Refused
from atomizer.net import http
from atomizer.net.clock import ClockOffset
from atomizer.net.echoes import Echoes
from atomizer.net.http_rpc import HttpRpc
from atomizer.net.rpc import Answer
from atomizer.venues.derive.account_codec import parse_positions
from atomizer.venues.derive.auth import Credentials, OrderSigner, build_login
from atomizer.venues.derive.budgets import Budgets
from atomizer.venues.derive.codec import build_order, build_request, parse_answer
from atomizer.venues.derive.delivery import fetch_delivery_prices
from atomizer.venues.derive.funding import fetch_funding
from atomizer.venues.derive.market import MarketData
from atomizer.venues.derive.market_codec import book_channel, ticker_channel
from atomizer.venues.derive.opening import check_clock, fetch_account, fetch_listings
from atomizer.venues.derive.orders import OrderDesk
from atomizer.venues.derive.profile import NANOS_PER_MS, VENUE, Profile, Version
from atomizer.venues.derive.terms import Terms
from atomizer.venues.derive.wire import Digits, Millis, Name, Word, nanos, read

HEADERS: Final = {Version.V2: "X-Lyra", Version.V3: "X-Derive"}  # protocol sheet §1


class _WireTouch(msgspec.Struct):
    time_ms: Millis = msgspec.field(name="t")
    ask: Digits = msgspec.field(name="a")
    ask_amount: Digits = msgspec.field(name="A")
    bid: Digits = msgspec.field(name="b")
    bid_amount: Digits = msgspec.field(name="B")


class _WireTickers(msgspec.Struct):
    tickers: dict[str, dict[str, Any]]


class _WireOpen(msgspec.Struct):
    order_id: Word
    instrument_name: Name
    direction: Word
    limit_price: Digits
    amount: Digits
    filled_amount: Digits
    creation_timestamp: Millis
    label: Word = ""


class _WireOpenOrders(msgspec.Struct):
    orders: list[_WireOpen]


class DeriveRest:
    """One subaccount over HTTP, or without credentials the public part only. Prices are as of `fetch_prices`."""

    name = VENUE
    keeps_orders = True

    def __init__(self, profile: Profile, credentials: Credentials | None, wiring: Wiring) -> None:
        self._profile = profile
        self._credentials = credentials
        self._wiring = wiring
        self.address = rest_base(profile)
        self._nonces = profile.nonces(wiring.last_nonce)
        self._market = MarketData(wiring.listeners)
        self._budgets = Budgets()
        self._http = HttpRpc(VENUE, build_request, self._budgets.of, self._post)
        self._rpc = self._http.rpc
        self._publish_ids = count(1)
        self._orders: OrderDesk | None = None
        if credentials is not None:
            unheard = Echoes()  # there is no channel that could owe any
            desk = profile, credentials, self._rpc, self._market, unheard
            self._orders = OrderDesk(*desk, emit=wiring.emit, now_ns=wiring.now_ns)
        self.clock_offset: ClockOffset | None = None

    async def start(self) -> None:
        """Clock, account if we have one, listings.

        Raises:
            ConfigError, VenueError, BadFrame: as for a session.
        """
        self._http.start(self._flush)
        try:
            self.clock_offset = await check_clock(self._rpc, self._wiring.now_ns, self._wiring.max_clock_offset_ns)
            await self._check_account()
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
        return self._orders is not None and self._orders.is_open

    # --- MarketView

    def instrument(self, name: str) -> Instrument | None:
        listing = self._market.listing(name)
        return listing.instrument if listing is not None else None

    def book(self, name: str) -> Book | None:
        """The touch only."""
        return self._market.book(name)

    def mark(self, name: str) -> Mark | None:
        return self._market.mark(name)

    @property
    def names(self) -> list[str]:
        return self._market.names

    async def fetch_prices(self, names: Iterable[str]) -> None:
        """Mark and touch of these instruments, as of now."""
        listings = [listing for name in names if (listing := self._market.listing(name)) is not None]
        wanted = {(c.underlying, c.expiry_s, c.is_option) for c in (each.instrument.contract for each in listings)}
        feeds = self._market.feeds()
        for underlying, expiry_s, is_option in sorted(wanted):
            params: dict[str, object] = {"instrument_type": "option" if is_option else "perp", "currency": underlying}
            if is_option:
                day = datetime.fromtimestamp(expiry_s, UTC).strftime("%Y%m%d")
                params["expiry_date"] = day if self._profile.version is Version.V2 else int(day)
            answer = read(await self._rpc.ask("public/get_tickers", params), _WireTickers, "tickers")
            for name, slim in answer.tickers.items():
                if self._market.listing(name) is not None:
                    touch = read(slim, _WireTouch, f"ticker {name}")
                    now_ns = self._wiring.now_ns()
                    feeds[ticker_channel(name)]({"instrument_ticker": slim}, now_ns)
                    feeds[book_channel(name)](self._touch(touch), now_ns)

    def _touch(self, touch: _WireTouch) -> dict[str, object]:
        """As a book of one level a side; the venue writes an empty side as 0."""
        bids = [] if touch.bid_amount == "0" else [[touch.bid, touch.bid_amount]]
        asks = [] if touch.ask_amount == "0" else [[touch.ask, touch.ask_amount]]
        return {"publish_id": next(self._publish_ids), "timestamp": touch.time_ms, "bids": bids, "asks": asks}

    # --- OrderVenue

    def next_nonce(self, now_ns: int) -> int:
        return self._nonces.next(now_ns)

    def signed(self, instrument: str) -> Signed:
        return self._desk.signed(instrument)

    def place(self, order: OrderPlaced, now_ns: int) -> None:
        self._desk.place(order, now_ns)

    def replace(self, order: OrderPlaced, now_ns: int) -> None:
        self._desk.replace(order, now_ns)

    def cancel(self, cancel: CancelSent, now_ns: int) -> None:  # noqa: ARG002  the port's signature
        self._desk.cancel(cancel)

    async def open_orders(self) -> list[OrderUpdate]:
        return await self._desk.open_orders()

    async def fills_since(self, since_ms: int) -> list[Fill]:
        return await self._desk.fills_since(since_ms)

    async def resolve(self, order: OrderPlaced) -> None:
        await self._desk.resolve(order)

    async def cancel_all(self, instrument: str = "") -> None:
        await self._desk.cancel_all(instrument)

    async def positions(self) -> list[LedgerPosition]:
        return parse_positions(await self._rpc.ask("private/get_positions", self._subject()))

    async def funding_since(self, since_ms: int) -> list[FundingPaid]:
        return await fetch_funding(self._rpc, self._subject(), since_ms, self._wiring.now_ns())

    async def delivery_prices(self, underlying: str) -> dict[int, int]:
        return await fetch_delivery_prices(self._rpc, underlying)

    # --- what a person asks

    async def validate(self, order: OrderPlaced) -> str:
        """Sign the order and have the venue's debug call work out what should have been signed.

        Raises:
            Refused: it understands something else, or refuses the order.
        """
        mine, listing = self._mine, self._market.listing(order.instrument)
        signed = Terms(self._profile, mine, self._market).sign(order, self._wiring.now_ns())
        if isinstance(signed, str) or listing is None:
            raise Refused(VENUE, str(signed), request="order_debug")
        params = build_order(order, self._profile, mine.subaccount_id, mine.signer_address, signed)
        answer = await self._rpc.ask("private/order_debug", params)
        theirs = str(answer.get("typed_data_hash", "")) if isinstance(answer, dict) else ""
        ours = (
            "0x" + OrderSigner(self._profile, mine).digest(order, listing, signed.max_fee_nanos, signed.expiry_s).hex()
        )
        if theirs.lower() != ours:
            raise Refused(
                VENUE, f"the venue would have us sign {theirs or 'nothing'}, we sign {ours}", request="order_debug"
            )
        return f"the venue works out the same digest as we sign, {ours[:18]}…"

    async def resting(self) -> list[OpenOrder]:
        """What rests on this subaccount, whoever placed it."""
        answer = await self._rpc.ask("private/get_open_orders", self._subject())
        return [
            OpenOrder(
                client_id=wire.label,
                order_id=wire.order_id,
                instrument=wire.instrument_name,
                side=Side.BUY if wire.direction == "buy" else Side.SELL,
                price_nanos=nanos(wire.limit_price, f"order {wire.order_id} limit_price"),
                amount_nanos=nanos(wire.amount, f"order {wire.order_id} amount"),
                filled_nanos=nanos(wire.filled_amount, f"order {wire.order_id} filled_amount"),
                created_ns=wire.creation_timestamp * NANOS_PER_MS,
            )
            for wire in read(answer, _WireOpenOrders, "open orders").orders
        ]

    @property
    def _desk(self) -> OrderDesk:
        if self._orders is None:
            raise ConfigError("Derive: no orders without credentials")
        return self._orders

    @property
    def _mine(self) -> Credentials:
        if self._credentials is None:
            raise ConfigError("Derive: nothing private without credentials")
        return self._credentials

    def _subject(self) -> dict[str, object]:
        return {"subaccount_id": self._mine.subaccount_id}

    async def _check_account(self) -> None:
        mine = self._credentials
        if mine is None or self._orders is None:
            return
        account = await fetch_account(self._rpc, mine)
        if mine.subaccount_id not in account.subaccount_ids:
            raise ConfigError(
                f"DERIVE_SUBACCOUNT_ID {mine.subaccount_id} is not among those of wallet {mine.wallet}:"
                f" {', '.join(map(str, account.subaccount_ids)) or 'none'}"
            )
        self._budgets.adopt(account)
        self._orders.is_open = True

    # --- requests

    async def _post(self, request: dict[str, Any], _frame: bytes) -> Answer:
        """HTTP takes the parameters alone."""
        method = request["method"]
        headers = self._login_headers() if method.startswith("private/") else {}
        body = await http.post(VENUE, f"{self.address}/{method}", orjson.dumps(request["params"]), headers)
        return parse_answer(body, request["id"])

    def _login_headers(self) -> dict[str, str]:
        login = build_login(self._mine, self._wiring.now_ns() // NANOS_PER_MS)
        prefix = HEADERS[self._profile.version]
        return {f"{prefix}{name.capitalize()}": str(value) for name, value in login.items()}

    def _flush(self) -> None:
        if self._orders is not None:
            self._orders.flush()


def rest_base(profile: Profile) -> str:
    """``wss://api.derive.xyz/v3/ws`` → ``https://api.derive.xyz/v3`` (protocol sheet §0)."""
    return profile.url.replace("ws", "http", 1).removesuffix("/ws")
