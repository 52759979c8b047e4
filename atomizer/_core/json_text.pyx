"""The parts of compact JSON that hot frames are made of, byte by byte: the way for numbers that are not plain."""

from atomizer._core.fixed cimport NANO_DECIMALS, TOO_PRECISE, parse_nanos_text

cdef enum:
    DOUBLE_DIGITS = 15          # that a double keeps, whatever they are
    LONGEST_EXPONENT = 2        # digits


cdef Parse read_quoted_nanos(Cursor* cursor, int64_t* nanos) noexcept nogil:
    cdef const char* start = cursor.at
    cdef const char* stop
    while cursor.at < cursor.end and cursor.at[0] != c'"':
        cursor.at += 1
    if cursor.at == cursor.end:
        return NOT_DECIMAL
    stop = cursor.at
    cursor.at += 1
    return parse_nanos_text(start, stop - start, nanos)


cdef Parse read_number_nanos(Cursor* cursor, int64_t* nanos) noexcept nogil:
    cdef uint64_t digits = 0
    cdef int exponent = 0
    cdef int decimals = 0
    cdef bint leading_zero = cursor.at[0] == c"0"
    cdef int count = take_digits(cursor, &digits, DOUBLE_DIGITS)
    cdef Parse status = PARSED
    if count == 0 or (leading_zero and count > 1):
        return NOT_DECIMAL
    if count <= DOUBLE_DIGITS and _is_at(cursor, c"."):
        cursor.at += 1
        decimals = take_digits(cursor, &digits, DOUBLE_DIGITS - count)
        if decimals == 0:
            return NOT_DECIMAL
    if count + decimals > DOUBLE_DIGITS:
        return TOO_PRECISE
    if _is_at(cursor, c"e") or _is_at(cursor, c"E"):
        cursor.at += 1
        status = _read_exponent(cursor, &exponent)
    return _scale(digits, NANO_DECIMALS - decimals + exponent, nanos) if status == PARSED else status


cdef inline bint _is_at(const Cursor* cursor, char character) noexcept nogil:
    return cursor.at < cursor.end and cursor.at[0] == character


cdef Parse _read_exponent(Cursor* cursor, int* exponent) noexcept nogil:
    cdef uint64_t magnitude = 0
    cdef bint is_negative = _is_at(cursor, c"-")
    cdef int count
    if is_negative or _is_at(cursor, c"+"):
        cursor.at += 1
    count = take_digits(cursor, &magnitude, LONGEST_EXPONENT)
    if count == 0:
        return NOT_DECIMAL
    exponent[0] = -<int>magnitude if is_negative else <int>magnitude
    return PARSED if count <= LONGEST_EXPONENT else TOO_LARGE


cdef Parse _scale(uint64_t digits, int power, int64_t* nanos) noexcept nogil:
    """digits x 10**power, exactly."""
    if digits == 0:
        power = 0
    while power < 0:
        if digits % 10:
            return TOO_PRECISE
        digits //= 10
        power += 1
    while power > 0:
        if digits > <uint64_t>INT64_MAX // 10:
            return TOO_LARGE
        digits *= 10
        power -= 1
    nanos[0] = <int64_t>digits
    return PARSED
