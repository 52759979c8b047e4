# slot_writer: how the orders of one slot are signed, and digests made ahead of those that a side may want next, while
# nothing else is to do. A digest is most of a signature's time, and no signature: what is made and never wanted has let
# nobody do anything. Its nonce is taken when it is made, and used once or never. One thread.

from libc.stdint cimport int64_t, uint8_t, uint64_t

from atomizer._core.eip712 cimport DIGEST_SIZE
from atomizer._core.frame cimport OrderWriter, order_fields, order_life
from atomizer._core.nonces cimport Nonces

cdef enum:
    PLACES = 128            # a side's digests, one a tick: at a price's number of ticks modulo this
    REACH = 48              # ticks on either side of the last order for which they are made
    STEPS = 97              # so many prices: 2 * REACH + 1, as a figure: Cython cannot compute it where it checks

cdef struct Digest:
    int64_t price_nanos     # 0: none here
    int64_t amount_nanos
    int64_t made_ns
    uint64_t nonce
    uint64_t expiry_s
    uint8_t bytes_signed[DIGEST_SIZE]

cdef class SlotWriter:
    cdef OrderWriter orders
    cdef int instrument             # its number there
    cdef order_life life
    cdef int64_t max_fee_nanos      # per unit
    cdef int64_t order_life_s       # how long a signature is good for
    cdef int64_t least_life_s       # how long the venue wants it to be
    cdef int64_t last_s             # and until when at most: the contract's expiry
    cdef int64_t tick_nanos
    cdef Digest ahead[2][PLACES]    # by is_bid
    cdef int64_t last_nanos[2]      # price of the last order
    cdef int64_t last_amount_nanos[2]
    cdef int steps_left[2]          # prices around it that have not been seen to
    cdef int64_t begun_ns[2]        # when seeing to them began last

    # Fills in what every order of the slot says alike, and when it is decided. False: there is not time enough for one.
    cdef bint begin(self, order_fields* order, int64_t now_ns) noexcept
    # Fills in nonce and, where it was made ahead, its expiry, and writes the digest that is to be signed.
    cdef void digest_order(self, order_fields* order, Nonces nonces, uint8_t* digest) noexcept
    # Whether it is time to see to all prices once more: digests grow old.
    cdef bint begin_again(self, int64_t now_ns) noexcept
    # Makes at most so many digests around the orders that were last digested; how many. 0: none is missing.
    cdef int make_ahead(self, Nonces nonces, int64_t now_ns, int most) noexcept
