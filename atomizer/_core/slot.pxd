# slot: one instrument at one venue: its book, what we want to show, what lives of ours, and the rows that lead from the
# one to the other. A row is a wish: whoever takes it must send it, and must tell the outcome with `settle`. Between the
# two the side is in flight, and nothing but a cancel comes out for it.
# A book shows our orders with a delay: what is taken out of it as ours is what lived when its last frame came. A side
# whose order has just changed waits for the next frame, or it would chase itself.
# Prices and sizes in nanos; NO_PRICE where there is none. Pairs are indexed by `is_bid`. One thread.

from libc.stdint cimport int8_t, int32_t, int64_t, uint64_t

from atomizer._core.book cimport Book
from atomizer._core.gate cimport Gate, Known, Limits, Refusal
from atomizer._core.quote cimport Market, Params
from atomizer._core.slot_writer cimport SlotWriter

cdef enum Action:
    PLACE = 1
    REPLACE = 2             # what rests, by an order at another price or of another size
    CANCEL = 3              # whatever lives of ours on that side, in flight or resting
    RESUBSCRIBE = 4         # the book went dark and wants a new snapshot

cdef enum:
    MOST_ROWS = 3           # of one decision
    FRAME_WITHIN_NS = 1_000_000_000     # a book that shows no change of ours for so long has shown it

cdef struct Row:
    int32_t slot
    int8_t action
    int8_t is_bid
    int8_t reason           # gate's Refusal: why something is pulled; ALLOWED when we simply want it so
    int8_t unused
    int64_t price_nanos     # of a cancel: what rested
    int64_t size_nanos
    uint64_t number         # which the label of its order ends in; 0: not written
    uint64_t nonce          # of that order

cdef enum Flight:
    AT_REST = 0
    MOVING = 1              # a place or a replace was sent, or something has happened to what rests
    PULLING = 2             # a cancel was sent, or something has happened where nothing rests

# What lives of ours on one side. While MOVING both the old and the new may be there.
cdef struct Live:
    Flight flight
    int64_t price_nanos
    int64_t size_nanos
    uint64_t nonce                  # of what rests; 0: not known
    uint64_t label_number           # which its label ends in
    int64_t filled_nanos            # of it
    int64_t sent_price_nanos
    int64_t sent_size_nanos

cdef class Slot:
    cdef readonly Book book
    cdef readonly int index
    cdef Params params
    cdef Limits limits
    cdef Known known
    cdef int64_t keep_price_nanos   # an order this near to where we want it keeps its place in the queue
    cdef int64_t keep_size_nanos    # unless less than this is left of it
    cdef Live live[2]
    cdef SlotWriter writer          # None: this venue's orders are not written here
    cdef bint is_untold             # orders of it have left of which nobody was told: none is written here before
    cdef bint needs_digests         # it has written an order since it last made some ahead, or they grow old
    cdef int64_t held_until_ns[2]   # before which a side's orders are not written here
    cdef uint64_t taken_sequence    # of the frame from which our orders were last taken out
    cdef int64_t taken_nanos[2][2]  # at which prices
    cdef int64_t settled_ns[2]      # when a side changed that waits for a frame; 0: it does not
    cdef Market seen                # what the last decision was made from
    cdef bint unsettled             # decide again although the market stands still
    cdef bint was_dark
    cdef Refusal refused[2]         # why the last decision did not put a side where it is wanted

    # Whether an equal market was decided on already, and nothing else has changed since.
    cdef bint is_quiet(self, int64_t now_ns) noexcept
    # USD that what lives of ours would lose to the prices that we want now; above 0 only where it stands too near to
    # the market. Without a price to stand at, all of it.
    cdef double exposed_usd(self, int64_t now_ns) noexcept
    # For who will decide it soon: brings what a decision reads into the cache, its book's touch included.
    cdef void prefetch(self) noexcept
    # For rehearsals: takes over all that another decides by, with both orders resting where they may not stay, and a
    # book that any frame is newer than.
    cdef void stand_in_for(self, Slot other) noexcept
    # Writes at most MOST_ROWS rows, the most urgent first, and takes them as sent; how many.
    cdef int decide(self, Gate gate, int64_t now_ns, Row* rows) noexcept

# `now_ns` itself; ValueError for one that is no time.
cdef int64_t check_time(int64_t now_ns) except -1
