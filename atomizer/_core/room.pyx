"""Room for quotes: a ledger of what the sides that were served could lead to, and what it leaves for the next one.

128 bits hold every sum: amount x price and amount x Greek of one line stay within 10^34 (of 10^-18), and there are at
most 2^11 lines of two sides each. What is left of a Greek is carried as fine: 2^12 x 10^34 is less than 2^125.
"""

cimport cython
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.string cimport memset

from atomizer._core.fixed cimport INT64_MAX, NANOS

cdef extern from *:
    ctypedef long long int128_t "__int128"

cdef enum:
    ASK = 0
    BID = 1

REASONS = (
    "OK",
    "NO_GREEKS",
    "MAX_POSITION",
    "MAX_NOTIONAL",
    "MAX_EXPOSURE",
    "MAX_OPEN_NOTIONAL",
    "MAX_OPEN_ORDERS",
    "MAX_DAILY_LOSS",
    "MAX_DRAWDOWN",
    "MAX_DELTA",
    "MAX_GAMMA",
    "MAX_VEGA",
)
cdef tuple NOTHING = (0, 0, 0)
cdef tuple LOSSES = ("OK", "MAX_DAILY_LOSS", "MAX_DRAWDOWN")
cdef int64_t MOST_ROOT = 10**17     # of 10^34, which is ten quadrillion USD, or coins

# How far the net Greeks of one underlying are pushed down and up by all that was served and pushes that way.
cdef struct Net:
    bint is_known
    int128_t low[GREEKS]
    int128_t high[GREEKS]

# One line while room is shared.
cdef struct Entry:
    const Facts* facts
    Net* net
    int64_t served_nanos[2]     # what the side lives on or may grow to
    bint is_pulled[2]
    int64_t size_nanos[2]       # the answer
    Cut cut[2]

# What the sides that were served so far could lead to.
cdef struct Ledger:
    const Limits* limits
    Cut lost
    int128_t exposure_nanos
    int128_t notional_e18
    int64_t orders

cdef struct Room:
    int128_t nanos              # below 0: already beyond
    Cut cut


@cython.overflowcheck(False)    # 128-bit arithmetic, which the checker would narrow to 64
cdef inline int128_t _floor(int128_t value, int128_t divisor) noexcept nogil:
    """Rounded down; the divisor is above 0."""
    cdef int128_t whole = value // divisor
    if value % divisor < 0:
        whole -= 1
    return whole


@cython.overflowcheck(False)
cdef inline int128_t _magnitude(int64_t value) noexcept nogil:
    return <int128_t>value if value > 0 else -<int128_t>value


@cython.overflowcheck(False)
cdef inline int128_t _scaled_down(int64_t amount_nanos, int64_t unit_nanos) noexcept nogil:
    return _floor(<int128_t>amount_nanos * unit_nanos, NANOS)


@cython.overflowcheck(False)
cdef inline int128_t _scaled_up(int64_t amount_nanos, int64_t unit_nanos) noexcept nogil:
    return -_floor(-(<int128_t>amount_nanos * unit_nanos), NANOS)


@cython.overflowcheck(False)
cdef inline int128_t _worst(const Entry* entry, bint is_bid, int64_t size_nanos) noexcept nogil:
    """The farthest from zero that the position gets when this side shows so much and the other what it was served."""
    cdef int128_t position = entry.facts.position_nanos
    cdef int128_t held = position if is_bid else -position
    cdef int128_t one = held + size_nanos
    cdef int128_t other = held - entry.served_nanos[not is_bid]
    return max(one if one > 0 else -one, other if other > 0 else -other)


@cython.overflowcheck(False)
cdef int128_t _exposure_room(const Ledger* ledger, const Entry* entry, bint is_bid, int128_t home) noexcept nogil:
    """Below 0 when already what the others and the other side lead to is too much."""
    cdef int128_t left = -ledger.exposure_nanos
    left += ledger.limits.max_exposure_nanos
    left += _worst(entry, is_bid, entry.served_nanos[is_bid])
    if _worst(entry, is_bid, 0) > left:
        return -1
    return left + home


