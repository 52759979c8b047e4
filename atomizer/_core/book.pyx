"""One instrument's L2 book: sorted arrays of (price, size) in int64 nanos, best first."""

cimport cython
from libc.string cimport memcpy, memmove

from atomizer._core.fixed cimport INT64_MAX, NO_PRICE
from atomizer._core.prefetch cimport LINE_SIZE, prefetch_memory

cdef extern from *:
    ctypedef unsigned long long uint128_t "unsigned __int128"

cdef enum:
    NEAR_LEVELS = 8         # most changes fall this near to the touch
    SHOWN_LEVELS = 20       # of a side, in the frames of a venue that sends whole books

globals()["NO_PRICE"] = NO_PRICE
globals()["CAPACITY"] = LEVELS


cdef inline bint _better(const Ladder* side, int64_t price_nanos, int64_t other_nanos) noexcept nogil:
    return price_nanos < other_nanos if side.rising else price_nanos > other_nanos


cdef inline int _position(const Ladder* side, int64_t price_nanos) noexcept nogil:
    """Index of the first level that is not better than the price."""
    # Prices are above 0: better asks are those below the price, better bids those not below the price plus one.
    cdef bint falling = not side.rising
    cdef uint64_t bound = <uint64_t>price_nanos + falling
    cdef int near = min(side.count, NEAR_LEVELS)
    cdef int low = 0
    cdef int high = side.count
    cdef int at, middle
    # Where a change falls is what no branch predictor can learn, so the near levels are counted instead of searched.
    for at in range(near):
        low += (<uint64_t>side.levels[at].price_nanos < bound) ^ falling
    if low < NEAR_LEVELS:
        return low
    while low < high:
        middle = (low + high) >> 1
        if (<uint64_t>side.levels[middle].price_nanos < bound) ^ falling:
            low = middle + 1
        else:
            high = middle
    return low


