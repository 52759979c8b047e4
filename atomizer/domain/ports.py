"""What strategies and wiring need from a venue, so that no strategy ever names one."""

from collections.abc import Callable, Iterable
from typing import Protocol

from atomizer._core.book import Book
from atomizer._core.nonces import Nonces
from atomizer._core.slot import Slot
from atomizer._core.socket_writer import SocketWriter
from atomizer._core.spinner import TextReader
from atomizer.domain.instruments import Instrument
from atomizer.domain.trading import (
    CancelSent,
    Fill,
    Mark,
    OrderPlaced,
    OrderUpdate,
    Protection,
    ProtectionState,
    Signed,
    TimeInForce,
)


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


class FrameReader(Protocol):
    """Who reads book frames from their bytes, before anybody else. Called from the socket's callback."""

    @property
    def ticks(self) -> TextReader:
        """Reads frames into the very books that the market view has.

        What it does not read goes the slow way, and its book is as it was.
        """

    def on_channel(self, channel: str, now_ns: int) -> None:
        """Something came the slow way; when it is a book that the reader knows, it changed or went dark."""


class OrderVenue(Protocol):
    """A venue that takes orders. Outcomes arrive later, as `OrderUpdate` and `Fill`."""

    name: str

    def next_nonce(self, now_ns: int) -> int: ...

    def signed(self, instrument: str) -> Signed:
        """What the signature of an order would let the venue do, for the gate to judge before there is one."""

    def place(self, order: OrderPlaced, now_ns: int) -> None:
        """Sign and send. The intent must be in the journal before."""

    def replace(self, order: OrderPlaced, now_ns: int) -> None:
        """Place an order instead of the one that it `replaces`, in one request where the venue has one.

        Of the same instrument; the intent must be in the journal before. Each order has its own outcome: the old one
        ends whatever becomes of the new one, and the new one is refused when the old one is not known to rest, or has
        filled further than we know, since it would add to what the old one did.
        """

    def cancel(self, cancel: CancelSent, now_ns: int) -> None: ...

    async def cancel_all(self, instrument: str = "") -> None:
        """Cancel everything of this account, or of one instrument. The outcomes arrive as `OrderUpdate`."""

    async def open_orders(self) -> list[OrderUpdate]: ...

    async def fills_since(self, since_ms: int) -> list[Fill]: ...


class OrderPen(Protocol):
    """Sends orders that the compiled lane names, signs where the venue wants that, and writes."""

    nonces: Nonces  # what they are named from, as all orders of the account
    socket: SocketWriter  # by which they leave
    on_hold: Callable[[], None]  # called when less may leave than before and no order's outcome tells

    def fit(self, slot: Slot, name: str, life: TimeInForce, signed: Signed) -> None:
        """Let a slot write its orders, with what the venue wants signed now, if that is known."""

    def allowance(self, instrument: str = "") -> int:
        """How many orders, of this instrument or of any, the connection and the rate budgets let leave now."""

    def sent(self, order: OrderPlaced, request_id: int, unsent: str) -> None:
        """It has just left by `socket`; or not, and why. Its outcome comes as `OrderUpdate`."""


class ProtectingVenue(Protocol):
    """A venue that pulls a market maker's quotes by itself when too many of them trade at once."""

    async def protect(self, wanted: Protection) -> ProtectionState:
        """Set, in place of what was there, and read back. Does not end a freeze.

        Raises:
            Refused: it cannot be had, or what the venue says it has is something else.
        """

    async def protections(self) -> list[ProtectionState]: ...

    async def reset_protection(self, underlying: str) -> None:
        """End a freeze now."""
