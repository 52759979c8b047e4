# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The numeric stages as the hot lane calls them: in a loop, without the GIL and without Python objects."""

from libc.math cimport erfc, exp, log, sqrt
from libc.stdint cimport int64_t

from atomizer._core.black76 cimport Valuation, implied, value_option
from atomizer._core.book cimport Book


def values(
    const unsigned char[::1] is_call, const double[::1] forward, const double[::1] strike, const double[::1] years,
    const double[::1] volatility,
):
    """Sum of the prices, so that nothing is optimised away."""
    cdef Valuation out
    cdef double total = 0.0
    cdef Py_ssize_t at
    with nogil:
        for at in range(is_call.shape[0]):
            value_option(is_call[at], forward[at], strike[at], years[at], volatility[at], &out)
            total += out.price
    return total


cdef void _textbook(
    bint is_call, double forward, double strike, double years, double volatility, Valuation* out
) noexcept nogil:
    cdef double total = volatility * sqrt(years)
    cdef double d1 = log(forward / strike) / total + total / 2
    cdef double sign = 1.0 if is_call else -1.0
    cdef double near = erfc(-sign * d1 * 0.7071067811865476) / 2
    cdef double density = 0.3989422804014327 * exp(-d1 * d1 / 2)
    out.price = sign * (forward * near - strike * erfc(-sign * (d1 - total) * 0.7071067811865476) / 2)
    out.delta = sign * near
    out.gamma = density / (forward * total)
    out.vega = forward * density * sqrt(years)
    out.theta = -forward * density * volatility / (2 * sqrt(years))


def textbook_values(
    const unsigned char[::1] is_call, const double[::1] forward, const double[::1] strike, const double[::1] years,
    const double[::1] volatility,
):
    """The peer in C: the same figures by the book's formulas and libm."""
    cdef Valuation out
    cdef double total = 0.0
    cdef Py_ssize_t at
    with nogil:
        for at in range(is_call.shape[0]):
            _textbook(is_call[at], forward[at], strike[at], years[at], volatility[at], &out)
            total += out.price
    return total


def volatilities(
    const unsigned char[::1] is_call, const double[::1] price, const double[::1] forward, const double[::1] strike,
    const double[::1] years, const double[::1] near,
):
    """Sum of the implied volatilities, each searched from `near` on (NaN: from nothing)."""
    cdef double one
    cdef double total = 0.0
    cdef Py_ssize_t at
    with nogil:
        for at in range(is_call.shape[0]):
            implied(is_call[at], price[at], forward[at], strike[at], years[at], near[at], &one)
            total += one
    return total


def changes(Book book, const int64_t[:, ::1] stream):
    """Apply each (is_bid, price, size) and read the touch of its side; the sum of the touches."""
    cdef int64_t total = 0
    cdef Py_ssize_t at
    with nogil:
        for at in range(stream.shape[0]):
            book.set_level(stream[at, 0] != 0, stream[at, 1], stream[at, 2])
            total += book.touch_nanos(stream[at, 0] != 0) & 0xFF
    return total
