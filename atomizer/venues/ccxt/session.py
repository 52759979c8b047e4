"""A presence at any exchange of ccxt: prices by polling, orders one request each. For hedges and for looking.

It is slower than a venue's own client, and says what it cannot do before anything depends on it. Implements
`VenueSession`, and what a command asks beyond that: over HTTP nothing is tied to a connection, so orders stay.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any, Final

from atomizer._core.book import Book
from atomizer.domain.instruments import Instrument
from atomizer.domain.session import Connected, LedgerPosition, OpenOrder, Wiring
from atomizer.domain.trading import CancelSent, Fill, FundingPaid, Mark, OrderPlaced, OrderUpdate, Signed
from atomizer.errors import BadFrame, ConfigError, Refused, VenueError
from atomizer.net.chores import Chores
from atomizer.net.clock import ClockOffset, check_offset
from atomizer.venues.ccxt.asking import Asking
from atomizer.venues.ccxt.codec import Listing, parse_future_mark, parse_levels, parse_market, parse_option_mark
from atomizer.venues.ccxt.orders import Facts, OrderDesk, off_terms
from atomizer.venues.ccxt.profile import (
    PREFIX,
    TO_LOOK,
    TO_TRADE,
    Capability,
    address_of,
    capabilities,
    client_id_field,
    counts_contracts,
    require,
    until_field,
    whole_account,
)

log = logging.getLogger(__name__)

NANOS_PER_MS: Final = 1_000_000
BOOK_DEPTH: Final = 20
PAUSE_S: Final = 0.2  # between two rounds of polling; ccxt itself keeps to the exchange's rate


class CcxtSession:
    """One account at one exchange, or without credentials the public part only.

    Books and marks are resident for what somebody has looked at: the first look is answered with nothing.
    """

    keeps_orders = True

    def __init__(self, name: str, exchange: Any, wiring: Wiring, *, may_trade: bool, keeps_prices: bool) -> None:
        """`keeps_prices` polls what was looked at; without it, prices are as of `fetch_prices`."""
        self.name = PREFIX + name
        self._exchange_name = name
        self.address = address_of(exchange)
        self._exchange = exchange
        self._wiring = wiring
        self._may_trade = may_trade
        self._keeps_prices = keeps_prices
        self._asking = Asking(self.name, exchange)
        self._listings: dict[str, Listing] = {}
        self._books: dict[str, Book] = {}
        self._marks: dict[str, Mark] = {}
        self._watched: dict[str, None] = {}  # in the order of their first look
        self._round = 0
        self._last_nonce = wiring.last_nonce
        self._orders = OrderDesk(
            self.name,
            self._asking,
            self._listings,
            Facts(client_id_field(name), until_field(name), []),
            emit=wiring.emit,
            now_ns=wiring.now_ns,
        )
        self._chores = Chores()
        self.clock_offset: ClockOffset | None = None

    # --- life

    async def start(self) -> None:
        """Markets, clock, and with credentials the proof that they are taken.

        Raises:
            ConfigError: the exchange cannot do what is needed, lists nothing of the underlyings, or clocks disagree.
            VenueError, BadFrame: it said no, could not be reached or not be understood.
        """
        try:
            needed, why = (TO_TRADE, "hedging") if self._may_trade else (TO_LOOK, "looking")
            require(self._exchange_name, self._exchange, needed, why)
            await self._check_clock()
            await self._load_listings()
            if self._may_trade:
                await self._asking.ask("positions", self._exchange.fetch_positions)
                self._orders.is_open = True
        except BaseException:
            await self.stop()
            raise
        if self._may_trade:
            self._chores.do(self._orders.follow())
        if self._keeps_prices:
            self._chores.do(self._poll())
        self._wiring.emit(Connected(now_ns=self._wiring.now_ns(), venue=self.name, silent_channels=0))

    async def wait(self) -> None:
        await self._chores.wait()

    async def stop(self) -> None:
        self._orders.is_open = False
        await self._chores.stop()
        await self._orders.stop()
        await self._exchange.close()

    @property
    def is_open(self) -> bool:
        return self._orders.is_open

    # --- MarketView

    def instrument(self, name: str) -> Instrument | None:
        listing = self._listings.get(name)
        return listing.instrument if listing is not None else None

    def book(self, name: str) -> Book | None:
        self._watch(name)
        return self._books.get(name)

    def mark(self, name: str) -> Mark | None:
        self._watch(name)
        return self._marks.get(name)

    @property
    def names(self) -> list[str]:
        return list(self._listings)

    def _watch(self, name: str) -> None:
        if name in self._listings:
            self._watched.setdefault(name)

    # --- OrderVenue

    def next_nonce(self, now_ns: int) -> int:
        self._last_nonce = max(now_ns, self._last_nonce + 1)
        return self._last_nonce

    def signed(self, instrument: str) -> Signed:  # noqa: ARG002  the port's signature
        """Nothing: ccxt signs requests, not what an order may cost or how long it lives."""
        return Signed()

    def place(self, order: OrderPlaced, now_ns: int) -> None:  # noqa: ARG002  the port's signature
        self._orders.place(order)

    def replace(self, order: OrderPlaced, now_ns: int) -> None:  # noqa: ARG002  the port's signature
        self._orders.replace(order)

    def cancel(self, cancel: CancelSent, now_ns: int) -> None:  # noqa: ARG002  the port's signature
        self._orders.cancel(cancel.client_id)

    async def cancel_all(self, instrument: str = "") -> None:
        await self._orders.cancel_all(instrument)

    async def open_orders(self) -> list[OrderUpdate]:
        return await self._orders.open_orders()

    async def fills_since(self, since_ms: int) -> list[Fill]:
        return await self._orders.fills_since(since_ms)

    async def resolve(self, order: OrderPlaced) -> None:
        await self._orders.resolve(order)

    async def positions(self) -> list[LedgerPosition]:
        return await self._orders.positions()

    async def funding_since(self, since_ms: int) -> list[FundingPaid]:  # noqa: ARG002  the port's signature
        """None: the unified API names no payment, so none could be booked once."""
        return []

    async def delivery_prices(self, underlying: str) -> dict[int, int]:  # noqa: ARG002  the port's signature
        """None: the unified API does not tell at what an option was settled."""
        return {}

    # --- what a command asks

    async def fetch_prices(self, names: Iterable[str]) -> None:
        for name in names:
            if name in self._listings:
                await self._fetch_price(name)

    async def validate(self, order: OrderPlaced) -> str:
        """What can be said without placing it: the unified API has no call that tries an order."""
        listing = self._listings.get(order.instrument)
        words = off_terms(order, listing.instrument) if listing is not None else f"{order.instrument} is not listed"
        if words:
            raise Refused(self.name, words, request="order")
        return "nothing to sign here: ccxt signs each request, and has no call that tries an order"

    async def resting(self) -> list[OpenOrder]:
        return await self._orders.resting()

    # --- market data

    async def _check_clock(self) -> None:
        if Capability.CLOCK not in capabilities(self._exchange):
            return

        async def venue_ns() -> int:
            return int(await self._asking.ask("time", self._exchange.fetch_time)) * NANOS_PER_MS

        limit_ns = self._wiring.max_clock_offset_ns
        self.clock_offset = await check_offset(self.name, venue_ns, self._wiring.now_ns, NANOS_PER_MS, limit_ns)

    async def _load_listings(self) -> None:
        """What is listed on the coins of our underlyings, or without any on all; what we do not trade is left out."""
        markets = await self._asking.ask("markets", self._exchange.load_markets)
        bases = {underlying.partition("_")[0] for underlying in self._wiring.underlyings}
        coins = {str(market["settle"]) for market in markets.values() if market.get("settle")}
        self._orders.facts.whole_account[:] = whole_account(self._exchange_name, coins)
        for market in markets.values():
            if bases and market.get("base") not in bases:
                continue
            try:
                listing = parse_market(
                    market,
                    self.name,
                    self._exchange.precisionMode,
                    counts_contracts=counts_contracts(self._exchange_name),
                )
            except BadFrame as error:
                log.debug("%s: left out: %s", self.name, error)
                continue
            self._listings[listing.instrument.name] = listing
            self._books[listing.instrument.name] = Book()
        if bases and not self._listings:
            raise ConfigError(f"{self.name} lists no option or future of {', '.join(sorted(bases))}")
        listed = [(listing.instrument, self._books[name]) for name, listing in self._listings.items()]
        for listener in self._wiring.listeners:
            listener.on_listings(listed)

    async def _poll(self) -> None:
        while True:
            for name in list(self._watched):
                try:
                    await self._fetch_price(name)
                except (VenueError, BadFrame) as error:
                    self._books[name].darken()
                    self._marks.pop(name, None)
                    log.warning("%s: no price of %s: %s", self.name, name, error)
            await asyncio.sleep(PAUSE_S)

    async def _fetch_price(self, name: str) -> None:
        listing, book = self._listings[name], self._books[name]
        answer = await self._asking.ask("book", self._exchange.fetch_order_book, listing.symbol, BOOK_DEPTH)
        now_ns = self._wiring.now_ns()
        self._round += 1
        bids, asks = (parse_levels(answer[side], listing.scale, f"book {name}") for side in ("bids", "asks"))
        if not book.apply_snapshot(bids, asks, self._round, int(answer.get("timestamp") or 0) * NANOS_PER_MS, now_ns):
            raise BadFrame(f"book {name}: crossed, out of order or not positive", reason="bad_book")
        mark = await self._fetch_mark(listing)
        if mark is not None:
            self._marks[name] = mark
            for listener in self._wiring.listeners:
                listener.on_mark(mark)

    async def _fetch_mark(self, listing: Listing) -> Mark | None:
        can, exchange = capabilities(self._exchange), self._exchange
        is_option = listing.instrument.contract.is_option
        if (Capability.GREEKS if is_option else Capability.TICKER) not in can:
            return None
        fetch: Callable[..., Any] = exchange.fetch_greeks if is_option else exchange.fetch_ticker
        answer = await self._asking.ask("mark", fetch, listing.symbol)
        parse = parse_option_mark if is_option else parse_future_mark
        return parse(answer, listing, self.name, self._wiring.now_ns())
