"""Orders on their way out: named, signed if need be, in the journal, and as frames that leave in one write."""

cimport cython
from cpython.bytearray cimport PyByteArray_AS_STRING
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from atomizer._core.appender cimport Appender, HeadMemory
from atomizer._core.clock cimport read_clock
from atomizer._core.ecdsa cimport SIGNATURE_SIZE
from atomizer._core.eip712 cimport DIGEST_SIZE
from atomizer._core.frame cimport MESSAGE_SIZE, OrderWriter, keep_text, order_fields
from atomizer._core.nonces cimport Nonces
from atomizer._core.prefetch cimport prefetch_memory
from atomizer._core.slot_writer cimport SlotWriter
from atomizer._core.socket_writer cimport SocketWriter

import os
import time

cdef extern from "order_fields.h":
    enum:
        ORDER_NAME_SIZE
cdef extern from "websocket_frame.h" nogil:
    enum:
        WEBSOCKET_HEAD_SIZE
    uint32_t websocket_next_mask(uint64_t* stream) noexcept
    int websocket_frame_text(uint8_t* frame, int size, uint32_t mask) noexcept

cdef int LONGEST_WRITTEN = 640     # bytes of an order's record or frame: usually
cdef uint64_t FIRST_REQUEST_ID = 1_000_000_000_000      # apart from the ids of requests that are written elsewhere

globals()["ORDERS"] = <object><int>ORDERS
globals()["FIRST_REQUEST_ID"] = FIRST_REQUEST_ID
assert <int>FRAME_ROOM >= MESSAGE_SIZE + WEBSOCKET_HEAD_SIZE + 16


@cython.final
@cython.auto_pickle(False)
cdef class Outbox:

    def __cinit__(
        self,
        str venue not None,
        Appender journal not None,
        Nonces nonces not None,
        SocketWriter socket not None,
        clock_ns,
    ):
        cdef bytearray frames = bytearray(ORDERS * FRAME_ROOM)
        keep_text(&self.venue, venue, "venue", ORDER_NAME_SIZE)
        self.journal = journal
        self.stage = Appender(HeadMemory(bytearray(2 * MESSAGE_SIZE), 0), 1)
        self.nonces = nonces
        self.socket = socket
        self.clock_ns = None if clock_ns is time.time_ns else clock_ns
        self.frames = memoryview(frames).toreadonly()       # which also keeps the memory where it is
        self.frame_memory = <uint8_t*>PyByteArray_AS_STRING(frames)
        self.masks = int.from_bytes(os.urandom(8), "little")

    def clear(self):
        self.count = 0
        self.frames_size = 0

    def next_number(self):
        self.last_number += 1
        return self.last_number

    cdef bint put(self, SlotWriter writer, order_fields* order) noexcept:
        cdef OrderWriter orders = writer.orders
        cdef uint8_t* frame = self.frame_memory + self.frames_size
        cdef uint8_t digest[DIGEST_SIZE]
        cdef uint8_t signature[SIGNATURE_SIZE]
        cdef int size
        if self.allowance <= 0 or self.count == ORDERS:
            return False
        prefetch_memory(self.journal.head.memory + self.journal.head.size, LONGEST_WRITTEN)
        prefetch_memory(frame, LONGEST_WRITTEN)
        order.label_number = self.last_number + 1
        order.request_id = FIRST_REQUEST_ID + order.label_number
        if orders.signer is None:
            order.nonce = self.nonces.take(order.now_ns)
        else:
            writer.digest_order(order, self.nonces, digest)
            if not orders.signer.sign_into(digest, signature):
                return False
        size = orders.put(writer.instrument, order, signature, <char*>frame + WEBSOCKET_HEAD_SIZE)
        if size == 0 or not self.journal.put_order(orders, writer.instrument, &self.venue, order):
            return False
        self.frames_size += websocket_frame_text(frame, size, websocket_next_mask(&self.masks))
        self.last_number = order.label_number
        self.allowance -= 1
        self.count += 1
        return True

    cdef int rehearse(self, SlotWriter writer, int64_t now_ns) except -1:
        cdef OrderWriter orders = writer.orders
        cdef order_fields order
        cdef uint8_t digest[DIGEST_SIZE]
        cdef uint8_t signature[SIGNATURE_SIZE]
        cdef int size
        if self.count or not writer.begin(&order, now_ns):
            return 0
        memset(signature, 0, SIGNATURE_SIZE)
        order.is_bid = True
        order.price_nanos = writer.tick_nanos
        order.amount_nanos = order.replaced_filled_nanos = 1
        order.nonce = order.replaces_nonce = order.label_number = order.request_id = 1
        order.replaces_number = 0
        if orders.signer is not None:
            orders.digest_order(writer.instrument, &order, digest)
            orders.signer.rehearse(digest, signature)
        size = orders.put(writer.instrument, &order, signature, <char*>self.frame_memory + WEBSOCKET_HEAD_SIZE)
        self.stage.head.size = 0
        self.stage.put_order(orders, writer.instrument, &self.venue, &order)
        websocket_frame_text(self.frame_memory, size, 0)
        prefetch_memory(self.journal.head.memory + self.journal.head.size, LONGEST_WRITTEN)
        self.socket.can_write()
        return 0

    cdef bint leave(self) except -1:
        cdef Py_ssize_t size = self.frames_size
        if not self.socket.can_write():
            return False
        ready_ns = read_clock(self.clock_ns)
        self.count = 0          # before: what an exception breaks off must not leave a second time
        self.frames_size = 0
        self.socket.put(self.frame_memory, size)
        self.written_ns = ready_ns
        self.sent_ns = read_clock(self.clock_ns)
        return True
