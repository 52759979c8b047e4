"""The risk gate's checks that need no Python object: one order against one instrument's limits and what is known."""

cimport cython

from atomizer._core.fixed cimport INT64_MAX, NANOS, NO_PRICE

cdef extern from *:
    ctypedef long long int128_t "__int128"

REASONS = (
    "OK",
    "GATE_SHUT",
    "OFF_TICK",
    "OFF_LOT",
    "BELOW_MINIMUM",
    "ABOVE_MAXIMUM",
    "MAX_SIZE",
    "NO_BOOK",
    "STALE_BOOK",
    "NO_GREEKS",
    "NO_FAIR",
    "PRICE_BAND",
    "MAX_POSITION",
    "SELF_CROSS",
    "RATE",
)
cdef int64_t SECOND_NS = 1_000_000_000


cdef inline Refusal _check_listing(const Limits* limits, const Order* order) noexcept nogil:
    if order.price_nanos == NO_PRICE or order.price_nanos % limits.tick_nanos:
        return OFF_TICK
    if order.size_nanos == NO_PRICE or order.size_nanos % limits.lot_nanos:
        return OFF_LOT
    if order.size_nanos < limits.min_amount_nanos:
        return BELOW_MINIMUM
    if order.size_nanos > limits.max_amount_nanos:
        return ABOVE_MAXIMUM
    if order.price_nanos <= 0:
        return BELOW_MINIMUM
    if order.size_nanos > limits.max_order_size_nanos:
        return MAX_SIZE
    return ALLOWED


cdef inline Refusal _check_book(const Limits* limits, const Known* known, int64_t now_ns) noexcept nogil:
    if known.book_dark:
        return NO_BOOK
    if now_ns - known.book_received_ns > limits.max_book_age_ns:
        return STALE_BOOK
    return ALLOWED


@cython.overflowcheck(False)    # 128-bit arithmetic, which the checker would narrow to 64
cdef inline bint _inside_band(
    const Order* order, int64_t anchor_nanos, int64_t share_nanos, int64_t tick_nanos
) noexcept nogil:
    """Only the side that costs us: a bid far below may rest, one far above is a mistake."""
    cdef int128_t band = <int128_t>anchor_nanos * share_nanos // NANOS
    band = max(band, <int128_t>tick_nanos * BAND_TICKS)
    if order.is_bid:
        return order.price_nanos <= anchor_nanos + band
    return order.price_nanos >= anchor_nanos - band


cdef inline Refusal _check_band(
    const Limits* limits, const Known* known, const Order* order, int64_t now_ns
) noexcept nogil:
    if known.mark_nanos <= 0 or now_ns - known.mark_ns > limits.max_mark_age_ns:
        return NO_GREEKS
    if not _inside_band(order, known.mark_nanos, limits.mark_band_share_nanos, limits.tick_nanos):
        return PRICE_BAND
    if limits.fair_band_share_nanos == 0:
        return ALLOWED
    if known.fair_nanos <= 0 or now_ns - known.fair_ns > limits.max_mark_age_ns:
        return NO_FAIR
    if not _inside_band(order, known.fair_nanos, limits.fair_band_share_nanos, limits.tick_nanos):
        return PRICE_BAND
    return ALLOWED


@cython.overflowcheck(False)
cdef inline Refusal _check_position(const Limits* limits, const Known* known, const Order* order) noexcept nogil:
    """The worst that all our orders of this side can lead to. What only brings the position nearer to zero may go."""
    cdef int128_t after
    if order.is_bid:
        after = <int128_t>known.position_nanos + known.open_nanos[True] + order.size_nanos
    else:       # the same, seen from the other side
        after = <int128_t>known.open_nanos[False] + order.size_nanos - known.position_nanos
    return MAX_POSITION if after > limits.max_position_nanos else ALLOWED


cdef inline bint _crosses_ourselves(const Known* known, const Order* order) noexcept nogil:
    cdef int64_t other_nanos = known.own_nanos[not order.is_bid]
    if other_nanos == NO_PRICE:
        return False
    return order.price_nanos >= other_nanos if order.is_bid else order.price_nanos <= other_nanos


cdef inline Refusal _check_standing(
    const Limits* limits, const Known* known, const Order* order, int64_t now_ns
) noexcept nogil:
    cdef Refusal refusal = _check_book(limits, known, now_ns)
    if refusal == ALLOWED:
        refusal = _check_band(limits, known, order, now_ns)
    if refusal == ALLOWED:
        refusal = _check_position(limits, known, order)
    return refusal


cdef int64_t _above_zero(str name, value) except -1:
    if not 0 < value <= INT64_MAX:
        raise ValueError(f"{name} must be above 0 and fit 64 bits, not {value}")
    return value


