"""Resident market data: instruments, books and marks, kept current by what the channels bring. Pure but for storage."""

from collections.abc import Iterable, Sequence
from typing import Any

from atomizer._core.book import Book
from atomizer.domain.ports import MarketListener
from atomizer.domain.trading import Mark
from atomizer.errors import BadFrame
from atomizer.net.channels import Feed
from atomizer.venues.derive.market_codec import (
    Listing,
    book_channel,
    parse_book,
    parse_spot,
    parse_ticker,
    spot_channel,
    ticker_channel,
)


class BookFeed:
    """One book channel. Every frame replaces the whole book; publish ids rise within one connection.

    Remembers nothing but the book: a compiled path may fill it in between.
    """

    __slots__ = ("book",)

    def __init__(self) -> None:
        self.book = Book()

    def __call__(self, data: Any, now_ns: int) -> None:
        """Raises BadFrame, and the book is dark: corrupt data is worse than none."""
        try:
            snapshot = parse_book(data)
        except BadFrame:
            self.book.darken()
            raise
        book = self.book
        if snapshot.publish_id <= book.sequence and (book.sequence or not book.dark):
            return  # the same again, or one that was overtaken
        if not book.apply_snapshot(snapshot.bids, snapshot.asks, snapshot.publish_id, snapshot.venue_time_ns, now_ns):
            raise BadFrame(f"book {snapshot.publish_id}: crossed, out of order or not positive", reason="bad_book")

    def darken(self) -> None:
        """The connection is gone; the next one may count from anywhere."""
        self.book.darken()
        self.book.sequence = 0


class MarketData:
    """Everything resident of the listed instruments. A `Book` keeps its identity for as long as it is listed."""

    def __init__(self, listeners: Sequence[MarketListener] = ()) -> None:
        self._listeners = listeners
        self._listings: dict[str, Listing] = {}
        self._books: dict[str, BookFeed] = {}
        self._marks: dict[str, Mark] = {}
        self._index_nanos: dict[str, int] = {}

    @property
    def names(self) -> list[str]:
        return list(self._listings)

    def replace_listings(self, listings: Iterable[Listing]) -> None:
        """The venue's present list: books of what is gone go dark, new ones start dark."""
        before = self._listings
        self._listings = {listing.instrument.name: listing for listing in listings}
        for name in self._books.keys() - self._listings.keys():
            self._books.pop(name).darken()
            self._marks.pop(name, None)
        for name in self._listings.keys() - self._books.keys():
            self._books[name] = BookFeed()
        if self._listings != before:
            listed = [(listing.instrument, self._books[name].book) for name, listing in self._listings.items()]
            for listener in self._listeners:
                listener.on_listings(listed)

    def feeds(self) -> dict[str, Feed]:
        """Every market channel that we want, and who takes its data."""
        feeds: dict[str, Feed] = {book_channel(name): feed for name, feed in self._books.items()}
        feeds.update((ticker_channel(name), self._ticker_feed(listing)) for name, listing in self._listings.items())
        underlyings = {listing.instrument.contract.underlying for listing in self._listings.values()}
        feeds.update((spot_channel(underlying), self._spot_feed(underlying)) for underlying in sorted(underlyings))
        return feeds

    def listing(self, name: str) -> Listing | None:
        return self._listings.get(name)

    def book(self, name: str) -> Book | None:
        feed = self._books.get(name)
        return feed.book if feed is not None else None

    def mark(self, name: str) -> Mark | None:
        return self._marks.get(name)

    def index_nanos(self, underlying: str) -> int | None:
        """The latest index price that the spot feed or any ticker of this underlying brought."""
        return self._index_nanos.get(underlying)

    def darken(self) -> None:
        """The connection is gone: no price may be taken from anything here until it is heard again."""
        for feed in self._books.values():
            feed.darken()
        self._marks.clear()
        self._index_nanos.clear()
        for listener in self._listeners:
            listener.on_dark()

    def _spot_feed(self, underlying: str) -> Feed:
        def on_spot(data: Any, _now_ns: int) -> None:
            self._index_nanos[underlying] = parse_spot(data, underlying)

        return on_spot

    def _ticker_feed(self, listing: Listing) -> Feed:
        contract, name = listing.instrument.contract, listing.instrument.name

        def on_ticker(data: Any, now_ns: int) -> None:
            mark = self._marks[name] = parse_ticker(data, name, contract.is_option, now_ns)
            self._index_nanos[contract.underlying] = mark.index_nanos
            for listener in self._listeners:
                listener.on_mark(mark)

        return on_ticker
