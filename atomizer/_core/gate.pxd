# gate: whether an order may leave. A code of `Refusal`, ALLOWED when nothing speaks against it; codes are named like
# the members of domain's Reason, in REASONS. The same rules in the same order as risk's gate, which explains in words.
# Prices and amounts in nanos, times in wall-clock nanoseconds, all times at or above 0. Pairs are indexed by `is_bid`.

from libc.stdint cimport int64_t, uint64_t

cdef enum Refusal:
    ALLOWED = 0
    GATE_SHUT
    OFF_TICK
    OFF_LOT
    BELOW_MINIMUM
    ABOVE_MAXIMUM
    MAX_SIZE
    NO_BOOK
    STALE_BOOK
    NO_GREEKS           # no recent mark
    NO_FAIR             # no recent fair value, where one is asked for
    PRICE_BAND
    MAX_POSITION
    SELF_CROSS
    RATE

cdef enum:
    REFUSALS = 15               # how many codes there are
    MOST_PER_SECOND = 4_096     # largest order rate that a Gate can hold
    BAND_TICKS = 5              # a band is never narrower: a share of a tiny premium is less than a tick

# One instrument's. A limit binds at its value.
cdef struct Limits:
    int64_t tick_nanos
    int64_t lot_nanos
    int64_t min_amount_nanos
    int64_t max_amount_nanos
    int64_t max_order_size_nanos
    int64_t max_position_nanos
    int64_t mark_band_share_nanos   # of the mark; NANOS is all of it
    int64_t fair_band_share_nanos   # of the fair value; 0: none is asked for
    int64_t max_book_age_ns
    int64_t max_mark_age_ns         # of mark and fair value alike

# What is known of the instrument at the moment of asking. An unknown price is NO_PRICE.
cdef struct Known:
    bint book_dark
    int64_t book_received_ns
    int64_t mark_nanos
    int64_t mark_ns
    int64_t fair_nanos
    int64_t fair_ns
    int64_t position_nanos          # signed
    int64_t open_nanos[2]           # what our other live orders may still add to that side, ones in flight included
    int64_t own_nanos[2]            # nearest price at which an order of ours lives or may live; NO_PRICE: none

cdef struct Order:
    bint is_bid
    int64_t price_nanos
    int64_t size_nanos

cdef class InstrumentLimits:
    cdef Limits limits              # checked at construction, never written again

# The state that all instruments share: whether anything may leave, how much left in the last second, what was refused.
cdef class Gate:
    cdef readonly bint is_shut
    cdef int allowance              # orders a second
    cdef int sent_at                # where the next stamp goes, which is also where the oldest one stands
    cdef int64_t sent_ns[MOST_PER_SECOND]
    cdef uint64_t refused[REFUSALS]

    # A new order or a replacement (`open_nanos` without the replaced one). One that is allowed counts towards the rate.
    cdef Refusal admit(
        self, const Limits* limits, const Known* known, const Order* order, int64_t now_ns
    ) noexcept nogil
    # An order that rests already: whether it may stay. It is not itself in `open_nanos`.
    cdef Refusal review(
        self, const Limits* limits, const Known* known, const Order* order, int64_t now_ns
    ) noexcept nogil