@cython.final
cdef class InstrumentLimits:

    def __cinit__(
        self,
        *,
        tick_nanos,
        lot_nanos,
        min_amount_nanos,
        max_amount_nanos,
        max_order_size_nanos,
        max_position_nanos,
        mark_band_share_nanos,
        max_book_age_ns,
        max_mark_age_ns,
        fair_band_share_nanos=None,
    ):
        cdef Limits* limits = &self.limits
        limits.tick_nanos = _above_zero("tick_nanos", tick_nanos)
        limits.lot_nanos = _above_zero("lot_nanos", lot_nanos)
        limits.min_amount_nanos = _above_zero("min_amount_nanos", min_amount_nanos)
        limits.max_amount_nanos = _above_zero("max_amount_nanos", max_amount_nanos)
        limits.max_order_size_nanos = _above_zero("max_order_size_nanos", max_order_size_nanos)
        limits.max_position_nanos = _above_zero("max_position_nanos", max_position_nanos)
        limits.mark_band_share_nanos = _above_zero("mark_band_share_nanos", mark_band_share_nanos)
        limits.max_book_age_ns = _above_zero("max_book_age_ns", max_book_age_ns)
        limits.max_mark_age_ns = _above_zero("max_mark_age_ns", max_mark_age_ns)
        if fair_band_share_nanos is not None:
            limits.fair_band_share_nanos = _above_zero("fair_band_share_nanos", fair_band_share_nanos)


@cython.final
cdef class Gate:

    def __cinit__(self, int max_orders_per_second):
        cdef int at
        if not 0 < max_orders_per_second <= MOST_PER_SECOND:
            raise ValueError(f"max_orders_per_second must lie in 1..{MOST_PER_SECOND}, not {max_orders_per_second}")
        self.allowance = max_orders_per_second
        for at in range(max_orders_per_second):
            self.sent_ns[at] = -SECOND_NS       # before any time there is

    cdef Refusal admit(
        self, const Limits* limits, const Known* known, const Order* order, int64_t now_ns
    ) noexcept nogil:
        cdef Refusal refusal = GATE_SHUT if self.is_shut else _check_listing(limits, order)
        if refusal == ALLOWED:
            refusal = _check_standing(limits, known, order, now_ns)
        if refusal == ALLOWED and _crosses_ourselves(known, order):
            refusal = SELF_CROSS
        # A clock that was set back makes the age negative; that must not stop trading.
        if refusal == ALLOWED and 0 <= now_ns - self.sent_ns[self.sent_at] < SECOND_NS:
            refusal = RATE
        if refusal == ALLOWED:
            self.sent_ns[self.sent_at] = now_ns
            self.sent_at = self.sent_at + 1 if self.sent_at + 1 < self.allowance else 0
        else:
            self.refused[<int>refusal] = self.refused[<int>refusal] + 1
        return refusal

    cdef Refusal review(
        self, const Limits* limits, const Known* known, const Order* order, int64_t now_ns
    ) noexcept nogil:
        return GATE_SHUT if self.is_shut else _check_standing(limits, known, order, now_ns)

    def shut(self):
        self.is_shut = True

    @property
    def refusals(self):
        cdef int code
        return {REASONS[code]: self.refused[code] for code in range(1, REFUSALS) if self.refused[code]}

    def check(
        self,
        InstrumentLimits limits not None,
        *,
        bint is_bid,
        int64_t price_nanos,
        int64_t size_nanos,
        int64_t now_ns,
        bint rests=False,
        bint book_dark=False,
        int64_t book_received_ns=0,
        int64_t mark_nanos=NO_PRICE,
        int64_t mark_ns=0,
        int64_t fair_nanos=NO_PRICE,
        int64_t fair_ns=0,
        int64_t position_nanos=0,
        int64_t open_bids_nanos=0,
        int64_t open_asks_nanos=0,
        int64_t own_bid_nanos=NO_PRICE,
        int64_t own_ask_nanos=NO_PRICE,
    ):
        cdef Order order = Order(is_bid, price_nanos, size_nanos)
        cdef Known known
        if min(now_ns, book_received_ns, mark_ns, fair_ns) < 0:
            raise ValueError("a time is before 1970")
        known.book_dark = book_dark
        known.book_received_ns = book_received_ns
        known.mark_nanos = mark_nanos
        known.mark_ns = mark_ns
        known.fair_nanos = fair_nanos
        known.fair_ns = fair_ns
        known.position_nanos = position_nanos
        known.open_nanos[True] = open_bids_nanos
        known.open_nanos[False] = open_asks_nanos
        known.own_nanos[True] = own_bid_nanos
        known.own_nanos[False] = own_ask_nanos
        if rests:
            return REASONS[self.review(&limits.limits, &known, &order, now_ns)]
        return REASONS[self.admit(&limits.limits, &known, &order, now_ns)]
