"""Resident books and marks: current, in order, and dark whenever they are not to be trusted."""

import derive_samples as samples
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atomizer._core.book import NO_PRICE
from atomizer._core.fixed import format_nanos
from atomizer.domain.instruments import NANOS
from atomizer.errors import BadFrame
from atomizer.venues.derive.market import BookFeed, MarketData
from atomizer.venues.derive.market_codec import book_channel, parse_instrument, spot_channel, ticker_channel

NOW_NS = 1_780_000_000 * NANOS
HYPE = "HYPE-20251121-38_75-P"


def side(prices, sizes):
    return [[format_nanos(price), format_nanos(size)] for price, size in zip(prices, sizes, strict=False)]


sizes = st.lists(st.integers(1, 10**15), min_size=20, max_size=20)
prices = st.lists(st.integers(1, 10**15), unique=True, max_size=20).map(sorted)


@settings(deadline=None)
@given(ladder=prices, cut=st.integers(0, 20), bid_sizes=sizes, ask_sizes=sizes)
def test_a_book_is_what_the_last_snapshot_said(ladder, cut, bid_sizes, ask_sizes):
    """Whatever was there before, after a frame the book has exactly its levels, its publish id and its times."""
    feed = BookFeed()
    feed(samples.BOOK | {"publish_id": 1}, NOW_NS)
    bids, asks = ladder[:cut][::-1], ladder[cut:]
    frame = samples.BOOK | {"publish_id": 2, "bids": side(bids, bid_sizes), "asks": side(asks, ask_sizes)}
    feed(frame, NOW_NS + 5)
    book = feed.book
    assert not book.dark
    assert book.levels(True) == list(zip(bids, bid_sizes, strict=False))
    assert book.levels(False) == list(zip(asks, ask_sizes, strict=False))
    assert (book.sequence, book.received_ns, book.venue_time_ns) == (2, NOW_NS + 5, samples.BOOK["timestamp"] * 10**6)


@settings(deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=40))
def test_publish_ids_only_rise(ids):
    """A snapshot that was overtaken, or that comes twice, changes nothing."""
    feed = BookFeed()
    for count, publish_id in enumerate(ids, 1):
        feed(samples.BOOK | {"publish_id": publish_id, "bids": [[str(count), "1"]], "asks": []}, NOW_NS)
        newest = max(ids[:count])
        assert feed.book.sequence == newest
        assert feed.book.best_bid() == (ids.index(newest) + 1) * NANOS


@pytest.mark.parametrize(
    "change",
    [
        {"bids": [["340", "0"]]},
        {"bids": [["340", "-1"]]},
        {"bids": [["0", "1"]]},
        {"bids": [["340", "1"], ["350", "1"]]},
        {"bids": [["430", "1"]]},
        {"asks": [["x", "1"]]},
        {"asks": None},
        {"timestamp": None},
    ],
)
def test_a_book_that_cannot_be_read_goes_dark(change):
    """A frame that is crossed, out of order, not positive or not readable darkens the book until the next good one."""
    feed = BookFeed()
    feed(samples.BOOK | {"publish_id": 1}, NOW_NS)
    assert feed.book.best_bid() == 340 * NANOS
    with pytest.raises(BadFrame):
        feed(samples.BOOK | {"publish_id": 2} | change, NOW_NS)
    assert feed.book.dark
    assert feed.book.best_bid() == NO_PRICE
    feed(samples.BOOK | {"publish_id": 3}, NOW_NS)
    assert feed.book.best_bid() == 340 * NANOS


def listed(*records, listeners=()):
    market = MarketData(listeners)
    market.replace_listings([parse_instrument(record) for record in records])
    return market


class Heard:
    """What the market tells, in order."""

    def __init__(self):
        self.told = []

    def on_listings(self, listed):
        self.told.append({instrument.name: book for instrument, book in listed})

    def on_mark(self, mark):
        self.told.append(mark)

    def on_dark(self):
        self.told.append("dark")


def test_a_listener_hears_of_listings_marks_and_losses():
    """Who keeps a copy is told of each change of the list with its books, of each mark, and when all are void."""
    heard = Heard()
    market = listed(samples.OPTION, listeners=[heard])
    market.replace_listings([parse_instrument(samples.OPTION)])
    assert heard.told == [{HYPE: market.book(HYPE)}]
    market.feeds()[ticker_channel(HYPE)](samples.SLIM_TICKER, NOW_NS)
    market.darken()
    market.replace_listings([parse_instrument(samples.PERPETUAL)])
    assert heard.told[1].now_ns == NOW_NS
    assert heard.told[1].instrument == HYPE
    assert heard.told[2:] == ["dark", {"ETH-PERP": market.book("ETH-PERP")}]


def test_a_loss_darkens_everything_and_the_next_count_starts_anywhere():
    """After a loss no book, mark or index is given out; a lower publish id of the new connection is good."""
    market = listed(samples.OPTION)
    feeds = market.feeds()
    feeds[book_channel(HYPE)](samples.BOOK, NOW_NS)
    feeds[ticker_channel(HYPE)](samples.SLIM_TICKER, NOW_NS)
    assert market.mark(HYPE).index_nanos == market.index_nanos("HYPE") == 1991_700_000_000
    market.darken()
    book = market.book(HYPE)
    assert (book.dark, market.mark(HYPE), market.index_nanos("HYPE")) == (True, None, None)
    market.feeds()[book_channel(HYPE)](samples.BOOK | {"publish_id": 1}, NOW_NS)
    assert market.book(HYPE) is book
    assert not book.dark


def test_listings_come_and_go_and_books_keep_their_identity():
    """A new list keeps the books of what stays and darkens those of what is gone, for whoever still holds one."""
    market = listed(samples.OPTION, samples.PERPETUAL)
    option_book, perpetual_book = market.book(HYPE), market.book("ETH-PERP")
    market.feeds()[book_channel(HYPE)](samples.BOOK, NOW_NS)
    market.replace_listings([parse_instrument(samples.PERPETUAL)])
    assert option_book.dark
    assert (market.book(HYPE), market.mark(HYPE), market.listing(HYPE)) == (None, None, None)
    assert market.book("ETH-PERP") is perpetual_book
    assert set(market.feeds()) == {book_channel("ETH-PERP"), ticker_channel("ETH-PERP"), spot_channel("ETH")}


def test_before_its_first_message_a_book_is_dark():
    """Being listed, or subscribed, is not being known."""
    market = listed(samples.PERPETUAL)
    assert market.book("ETH-PERP").dark
    assert market.mark("ETH-PERP") is None
    assert market.names == ["ETH-PERP"]


def test_the_spot_feed_is_an_index_before_any_ticker_comes():
    """What the feed says is the index until a ticker says something newer; a loss voids both."""
    market = listed(samples.PERPETUAL)
    assert market.index_nanos("ETH") is None
    market.feeds()[spot_channel("ETH")](samples.SPOT, NOW_NS)
    assert market.index_nanos("ETH") == 1_991_700_000_000
    market.darken()
    assert market.index_nanos("ETH") is None
