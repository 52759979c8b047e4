# quote: the bid and the ask that we want to show, from the market, the parameters and the inventory. Pure: no state, no
# clock, no order. Exact: every figure is an int64 in nanos or a ratio of two, compared and rounded in 128 bits.
# A share is nanos of a whole: NANOS is all of it, 100_000 one basis point. Pairs are indexed by `is_bid`, as in book.

from libc.stdint cimport int64_t

from atomizer._core.book cimport Book

cdef struct Params:
    int64_t aggression_nanos        # below NANOS: share of the way from the reference to mid; from NANOS on: improve
    int64_t improvement_nanos       # what the improving mode adds to the reference bid and takes off the reference ask
    int64_t reference_size_nanos    # the reference is the first level that holds this much; 0: the touch
    int64_t spread_share_nanos      # of mid: how far apart references stand that the book does not give
    int64_t min_spread_share_nanos  # of mid: a narrower quote is drawn round mid instead
    int64_t widen_nanos             # NANOS leaves the spread as it is, twice that doubles it; at most WIDEST of it
    int64_t skew_nanos              # signed: added to both prices after the spread is settled
    int64_t size_nanos[2]           # to show; 0 silences that side
    bint is_round_fair              # quote round our own fair value, as if the book were empty and it were the mark

# What of a book a quote depends on: an equal Market gives an equal quote. NO_PRICE where there is none.
cdef struct Market:
    int64_t touch_nanos[2]
    int64_t reference_nanos[2]

cdef struct Quote:
    int64_t price_nanos[2]          # NO_PRICE: nothing to show on that side; else on tick, above 0, bid below ask

cdef void read_market(Book book, int64_t reference_size_nanos, Market* market) noexcept nogil

# `mark_nanos` stands in for mid where a side is empty; NO_PRICE if the venue gives none. Round fair there is no quote
# without one, and below an aggression of NANOS none that would trade with the book: it stays a tick behind.
cdef void desired_quote(
    const Params* params, const Market* market, int64_t mark_nanos, int64_t fair_nanos, int64_t tick_nanos, Quote* quote
) noexcept nogil

cdef class QuoteParams:
    cdef Params params              # checked at construction, never written again
