"""The fused path: a frame goes in as bytes, rows come out. One crossing, no Python object per tick."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memcmp, memcpy

from atomizer._core.gate cimport InstrumentLimits
from atomizer._core.quote cimport QuoteParams
from atomizer._core.slot cimport CANCEL, PLACE, REPLACE, RESUBSCRIBE, Slot, check_time

import numpy as np

# Field for field the Row of slot.pxd, which the buffer below checks.
ROW = np.dtype(
    [
        ("slot", np.int32),
        ("action", np.int8),
        ("is_bid", np.int8),
        ("reason", np.int8),
        ("unused", np.int8),
        ("price_nanos", np.int64),
        ("size_nanos", np.int64),
    ]
)
globals()["PLACE"] = PLACE
globals()["REPLACE"] = REPLACE
globals()["CANCEL"] = CANCEL
globals()["RESUBSCRIBE"] = RESUBSCRIBE


cdef inline uint64_t _hash(const char* name, Py_ssize_t length) noexcept nogil:
    """Eight bytes at a time; the last eight overlap what came before."""
    cdef uint64_t mixed = <uint64_t>length
    cdef uint64_t eight = 0
    cdef Py_ssize_t at
    if length < 8:
        memcpy(&eight, name, length)
        return _mix(mixed, eight)
    for at in range(0, length - 8, 8):
        memcpy(&eight, name + at, 8)
        mixed = _mix(mixed, eight)
    memcpy(&eight, name + length - 8, 8)
    return _mix(mixed, eight)


@cython.overflowcheck(False)    # wraps on purpose
cdef inline uint64_t _mix(uint64_t mixed, uint64_t eight) noexcept nogil:
    mixed = (mixed ^ eight) * <uint64_t>0x9E3779B97F4A7C15      # 2**64 over the golden ratio
    return mixed ^ (mixed >> 29)


cdef int _find_slot(Lane lane, const char* name, Py_ssize_t length) noexcept:
    """Index of the slot of a channel, or -1 less the free bucket where it would stand."""
    cdef uint64_t bucket = _hash(name, length) % BUCKETS
    cdef const Channel* channel
    while lane.buckets[bucket]:
        channel = &lane.channels[lane.buckets[bucket] - 1]
        if channel.length == length and memcmp(channel.name, name, length) == 0:
            return lane.buckets[bucket] - 1
        bucket = (bucket + 1) % BUCKETS
    return -1 - <int>bucket


@cython.final
@cython.auto_pickle(False)
cdef class Lane:

    def __cinit__(self, Gate gate not None):
        self.gate = gate
        self.slots = []
        self.rows = np.zeros(ROWS, ROW)
        self.row_view = self.rows

    def add(
        self,
        bytes channel not None,
        *,
        QuoteParams params not None,
        InstrumentLimits limits not None,
        int64_t keep_price_nanos,
        int64_t keep_size_nanos,
    ):
        cdef Py_ssize_t length = PyBytes_GET_SIZE(channel)
        cdef int index = <int>len(self.slots)
        cdef int found
        cdef Slot slot
        if not 0 < length <= CHANNEL_SIZE:
            raise ValueError(f"a channel has 1 to {CHANNEL_SIZE} bytes: {channel!r}")
        found = _find_slot(self, PyBytes_AS_STRING(channel), length)
        if found >= 0:
            raise ValueError(f"channel {channel!r} is slot {found} already")
        if index == SLOTS:
            raise ValueError(f"more than {SLOTS} slots")
        slot = Slot(index, params, limits, keep_price_nanos, keep_size_nanos)
        self.slots.append(slot)
        self.channels[index].length = <int>length
        memcpy(self.channels[index].name, PyBytes_AS_STRING(channel), length)
        self.buckets[-1 - found] = index + 1
        return slot

    def slot(self, bytes channel not None):
        cdef int found = _find_slot(self, PyBytes_AS_STRING(channel), PyBytes_GET_SIZE(channel))
        return self.slots[found] if found >= 0 else None

    def on_book_changed(self, Slot slot not None, int64_t now_ns):
        return slot.decide(self.gate, check_time(now_ns), &self.row_view[0])

    def look(self, int64_t now_ns):
        cdef Slot slot
        cdef int count = 0
        check_time(now_ns)
        for slot in self.slots:
            count += slot.decide(self.gate, now_ns, &self.row_view[count])
        return count
