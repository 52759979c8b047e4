# clock: the wall clock in nanoseconds. The machine's own is read without a call of Python's, which costs half
# a microsecond where it is in no cache any more.

from libc.stdint cimport int64_t
from posix.time cimport CLOCK_REALTIME, clock_gettime, timespec

# None: the machine's.
cdef inline int64_t read_clock(clock_ns) except -1:
    cdef timespec now
    if clock_ns is not None:
        return clock_ns()
    clock_gettime(CLOCK_REALTIME, &now)
    return <int64_t>now.tv_sec * 1_000_000_000 + now.tv_nsec
