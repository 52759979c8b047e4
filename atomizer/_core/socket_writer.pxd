# socket_writer: whole WebSocket frames into a connection's socket, for whoever builds them. One thread.

from libc.stdint cimport uint8_t

cdef class SocketWriter:
    cdef object transport           # of the WebSocket; None: no connection
    cdef object stream              # below it
    cdef object is_closing          # two of its methods, found once
    cdef object waiting_size
    cdef int descriptor             # of its socket; -1: the stream encrypts
    cdef bint was_asked             # and could write; nothing has happened since

    # Whether there is a connection, and neither side has begun to end it.
    cdef bint can_write(self) except -1
    # Asks ahead: `can_write` need not, until `forget`. For whoever knows that nothing else of the loop's thread, which
    # alone touches connections, runs in between.
    cdef int ask(self) except -1
    cdef void forget(self) noexcept
    # Hands all of it to the socket, and what that does not take to the stream. Only while `can_write`.
    cdef int put(self, const uint8_t* frames, Py_ssize_t size) except -1
