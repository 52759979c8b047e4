"""How one slot's orders are begun, and the digests to sign made ahead of those that it may want next."""

cimport cython
from libc.string cimport memcpy, memset

from atomizer._core.fixed cimport INT64_MAX
from atomizer._core.frame cimport ORDER_GTC, ORDER_IOC, ORDER_POST_ONLY

cdef int64_t LONGEST_LIFE_S = 10 * 366 * 86_400
cdef int64_t SECOND_NS = 1_000_000_000
# How old a digest may be. Its expiry was set when it was made, and so was its nonce, which tells the venue the time:
# Derive takes one that is an hour off (v2), or five minutes at the worst that is told of v3, and in any order (protocol
# sheet §2).
cdef int64_t GOOD_NS = 60 * SECOND_NS
# Until when it need not be made anew. What is passed over for being fresh waits as long again, and for its slot's turn.
cdef int64_t FRESH_NS = 20 * SECOND_NS


cdef inline Digest* _place_of(SlotWriter writer, bint is_bid, int64_t price_nanos) noexcept:
    return &writer.ahead[is_bid][(price_nanos // writer.tick_nanos) % PLACES]


cdef inline bint _is_good(
    SlotWriter writer, const Digest* made, int64_t price_nanos, int64_t amount_nanos, int64_t now_ns
) noexcept:
    return (
        made.price_nanos == price_nanos
        and made.amount_nanos == amount_nanos
        and 0 <= now_ns - made.made_ns <= GOOD_NS
        and <int64_t>made.expiry_s - now_ns // SECOND_NS >= writer.least_life_s
    )


cdef bint _make(SlotWriter writer, bint is_bid, int64_t price_nanos, Nonces nonces, int64_t now_ns) noexcept:
    """Unless a fresh one is there already, or it would not be good for long enough."""
    cdef Digest* made = _place_of(writer, is_bid, price_nanos)
    cdef int64_t amount_nanos = writer.last_amount_nanos[is_bid]
    cdef order_fields order
    if now_ns - made.made_ns <= FRESH_NS and _is_good(writer, made, price_nanos, amount_nanos, now_ns):
        return False
    if not writer.begin(&order, now_ns):
        return False
    order.is_bid = is_bid
    order.price_nanos = price_nanos
    order.amount_nanos = amount_nanos
    order.nonce = nonces.take(now_ns)
    writer.orders.digest_order(writer.instrument, &order, made.bytes_signed)
    made.price_nanos = price_nanos
    made.amount_nanos = amount_nanos
    made.made_ns = now_ns
    made.nonce = order.nonce
    made.expiry_s = order.expiry_s
    return True


@cython.final
@cython.auto_pickle(False)
cdef class SlotWriter:

    def __cinit__(
        self,
        OrderWriter orders not None,
        int instrument,
        int64_t tick_nanos,
        *,
        int life,
        int64_t max_fee_nanos,
        int64_t order_life_s,
        int64_t least_life_s,
        int64_t last_s,
    ):
        if not 0 <= instrument < orders.instrument_count:
            raise ValueError(f"no instrument {instrument} among {orders.instrument_count}")
        if tick_nanos <= 0:
            raise ValueError(f"a tick of {tick_nanos} nanos")
        if life not in (<int>ORDER_GTC, <int>ORDER_POST_ONLY, <int>ORDER_IOC):
            raise ValueError(f"life must be GTC, POST_ONLY or IOC, not {life}")
        if max_fee_nanos < 0:
            raise ValueError(f"max_fee is negative: {max_fee_nanos} nanos")
        if not (0 < least_life_s <= order_life_s <= LONGEST_LIFE_S and last_s > 0):
            raise ValueError(f"a signature cannot be good for {least_life_s} to {order_life_s} s, at most to {last_s}")
        self.orders = orders
        self.instrument = instrument
        self.tick_nanos = tick_nanos
        self.life = <order_life>life
        self.max_fee_nanos = max_fee_nanos
        self.order_life_s = order_life_s
        self.least_life_s = least_life_s
        self.last_s = last_s
        memset(self.ahead, 0, sizeof(self.ahead))

    cdef bint begin(self, order_fields* order, int64_t now_ns) noexcept:
        cdef int64_t now_s = now_ns // SECOND_NS
        if self.last_s - now_s < self.least_life_s:
            return False
        order.expiry_s = <uint64_t>min(now_s + self.order_life_s, self.last_s)
        order.max_fee_nanos = self.max_fee_nanos
        order.life = self.life
        order.reduce_only = False
        order.now_ns = now_ns
        return True

    cdef void digest_order(self, order_fields* order, Nonces nonces, uint8_t* digest) noexcept:
        cdef int64_t now_ns = order.now_ns
        cdef Digest* made = _place_of(self, order.is_bid, order.price_nanos)
        if _is_good(self, made, order.price_nanos, order.amount_nanos, now_ns):
            order.nonce = made.nonce
            order.expiry_s = made.expiry_s
            memcpy(digest, made.bytes_signed, DIGEST_SIZE)
            made.price_nanos = 0
        else:
            order.nonce = nonces.take(now_ns)
            self.orders.digest_order(self.instrument, order, digest)
        self.last_nanos[order.is_bid] = order.price_nanos
        self.last_amount_nanos[order.is_bid] = order.amount_nanos
        self.steps_left[order.is_bid] = STEPS
        self.begun_ns[order.is_bid] = now_ns

    cdef bint begin_again(self, int64_t now_ns) noexcept:
        cdef int is_bid
        cdef bint is_time = False
        for is_bid in range(2):
            if self.last_nanos[is_bid] and not 0 <= now_ns - self.begun_ns[is_bid] <= FRESH_NS:
                self.begun_ns[is_bid] = now_ns
                self.steps_left[is_bid] = STEPS
                is_time = True
        return is_time

    cdef int make_ahead(self, Nonces nonces, int64_t now_ns, int most) noexcept:
        cdef int made = 0
        cdef int is_bid, step
        cdef int64_t away_nanos, last_nanos
        for is_bid in range(2):
            last_nanos = self.last_nanos[is_bid]
            while self.steps_left[is_bid] and made < most:
                step = STEPS - self.steps_left[is_bid]
                self.steps_left[is_bid] -= 1
                away_nanos = (step + 1) // 2 * self.tick_nanos      # the nearest first, by turns on either side
                if step % 2 and away_nanos < last_nanos:
                    made += _make(self, is_bid, last_nanos - away_nanos, nonces, now_ns)
                elif step % 2 == 0 and away_nanos <= INT64_MAX - last_nanos:
                    made += _make(self, is_bid, last_nanos + away_nanos, nonces, now_ns)
        return made
