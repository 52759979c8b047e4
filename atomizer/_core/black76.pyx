"""Black-76: price, Greeks and implied volatility of a European option on a forward.

Notation below: x = ln(F/K), s = v·√T, h = x/s, t = s/2, so that d1 = h + t and d2 = h − t. φ and N are the normal
density and distribution, Y(z) = N(z)/φ(z). Prices are worked on the out-of-the-money side, where nothing cancels: the
in-the-money price is the same time value on top of intrinsic.
"""

from typing import NamedTuple

from libc.math cimport NAN, erfc, exp, fabs, fma, isfinite, log, log1p, sqrt

globals()["OK"] = <int>OK
globals()["BAD_INPUT"] = <int>BAD_INPUT
globals()["NO_VOLATILITY"] = <int>NO_VOLATILITY

cdef double SQRT_HALF = 0.70710678118654752440
cdef double INVERSE_SQRT_2PI = 0.39894228040143267794
cdef double LOG_SQRT_2PI = 0.91893853320467274178
cdef double SQRT_HALF_PI = 1.25331413731550025121
cdef double INVERSE_SQRT_PI = 0.56418958354775628695

# Above this erfcx is its asymptotic series; eight terms leave less than 1e-17.
cdef double ERFCX_SERIES = 20.0
# Below this half total volatility Y(h+t) − Y(h−t) is summed as a Taylor series, for the difference would cancel.
cdef double TAYLOR_HALF = 0.3
cdef enum:
    TAYLOR_ORDER = 17
    LONGEST_SEARCH = 100    # bisection alone needs no more
cdef double LARGEST_TOTAL = 80.0        # v·√T beyond which no double price tells volatilities apart
cdef double CONVERGED = 4e-16

Greeks = NamedTuple(
    "Greeks",
    [("status", int), ("price", float), ("delta", float), ("gamma", float), ("vega", float), ("theta", float)],
)
Greeks.__module__ = __name__


cdef inline bint _positive(double value) noexcept nogil:
    return value > 0.0 and isfinite(value)


cdef inline double _log_ratio(double forward, double strike) noexcept nogil:
    """ln(F/K) with a small relative error also next to the money, where the quotient alone would lose it."""
    cdef double ratio = forward / strike
    if 0.5 < ratio < 2.0:
        return log1p((forward - strike) / strike)      # the difference is exact here
    return log(forward) - log(strike)


cdef inline double _normal(double z) noexcept nogil:
    return 0.5 * erfc(-SQRT_HALF * z)


cdef Status value_option(
    bint is_call, double forward, double strike, double years, double volatility, Valuation* out
) noexcept nogil:
    cdef double root, total, x, d1, d2, density, beyond, tail_forward, tail_strike
    cdef bint call_is_out
    out.price = out.delta = out.gamma = out.vega = out.theta = NAN
    if not (_positive(forward) and _positive(strike) and _positive(years) and _positive(volatility)):
        return BAD_INPUT
    root = sqrt(years)
    total = volatility * root
    if not _positive(total):
        return BAD_INPUT
    x = _log_ratio(forward, strike)
    d1 = x / total + 0.5 * total
    d2 = x / total - 0.5 * total
    call_is_out = x <= 0.0
    beyond = _normal(-fabs(d1))
    tail_forward = beyond if (d1 > 0.0) != call_is_out else 1.0 - beyond
    tail_strike = _normal(d2 if call_is_out else -d2)
    density = INVERSE_SQRT_2PI * exp(-0.5 * d1 * d1)
    if call_is_out:
        out.price = max(forward * tail_forward - strike * tail_strike, 0.0)
    else:
        out.price = max(strike * tail_strike - forward * tail_forward, 0.0)
    if is_call != call_is_out:
        out.price += fabs(forward - strike)
    # The smaller of N(d1) and N(−d1) is the one worked out, so that a vanishing delta keeps its digits.
    out.delta = (beyond if (d1 > 0.0) != is_call else 1.0 - beyond) * (1.0 if is_call else -1.0)
    out.gamma = density / (forward * total)
    out.vega = forward * density * root
    out.theta = -0.5 * forward * density * volatility / root
    if isfinite(out.price) and isfinite(out.gamma) and isfinite(out.vega) and isfinite(out.theta):
        return OK
    out.price = out.delta = out.gamma = out.vega = out.theta = NAN
    return BAD_INPUT


cdef double _erfcx(double z) noexcept nogil:
    """exp(z²)·erfc(z)."""
    cdef double square = z * z
    cdef double r, total
    cdef int k
    if z < ERFCX_SERIES:
        return exp(square) * erfc(z) * (1.0 + fma(z, z, -square))     # the rounding of z² put back
    r = 0.5 / square
    total = 1.0
    for k in range(15, 0, -2):
        total = 1.0 - k * r * total
    return total * INVERSE_SQRT_PI / z


cdef inline double _mills(double z) noexcept nogil:
    """Y(z) = N(z)/φ(z)."""
    return SQRT_HALF_PI * _erfcx(-SQRT_HALF * z)


