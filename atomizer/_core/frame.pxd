# frame: signed order messages, fields in and text out, written over the last one in a buffer that is reused.
# Prices, amounts and fees are nanos, none negative; what was signed is what is printed, from the same integers.

from libc.stdint cimport int64_t, uint8_t, uint64_t

from atomizer._core.ecdsa cimport Signer
from atomizer._core.eip712 cimport INSTRUMENT_SIZE, DeriveActions

cdef extern from "order_message.h":
    ctypedef enum order_life:
        ORDER_GTC
        ORDER_POST_ONLY
        ORDER_IOC
    ctypedef struct order_fields:
        uint64_t request_id
        int64_t price_nanos
        int64_t amount_nanos
        int64_t max_fee_nanos       # per unit
        uint64_t nonce
        uint64_t replaces_nonce     # of the order that this one replaces; 0: none
        int64_t replaced_filled_nanos   # how far that one has filled
        uint64_t expiry_s           # unix time
        uint64_t label_number       # ends the label
        bint is_bid
        bint reduce_only
        order_life life
    ctypedef struct order_text:
        int size
        char text[64]
    ctypedef struct order_owner:
        uint64_t subaccount_id
        bint nonces_as_text
        bint is_protected
        order_text signer
        order_text label

cdef enum:
    INSTRUMENTS = 2_048     # capacity
    MESSAGE_SIZE = 1_024    # holds the longest message

cdef struct Instrument:
    order_text name
    uint8_t words[INSTRUMENT_SIZE]      # asset and sub_id as signed

# Keeps plain text of at most `longest` (64) characters; ValueError in the words of `what` for anything else.
cdef int keep_text(order_text* kept, str text, str what, int longest) except -1

cdef class OrderWriter:
    cdef Signer signer
    cdef DeriveActions actions
    cdef order_owner owner
    cdef Instrument instruments[INSTRUMENTS]
    cdef int instrument_count
    cdef char message[MESSAGE_SIZE]     # the last one written; valid until the next
    cdef int message_size

    # What an order's signature is over, 32 bytes. `instrument` is an index that add_instrument gave.
    cdef void digest_order(self, int instrument, const order_fields* order, uint8_t* digest) noexcept nogil
    # Writes the message that carries this signature; its size. `message` has room for MESSAGE_SIZE bytes.
    cdef int put(
        self, int instrument, const order_fields* order, const uint8_t* signature, char* message) noexcept nogil
