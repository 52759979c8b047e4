"""The fused path: a frame goes in as bytes, orders leave and rows come out. One crossing, no object per tick."""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdlib cimport qsort
from libc.string cimport memcmp, memcpy

from atomizer._core.book cimport Book
from atomizer._core.clock cimport read_clock
from atomizer._core.frame cimport order_fields
from atomizer._core.gate cimport InstrumentLimits
from atomizer._core.outbox cimport ORDERS, Outbox
from atomizer._core.quote cimport QuoteParams
from atomizer._core.scan cimport (
    APPLIED, BAD_LEVELS, NOT_A_BOOK, OLD, SCANS, UNREAD, Head, Scan, scan_book, scan_channel,
)
from atomizer._core.spinner cimport TextReader
from atomizer._core.slot cimport CANCEL, PLACE, REPLACE, RESUBSCRIBE, Live, Slot, check_time

import time

import numpy as np

cdef int64_t KEEP_FRAME_NS = 1_000_000_000

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
        ("number", np.uint64),
        ("nonce", np.uint64),
    ]
)
globals()["NO_SLOT"] = -SCANS
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


cdef int _most_exposed_first(const void* one, const void* other) noexcept nogil:
    cdef const Standing* a = <const Standing*>one
    cdef const Standing* b = <const Standing*>other
    if a.exposed_usd != b.exposed_usd:
        return -1 if a.exposed_usd > b.exposed_usd else 1
    return a.slot - b.slot


