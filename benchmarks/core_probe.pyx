# cython: language_level=3
"""Stages as the hot lane calls them: in a loop, without the GIL and without Python objects."""

from libc.stdint cimport int64_t, uint8_t

from atomizer._core.ecdsa cimport SIGNATURE_SIZE, Signer
from atomizer._core.eip712 cimport DIGEST_SIZE, DeriveActions
from atomizer._core.frame cimport ORDER_GTC, OrderWriter, order_fields


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
