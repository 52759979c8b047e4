"""One instrument at one venue: from its book to the rows that bring our orders where we want them."""

cimport cython
from libc.string cimport memcmp, memset

from atomizer._core.book cimport ASKS, BIDS
from atomizer._core.fixed cimport INT64_MAX, NANOS, NO_PRICE
from atomizer._core.frame cimport OrderWriter
from atomizer._core.gate cimport ALLOWED, NO_BOOK, InstrumentLimits, Order, Refusal
from atomizer._core.prefetch cimport LINE_SIZE, prefetch_memory
from atomizer._core.quote cimport Quote, QuoteParams, desired_quote, read_market


cdef inline bint _lives(const Live* live) noexcept nogil:
    return live.price_nanos != NO_PRICE or live.sent_price_nanos != NO_PRICE


cdef inline bint _nearer(bint is_bid, int64_t price_nanos, int64_t other_nanos) noexcept nogil:
    """Whether the price stands nearer to the other side of the market."""
    return price_nanos > other_nanos if is_bid else price_nanos < other_nanos


cdef inline int64_t _nearest(const Live* live, bint is_bid) noexcept nogil:
    if live.price_nanos == NO_PRICE:
        return live.sent_price_nanos
    if live.sent_price_nanos == NO_PRICE or _nearer(is_bid, live.price_nanos, live.sent_price_nanos):
        return live.price_nanos
    return live.sent_price_nanos


cdef inline void _take_out(Slot slot, bint is_bid, int at, int64_t price_nanos, int64_t size_nanos) noexcept:
    slot.taken_nanos[is_bid][at] = price_nanos
    if price_nanos != NO_PRICE:
        slot.book.set_own_level(is_bid, price_nanos, size_nanos)


cdef void _take_own_out(Slot slot) noexcept:
    """What lives of ours is in the book's last frame, as far as can be told; while MOVING at one price, the larger."""
    cdef const Live* live
    cdef int is_bid, at
    cdef bint is_new
    slot.taken_sequence = slot.book.sequence
    for is_bid in range(2):
        live = &slot.live[is_bid]
        for at in range(2):
            if slot.taken_nanos[is_bid][at] != NO_PRICE:
                slot.book.set_own_level(is_bid, slot.taken_nanos[is_bid][at], 0)
        is_new = not (live.sent_price_nanos == live.price_nanos and live.sent_size_nanos < live.size_nanos)
        _take_out(slot, is_bid, 0, live.price_nanos, live.size_nanos)
        _take_out(slot, is_bid, 1, live.sent_price_nanos if is_new else NO_PRICE, live.sent_size_nanos)


cdef void _read_frame(Slot slot, int64_t now_ns) noexcept:
    """After a frame our orders are taken out anew, and who has waited for it need not any more."""
    cdef int is_bid
    cdef bint is_over = False
    for is_bid in range(2):
        if slot.settled_ns[is_bid] and not (
            slot.book.received_ns <= slot.settled_ns[is_bid] and 0 <= now_ns - slot.settled_ns[is_bid] < FRAME_WITHIN_NS
        ):
            slot.settled_ns[is_bid] = 0
            is_over = True
    if is_over or slot.taken_sequence != slot.book.sequence:
        _take_own_out(slot)


cdef double _exposed(const Live* live, bint is_bid, int64_t wanted_nanos) noexcept nogil:
    cdef int64_t price_nanos = _nearest(live, is_bid)
    cdef double size = <double>max(live.size_nanos, live.sent_size_nanos) / NANOS
    if price_nanos == NO_PRICE:
        return 0.0
    if wanted_nanos == NO_PRICE:
        return <double>price_nanos / NANOS * size
    if not _nearer(is_bid, price_nanos, wanted_nanos):
        return 0.0
    return (<double>price_nanos - <double>wanted_nanos) / NANOS * (size if is_bid else -size)


