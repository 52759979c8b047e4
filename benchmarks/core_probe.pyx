# cython: language_level=3
"""Stages as the hot lane calls them: in a loop, without the GIL and without Python objects."""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memset

from atomizer._core.clock cimport read_clock
from atomizer._core.ecdsa cimport SIGNATURE_SIZE, Signer
from atomizer._core.eip712 cimport DIGEST_SIZE, DeriveActions
from atomizer._core.frame cimport ORDER_GTC, OrderWriter, order_fields
from atomizer._core.keccak cimport keccak256_into


cdef order_fields _order(int64_t price_nanos, int64_t amount_nanos, int64_t max_fee_nanos, nonce, expiry_s):
    cdef order_fields order
    order.is_bid = True
    order.price_nanos = price_nanos
    order.amount_nanos = amount_nanos
    order.max_fee_nanos = max_fee_nanos
    order.life = ORDER_GTC
    order.reduce_only = False
    order.nonce = nonce
    order.expiry_s = expiry_s
    order.label_number = 17
    order.request_id = 7
    order.replaces_nonce = 0
    return order


def digests(
    DeriveActions actions, bytes instrument, int64_t price_nanos, int64_t amount_nanos, int64_t max_fee_nanos,
    nonce, expiry_s, int count,
):
    """The last of `count` order digests; the price moves from one to the next."""
    cdef order_fields order = _order(price_nanos - count + 1, amount_nanos, max_fee_nanos, nonce, expiry_s)
    cdef const uint8_t* words = <const uint8_t*><char*>instrument
    cdef uint8_t digest[DIGEST_SIZE]
    with nogil:
        for _ in range(count):
            actions.order_digest(
                words, order.price_nanos, order.amount_nanos, order.max_fee_nanos, order.is_bid, order.nonce,
                order.expiry_s, digest)
            order.price_nanos += 1
    return digest[:DIGEST_SIZE]


def signatures(Signer signer, bytes digest, int count):
    """The last of `count` signatures."""
    cdef const uint8_t* message = <const uint8_t*><char*>digest
    cdef uint8_t signature[SIGNATURE_SIZE]
    with nogil:
        for _ in range(count):
            signer.sign_into(message, signature)
    return signature[:SIGNATURE_SIZE]


def signed_orders(
    OrderWriter writer, int64_t price_nanos, int64_t amount_nanos, int64_t max_fee_nanos, nonce, expiry_s, int count
):
    """The last of `count` signatures of an order of the writer's first instrument, from its fields."""
    cdef order_fields order = _order(price_nanos - count + 1, amount_nanos, max_fee_nanos, nonce, expiry_s)
    cdef uint8_t digest[DIGEST_SIZE]
    cdef uint8_t signature[SIGNATURE_SIZE]
    cdef Signer signer = writer.signer
    with nogil:
        for _ in range(count):
            writer.digest_order(0, &order, digest)
            signer.sign_into(digest, signature)
            order.price_nanos += 1
    return signature[:SIGNATURE_SIZE]


def messages(
    OrderWriter writer, int64_t price_nanos, int64_t amount_nanos, int64_t max_fee_nanos, nonce, expiry_s,
    bytes signature, int count,
):
    """The last of `count` messages that carry one signature."""
    cdef order_fields order = _order(price_nanos - count + 1, amount_nanos, max_fee_nanos, nonce, expiry_s)
    cdef const uint8_t* signed = <const uint8_t*><char*>signature
    with nogil:
        for _ in range(count):
            writer.message_size = writer.put(0, &order, signed, writer.message)
            order.price_nanos += 1
    return bytes(writer)


cdef class WatchedClock:
    """The clock of an outbox, which asks for the time when orders are written and again when they have left.

    Every second time a fixed piece of work follows, which takes its shortest time only while nobody else uses the core.
    """

    cdef bint has_left
    cdef readonly dict work_ns      # by when orders had left

    def __cinit__(self):
        self.work_ns = {}

    def __call__(self):
        cdef int64_t now_ns = read_clock(None)
        self.has_left = not self.has_left
        if not self.has_left:
            self.work_ns[now_ns] = time_work()
        return now_ns


cdef int64_t time_work() noexcept:
    """Nanoseconds of a few digests whose code and data are in the caches."""
    cdef uint8_t text[100]
    cdef uint8_t digest[DIGEST_SIZE]
    cdef int64_t started_ns
    memset(text, 0, sizeof(text))
    keccak256_into(text, sizeof(text), digest)
    started_ns = read_clock(None)
    for _ in range(4):
        keccak256_into(text, sizeof(text), digest)
    return read_clock(None) - started_ns
