"""Resident market data: instruments, books, marks and indices, kept current by what the channels bring. No sockets.

Book frames are read by the compiled scanner straight into the book; what it hands back unread, the strict reader reads
to the same book or refuses. A book that lost its sequence is dark, and its channel alone is asked for again.
"""

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from functools import partial
from typing import Any, Final

from atomizer._core.book import Book
from atomizer._core.scan import STATUSES, UNREAD, read_book
from atomizer.domain.instruments import NANOS, USD
from atomizer.domain.ports import MarketListener
from atomizer.domain.trading import Mark
from atomizer.errors import BadFrame
from atomizer.net.channels import Feed
from atomizer.venues.deribit.listing_codec import Listing
from atomizer.venues.deribit.market_codec import (
    BookMessage,
    IndexPrice,
    Ticker,
    VolatilityIndex,
    book_channel,
    grouped_book_channel,
    parse_book,
    parse_grouped_book,
    parse_index,
    parse_ticker,
    parse_volatility_index,
    ticker_channel,
)
from atomizer.venues.deribit.names import to_deribit
from atomizer.venues.deribit.platform import Platform

_GAP: Final = STATUSES.index("gap")
_BAD_LEVELS: Final = STATUSES.index("bad_levels")


class BookKind(StrEnum):
    """Which of the venue's books we listen to."""

    RAW = "raw"  # every change, for who is logged in
    INTERVAL = "100ms"  # changes of 100 ms together
    GROUPED = "grouped"  # the best twenty levels a side, all of them every 100 ms

    def channel(self, name: str) -> str:
        return grouped_book_channel(name) if self is BookKind.GROUPED else book_channel(name, self.value)


class BookFeed:
    """One book channel: a snapshot, then changes that each name the one before; or whole books only.

    Remembers little but the book: a compiled path may fill it in between. `on_lost` is called when the sequence broke
    or a frame could not be believed; only a new snapshot helps then. While it is shut, nothing of what comes is taken.
    """

    __slots__ = ("_on_lost", "_parse", "book", "is_shut")

    def __init__(self, parse: Callable[[Any], BookMessage], on_lost: Callable[[], None]) -> None:
        self.book = Book()
        self._parse = parse
        self._on_lost = on_lost
        self.is_shut = False

    def on_frame(self, frame: memoryview, now_ns: int) -> bool:
        """The fast way. False: the frame was not understood and nothing has changed, so take the slow way.

        Raises:
            BadFrame: levels that make no book; it is dark, and was asked for again.
        """
        if self.is_shut:
            return True
        status = read_book(frame, self.book, now_ns)
        if status >= UNREAD:
            return False
        if status == _GAP:
            self._on_lost()
        elif status == _BAD_LEVELS:
            self._refuse()
        return True

    def __call__(self, data: Any, now_ns: int) -> None:
        """The slow way. Raises BadFrame, and the book is dark: corrupt data is worse than none."""
        if self.is_shut:
            return
        book = self.book
        try:
            message = self._parse(data)
        except BadFrame:
            book.darken()
            self._on_lost()
            raise
        if message.previous is None:
            is_good = _replace(book, message, now_ns)
        elif book.dark:
            return  # a change of what is not known
        elif message.previous != book.sequence:
            book.darken()
            self._on_lost()
            return
        else:
            is_good = _change(book, message, now_ns)
        if not is_good:
            self._refuse()

    def darken(self) -> None:
        """The connection is gone; the next one sends a snapshot, and counts from anywhere."""
        self.book.darken()
        self.book.sequence = 0

    def shut(self, *, is_shut: bool) -> None:
        """Nobody trades it now, so its prices are none; once it is traded again, all of it is asked for anew."""
        if is_shut and not self.is_shut:
            self.book.darken()
        elif self.is_shut and not is_shut:
            self._on_lost()
        self.is_shut = is_shut

    def _refuse(self) -> None:
        self._on_lost()
        raise BadFrame(f"book {self.book.sequence}: crossed, out of order or not positive", reason="bad_book")


def _replace(book: Book, message: BookMessage, now_ns: int) -> bool:
    return book.apply_snapshot(message.bids, message.asks, message.sequence, message.venue_time_ns, now_ns)


def _change(book: Book, message: BookMessage, now_ns: int) -> bool:
    for is_bid, side in ((True, message.bids), (False, message.asks)):
        for price_nanos, size_nanos in side:
            book.apply_change(is_bid, price_nanos, size_nanos)  # what one refuses darkens the book, and the end says so
    return book.finish_change(message.sequence, message.venue_time_ns, now_ns)


