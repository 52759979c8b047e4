# outbox: orders on their way out: named, signed where the venue wants that, in the journal, and as WebSocket frames one
# after another, which leave in one write. An order is in the journal before it is here, and here before it leaves. One
# thread.

from libc.stdint cimport int64_t, uint8_t, uint64_t

from atomizer._core.appender cimport Appender
from atomizer._core.frame cimport order_fields, order_text
from atomizer._core.nonces cimport Nonces
from atomizer._core.slot_writer cimport SlotWriter
from atomizer._core.socket_writer cimport SocketWriter

cdef enum:
    ORDERS = 128                # capacity
    FRAME_ROOM = 1_088          # the longest message in its frame

cdef class Outbox:
    cdef public int allowance           # how many orders may still leave; 0: none at all
    cdef readonly int count             # of orders that have not left
    cdef readonly object frames         # memoryview, read-only, of which `frames_size` bytes are written
    cdef readonly Py_ssize_t frames_size
    cdef readonly uint64_t last_number      # which the last label ends in
    cdef readonly int64_t written_ns        # when what has left last was ready to
    cdef readonly int64_t sent_ns           # when it had been handed to the socket
    cdef readonly SocketWriter socket
    cdef object clock_ns                    # None: the machine's
    cdef uint8_t* frame_memory
    cdef Appender journal
    cdef Appender stage                     # for rehearsals: what it holds is nothing
    cdef Nonces nonces
    cdef order_text venue
    cdef uint64_t masks

    # Fills in the order's nonce, label number and request id, signs it if need be, journals and frames it. False, and
    # nothing of it is anywhere, when it may not leave, there is no room for it, or its writer cannot write it.
    cdef bint put(self, SlotWriter writer, order_fields* order) noexcept

    # Goes the way of an order of this slot, from its digest to its frame, without naming, signing or journalling one.
    # Nothing when something waits to leave.
    cdef int rehearse(self, SlotWriter writer, int64_t now_ns) except -1

    # Hands everything to the socket; then it is empty. False: the connection is not open, and all is still here.
    cdef bint leave(self) except -1
