"""Order messages for Derive and Deribit, written over the last one in a buffer that is reused.

The texts are laid out in derive_message.h and deribit_message.h; here stand who signs, for which instruments, and what
is refused.
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


# Included by the messages; named so that a change in it rebuilds this module.
cdef extern from "text.h":
    pass
cdef extern from "order_fields.h":
    enum:
        ORDER_NAME_SIZE
        ORDER_LABEL_SIZE
cdef extern from "derive_message.h" nogil:
    int derive_message_put(
        char* message, const order_fields* order, const order_text* instrument, const order_owner* owner,
        const derive_signing* signing, const uint8_t* signature) noexcept
cdef extern from "deribit_message.h" nogil:
    int deribit_message_put(
        char* message, const order_fields* order, const order_text* instrument, const order_owner* owner,
        uint64_t valid_ms) noexcept
    int deribit_cancel_put(char* message, uint64_t request_id, const order_text* order_id) noexcept

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


@cython.auto_pickle(False)
cdef class OrderWriter:

    cdef int keep_owner(self, str label_prefix, bint is_protected) except -1:
        self.owner.is_protected = is_protected
        return keep_text(&self.owner.label, label_prefix, "label_prefix", ORDER_LABEL_SIZE)

    cdef Instrument* next_instrument(self, str name, str venue_name) except NULL:
        cdef Instrument* added
        if self.instrument_count == INSTRUMENTS:
            raise ValueError(f"more than {INSTRUMENTS} instruments")
        added = &self.instruments[self.instrument_count]
        if not name or not venue_name:
            raise ValueError("an instrument must have a name")
        keep_text(&added.name, name, "an instrument's name", ORDER_NAME_SIZE)
        keep_text(&added.venue_name, venue_name, "an instrument's name", ORDER_NAME_SIZE)
        return added

    cdef void digest_order(self, int instrument, const order_fields* order, uint8_t* digest) noexcept nogil:
        memset(digest, 0, DIGEST_SIZE)

    cdef int put(
        self, int instrument, const order_fields* order, const uint8_t* signature, char* message
    ) noexcept nogil:
        return 0

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
        uint64_t replaces_number=0,
        int64_t now_ns=0,
    ):
        cdef order_fields order
        cdef uint8_t digest[DIGEST_SIZE]
        cdef uint8_t signature[SIGNATURE_SIZE]
        cdef int size
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
        order.replaces_number = replaces_number
        order.now_ns = now_ns
        if self.signer is not None:
            self.digest_order(instrument, &order, digest)
            if not self.signer.sign_into(digest, signature):
                raise ValueError("libsecp256k1 refused to sign")
        size = self.put(instrument, &order, signature, self.message)
        if size == 0:
            raise ValueError(f"no order that ends in {replaces_number} has a name at the venue")
        self.message_size = size
        return PyMemoryView_FromObject(self)

    def __getbuffer__(self, Py_buffer* view, int flags):
        """The last message, read-only. The view keeps this object; the next message changes what it shows."""
        PyBuffer_FillInfo(view, self, self.message, self.message_size, True, flags)


@cython.final
@cython.auto_pickle(False)
cdef class DeriveOrders(OrderWriter):

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
        self.signing.subaccount_id = _subaccount_of(actions)
        self.signing.nonces_as_text = nonces_as_text
        keep_text(&self.signing.signer, checksum_address(signer.address), "signer", ORDER_NAME_SIZE)
        self.keep_owner(label_prefix, is_protected)

    def add_instrument(self, str name not None, bytes asset not None, sub_id):
        put_instrument(self.next_instrument(name, name).words, asset, sub_id)
        self.instrument_count += 1
        return self.instrument_count - 1

    cdef void digest_order(self, int instrument, const order_fields* order, uint8_t* digest) noexcept nogil:
        self.actions.order_digest(
            self.instruments[instrument].words, order.price_nanos, order.amount_nanos, order.max_fee_nanos,
            order.is_bid, order.nonce, order.expiry_s, digest)

    cdef int put(
        self, int instrument, const order_fields* order, const uint8_t* signature, char* message
    ) noexcept nogil:
        return derive_message_put(
            message, order, &self.instruments[instrument].name, &self.owner, &self.signing, signature)


@cython.final
@cython.auto_pickle(False)
cdef class DeribitOrders(OrderWriter):

    def __cinit__(self, *, str label_prefix, uint64_t valid_ms, bint is_protected=False):
        self.valid_ms = valid_ms
        self.keep_owner(label_prefix, is_protected)
        keep_text(&self.nobody.text, "0", "nobody", ORDER_NAME_SIZE)

    def add_instrument(self, str name not None, str venue_name not None):
        self.next_instrument(name, venue_name)
        self.instrument_count += 1
        return self.instrument_count - 1

    def name_order(self, uint64_t label_number, str order_id not None):
        cdef OrderId* named = &self.ids[label_number % NAMED]
        keep_text(&named.text, order_id, "an order's id", ORDER_NAME_SIZE)
        named.label_number = label_number

    def forget_orders(self):
        memset(self.ids, 0, sizeof(self.ids))

    cdef int put(
        self, int instrument, const order_fields* order, const uint8_t* signature, char* message
    ) noexcept nogil:
        cdef const OrderId* replaced
        if order.replaces_nonce == 0:
            return deribit_message_put(
                message, order, &self.instruments[instrument].venue_name, &self.owner, self.valid_ms)
        replaced = &self.ids[order.replaces_number % NAMED] if order.replaces_number else &self.nobody
        if replaced.label_number != order.replaces_number:
            return 0
        return deribit_cancel_put(message, order.request_id, &replaced.text)
