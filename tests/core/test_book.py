"""The sorted-array book against a dict that is searched anew for every answer."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from atomizer._core.book import CAPACITY, NO_PRICE, Book
from tests.reference.reference_book import ReferenceBook

MOST = 2**63 - 1
CAPTURES = Path(__file__).parents[3] / "shared" / "data"
prices = st.integers(95, 115)
sizes = st.one_of(st.integers(1, 40), st.just(MOST))


def ladder(levels: dict[int, int], is_bid: bool) -> list[tuple[int, int]]:
    return sorted(levels.items(), reverse=is_bid)


bid_ladders = st.dictionaries(st.integers(90, 104), sizes, max_size=12).map(lambda d: ladder(d, is_bid=True))
ask_ladders = st.dictionaries(st.integers(105, 120), sizes, max_size=12).map(lambda d: ladder(d, is_bid=False))
any_ladders = st.lists(st.tuples(st.integers(-1, 6), st.integers(-1, 3)), max_size=4)


def bright(bids, asks) -> Book:
    book = Book()
    assert book.apply_snapshot(bids, asks, 1, 2, 3)
    return book


class BookAgainstReference(RuleBasedStateMachine):
    """Any sequence of snapshots, changes, own sizes and darkenings gives the reference's answers."""

    @initialize()
    def start(self):
        self.book, self.reference = Book(), ReferenceBook()
        self.sequence = 0

    def _both(self, method, *arguments):
        answers = [getattr(book, method)(*arguments) for book in (self.book, self.reference)]
        assert answers[0] == answers[1]

    @rule(bids=bid_ladders, asks=ask_ladders)
    def snapshot(self, bids, asks):
        self.sequence += 1
        self._both("apply_snapshot", bids, asks, self.sequence, 10, 20)

    @rule(bids=any_ladders, asks=any_ladders)
    def doubtful_snapshot(self, bids, asks):
        self._both("apply_snapshot", bids, asks, 7, 8, 9)

    @precondition(lambda self: not self.reference.dark)
    @rule(changes=st.lists(st.tuples(st.booleans(), prices, st.one_of(st.just(0), sizes)), max_size=6))
    def change(self, changes):
        self.sequence += 1
        for is_bid, price, size in changes:
            self._both("apply_change", is_bid, price, size)
        self._both("finish_change", self.sequence, self.sequence * 10, self.sequence * 20)

    @precondition(lambda self: not self.reference.dark)
    @rule(is_bid=st.booleans(), price=st.integers(-1, 1), size=st.integers(-1, 1))
    def doubtful_change(self, is_bid, price, size):
        self._both("apply_change", is_bid, price, size)

    @rule(is_bid=st.booleans(), price=prices, size=st.one_of(st.just(0), sizes))
    def own(self, is_bid, price, size):
        self._both("set_own", is_bid, price, size)

    @rule()
    def darken(self):
        self._both("darken")

    @invariant()
    def same_answers(self):
        if not hasattr(self, "book"):
            return
        book, reference = self.book, self.reference
        assert book.dark == reference.dark
        assert (book.sequence, book.venue_time_ns, book.received_ns) == reference.stamps
        assert (book.best_bid(), book.best_ask()) == (reference.best(is_bid=True), reference.best(is_bid=False))
        for is_bid in (True, False):
            assert book.levels(is_bid) == reference.levels(is_bid)
            assert book.depth(is_bid) == reference.depth(is_bid)
            for size in (-1, 0, 1, 7, 50, 400, MOST):
                assert book.vwap(is_bid, size) == reference.vwap(is_bid, size)
                assert book.worst(is_bid, size) == reference.worst(is_bid, size)


TestBookAgainstReference = BookAgainstReference.TestCase
TestBookAgainstReference.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)


@given(st.lists(st.tuples(st.integers(1, 1200), st.integers(0, 2)), max_size=3000), st.booleans())
@settings(max_examples=25, deadline=None)
def test_wide_sides_stay_sorted_wherever_changes_fall(changes, is_bid):
    """Thousands of changes over a wide range keep a side equal to the reference: its memory is recentred unseen."""
    book, reference = bright([], []), ReferenceBook()
    reference.apply_snapshot([], [], 1, 2, 3)
    for price, size in changes:
        assert book.apply_change(is_bid, price, size) == reference.apply_change(is_bid, price, size)
    assert book.levels(is_bid) == reference.levels(is_bid)


@pytest.mark.parametrize("is_bid", [True, False])
@pytest.mark.parametrize("rising", [True, False])
def test_a_side_that_only_grows_one_way_never_leaves_its_memory(is_bid, rising):
    """A market that marches one way for a long time, one level added ahead and one removed behind, stays right."""
    book, width = bright([], []), 300
    marching = range(1, 6000) if rising else range(6000, 0, -1)
    for at, price in enumerate(marching):
        assert book.apply_change(is_bid, price, price)
        if at >= width:
            assert book.apply_change(is_bid, marching[at - width], 0)
    expected = sorted(((p, p) for p in marching[-width:]), reverse=is_bid)
    assert book.levels(is_bid) == expected


