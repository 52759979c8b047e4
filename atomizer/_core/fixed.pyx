"""Decimal text to and from int64 nanos (10⁻⁹), and tick and lot rounding. Exact or an error, never through float."""

from cpython.bytes cimport PyBytes_AsStringAndSize
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport uint64_t

import re

cdef extern from "Python.h":
    str PyUnicode_FromStringAndSize(const char* text, Py_ssize_t length)

globals()["NANOS"] = NANOS
globals()["NO_PRICE"] = NO_PRICE

cdef enum:
    E18_DECIMALS = 18
    LONGEST_TEXT = 128      # an int256 in e18 has 78 digits; longer is not an amount
    NANOS_TEXT = 24         # sign, 10 digits, point, 9 digits, with room

# Written out, because a power of C integers is a double to Cython.
cdef object E18 = 1_000_000_000_000_000_000
cdef object PLAIN_DECIMAL = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?", re.ASCII)


cdef Parse _parse(const char* text, Py_ssize_t length, bint nearest, int64_t* nanos) noexcept nogil:
    cdef Py_ssize_t at = 0
    cdef bint negative = False
    cdef bint any_digit = False
    cdef bint in_fraction = False
    cdef bint too_large = False
    cdef bint above_half_tail = False       # a non-zero digit after the tenth decimal
    cdef int decimals = 0                   # taken into `magnitude`
    cdef int first_dropped = -1             # the tenth decimal
    cdef bint dropped_nonzero = False
    cdef uint64_t magnitude = 0
    cdef uint64_t limit = <uint64_t>INT64_MAX
    cdef unsigned int digit

    if at < length and text[at] == c"-":
        negative = True
        at += 1
    while at < length:
        digit = <unsigned int>(<unsigned char>text[at]) ^ 0x30      # '0'..'9' -> 0..9, anything else above
        if digit <= 9:
            any_digit = True
            if not in_fraction or decimals < NANO_DECIMALS:
                if magnitude > (limit - digit) // 10:
                    too_large = True
                else:
                    magnitude = magnitude * 10 + digit
                decimals += in_fraction
            else:
                if first_dropped < 0:
                    first_dropped = digit
                elif digit:
                    above_half_tail = True
                dropped_nonzero |= digit != 0
        elif text[at] == c"." and any_digit and not in_fraction:
            in_fraction = True
            any_digit = False               # a digit must follow the point
        else:
            return NOT_DECIMAL
        at += 1
    if not any_digit:
        return NOT_DECIMAL
    if too_large:
        return TOO_LARGE
    while decimals < NANO_DECIMALS:
        if magnitude > limit // 10:
            return TOO_LARGE
        magnitude *= 10
        decimals += 1
    if dropped_nonzero:
        if not nearest:
            return TOO_PRECISE
        if first_dropped > 5 or (first_dropped == 5 and (above_half_tail or magnitude & 1)):
            if magnitude == limit:
                return TOO_LARGE
            magnitude += 1
    nanos[0] = -<int64_t>magnitude if negative else <int64_t>magnitude
    return PARSED


cdef Parse parse_nanos_text(const char* text, Py_ssize_t length, int64_t* nanos) noexcept nogil:
    return _parse(text, length, False, nanos)


cdef Parse parse_nanos_text_nearest(const char* text, Py_ssize_t length, int64_t* nanos) noexcept nogil:
    return _parse(text, length, True, nanos)


cdef int64_t _parse_object(object text, bint nearest) except? -1:
    cdef const char* data
    cdef Py_ssize_t length
    cdef int64_t nanos = 0
    cdef Parse status
    if isinstance(text, str):
        data = PyUnicode_AsUTF8AndSize(text, &length)
    elif isinstance(text, bytes):
        PyBytes_AsStringAndSize(text, <char**>&data, &length)
    else:
        raise TypeError(f"decimal text must be str or bytes, not {type(text).__name__}")
    status = _parse(data, length, nearest, &nanos)
    if status == PARSED:
        return nanos
    if status == TOO_PRECISE:
        raise ValueError(f"more than nine decimals: {_shown(text)}")
    if status == TOO_LARGE:
        raise ValueError(f"beyond int64 nanos (about 9.22e9): {_shown(text)}")
    raise ValueError(f"not a plain decimal: {_shown(text)}")


cdef str _shown(object text):
    return repr(text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT]) + ("" if len(text) <= LONGEST_TEXT else "…")


def parse_nanos(text):
    return _parse_object(text, False)


def parse_nanos_nearest(text):
    return _parse_object(text, True)


def format_nanos(int64_t nanos):
    cdef char text[NANOS_TEXT]
    cdef int at = NANOS_TEXT
    cdef int decimals
    # The most negative int64 has no positive twin in int64, but has one in uint64.
    cdef uint64_t magnitude = <uint64_t>nanos if nanos >= 0 else <uint64_t>(-(nanos + 1)) + 1
    cdef uint64_t whole = magnitude // NANOS
    cdef uint64_t fraction = magnitude % NANOS
    if fraction:
        decimals = NANO_DECIMALS
        while fraction % 10 == 0:
            fraction //= 10
            decimals -= 1
        for _ in range(decimals):
            at -= 1
            text[at] = <char>(c"0" + fraction % 10)
            fraction //= 10
        at -= 1
        text[at] = c"."
    while True:
        at -= 1
        text[at] = <char>(c"0" + whole % 10)
        whole //= 10
        if whole == 0:
            break
    if nanos < 0:
        at -= 1
        text[at] = c"-"
    return PyUnicode_FromStringAndSize(text + at, NANOS_TEXT - at)


cdef int _check_step(int64_t step_nanos) except -1:
    if step_nanos <= 0:
        raise ValueError(f"a step must be above 0 nanos, not {step_nanos}")
    return 0


def floor_to(int64_t nanos, int64_t step_nanos):
    cdef int64_t result
    _check_step(step_nanos)
    result = floor_nanos(nanos, step_nanos)
    if result == NO_PRICE:
        raise OverflowError(f"no int64 multiple of {step_nanos} at or below {nanos}")
    return result


def ceil_to(int64_t nanos, int64_t step_nanos):
    cdef int64_t result
    _check_step(step_nanos)
    result = ceil_nanos(nanos, step_nanos)
    if result == NO_PRICE:
        raise OverflowError(f"no int64 multiple of {step_nanos} at or above {nanos}")
    return result


def is_multiple(int64_t nanos, int64_t step_nanos):
    _check_step(step_nanos)
    return nanos != NO_PRICE and nanos % step_nanos == 0


def parse_e18(text):
    if isinstance(text, bytes):
        text = text.decode("ascii", "replace")
    elif not isinstance(text, str):
        raise TypeError(f"decimal text must be str or bytes, not {type(text).__name__}")
    found = PLAIN_DECIMAL.fullmatch(text) if len(text) <= LONGEST_TEXT else None
    if found is None:
        raise ValueError(f"not a plain decimal: {_shown(text)}")
    sign, whole, fraction = found.groups()
    fraction = (fraction or "").rstrip("0")
    if len(fraction) > E18_DECIMALS:
        raise ValueError(f"more than eighteen decimals: {_shown(text)}")
    magnitude = int(whole + fraction.ljust(E18_DECIMALS, "0"))
    return -magnitude if sign else magnitude


def format_e18(e18):
    whole, fraction = divmod(abs(e18), E18)
    text = f"{whole}.{fraction:018d}".rstrip("0").rstrip(".")
    return f"-{text}" if e18 < 0 else text
