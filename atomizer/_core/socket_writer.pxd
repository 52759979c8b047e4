# socket_writer: whole WebSocket frames into a connection's socket, for whoever builds them. One thread.

from libc.stdint cimport uint8_t

cdef class SocketWriter:
    cdef object transport           # of the WebSocket; None: no connection
    cdef object stream              # below it
    cdef int descriptor             # of its socket; -1: the stream encrypts

    # True when all of it has left or waits in the stream; False: there is no open connection, and nothing of it left.
    cdef bint put(self, const uint8_t* frames, Py_ssize_t size) except -1
