# nonces: numbers of orders and other actions, each used once. One thread.

from libc.stdint cimport int64_t, uint64_t

# Rises, whatever the clock does, and is never below what the time asks for. What is taken is used once, in any order,
# or never.
cdef class Nonces:
    cdef int64_t unit_ns
    cdef int64_t per_unit
    cdef readonly uint64_t last

    cdef uint64_t take(self, int64_t now_ns) noexcept
