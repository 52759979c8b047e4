"""A session at any venue: what it tells, and what the wiring may ask of it. Strategies see the ports, not this."""

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from atomizer.domain.instruments import USD
from atomizer.domain.ports import FrameReader, MarketListener, MarketView, OrderPen, OrderVenue, ProtectingVenue
from atomizer.domain.trading import Fill, FundingPaid, OrderPlaced, OrderUpdate, Side


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


class PublicTrade(msgspec.Struct, frozen=True, kw_only=True):
    """A trade on a venue's tape, ours among them. Price and amount as in `domain.instruments.Instrument`'s table."""

    now_ns: int
    venue: str
    trade_id: str
    instrument: str
    side: Side  # the taker's
    price_nanos: int
    amount_nanos: int
    index_nanos: int  # USD for one coin when it traded
    is_block: bool  # a quote or a block made it, and not the book
    venue_time_ns: int


class LedgerPosition(msgspec.Struct, frozen=True, kw_only=True):
    """A position as the venue's own ledger has it; all e18, amounts signed, prices without fees."""

    instrument: str
    amount_e18: int
    average_price_e18: int
    mark_price_e18: int
    realized_pnl_e18: int
    unrealized_pnl_e18: int
    total_fees_e18: int | None  # None where the venue does not keep them with the position
    currency: str = USD  # what it pays in, and so what the rest counts: see `domain.instruments.Instrument`
    # False: its averages and profits are rounded, or count from the last settlement. Only amounts compare with ours.
    is_comparable: bool = True


class OpenOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What rests at a venue, as it tells, whoever placed it. `client_id` is empty for one without a label."""

    client_id: str
    order_id: str
    instrument: str
    side: Side
    price_nanos: int
    amount_nanos: int
    filled_nanos: int
    created_ns: int


class Wiring(msgspec.Struct, frozen=True, kw_only=True):
    """What a session is given by whoever runs it.

    `emit` is called synchronously, from the socket's callback or the session's housekeeping; what it raises ends the
    session and comes out of `wait`. `now_ns` is the wall clock.
    """

    underlyings: Sequence[str]
    emit: Callable[[Event], None]
    now_ns: Callable[[], int]
    max_clock_offset_ns: int
    listeners: Sequence[MarketListener] = ()
    reader: FrameReader | None = None  # where the session lets book frames be read from their bytes
    last_nonce: int = 0
    on_trade: Callable[[PublicTrade], None] | None = None  # of what is listed; the tape is only asked for when heard


class VenueSession(MarketView, OrderVenue, Protocol):
    """One account's presence at one venue: resident prices, orders, and a connection that comes back by itself."""

    async def start(self) -> None:
        """Everything up to `Connected`.

        Raises:
            ConfigError: who we are, what we ask for or this machine's clock will not do: says which.
            VenueError, BadFrame: the venue said no, could not be reached or not be understood.
        """

    async def wait(self) -> None:
        """Until `stop`, or until something broke that no reconnect repairs: that is raised here."""

    async def stop(self) -> None: ...

    @property
    def is_open(self) -> bool:
        """Whether new orders may leave."""

    @property
    def names(self) -> list[str]:
        """Names of all listed instruments."""

    async def resolve(self, order: OrderPlaced) -> None:
        """End an unknown outcome by asking or by burning the nonce; the answer comes as an `OrderUpdate`."""

    async def positions(self) -> list[LedgerPosition]:
        """What the venue holds for us, in its own figures."""

    async def funding_since(self, since_ms: int) -> list[FundingPaid]:
        """What it paid us for holding perpetuals, or took, oldest first; nothing where a venue does not tell."""

    async def delivery_prices(self, underlying: str) -> dict[int, int]:
        """By expiry in unix seconds: USD for one coin, in nanos. An expiry that has no price yet is not there."""


class QuoteSession(VenueSession, ProtectingVenue, Protocol):
    """A session at a venue where quotes may rest: its book frames go to the wiring's `reader` first."""

    # Codes of its refusals of orders that something has overtaken: the market, when one that may only rest would have
    # traded at once, or the end of the order that it was to replace.
    overtaken: frozenset[int]

    def book_channel(self, name: str) -> str:
        """The channel that an instrument's book comes on."""

    def renew_book(self, name: str) -> None:
        """The reader has lost the book's sequence: have its channel send all of it again."""

    def volatility(self, underlying: str) -> float | None:
        """The venue's volatility index of a coin, a fraction a year; None where there is none."""

    def pen(self, label_prefix: str, *, is_protected: bool) -> OrderPen:
        """For orders that the compiled lane writes."""
