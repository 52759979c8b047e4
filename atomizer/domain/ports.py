"""What strategies and wiring need from a venue, so that no strategy ever names one."""

from collections.abc import Iterable
from typing import Protocol

from atomizer._core.book import Book
from atomizer.domain.instruments import Instrument
from atomizer.domain.trading import CancelSent, Fill, Mark, OrderPlaced, OrderUpdate


class MarketView(Protocol):
    """Resident market data of one venue. Looking costs a dictionary; nothing here fetches."""

    def instrument(self, name: str) -> Instrument | None: ...

    def book(self, name: str) -> Book | None: ...

    def mark(self, name: str) -> Mark | None: ...


class MarketListener(Protocol):
    """Who keeps a copy of some of it. Told as it changes, from the socket's callback: must not block."""

    def on_listings(self, listed: Iterable[tuple[Instrument, Book]]) -> None:
        """Everything that is listed now, in place of all before. A book is the same object for as long as it is."""

    def on_mark(self, mark: Mark) -> None: ...

    def on_dark(self) -> None:
        """Every mark is void until it is told again. Books say it themselves."""


class OrderVenue(Protocol):
    """A venue that takes orders. Outcomes arrive later, as `OrderUpdate` and `Fill`."""

    name: str

    def next_nonce(self, now_ns: int) -> int: ...

    def place(self, order: OrderPlaced, now_ns: int) -> None:
        """Sign and send. The intent must be in the journal before."""

    def cancel(self, cancel: CancelSent, now_ns: int) -> None: ...

    async def open_orders(self) -> list[OrderUpdate]: ...

    async def fills_since(self, since_ms: int) -> list[Fill]: ...
