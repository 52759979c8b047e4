"""Prices from one venue, hedges at another: two sessions that look like one.

Options are priced where they are listed, and their delta is hedged in the other venue's linear perpetual, since a hedge
is counted in coins. Everything about orders, fills and positions is the hedge venue's.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence

import msgspec

from atomizer._core.book import Book
from atomizer.app.venues import VenueAccount
from atomizer.domain.instruments import USD, Contract, Instrument, parse_name
from atomizer.domain.ports import MarketListener
from atomizer.domain.session import LedgerPosition, VenueSession, Wiring
from atomizer.domain.trading import CancelSent, Fill, FundingPaid, Mark, OrderPlaced, OrderUpdate, Signed

Listed = list[tuple[Instrument, Book]]


def cross_account(prices: VenueAccount, hedges: VenueAccount) -> VenueAccount:
    """Both accounts as one: orders and journal go by the hedge venue's name."""

    def open_session(wiring: Wiring) -> VenueSession:
        return CrossSession(prices, hedges, wiring)

    return VenueAccount(
        venue=hedges.venue,
        place=f"prices {prices.place}, hedges {hedges.place}",
        owner=f"{prices.owner} and {hedges.owner}",
        account=f"{hedges.account}+{prices.venue}/{prices.account}",
        short=hedges.short,
        open_session=open_session,
        open_client=hedges.open_client,
    )


class CrossSession:
    """Futures are the hedge venue's, options the other's."""

    def __init__(self, prices: VenueAccount, hedges: VenueAccount, wiring: Wiring) -> None:
        shares = Shares(wiring.listeners)
        linear = [f"{underlying}_USDC" for underlying in wiring.underlyings]
        self._prices = prices.open_session(
            msgspec.structs.replace(wiring, listeners=[shares.of(lambda each: each.contract.is_option)], last_nonce=0)
        )
        self._hedges = hedges.open_session(
            msgspec.structs.replace(
                wiring,
                listeners=[shares.of(lambda each: not each.contract.is_option)],
                underlyings=linear if hedges.venue == "deribit" else wiring.underlyings,
            )
        )
        self.name = self._hedges.name

    # --- life

    async def start(self) -> None:
        """Prices first: without them there is nothing to hedge."""
        await self._prices.start()
        try:
            await self._hedges.start()
        except BaseException:
            await self._prices.stop()
            raise

    async def wait(self) -> None:
        waits = [asyncio.ensure_future(each.wait()) for each in (self._prices, self._hedges)]
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        for wait in done:
            wait.result()

    async def stop(self) -> None:
        await asyncio.gather(self._hedges.stop(), self._prices.stop())

    @property
    def is_open(self) -> bool:
        return self._hedges.is_open and self._prices.is_open

    # --- MarketView

    def instrument(self, name: str) -> Instrument | None:
        """Of a perpetual that the hedge venue lists under another name, that one: it says its own name."""
        return self._of(name).instrument(self._there(name))

    def book(self, name: str) -> Book | None:
        return self._of(name).book(self._there(name))

    def mark(self, name: str) -> Mark | None:
        return self._of(name).mark(self._there(name))

    @property
    def names(self) -> list[str]:
        options = [name for name in self._prices.names if self._of(name) is self._prices]
        return options + [name for name in self._hedges.names if self._of(name) is self._hedges]

    def _of(self, name: str) -> VenueSession:
        return self._prices if parse_name(name).is_option else self._hedges

    def _there(self, name: str) -> str:
        """The hedge venue's linear perpetual of a coin; any other name as it is."""
        contract = parse_name(name)
        if contract.is_option or not contract.is_perpetual or "_" in contract.underlying:
            return name
        own = self._hedges.instrument(name)
        if own is not None and own.currency == USD:
            return name
        names = (Contract(f"{contract.base}_{quote}").name for quote in ("USDC", "USDT", "USD"))
        return next((each for each in names if self._hedges.instrument(each) is not None), name)

    # --- orders and the ledger: the hedge venue's

    def next_nonce(self, now_ns: int) -> int:
        return self._hedges.next_nonce(now_ns)

    def signed(self, instrument: str) -> Signed:
        return self._hedges.signed(instrument)

    def place(self, order: OrderPlaced, now_ns: int) -> None:
        self._hedges.place(order, now_ns)

    def replace(self, order: OrderPlaced, now_ns: int) -> None:
        self._hedges.replace(order, now_ns)

    def cancel(self, cancel: CancelSent, now_ns: int) -> None:
        self._hedges.cancel(cancel, now_ns)

    async def cancel_all(self, instrument: str = "") -> None:
        await self._hedges.cancel_all(instrument)

    async def open_orders(self) -> list[OrderUpdate]:
        return await self._hedges.open_orders()

    async def fills_since(self, since_ms: int) -> list[Fill]:
        return await self._hedges.fills_since(since_ms)

    async def resolve(self, order: OrderPlaced) -> None:
        await self._hedges.resolve(order)

    async def delivery_prices(self, underlying: str) -> dict[int, int]:
        """What is quoted in a coin of its own is the hedge venue's; else options settle where they are priced."""
        return await (self._hedges if "_" in underlying else self._prices).delivery_prices(underlying)

    async def funding_since(self, since_ms: int) -> list[FundingPaid]:
        return await self._hedges.funding_since(since_ms)

    async def positions(self) -> list[LedgerPosition]:
        return await self._hedges.positions()


class Shares:
    """Hands each listener the listings of both venues as one list: it takes every list for all that there is."""

    def __init__(self, listeners: Sequence[MarketListener]) -> None:
        self.listeners = listeners
        self._listed: dict[int, Listed] = {}

    def of(self, wants: Callable[[Instrument], bool]) -> MarketListener:
        """The listener for one venue's share."""
        return _Share(self, len(self._listed), wants)

    def put(self, number: int, listed: Listed) -> None:
        self._listed[number] = listed
        everything = [pair for share in self._listed.values() for pair in share]
        for listener in self.listeners:
            listener.on_listings(everything)


class _Share:
    def __init__(self, shares: Shares, number: int, wants: Callable[[Instrument], bool]) -> None:
        self._shares = shares
        self._number = number
        self._wants = wants
        self._names: set[str] = set()
        shares._listed[number] = []  # noqa: SLF001  its own other half

    def on_listings(self, listed: Iterable[tuple[Instrument, Book]]) -> None:
        mine = [(instrument, book) for instrument, book in listed if self._wants(instrument)]
        self._names = {instrument.name for instrument, _ in mine}
        self._shares.put(self._number, mine)

    def on_mark(self, mark: Mark) -> None:
        if mark.instrument in self._names:
            for listener in self._shares.listeners:
                listener.on_mark(mark)

    def on_dark(self) -> None:
        """Of either venue: then everything is void until it is told again."""
        for listener in self._shares.listeners:
            listener.on_dark()
