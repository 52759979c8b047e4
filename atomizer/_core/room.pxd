# room: how much each side of each instrument may show, so that no limit is passed even if every order of ours fills.
# Pure: lines and limits in, sizes out; no state, no clock, no order.
# Prices, amounts and Greeks of one unit in int64 nanos; products of two of them in 10^-18, in 128 bits, rounded so that
# nothing is hidden. What cannot be meant or could grow beyond that is refused when it comes in: nothing wraps.
# Pairs are indexed by `is_bid`.

from libc.stdint cimport int64_t

cdef enum Cut:                  # why a side may show less than is wanted; named in REASONS
    UNCUT = 0
    NO_GREEKS                   # of the instrument, or of something held of its underlying
    MAX_POSITION
    MAX_NOTIONAL
    MAX_EXPOSURE
    MAX_OPEN_NOTIONAL
    MAX_OPEN_ORDERS
    MAX_DAILY_LOSS
    MAX_DRAWDOWN
    MAX_DELTA                   # these three in the order of `greeks`
    MAX_GAMMA
    MAX_VEGA

cdef enum:
    GREEKS = 3                  # delta, gamma and vega
    MOST_LINES = 2_048          # as many as the lane has slots

# A limit binds at its value. All above 0.
cdef struct Limits:
    int64_t max_position_nanos          # per instrument, either way
    int64_t max_exposure_nanos          # of all instruments together: their worsts added up
    int64_t max_greeks_nanos[GREEKS]    # per underlying, net, either way
    int64_t max_order_notional_nanos    # USD: price x amount, as the one below
    int64_t max_open_notional_nanos
    int64_t max_open_orders

# One instrument: what is held, what lives at the venue on each side, and what we would like to show there.
cdef struct Facts:
    bint has_greeks
    int64_t greeks_nanos[GREEKS]        # of one unit; 0 when one of them is not known
    int64_t position_nanos              # signed
    int64_t lot_nanos                   # above 0
    int64_t min_amount_nanos
    int64_t max_amount_nanos
    int64_t price_nanos[2]              # USD: the highest that the side's orders are thought to trade at; above 0
    int64_t living_nanos[2]
    int64_t wanted_nanos[2]

cdef class RoomLimits:
    cdef Limits limits                  # checked at construction, never written again

cdef class Line:
    cdef readonly str underlying
    cdef Facts facts                    # checked at construction, never written again
