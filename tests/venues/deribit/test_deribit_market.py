"""Resident books and marks: in sequence, equal to a slow reading at every step, and dark when not to be trusted."""

import contextlib
import json
from decimal import Decimal

import deribit_samples as samples
import pytest
from deribit_captures import FREE, files, text_of
from hypothesis import given
from hypothesis import strategies as st

from atomizer._core.book import NO_PRICE
from atomizer.domain.instruments import NANOS
from atomizer.errors import BadFrame
from atomizer.venues.deribit.codec import parse_message
from atomizer.venues.deribit.listing_codec import parse_instruments
from atomizer.venues.deribit.market import BookFeed, BookKind, MarketData, round_half_even
from atomizer.venues.deribit.market_codec import parse_book, parse_grouped_book, ticker_channel
from tests.reference.reference_book import ReferenceBook

NOW_NS = 1_780_000_000 * NANOS


def frame_of(data, channel="book.ETH-30APR21-2240-P.raw"):
    params = {"channel": channel, "data": data}
    message = {"jsonrpc": "2.0", "method": "subscription", "params": params}
    return json.dumps(message, separators=(",", ":")).encode()


class Feed:
    """A book feed and what it asked for; frames go the fast way, the slow way, or as in a session."""

    def __init__(self, parse=parse_book):
        self.asked = 0
        self.feed = BookFeed(parse, self.ask)

    def ask(self):
        self.asked += 1

    def fast(self, data):
        assert self.feed.on_frame(frame_of(data), NOW_NS)

    def slow(self, data):
        self.feed(parse_message(frame_of(data)).data, NOW_NS)


def captured_books():
    """Raw book frames of every recorded session, by session, as they came."""
    sessions = []
    for path in files():
        lines = [line[line.index('{"jsonrpc') :] for line in text_of(path).splitlines() if '{"jsonrpc' in line]
        frames = [line.encode() for line in lines if '"channel":"book.' in line and line.endswith("}")]
        if len(frames) > 10:
            sessions.append(frames)
    return sessions


def nanos(number):
    return int(Decimal(number) * NANOS)


def apply_slowly(book, data):
    """The venue's algorithm (protocol sheet §3), as plain as can be."""
    sides = {True: data["bids"], False: data["asks"]}
    if data["type"] == "snapshot":
        bids, asks = ([(nanos(price), nanos(size)) for _, price, size in sides[is_bid]] for is_bid in (True, False))
        book.apply_snapshot(bids, asks, data["change_id"], data["timestamp"] * 10**6, NOW_NS)
        return
    assert data["prev_change_id"] == book.stamps[0]
    for is_bid, side in sides.items():
        for _, price, size in side:
            book.apply_change(is_bid, nanos(price), nanos(size))
    book.finish_change(data["change_id"], data["timestamp"] * 10**6, NOW_NS)


def test_recorded_sessions_give_the_books_that_were_there():
    """Every recorded frame, read fast and read slowly, leaves the levels, ids and times of a plain reference."""
    sessions = captured_books()
    assert sum(map(len, sessions)) >= 230
    for frames in sessions:
        books = {}
        for frame in frames:
            message = json.loads(frame, parse_float=Decimal)["params"]
            fast, slow, reference = books.setdefault(message["channel"], (Feed(), Feed(), ReferenceBook()))
            assert fast.feed.on_frame(frame, NOW_NS)
            slow.feed(parse_message(frame).data, NOW_NS)
            apply_slowly(reference, message["data"])
            for book in (fast.feed.book, slow.feed.book):
                assert not book.dark
                assert (book.levels(True), book.levels(False)) == (reference.levels(True), reference.levels(False))
                assert (book.sequence, book.venue_time_ns, book.received_ns) == reference.stamps
            assert fast.asked == slow.asked == 0
        assert len(books) == 10


@pytest.mark.parametrize("way", ["fast", "slow"])
def test_a_gap_darkens_the_book_and_asks_for_another_snapshot(way):
    """A change that does not follow the last one is not applied: the book is dark until a snapshot comes."""
    feed = Feed()
    read = getattr(feed, way)
    read(samples.SNAPSHOT)
    assert not feed.feed.book.dark
    read(samples.BOOK | {"prev_change_id": 1})
    assert feed.feed.book.dark
    assert feed.asked == 1
    read(samples.BOOK)  # follows what was there before the gap, which helps no more
    assert (feed.feed.book.dark, feed.asked) == (True, 1)
    read(samples.SNAPSHOT)
    read(samples.BOOK)
    assert feed.feed.book.best_bid() == 26_000_000
    assert feed.feed.book.sequence == samples.BOOK["change_id"]


