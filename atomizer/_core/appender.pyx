"""Frames of the journal, stored into memory that is a file: no system call, no Python object, nothing that waits."""

cimport cython
from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from atomizer._core.frame cimport OrderWriter, order_fields, order_owner, order_text

cdef extern from "crc32.h" nogil:
    enum:
        CRC32_SETS
    ctypedef uint32_t crc32_sum(const uint8_t* head, const uint8_t* data, size_t size) noexcept nogil
    ctypedef struct crc32_instructions:
        const char* name
        crc32_sum* sum
    void crc32_init() noexcept
    int crc32_here(crc32_instructions* found) noexcept
# Included by the record; named so that a change in them rebuilds this module.
cdef extern from "text.h":
    pass
cdef extern from "order_fields.h":
    pass
cdef extern from "order_record.h" nogil:
    enum:
        RECORD_HEAD_SIZE
        RECORD_SIZE
    int order_record_put(
        uint8_t* frame, uint64_t sequence, const order_fields* order, const order_text* venue,
        const order_text* instrument, const order_owner* owner, crc32_sum* sum) noexcept
    void record_put_head(uint8_t* frame, uint64_t sequence, uint32_t size, crc32_sum* sum) noexcept

crc32_init()
cdef crc32_instructions available[CRC32_SETS]
cdef int available_count = crc32_here(available)
cdef crc32_instructions chosen = available[available_count - 1]

globals()["INSTRUCTION_SETS"] = tuple([available[at].name.decode() for at in range(available_count)])


@cython.final
@cython.auto_pickle(False)
cdef class HeadMemory:

    def __cinit__(self, memory, Py_ssize_t size):
        PyObject_GetBuffer(memory, &self.view, PyBUF_WRITABLE)
        self.memory = <uint8_t*>self.view.buf
        self.capacity = self.view.len
        self.size = size
        if not 0 <= size <= self.capacity:
            raise ValueError(f"{size} bytes do not lie in {self.capacity}")

    def release(self):
        self.capacity = self.size
        self.memory = NULL
        PyBuffer_Release(&self.view)

    def __dealloc__(self):
        PyBuffer_Release(&self.view)


@cython.final
@cython.auto_pickle(False)
cdef class Appender:

    def __cinit__(self, HeadMemory head not None, uint64_t next_sequence):
        self.head = head
        self.next_sequence = next_sequence

    def begin(self, HeadMemory head not None):
        self.head = head

    cdef uint8_t* room(self, Py_ssize_t size) noexcept:
        if self.is_shut or size > self.head.capacity - self.head.size:
            return NULL
        return self.head.memory + self.head.size

    def append(self, bytes payload not None):
        cdef Py_ssize_t size = PyBytes_GET_SIZE(payload)
        cdef uint8_t* frame = self.room(RECORD_HEAD_SIZE + size)
        if frame == NULL:
            return 0
        memcpy(frame + RECORD_HEAD_SIZE, PyBytes_AS_STRING(payload), size)
        record_put_head(frame, self.next_sequence, <uint32_t>size, chosen.sum)
        # Only now, so that what is stored when a signal ends us is whole frames, or a torn one behind them.
        self.head.size += RECORD_HEAD_SIZE + size
        self.next_sequence += 1
        return self.next_sequence - 1

    cdef bint put_order(
        self, OrderWriter writer, int instrument, const order_text* venue, const order_fields* order
    ) noexcept:
        cdef uint8_t draft[RECORD_SIZE]     # text writers run over their ends, and zeros must stand behind a frame
        cdef uint8_t* frame
        cdef int size = order_record_put(
            draft, self.next_sequence, order, venue, &writer.instruments[instrument].name, &writer.owner, chosen.sum)
        frame = self.room(size)
        if frame == NULL:
            return False
        memcpy(frame, draft, size)
        self.head.size += size
        self.next_sequence += 1
        return True


def use_instructions(str name):
    global chosen
    cdef int at
    for at in range(available_count):
        if available[at].name.decode() == name:
            chosen = available[at]
            return
    raise ValueError(f"this machine has no {name!r} instructions")
