"""Book frames into the book: ours, a scanner written by hand in C, and what one would take in Python.

A Derive frame is a whole book of twenty levels a side, as text; a Deribit frame changes four levels a side. Frames
follow each other as a venue sends them, and come round again.
"""

from decimal import Decimal

import orjson
import pytest
from probe import probe

from atomizer._core.book import Book
from atomizer._core.scan import INSTRUCTION_SETS, read_book, use_instructions

FRAMES = 100
LEVELS = 20
CHANGED = (0, 1, 4, 9)  # levels from the touch


def derive(number):
    best = 1_640 + number % 7
    data = {
        "timestamp": 1_772_624_842_966 + number,
        "instrument_name": "BTC-20260305-69500-P",
        "publish_id": 56_593 + number,
        "bids": [[str(best - 5 * step), f"{(number + step) % 30 + 1}.{step % 10}0343"] for step in range(LEVELS)],
        "asks": [[str(best + 5 * step + 20), f"{(number + step) % 9 + 1}.5"] for step in range(LEVELS)],
    }
    params = {"channel": "orderbook.BTC-20260305-69500-P.10.20", "data": data}
    return orjson.dumps({"method": "subscription", "params": params})


def deribit(number, *, snapshot=False):
    levels = range(LEVELS) if snapshot else CHANGED
    bids = [[0.0795 - step * 0.0005, (number + step) % 40 + 1.0] for step in levels]
    asks = [[0.0945 + step * 0.0005, (number + step) % 50 + 2.0] for step in levels]
    word = "new" if snapshot else "change"
    data = {
        "type": "snapshot" if snapshot else "change",
        "timestamp": 1_617_644_858_339 + number,
        "prev_change_id": (number - 1) % FRAMES + 1,
        "instrument_name": "ETH-9APR21-1950-C",
        "change_id": number % FRAMES + 1,
        "bids": [[word, round(price, 4), size] for price, size in bids],
        "asks": [[word, round(price, 4), size] for price, size in asks],
    }
    if snapshot:
        del data["prev_change_id"]
    params = {"channel": "book.ETH-9APR21-1950-C.raw", "data": data}
    return orjson.dumps({"jsonrpc": "2.0", "method": "subscription", "params": params})


def frames_of(venue):
    """Each Deribit frame follows the one before, and the first follows the last."""
    return [(derive if venue == "derive" else deribit)(number) for number in range(FRAMES)]


def ours(venue):
    book = Book()
    if venue == "deribit":
        assert read_book(deribit(0, snapshot=True), book, 1) == 0
        assert probe("scan_probe").scans(book, frames_of(venue)[1:], is_whole=False) == FRAMES - 1
    return lambda frames: probe("scan_probe").scans(book, frames, is_whole=venue == "derive")


def by_hand_in_c(venue):
    scanner = probe("scan_probe")
    book = scanner.PlainBook()
    if venue == "deribit":  # it has no snapshots; the levels come as changes, after what it counts from
        start = deribit(1).replace(b'"prev_change_id":1', b'"prev_change_id":0')
        assert scanner.plain_scans(book, [start, *frames_of(venue)[2:]], is_whole=False) == FRAMES - 1
    return lambda frames: scanner.plain_scans(book, frames, is_whole=venue == "derive")


def orjson_alone(_venue):
    return lambda frames: sum(orjson.loads(frame) is not None for frame in frames)


def orjson_and_decimal(venue):
    """The way of most Python traders: a dict of Decimal a side."""
    sides = {"bids": {}, "asks": {}}

    def take(frame):
        data = orjson.loads(frame)["params"]["data"]
        for name, side in sides.items():
            if venue == "derive":
                side.clear()
            for *action, price, size in data[name]:
                if action == ["delete"]:
                    side.pop(Decimal(str(price)), None)
                else:
                    side[Decimal(str(price))] = Decimal(str(size))
        return True

    return lambda frames: sum(map(take, frames))


WAYS = {"atomizer": ours, "C by hand": by_hand_in_c, "orjson": orjson_alone, "orjson and Decimal": orjson_and_decimal}


@pytest.mark.parametrize("venue", ["derive", "deribit"])
@pytest.mark.parametrize("way", WAYS)
def test_scan(benchmark, way, venue):
    benchmark.group = f"{FRAMES} book frames of {venue} into the book"
    frames = frames_of(venue)
    scan = WAYS[way](venue)
    assert scan(frames) == FRAMES
    benchmark(scan, frames)


@pytest.mark.parametrize("venue", ["derive", "deribit"])
@pytest.mark.parametrize("name", INSTRUCTION_SETS)
def test_scan_instructions(benchmark, name, venue):
    benchmark.group = f"{FRAMES} book frames of {venue} by instruction set"
    use_instructions(name)
    benchmark(ours(venue), frames_of(venue))
    use_instructions(INSTRUCTION_SETS[-1])
