"""Nonces, by which orders and other actions are told one from another: numbers that rise with the clock."""

cimport cython
from libc.stdint cimport int64_t, uint64_t


@cython.final
@cython.auto_pickle(False)
cdef class Nonces:

    def __cinit__(self, *, int64_t unit_ns, int64_t per_unit, uint64_t last):
        if unit_ns <= 0 or per_unit <= 0:
            raise ValueError(f"{per_unit} nonces in {unit_ns} ns do not rise")
        self.unit_ns = unit_ns
        self.per_unit = per_unit
        self.last = last

    cdef uint64_t take(self, int64_t now_ns) noexcept:
        self.last = max(<uint64_t>(now_ns // self.unit_ns * self.per_unit), self.last + 1)
        return self.last

    def next(self, int64_t now_ns):
        if now_ns < 0:
            raise ValueError(f"not a time: {now_ns} ns")
        return self.take(now_ns)
