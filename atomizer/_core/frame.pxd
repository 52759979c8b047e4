# frame: order messages, fields in and text out, signed where the venue wants that, written over the last one in a
# buffer that is reused. Prices, amounts and fees are nanos, none negative; what was signed is what is printed, from the
# same integers.

from libc.stdint cimport int64_t, uint8_t, uint64_t

from atomizer._core.ecdsa cimport Signer
from atomizer._core.eip712 cimport INSTRUMENT_SIZE, DeriveActions

cdef extern from "order_fields.h":
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
        uint64_t expiry_s           # of the signature, unix time
        uint64_t label_number       # ends the label
        uint64_t replaces_number    # ends the label of the order that this one replaces
        int64_t now_ns              # when it was decided
        bint is_bid
        bint reduce_only
        order_life life
    ctypedef struct order_text:
        int size
        char text[64]
    ctypedef struct order_owner:
        bint is_protected
        order_text label

cdef extern from "derive_message.h":
    ctypedef struct derive_signing:
        uint64_t subaccount_id
        bint nonces_as_text
        order_text signer

cdef enum:
    INSTRUMENTS = 2_048     # capacity
    MESSAGE_SIZE = 1_024    # holds the longest message
    NAMED = 8_192           # the newest orders whose ids at the venue are kept

cdef struct Instrument:
    order_text name         # ours, which the journal has
    order_text venue_name   # what messages call it
    uint8_t words[INSTRUMENT_SIZE]      # what signatures have for it: asset and sub_id

cdef struct OrderId:
    uint64_t label_number
    order_text text

# Keeps plain text of at most `longest` (64) characters; ValueError in the words of `what` for anything else.
cdef int keep_text(order_text* kept, str text, str what, int longest) except -1

# What the writers of all venues are; each has its own messages.
cdef class OrderWriter:
    cdef Signer signer                  # None: orders are not signed here
    cdef order_owner owner
    cdef Instrument instruments[INSTRUMENTS]
    cdef int instrument_count
    cdef char message[MESSAGE_SIZE]     # the last one written; valid until the next
    cdef int message_size

    cdef int keep_owner(self, str label_prefix, bint is_protected) except -1
    # Where the next instrument goes, its names filled in; not yet counted.
    cdef Instrument* next_instrument(self, str name, str venue_name) except NULL

    # What an order's signature is over, 32 bytes. `instrument` is an index that add_instrument gave.
    cdef void digest_order(self, int instrument, const order_fields* order, uint8_t* digest) noexcept nogil
    # Writes the message, with its signature where there is one; its size, 0 when it cannot be written here. `message`
    # has room for MESSAGE_SIZE bytes.
    cdef int put(
        self, int instrument, const order_fields* order, const uint8_t* signature, char* message) noexcept nogil

cdef class DeriveOrders(OrderWriter):
    cdef DeriveActions actions
    cdef derive_signing signing

cdef class DeribitOrders(OrderWriter):
    cdef uint64_t valid_ms
    cdef OrderId ids[NAMED]             # at their label's number modulo this
    cdef OrderId nobody                 # for rehearsals: no label ends in 0
