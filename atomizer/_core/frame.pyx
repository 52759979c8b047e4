"""Signed order messages for Derive, written over the last one in a buffer that is reused.

The text itself is laid out in order_message.h; here stand who signs, for which instruments, and what is refused.
"""

cimport cython
from cpython.buffer cimport PyBuffer_FillInfo
from cpython.memoryview cimport PyMemoryView_FromObject
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from atomizer._core.ecdsa cimport SIGNATURE_SIZE, Signer
from atomizer._core.eip712 cimport ADDRESS_SIZE, DIGEST_SIZE, WORD, DeriveActions, put_instrument

import re

from atomizer._core.ecdsa import checksum_address


# Included by the message; named so that a change in it rebuilds this module.
cdef extern from "text.h":
    pass
cdef extern from "order_message.h" nogil:
    enum:
        ORDER_NAME_SIZE
        ORDER_LABEL_SIZE
    int order_message_put(
        char* message, const order_fields* order, const order_text* instrument, const order_owner* owner,
        const uint8_t* signature) noexcept

# Words of a signed action.
cdef enum:
    ACTION_SUBACCOUNT = 1
    ACTION_SIGNER = 7

globals()["GTC"] = <object><int>ORDER_GTC
globals()["POST_ONLY"] = <object><int>ORDER_POST_ONLY
globals()["IOC"] = <object><int>ORDER_IOC

# What stands in a JSON string as it is, and in an instrument's name or an order's label.
cdef object PLAIN = re.compile(r"[A-Za-z0-9_.:-]*", re.ASCII)


cdef int keep_text(order_text* kept, str text, str what, int longest) except -1:
    cdef bytes encoded
    if text is None or len(text) > longest or not PLAIN.fullmatch(text):
        raise ValueError(f"{what} must be at most {longest} letters, digits and any of _.:- and not {text!r}")
    encoded = text.encode("ascii")
    memset(kept, 0, sizeof(order_text))
    memcpy(kept.text, <char*>encoded, len(encoded))
    kept.size = <int>len(encoded)
    return 0


cdef uint64_t _subaccount_of(DeriveActions actions) except? 0:
    cdef const uint8_t* word = actions.trade_action + ACTION_SUBACCOUNT * WORD
    subaccount_id = int.from_bytes(word[:WORD], "big")
    if subaccount_id >= 1 << 63:
        raise ValueError(f"subaccount {subaccount_id} is beyond an int64")
    return subaccount_id


@cython.final
@cython.auto_pickle(False)
cdef class OrderWriter:
    """Signs and writes private/order and private/replace for one owner of orders in one subaccount."""

    def __cinit__(
        self,
        Signer signer not None,
        DeriveActions actions not None,
        *,
        str label_prefix,
        bint nonces_as_text,
        bint is_protected=False,
    ):
        cdef const uint8_t* signing = actions.trade_action + (ACTION_SIGNER + 1) * WORD - ADDRESS_SIZE
        if memcmp(signing, <const char*>signer.address, ADDRESS_SIZE):
            raise ValueError(f"the actions are signed by {checksum_address(signing[:ADDRESS_SIZE])}, not by {signer}")
        self.signer = signer
        self.actions = actions
        self.owner.subaccount_id = _subaccount_of(actions)
        self.owner.nonces_as_text = nonces_as_text
        self.owner.is_protected = is_protected
        keep_text(&self.owner.signer, checksum_address(signer.address), "signer", ORDER_NAME_SIZE)
        keep_text(&self.owner.label, label_prefix, "label_prefix", ORDER_LABEL_SIZE)

    def add_instrument(self, str name not None, bytes asset not None, sub_id):
        """Make an instrument known; its index."""
        cdef Instrument* added
        if self.instrument_count == INSTRUMENTS:
            raise ValueError(f"more than {INSTRUMENTS} instruments")
        added = &self.instruments[self.instrument_count]
        if not name:
            raise ValueError("an instrument must have a name")
        keep_text(&added.name, name, "an instrument's name", ORDER_NAME_SIZE)
        put_instrument(added.words, asset, sub_id)
        self.instrument_count += 1
        return self.instrument_count - 1

    cdef void digest_order(self, int instrument, const order_fields* order, uint8_t* digest) noexcept nogil:
        self.actions.order_digest(
            self.instruments[instrument].words, order.price_nanos, order.amount_nanos, order.max_fee_nanos,
            order.is_bid, order.nonce, order.expiry_s, digest)

    cdef int put(
        self, int instrument, const order_fields* order, const uint8_t* signature, char* message
    ) noexcept nogil:
        return order_message_put(message, order, &self.instruments[instrument].name, &self.owner, signature)

    def write(
        self,
        int instrument,
        bint is_bid,
        int64_t price_nanos,
        int64_t amount_nanos,
        int64_t max_fee_nanos,
        int life,
        bint reduce_only,
        uint64_t nonce,
        uint64_t expiry_s,
        uint64_t label_number,
        uint64_t request_id,
        uint64_t replaces_nonce=0,
        int64_t replaced_filled_nanos=0,
    ):
        """The signed message, borrowed until the next one is written."""
        cdef order_fields order
        cdef uint8_t digest[DIGEST_SIZE]
        cdef uint8_t signature[SIGNATURE_SIZE]
        if not 0 <= instrument < self.instrument_count:
            raise ValueError(f"no instrument {instrument} among {self.instrument_count}")
        if price_nanos <= 0 or amount_nanos <= 0 or min(max_fee_nanos, replaced_filled_nanos) < 0:
            raise ValueError(
                f"price and amount must be above 0, max_fee and what is filled at least 0, in nanos: "
                f"{price_nanos}, {amount_nanos}, {max_fee_nanos}, {replaced_filled_nanos}")
        if life not in (<int>ORDER_GTC, <int>ORDER_POST_ONLY, <int>ORDER_IOC):
            raise ValueError(f"life must be GTC, POST_ONLY or IOC, not {life}")
        order.is_bid = is_bid
        order.price_nanos = price_nanos
        order.amount_nanos = amount_nanos
        order.max_fee_nanos = max_fee_nanos
        order.life = <order_life>life
        order.reduce_only = reduce_only
        order.nonce = nonce
        order.expiry_s = expiry_s
        order.label_number = label_number
        order.request_id = request_id
        order.replaces_nonce = replaces_nonce
        order.replaced_filled_nanos = replaced_filled_nanos
        self.digest_order(instrument, &order, digest)
        if not self.signer.sign_into(digest, signature):
            raise ValueError("libsecp256k1 refused to sign")
        self.message_size = self.put(instrument, &order, signature, self.message)
        return PyMemoryView_FromObject(self)

    def __getbuffer__(self, Py_buffer* view, int flags):
        """The last message, read-only. The view keeps this object; the next message changes what it shows."""
        PyBuffer_FillInfo(view, self, self.message, self.message_size, True, flags)