@cython.overflowcheck(False)
cdef inline int128_t _greek_room(const Ledger* ledger, const Entry* entry, bint is_bid, int at) noexcept nogil:
    """The largest size with which the side stays inside, with what it was served; its unit pushes, so it is not 0."""
    cdef int64_t unit = entry.facts.greeks_nanos[at], served = entry.served_nanos[is_bid]
    cdef int128_t left = ledger.limits.max_greeks_nanos[at]
    if (unit < 0) == is_bid:
        left += entry.net.low[at] - _scaled_down(served, unit if is_bid else -unit)
    else:
        left += _scaled_up(served, unit if is_bid else -unit) - entry.net.high[at]
    return _floor(left * NANOS, _magnitude(unit))


cdef inline void _bind(Room* room, int128_t nanos, Cut cut) noexcept nogil:
    if nanos < room.nanos:
        room.nanos = nanos
        room.cut = cut


@cython.overflowcheck(False)
cdef Room _room(const Ledger* ledger, const Entry* entry, bint is_bid) noexcept nogil:
    """How much the side could show in all, and the first of the limits that say so."""
    cdef const Facts* facts = entry.facts
    cdef const Limits* limits = ledger.limits
    cdef int64_t price = facts.price_nanos[is_bid], served = entry.served_nanos[is_bid]
    cdef int128_t position = facts.position_nanos, zero = 0, left_e18
    cdef int128_t home = -position if is_bid else position  # above 0: so much only makes the position smaller
    cdef Room room
    cdef int at
    if not facts.has_greeks or not entry.net.is_known:
        return Room(0, NO_GREEKS)
    room = Room(home + limits.max_position_nanos, MAX_POSITION)
    _bind(&room, <int128_t>limits.max_order_notional_nanos * NANOS // price, MAX_NOTIONAL)
    _bind(&room, max(_exposure_room(ledger, entry, is_bid, home), home), MAX_EXPOSURE)
    left_e18 = <int128_t>limits.max_open_notional_nanos * NANOS - ledger.notional_e18 + <int128_t>served * price
    _bind(&room, max(_floor(left_e18, price), home), MAX_OPEN_NOTIONAL)
    if ledger.orders - (served != 0) >= limits.max_open_orders:
        _bind(&room, max(home, zero), MAX_OPEN_ORDERS)
    if ledger.lost != UNCUT:
        _bind(&room, max(home, zero), ledger.lost)
    for at in range(GREEKS):
        if facts.greeks_nanos[at]:
            _bind(&room, _greek_room(ledger, entry, is_bid, at), <Cut>(<int>MAX_DELTA + at))
    return room


@cython.overflowcheck(False)
cdef void _hold(Ledger* ledger, const Entry* entry) noexcept nogil:
    """What is held of the line."""
    cdef int64_t held = entry.facts.position_nanos
    cdef int at
    ledger.exposure_nanos += _magnitude(held)
    if not entry.facts.has_greeks:
        entry.net.is_known = entry.net.is_known and held == 0
        return
    for at in range(GREEKS):
        entry.net.low[at] += _scaled_down(held, entry.facts.greeks_nanos[at])
        entry.net.high[at] += _scaled_up(held, entry.facts.greeks_nanos[at])


@cython.overflowcheck(False)
cdef void _serve(Ledger* ledger, Entry* entry, bint is_bid, int64_t size_nanos) noexcept nogil:
    """The side shows so much from now on, in place of what it was served before."""
    cdef int64_t before = entry.served_nanos[is_bid], unit
    cdef int at
    if size_nanos == before:
        return
    ledger.exposure_nanos += _worst(entry, is_bid, size_nanos) - _worst(entry, is_bid, before)
    ledger.orders += (size_nanos != 0) - (before != 0)
    ledger.notional_e18 += (<int128_t>size_nanos - before) * entry.facts.price_nanos[is_bid]
    entry.served_nanos[is_bid] = size_nanos
    for at in range(GREEKS):
        unit = entry.facts.greeks_nanos[at] if is_bid else -entry.facts.greeks_nanos[at]
        if unit < 0:
            entry.net.low[at] += _scaled_down(size_nanos, unit) - _scaled_down(before, unit)
        elif unit > 0:
            entry.net.high[at] += _scaled_up(size_nanos, unit) - _scaled_up(before, unit)


cdef inline int64_t _whole_lots(const Facts* facts, int64_t size_nanos) noexcept nogil:
    """The largest amount up to this that the venue takes as an order; 0 when it takes none."""
    size_nanos = min(size_nanos, facts.max_amount_nanos)
    size_nanos -= size_nanos % facts.lot_nanos
    return size_nanos if size_nanos >= facts.min_amount_nanos else 0


cdef void _keep(Ledger* ledger, Entry* entry, bint is_bid) noexcept nogil:
    """What lives on a side is served first; also what is pulled lives until the venue says that it is gone."""
    cdef int64_t living = entry.facts.living_nanos[is_bid], wanted = entry.facts.wanted_nanos[is_bid]
    cdef Room room
    if living == 0:
        return
    room = _room(ledger, entry, is_bid)
    if wanted == 0 or living > room.nanos:
        entry.is_pulled[is_bid] = True
        entry.cut[is_bid] = room.cut if wanted else UNCUT
    _serve(ledger, entry, is_bid, living)


cdef void _grow(Ledger* ledger, Entry* entry, bint is_bid) noexcept nogil:
    """As much as is wanted and there is room for, and never less than what lives there and is wanted."""
    cdef int64_t living = entry.facts.living_nanos[is_bid], wanted = entry.facts.wanted_nanos[is_bid], size
    cdef Room room
    if entry.is_pulled[is_bid]:
        return
    room = _room(ledger, entry, is_bid)
    size = wanted
    if room.nanos < wanted and living < wanted:
        size = living if room.nanos < living else <int64_t>room.nanos
    if wanted >= entry.facts.min_amount_nanos:      # one that no venue takes is for the gate to name
        size = _whole_lots(entry.facts, size)
    _serve(ledger, entry, is_bid, max(size, living))
    entry.size_nanos[is_bid] = size
    entry.cut[is_bid] = UNCUT if size >= wanted else room.cut


cdef void _share(Ledger* ledger, Entry* entries, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t at
    for at in range(count):
        _hold(ledger, &entries[at])
    for at in range(count):
        _keep(ledger, &entries[at], BID)
        _keep(ledger, &entries[at], ASK)
    for at in range(count):
        _grow(ledger, &entries[at], BID)
        _grow(ledger, &entries[at], ASK)


cdef int64_t _checked(str name, value, int64_t least) except? -1:
    cdef int64_t found
    try:
        found = value
    except OverflowError:
        raise OverflowError(f"{name} does not fit 64 bits: {value}") from None
    if found < least:
        raise ValueError(f"{name} must be at least {least}, not {found}")
    return found


cdef int _set_pair(int64_t* pair, str name, tuple values, int64_t least) except -1:
    """From (bid, ask)."""
    if len(values) != 2:
        raise ValueError(f"{name} is a pair of bid and ask, not {values}")
    pair[BID] = _checked(name, values[0], least)
    pair[ASK] = _checked(name, values[1], least)
    return 0


cdef bint _set_greeks(int64_t* found, tuple greeks) except -1:
    """False, and all 0, when one is not known: also when it is so large that it can be none."""
    cdef int at
    memset(found, 0, GREEKS * sizeof(int64_t))
    if greeks is None:
        return False
    if len(greeks) != GREEKS:
        raise ValueError(f"greeks_nanos are delta, gamma and vega, not {greeks}")
    try:
        for at in range(GREEKS):
            found[at] = _checked("greeks_nanos", greeks[at], -INT64_MAX)
    except (OverflowError, ValueError):
        memset(found, 0, GREEKS * sizeof(int64_t))
        return False
    return True


@cython.overflowcheck(False)
cdef int _check_products(const Facts* facts) except -1:
    """No amount times a price or Greek may be more than the sums can take."""
    cdef int128_t amount = _magnitude(facts.position_nanos), unit = 0
    cdef int at
    for at in range(2):
        amount = max(amount, <int128_t>facts.living_nanos[at], <int128_t>facts.wanted_nanos[at])
        unit = max(unit, <int128_t>facts.price_nanos[at])
    for at in range(GREEKS):
        unit = max(unit, _magnitude(facts.greeks_nanos[at]))
    if amount * unit > <int128_t>MOST_ROOT * MOST_ROOT:
        raise OverflowError(
            f"an amount of {<int64_t>amount} nanos at a price or Greek of {<int64_t>unit} nanos a unit is too much: "
            "no sum of such fits"
        )
    return 0


@cython.final
cdef class RoomLimits:

    def __cinit__(
        self,
        *,
        max_position_nanos,
        max_exposure_nanos,
        max_delta_nanos,
        max_gamma_nanos,
        max_vega_nanos,
        max_order_notional_nanos,
        max_open_notional_nanos,
        max_open_orders,
    ):
        cdef Limits* limits = &self.limits
        limits.max_position_nanos = _checked("max_position_nanos", max_position_nanos, 1)
        limits.max_exposure_nanos = _checked("max_exposure_nanos", max_exposure_nanos, 1)
        limits.max_greeks_nanos[0] = _checked("max_delta_nanos", max_delta_nanos, 1)
        limits.max_greeks_nanos[1] = _checked("max_gamma_nanos", max_gamma_nanos, 1)
        limits.max_greeks_nanos[2] = _checked("max_vega_nanos", max_vega_nanos, 1)
        limits.max_order_notional_nanos = _checked("max_order_notional_nanos", max_order_notional_nanos, 1)
        limits.max_open_notional_nanos = _checked("max_open_notional_nanos", max_open_notional_nanos, 1)
        limits.max_open_orders = _checked("max_open_orders", max_open_orders, 1)


@cython.final
cdef class Line:

    def __cinit__(
        self,
        *,
        str underlying not None,
        tuple greeks_nanos,
        position_nanos,
        lot_nanos,
        min_amount_nanos,
        max_amount_nanos,
        tuple price_nanos not None,
        tuple living_nanos not None,
        tuple wanted_nanos not None,
    ):
        cdef Facts* facts = &self.facts
        self.underlying = underlying
        facts.has_greeks = _set_greeks(facts.greeks_nanos, greeks_nanos)
        facts.position_nanos = _checked("position_nanos", position_nanos, -INT64_MAX)
        facts.lot_nanos = _checked("lot_nanos", lot_nanos, 1)
        facts.min_amount_nanos = _checked("min_amount_nanos", min_amount_nanos, 0)
        facts.max_amount_nanos = _checked("max_amount_nanos", max_amount_nanos, 0)
        _set_pair(facts.price_nanos, "price_nanos", price_nanos, 1)
        _set_pair(facts.living_nanos, "living_nanos", living_nanos, 0)
        _set_pair(facts.wanted_nanos, "wanted_nanos", wanted_nanos, 0)
        _check_products(facts)


cdef dict _number_underlyings(tuple lines):
    cdef dict numbers = {}
    cdef Line line
    for line in lines:
        numbers.setdefault(line.underlying, len(numbers))
    return numbers


cdef int _set_nets(Net* nets, dict numbers, dict greeks) except -1:
    """What is held beside the lines."""
    cdef int64_t held[GREEKS]
    cdef int at
    cdef Net* net
    for underlying, number in numbers.items():
        net = &nets[<Py_ssize_t>number]
        net.is_known = _set_greeks(held, greeks.get(underlying, NOTHING))
        for at in range(GREEKS):
            net.low[at] = net.high[at] = held[at]
    return 0


cdef list _answer(const Entry* entries, Py_ssize_t count):
    cdef Py_ssize_t at
    return [
        (
            (entries[at].size_nanos[BID], REASONS[<int>entries[at].cut[BID]]),
            (entries[at].size_nanos[ASK], REASONS[<int>entries[at].cut[ASK]]),
        )
        for at in range(count)
    ]


def share_room(lines, RoomLimits limits not None, *, exposure_nanos=0, dict greeks_nanos not None, str lost="OK"):
    cdef tuple kept = tuple(lines)      # they own the facts that are pointed to below
    cdef dict numbers = _number_underlyings(kept)
    cdef Py_ssize_t count = len(kept), at
    cdef Entry* entries = NULL
    cdef Net* nets = NULL
    cdef Ledger ledger
    cdef Line line
    if count > MOST_LINES:
        raise ValueError(f"room is shared among at most {MOST_LINES} lines, not {count}")
    if lost not in LOSSES:
        raise ValueError(f"lost must be one of {', '.join(LOSSES)}, not {lost}")
    ledger = Ledger(&limits.limits, <Cut><int>REASONS.index(lost), 0, 0, 0)
    ledger.exposure_nanos = _checked("exposure_nanos", exposure_nanos, 0)
    try:
        entries = <Entry*>PyMem_Calloc(max(count, 1), sizeof(Entry))
        nets = <Net*>PyMem_Calloc(max(count, 1), sizeof(Net))
        if entries == NULL or nets == NULL:
            raise MemoryError
        _set_nets(nets, numbers, greeks_nanos)
        for at in range(count):
            line = kept[at]
            entries[at].facts = &line.facts
            entries[at].net = &nets[<Py_ssize_t>numbers[line.underlying]]
        _share(&ledger, entries, count)
        return _answer(entries, count)
    finally:
        PyMem_Free(entries)
        PyMem_Free(nets)