cdef int _emit(Slot slot, bint is_bid, Action action, Refusal reason, const Order* order, Row* row) noexcept:
    """Write the row and take it as sent; 1."""
    cdef Live* live = &slot.live[is_bid]
    row.slot = slot.index
    row.action = action
    row.is_bid = is_bid
    row.reason = reason
    row.unused = 0
    row.number = 0
    row.nonce = 0
    if action == CANCEL:
        live.flight = PULLING
        row.price_nanos = _nearest(live, is_bid)
        row.size_nanos = live.size_nanos if row.price_nanos == live.price_nanos else live.sent_size_nanos
        return 1
    live.flight = MOVING
    live.sent_price_nanos = row.price_nanos = order.price_nanos
    live.sent_size_nanos = row.size_nanos = order.size_nanos
    slot.known.own_nanos[is_bid] = _nearest(live, is_bid)
    return 1


cdef inline void _want(Slot slot, const Market* market, Quote* wanted) noexcept nogil:
    desired_quote(
        &slot.params, market, slot.known.mark_nanos, slot.known.fair_nanos, slot.limits.tick_nanos, wanted
    )


cdef inline bint _is_behind(Slot slot, bint is_bid, int64_t price_nanos) noexcept nogil:
    """Whether somebody else shows a better price of that side."""
    cdef int64_t touch_nanos = slot.seen.touch_nanos[is_bid]
    return touch_nanos != NO_PRICE and _nearer(is_bid, touch_nanos, price_nanos)


cdef inline bint _may_keep(Slot slot, const Live* live, const Order* wanted) noexcept:
    """Whether what rests is near enough to what we want: its place in the queue is worth something.

    But not behind the touch of the others, where nobody trades, when we want to be at it.
    """
    cdef int64_t away_nanos = live.price_nanos - wanted.price_nanos
    cdef bint is_bid = wanted.is_bid
    return (
        -slot.keep_price_nanos <= away_nanos <= slot.keep_price_nanos
        and slot.keep_size_nanos <= live.size_nanos <= wanted.size_nanos
        and (_is_behind(slot, is_bid, wanted.price_nanos) or not _is_behind(slot, is_bid, live.price_nanos))
    )


cdef int _decide_resting(Slot slot, Gate gate, const Order* wanted, int64_t now_ns, Row* row) noexcept:
    cdef bint is_bid = wanted.is_bid
    cdef const Live* live = &slot.live[is_bid]
    cdef Order resting = Order(is_bid, live.price_nanos, live.size_nanos)
    cdef Refusal refusal = ALLOWED
    if slot.settled_ns[is_bid]:
        slot.unsettled = True
    elif not _may_keep(slot, live, wanted):
        refusal = gate.admit(&slot.limits, &slot.known, wanted, now_ns)
        slot.refused[is_bid] = refusal
        if refusal == ALLOWED:
            return _emit(slot, is_bid, REPLACE, ALLOWED, wanted, row)
        slot.unsettled = True
        # It may not move where it should: where it stands it would be taken by whoever is faster.
        if _nearer(is_bid, live.price_nanos, wanted.price_nanos) or live.size_nanos > wanted.size_nanos:
            return _emit(slot, is_bid, CANCEL, refusal, NULL, row)
    refusal = gate.review(&slot.limits, &slot.known, &resting, now_ns)
    return 0 if refusal == ALLOWED else _emit(slot, is_bid, CANCEL, refusal, NULL, row)


cdef int _decide_side(Slot slot, Gate gate, bint is_bid, int64_t wanted_nanos, int64_t now_ns, Row* row) noexcept:
    cdef const Live* live = &slot.live[is_bid]
    cdef Order wanted = Order(is_bid, wanted_nanos, slot.params.size_nanos[is_bid])
    cdef Order sent
    cdef Refusal refusal
    if live.flight == PULLING:
        return 0
    if wanted_nanos == NO_PRICE:
        if not _lives(live):
            return 0
        return _emit(slot, is_bid, CANCEL, NO_BOOK if slot.book.dark else ALLOWED, NULL, row)
    if live.flight == MOVING:
        sent = Order(is_bid, live.sent_price_nanos, live.sent_size_nanos)
        refusal = gate.review(&slot.limits, &slot.known, &sent, now_ns)
        return 0 if refusal == ALLOWED else _emit(slot, is_bid, CANCEL, refusal, NULL, row)
    if live.price_nanos != NO_PRICE:
        return _decide_resting(slot, gate, &wanted, now_ns, row)
    if slot.settled_ns[is_bid]:
        slot.unsettled = True
        return 0
    refusal = gate.admit(&slot.limits, &slot.known, &wanted, now_ns)
    slot.refused[is_bid] = refusal
    if refusal == ALLOWED:
        return _emit(slot, is_bid, PLACE, ALLOWED, &wanted, row)
    slot.unsettled = True
    return 0


