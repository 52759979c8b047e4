"""Book frames to rows, put together in plain Python: json, Decimal, the book, and the reference slot."""

import json
from decimal import Decimal

NS_PER_MS = 10**6
NANOS = 10**9
SECOND_NS = 10**9
OLD, CHANGED, FAILED, DARK = range(4)

# What slots are made with in tests that compare.
PARAMS = {
    "aggression_nanos": 0,
    "improvement_nanos": 0,
    "reference_size_nanos": 0,
    "spread_share_nanos": NANOS // 100,
    "min_spread_share_nanos": 0,
    "bid_size_nanos": NANOS,
    "ask_size_nanos": NANOS,
    "skew_nanos": 0,
}
LIMITS = {
    "tick_nanos": NANOS // 2,
    "lot_nanos": NANOS // 10,
    "min_amount_nanos": NANOS // 10,
    "max_amount_nanos": 100 * NANOS,
    "max_order_size_nanos": 50 * NANOS,
    "max_position_nanos": 5 * NANOS,
    "mark_band_share_nanos": NANOS // 2,
    "max_book_age_ns": 2 * SECOND_NS,
    "max_mark_age_ns": 3 * SECOND_NS,
}


def nanos(value) -> int:
    return int(Decimal(value) * NANOS)


def _level(entry):
    return nanos(entry[0]), nanos(entry[1])


def read_book(frame):
    """(channel, data) of a book frame, None for any other; figures as Decimal or text, exactly as they came."""
    try:
        params = json.loads(frame, parse_float=Decimal)["params"]
        return params["channel"], params["data"]
    except (ValueError, KeyError, TypeError):
        return None


def apply_book(book, data, now_ns):
    """What the venue's frame does to the book: OLD, CHANGED, FAILED (a snapshot or change that cannot be), DARK."""
    time_ns = data["timestamp"] * NS_PER_MS
    if "publish_id" in data:
        if data["publish_id"] <= book.sequence:
            return OLD
        bids, asks = (map(_level, data[name]) for name in ("bids", "asks"))
        return CHANGED if book.apply_snapshot(bids, asks, data["publish_id"], time_ns, now_ns) else FAILED
    sides = [(name == "bids", _level(entry[1:])) for name in ("bids", "asks") for entry in data[name]]
    if data["type"] == "snapshot":
        bids, asks = ([level for is_bid, level in sides if is_bid is wanted] for wanted in (True, False))
        return CHANGED if book.apply_snapshot(bids, asks, data["change_id"], time_ns, now_ns) else FAILED
    if book.dark:
        return DARK
    if data["prev_change_id"] != book.sequence:
        book.darken()
        return DARK
    for is_bid, level in sides:
        book.apply_change(is_bid, *level)
    return CHANGED if book.finish_change(data["change_id"], time_ns, now_ns) else FAILED


class ReferenceLane:
    """Slots by channel."""

    def __init__(self):
        self.slots = {}

    def on_frame(self, frame, now_ns):
        """Rows of a frame whose channel has a slot."""
        channel, data = read_book(frame)
        slot = self.slots[channel]
        outcome = apply_book(slot.book, data, now_ns)
        if outcome == OLD or (outcome == CHANGED and slot.is_quiet(now_ns)):
            return []
        if outcome == FAILED:
            slot.was_dark = False
        if outcome != CHANGED and slot.was_dark:
            return []
        return slot.decide(now_ns)
