"""Quote prices: the guide's check values, and the compiled arithmetic against fractions."""

from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from atomizer._core.book import NO_PRICE, Book
from atomizer._core.fixed import NANOS
from atomizer._core.quote import QuoteParams, quote
from tests.reference.reference_book import ReferenceBook
from tests.reference.reference_quote import reference_quote

MOST = 2**63 - 1
TICK = NANOS // 10
SIZE = 10 * NANOS
BASIS_POINT = NANOS // 10_000
PLAIN = {
    "aggression_nanos": 0,
    "improvement_nanos": 0,
    "reference_size_nanos": 0,
    "spread_share_nanos": 50 * BASIS_POINT,
    "min_spread_share_nanos": BASIS_POINT,
    "bid_size_nanos": NANOS,
    "ask_size_nanos": NANOS,
    "skew_nanos": 0,
}


def nanos(value) -> int:
    return int(Decimal(str(value)) * NANOS)


def level(entry) -> tuple[int, int]:
    """From (price, size) or a bare price, in units."""
    price, size = entry if isinstance(entry, tuple) else (entry, SIZE // NANOS)
    return nanos(price), nanos(size)


def booked(bids, asks) -> Book:
    book = Book()
    assert book.apply_snapshot(map(level, bids), map(level, asks), 1, 2, 3)
    return book


def quoted(bids, asks, mark=None, tick=TICK, **changes):
    """Bid and ask in units, None for nothing shown."""
    prices = quote(booked(bids, asks), QuoteParams(**PLAIN | changes), NO_PRICE if mark is None else nanos(mark), tick)
    return tuple(None if price == NO_PRICE else Decimal(price) / NANOS for price in prices)


@pytest.mark.parametrize(
    ("touch", "aggression", "improvement", "expected"),
    [
        ((100, 101), "0", 0, ("100", "101")),
        ((100, 102), ".5", 0, ("100.5", "101.5")),
        ((100, 102), ".9", 0, ("100.9", "101.1")),
        ((100, 101), "1", ".1", ("100.1", "100.9")),
        ((100, 101), "2", ".2", ("100.2", "100.8")),
        ((100, 102), ".95", 0, ("100.9", "101.1")),
    ],
)
def test_check_values_of_the_guide(touch, aggression, improvement, expected):
    """The guide's six check values, at a least spread of one basis point."""
    changes = {"aggression_nanos": nanos(aggression), "improvement_nanos": nanos(improvement)}
    assert quoted([touch[0]], [touch[1]], **changes) == tuple(map(Decimal, expected))


def test_reference_is_the_first_level_that_holds_the_size():
    """With a reference size, a thin touch is passed over; a side with no such level stands half a spread from mid."""
    bids, asks = [(100, 1), (99, 5)], [(101, 1)]
    assert quoted(bids, asks, reference_size_nanos=nanos(5), spread_share_nanos=NANOS // 100, tick=1) == (
        Decimal(99),
        Decimal("101.0025"),
    )


def test_an_empty_side_takes_mid_from_the_mark_or_nothing_is_quoted():
    """With one side missing mid is the mark; without a mark there is no quote."""
    assert quoted([100], [], mark=102, spread_share_nanos=NANOS // 50) == (Decimal(100), Decimal("103.1"))
    assert quoted([], [], mark=100, spread_share_nanos=NANOS // 50) == (Decimal(99), Decimal(101))
    assert quoted([100], []) == quoted([], [101]) == quoted([], []) == quoted([100], [], mark=0) == (None, None)


def test_a_mark_never_overrules_two_sides():
    """With both sides there, the mark plays no part."""
    assert quoted([100], [101], mark=500) == (Decimal(100), Decimal(101))


def test_a_narrow_quote_is_drawn_round_mid():
    """Prices that stand nearer than the least spread, or cross, are replaced by mid -/+ half of it."""
    wide = {"min_spread_share_nanos": NANOS // 50}
    assert quoted([100], [100.2], **wide) == (Decimal("99.0"), Decimal("101.2"))
    crossing = {"aggression_nanos": NANOS, "improvement_nanos": nanos(5)}
    assert quoted([100], [102], **wide, **crossing) == (Decimal("99.9"), Decimal("102.1"))


def test_without_a_least_spread_both_sides_step_off_a_shared_tick():
    """A quote is never crossed with itself, not even by equality."""
    crossing = {"aggression_nanos": NANOS, "improvement_nanos": nanos(5), "min_spread_share_nanos": 0}
    assert quoted([100], [102], **crossing) == (Decimal("100.9"), Decimal("101.1"))
    assert quoted([100], [102], tick=nanos(101), **crossing) == (None, Decimal(202))


def test_our_own_orders_are_not_the_market():
    """What rests of ours is taken out of the book before any price is read."""
    book = booked([(100, 1), (99, 5)], [101])
    book.set_own(True, nanos(100), nanos(1))
    assert quote(book, QuoteParams(**PLAIN), NO_PRICE, TICK) == (nanos(99), nanos(101))


def test_a_dark_book_gives_no_quote_even_with_a_mark():
    """No price is taken from a dark book."""
    book = booked([100], [101])
    book.darken()
    assert quote(book, QuoteParams(**PLAIN), nanos(100), TICK) == (NO_PRICE, NO_PRICE)


def test_skew_moves_both_prices_and_never_to_zero():
    """Inventory shifts both prices; a side pushed to zero or below shows nothing."""
    assert quoted([100], [101], skew_nanos=nanos("-.25")) == (Decimal("99.7"), Decimal("100.8"))
    assert quoted([100], [101], skew_nanos=nanos("-100.5")) == (None, Decimal("0.5"))
    assert quoted([100], [101], skew_nanos=nanos(-101)) == (None, None)


def test_danger_stretches_the_finished_spread_round_its_own_middle():
    """Twice as wide: half of the spread further out on each side, before rounding to the tick."""
    assert quoted([100], [101], widen_nanos=2 * NANOS) == (Decimal("99.5"), Decimal("101.5"))
    assert quoted([100], [101], widen_nanos=2 * NANOS, skew_nanos=nanos(1)) == (Decimal("100.5"), Decimal("102.5"))


def test_round_fair_the_book_only_holds_back_what_would_trade():
    """Half a spread each side of our own value, wherever the market is; but no post-only side meets the book."""
    round_fair = QuoteParams(**PLAIN | {"is_round_fair": True, "spread_share_nanos": NANOS // 50})
    assert quote(booked([90], [110]), round_fair, NO_PRICE, TICK, nanos(100)) == (nanos(99), nanos(101))
    assert quote(booked([90], [95]), round_fair, NO_PRICE, TICK, nanos(100)) == (nanos("94.9"), nanos(101))
    assert quote(booked([105], [110]), round_fair, NO_PRICE, TICK, nanos(100)) == (nanos(99), nanos("105.1"))
    assert quote(booked([90], [110]), round_fair, nanos(100), TICK) == (NO_PRICE, NO_PRICE)


@pytest.mark.parametrize("side", ["bid_size_nanos", "ask_size_nanos"])
def test_one_sided_mode_shows_one_side_where_it_would_stand_anyway(side):
    """A size of 0 silences its side and leaves the other's price alone."""
    expected = [Decimal(100), Decimal(101)]
    expected[side.startswith("ask")] = None
    assert quoted([100], [101], **{side: 0}) == tuple(expected)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("aggression_nanos", -1),
        ("improvement_nanos", -1),
        ("reference_size_nanos", -1),
        ("spread_share_nanos", NANOS + 1),
        ("min_spread_share_nanos", -1),
        ("skew_nanos", 2**62),
        ("widen_nanos", NANOS - 1),
        ("widen_nanos", 3 * NANOS + 1),
        ("bid_size_nanos", -1),
        ("ask_size_nanos", 2**63),
    ],
)
def test_parameters_that_cannot_be_meant_are_refused(name, value):
    """A parameter out of its range is refused by name."""
    with pytest.raises(ValueError, match=name):
        QuoteParams(**PLAIN | {name: value})


def test_a_tick_of_zero_is_refused():
    """No tick, no price."""
    with pytest.raises(ValueError, match="tick"):
        quote(Book(), QuoteParams(**PLAIN), NO_PRICE, 0)


prices = st.one_of(st.integers(1, 60), st.integers(10**11, 10**11 + 40), st.integers(1, MOST))
levels = st.dictionaries(prices, st.one_of(st.integers(1, 9), st.integers(1, MOST)), max_size=5)
shares = st.one_of(st.sampled_from([0, 1, BASIS_POINT, NANOS]), st.integers(0, NANOS))
params = st.fixed_dictionaries(
    {
        "aggression_nanos": st.one_of(st.sampled_from([0, NANOS - 1, NANOS]), st.integers(0, 3 * NANOS)),
        "improvement_nanos": st.one_of(st.integers(0, 50), st.integers(0, MOST // 4)),
        "reference_size_nanos": st.one_of(st.integers(0, 9), st.integers(0, MOST)),
        "spread_share_nanos": shares,
        "min_spread_share_nanos": shares,
        "widen_nanos": st.one_of(st.just(NANOS), st.integers(NANOS, 3 * NANOS)),
        "skew_nanos": st.one_of(st.integers(-50, 50), st.integers(-(MOST // 4), MOST // 4)),
        "bid_size_nanos": st.integers(0, 3),
        "ask_size_nanos": st.integers(0, 3),
        "is_round_fair": st.booleans(),
    }
)


some_prices = st.one_of(prices, st.just(NO_PRICE))
values = st.tuples(some_prices, st.one_of(st.integers(1, 20), st.integers(1, MOST)), some_prices)


AT_THE_END = {
    "aggression_nanos": 0,
    "improvement_nanos": 0,
    "reference_size_nanos": 0,
    "spread_share_nanos": 0,
    "min_spread_share_nanos": 0,
    "widen_nanos": NANOS,
    "skew_nanos": 2,
    "bid_size_nanos": 1,
    "ask_size_nanos": 1,
    "is_round_fair": True,
}


@given(levels, prices, st.dictionaries(prices, st.integers(1, 9), max_size=2), values, params)
@example({}, 1, {}, (NO_PRICE, 3, 2**63 - 2), AT_THE_END)  # beyond int64, and its tick is not
@settings(max_examples=2000, deadline=None)
def test_any_market_is_quoted_as_the_fractions_say(sizes, middle, own, values, chosen):
    """Over the whole range of int64 the compiled quote equals the guide's sentences in fractions."""
    bids = sorted(((p, s) for p, s in sizes.items() if p < middle), reverse=True)
    asks = sorted((p, s) for p, s in sizes.items() if p >= middle)
    book, reference = Book(), ReferenceBook()
    assert book.apply_snapshot(bids, asks, 1, 2, 3)
    reference.apply_snapshot(bids, asks, 1, 2, 3)
    for price, size in own.items():
        book.set_own(price < middle, price, size)
        reference.set_own(price < middle, price, size)
    mark, tick, fair = values
    assert quote(book, QuoteParams(**chosen), mark, tick, fair) == reference_quote(reference, mark, tick, chosen, fair)