@cython.final
@cython.auto_pickle(False)
cdef class Slot:

    def __cinit__(
        self,
        int index,
        QuoteParams params not None,
        InstrumentLimits limits not None,
        int64_t keep_price_nanos,
        int64_t keep_size_nanos,
        Book book=None,
    ):
        cdef int is_bid
        if min(keep_price_nanos, keep_size_nanos) < 0:
            raise ValueError(f"a threshold is below 0: {keep_price_nanos} or {keep_size_nanos} nanos")
        self.index = index
        self.book = Book() if book is None else book
        self.params = params.params
        self.limits = limits.limits
        self.keep_price_nanos = keep_price_nanos
        self.keep_size_nanos = keep_size_nanos
        memset(&self.known, 0, sizeof(Known))
        self.known.mark_nanos = self.known.fair_nanos = NO_PRICE
        for is_bid in range(2):
            self.known.own_nanos[is_bid] = NO_PRICE
            self.live[is_bid] = Live(AT_REST, NO_PRICE, 0, 0, 0, 0, NO_PRICE, 0)
            self.refused[is_bid] = NO_BOOK
            self.taken_nanos[is_bid][0] = self.taken_nanos[is_bid][1] = NO_PRICE
        self.unsettled = True
        self.was_dark = True

    cdef bint is_quiet(self, int64_t now_ns) noexcept:
        cdef Market market
        _read_frame(self, now_ns)
        if self.unsettled or self.book.dark or self.was_dark:
            return False
        read_market(self.book, self.params.reference_size_nanos, &market)
        return memcmp(&market, &self.seen, sizeof(Market)) == 0

    cdef double exposed_usd(self, int64_t now_ns) noexcept:
        cdef Market market
        cdef Quote wanted
        cdef double usd, most = 0.0
        cdef int is_bid
        _read_frame(self, now_ns)
        wanted.price_nanos[BIDS] = wanted.price_nanos[ASKS] = NO_PRICE
        if not self.book.dark:
            read_market(self.book, self.params.reference_size_nanos, &market)
            _want(self, &market, &wanted)
        for is_bid in range(2):
            usd = _exposed(&self.live[is_bid], is_bid, wanted.price_nanos[is_bid])
            most = max(most, usd)
        return most

    cdef void prefetch(self) noexcept:
        prefetch_memory(&self.params, <char*>&self.refused - <char*>&self.params + sizeof(self.refused))
        self.book.prefetch()
        if self.writer is not None:
            prefetch_memory(&self.writer.instrument, LINE_SIZE)
            prefetch_memory(&self.writer.last_nanos, LINE_SIZE)

    cdef void stand_in_for(self, Slot other) noexcept:
        cdef int is_bid
        self.params = other.params
        self.limits = other.limits
        self.known = other.known
        self.keep_size_nanos = 2        # more than the one that rests
        for is_bid in range(2):
            # On either side as far away as can be, so that they are not in each other's way.
            self.live[is_bid] = Live(
                AT_REST, self.limits.tick_nanos if is_bid else INT64_MAX, 1, 0, 0, 0, NO_PRICE, 0
            )
            self.known.own_nanos[is_bid] = self.live[is_bid].price_nanos
        self.book.sequence = self.taken_sequence = 0
        self.unsettled = False

    cdef int decide(self, Gate gate, int64_t now_ns, Row* rows) noexcept:
        cdef Quote wanted
        cdef Row first
        cdef int count = 0
        cdef bint urgent
        wanted.price_nanos[BIDS] = wanted.price_nanos[ASKS] = NO_PRICE
        _read_frame(self, now_ns)
        self.unsettled = False
        self.known.book_dark = self.book.dark
        self.refused[BIDS] = self.refused[ASKS] = NO_BOOK if self.book.dark else ALLOWED
        self.known.book_received_ns = self.book.received_ns
        if not self.book.dark:
            read_market(self.book, self.params.reference_size_nanos, &self.seen)
            _want(self, &self.seen, &wanted)
        # The side that stands too near to the market goes first: every microsecond there is somebody else's.
        urgent = _nearer(True, self.live[BIDS].price_nanos, wanted.price_nanos[BIDS])
        count += _decide_side(self, gate, urgent, wanted.price_nanos[urgent], now_ns, rows)
        count += _decide_side(self, gate, not urgent, wanted.price_nanos[not urgent], now_ns, rows + count)
        if count == 2 and rows[1].action == CANCEL and rows[0].action != CANCEL:
            first = rows[0]
            rows[0] = rows[1]
            rows[1] = first
        if self.book.dark and not self.was_dark:
            rows[count] = Row(self.index, RESUBSCRIBE, 0, NO_BOOK, 0, NO_PRICE, 0, 0, 0)
            count += 1
        self.was_dark = self.book.dark
        return count

    def refusal(self, bint is_bid):
        return self.refused[is_bid]

    def wanted(self):
        cdef Market market
        cdef Quote wanted
        if self.book.dark:
            return NO_PRICE, NO_PRICE
        read_market(self.book, self.params.reference_size_nanos, &market)
        _want(self, &market, &wanted)
        return wanted.price_nanos[BIDS], wanted.price_nanos[ASKS]

    def set_params(self, QuoteParams params not None):
        self.params = params.params
        self.unsettled = True

    def set_limits(self, InstrumentLimits limits not None):
        self.limits = limits.limits
        self.unsettled = True

    def set_mark(self, int64_t mark_nanos, int64_t now_ns):
        self.known.mark_nanos = mark_nanos
        self.known.mark_ns = check_time(now_ns)
        self.unsettled = True

    def set_fair(self, int64_t fair_nanos, int64_t now_ns):
        self.known.fair_nanos = fair_nanos
        self.known.fair_ns = check_time(now_ns)
        self.unsettled = True

    def set_position(self, int64_t position_nanos, int64_t open_bids_nanos, int64_t open_asks_nanos):
        if min(open_bids_nanos, open_asks_nanos) < 0:
            raise ValueError(f"what is open cannot be negative: {open_bids_nanos}, {open_asks_nanos} nanos")
        self.known.position_nanos = position_nanos
        self.known.open_nanos[BIDS] = open_bids_nanos
        self.known.open_nanos[ASKS] = open_asks_nanos
        self.unsettled = True

    def settle(
        self,
        bint is_bid,
        int64_t price_nanos,
        int64_t size_nanos,
        *,
        uint64_t nonce=0,
        uint64_t label_number=0,
        int64_t filled_nanos=0,
        int64_t now_ns=0,
    ):
        cdef Live* live = &self.live[is_bid]
        if min(size_nanos, filled_nanos) < 0 or (size_nanos and price_nanos <= 0):
            raise ValueError(f"no such order: {size_nanos} at {price_nanos} nanos, {filled_nanos} filled")
        live[0] = Live(
            AT_REST, price_nanos if size_nanos else NO_PRICE, size_nanos, nonce, label_number, filled_nanos, NO_PRICE, 0
        )
        self.known.own_nanos[is_bid] = _nearest(live, is_bid)
        self.settled_ns[is_bid] = check_time(now_ns)
        if now_ns == 0:
            _take_own_out(self)
        self.unsettled = True

    def unsettle(self, bint is_bid):
        cdef Live* live = &self.live[is_bid]
        if live.flight != AT_REST:
            return
        live.flight = PULLING if live.price_nanos == NO_PRICE else MOVING
        live.sent_price_nanos = live.price_nanos
        live.sent_size_nanos = live.size_nanos
        self.unsettled = True

    def hold(self, bint is_bid, int64_t until_ns):
        self.held_until_ns[is_bid] = max(self.held_until_ns[is_bid], check_time(until_ns))

    def write_with(
        self,
        OrderWriter orders not None,
        int instrument,
        *,
        int life,
        int64_t max_fee_nanos,
        int64_t order_life_s,
        int64_t least_life_s,
        int64_t last_s,
    ):
        self.writer = SlotWriter(
            orders,
            instrument,
            self.limits.tick_nanos,
            life=life,
            max_fee_nanos=max_fee_nanos,
            order_life_s=order_life_s,
            least_life_s=least_life_s,
            last_s=last_s,
        )


cdef int64_t check_time(int64_t now_ns) except -1:
    if not 0 <= now_ns < INT64_MAX:
        raise ValueError(f"not a time: {now_ns} ns")
    return now_ns
