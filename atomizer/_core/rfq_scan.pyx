"""A Rysk request for quote, bytes to a struct; anything but the frame that the venue sends is refused.

    {"jsonrpc":"2.0","id":"<uuid>","result":{"asset":"0x…","assetName":"WETH","chainId":84532,"expiry":1751011200,
    "isPut":false,"quantity":"1000000000000000000","strike":"260000000000","taker":"0x…","usd":"0x…",
    "collateralAsset":"0x…"}}

`isTakerBuy` and `auctionDeadline` may follow. A field more or less, a blank, an escape or a repeated key: refused.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport INT64_MAX
from libc.string cimport memcmp, memcpy

from atomizer._core.fixed cimport NANOS

cdef extern from *:
    ctypedef unsigned long long uint128_t "unsigned __int128"

# Bits of the fields that were seen.
cdef enum:
    ASSET = 1
    CHAIN = 2
    EXPIRY = 4
    IS_PUT = 8
    QUANTITY = 16
    STRIKE = 32
    USD = 64
    COLLATERAL = 128
    NEEDED = 255
    TAKER = 256
    NAME = 512
    TAKER_BUYS = 1_024
    DEADLINE = 2_048

cdef enum:
    NOT_HEX = 255
    UINT64_DIGITS = 19          # that many digits fit 64 bits
    LONGEST_NAME = 64
    ADDRESS_HEAD = 3            # quotation mark and 0x
    ADDRESS_TEXT = 44           # those, 40 digits and a quotation mark

# Bounds of the slow path, venues/rysk/codec.
cdef int64_t AUCTION_NS = 2_000_000_000
cdef int64_t NS_PER_MS = 1_000_000
cdef int64_t LATEST_MS = 1 << 43
cdef int64_t LATEST_EXPIRY_S = 0xFFFFFFFF
cdef uint64_t LARGEST_STRIKE_E8 = 10**17
cdef int64_t LARGEST_QUANTITY_NANOS = 10**18

cdef const char* HEAD = b'{"jsonrpc":"2.0","id":"'
cdef const char* MIDDLE = b'","result":{'
cdef enum:
    HEAD_SIZE = 23
    MIDDLE_SIZE = 12

cdef uint8_t HEX_VALUES[256]


cdef int _fill_hex_values() except -1:
    cdef int code
    for code in range(256):
        HEX_VALUES[code] = int(chr(code), 16) if chr(code) in "0123456789abcdefABCDEF" else NOT_HEX
    return 0

_fill_hex_values()


# Reads forward and never past `end`. Every `_read_` leaves `at` behind what it read, or answers False.
cdef struct Cursor:
    const char* text
    Py_ssize_t at
    Py_ssize_t end


cdef inline bint _read_char(Cursor* cursor, char expected) noexcept nogil:
    if cursor.at >= cursor.end or cursor.text[cursor.at] != expected:
        return False
    cursor.at += 1
    return True


cdef inline bint _read_literal(Cursor* cursor, const char* literal, Py_ssize_t size) noexcept nogil:
    if cursor.end - cursor.at < size or memcmp(cursor.text + cursor.at, literal, size):
        return False
    cursor.at += size
    return True


cdef inline bint _read_word(Cursor* cursor, uint32_t longest, const char** word, uint32_t* length) noexcept nogil:
    """Up to and past the closing quotation mark: visible ASCII without a backslash, 1 to `longest` characters."""
    cdef Py_ssize_t start = cursor.at
    cdef Py_ssize_t stop = min(cursor.end, start + longest + 1)
    cdef char character
    while cursor.at < stop:
        character = cursor.text[cursor.at]
        cursor.at += 1
        if character == c'"':
            word[0] = cursor.text + start
            length[0] = <uint32_t>(cursor.at - 1 - start)
            return length[0] > 0
        if character <= 0x20 or character == 0x7F or character == c"\\":     # bytes above ASCII are negative
            return False
    return False


cdef inline bint _read_address(Cursor* cursor, uint8_t* address) noexcept nogil:
    cdef const uint8_t* digits = <const uint8_t*>cursor.text + cursor.at + ADDRESS_HEAD
    cdef uint8_t high, low
    cdef uint8_t bad = 0
    cdef int at
    if cursor.end - cursor.at < ADDRESS_TEXT or memcmp(digits - ADDRESS_HEAD, b'"0x', ADDRESS_HEAD):
        return False
    for at in range(ADDRESS_BYTES):
        high = HEX_VALUES[digits[2 * at]]
        low = HEX_VALUES[digits[2 * at + 1]]
        bad |= (high | low) & 0xF0
        address[at] = (high << 4 | low) & 0xFF
    cursor.at += ADDRESS_TEXT
    return bad == 0 and cursor.text[cursor.at - 1] == c'"'


cdef inline bint _read_integer(Cursor* cursor, int64_t highest, int64_t* value) noexcept nogil:
    """A JSON integer in 1..highest."""
    cdef Py_ssize_t start = cursor.at
    cdef Py_ssize_t stop = min(cursor.end, start + UINT64_DIGITS)
    cdef uint64_t number = 0
    while cursor.at < stop and c"0" <= cursor.text[cursor.at] <= c"9":
        number = number * 10 + <uint64_t>(cursor.text[cursor.at] - c"0")
        cursor.at += 1
    # A digit more is beyond any bound, and is then met where a comma or brace must stand.
    if cursor.at == start or cursor.text[start] == c"0" or number > <uint64_t>highest:
        return False
    value[0] = <int64_t>number
    return True


cdef inline bint _read_flag(Cursor* cursor, bint* value) noexcept nogil:
    value[0] = cursor.at < cursor.end and cursor.text[cursor.at] == c"t"
    return _read_literal(cursor, b"true", 4) if value[0] else _read_literal(cursor, b"false", 5)


@cython.overflowcheck(False)    # 128-bit arithmetic, which the checker would narrow to 64
cdef inline bint _read_amount(Cursor* cursor, char* text, uint32_t* length, uint128_t* value) noexcept nogil:
    """A positive integer of at most AMOUNT_SIZE digits in quotation marks."""
    cdef const char* digits
    cdef uint128_t number = 0
    cdef uint32_t at
    if not _read_char(cursor, c'"') or not _read_word(cursor, AMOUNT_SIZE, &digits, length) or digits[0] == c"0":
        return False
    for at in range(length[0]):
        if not c"0" <= digits[at] <= c"9":
            return False
        number = number * 10 + <uint128_t>(digits[at] - c"0")
    memcpy(text, digits, length[0])
    value[0] = number
    return True


cdef inline bint _read_strike(Cursor* cursor, Request* request) noexcept nogil:
    cdef uint128_t e8
    if not _read_amount(cursor, request.strike, &request.strike_length, &e8) or e8 > LARGEST_STRIKE_E8:
        return False
    request.strike_e8 = <uint64_t>e8
    return True


@cython.overflowcheck(False)
cdef inline bint _read_quantity(Cursor* cursor, Request* request) noexcept nogil:
    cdef uint128_t e18, nanos
    if not _read_amount(cursor, request.quantity, &request.quantity_length, &e18):
        return False
    nanos = e18 // <uint128_t>NANOS
    if nanos * <uint128_t>NANOS != e18 or nanos > <uint128_t>LARGEST_QUANTITY_NANOS:
        return False
    request.quantity_nanos = <int64_t>nanos
    return True


cdef inline bint _read_expiry(Cursor* cursor, Request* request, int64_t now_ns) noexcept nogil:
    cdef int64_t expiry_s
    if not _read_integer(cursor, LATEST_EXPIRY_S, &expiry_s) or expiry_s * NANOS <= now_ns:
        return False
    request.expiry_s = <uint32_t>expiry_s
    return True


cdef inline bint _read_deadline(Cursor* cursor, Request* request, int64_t now_ns) noexcept nogil:
    cdef int64_t deadline_ms
    if not _read_integer(cursor, LATEST_MS, &deadline_ms):
        return False
    request.deadline_ns = deadline_ms * NS_PER_MS
    return request.deadline_ns > now_ns


cdef inline bint _is(const char* key, const char* name, Py_ssize_t size) noexcept nogil:
    return memcmp(key, name, size) == 0


cdef int _field(const char* key, uint32_t length) noexcept nogil:
    """Which field a key names, 0 for one that we do not know."""
    if length == 5:
        return ASSET if _is(key, b"asset", 5) else IS_PUT if _is(key, b"isPut", 5) else TAKER * _is(key, b"taker", 5)
    if length == 6:
        return EXPIRY if _is(key, b"expiry", 6) else STRIKE * _is(key, b"strike", 6)
    if length == 3:
        return USD * _is(key, b"usd", 3)
    if length == 7:
        return CHAIN * _is(key, b"chainId", 7)
    if length == 8:
        return QUANTITY * _is(key, b"quantity", 8)
    if length == 9:
        return NAME * _is(key, b"assetName", 9)
    if length == 10:
        return TAKER_BUYS * _is(key, b"isTakerBuy", 10)
    if length == 15:
        return COLLATERAL if _is(key, b"collateralAsset", 15) else DEADLINE * _is(key, b"auctionDeadline", 15)
    return 0


cdef bint _read_value(Cursor* cursor, int field, int64_t now_ns, Request* request) noexcept nogil:
    cdef uint8_t unused[ADDRESS_BYTES]
    cdef const char* name
    cdef uint32_t length
    if field == ASSET:
        return _read_address(cursor, request.asset)
    if field == USD:
        return _read_address(cursor, request.usd)
    if field == COLLATERAL:
        return _read_address(cursor, request.collateral)
    if field == TAKER:
        return _read_address(cursor, unused)
    if field == CHAIN:
        return _read_integer(cursor, INT64_MAX, &request.chain_id)
    if field == EXPIRY:
        return _read_expiry(cursor, request, now_ns)
    if field == IS_PUT:
        return _read_flag(cursor, &request.is_put)
    if field == TAKER_BUYS:
        return _read_flag(cursor, &request.taker_buys)
    if field == QUANTITY:
        return _read_quantity(cursor, request)
    if field == STRIKE:
        return _read_strike(cursor, request)
    if field == NAME:
        return _read_char(cursor, c'"') and _read_word(cursor, LONGEST_NAME, &name, &length)
    return _read_deadline(cursor, request, now_ns)


cdef bint _read_body(Cursor* cursor, int64_t now_ns, Request* request) noexcept nogil:
    """The fields and the brace that closes them."""
    cdef const char* key
    cdef uint32_t length
    cdef int field
    cdef int seen = 0
    while True:
        if not _read_char(cursor, c'"') or not _read_word(cursor, LONGEST_NAME, &key, &length):
            return False
        field = _field(key, length)
        if field == 0 or seen & field or not _read_char(cursor, c":"):
            return False
        seen |= field
        if not _read_value(cursor, field, now_ns, request):
            return False
        if not _read_char(cursor, c","):
            return _read_char(cursor, c"}") and seen & NEEDED == NEEDED


cdef bint scan_request(const char* text, Py_ssize_t length, int64_t now_ns, Request* request) noexcept nogil:
    cdef Cursor cursor
    cdef const char* rfq_id
    if length > RFQ_SIZE:
        return False
    cursor.text = text
    cursor.at = 0
    cursor.end = length
    request.taker_buys = False
    request.deadline_ns = now_ns + AUCTION_NS
    if not _read_literal(&cursor, HEAD, HEAD_SIZE):
        return False
    if not _read_word(&cursor, ID_SIZE, &rfq_id, &request.id_length):
        return False
    memcpy(request.rfq_id, rfq_id, request.id_length)
    cursor.at -= 1      # MIDDLE begins with the quotation mark that closes the id
    if not _read_literal(&cursor, MIDDLE, MIDDLE_SIZE) or not _read_body(&cursor, now_ns, request):
        return False
    return _read_char(&cursor, c"}") and cursor.at == cursor.end


def scan_rfq(frame, int64_t now_ns):
    cdef Request request
    cdef Py_buffer view
    cdef bint is_read
    if not 0 <= now_ns <= INT64_MAX - AUCTION_NS:
        raise ValueError(f"not a time: {now_ns} ns")
    PyObject_GetBuffer(frame, &view, PyBUF_SIMPLE)
    is_read = scan_request(<const char*>view.buf, view.len, now_ns, &request)
    PyBuffer_Release(&view)
    if not is_read:
        return None
    return {
        "rfq_id": request.rfq_id[:request.id_length].decode(),
        "strike": request.strike[:request.strike_length].decode(),
        "quantity": request.quantity[:request.quantity_length].decode(),
        "strike_e8": request.strike_e8,
        "quantity_nanos": request.quantity_nanos,
        "chain_id": request.chain_id,
        "deadline_ns": request.deadline_ns,
        "expiry_s": request.expiry_s,
        "is_put": bool(request.is_put),
        "taker_buys": bool(request.taker_buys),
        "asset": (<const uint8_t*>request.asset)[:ADDRESS_BYTES],
        "usd": (<const uint8_t*>request.usd)[:ADDRESS_BYTES],
        "collateral": (<const uint8_t*>request.collateral)[:ADDRESS_BYTES],
    }
