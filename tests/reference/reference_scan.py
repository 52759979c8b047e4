"""Book frames the slow way: the standard library's JSON, every key and type looked at, into a Book by its Python face.

`orjson_levels` is the other slow way, the one that the live sessions take: numbers through a double.
"""

import json
import re
from decimal import Decimal
from fractions import Fraction
from typing import Any

import orjson

NANOS = 10**9
MOST = 2**63 - 1
EARLIEST_MS, LATEST_MS = 1_577_836_800_000, 4_102_444_800_000
CHANNEL = re.compile(r"(orderbook|book)\.")
PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
ACTIONS = ("new", "change", "delete")


class Unreadable(Exception):
    """Not a book frame, or not one that makes sense."""


def need(holds: bool, what: str) -> None:
    if not holds:
        raise Unreadable(what)


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    need(len({key for key, _ in pairs}) == len(pairs), "a key twice")
    return dict(pairs)


def load(frame: bytes) -> Any:
    try:
        orjson.loads(frame)  # json.loads alone takes NaN, and other encodings
        return json.loads(frame, object_pairs_hook=unique, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise Unreadable(str(error)) from None


def integer(value: Any, low: int, high: int) -> int:
    need(type(value) is int and low <= value <= high, f"not an integer in range: {value!r}")
    return value


def nanos(value: Any, is_text: bool) -> int:
    if is_text:
        need(type(value) is str and PLAIN.fullmatch(value) is not None, "not decimal text")
    else:
        need(type(value) in {int, Decimal}, "not a number")
    exact = Fraction(value) * NANOS
    need(exact.denominator == 1 and abs(exact) <= MOST, "no int64 nanos")
    return int(exact)


def derive_side(side: Any) -> list[tuple[int, int]]:
    need(type(side) is list and all(type(level) is list and len(level) == 2 for level in side), "not levels")
    return [(nanos(price, is_text=True), nanos(size, is_text=True)) for price, size in side]


def deribit_side(side: Any, actions: tuple[str, ...]) -> list[tuple[int, int]]:
    need(type(side) is list and all(type(level) is list and len(level) == 3 for level in side), "not levels")
    levels = [(action, nanos(price, is_text=False), nanos(size, is_text=False)) for action, price, size in side]
    for action, _, size in levels:
        need(action in actions, "no such action")
        need((size == 0) == (action == "delete"), "a size that contradicts its action")
    return [(price, size) for _, price, size in levels]


def slow_scan(frame: bytes, book, received_ns: int) -> str:
    """What became of the book: applied, old, no_snapshot, gap, bad_levels; else unread, and the book is untouched."""
    try:
        message = load(frame)
        channel, data = message["params"]["channel"], message["params"]["data"]
        need(message["method"] == "subscription", "another method")
        found = CHANNEL.match(channel)
        need(found is not None, "another channel")
        if found[1] == "orderbook":
            return derive(data, book, received_ns)
        return deribit(data, book, received_ns)
    except (Unreadable, KeyError, TypeError):
        return "unread"


def derive(data: Any, book, received_ns: int) -> str:
    publish_id = integer(data["publish_id"], 0, MOST)
    time_ns = integer(data["timestamp"], EARLIEST_MS, LATEST_MS - 1) * 1_000_000
    bids, asks = derive_side(data["bids"]), derive_side(data["asks"])
    if publish_id <= book.sequence and (book.sequence or not book.dark):
        return "old"
    return "applied" if book.apply_snapshot(bids, asks, publish_id, time_ns, received_ns) else "bad_levels"


def deribit(data: Any, book, received_ns: int) -> str:
    change_id = integer(data["change_id"], 0, MOST)
    time_ns = integer(data["timestamp"], EARLIEST_MS, LATEST_MS - 1) * 1_000_000
    need(data["type"] in {"snapshot", "change"}, "another type")
    is_snapshot = data["type"] == "snapshot"
    actions = ("new",) if is_snapshot else ACTIONS
    bids, asks = deribit_side(data["bids"], actions), deribit_side(data["asks"], actions)
    if is_snapshot:
        return "applied" if book.apply_snapshot(bids, asks, change_id, time_ns, received_ns) else "bad_levels"
    previous = integer(data["prev_change_id"], 0, MOST)
    if book.dark:
        return "no_snapshot"
    if previous != book.sequence:
        book.darken()
        return "gap"
    for is_bid, levels in ((True, bids), (False, asks)):
        for price, size in levels:
            book.apply_change(is_bid, price, size)
    return "applied" if book.finish_change(change_id, time_ns, received_ns) else "bad_levels"


def orjson_levels(frame: bytes) -> list[list[tuple[int, int]]]:
    """Bids and asks of a frame as a reader through orjson, and so through doubles, has them."""
    data = orjson.loads(frame)["params"]["data"]
    return [
        [(_through_double(level[-2]), _through_double(level[-1])) for level in data[side]] for side in ("bids", "asks")
    ]


def _through_double(value: Any) -> int:
    exact = Decimal(value if isinstance(value, str) else repr(value)) * NANOS
    assert exact == int(exact)
    return int(exact)
