# spinner: sockets that are read again and again instead of being waited for. One thread.

from libc.stdint cimport uint8_t

cdef enum:
    SOCKETS = 64            # capacity
    READ_SIZE = 65_536      # bytes of one read

cdef class Spinner:
    cdef int descriptors[SOCKETS]
    cdef list readers                   # by the same index: what has the bytes
    cdef int count
    cdef int next_at                    # whose turn it is
    cdef uint8_t bytes_read[READ_SIZE]

    cdef int deliver(self, int at, Py_ssize_t size) except -1
