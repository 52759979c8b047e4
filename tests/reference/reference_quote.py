"""The guide's "Quote prices", sentence by sentence, in fractions."""

from fractions import Fraction
from math import ceil, floor

NO_PRICE = -(2**63)
MOST = 2**63 - 1
SHARE = Fraction(1, 10**9)
CLOSEST = Fraction(9, 10)


def _reference(book, is_bid, size, mid, spread):
    for price, held in book.levels(is_bid):
        if held >= size:
            return Fraction(price)
    return mid - mid * spread / 2 if is_bid else mid + mid * spread / 2


def _placed(reference, mid, aggression, improvement, toward):
    if aggression < 1:
        return reference + min(aggression, CLOSEST) * (mid - reference)
    return reference + toward * improvement


def reference_quote(book, mark, tick, params, fair=NO_PRICE) -> tuple[int, int]:
    """`params` is a dict of the arguments of QuoteParams."""
    if not params.get("is_round_fair"):
        return _round_market(book, mark, tick, params)
    if book.dark:
        return NO_PRICE, NO_PRICE
    bid, ask = _round_market(_Nobody(), fair, tick, params)
    if params["aggression_nanos"] >= 10**9:
        return bid, ask
    best_bid, best_ask = book.best(is_bid=True), book.best(is_bid=False)
    if best_ask != NO_PRICE and bid >= best_ask:
        bid = (best_ask - 1) // tick * tick or NO_PRICE
    if NO_PRICE not in (best_bid, ask) and ask <= best_bid:
        ask = -(-(best_bid + 1) // tick) * tick
    return bid, ask if ask <= MOST else NO_PRICE


class _Nobody:
    """A book with nobody in it."""

    dark = False

    def best(self, *, is_bid):
        del is_bid
        return NO_PRICE

    def levels(self, _is_bid):
        return []


def _round_market(book, mark, tick, params) -> tuple[int, int]:
    bid, ask = book.best(is_bid=True), book.best(is_bid=False)
    if book.dark:
        return NO_PRICE, NO_PRICE
    if NO_PRICE not in (bid, ask):
        mid = Fraction(bid + ask, 2)
    elif mark > 0:
        mid = Fraction(mark)
    else:
        return NO_PRICE, NO_PRICE
    spread, least = (params[name] * SHARE for name in ("spread_share_nanos", "min_spread_share_nanos"))
    aggression, improvement = params["aggression_nanos"] * SHARE, params["improvement_nanos"]
    size = params["reference_size_nanos"]
    low = _placed(_reference(book, True, size, mid, spread), mid, aggression, improvement, 1)
    high = _placed(_reference(book, False, size, mid, spread), mid, aggression, improvement, -1)
    if high - low < mid * least:
        low, high = mid - mid * least / 2, mid + mid * least / 2
    wider = (high - low) * (params.get("widen_nanos", 10**9) * SHARE - 1) / 2
    low, high = low - wider, high + wider
    low = floor((low + params["skew_nanos"]) / tick) * tick
    high = ceil((high + params["skew_nanos"]) / tick) * tick
    if low == high and 0 < low <= MOST:
        low, high = low - tick, high + tick
    return (
        low if 0 < low <= MOST and params["bid_size_nanos"] else NO_PRICE,
        high if 0 < high <= MOST and params["ask_size_nanos"] else NO_PRICE,
    )