@cython.final
@cython.auto_pickle(False)
cdef class Lane:

    def __cinit__(self, Gate gate not None, Outbox outbox=None):
        self.gate = gate
        self.outbox = outbox
        self.slots = []
        self.rows = np.zeros(ROWS, ROW)
        self.row_view = self.rows

    cdef int read_frame(self, const char* frame, Py_ssize_t length, int64_t now_ns) except? -1:
        cdef Head head
        cdef Slot slot
        cdef Scan status
        cdef int found
        cdef bint has_written
        self.row_count = 0
        if scan_channel(frame, length, &head) == NOT_A_BOOK:
            return -UNREAD
        found = _find_slot(self, head.channel, head.channel_length)
        if found < 0:
            return -SCANS
        slot = <Slot>self.slots[found]
        slot.prefetch()         # a hundred others have been here since its last frame
        status = scan_book(frame, length, &head, slot.book, now_ns)
        if status >= UNREAD:
            return -status
        if status == OLD or (status == APPLIED and slot.is_quiet(now_ns)):
            return 0
        if status == BAD_LEVELS:
            slot.was_dark = False       # this snapshot did not help: ask for another one
        if status != APPLIED and slot.was_dark:
            return 0
        self.row_count = slot.decide(self.gate, now_ns, &self.row_view[0])
        self.write_rows(now_ns)
        has_written = self.outbox is not None and self.outbox.count
        self.finish(now_ns)
        if has_written and now_ns - self.kept_ns > KEEP_FRAME_NS:
            self.keep_frame(frame, length, now_ns)
        return self.row_count

    cdef void keep_frame(self, const char* frame, Py_ssize_t length, int64_t now_ns) noexcept:
        if length <= FRAME_SIZE:
            memcpy(self.frame, frame, length)
            self.frame_size = length
            self.kept_ns = now_ns

    cpdef int on_frame(self, frame, int64_t now_ns) except? -1:
        cdef Py_buffer view
        check_time(now_ns)
        if type(frame) is bytes:
            return self.read_frame(PyBytes_AS_STRING(frame), PyBytes_GET_SIZE(frame), now_ns)
        PyObject_GetBuffer(frame, &view, PyBUF_SIMPLE)
        try:
            return self.read_frame(<const char*>view.buf, view.len, now_ns)
        finally:
            PyBuffer_Release(&view)

    def add(
        self,
        bytes channel not None,
        *,
        QuoteParams params not None,
        InstrumentLimits limits not None,
        int64_t keep_price_nanos,
        int64_t keep_size_nanos,
        Book book=None,
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
        slot = Slot(index, params, limits, keep_price_nanos, keep_size_nanos, book)
        if self.outbox is not None and self.stand_in is None:
            self.stand_in = Slot(0, params, limits, 0, 0)
            self.no_gate = Gate(2)
        self.slots.append(slot)
        self.channels[index].length = <int>length
        memcpy(self.channels[index].name, PyBytes_AS_STRING(channel), length)
        self.buckets[-1 - found] = index + 1
        return slot

    def slot(self, bytes channel not None):
        cdef int found = _find_slot(self, PyBytes_AS_STRING(channel), PyBytes_GET_SIZE(channel))
        return self.slots[found] if found >= 0 else None

    def on_book_changed(self, Slot slot not None, int64_t now_ns):
        self.row_count = slot.decide(self.gate, check_time(now_ns), &self.row_view[0])
        self.write_rows(now_ns)
        return self.finish(now_ns)

    def look(self, int64_t now_ns):
        cdef Slot slot
        cdef int at, count = <int>len(self.slots)
        check_time(now_ns)
        self.row_count = 0
        for at in range(count):
            slot = <Slot>self.slots[at]
            self.standings[at] = Standing(slot.exposed_usd(now_ns), at)
        qsort(self.standings, count, sizeof(Standing), _most_exposed_first)
        for at in range(count):
            slot = <Slot>self.slots[self.standings[at].slot]
            self.row_count += slot.decide(self.gate, now_ns, &self.row_view[self.row_count])
        self.write_rows(now_ns)
        return self.finish(now_ns)

    cdef bint write_row(self, Row* row, int64_t now_ns) noexcept:
        """Into the outbox, if it is an order that may be written here now."""
        cdef Slot slot = <Slot>self.slots[row.slot]
        cdef const Live* live = &slot.live[row.is_bid]
        cdef order_fields order
        if slot.writer is None or slot.is_untold or (row.action == REPLACE and live.nonce == 0):
            return False
        if now_ns < slot.held_until_ns[row.is_bid] or not slot.writer.begin(&order, now_ns):
            return False
        order.is_bid = row.is_bid
        order.price_nanos = row.price_nanos
        order.amount_nanos = row.size_nanos
        order.replaces_nonce = live.nonce if row.action == REPLACE else 0
        order.replaces_number = live.label_number
        order.replaced_filled_nanos = live.filled_nanos
        if not self.outbox.put(slot.writer, &order):
            return False
        if slot.writer.orders.signer is not None:
            self.need_digests(slot)
        row.number = order.label_number
        row.nonce = order.nonce
        return True

    cdef void need_digests(self, Slot slot) noexcept:
        if not slot.needs_digests:
            slot.needs_digests = True
            self.needing[self.needing_count] = slot.index
            self.needing_count += 1

    cdef void write_rows(self, int64_t now_ns) noexcept:
        cdef Row* row
        cdef int at
        self.cancel_count = 0
        for at in range(self.row_count):
            self.cancel_count += self.row_view[at].action == CANCEL
        if self.outbox is None:
            return
        for at in range(self.row_count):
            row = &self.row_view[at]
            if self.outbox.allowance <= self.cancel_count:
                return      # the cancels leave first
            if row.number == 0 and (row.action == PLACE or row.action == REPLACE):
                self.write_row(row, now_ns)

    cdef bint leave(self, int64_t now_ns) except -1:
        cdef bint was_full
        while self.outbox.count:
            was_full = self.outbox.count == ORDERS
            if not self.outbox.leave():
                return False
            if was_full:
                self.write_rows(now_ns)
        return True

    cdef int finish(self, int64_t now_ns) except -1:
        if self.outbox is not None and self.cancel_count == 0:
            self.leave(now_ns)
        return self.row_count

    def make_ahead(self, int64_t now_ns, int most):
        cdef Slot slot
        cdef int made = 0
        check_time(now_ns)
        if self.needing_count == 0 and self.slots:
            self.asked = (self.asked + 1) % <int>len(self.slots)
            slot = <Slot>self.slots[self.asked]
            if slot.writer is not None and slot.writer.begin_again(now_ns):
                self.need_digests(slot)
        while self.needing_count and made < most:
            slot = <Slot>self.slots[self.needing[self.needing_count - 1]]
            made += slot.writer.make_ahead(self.outbox.nonces, now_ns, most - made)
            if made < most:
                slot.needs_digests = False
                self.needing_count -= 1
        return made

    def rehearse(self, int64_t now_ns):
        cdef Head head
        cdef Slot slot
        check_time(now_ns)
        if self.frame_size == 0 or scan_channel(self.frame, self.frame_size, &head) == NOT_A_BOOK:
            return
        slot = <Slot>self.slots[_find_slot(self, head.channel, head.channel_length)]
        if slot.writer is None:
            return
        self.stand_in.stand_in_for(slot)
        scan_book(self.frame, self.frame_size, &head, self.stand_in.book, now_ns)
        self.stand_in.is_quiet(now_ns)          # whatever it says
        self.no_gate.sent_ns[0] = self.no_gate.sent_ns[1] = 0       # no rate holds it back
        self.stand_in.decide(self.no_gate, now_ns, self.no_rows)
        self.outbox.rehearse(slot.writer, now_ns)

    def send(self, int64_t now_ns):
        if self.outbox is None:
            return True
        self.write_rows(check_time(now_ns))
        return self.leave(now_ns)


@cython.final
@cython.auto_pickle(False)
cdef class TickReader(TextReader):

    def __cinit__(self, Lane lane not None, clock_ns, on_rows, on_sent):
        self.lane = lane
        self.clock_ns = None if clock_ns is time.time_ns else clock_ns
        self.on_rows = on_rows
        self.on_sent = on_sent

    cdef int get_ready(self) except -1:
        return 0 if self.lane.outbox is None else self.lane.outbox.socket.ask()

    cdef void forget(self) noexcept:
        if self.lane.outbox is not None:
            self.lane.outbox.socket.forget()

    cdef bint read_text(self, const char* text, Py_ssize_t size) except -1:
        cdef int64_t now_ns = check_time(read_clock(self.clock_ns))
        cdef int count = self.lane.read_frame(text, size, now_ns)
        if count > 0 and not self.keep(now_ns):
            self.forget()
            try:
                self.catch_up()
            finally:                # whatever that led to: these rows may have left, too
                self.on_rows(count, now_ns)
        return count >= 0

    cdef bint keep(self, int64_t now_ns) noexcept:
        cdef Lane lane = self.lane
        cdef Sent* sent = &self.sent[self.sent_count]
        cdef int at
        if self.sent_count == UNTOLD or lane.row_count > MOST_ROWS or lane.outbox is None or lane.outbox.count:
            return False
        for at in range(lane.row_count):
            if lane.row_view[at].number == 0:
                return False
            sent.rows[at] = lane.row_view[at]
        (<Slot>lane.slots[sent.rows[0].slot]).is_untold = True
        sent.row_count = lane.row_count
        sent.now_ns = now_ns
        sent.written_ns = lane.outbox.written_ns
        sent.sent_ns = lane.outbox.sent_ns
        self.sent_count += 1
        return True

    cdef int catch_up(self) except -1:
        cdef Sent* sent
        cdef Row* row
        cdef int at, part
        cdef int count = self.sent_count
        cdef object failure = None
        self.sent_count = 0
        for at in range(count):
            sent = &self.sent[at]
            rows = []
            for part in range(sent.row_count):
                row = &sent.rows[part]
                (<Slot>self.lane.slots[row.slot]).is_untold = False
                rows.append((
                    row.slot, row.action, row.is_bid, row.reason, row.unused, row.price_nanos, row.size_nanos,
                    row.number, row.nonce))
            try:
                self.on_sent(rows, sent.now_ns, sent.written_ns, sent.sent_ns)
            except Exception as error:      # the others have left as well
                failure = failure or error
        if failure is not None:
            raise failure
        return 0
