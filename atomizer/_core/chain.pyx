"""What a smile says of a chain: its arbitrage, and what every option is worth when the forward moves."""

from libc.math cimport INFINITY, NAN, fabs, rint
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc

from atomizer._core.black76 cimport greeks_job, value_options
from atomizer._core.fixed cimport NANOS, NO_PRICE
from atomizer._core.smile cimport FARTHEST_K, Smile, check_length, durrleman, variance_at, volatility_of

cdef enum:
    ROWS = 5            # of black76

cdef double MOST_NANO_PRICE = 9.2e9     # USD; beyond it int64 nanos end


cdef int _check_grid(double first, double last, Py_ssize_t count) except -1:
    if not (-FARTHEST_K <= first < last <= FARTHEST_K and count >= 2):
        raise ValueError(f"a grid goes up within -20 to 20 by two points or more, not {first} to {last} by {count}")
    return 0


def butterfly(Smile smile not None, double first, double last, Py_ssize_t count):
    cdef double worst_k = NAN, worst = INFINITY, k, g
    cdef Py_ssize_t i
    _check_grid(first, last, count)
    for i in range(count):
        k = first + (last - first) * i / (count - 1)
        g = durrleman(&smile.svi, k)
        if g != g:
            return NAN, NAN
        if g < worst:
            worst_k = k
            worst = g
    return worst_k, worst


def calendar(Smile earlier not None, Smile later not None, double first, double last, Py_ssize_t count):
    cdef double worst_k = NAN, worst = INFINITY, k, rise
    cdef Py_ssize_t i
    _check_grid(first, last, count)
    if later.svi.years <= earlier.svi.years:
        raise ValueError(f"the later smile must expire later: {later.svi.years} years after {earlier.svi.years}")
    for i in range(count):
        k = first + (last - first) * i / (count - 1)
        rise = variance_at(&later.svi, k).value - variance_at(&earlier.svi, k).value
        if rise != rise:
            return NAN, NAN
        if rise < worst:
            worst_k = k
            worst = rise
    return worst_k, worst


cdef object _calls(object is_call):
    view = memoryview(is_call)
    if view.format != "?":
        raise ValueError(f"is_call must be of type '?', not {view.format!r}")
    return view.cast("B")


def reprice(Smile smile not None, is_call, const double[::1] strike, double forward, double years, double[:, ::1] out):
    cdef const unsigned char[::1] calls = _calls(is_call)
    cdef Py_ssize_t count = strike.shape[0], bad, i
    cdef greeks_job job
    cdef double* scratch
    check_length("is_call", calls.shape[0], count)
    check_length("out", out.shape[0], ROWS)
    check_length("each row of out", out.shape[1], count)
    if count == 0:
        return 0
    scratch = <double*>malloc(4 * count * sizeof(double))
    if scratch == NULL:
        raise MemoryError
    job = greeks_job(
        &calls[0], scratch, scratch + count, scratch + 2 * count, scratch + 3 * count, &out[0, 0], count
    )
    with nogil:
        for i in range(count):
            scratch[i] = forward
            scratch[count + i] = strike[i]      # a copy, so `out` may lie over it
            scratch[2 * count + i] = years
            scratch[3 * count + i] = volatility_of(&smile.svi, strike[i], forward)
        bad = value_options(&job)
    free(scratch)
    return bad


def nanos_of_prices(const double[::1] price, int64_t[::1] out):
    cdef Py_ssize_t bad = 0, i
    check_length("out", out.shape[0], price.shape[0])
    for i in range(price.shape[0]):
        if fabs(price[i]) < MOST_NANO_PRICE:
            out[i] = <int64_t>rint(price[i] * NANOS)
        else:
            out[i] = NO_PRICE
            bad += 1
    return bad
