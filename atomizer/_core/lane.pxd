# lane: the fused path. A frame goes in as bytes, orders leave: one crossing from Python, no Python object per tick.
# Holds the slots, finds the one that a frame speaks of by the channel's name, has it scanned, asks for a decision, and
# has the orders among its rows written, journalled, framed and sent where there is an outbox.
# One thread. No pointer into a frame outlives the call that it came with.

from libc.stdint cimport int32_t, int64_t, uint64_t

from atomizer._core.gate cimport Gate
from atomizer._core.outbox cimport Outbox
from atomizer._core.slot cimport MOST_ROWS, Row, Slot
from atomizer._core.spinner cimport TextReader

cdef enum:
    SLOTS = 2_048               # capacity
    BUCKETS = 4_096             # twice as many, a power of two
    CHANNEL_SIZE = 64           # longest channel name
    ROWS = 6_144                # MOST_ROWS of every slot
    FRAME_SIZE = 4_096          # longest frame that is rehearsed

cdef struct Channel:
    int length
    char name[CHANNEL_SIZE]

cdef struct Standing:
    double exposed_usd
    int32_t slot

cdef class Lane:
    cdef readonly Gate gate
    cdef readonly Outbox outbox             # None: rows only
    cdef list slots
    cdef Channel channels[SLOTS]        # by slot
    cdef int32_t buckets[BUCKETS]       # open addressing: index of a slot plus 1; 0 is none
    cdef readonly object rows           # numpy array of Row, written by each call anew: read it before the next one
    cdef Row[::1] row_view
    cdef readonly int row_count         # how many of them the last call wrote
    cdef readonly int cancel_count      # of these
    cdef Standing standings[SLOTS]      # of one look
    cdef int32_t needing[SLOTS]         # slots that need digests: they wrote an order since, or theirs grow old
    cdef int needing_count
    cdef int asked                      # the slot that was asked last whether its digests grow old
    # A rehearsal reads a frame that led to orders, which is changed once a second at most, into a slot and for a gate
    # that are nobody's.
    cdef char frame[FRAME_SIZE]
    cdef Py_ssize_t frame_size          # 0: there was none yet
    cdef int64_t kept_ns                # when it came
    cdef Slot stand_in
    cdef Gate no_gate
    cdef Row no_rows[MOST_ROWS]

    # Rows written, or below 0: the frame was not read, its book is untouched, take the slow path. -SCANS: no slot has
    # its channel; else the negative of scan's status.
    cdef int read_frame(self, const char* frame, Py_ssize_t length, int64_t now_ns) except? -1
    cdef void need_digests(self, Slot slot) noexcept
    # Takes a frame that led to orders as the next one to be rehearsed.
    cdef void keep_frame(self, const char* frame, Py_ssize_t length, int64_t now_ns) noexcept
    # Has the orders among the rows written that may be; what is left has number 0.
    cdef void write_rows(self, int64_t now_ns) noexcept
    cdef bint write_row(self, Row* row, int64_t now_ns) noexcept
    # Sends what was written, and writes and sends what did not fit. False: the connection is not open.
    cdef bint leave(self, int64_t now_ns) except -1
    # The end of each decision: sends, unless there are cancels, which must leave before. Answers the rows.
    cdef int finish(self, int64_t now_ns) except -1
    cpdef int on_frame(self, frame, int64_t now_ns) except? -1

# A decision whose orders have all left.
cdef struct Sent:
    int64_t now_ns
    int64_t written_ns
    int64_t sent_ns
    int row_count
    Row rows[MOST_ROWS]

cdef enum:
    UNTOLD = 64                 # decisions that wait to be told, at most

# What a connection asks about each text first. Python hears of a tick only when it led to something, and of orders that
# have left once no more ticks lie ready.
cdef class TickReader(TextReader):
    cdef Lane lane
    cdef object clock_ns        # None: the machine's
    cdef object on_rows
    cdef object on_sent
    cdef Sent sent[UNTOLD]
    cdef int sent_count

    # Keeps the lane's last decision to be told later, if nothing of it is left to do.
    cdef bint keep(self, int64_t now_ns) noexcept
