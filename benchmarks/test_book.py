"""One level changed and the touch read, beside the books that Python programs use."""

import pytest
from nautilus_trader.core import nautilus_pyo3
from numeric import changes, numeric_probe, snapshot
from order_book import OrderBook
from probe import probe
from sortedcontainers import SortedDict

from atomizer._core.book import Book

COUNT = 10_000
NANOS = 10**9
STREAM = changes(COUNT)
ROWS = [(bool(is_bid), int(price), int(size)) for is_bid, price, size in STREAM]


def book():
    made = Book()
    assert made.apply_snapshot(*snapshot(), 1, 2, 3)
    return made


def test_book_native(benchmark):
    """A stream of changes without Python."""
    benchmark.group = f"book: {COUNT} changes, the touch read after each"
    loop = numeric_probe().changes
    benchmark.pedantic(loop, setup=lambda: ((book(), STREAM), {}), rounds=100)


def test_book_native_in_c(benchmark):
    """The same stream into sorted arrays as one would write them in C."""
    benchmark.group = f"book: {COUNT} changes, the touch read after each"
    scanner = probe("scan_probe")

    def made():
        fresh = scanner.PlainBook()
        fresh.fill(*snapshot())
        return (fresh, STREAM), {}

    fresh, _ = made()[0]
    assert scanner.plain_changes(fresh, STREAM) == numeric_probe().changes(book(), STREAM)
    benchmark.pedantic(scanner.plain_changes, setup=made, rounds=100)


def test_book_atomizer(benchmark):
    benchmark.group = "book: a change and its touch from Python"

    def run(made):
        change, bid, ask = made.apply_change, made.best_bid, made.best_ask
        for is_bid, price, size in ROWS:
            change(is_bid, price, size)
            bid() if is_bid else ask()

    benchmark.pedantic(run, setup=lambda: ((book(),), {}), rounds=20)


def test_book_one_call(benchmark):
    benchmark.group = "book: one call from Python"
    (price, _), *_ = snapshot()[0]
    benchmark.pedantic(book().apply_change, (True, price, 5 * NANOS), rounds=1_000, iterations=100)


def test_book_sorteddict(benchmark):
    benchmark.group = "book: a change and its touch from Python"

    def run(sides):
        for is_bid, price, size in ROWS:
            side = sides[is_bid]
            if size:
                side[price] = size
            else:
                side.pop(price, None)
            side.peekitem(-1 if is_bid else 0)

    def made():
        return ([SortedDict(snapshot()[1]), SortedDict(snapshot()[0])],), {}

    benchmark.pedantic(run, setup=made, rounds=5)


def test_book_order_book(benchmark):
    benchmark.group = "book: a change and its touch from Python"

    def run(made):
        for is_bid, price, size in ROWS:
            side = made.bids if is_bid else made.asks
            if size:
                side[price] = size
            elif price in side:
                del side[price]
            side.index(0)

    def made():
        empty = OrderBook()
        empty.bids, empty.asks = dict(snapshot()[0]), dict(snapshot()[1])
        return (empty,), {}

    benchmark.pedantic(run, setup=made, rounds=5)


def test_book_nautilus(benchmark):
    benchmark.group = "book: a change and its touch from Python"
    instrument = nautilus_pyo3.InstrumentId.from_str("ETH-PERP.DERIVE")

    def order(is_bid, price, size):
        side = nautilus_pyo3.OrderSide.BUY if is_bid else nautilus_pyo3.OrderSide.SELL
        return nautilus_pyo3.BookOrder(
            side, nautilus_pyo3.Price(price / NANOS, 2), nautilus_pyo3.Quantity(size / NANOS, 1), price
        )

    def made():
        fresh = nautilus_pyo3.OrderBook(instrument, nautilus_pyo3.BookType.L2_MBP)
        for is_bid, side in ((True, snapshot()[0]), (False, snapshot()[1])):
            for price, size in side:
                fresh.add(order(is_bid, price, size), 0, 0, 0)
        return (fresh, [(row[0], row[2], order(*row)) for row in ROWS]), {}

    def run(fresh, orders):
        for is_bid, size, change in orders:
            if size:
                fresh.update(change, 0, 0, 0)
            else:
                fresh.delete(change, 0, 0, 0)
            fresh.best_bid_price() if is_bid else fresh.best_ask_price()

    benchmark.pedantic(run, setup=made, rounds=5)


@pytest.mark.parametrize("levels", [20, 40])
def test_book_snapshot(benchmark, levels):
    benchmark.group = f"book: a snapshot of {levels} levels a side from Python"
    bids, asks = (side[:levels] for side in snapshot())
    assert benchmark.pedantic(Book().apply_snapshot, (bids, asks, 1, 2, 3), rounds=1_000, iterations=20)
