"""Book frames of the venues, bytes straight into a Book: compact JSON of a known shape, and nothing else.

    {"method":"subscription","params":{"channel":"orderbook.BTC-20260305-69500-P.10.10","data":{
    "timestamp":1772624842966,"instrument_name":"BTC-20260305-69500-P","publish_id":56593,
    "bids":[["340","0.4"],["320","1"],["280","0.70343"]],"asks":[["420","0.4"],["520","0.70343"]]}}}

    {"jsonrpc":"2.0","method":"subscription","params":{"channel":"book.ETH-30APR21-2240-P.raw","data":{"type":"change",
    "timestamp":1617644858339,"prev_change_id":8973367653,"instrument_name":"ETH-30APR21-2240-P",
    "change_id":8973367846,"bids":[["delete",0.0255,0.0],["new",0.026,299.0]],"asks":[]}}}

Keys of the data may stand in any order. A frame is read into a draft; the book sees it only when all was understood.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.stdint cimport uint64_t
from libc.string cimport memcmp

from atomizer._core.book cimport ASKS, BIDS, LEVELS, Level
from atomizer._core.fixed cimport NOT_DECIMAL, PARSED, Parse
from atomizer._core.fixed cimport TOO_LARGE as TOO_LARGE_DECIMAL
from atomizer._core.fixed cimport TOO_PRECISE as TOO_PRECISE_DECIMAL
from atomizer._core.json_text cimport (
    RUN_OF_WORD, Cursor, look, open_cursor, read_number_nanos, read_quoted_nanos, read_whole, read_word, run_of_word,
)

cdef extern from "book_levels.h" nogil:
    struct text_level:
        int64_t price_nanos
        int64_t size_nanos
    struct run:
        const char* at
        text_level* level
        int only_new
    enum:
        READER_SETS
    struct readers:
        const char* name
        void (*quoted)(run* run, const char* last, const text_level* full) noexcept nogil
        void (*actions)(run* run, const char* last, const text_level* full) noexcept nogil
    int readers_here(readers* found)

cdef readers available[READER_SETS]
cdef int available_count = readers_here(available)
cdef readers chosen = available[available_count - 1]

globals()["INSTRUCTION_SETS"] = tuple([available[at].name.decode() for at in range(available_count)])

# By value of Scan.
STATUSES = (
    "applied", "old", "no_snapshot", "gap", "bad_levels", "unread", "truncated", "trailing", "unknown_key",
    "repeated_key", "missing_key", "bad_value", "too_precise", "too_large", "out_of_range", "too_many_levels",
)
globals()["UNREAD"] = UNREAD

cdef enum:
    NS_PER_MS = 1_000_000

cdef int64_t EARLIEST_MS = 1_577_836_800_000    # 2020, as on the slow path
cdef int64_t LATEST_MS = 4_102_444_800_000      # 2100

# Bits of keys.
cdef enum:
    TIMESTAMP = 1
    INSTRUMENT = 2
    BID_SIDE = 4
    ASK_SIDE = 8
    PUBLISH_ID = 16
    CHANGE_ID = 32
    PREVIOUS_ID = 64
    TYPE = 128
    DERIVE_NEEDED = 29          # all but the instrument
    DERIVE_KEYS = 31
    DERIBIT_NEEDED = 173        # all but the instrument and the previous id
    DERIBIT_KEYS = 239

cdef const char* ENVELOPE = b'{"method":"subscription","params":{"channel":"'
cdef const char* VERSIONED_ENVELOPE = b'{"jsonrpc":"2.0","method":"subscription","params":{"channel":"'
cdef const char* DATA = b'","data":{'
cdef enum:
    ENVELOPE_SIZE = 46
    VERSIONED_SIZE = 62
    DATA_SIZE = 10
    SHORTEST_FRAME = 100        # of those that may be a book; above ROOM

cdef struct Draft:
    unsigned int seen           # keys
    int only_new                # no level was changed or deleted
    bint is_snapshot
    bint is_chained             # an id before was given, and not null
    uint64_t sequence
    uint64_t previous
    uint64_t venue_time_ms
    int counts[2]               # by is_bid
    text_level levels[2][LEVELS]


cdef inline Scan _refusal(Parse parsed) noexcept nogil:
    if parsed == TOO_PRECISE_DECIMAL:
        return TOO_PRECISE
    return TOO_LARGE if parsed == TOO_LARGE_DECIMAL else BAD_VALUE


cdef Scan _read_quoted_level(Cursor* cursor, text_level* level) noexcept nogil:
    """["340","0.4"] but for its last bracket, byte by byte."""
    cdef Parse parsed
    if memcmp(cursor.at, b'["', 2) != 0:
        return BAD_VALUE
    cursor.at += 2
    parsed = read_quoted_nanos(cursor, &level.price_nanos)
    if parsed != PARSED:
        return _refusal(parsed)
    look(cursor)
    if memcmp(cursor.at, b',"', 2) != 0:
        return BAD_VALUE
    cursor.at += 2
    parsed = read_quoted_nanos(cursor, &level.size_nanos)
    return APPLIED if parsed == PARSED else _refusal(parsed)


cdef Scan _read_action_level(Cursor* cursor, text_level* level, int* only_new) noexcept nogil:
    """["new",0.0795,4.0] but for its last bracket, byte by byte."""
    cdef bint is_new = memcmp(cursor.at, b'["new",', 7) == 0
    cdef bint is_delete = memcmp(cursor.at, b'["delete",', 10) == 0
    cdef Parse parsed
    if not is_new and not is_delete and memcmp(cursor.at, b'["change",', 10) != 0:
        return BAD_VALUE
    only_new[0] &= is_new
    cursor.at += 7 if is_new else 10
    parsed = read_number_nanos(cursor, &level.price_nanos)
    if parsed != PARSED:
        return _refusal(parsed)
    look(cursor)
    if cursor.at[0] != c",":
        return BAD_VALUE
    cursor.at += 1
    parsed = read_number_nanos(cursor, &level.size_nanos)
    if parsed != PARSED:
        return _refusal(parsed)
    return APPLIED if (level.size_nanos == 0) == is_delete else BAD_VALUE


@cython.overflowcheck(False)    # which would count the difference of two pointers in bytes
cdef Scan _read_levels(Cursor* cursor, Kind kind, Draft* draft, bint is_bid) noexcept nogil:
    """Levels up to and past the bracket that closes the side; `at` is on the one that opens it."""
    cdef run levels
    cdef text_level* first = draft.levels[is_bid]
    cdef text_level* full = first + LEVELS
    cdef Scan status
    levels.level = first
    levels.only_new = True
    while True:
        look(cursor)
        if cursor.at[0] != (c"[" if levels.level == first else c","):
            return BAD_VALUE
        levels.at = cursor.at
        if kind == DERIVE_BOOK:
            chosen.quoted(&levels, cursor.turn, full)
        else:
            chosen.actions(&levels, cursor.turn, full)
        cursor.at = levels.at
        if cursor.at[0] == c"]":
            break
        if cursor.at > cursor.turn:
            continue            # nothing but the end of the frame is near
        if cursor.at[0] != (c"[" if levels.level == first else c","):
            return BAD_VALUE    # the run ended before something that is no separator
        if levels.level == full:
            return TOO_MANY_LEVELS
        cursor.at += 1
        if kind == DERIVE_BOOK:
            status = _read_quoted_level(cursor, levels.level)
        else:
            status = _read_action_level(cursor, levels.level, &levels.only_new)
        if status != APPLIED:
            return status
        look(cursor)
        if cursor.at[0] != c"]":
            return BAD_VALUE
        cursor.at += 1
        levels.level += 1
        look(cursor)
        if cursor.at[0] == c"]":
            break
    cursor.at += 1
    draft.only_new &= levels.only_new
    draft.counts[is_bid] = <int>(levels.level - first)
    return APPLIED


cdef inline Scan _read_side(Cursor* cursor, Kind kind, Draft* draft, bint is_bid) noexcept nogil:
    if memcmp(cursor.at, b"[]", 2) != 0:
        return _read_levels(cursor, kind, draft, is_bid)
    cursor.at += 2
    draft.counts[is_bid] = 0
    return APPLIED


cdef inline Scan _read_count(Cursor* cursor, uint64_t* value) noexcept nogil:
    cdef Parse parsed = read_whole(cursor, value)
    if parsed == PARSED:
        return APPLIED
    return BAD_VALUE if parsed == NOT_DECIMAL else OUT_OF_RANGE


cdef inline Scan _read_type(Cursor* cursor, Draft* draft) noexcept nogil:
    draft.is_snapshot = memcmp(cursor.at, b'"snapshot"', 10) == 0
    if draft.is_snapshot:
        cursor.at += 10
        return APPLIED
    if memcmp(cursor.at, b'"change"', 8) == 0:
        cursor.at += 8
        return APPLIED
    return BAD_VALUE


cdef inline unsigned int _read_key(Cursor* cursor) noexcept nogil:
    """Past the colon; 0 for a key that no book has."""
    cdef const char* at = cursor.at
    cdef char second = at[1]
    if second == c"b" and memcmp(at, b'"bids":', 7) == 0:
        cursor.at += 7
        return BID_SIDE
    if second == c"a" and memcmp(at, b'"asks":', 7) == 0:
        cursor.at += 7
        return ASK_SIDE
    if second == c"t":
        if memcmp(at, b'"timestamp":', 12) == 0:
            cursor.at += 12
            return TIMESTAMP
        if memcmp(at, b'"type":', 7) == 0:
            cursor.at += 7
            return TYPE
    if second == c"i" and memcmp(at, b'"instrument_name":', 18) == 0:
        cursor.at += 18
        return INSTRUMENT
    if second == c"c" and memcmp(at, b'"change_id":', 12) == 0:
        cursor.at += 12
        return CHANGE_ID
    if second == c"p":
        if memcmp(at, b'"publish_id":', 13) == 0:
            cursor.at += 13
            return PUBLISH_ID
        if memcmp(at, b'"prev_change_id":', 17) == 0:
            cursor.at += 17
            return PREVIOUS_ID
    return 0


cdef inline Scan _read_value(Cursor* cursor, Kind kind, Draft* draft, unsigned int key) noexcept nogil:
    if key == BID_SIDE:
        return _read_side(cursor, kind, draft, BIDS)
    if key == ASK_SIDE:
        return _read_side(cursor, kind, draft, ASKS)
    if key == TIMESTAMP:
        return _read_count(cursor, &draft.venue_time_ms)
    if key == INSTRUMENT:
        return APPLIED if read_word(cursor) else BAD_VALUE
    if key == TYPE:
        return _read_type(cursor, draft)
    if key == PREVIOUS_ID:
        if memcmp(cursor.at, b"null", 4) == 0:
            cursor.at += 4
            return APPLIED
        draft.is_chained = True
        return _read_count(cursor, &draft.previous)
    return _read_count(cursor, &draft.sequence)


cdef inline Scan _read_data(Cursor* cursor, Kind kind, Draft* draft) noexcept nogil:
    """The data's keys and values, and everything up to the frame's end."""
    cdef unsigned int keys = DERIVE_KEYS if kind == DERIVE_BOOK else DERIBIT_KEYS
    cdef unsigned int key
    cdef Scan status
    while True:
        look(cursor)
        key = _read_key(cursor)
        if key & keys == 0:
            return UNKNOWN_KEY
        if draft.seen & key:
            return REPEATED_KEY
        draft.seen |= key
        look(cursor)
        status = _read_value(cursor, kind, draft, key)
        if status != APPLIED:
            return status
        look(cursor)
        if cursor.at[0] != c",":
            break
        cursor.at += 1
    if memcmp(cursor.at, b"}}}", 3) != 0:
        return BAD_VALUE
    return APPLIED if cursor.at + 3 == cursor.end else TRAILING


cdef inline Scan _check(Kind kind, const Draft* draft) noexcept nogil:
    """Whether the parts make a frame."""
    cdef unsigned int needed = DERIVE_NEEDED if kind == DERIVE_BOOK else DERIBIT_NEEDED
    if draft.seen & needed != needed:
        return MISSING_KEY
    if not EARLIEST_MS <= <int64_t>draft.venue_time_ms < LATEST_MS:
        return OUT_OF_RANGE
    if kind == DERIBIT_BOOK and draft.is_snapshot:
        return APPLIED if draft.only_new else BAD_VALUE
    return APPLIED if kind == DERIVE_BOOK or draft.is_chained else MISSING_KEY


cdef inline Scan _apply_snapshot(const Draft* draft, Book book, int64_t received_ns) noexcept nogil:
    if book.replace(
        <const Level*>draft.levels[BIDS], draft.counts[BIDS], <const Level*>draft.levels[ASKS], draft.counts[ASKS],
        draft.sequence, <int64_t>draft.venue_time_ms * NS_PER_MS, received_ns,
    ):
        return APPLIED
    return BAD_LEVELS


cdef inline void _set_levels(Book book, bint is_bid, const text_level* levels, int count) noexcept nogil:
    cdef int at
    for at in range(count):
        book.set_level(is_bid, levels[at].price_nanos, levels[at].size_nanos)


cdef inline Scan _apply_changes(const Draft* draft, Book book, int64_t received_ns) noexcept nogil:
    if book.dark:
        return NO_SNAPSHOT
    if draft.previous != book.sequence:
        book.go_dark()
        return GAP
    # What one of these refuses darkens the book, and then the last one says so.
    _set_levels(book, BIDS, draft.levels[BIDS], draft.counts[BIDS])
    _set_levels(book, ASKS, draft.levels[ASKS], draft.counts[ASKS])
    if book.finish_changes(draft.sequence, <int64_t>draft.venue_time_ms * NS_PER_MS, received_ns):
        return APPLIED
    return BAD_LEVELS


cdef Scan scan_book(
    const char* frame, Py_ssize_t length, const Head* head, Book book, int64_t received_ns
) noexcept nogil:
    cdef Cursor cursor
    cdef Draft draft
    cdef Scan status
    open_cursor(&cursor, frame + head.data + 1, frame + length)
    draft.seen = 0
    draft.only_new = True
    draft.is_snapshot = draft.is_chained = False
    status = _read_data(&cursor, head.kind, &draft)
    if status == APPLIED:
        status = _check(head.kind, &draft)
    if status != APPLIED:
        # Only whole frames end in a brace.
        return TRUNCATED if status != TRAILING and frame[length - 1] != c"}" else status
    if head.kind == DERIVE_BOOK:
        if draft.sequence <= book.sequence and (book.sequence or not book.dark):
            return OLD
        return _apply_snapshot(&draft, book, received_ns)
    if draft.is_snapshot:
        return _apply_snapshot(&draft, book, received_ns)
    return _apply_changes(&draft, book, received_ns)


cdef inline Py_ssize_t _envelope_size(const char* frame) noexcept nogil:
    if memcmp(frame, ENVELOPE, ENVELOPE_SIZE) == 0:
        return ENVELOPE_SIZE
    return VERSIONED_SIZE if memcmp(frame, VERSIONED_ENVELOPE, VERSIONED_SIZE) == 0 else 0


cdef Kind scan_channel(const char* frame, Py_ssize_t length, Head* head) noexcept nogil:
    cdef const char* stop = frame + length - RUN_OF_WORD    # of windows; a book's data are longer than one
    cdef const char* at
    cdef unsigned int run = RUN_OF_WORD
    cdef Py_ssize_t size
    if length < SHORTEST_FRAME:
        return NOT_A_BOOK
    size = _envelope_size(frame)
    at = frame + size
    while run == RUN_OF_WORD:
        if size == 0 or at > stop:
            return NOT_A_BOOK
        run = run_of_word(at)
        at += run
    if at > stop or memcmp(at, DATA, DATA_SIZE) != 0:
        return NOT_A_BOOK
    if memcmp(frame + size, b"orderbook.", 10) == 0:
        head.kind = DERIVE_BOOK
    elif memcmp(frame + size, b"book.", 5) == 0:
        head.kind = DERIBIT_BOOK
    else:
        return NOT_A_BOOK
    head.channel = frame + size
    head.channel_length = at - head.channel
    head.data = at - frame + DATA_SIZE - 1
    return head.kind


def channel_of(frame):
    cdef Py_buffer view
    cdef Head head
    PyObject_GetBuffer(frame, &view, PyBUF_SIMPLE)
    try:
        if scan_channel(<const char*>view.buf, view.len, &head) == NOT_A_BOOK:
            return None
        return PyUnicode_DecodeASCII(head.channel, head.channel_length, NULL)
    finally:
        PyBuffer_Release(&view)


def read_book(frame, Book book not None, int64_t received_ns):
    cdef Py_buffer view
    cdef Head head
    cdef Scan status = UNREAD
    PyObject_GetBuffer(frame, &view, PyBUF_SIMPLE)
    if scan_channel(<const char*>view.buf, view.len, &head) != NOT_A_BOOK:
        status = scan_book(<const char*>view.buf, view.len, &head, book, received_ns)
    PyBuffer_Release(&view)
    return status


def use_instructions(str name):
    global chosen
    cdef int at
    for at in range(available_count):
        if available[at].name.decode() == name:
            chosen = available[at]
            return
    raise ValueError(f"this machine has no {name!r} instructions")