cdef bint _load(Ladder* side, const Level* levels, int count) noexcept nogil:
    """False when they are too many, out of order or not positive."""
    cdef bint bad = False
    cdef int at
    if count > LEVELS:
        return False
    # In order, the lowest price tells whether all are above 0.
    if count:
        bad = levels[0].size_nanos <= 0 or levels[0 if side.rising else count - 1].price_nanos <= 0
    if side.rising:
        for at in range(1, count):
            bad |= (levels[at - 1].price_nanos >= levels[at].price_nanos) | (levels[at].size_nanos <= 0)
    else:
        for at in range(1, count):
            bad |= (levels[at - 1].price_nanos <= levels[at].price_nanos) | (levels[at].size_nanos <= 0)
    side.count = count
    side.levels = &side.slots[LEVELS // 2]
    memcpy(side.levels, levels, count * sizeof(Level))
    return not bad


cdef void _recentre(Ladder* side) noexcept nogil:
    cdef Level* middle = &side.slots[(ROOM - side.count) // 2]
    memmove(middle, side.levels, side.count * sizeof(Level))
    side.levels = middle


cdef void _insert(Ladder* side, int at, int64_t price_nanos, int64_t size_nanos) noexcept nogil:
    """Open a slot at `at`, moving the shorter end outwards. The side is not full."""
    cdef bint at_front = 2 * at < side.count
    if (at_front and side.levels == &side.slots[0]) or (
        not at_front and side.levels + side.count == &side.slots[0] + ROOM
    ):
        _recentre(side)
    if at_front:
        side.levels -= 1
        memmove(side.levels, side.levels + 1, at * sizeof(Level))
    else:
        memmove(side.levels + at + 1, side.levels + at, (side.count - at) * sizeof(Level))
    side.levels[at].price_nanos = price_nanos
    side.levels[at].size_nanos = size_nanos
    side.count += 1


cdef void _remove(Ladder* side, int at) noexcept nogil:
    """Close the slot at `at`, moving the shorter end inwards."""
    side.count -= 1
    if 2 * at < side.count:
        memmove(side.levels + 1, side.levels, at * sizeof(Level))
        side.levels += 1
    else:
        memmove(side.levels + at, side.levels + at + 1, (side.count - at) * sizeof(Level))


cdef bint _set(Ladder* side, int64_t price_nanos, int64_t size_nanos) noexcept nogil:
    """False when the side is full."""
    cdef int at = _position(side, price_nanos)
    cdef bint known = at < side.count and side.levels[at].price_nanos == price_nanos
    if size_nanos == 0:
        if known:
            _remove(side, at)
    elif known:
        side.levels[at].size_nanos = size_nanos
    elif side.count == LEVELS:
        return False
    else:
        _insert(side, at, price_nanos, size_nanos)
    return True


cdef bint _set_own(Ladder* side, int64_t price_nanos, int64_t size_nanos) noexcept nogil:
    cdef int at = 0
    while at < side.own_count and side.own[at].price_nanos != price_nanos:
        at += 1
    if size_nanos == 0:
        if at < side.own_count:
            side.own_count -= 1
            side.own[at] = side.own[side.own_count]
        return True
    if at == OWN_LEVELS:
        return False
    side.own[at].price_nanos = price_nanos
    side.own[at].size_nanos = size_nanos
    side.own_count = max(side.own_count, at + 1)
    return True


cdef inline int64_t _others(const Ladder* side, int at) noexcept nogil:
    """Size of a level without ours; 0 when the venue has not shown ours yet or already took it off."""
    cdef int mine
    for mine in range(side.own_count):
        if side.own[mine].price_nanos == side.levels[at].price_nanos:
            return max(side.levels[at].size_nanos - side.own[mine].size_nanos, 0)
    return side.levels[at].size_nanos


cdef int _gather(object levels, Level* out) except -1:
    """How many were given; of too many only the first are kept."""
    cdef int count = 0
    for price_nanos, size_nanos in levels:
        if count < LEVELS:
            out[count].price_nanos = price_nanos
            out[count].size_nanos = size_nanos
        count += 1
    return count


cdef class Book:

    def __cinit__(self):
        # The allocator hands out zeroed memory, so every other field already says "nothing yet".
        self.sides[ASKS].rising = True
        self.dark = True
        _load(&self.sides[BIDS], self.sides[BIDS].slots, 0)
        _load(&self.sides[ASKS], self.sides[ASKS].slots, 0)

    cdef void go_dark(self) noexcept nogil:
        self.dark = True

    cdef void prefetch(self) noexcept nogil:
        cdef int is_bid
        prefetch_memory(&self.sequence, LINE_SIZE)
        for is_bid in range(2):
            prefetch_memory(&self.sides[is_bid], LINE_SIZE)
            prefetch_memory(&self.sides[is_bid].slots[LEVELS // 2], SHOWN_LEVELS * sizeof(Level))

    cdef bint replace(
        self, const Level* bids, int bid_count, const Level* asks, int ask_count,
        uint64_t sequence, int64_t venue_time_ns, int64_t received_ns,
    ) noexcept nogil:
        self.dark = True
        if not _load(&self.sides[BIDS], bids, bid_count) or not _load(&self.sides[ASKS], asks, ask_count):
            return False
        self.dark = False
        return self.finish_changes(sequence, venue_time_ns, received_ns)

    cdef bint set_level(self, bint is_bid, int64_t price_nanos, int64_t size_nanos) noexcept nogil:
        if self.dark:
            return False
        if price_nanos <= 0 or size_nanos < 0 or not _set(&self.sides[is_bid != 0], price_nanos, size_nanos):
            self.dark = True
            return False
        return True

    cdef bint finish_changes(self, uint64_t sequence, int64_t venue_time_ns, int64_t received_ns) noexcept nogil:
        if self.dark:
            return False
        self.sequence = sequence
        self.venue_time_ns = venue_time_ns
        self.received_ns = received_ns
        if self.sides[BIDS].count and self.sides[ASKS].count:
            self.dark = self.sides[BIDS].levels[0].price_nanos >= self.sides[ASKS].levels[0].price_nanos
        return not self.dark

    cdef bint set_own_level(self, bint is_bid, int64_t price_nanos, int64_t size_nanos) noexcept nogil:
        return _set_own(&self.sides[is_bid != 0], price_nanos, size_nanos)

    cdef int64_t touch_nanos(self, bint is_bid) noexcept nogil:
        cdef Ladder* ladder = &self.sides[is_bid != 0]
        cdef int at
        if self.dark or ladder.count == 0:
            return NO_PRICE
        if ladder.own_count == 0:
            return ladder.levels[0].price_nanos
        for at in range(ladder.count):
            if _others(ladder, at):
                return ladder.levels[at].price_nanos
        return NO_PRICE

    @cython.overflowcheck(False)    # 128-bit arithmetic, which the checker would narrow to 64
    cdef int64_t vwap_nanos(self, bint is_bid, int64_t size_nanos) noexcept nogil:
        cdef Ladder* ladder = &self.sides[is_bid != 0]
        cdef uint128_t paid = 0     # the sizes taken sum to one int64, so this stays below 2**126
        cdef int64_t missing = size_nanos
        cdef int64_t taken
        cdef int at
        if self.dark or size_nanos <= 0:
            return NO_PRICE
        for at in range(ladder.count):
            taken = min(missing, _others(ladder, at))
            paid += <uint128_t>taken * <uint128_t>ladder.levels[at].price_nanos
            missing -= taken
            if missing == 0:
                if ladder.rising:
                    paid += <uint128_t>(size_nanos - 1)     # a buyer's average rounds up, a seller's down
                return <int64_t>(paid // <uint128_t>size_nanos)
        return NO_PRICE

    cdef int64_t worst_nanos(self, bint is_bid, int64_t size_nanos) noexcept nogil:
        cdef Ladder* ladder = &self.sides[is_bid != 0]
        cdef int64_t missing = size_nanos
        cdef int at
        if self.dark or size_nanos <= 0:
            return NO_PRICE
        for at in range(ladder.count):
            missing -= min(missing, _others(ladder, at))
            if missing == 0:
                return ladder.levels[at].price_nanos
        return NO_PRICE

    cdef int64_t reference_nanos(self, bint is_bid, int64_t size_nanos) noexcept nogil:
        cdef Ladder* ladder = &self.sides[is_bid != 0]
        cdef int64_t size
        cdef int at
        if self.dark:
            return NO_PRICE
        for at in range(ladder.count):
            size = _others(ladder, at)
            if size and size >= size_nanos:
                return ladder.levels[at].price_nanos
        return NO_PRICE

    cdef int64_t depth_nanos(self, bint is_bid) noexcept nogil:
        cdef Ladder* ladder = &self.sides[is_bid != 0]
        cdef int64_t total = 0
        cdef int64_t size
        cdef int at
        if self.dark:
            return 0
        for at in range(ladder.count):
            size = _others(ladder, at)
            if size > INT64_MAX - total:
                return INT64_MAX
            total += size
        return total

    @property
    def bid_count(self):
        return self.sides[BIDS].count

    @property
    def ask_count(self):
        return self.sides[ASKS].count

    def apply_snapshot(self, bids, asks, uint64_t sequence, int64_t venue_time_ns, int64_t received_ns):
        cdef Level bid_levels[LEVELS]
        cdef Level ask_levels[LEVELS]
        cdef int bid_count, ask_count
        self.dark = True    # whatever the figures raise
        bid_count = _gather(bids, bid_levels)
        ask_count = _gather(asks, ask_levels)
        return self.replace(bid_levels, bid_count, ask_levels, ask_count, sequence, venue_time_ns, received_ns)

    def apply_change(self, bint is_bid, int64_t price_nanos, int64_t size_nanos):
        return self.set_level(is_bid, price_nanos, size_nanos)

    def finish_change(self, uint64_t sequence, int64_t venue_time_ns, int64_t received_ns):
        return self.finish_changes(sequence, venue_time_ns, received_ns)

    def darken(self):
        self.go_dark()

    def set_own(self, bint is_bid, int64_t price_nanos, int64_t size_nanos):
        if size_nanos < 0:
            raise ValueError(f"own size cannot be negative: {size_nanos}")
        if not self.set_own_level(is_bid, price_nanos, size_nanos):
            raise ValueError(f"own orders rest at {OWN_LEVELS} prices of one side already")

    def best_bid(self):
        return self.touch_nanos(True)

    def best_ask(self):
        return self.touch_nanos(False)

    def vwap(self, bint is_bid, int64_t size_nanos):
        return self.vwap_nanos(is_bid, size_nanos)

    def worst(self, bint is_bid, int64_t size_nanos):
        return self.worst_nanos(is_bid, size_nanos)

    def depth(self, bint is_bid):
        return self.depth_nanos(is_bid)

    def levels(self, bint is_bid):
        cdef Ladder* ladder = &self.sides[is_bid]
        cdef int at
        if self.dark:
            return []
        return [
            (ladder.levels[at].price_nanos, _others(ladder, at))
            for at in range(ladder.count)
            if _others(ladder, at)
        ]