@pytest.mark.parametrize("way", ["fast", "slow"])
@pytest.mark.parametrize(
    "change",
    [{"asks": [["new", 0.0255, 1.0]]}, {"bids": [["new", 0.03, 1.0]]}, {"asks": [["new", 0.026, 1.0]]}],
)
def test_a_crossed_book_is_dark_and_asked_for_again(way, change):
    """Bids at or above asks are no market."""
    feed = Feed()
    getattr(feed, way)(samples.SNAPSHOT)
    with pytest.raises(BadFrame):
        getattr(feed, way)(samples.BOOK | {"bids": [["new", 0.026, 1.0]]} | change)
    assert feed.feed.book.dark
    assert feed.feed.book.best_bid() == NO_PRICE
    assert feed.asked == 1


@pytest.mark.parametrize(
    "change",
    [
        {"bids": [["new", 0.0255, 0.0]]},
        {"bids": [["delete", 0.0255, 1.0]]},
        {"bids": [["moved", 0.0255, 1.0]]},
        {"bids": [["new", -0.0255, 1.0]]},
        {"bids": [["new", 1e-12, 1.0]]},
        {"prev_change_id": None},
        {"change_id": -1},
        {"timestamp": 5},
        {"type": "whole"},
    ],
)
def test_what_cannot_be_read_darkens_the_book(change):
    """A frame of this book that makes no sense leaves us not knowing the book."""
    feed = Feed()
    feed.slow(samples.SNAPSHOT)
    with pytest.raises(BadFrame):
        feed.slow(samples.BOOK | change)
    assert feed.feed.book.dark
    assert feed.asked == 1


def test_an_old_snapshot_without_a_type_is_one():
    """Before 2020 a snapshot was a frame without an id before."""
    feed = Feed()
    feed.slow({key: value for key, value in samples.SNAPSHOT.items() if key != "type"})
    assert feed.feed.book.best_bid() == 25_500_000
    feed.slow({key: value for key, value in samples.BOOK.items() if key != "type"})
    assert feed.feed.book.best_bid() == 26_000_000


def test_a_grouped_book_is_whole_every_time():
    """Whatever was there before, and whatever id it had."""
    feed = Feed(parse_grouped_book)
    for change_id in (9, 5):
        frame = frame_of(samples.GROUPED_BOOK | {"change_id": change_id}, "book.X.none.20.100ms")
        assert not feed.feed.on_frame(frame, NOW_NS)  # not of the shape that the scanner knows
        feed.feed(parse_message(frame).data, NOW_NS)
        assert feed.feed.book.levels(True) == [(26_000_000, 299 * NANOS), (25_500_000, 4 * NANOS)]
        assert feed.feed.book.sequence == change_id


changes = st.lists(
    st.tuples(st.booleans(), st.integers(1, 12), st.integers(0, 3), st.sampled_from([0, 0, 0, 0, 0, 1])), max_size=30
)


@given(changes)
def test_any_stream_leaves_what_a_plain_reading_leaves(stream):
    """Changes in sequence and out of it, crossing or not: fast, slow and reference agree at each step."""
    fast, slow, reference = Feed(), Feed(), ReferenceBook()
    snapshot = samples.SNAPSHOT | {"bids": [], "asks": [], "change_id": 1}
    for feed in (fast, slow):
        getattr(feed, "fast" if feed is fast else "slow")(snapshot)
    apply_slowly(reference, snapshot)
    for at, (is_bid, price, size, skip) in enumerate(stream, 2):
        level = ["new" if size else "delete", price, size]
        data = samples.BOOK | {"bids": [level] if is_bid else [], "asks": [] if is_bid else [level]}
        data |= {"change_id": at, "prev_change_id": at - 1 - skip}
        for read in (fast.fast, slow.slow):
            with contextlib.suppress(BadFrame):
                read(data)
        if not reference.dark:
            if skip:
                reference.darken()
            else:
                apply_slowly(reference, data)
        for feed in (fast, slow):
            book = feed.feed.book
            assert book.dark == reference.dark
            assert (book.levels(True), book.levels(False)) == (reference.levels(True), reference.levels(False))
        assert fast.asked == slow.asked


# --- everything that is listed


class Listener:
    def __init__(self):
        self.listed, self.marks, self.dark = [], [], 0

    def on_listings(self, listed):
        self.listed = list(listed)

    def on_mark(self, mark):
        self.marks.append(mark)

    def on_dark(self):
        self.dark += 1


def listings(*names):
    rows = [row for kind in ("option", "future") for row in json.loads((FREE / f"instruments_{kind}.json").read_text())]
    found = parse_instruments(json.dumps([row for row in rows if row["instrument_name"] in names]).encode()).listings
    assert len(found) == len(names)
    return found


INVERSE = next(
    row["instrument_name"]
    for row in json.loads((FREE / "instruments_option.json").read_text())
    if row["base_currency"] == "BTC"
)


