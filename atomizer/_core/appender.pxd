# appender: the journal's frames (journal/frames.py) stored into memory that is a file, without a Python object.
# What is stored survives the process. Zeros stand behind the last frame, always. One thread stores; others may read
# sizes.

from cpython.buffer cimport Py_buffer
from libc.stdint cimport uint8_t, uint64_t

from atomizer._core.frame cimport OrderWriter, order_fields, order_text

cdef class HeadMemory:
    cdef Py_buffer view
    cdef uint8_t* memory
    cdef readonly Py_ssize_t capacity
    cdef readonly Py_ssize_t size           # of all whole frames, and of what stood there before

cdef class Appender:
    cdef readonly HeadMemory head           # the one that takes the frames
    cdef readonly uint64_t next_sequence
    cdef public bint is_shut                # nothing more is taken

    # Where a frame of so many bytes may be stored; NULL when there is no room or nothing is taken any more.
    cdef uint8_t* room(self, Py_ssize_t size) noexcept
    # False and nothing stored when there is no room or nothing is taken any more.
    cdef bint put_order(
        self, OrderWriter writer, int instrument, const order_text* venue, const order_fields* order) noexcept
