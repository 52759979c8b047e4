"""The bid and the ask that we want to show: exact integer arithmetic, bids rounded down to the tick and asks up.

Mid is half of a sum, a spread stands half on each side of it, and two shares in 10⁻⁹ may multiply: so prices are
carried in quarters of 10⁻¹⁸ of a nano, in which every intermediate is a whole number. 128 bits hold them all.
"""

cimport cython

from atomizer._core.book cimport ASKS, BIDS
from atomizer._core.fixed cimport INT64_MAX, NANOS, NO_PRICE, ceil_nanos, floor_nanos

cdef extern from *:
    ctypedef long long int128_t "__int128"

cdef enum:
    QUARTERS = 4

cdef int64_t MOST_CONSERVATIVE_NANOS = 900_000_000      # an aggression from 0.9 to 1 acts as 0.9
cdef int64_t WIDEST_NANOS = 3_000_000_000               # beyond, the arithmetic would not fit
cdef int64_t LARGEST_OFFSET_NANOS = INT64_MAX // 4


cdef void read_market(Book book, int64_t reference_size_nanos, Market* market) noexcept nogil:
    cdef int is_bid
    for is_bid in range(2):
        market.touch_nanos[is_bid] = book.touch_nanos(is_bid)
        market.reference_nanos[is_bid] = book.reference_nanos(is_bid, reference_size_nanos)