cdef double _mills_difference(double h, double t) noexcept nogil:
    """Y(h+t) − Y(h−t)."""
    cdef double earlier, now, later, power, total
    cdef int order
    if t >= TAYLOR_HALF:
        return _mills(h + t) - _mills(h - t)
    # Y' = 1 + hY, then Y⁽ⁿ⁺¹⁾ = nY⁽ⁿ⁻¹⁾ + hY⁽ⁿ⁾; only odd orders remain in the difference.
    earlier = _mills(h)
    now = 1.0 + h * earlier
    power = t
    total = power * now
    for order in range(1, TAYLOR_ORDER):
        later = order * earlier + h * now
        earlier = now
        now = later
        power *= t / (order + 1)
        if order % 2 == 0:
            total += power * now
    return 2.0 * total


cdef double _lowest_total(double x, double value) noexcept nogil:
    """A v·√T that is not above the answer, from value ≤ s/√(2π) and, left of s = √(2|x|), value ≤ e^(−h²/2)/2."""
    cdef double left = sqrt(-2.0 * x)
    if value < 0.5:
        left = min(left, -x / sqrt(-2.0 * log(2.0 * value)))
    return 0.999 * max(left, value / INVERSE_SQRT_2PI)


cdef Status implied(
    bint is_call, double price, double forward, double strike, double years, double* volatility
) noexcept nogil:
    cdef double difference, lost, intrinsic_gap, room, scale
    cdef double x, target, total, low, high, h, t, ratio, miss, step, curve
    cdef bint by_room
    volatility[0] = NAN
    if not (_positive(forward) and _positive(strike) and _positive(years) and isfinite(price)):
        return BAD_INPUT
    # Time value = price − intrinsic and room = bound − price, with the rounding of F − K put back.
    intrinsic_gap = price
    if (forward > strike) == is_call:
        difference = max(forward, strike) - min(forward, strike)
        lost = (max(forward, strike) - difference) - min(forward, strike)
        intrinsic_gap = (price - difference) - lost
    room = (forward if is_call else strike) - price
    if not (intrinsic_gap > 0.0 and room > 0.0):
        return NO_VOLATILITY
    x = -fabs(_log_ratio(forward, strike))
    scale = sqrt(forward) * sqrt(strike)
    by_room = room < intrinsic_gap
    target = log((room if by_room else intrinsic_gap) / scale) + LOG_SQRT_2PI
    low = _lowest_total(x, intrinsic_gap / scale)
    high = LARGEST_TOTAL
    total = max(low, min(sqrt(-2.0 * x), 1.0))
    for _ in range(LONGEST_SEARCH):
        h = x / total
        t = 0.5 * total
        # Both time value and room are φ(h)·e^(−t²/2) times `ratio`, and their slope in `total` is ± the same factor.
        ratio = _mills(-h - t) + _mills(h - t) if by_room else _mills_difference(h, t)
        if not ratio > 0.0:     # cancelled to nothing: the search is far below the answer
            low = total
            total = sqrt(low * high)
            continue
        miss = log(ratio) - 0.5 * (h * h + t * t) - target
        if by_room:
            miss = -miss
        if miss < 0.0:
            low = total
        else:
            high = total
        step = -miss * ratio
        curve = h * h / total - 0.25 * total + (1.0 / ratio if by_room else -1.0 / ratio)
        step /= max(1.0 + 0.5 * step * curve, 0.5)
        if fabs(step) <= CONVERGED * total:
            break
        if low < total + step < high:
            total += step
        else:
            total = sqrt(low * high)
    volatility[0] = total / sqrt(years)
    return OK


def greeks(bint is_call, double forward, double strike, double years, double volatility, double discount=1.0):
    cdef Valuation out
    if value_option(is_call, forward, strike, years, volatility, &out) != OK or not _positive(discount):
        return Greeks(BAD_INPUT, NAN, NAN, NAN, NAN, NAN)
    return Greeks(
        OK, out.price * discount, out.delta * discount, out.gamma * discount, out.vega * discount, out.theta * discount
    )


def greeks_batch(is_call, forward, strike, years, volatility, out):
    # A bool array has no typed view in C; its bytes are the same 0 and 1.
    cdef const unsigned char[::1] calls = is_call.view("u1")
    cdef const double[::1] forwards = forward
    cdef const double[::1] strikes = strike
    cdef const double[::1] times = years
    cdef const double[::1] volatilities = volatility
    cdef double[:, ::1] rows = out
    cdef Py_ssize_t count = calls.shape[0]
    cdef Py_ssize_t at
    cdef Py_ssize_t bad = 0
    cdef Valuation one
    if not (forwards.shape[0] == strikes.shape[0] == times.shape[0] == volatilities.shape[0] == count):
        raise ValueError("every input array must have the length of is_call")
    if rows.shape[0] != 5 or rows.shape[1] != count:
        raise ValueError(f"out must be 5 x {count}, not {rows.shape[0]} x {rows.shape[1]}")
    with nogil:
        for at in range(count):
            bad += value_option(calls[at], forwards[at], strikes[at], times[at], volatilities[at], &one) != OK
            rows[0, at] = one.price
            rows[1, at] = one.delta
            rows[2, at] = one.gamma
            rows[3, at] = one.vega
            rows[4, at] = one.theta
    return bad


def implied_volatility(bint is_call, double price, double forward, double strike, double years):
    cdef double volatility
    implied(is_call, price, forward, strike, years, &volatility)
    return volatility
