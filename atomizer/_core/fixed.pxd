# fixed: decimal text <-> int64 nanos (10^-9), and tick and lot rounding. Exact or a status, never through a double.
# Nothing here allocates, keeps a pointer or reads past `length`; text needs no terminator.

from libc.stdint cimport int64_t

cdef extern from "<stdint.h>":
    const int64_t NO_PRICE "INT64_MIN"      # there is no such price; never a number to compute with
    const int64_t INT64_MAX

cdef enum:
    NANOS = 1_000_000_000
    NANO_DECIMALS = 9

cdef enum Parse:
    PARSED = 0
    NOT_DECIMAL = 1     # empty, or anything but -?digits(.digits)?: no blank, plus, exponent, NaN or bare point
    TOO_PRECISE = 2     # a decimal beyond the ninth that is not 0
    TOO_LARGE = 3       # magnitude above INT64_MAX nanos

# On anything but PARSED, `nanos` is left alone.
cdef Parse parse_nanos_text(const char* text, Py_ssize_t length, int64_t* nanos) noexcept nogil
# Further decimals are rounded half to even, so it never answers TOO_PRECISE. Marks and indices only.
cdef Parse parse_nanos_text_nearest(const char* text, Py_ssize_t length, int64_t* nanos) noexcept nogil


cdef inline int64_t floor_nanos(int64_t nanos, int64_t step_nanos) noexcept nogil:
    """Largest multiple of the step that is not above `nanos`; NO_PRICE when there is none, or no step."""
    cdef int64_t below
    if step_nanos <= 0 or nanos == NO_PRICE:
        return NO_PRICE
    below = nanos % step_nanos              # C remainder: has the sign of `nanos`
    if below < 0:
        below += step_nanos
    if nanos < -INT64_MAX + below:
        return NO_PRICE
    return nanos - below


cdef inline int64_t ceil_nanos(int64_t nanos, int64_t step_nanos) noexcept nogil:
    """Smallest multiple of the step that is not below `nanos`; NO_PRICE when there is none, or no step."""
    cdef int64_t opposite
    if nanos == NO_PRICE:
        return NO_PRICE
    opposite = floor_nanos(-nanos, step_nanos)
    return NO_PRICE if opposite == NO_PRICE else -opposite
