# spinner: sockets that are read again and again instead of being waited for. One thread.

from libc.stdint cimport uint8_t, uint64_t

cdef enum:
    SOCKETS = 64            # capacity
    READ_SIZE = 65_536      # bytes of one read

# Who is asked about each whole text of a connection before anything else hears of it.
cdef class TextReader:
    # Whether it was read. The text is memory that is only valid during the call.
    cdef bint read_text(self, const char* text, Py_ssize_t size) except -1
    # Before a socket is read: what can be found out now need not be when a text has come. Nothing of the loop's thread
    # runs until the text, or `forget`, which says that something may.
    cdef int get_ready(self) except -1
    cdef void forget(self) noexcept
    # Does what could wait while more texts lay ready: before anything else of the connection is heard.
    cdef int catch_up(self) except -1

cdef class SpunSocket:
    cdef int descriptor                 # our own: the loop may close its own any time
    cdef object protocol                # asyncio.BufferedProtocol, which has what is not read here
    cdef object on_end
    cdef object on_failure
    cdef TextReader reader              # None: everything is the protocol's
    cdef bint is_between_frames         # whether the protocol has had whole frames only: the next may be read here
    cdef readonly uint64_t read_count   # texts that were, of which the protocol has not heard

    cdef int deliver(self, const uint8_t* data, Py_ssize_t size) except -1
    cdef bint read_here(self, const uint8_t* data, Py_ssize_t head, Py_ssize_t size) except -1
    cdef int let_catch_up(self, TextReader reader) except -1
    cdef int hand_on(self, const uint8_t* data, Py_ssize_t size) except -1

cdef class Spinner:
    cdef int descriptors[SOCKETS]
    cdef list sockets                   # SpunSocket, by the same index
    cdef int count
    cdef int next_at                    # whose turn it is
    cdef uint8_t bytes_read[READ_SIZE]

    cdef int get_ready(self) except -1
    cdef int forget_but(self, int kept) except -1
