# json_text: the parts of compact JSON that hot frames are made of: whole numbers, decimals, words.
# A reader leaves the cursor behind what it read; on anything but PARSED (or False) nobody may go on.
# Nothing here allocates or reads outside of the frame.

from libc.stdint cimport INT64_MAX, int64_t, uint64_t
from libc.string cimport memcpy, memset

from atomizer._core.fixed cimport NOT_DECIMAL, PARSED, TOO_LARGE, Parse

cdef extern from "json_text.h" nogil:
    enum:
        ROOM
        BEFORE
        RUN_OF_WORD
    unsigned int read_digits(const char* text, uint64_t* value)
    unsigned int run_of_word(const char* text)

cdef enum:
    LONGEST_WHOLE = 19          # digits; 2**63 - 1 has as many

# ROOM bytes can be read from `at` on after `look`: near the frame's end, the last of it goes on in `tail`, where zeros
# follow, which no reader takes for anything. So no step between two looks asks where the end is.
cdef struct Cursor:
    const char* at
    const char* end
    const char* turn            # the last place that ROOM bytes follow
    char tail[BEFORE + 2 * ROOM]


cdef inline void open_cursor(Cursor* cursor, const char* at, const char* end) noexcept nogil:
    """On a frame of ROOM bytes or more."""
    cursor.at = at
    cursor.end = end
    cursor.turn = end - ROOM


cdef inline void look(Cursor* cursor) noexcept nogil:
    cdef Py_ssize_t left
    if cursor.at <= cursor.turn:
        return
    left = cursor.end - cursor.at
    cursor.turn = cursor.tail + BEFORE + ROOM
    memcpy(cursor.tail + BEFORE, cursor.end - ROOM, ROOM)
    memset(cursor.tail + BEFORE + ROOM, 0, ROOM)
    cursor.end = cursor.turn
    cursor.at = cursor.end - left


cdef inline int take_digits(Cursor* cursor, uint64_t* value, int most) noexcept nogil:
    """Append at most so many decimal digits to a value; how many there are, one more than `most` if too many."""
    cdef int count = 0
    cdef unsigned int digit
    while cursor.at < cursor.end and count <= most:
        digit = <unsigned char>cursor.at[0] ^ 0x30
        if digit > 9:
            break
        if count < most:
            value[0] = value[0] * 10 + digit
        cursor.at += 1
        count += 1
    return count


cdef inline Parse read_whole(Cursor* cursor, uint64_t* value) noexcept nogil:
    """A JSON integer, 0 to 2**63 - 1; right after `look`."""
    cdef bint leading_zero = cursor.at[0] == c"0"
    cdef int count = <int>read_digits(cursor.at, value)
    if count:
        cursor.at += count
    else:
        value[0] = 0
        count = take_digits(cursor, value, LONGEST_WHOLE)
    if count == 0 or (leading_zero and count > 1):
        return NOT_DECIMAL
    return PARSED if count <= LONGEST_WHOLE and value[0] <= <uint64_t>INT64_MAX else TOO_LARGE


cdef inline bint read_word(Cursor* cursor) noexcept nogil:
    """A quoted word of visible ASCII."""
    cdef unsigned int run = RUN_OF_WORD
    if cursor.at[0] != c'"':
        return False
    cursor.at += 1
    while run == RUN_OF_WORD:
        look(cursor)
        run = run_of_word(cursor.at)
        cursor.at += run
    if cursor.at[0] != c'"':
        return False
    cursor.at += 1
    return True


# Decimal text up to and past the quotation mark that ends it.
cdef Parse read_quoted_nanos(Cursor* cursor, int64_t* nanos) noexcept nogil
# A JSON number that is not negative, exactly, of so few digits that a reader through a double comes to the same nanos.
cdef Parse read_number_nanos(Cursor* cursor, int64_t* nanos) noexcept nogil
