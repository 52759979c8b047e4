"""Everything that reads what venues send, found by its name, each with samples that it takes.

A reader answers a value or raises what its documentation says; anything else is a crash. `parse_` functions of the
codec rooms are found by themselves, so that a new one is fuzzed without a word here.
"""

import contextlib
import importlib
import inspect
import pkgutil
from functools import partial
from typing import Any, NamedTuple

import deribit_samples
import derive_samples
import more_samples
import orjson
import rysk_frames
from ccxt_samples import GREEKS, INVERSE, LISTING, OPTION, PERPETUAL, POSITION, TICKER, TRADE
from ccxt_samples import ORDER as CCXT_ORDER

from atomizer._core.book import Book
from atomizer._core.rfq_scan import scan_rfq
from atomizer._core.scan import channel_of, read_book
from atomizer.domain.instruments import parse_name
from atomizer.errors import BadFrame, ConfigError
from atomizer.venues.deribit.names import from_deribit

NOW_NS = rysk_frames.NOW_NS
ELSEWHERE = {"parse_seed", "parse_address"}  # of what an operator gives, and of a part of a frame
ARGUMENTS = {
    "now_ns": NOW_NS,
    "contract": deribit_samples.TICKER_CONTRACT,
    "channels": ["a", "b"],
    "request_id": 7,
    "underlying": "ETH",
    "name": "ETH-20260605-2000-P",
    "is_option": True,
    "assets": rysk_frames.ASSETS,
    "maker": rysk_frames.MAKER.lower(),
    "listing": LISTING,
    "venue": "ccxt:x",
    "field": "clientOrderId",
    "client_id": "mm.k3f9.17",
    "precision_mode": 4,
    "counts_contracts": True,
    "scale": LISTING.scale,
    "what": "levels",
}
SAMPLES = {
    "deribit": (deribit_samples, more_samples.DERIBIT),
    "derive": (derive_samples, more_samples.DERIVE),
    "rysk": (rysk_frames, more_samples.RYSK),
}


class Reader(NamedTuple):
    """`read` takes bytes, or with `is_tree` what JSON they decode to; `refusal` is what it may raise."""

    read: Any
    is_tree: bool
    refusal: type[Exception] | tuple[type[Exception], ...]
    samples: list[Any]


def found() -> dict[str, Reader]:
    """All readers by name."""
    readers = {
        "parse_name": Reader(_of_text(parse_name), False, ValueError, ["ETH-20250530-3000-C", "XRP-20261225-0_5-P"]),
        "from_deribit": Reader(_of_text(from_deribit), False, ValueError, ["ETH-30MAY25-3000-C", "BTC-25SEP26"]),
        "channel_of": Reader(channel_of, False, (), FRAMES),
        "read_book": Reader(partial(_into_a_book), False, (), FRAMES),
        "scan_rfq": Reader(lambda frame: scan_rfq(frame, NOW_NS), False, (), [rysk_frames.RFQ_IN]),
    }
    for venue in ("deribit", "derive", "rysk", "ccxt"):
        package = importlib.import_module(f"atomizer.venues.{venue}")
        for each in pkgutil.iter_modules(package.__path__):
            module = importlib.import_module(f"{package.__name__}.{each.name}")
            for name, function in vars(module).items():
                if name.startswith("parse_") and name not in ELSEWHERE and function.__module__ == module.__name__:
                    readers[f"{venue}.{each.name}.{name}"] = _reader(venue, function)
    return readers


def _reader(venue: str, function: Any) -> Reader:
    """Whatever it takes beside its subject is filled in by its name."""
    subject, *others = inspect.signature(function).parameters.values()
    filled = {each.name: ARGUMENTS[each.name] for each in others if each.default is each.empty}
    is_bytes = venue == "deribit" or "bytes" in str(subject.annotation)
    # What our own code hands on is an object when it says so.
    promised = dict if "Mapping" in str(subject.annotation) else object

    def read(data: Any) -> Any:
        return function(data, **filled) if isinstance(data, promised) else None

    reader = Reader(read, not is_bytes, (BadFrame, ConfigError), [])
    reader.samples.extend(sample for sample in _candidates(venue) if takes(reader, orjson.dumps(sample)))
    return reader


def _candidates(venue: str) -> list[Any]:
    """Every sample of a venue, each also as the only one of a list."""
    if venue == "ccxt":
        made = [PERPETUAL, INVERSE, OPTION, TICKER, GREEKS, CCXT_ORDER, TRADE, POSITION, [["2937.45", "100"]]]
    else:
        module, more = SAMPLES[venue]
        made = [value for name, value in vars(module).items() if name.isupper() and _is_json(value)] + more
    return [each for value in made for each in (value, [value], {"jsonrpc": "2.0", "id": 7, "result": value})] + FRAMES


def _is_json(value: Any) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return not isinstance(value, int)


def takes(reader: Reader, data: bytes) -> bool:
    """Whether the reader answers a value."""
    try:
        reader.read(orjson.loads(data) if reader.is_tree else data)
    except reader.refusal:
        return False
    return True


def feed(reader: Reader, data: bytes) -> None:
    """Any bytes. Raises what is neither the reader's answer nor its refusal."""
    try:
        subject = orjson.loads(data) if reader.is_tree else data
    except orjson.JSONDecodeError:
        return
    with contextlib.suppress(reader.refusal):
        reader.read(subject)


def _of_text(parse: Any) -> Any:
    return lambda data: parse(data.decode(errors="replace"))


def _into_a_book(data: bytes) -> None:
    """A whole book, then whatever came, then the same again: the book stays one that can be read."""
    book = Book()
    for frame in (FRAME_TEXTS[0], data, data):
        read_book(frame, book, NOW_NS)
    bids, asks = book.levels(is_bid=True), book.levels(is_bid=False)
    assert all(price > 0 and size > 0 for price, size in [*bids, *asks])
    assert not (bids and asks) or bids[0][0] < asks[0][0]


FRAMES = [
    {"jsonrpc": "2.0", "method": "subscription", "params": {"channel": "book.X.raw", "data": deribit_samples.SNAPSHOT}},
    {"jsonrpc": "2.0", "method": "subscription", "params": {"channel": "book.X.raw", "data": deribit_samples.BOOK}},
    {"method": "subscription", "params": {"channel": "orderbook.X.1.20", "data": derive_samples.BOOK}},
    {"id": 7, "error": {"code": -32000, "message": "Rate limit exceeded", "data": "Retry after 800 ms"}},
    {"jsonrpc": "2.0", "id": 7, "error": {"code": 10028, "message": "too_many_requests", "data": {"wait": 2}}},
    {"id": 7, "result": 1772624842966},
]
FRAME_TEXTS = [orjson.dumps(frame) for frame in FRAMES]