class MarketData:
    """Everything resident of the listed instruments. A `Book` keeps its identity for as long as it is listed.

    `on_lost` is told the channel of a book that must be asked for again.
    """

    def __init__(
        self,
        on_lost: Callable[[str], None],
        listeners: Sequence[MarketListener] = (),
        kind: BookKind = BookKind.RAW,
    ) -> None:
        self._on_lost = on_lost
        self._kind = kind
        self.platform = Platform()
        self._parse = parse_grouped_book if kind is BookKind.GROUPED else parse_book
        self._listeners = listeners
        self._listings: dict[str, Listing] = {}
        self._books: dict[str, BookFeed] = {}  # by our name
        self._by_channel: dict[str, BookFeed] = {}
        self._tickers: dict[str, Ticker] = {}
        self._indices: dict[str, IndexPrice] = {}
        self._volatilities: dict[str, VolatilityIndex] = {}

    @property
    def names(self) -> list[str]:
        return list(self._listings)

    def replace_listings(self, listings: Iterable[Listing]) -> None:
        """The venue's present list: books of what is gone go dark, new ones start dark."""
        before = self._listings
        self._listings = {listing.instrument.name: listing for listing in listings}
        for name in self._books.keys() - self._listings.keys():
            self._books.pop(name).darken()
            self._tickers.pop(name, None)
        for name in self._listings.keys() - self._books.keys():
            self._books[name] = BookFeed(self._parse, partial(self._on_lost, self.book_channel(name)))
        self._by_channel = {self.book_channel(name): feed for name, feed in self._books.items()}
        self.obey()
        if self._listings != before:
            listed = [(listing.instrument, self._books[name].book) for name, listing in self._listings.items()]
            for listener in self._listeners:
                listener.on_listings(listed)

    def book_channel(self, name: str) -> str:
        return self._kind.channel(self.venue_name(name))

    def venue_name(self, name: str) -> str:
        """What the venue calls a listed instrument."""
        return to_deribit(self._listings[name].instrument.contract)

    def feeds(self) -> dict[str, Feed]:
        """Every market channel that we want, and who takes its data."""
        feeds: dict[str, Feed] = dict(self._by_channel)
        for name, listing in self._listings.items():
            feeds[ticker_channel(self.venue_name(name))] = self._ticker_feed(listing)
        for index in self.index_names():
            feeds[f"deribit_price_index.{index}"] = self._on_index
        return feeds

    def index_of(self, underlying: str) -> str:
        """The index of everything on this underlying, ``eth_usd`` for ``ETH``; also while nothing is listed."""
        listed = self._listings.values()
        found = (each.index_name for each in listed if each.instrument.contract.underlying == underlying)
        coin, _, quote = underlying.lower().partition("_")
        return next(found, f"{coin}_{quote or 'usd'}")

    def obey(self) -> list[str]:
        """Take no price from the books of what the platform does not trade now; which channels that are."""
        shut = []
        for name, listing in self._listings.items():
            feed = self._books[name]
            feed.shut(is_shut=bool(self.platform.why_shut(listing.index_name)))
            if feed.is_shut:
                shut.append(self.book_channel(name))
        return shut

    def index_names(self) -> set[str]:
        return {listing.index_name for listing in self._listings.values()}

    def volatility_feeds(self) -> dict[str, Feed]:
        """The volatility index of each coin whose options are listed; the venue has one for some coins only."""
        coins = {each.instrument.contract.base for each in self._listings.values() if each.instrument.is_inverse}
        return {f"deribit_volatility_index.{coin.lower()}_usd": self._on_volatility for coin in coins}

    def book_feed(self, channel: str) -> BookFeed | None:
        return self._by_channel.get(channel)

    def listing(self, name: str) -> Listing | None:
        return self._listings.get(name)

    def book(self, name: str) -> Book | None:
        feed = self._books.get(name)
        return feed.book if feed is not None else None

    def mark(self, name: str) -> Mark | None:
        ticker = self._tickers.get(name)
        return ticker.mark if ticker is not None else None

    def ticker(self, name: str) -> Ticker | None:
        return self._tickers.get(name)

    def index(self, index_name: str) -> IndexPrice | None:
        """The venue's index, such as ``btc_usd``: for coins what turns them into USD."""
        return self._indices.get(index_name)

    def volatility(self, underlying: str) -> VolatilityIndex | None:
        """The index of what options in a coin cost: of ``ETH_USDC`` ether's own, too."""
        return self._volatilities.get(f"{underlying.partition('_')[0].lower()}_usd")

    def usd_nanos(self, name: str, price_nanos: int) -> int | None:
        """A price of this instrument in USD for a coin, by the index as it is now; None while there is no index.

        Only inverse options are priced in coins; all other prices are USD as they stand.
        """
        listing = self._listings.get(name)
        if listing is None:
            return None
        instrument = listing.instrument
        if instrument.currency == USD or not instrument.contract.is_option:
            return price_nanos
        index = self._indices.get(listing.index_name)
        return round_half_even(price_nanos * index.price_nanos, NANOS) if index is not None else None

    def darken(self) -> None:
        """The connection is gone: no price may be taken from anything here until it is heard again."""
        for feed in self._books.values():
            feed.darken()
        self._tickers.clear()
        self._indices.clear()
        self._volatilities.clear()
        for listener in self._listeners:
            listener.on_dark()

    def _ticker_feed(self, listing: Listing) -> Feed:
        contract, name = listing.instrument.contract, listing.instrument.name

        def on_ticker(data: Any, now_ns: int) -> None:
            ticker = self._tickers[name] = parse_ticker(data, contract, now_ns)
            for listener in self._listeners:
                listener.on_mark(ticker.mark)

        return on_ticker

    def _on_index(self, data: Any, _now_ns: int) -> None:
        index = parse_index(data)
        self._indices[index.name] = index

    def _on_volatility(self, data: Any, _now_ns: int) -> None:
        volatility = parse_volatility_index(data)
        self._volatilities[volatility.name] = volatility


def round_half_even(numerator: int, denominator: int) -> int:
    """Nearest integer of the fraction, halves to the even one; the denominator is above 0."""
    quotient, rest = divmod(numerator, denominator)
    return quotient + (2 * rest > denominator or (2 * rest == denominator and quotient % 2 == 1))