@cython.overflowcheck(False)    # 128-bit arithmetic, which the checker would narrow to 64
cdef inline int128_t _wanted(
    const Params* params, int64_t reference_nanos, int128_t twice_mid, int away
) noexcept nogil:
    """Exact price before the least spread; `away` is -1 for a bid and 1 for an ask."""
    cdef int128_t mid = twice_mid * NANOS * (QUARTERS // 2)     # one share less fine than the answer
    cdef int128_t reference
    if reference_nanos == NO_PRICE:
        reference = mid + away * twice_mid * params.spread_share_nanos
    else:
        reference = <int128_t>reference_nanos * NANOS * QUARTERS
    if params.aggression_nanos >= NANOS:
        return (reference - away * <int128_t>params.improvement_nanos * NANOS * QUARTERS) * NANOS
    return reference * NANOS + (mid - reference) * min(params.aggression_nanos, MOST_CONSERVATIVE_NANOS)


@cython.overflowcheck(False)
cdef inline int64_t _on_tick(int128_t exact, int64_t tick_nanos, bint is_bid) noexcept nogil:
    """NO_PRICE at or below 0 and beyond int64."""
    cdef int128_t nanos
    cdef int64_t price_nanos
    if exact <= 0:
        return NO_PRICE
    nanos = exact // (<int128_t>NANOS * NANOS * QUARTERS)
    if not is_bid and nanos * NANOS * NANOS * QUARTERS != exact:
        nanos += 1
    if nanos > INT64_MAX:
        nanos -= nanos % tick_nanos     # the tick below a bid that is just beyond may still be a price
        return <int64_t>nanos if is_bid and nanos <= INT64_MAX else NO_PRICE
    price_nanos = floor_nanos(<int64_t>nanos, tick_nanos) if is_bid else ceil_nanos(<int64_t>nanos, tick_nanos)
    return price_nanos if price_nanos > 0 else NO_PRICE


@cython.overflowcheck(False)
cdef inline int128_t _half_of(int128_t spread, int64_t share_nanos) noexcept nogil:
    """Half of that share of a spread that is not negative, rounded up: away from the market on both sides."""
    cdef int128_t whole = spread // NANOS * share_nanos
    cdef int128_t rest = whole % 2 * NANOS + spread % NANOS * share_nanos
    return whole // 2 + (rest + 2 * NANOS - 1) // (2 * NANOS)


cdef void desired_quote(
    const Params* params, const Market* market, int64_t mark_nanos, int64_t fair_nanos, int64_t tick_nanos, Quote* quote
) noexcept nogil:
    cdef Market nobody
    if not params.is_round_fair:
        _quote(params, market, mark_nanos, tick_nanos, quote)
        return
    nobody.touch_nanos[BIDS] = nobody.touch_nanos[ASKS] = NO_PRICE
    nobody.reference_nanos[BIDS] = nobody.reference_nanos[ASKS] = NO_PRICE
    _quote(params, &nobody, fair_nanos, tick_nanos, quote)
    if params.aggression_nanos < NANOS:
        _stay_behind(market, tick_nanos, quote)


cdef inline void _stay_behind(const Market* market, int64_t tick_nanos, Quote* quote) noexcept nogil:
    """Back off to where nothing of the book is met."""
    cdef int64_t bid = market.touch_nanos[BIDS], ask = market.touch_nanos[ASKS], behind
    if ask != NO_PRICE and quote.price_nanos[BIDS] >= ask:
        behind = floor_nanos(ask - 1, tick_nanos)
        quote.price_nanos[BIDS] = behind if behind > 0 else NO_PRICE
    if bid != NO_PRICE and quote.price_nanos[ASKS] != NO_PRICE and quote.price_nanos[ASKS] <= bid:
        quote.price_nanos[ASKS] = ceil_nanos(bid + 1, tick_nanos) if bid < INT64_MAX - tick_nanos else NO_PRICE


@cython.overflowcheck(False)
cdef void _quote(
    const Params* params, const Market* market, int64_t mark_nanos, int64_t tick_nanos, Quote* quote
) noexcept nogil:
    cdef int128_t twice_mid, mid, bid, ask, half_spread, skew, wider
    cdef int is_bid
    quote.price_nanos[BIDS] = quote.price_nanos[ASKS] = NO_PRICE
    if market.touch_nanos[BIDS] != NO_PRICE and market.touch_nanos[ASKS] != NO_PRICE:
        twice_mid = <int128_t>market.touch_nanos[BIDS] + market.touch_nanos[ASKS]
    elif mark_nanos > 0:
        twice_mid = <int128_t>mark_nanos * 2
    else:
        return
    bid = _wanted(params, market.reference_nanos[BIDS], twice_mid, -1)
    ask = _wanted(params, market.reference_nanos[ASKS], twice_mid, 1)
    half_spread = twice_mid * params.min_spread_share_nanos * NANOS
    if ask - bid < 2 * half_spread:
        mid = twice_mid * NANOS * NANOS * (QUARTERS // 2)
        bid = mid - half_spread
        ask = mid + half_spread
    if params.widen_nanos != NANOS:
        wider = _half_of(ask - bid, params.widen_nanos - NANOS)
        bid -= wider
        ask += wider
    skew = <int128_t>params.skew_nanos * NANOS * NANOS * QUARTERS
    quote.price_nanos[BIDS] = _on_tick(bid + skew, tick_nanos, True)
    quote.price_nanos[ASKS] = _on_tick(ask + skew, tick_nanos, False)
    _step_apart(quote, tick_nanos)
    for is_bid in range(2):
        if params.size_nanos[is_bid] == 0:
            quote.price_nanos[is_bid] = NO_PRICE


cdef inline void _step_apart(Quote* quote, int64_t tick_nanos) noexcept nogil:
    """Without a least spread both sides can land on one tick; then each steps back by one."""
    cdef int64_t price_nanos = quote.price_nanos[BIDS]
    if price_nanos == NO_PRICE or price_nanos != quote.price_nanos[ASKS]:
        return
    quote.price_nanos[BIDS] = price_nanos - tick_nanos if price_nanos > tick_nanos else NO_PRICE
    quote.price_nanos[ASKS] = price_nanos + tick_nanos if price_nanos <= INT64_MAX - tick_nanos else NO_PRICE


cdef int64_t _checked(str name, value, int64_t least, int64_t most) except? -1:
    if not least <= value <= most:
        raise ValueError(f"{name} must lie in {least}..{most}, not {value}")
    return value


@cython.final
cdef class QuoteParams:

    def __cinit__(
        self,
        *,
        aggression_nanos,
        improvement_nanos,
        reference_size_nanos,
        spread_share_nanos,
        min_spread_share_nanos,
        bid_size_nanos,
        ask_size_nanos,
        widen_nanos=NANOS,
        skew_nanos=0,
        bint is_round_fair=False,
    ):
        cdef Params* params = &self.params
        params.aggression_nanos = _checked("aggression_nanos", aggression_nanos, 0, INT64_MAX)
        params.improvement_nanos = _checked("improvement_nanos", improvement_nanos, 0, LARGEST_OFFSET_NANOS)
        params.reference_size_nanos = _checked("reference_size_nanos", reference_size_nanos, 0, INT64_MAX)
        params.spread_share_nanos = _checked("spread_share_nanos", spread_share_nanos, 0, NANOS)
        params.min_spread_share_nanos = _checked("min_spread_share_nanos", min_spread_share_nanos, 0, NANOS)
        params.widen_nanos = _checked("widen_nanos", widen_nanos, NANOS, WIDEST_NANOS)
        params.skew_nanos = _checked("skew_nanos", skew_nanos, -LARGEST_OFFSET_NANOS, LARGEST_OFFSET_NANOS)
        params.size_nanos[BIDS] = _checked("bid_size_nanos", bid_size_nanos, 0, INT64_MAX)
        params.size_nanos[ASKS] = _checked("ask_size_nanos", ask_size_nanos, 0, INT64_MAX)
        params.is_round_fair = is_round_fair


def quote(
    Book book not None, QuoteParams params not None, int64_t mark_nanos, int64_t tick_nanos, int64_t fair_nanos=NO_PRICE
):
    cdef Market market
    cdef Quote wanted
    if tick_nanos <= 0:
        raise ValueError(f"a tick must be above 0 nanos, not {tick_nanos}")
    if book.dark:
        return NO_PRICE, NO_PRICE
    read_market(book, params.params.reference_size_nanos, &market)
    desired_quote(&params.params, &market, mark_nanos, fair_nanos, tick_nanos, &wanted)
    return wanted.price_nanos[BIDS], wanted.price_nanos[ASKS]