def test_only_the_book_that_broke_is_asked_for_again():
    """One channel is named; every other book stays as it is."""
    lost = []
    market = MarketData(lost.append)
    market.replace_listings(listings("BTC-PERPETUAL", "XRP_USDC-21SEP26-1d3-P"))
    feeds = {name: market.book_feed(market.book_channel(name)) for name in market.names}
    for feed in feeds.values():
        feed(json.dumps(samples.SNAPSHOT).encode(), NOW_NS)
    feeds["BTC-PERP"](json.dumps(samples.BOOK | {"prev_change_id": 7}).encode(), NOW_NS)
    assert lost == ["book.BTC-PERPETUAL.raw"]
    assert market.book("BTC-PERP").dark
    assert not market.book("XRP_USDC-20260921-1_3-P").dark


def test_the_channels_are_those_of_what_is_listed():
    """A book and a ticker each, an index for all of one, a volatility index for coins; raw, in intervals or grouped."""
    for kind, book in (
        (BookKind.RAW, "book.BTC-PERPETUAL.raw"),
        (BookKind.INTERVAL, "book.BTC-PERPETUAL.100ms"),
        (BookKind.GROUPED, "book.BTC-PERPETUAL.none.20.100ms"),
    ):
        market = MarketData(print, (), kind)
        market.replace_listings(listings("BTC-PERPETUAL", INVERSE))
        assert book in market.feeds()
        assert ticker_channel("BTC-PERPETUAL") in market.feeds()
        assert "deribit_price_index.btc_usd" in market.feeds()
        assert len(market.feeds()) == 5
        assert list(market.volatility_feeds()) == ["deribit_volatility_index.btc_usd"]
    assert market.index_of("BTC") == "btc_usd"
    assert (market.index_of("ETH"), market.index_of("SOL_USDC")) == ("eth_usd", "sol_usdc")


def test_a_book_is_the_same_object_for_as_long_as_it_is_listed():
    """Listeners hold books; a new list keeps those that stay, and what is gone is dark."""
    listener = Listener()
    market = MarketData(print, [listener])
    market.replace_listings(listings("BTC-PERPETUAL", INVERSE))
    book, gone = market.book("BTC-PERP"), market.book(market.names[0])
    market.replace_listings(listings("BTC-PERPETUAL"))
    assert market.book("BTC-PERP") is book
    assert [instrument.name for instrument, _ in listener.listed] == ["BTC-PERP"]
    assert gone.dark
    assert market.book_feed(f"book.{INVERSE}.raw") is None


def test_prices_in_coins_have_a_view_in_dollars():
    """An inverse option's price times the index; every other price is dollars; without an index nobody knows."""
    market = MarketData(print)
    market.replace_listings(listings("BTC-PERPETUAL", INVERSE, "XRP_USDC-21SEP26-1d3-P"))
    option = next(name for name in market.names if name.startswith("BTC-2"))
    assert market.usd_nanos(option, 10_000_000) is None
    feed = market.feeds()["deribit_price_index.btc_usd"]
    feed(b'{"timestamp":1789939036574,"price":80815.66,"index_name":"btc_usd"}', NOW_NS)
    assert market.usd_nanos(option, 10_000_000) == 808_156_600_000
    assert market.usd_nanos("BTC-PERP", 80_000 * NANOS) == 80_000 * NANOS
    assert market.usd_nanos("XRP_USDC-20260921-1_3-P", 7) == 7
    assert market.usd_nanos("ETH-PERP", 7) is None
    assert market.index("btc_usd").price_nanos == 80_815_660_000_000
    market.darken()
    assert market.usd_nanos(option, 10_000_000) is None


def test_a_lost_connection_darkens_everything():
    """No mark, index or book outlives the connection that it came on."""
    listener = Listener()
    market = MarketData(print, [listener])
    market.replace_listings(listings("XRP_USDC-21SEP26-1d3-P"))
    name = market.names[0]
    market.feeds()["ticker.XRP_USDC-21SEP26-1d3-P.100ms"](json.dumps(samples.TICKER).encode(), NOW_NS)
    market.feeds()["book.XRP_USDC-21SEP26-1d3-P.raw"](json.dumps(samples.SNAPSHOT).encode(), NOW_NS)
    assert (market.mark(name).mark_nanos, len(listener.marks)) == (700_000, 1)
    assert market.ticker(name).bid_nanos == 500_000
    market.darken()
    assert market.mark(name) is None
    assert (market.book(name).dark, market.book(name).sequence, listener.dark) == (True, 0, 1)


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6))
def test_halves_go_to_the_even_neighbour(numerator, denominator):
    """As Python rounds an exact fraction."""
    exact = Decimal(numerator) / Decimal(denominator)
    assert abs(round_half_even(numerator, denominator) - exact) <= Decimal("0.5")
    assert round_half_even(5, 2) == 2
    assert round_half_even(-5, 2) == -2
    assert round_half_even(7, 2) == 4
