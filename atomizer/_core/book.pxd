# book: one instrument's L2 book. Levels best first; prices and sizes in int64 nanos; no size is ever 0 or negative.
# A book starts dark, and only a snapshot makes it bright: no price may be taken from a dark book.
# One thread writes and reads. No pointer into a side outlives the next call that changes the book.

from libc.stdint cimport int64_t, uint64_t

cdef enum:
    LEVELS = 512                    # capacity of a side, in levels
    OWN_LEVELS = 32                 # capacity of our own resting sizes, in prices a side
    ROOM = 1_024                    # slots of a side: headroom before the best level and after the last
    ASKS = 0                        # index of a side: the value of `is_bid`
    BIDS = 1

cdef struct Level:
    int64_t price_nanos
    int64_t size_nanos

# `levels` walks inside `slots`, so a change near the touch moves few levels, whichever end it is nearer to.
cdef struct Ladder:
    Level* levels                   # [0, count), best first; inside `slots`, which dies with the Book
    int count
    int own_count
    bint rising                     # asks: the best price is the lowest
    Level own[OWN_LEVELS]           # our resting sizes, unordered; a price appears once
    Level slots[ROOM]

cdef class Book:
    cdef Ladder sides[2]            # by `is_bid`; bids strictly falling in price, asks strictly rising
    cdef public uint64_t sequence       # venue's id of the last applied change; 0 before a snapshot
    cdef public int64_t venue_time_ns   # venue's stamp of the last applied change
    cdef public int64_t received_ns     # our stamp of the last applied change
    cdef readonly bint dark             # gap, stale, refused or crossed

    # For who will change it soon: brings into the cache where a book that was replaced whole has its touch.
    cdef void prefetch(self) noexcept nogil
    # Replace everything but our own sizes; sides best first. False: dark, and nothing may be read from it.
    cdef bint replace(
        self, const Level* bids, int bid_count, const Level* asks, int ask_count,
        uint64_t sequence, int64_t venue_time_ns, int64_t received_ns,
    ) noexcept nogil

    # A group of changes: any number of `set_level`, then `finish_changes`. False: dark.
    cdef bint set_level(self, bint is_bid, int64_t price_nanos, int64_t size_nanos) noexcept nogil
    cdef bint finish_changes(self, uint64_t sequence, int64_t venue_time_ns, int64_t received_ns) noexcept nogil

    cdef void go_dark(self) noexcept nogil
    # False: we rest at OWN_LEVELS prices already.
    cdef bint set_own_level(self, bint is_bid, int64_t price_nanos, int64_t size_nanos) noexcept nogil

    # Prices: NO_PRICE when dark, or the side is empty or too thin. Our own size is never counted.
    cdef int64_t touch_nanos(self, bint is_bid) noexcept nogil
    cdef int64_t vwap_nanos(self, bint is_bid, int64_t size_nanos) noexcept nogil
    cdef int64_t worst_nanos(self, bint is_bid, int64_t size_nanos) noexcept nogil
    cdef int64_t reference_nanos(self, bint is_bid, int64_t size_nanos) noexcept nogil  # first level holding the size
    # A size: 0 when dark, INT64_MAX when it would overflow.
    cdef int64_t depth_nanos(self, bint is_bid) noexcept nogil
