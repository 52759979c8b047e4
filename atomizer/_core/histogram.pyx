"""Latency recorder in fixed memory: 1 ns to 1 hour, relative error at most 1/64, no allocation when recording."""

from libc.string cimport memset

cdef extern from *:
    int bit_scan "__builtin_clzll"(unsigned long long value) noexcept nogil

cdef enum:
    TOP_BIT = 63

cdef int64_t HOUR_NS = 3_600_000_000_000
# 99.9 is not a double; a rank that misses an integer by less than this meant the integer.
cdef double RANK_SLACK = 1e-9


cdef inline int _bucket(uint64_t nanoseconds) noexcept nogil:
    cdef int shift
    if nanoseconds < <uint64_t>(1 << SUB_BITS):
        return <int>nanoseconds
    shift = TOP_BIT - bit_scan(nanoseconds) - SUB_BITS
    return (shift << SUB_BITS) + <int>(nanoseconds >> shift)


cdef inline int64_t _highest(int bucket) noexcept nogil:
    """Largest duration counted in the bucket."""
    cdef int shift = (bucket >> SUB_BITS) - 1
    cdef int64_t first
    if shift <= 0:
        return bucket
    first = (1 << SUB_BITS) + (bucket & ((1 << SUB_BITS) - 1))
    return ((first + 1) << shift) - 1


cdef class Histogram:

    cdef void record_ns(self, int64_t nanoseconds) noexcept nogil:
        cdef int bucket
        nanoseconds = min(max(nanoseconds, 1), HOUR_NS)
        bucket = _bucket(<uint64_t>nanoseconds)
        # Spelt out: with overflow checks on, an augmented assignment to a field needs Python.
        self.counts[bucket] = self.counts[bucket] + 1
        self.count = self.count + 1
        if nanoseconds > self.maximum_ns:
            self.maximum_ns = nanoseconds

    def record(self, int64_t nanoseconds):
        self.record_ns(nanoseconds)

    def percentile(self, double percent):
        cdef double rank
        cdef uint64_t seen = 0
        cdef int bucket
        if not 0.0 <= percent <= 100.0:
            raise ValueError(f"a percentile lies in 0..100, not {percent}")
        rank = percent / 100.0 * self.count
        rank -= RANK_SLACK * rank
        for bucket in range(BUCKETS):
            seen += self.counts[bucket]
            if seen and <double>seen >= rank:
                return min(_highest(bucket), self.maximum_ns)
        return 0

    def reset(self):
        memset(self.counts, 0, sizeof(self.counts))
        self.count = 0
        self.maximum_ns = 0
