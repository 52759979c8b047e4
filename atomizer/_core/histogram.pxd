# histogram: latency recorder in fixed memory. Buckets are linear inside an octave and double from octave to octave:
# below 64 ns every nanosecond has its own, above it an octave has 64, so an answer is high by less than 1/64.

from libc.stdint cimport int64_t, uint64_t

cdef enum:
    SUB_BITS = 6                                        # 64 buckets an octave
    TOP_BITS = 42                                       # one hour is below 2**42 ns
    BUCKETS = 2_368                                     # (TOP_BITS - SUB_BITS + 1) << SUB_BITS; 19 kB

cdef class Histogram:
    cdef uint64_t counts[BUCKETS]
    cdef readonly uint64_t count
    cdef readonly int64_t maximum_ns                    # largest recorded, clamped to 1 ns .. 1 hour; 0 when empty

    cdef void record_ns(self, int64_t nanoseconds) noexcept nogil
