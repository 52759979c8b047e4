"""Market data young enough to act on, or the reason why there is none."""

import math

from atomizer._core.book import Book
from atomizer.domain.ports import MarketView
from atomizer.domain.reasons import Reason, Verdict
from atomizer.domain.trading import Mark


def fresh_book(market: MarketView, name: str, max_age_ns: int, now_ns: int) -> Book | Verdict:
    """A book that prices may be taken from: known, not dark, at most `max_age_ns` old."""
    book = market.book(name)
    if book is None or book.dark:
        return Verdict(Reason.NO_BOOK, f"{name} has no book that a price may be taken from")
    age_ns = now_ns - book.received_ns
    if age_ns > max_age_ns:
        return Verdict(Reason.STALE_BOOK, f"{name} book is {age_ns // 1_000_000} ms old")
    return book


def fresh_mark(market: MarketView, name: str, max_age_ns: int, now_ns: int) -> Mark | Verdict:
    """A mark at most `max_age_ns` old whose index, delta and vega are numbers."""
    mark = market.mark(name)
    if mark is None or now_ns - mark.now_ns > max_age_ns:
        return Verdict(Reason.NO_GREEKS, f"{name} has no recent mark: index and Greeks are not known")
    if mark.index_nanos <= 0 or not math.isfinite(mark.delta) or not math.isfinite(mark.vega):
        return Verdict(Reason.NO_GREEKS, f"{name} index {mark.index_nanos}, delta {mark.delta}, vega {mark.vega}")
    return mark