@pytest.mark.parametrize("is_bid", [True, False])
def test_a_full_side_refuses_one_more_level(is_bid):
    """A snapshot of exactly the capacity is taken; one level more, then or later, makes the book dark."""
    full = ladder(dict.fromkeys(range(1, CAPACITY + 1), 5), is_bid)
    sides = (full, []) if is_bid else ([], full)
    book = bright(*sides)
    assert book.apply_change(is_bid, 1, 6)
    assert not book.apply_change(is_bid, CAPACITY + 1, 5)
    assert book.dark
    over = ladder(dict.fromkeys(range(1, CAPACITY + 2), 5), is_bid)
    assert not book.apply_snapshot(*((over, []) if is_bid else ([], over)), 1, 2, 3)
    assert book.dark


def test_a_new_book_is_dark_and_gives_no_price():
    """Before a snapshot there is no price, no depth and no change to apply."""
    book = Book()
    assert book.dark
    assert {book.best_bid(), book.best_ask(), book.vwap(is_bid=True, size_nanos=1)} == {NO_PRICE}
    assert not book.apply_change(is_bid=True, price_nanos=1, size_nanos=1)
    assert not book.finish_change(1, 2, 3)
    assert book.sequence == 0


def test_a_figure_beyond_int64_leaves_the_book_dark():
    """A level that does not fit int64 raises, and what stood in the book before is not quoted from."""
    book = bright([(100, 1)], [(101, 1)])
    with pytest.raises(OverflowError):
        book.apply_snapshot([(2**63, 1)], [], 1, 2, 3)
    assert book.dark


def test_own_size_is_taken_out_of_every_answer():
    """Our order alone at the touch is not the market's touch; partly ours counts with the rest."""
    book = bright([(100, 3), (99, 5)], [(101, 4), (102, 6)])
    book.set_own(True, 100, 3)
    book.set_own(False, 101, 1)
    assert (book.best_bid(), book.best_ask()) == (99, 101)
    assert book.levels(True) == [(99, 5)]
    assert book.levels(False) == [(101, 3), (102, 6)]
    assert book.depth(False) == 9
    assert book.worst(False, 4) == 102
    assert book.apply_snapshot([(100, 3)], [(101, 4)], 2, 2, 3)
    assert book.best_bid() == NO_PRICE
    book.set_own(True, 100, 0)
    assert book.best_bid() == 100


def test_own_sizes_have_a_bound_and_a_sign():
    """More own prices than the book can hold, or a negative own size, is an error and not a silent loss."""
    book = bright([(1, 1)], [])
    for price in range(1, 33):
        book.set_own(True, price, 1)
    book.set_own(True, 32, 2)
    with pytest.raises(ValueError, match="32 prices"):
        book.set_own(True, 33, 1)
    with pytest.raises(ValueError, match="negative"):
        book.set_own(True, 1, -1)


def test_an_average_is_rounded_against_the_taker():
    """A buyer's average price rounds up and a seller's down, exactly, up to the largest int64."""
    book = bright([(10, 1), (9, 2)], [(11, 1), (12, 2)])
    assert book.vwap(is_bid=False, size_nanos=3) == 12  # 35 / 3
    assert book.vwap(is_bid=True, size_nanos=3) == 9  # 28 / 3
    huge = bright([(MOST - 1, MOST)], [(MOST, MOST)])
    assert huge.vwap(is_bid=False, size_nanos=MOST) == MOST
    assert huge.vwap(is_bid=True, size_nanos=MOST) == MOST - 1


def deribit_books(path: Path):
    """Every `book.*.raw` notice of a capture: (instrument, data). The frame starts at a line's first {"."""
    with gzip.open(path, "rt") as lines:
        for line in lines:
            if '"channel":"book.' in line:
                data = json.loads(line[line.index('{"') :])["params"]["data"]
                yield data["instrument_name"], data


def nanos(figure: float) -> int:
    return round(figure * 10**9)


@pytest.mark.skipif(not CAPTURES.exists(), reason="captures are not part of the repository")
@pytest.mark.parametrize("name", ["cryptofeed_20210405.ws.txt.gz", "cryptofeed_20210417.ws.txt.gz"])
def test_recorded_deribit_books_follow_the_reference(name):
    """Snapshots and changes recorded from Deribit chain without a gap and leave the reference's book each time."""
    books, references, frames = {}, {}, 0
    for instrument, data in deribit_books(CAPTURES / "deribit_ws" / name):
        sides = {side: [(nanos(price), nanos(size)) for _, price, size in data[side]] for side in ("bids", "asks")}
        stamps = (data["change_id"], data["timestamp"] * 10**6, data["timestamp"] * 10**6 + 5)
        if data["type"] == "snapshot":
            books[instrument], references[instrument] = Book(), ReferenceBook()
            for book in (books[instrument], references[instrument]):
                assert book.apply_snapshot(sides["bids"], sides["asks"], *stamps)
        else:
            assert books[instrument].sequence == data["prev_change_id"]
            for book in (books[instrument], references[instrument]):
                for side, is_bid in (("bids", True), ("asks", False)):
                    assert all(book.apply_change(is_bid, price, size) for price, size in sides[side])
                assert book.finish_change(*stamps)
        for is_bid in (True, False):
            assert books[instrument].levels(is_bid) == references[instrument].levels(is_bid)
        frames += 1
    assert frames > 40
