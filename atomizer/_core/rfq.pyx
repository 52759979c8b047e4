"""The fused answer to a Rysk request for quote: price from the resident book, signed quote frame out.

The price is that of `strategies.pricing.BookPricer`, in the same integers; the frame is that of `venues.rysk.codec`.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_FillInfo, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.memoryview cimport PyMemoryView_FromObject
from libc.math cimport ceil, isfinite
from libc.stdint cimport INT64_MAX
from libc.string cimport memcmp, memcpy, memset

from atomizer._core.book cimport Book
from atomizer._core.ecdsa cimport SIGNATURE_SIZE
from atomizer._core.fixed cimport NANOS, NO_PRICE
from atomizer._core.keccak cimport keccak256_into
from atomizer._core.rfq_scan cimport scan_request

from atomizer._core.eip712 import QUOTE_TYPEHASH as _QUOTE_TYPEHASH

cdef extern from *:
    ctypedef long long int128_t "__int128"
cdef extern from "abi_words.h" nogil:
    void abi_put_u64(uint8_t* word, uint64_t value) noexcept
    void abi_put_nanos_as_e18(uint8_t* word, int64_t nanos) noexcept

# Byte offsets of the words of the Quote struct.
cdef enum:
    WORD = 32
    DIGEST_SIZE = 32
    ADDRESS_AT = 12             # of an address inside its word
    ASSET_WORD = 32
    CHAIN_WORD = 64
    IS_PUT_WORD = 96
    STRIKE_WORD = 128
    EXPIRY_WORD = 160
    MAKER_WORD = 192
    NONCE_WORD = 224
    PRICE_WORD = 256
    QUANTITY_WORD = 288
    TAKER_BUYS_WORD = 320
    VALID_UNTIL_WORD = 352
    USD_WORD = 384
    COLLATERAL_WORD = 416
    SEPARATOR_AT = 2            # of the sealed bytes
    STRUCT_HASH_AT = 34
    UINT64_TEXT = 20
    BPS = 10_000

cdef int64_t LARGEST_NANOS = 10**18             # of an edge or a fee: a billion USD
cdef int64_t LATEST_NS = INT64_MAX - 10**10     # an auction's deadline still fits
cdef const char* HEX_DIGITS = b"0123456789abcdef"


@cython.overflowcheck(False)    # wraps on purpose
cdef inline uint32_t _bucket_of(int underlying, uint32_t expiry_s, uint64_t strike_e8, bint is_put) noexcept nogil:
    cdef uint64_t mixed = strike_e8 ^ (<uint64_t>expiry_s << 24) ^ (<uint64_t>underlying << 58) ^ <uint64_t>is_put
    mixed ^= mixed >> 32
    mixed = mixed * <uint64_t>0x9E3779B97F4A7C15        # 2**64 over the golden ratio, spreads neighbours apart
    return <uint32_t>(mixed >> 51)                      # the 13 bits that number BUCKETS


cdef int _find_series(RfqQuoter quoter, int underlying, uint32_t expiry_s, uint64_t strike_e8, bint is_put) noexcept:
    """Index of the series, or -1 less the free bucket where it would stand."""
    cdef uint32_t bucket = _bucket_of(underlying, expiry_s, strike_e8, is_put)
    cdef const Series* series
    while quoter.buckets[bucket]:
        series = &quoter.series[quoter.buckets[bucket] - 1]
        if (
            series.strike_e8 == strike_e8
            and series.expiry_s == expiry_s
            and series.underlying == underlying
            and series.is_put == is_put
        ):
            return quoter.buckets[bucket] - 1
        bucket = (bucket + 1) % BUCKETS
    return -1 - <int>bucket


cdef int _find_chain(RfqQuoter quoter, int64_t chain_id) noexcept nogil:
    cdef int at
    for at in range(quoter.chain_count):
        if quoter.chains[at].chain_id == chain_id:
            return at
    return -1


cdef int _find_underlying(RfqQuoter quoter, const uint8_t* asset) noexcept nogil:
    cdef int at
    for at in range(quoter.token_count):
        if memcmp(quoter.tokens[at].address, asset, ADDRESS_BYTES) == 0:
            return quoter.tokens[at].underlying
    return -1


@cython.overflowcheck(False)    # 128-bit arithmetic, which the checker would narrow to 64
cdef inline int128_t _ceil_share(int64_t value, int64_t share, int64_t whole) noexcept nogil:
    """value * share / whole, rounded up; none of them negative."""
    return (<int128_t>value * share + whole - 1) // whole


@cython.overflowcheck(False)
cdef int128_t _edge(const EdgeTerms* terms, int64_t hedge_nanos, double vega) noexcept nogil:
    """Per unit; -1 when it is no amount."""
    cdef double volatility = ceil(terms.vol_points * vega * NANOS) if terms.vol_points else 0.0
    cdef int128_t least = max(<int128_t>terms.usd_nanos, _ceil_share(hedge_nanos, terms.premium_bps, BPS))
    if not -<double>LARGEST_NANOS <= volatility <= <double>LARGEST_NANOS:
        return -1
    return max(least, <int128_t>max(volatility, 0.0))


@cython.overflowcheck(False)
cdef int128_t _hedge_fee(const Series* series, int64_t hedge_nanos, int64_t quantity_nanos) noexcept nogil:
    """Taker fee per unit, rounded up, of one order for the quantity (Derive "Fees": base, rate, cap)."""
    cdef int128_t rate = _ceil_share(series.taker_fee_nanos, series.index_nanos, NANOS)
    if series.fee_cap_nanos:
        rate = min(rate, _ceil_share(series.fee_cap_nanos, hedge_nanos, NANOS))
    return rate + _ceil_share(series.base_fee_nanos, NANOS, quantity_nanos)


@cython.overflowcheck(False)
cdef bint _set_prices(RfqQuoter quoter, const Series* series, int64_t hedge_nanos) noexcept nogil:
    """Hedge price less what the hedge costs and what we want to earn, or plus it when we would sell."""
    cdef int128_t fee = _hedge_fee(series, hedge_nanos, quoter.request.quantity_nanos)
    cdef int128_t least = _edge(&quoter.minimum, hedge_nanos, series.vega)
    cdef int128_t wanted = _edge(&quoter.target, hedge_nanos, series.vega)
    cdef int128_t price, limit
    if least < 0 or wanted < 0:
        return False
    wanted = max(wanted, least)
    if quoter.request.taker_buys:
        price = hedge_nanos + fee + wanted
        limit = hedge_nanos + fee + least
    else:
        price = hedge_nanos - fee - wanted
        limit = hedge_nanos - fee - least
    if price <= 0 or price > INT64_MAX:
        return False
    quoter.price_nanos = <int64_t>price
    quoter.limit_nanos = <int64_t>limit
    quoter.hedge_nanos = hedge_nanos
    return True


cdef bint _price_request(RfqQuoter quoter, int64_t now_ns):
    cdef Request* request = &quoter.request
    cdef const Series* series
    cdef Book book
    cdef int64_t hedge_nanos
    cdef int underlying = _find_underlying(quoter, request.asset)
    quoter.chain_index = _find_chain(quoter, request.chain_id)
    if underlying < 0 or quoter.chain_index < 0:
        return False
    quoter.series_index = _find_series(quoter, underlying, request.expiry_s, request.strike_e8, request.is_put)
    if quoter.series_index < 0:
        return False
    series = &quoter.series[quoter.series_index]
    if series.index_nanos == 0 or now_ns - series.mark_ns > quoter.max_mark_age_ns:
        return False
    book = <Book>quoter.books[quoter.series_index]
    if book.dark or now_ns - book.received_ns > quoter.max_book_age_ns:
        return False
    # What we buy from the taker, the hedge sells.
    hedge_nanos = book.vwap_nanos(not request.taker_buys, request.quantity_nanos)
    return hedge_nanos != NO_PRICE and _set_prices(quoter, series, hedge_nanos)


cdef inline char* _put(char* at, const char* text, Py_ssize_t size) noexcept nogil:
    memcpy(at, text, size)
    return at + size


cdef inline char* _put_hex(char* at, const uint8_t* data, int size) noexcept nogil:
    cdef int byte
    for byte in range(size):
        at[2 * byte] = HEX_DIGITS[data[byte] >> 4]
        at[2 * byte + 1] = HEX_DIGITS[data[byte] & 15]
    return at + 2 * size


cdef inline char* _put_integer(char* at, uint64_t value) noexcept nogil:
    cdef char digits[UINT64_TEXT]
    cdef int first = UINT64_TEXT
    while True:
        first -= 1
        digits[first] = <char>(c"0" + value % 10)
        value //= 10
        if value == 0:
            break
    return _put(at, digits + first, UINT64_TEXT - first)


cdef inline char* _put_flag(char* at, bint value) noexcept nogil:
    return _put(at, b"true", 4) if value else _put(at, b"false", 5)


cdef void _digest(RfqQuoter quoter, uint64_t nonce, uint64_t valid_until_s, uint8_t* digest) noexcept nogil:
    cdef const Request* request = &quoter.request
    cdef uint8_t* words = quoter.words
    abi_put_u64(words + CHAIN_WORD, <uint64_t>request.chain_id)
    memcpy(words + ASSET_WORD + ADDRESS_AT, request.asset, ADDRESS_BYTES)
    words[IS_PUT_WORD + WORD - 1] = request.is_put
    abi_put_u64(words + STRIKE_WORD, request.strike_e8)
    abi_put_u64(words + EXPIRY_WORD, request.expiry_s)
    abi_put_u64(words + NONCE_WORD, nonce)
    abi_put_nanos_as_e18(words + PRICE_WORD, quoter.price_nanos)
    abi_put_nanos_as_e18(words + QUANTITY_WORD, request.quantity_nanos)
    words[TAKER_BUYS_WORD + WORD - 1] = request.taker_buys
    abi_put_u64(words + VALID_UNTIL_WORD, valid_until_s)
    memcpy(words + USD_WORD + ADDRESS_AT, request.usd, ADDRESS_BYTES)
    memcpy(words + COLLATERAL_WORD + ADDRESS_AT, request.collateral, ADDRESS_BYTES)
    memcpy(quoter.sealed + SEPARATOR_AT, quoter.chains[quoter.chain_index].separator, SEPARATOR_SIZE)
    keccak256_into(words, TEMPLATE_SIZE, quoter.sealed + STRUCT_HASH_AT)
    keccak256_into(quoter.sealed, SEALED_SIZE, digest)


cdef void _write_frame(
    RfqQuoter quoter, uint64_t nonce, uint64_t valid_until_s, const uint8_t* signature
) noexcept nogil:
    cdef const Request* request = &quoter.request
    cdef char* at = quoter.frame
    at = _put(at, b'{"jsonrpc":"2.0","id":"', 23)
    at = _put(at, request.rfq_id, request.id_length)
    at = _put(at, b'","method":"quote","params":{"assetAddress":"0x', 47)
    at = _put_hex(at, request.asset, ADDRESS_BYTES)
    at = _put(at, b'","chainId":', 12)
    at = _put_integer(at, <uint64_t>request.chain_id)
    at = _put(at, b',"expiry":', 10)
    at = _put_integer(at, request.expiry_s)
    at = _put(at, b',"isPut":', 9)
    at = _put_flag(at, request.is_put)
    at = _put(at, b',"isTakerBuy":', 14)
    at = _put_flag(at, request.taker_buys)
    at = _put(at, b',"maker":"0x', 12)
    at = _put_hex(at, quoter.words + MAKER_WORD + ADDRESS_AT, ADDRESS_BYTES)
    at = _put(at, b'","nonce":"', 11)
    at = _put_integer(at, nonce)
    at = _put(at, b'","price":"', 11)
    at = _put_integer(at, <uint64_t>quoter.price_nanos)
    at = _put(at, b'000000000","quantity":"', 23)       # nanos as 10^-18
    at = _put(at, request.quantity, request.quantity_length)
    at = _put(at, b'","strike":"', 12)
    at = _put(at, request.strike, request.strike_length)
    at = _put(at, b'","signature":"0x', 17)
    at = _put_hex(at, signature, SIGNATURE_SIZE)
    at = _put(at, b'","validUntil":', 15)
    at = _put_integer(at, valid_until_s)
    at = _put(at, b',"usd":"0x', 10)
    at = _put_hex(at, request.usd, ADDRESS_BYTES)
    at = _put(at, b'","collateralAsset":"0x', 23)
    at = _put_hex(at, request.collateral, ADDRESS_BYTES)
    at = _put(at, b'"}}', 3)
    quoter.frame_length = <Py_ssize_t>at - <Py_ssize_t>quoter.frame


cdef int64_t _checked(str name, value, int64_t least, int64_t most) except? -1:
    if not least <= value <= most:
        raise ValueError(f"{name} must lie in {least}..{most}, not {value}")
    return value


cdef bytes _of_size(str name, bytes value, Py_ssize_t size):
    if value is None or PyBytes_GET_SIZE(value) != size:
        raise ValueError(f"{name} must be {size} bytes: {value!r}")
    return value


cdef int _number_underlying(list underlyings, str name) except -1:
    if name not in underlyings:
        underlyings.append(name)
    return underlyings.index(name)


@cython.final
cdef class RfqEdge:

    def __cinit__(self, *, usd_nanos=0, premium_bps=0, double vol_points=0.0):
        self.terms.usd_nanos = _checked("usd_nanos", usd_nanos, 0, LARGEST_NANOS)
        self.terms.premium_bps = _checked("premium_bps", premium_bps, 0, LARGEST_NANOS)
        if not (isfinite(vol_points) and vol_points >= 0):
            raise ValueError(f"vol_points must be a number at or above 0, not {vol_points}")
        self.terms.vol_points = vol_points


@cython.final
@cython.auto_pickle(False)
cdef class RfqQuoter:

    def __cinit__(
        self,
        Signer signer not None,
        *,
        bytes domain_separator,
        chain_id,
        RfqEdge target not None,
        RfqEdge minimum not None,
        max_book_age_ns,
        max_mark_age_ns,
    ):
        self.signer = signer
        self.underlyings = []
        self.books = []
        self.target = target.terms
        self.minimum = minimum.terms
        self.max_book_age_ns = _checked("max_book_age_ns", max_book_age_ns, 1, INT64_MAX)
        self.max_mark_age_ns = _checked("max_mark_age_ns", max_mark_age_ns, 1, INT64_MAX)
        memset(self.words, 0, TEMPLATE_SIZE)
        memcpy(self.words, PyBytes_AS_STRING(_QUOTE_TYPEHASH), WORD)
        memcpy(self.words + MAKER_WORD + ADDRESS_AT, PyBytes_AS_STRING(signer.address), ADDRESS_BYTES)
        self.sealed[0] = 0x19
        self.sealed[1] = 0x01
        self.add_chain(chain_id, domain_separator)

    def add_chain(self, chain_id, bytes domain_separator):
        cdef Chain* chain
        _of_size("domain_separator", domain_separator, SEPARATOR_SIZE)
        if _find_chain(self, _checked("chain_id", chain_id, 1, INT64_MAX)) >= 0:
            raise ValueError(f"chain {chain_id} is there already")
        if self.chain_count == CHAINS:
            raise ValueError(f"more than {CHAINS} chains")
        chain = &self.chains[self.chain_count]
        chain.chain_id = chain_id
        memcpy(chain.separator, PyBytes_AS_STRING(domain_separator), SEPARATOR_SIZE)
        self.chain_count += 1

    def add_token(self, bytes address, str underlying not None):
        cdef Token* token
        _of_size("address", address, ADDRESS_BYTES)
        if _find_underlying(self, <const uint8_t*>PyBytes_AS_STRING(address)) >= 0:
            raise ValueError(f"token 0x{address.hex()} is there already")
        if self.token_count == TOKENS:
            raise ValueError(f"more than {TOKENS} tokens")
        token = &self.tokens[self.token_count]
        memcpy(token.address, PyBytes_AS_STRING(address), ADDRESS_BYTES)
        token.underlying = _number_underlying(self.underlyings, underlying)
        self.token_count += 1

    def add_series(
        self,
        str underlying not None,
        *,
        expiry_s,
        strike_e8,
        bint is_put,
        Book book not None,
        taker_fee_nanos,
        base_fee_nanos,
        fee_cap_nanos,
    ):
        cdef Series series
        cdef int found
        series.underlying = _number_underlying(self.underlyings, underlying)
        series.expiry_s = <uint32_t>_checked("expiry_s", expiry_s, 1, 0xFFFFFFFF)
        series.strike_e8 = <uint64_t>_checked("strike_e8", strike_e8, 1, INT64_MAX)
        series.is_put = is_put
        series.taker_fee_nanos = _checked("taker_fee_nanos", taker_fee_nanos, 0, LARGEST_NANOS)
        series.base_fee_nanos = _checked("base_fee_nanos", base_fee_nanos, 0, LARGEST_NANOS)
        series.fee_cap_nanos = _checked("fee_cap_nanos", fee_cap_nanos, 0, LARGEST_NANOS)
        series.index_nanos = 0
        found = _find_series(self, series.underlying, series.expiry_s, series.strike_e8, is_put)
        if found >= 0:
            raise ValueError(f"series {found} is this option already")
        if len(self.books) == SERIES:
            raise ValueError(f"more than {SERIES} series")
        self.series[<int>len(self.books)] = series
        self.books.append(book)
        self.buckets[-1 - found] = <int>len(self.books)
        return len(self.books) - 1

    def set_mark(self, int series, *, int64_t index_nanos, double delta, double vega, int64_t mark_ns):
        cdef bint usable = index_nanos > 0 and isfinite(delta) and isfinite(vega)
        if not 0 <= series < len(self.books):
            raise IndexError(f"no series {series}")
        _checked("mark_ns", mark_ns, 0, INT64_MAX)
        self.series[series].index_nanos = index_nanos if usable else 0
        self.series[series].vega = vega
        self.series[series].mark_ns = mark_ns

    def price(self, frame, int64_t now_ns):
        cdef Py_buffer view
        _checked("now_ns", now_ns, 0, LATEST_NS)
        PyObject_GetBuffer(frame, &view, PyBUF_SIMPLE)
        self.priced = scan_request(<const char*>view.buf, view.len, now_ns, &self.request)
        PyBuffer_Release(&view)
        self.priced = self.priced and _price_request(self, now_ns)
        return self.priced

    def build_quote(self, uint64_t nonce, uint64_t valid_until_s):
        cdef uint8_t digest[DIGEST_SIZE]
        cdef uint8_t signature[SIGNATURE_SIZE]
        if not self.priced:
            raise ValueError("no request was priced")
        _digest(self, nonce, valid_until_s, digest)
        if not self.signer.sign_into(digest, signature):
            raise ValueError("libsecp256k1 refused to sign")
        _write_frame(self, nonce, valid_until_s, signature)
        return PyMemoryView_FromObject(self)

    def __getbuffer__(self, Py_buffer* view, int flags):
        """The last quote frame, read-only. The view keeps this object; the next quote changes what it shows."""
        PyBuffer_FillInfo(view, self, self.frame, self.frame_length, True, flags)

    @property
    def rfq_id(self):
        return self.request.rfq_id[:self.request.id_length].decode()

    @property
    def quantity_nanos(self):
        return self.request.quantity_nanos

    @property
    def taker_buys(self):
        return bool(self.request.taker_buys)

    @property
    def deadline_ns(self):
        return self.request.deadline_ns
