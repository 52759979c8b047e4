"""EIP-712 digests for Derive actions, Rysk quotes and transfers, and EIP-191 for logins.

Every constant part (type hashes, padded addresses, the domain) is encoded once; a digest copies a template to the
stack, fills in what changes and hashes. Nothing is kept between calls.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, memset

from atomizer._core.keccak cimport keccak256_into

from atomizer._core.keccak import keccak256


cdef extern from "abi_words.h" nogil:
    void abi_put_u64(uint8_t* word, uint64_t value) noexcept
    void abi_put_nanos_as_e18(uint8_t* word, int64_t nanos) noexcept
cdef extern from "abi_words.h":
    int abi_put_integer(uint8_t* word, object value, bint is_signed) except -1

# Word numbers inside an action.
cdef enum:
    ACTION_SUBACCOUNT = 1
    ACTION_NONCE = 2
    ACTION_MODULE = 3
    ACTION_DATA_HASH = 4
    ACTION_EXPIRY = 5
    ACTION_OWNER = 6
    ACTION_SIGNER = 7

# Derive, `ActionVerifier`; Rysk, "EIP-712" of its maker page (schema since 2025-12-09).
ACTION_TYPEHASH = keccak256(
    b"Action(uint256 subaccountId,uint256 nonce,address module,bytes data,uint256 expiry,address owner,address signer)"
)
QUOTE_TYPEHASH = keccak256(
    b"Quote(address assetAddress,uint256 chainId,bool isPut,uint256 strike,uint64 expiry,address maker,uint64 nonce,"
    b"uint256 price,uint256 quantity,bool isTakerBuy,uint64 validUntil,address usd,address collateralAsset)"
)
cdef bytes TRANSFER_TYPEHASH = keccak256(
    b"Transfer(address user,address asset,uint256 chainId,uint256 amount,bool isDeposit,uint64 nonce)"
)
cdef bytes DOMAIN_TYPEHASH = keccak256(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
cdef object LARGEST_EXPIRY_S = 2**32 - 1    # an option id has 32 bits for it
cdef object LARGEST_STRIKE_E8 = 2**63 - 1   # and 63 for the strike
cdef int NANOS_PER_E8 = 10


cdef inline uint8_t* _bytes_at(bytes value) noexcept:
    return <uint8_t*>PyBytes_AS_STRING(value)


cdef int _put_hash(uint8_t* word, bytes value, str field) except -1:
    if value is None or PyBytes_GET_SIZE(value) != DIGEST_SIZE:
        raise ValueError(f"{field} must be {DIGEST_SIZE} bytes: {value!r}")
    memcpy(word, _bytes_at(value), DIGEST_SIZE)
    return 0


cdef int _put_address(uint8_t* word, bytes value, str field) except -1:
    if value is None or PyBytes_GET_SIZE(value) != ADDRESS_SIZE:
        raise ValueError(f"{field} must be {ADDRESS_SIZE} bytes: {value!r}")
    memset(word, 0, WORD - ADDRESS_SIZE)
    memcpy(word + WORD - ADDRESS_SIZE, _bytes_at(value), ADDRESS_SIZE)
    return 0


cdef int _put_integer(uint8_t* word, object value, bint is_signed, str field) except -1:
    try:
        abi_put_integer(word, value, is_signed)
    except OverflowError:
        raise ValueError(f"{field} is not {'an int256' if is_signed else 'a uint256'}: {value}") from None
    return 0


cdef int _put_u64(uint8_t* word, object value, str field) except -1:
    cdef uint64_t number
    try:
        number = value
    except OverflowError:
        raise ValueError(f"{field} is not a uint64: {value}") from None
    abi_put_u64(word, number)
    return 0


cdef int put_instrument(uint8_t* words, bytes asset, object sub_id) except -1:
    _put_address(words, asset, "asset")
    return _put_integer(words + WORD, sub_id, False, "sub_id")


cdef inline void _seal_into(uint8_t* envelope, const uint8_t* encoded, size_t length, uint8_t* digest) noexcept nogil:
    """keccak(0x1901 ‖ domain ‖ keccak(encoded)); the first two parts stand in `envelope` already."""
    keccak256_into(encoded, length, envelope + 2 + DIGEST_SIZE)
    keccak256_into(envelope, ENVELOPE_SIZE, digest)


cdef int _put_envelope(uint8_t* envelope, bytes domain) except -1:
    envelope[0] = 0x19
    envelope[1] = 0x01
    return _put_hash(envelope + 2, domain, "domain_separator")


cdef bytes _seal(bytes domain, const uint8_t* encoded, size_t length):
    cdef uint8_t envelope[ENVELOPE_SIZE]
    cdef bytes digest = PyBytes_FromStringAndSize(NULL, DIGEST_SIZE)
    _put_envelope(envelope, domain)
    _seal_into(envelope, encoded, length, _bytes_at(digest))
    return digest


def domain_separator(str name not None, str version not None, chain_id, bytes contract):
    cdef uint8_t words[5 * WORD]
    cdef bytes digest = PyBytes_FromStringAndSize(NULL, DIGEST_SIZE)
    _put_hash(words, DOMAIN_TYPEHASH, "typehash")
    _put_hash(words + WORD, keccak256(name.encode()), "name")
    _put_hash(words + 2 * WORD, keccak256(version.encode()), "version")
    _put_integer(words + 3 * WORD, chain_id, False, "chain_id")
    _put_address(words + 4 * WORD, contract, "contract")
    keccak256_into(words, sizeof(words), _bytes_at(digest))
    return digest


def personal_digest(bytes message not None):
    """EIP-191 personal_sign digest."""
    return keccak256(b"\x19Ethereum Signed Message:\n%d%b" % (len(message), message))


def option_sub_id(expiry_s, strike_nanos, bint is_call):
    """Derive's 96-bit option id: expiry | strike*10⁸ << 32 | call << 95. Strike must be a multiple of 10⁻⁸."""
    strike_e8, remainder = divmod(strike_nanos, NANOS_PER_E8)
    if remainder or not 0 < strike_e8 <= LARGEST_STRIKE_E8:
        raise ValueError(f"strike is not a positive multiple of 0.00000001 below 2**63 of them: {strike_nanos} nanos")
    if not 0 < expiry_s <= LARGEST_EXPIRY_S:
        raise ValueError(f"expiry does not fit in 32 bits of seconds: {expiry_s}")
    return expiry_s | strike_e8 << 32 | (1 << 95 if is_call else 0)


def encode_instrument(bytes asset, sub_id):
    """Asset and sub_id as an order signs them."""
    cdef bytes encoded = PyBytes_FromStringAndSize(NULL, INSTRUMENT_SIZE)
    put_instrument(_bytes_at(encoded), asset, sub_id)
    return encoded


cdef bytes _encode_legs(legs, Py_ssize_t head_size):
    """Room for `head_size` bytes, then each leg's asset, sub_id, price and signed amount."""
    cdef bytes encoded = PyBytes_FromStringAndSize(NULL, head_size + len(legs) * 4 * WORD)
    cdef uint8_t* words = _bytes_at(encoded) + head_size
    cdef bytes asset
    for asset, sub_id, price_e18, amount_e18 in legs:
        put_instrument(words, asset, sub_id)
        _put_integer(words + 2 * WORD, price_e18, False, "price")
        _put_integer(words + 3 * WORD, amount_e18, True, "amount")
        words += 4 * WORD
    return encoded


def legs_hash(legs):
    """Keccak of the ABI-encoded legs, which a taker signs in place of the legs."""
    cdef bytes encoded = _encode_legs(legs, 2 * WORD)
    cdef uint8_t* words = _bytes_at(encoded)
    abi_put_u64(words, WORD)    # offset of the array
    abi_put_u64(words + WORD, len(legs))
    return keccak256(encoded)


cdef inline void _finish(
    const uint8_t* domain_envelope, uint8_t* action, const uint8_t* data, size_t length, uint8_t* digest
) noexcept nogil:
    """Fill the data hash into `action`, whose other words are set, and hash it within the domain."""
    cdef uint8_t envelope[ENVELOPE_SIZE]
    memcpy(envelope, domain_envelope, 2 + DIGEST_SIZE)
    keccak256_into(data, length, action + ACTION_DATA_HASH * WORD)
    _seal_into(envelope, action, ACTION_SIZE, digest)


cdef bytes _action_digest(
    DeriveActions actions, const uint8_t* template, const uint8_t* data, size_t length, object nonce, object expiry_s
):
    cdef uint8_t action[ACTION_SIZE]
    cdef bytes digest = PyBytes_FromStringAndSize(NULL, DIGEST_SIZE)
    memcpy(action, template, ACTION_SIZE)
    _put_integer(action + ACTION_NONCE * WORD, nonce, False, "nonce")
    _put_integer(action + ACTION_EXPIRY * WORD, expiry_s, False, "expiry_s")
    _finish(actions.envelope, action, data, length, _bytes_at(digest))
    return digest


@cython.final
@cython.auto_pickle(False)
cdef class DeriveActions:
    """Digests of signed actions for one (domain, owner, signer, subaccount). Immutable; holds no secret."""

    def __cinit__(
        self,
        bytes domain_separator,
        bytes trade_module,
        bytes rfq_module,
        bytes owner,
        bytes signer,
        subaccount_id,
    ):
        _put_envelope(self.envelope, domain_separator)
        memset(self.trade_action, 0, ACTION_SIZE)
        _put_hash(self.trade_action, ACTION_TYPEHASH, "typehash")
        _put_integer(self.trade_action + ACTION_SUBACCOUNT * WORD, subaccount_id, False, "subaccount_id")
        _put_address(self.trade_action + ACTION_MODULE * WORD, trade_module, "trade_module")
        _put_address(self.trade_action + ACTION_OWNER * WORD, owner, "owner")
        _put_address(self.trade_action + ACTION_SIGNER * WORD, signer, "signer")
        memcpy(self.rfq_action, self.trade_action, ACTION_SIZE)
        _put_address(self.rfq_action + ACTION_MODULE * WORD, rfq_module, "rfq_module")

    cdef void order_digest(
        self,
        const uint8_t* instrument,
        int64_t price_nanos,
        int64_t amount_nanos,
        int64_t max_fee_nanos,
        bint is_bid,
        uint64_t nonce,
        uint64_t expiry_s,
        uint8_t* digest,
    ) noexcept nogil:
        cdef uint8_t order[ORDER_SIZE]
        cdef uint8_t action[ACTION_SIZE]
        memcpy(order, instrument, INSTRUMENT_SIZE)
        abi_put_nanos_as_e18(order + 2 * WORD, price_nanos)
        abi_put_nanos_as_e18(order + 3 * WORD, amount_nanos)
        abi_put_nanos_as_e18(order + 4 * WORD, max_fee_nanos)
        memcpy(order + 5 * WORD, self.trade_action + ACTION_SUBACCOUNT * WORD, WORD)
        abi_put_u64(order + 6 * WORD, is_bid)
        memcpy(action, self.trade_action, ACTION_SIZE)
        abi_put_u64(action + ACTION_NONCE * WORD, nonce)
        abi_put_u64(action + ACTION_EXPIRY * WORD, expiry_s)
        _finish(self.envelope, action, order, ORDER_SIZE, digest)

    def order(
        self, bytes asset, sub_id, price_e18, amount_e18, max_fee_e18, bint is_bid, nonce, expiry_s
    ):
        """Digest of a Trade-module action; the recipient is our own subaccount. Amount may be negative (int256)."""
        cdef uint8_t order[ORDER_SIZE]
        put_instrument(order, asset, sub_id)
        _put_integer(order + 2 * WORD, price_e18, True, "price")
        _put_integer(order + 3 * WORD, amount_e18, True, "amount")
        _put_integer(order + 4 * WORD, max_fee_e18, False, "max_fee")
        memcpy(order + 5 * WORD, self.trade_action + ACTION_SUBACCOUNT * WORD, WORD)
        abi_put_u64(order + 6 * WORD, is_bid)
        return _action_digest(self, self.trade_action, order, ORDER_SIZE, nonce, expiry_s)

    def order_nanos(
        self,
        bytes instrument not None,
        int64_t price_nanos,
        int64_t amount_nanos,
        int64_t max_fee_nanos,
        bint is_bid,
        uint64_t nonce,
        uint64_t expiry_s,
    ):
        """As `order`, from int64 nanos and an encoded instrument: the digest that the hot lane makes."""
        cdef bytes digest = PyBytes_FromStringAndSize(NULL, DIGEST_SIZE)
        if PyBytes_GET_SIZE(instrument) != INSTRUMENT_SIZE:
            raise ValueError(f"an encoded instrument must be {INSTRUMENT_SIZE} bytes, got {len(instrument)}")
        if max_fee_nanos < 0:
            raise ValueError(f"max_fee is negative: {max_fee_nanos} nanos")
        self.order_digest(
            _bytes_at(instrument), price_nanos, amount_nanos, max_fee_nanos, is_bid, nonce, expiry_s, _bytes_at(digest)
        )
        return digest

    def quote(self, legs, max_fee_e18, nonce, expiry_s):
        """Digest of a maker's RFQ quote; legs are (asset, sub_id, price_e18, signed amount_e18) in the order sent."""
        cdef bytes encoded = _encode_legs(legs, 4 * WORD)
        cdef uint8_t* words = _bytes_at(encoded)
        abi_put_u64(words, WORD)            # offset of the tuple
        _put_integer(words + WORD, max_fee_e18, False, "max_fee")
        abi_put_u64(words + 2 * WORD, 2 * WORD)     # offset of the array inside the tuple
        abi_put_u64(words + 3 * WORD, len(legs))
        return _action_digest(self, self.rfq_action, words, PyBytes_GET_SIZE(encoded), nonce, expiry_s)

    def execute(self, legs, max_fee_e18, nonce, expiry_s):
        """Digest of a taker's execution; legs are the maker's signed legs, unchanged."""
        cdef uint8_t words[2 * WORD]
        _put_hash(words, legs_hash(legs), "legs_hash")
        _put_integer(words + WORD, max_fee_e18, False, "max_fee")
        return _action_digest(self, self.rfq_action, words, sizeof(words), nonce, expiry_s)

    def action(self, bytes module not None, bytes data not None, nonce, expiry_s):
        """Digest of any module's action from its encoded data."""
        cdef uint8_t action[ACTION_SIZE]
        memcpy(action, self.trade_action, ACTION_SIZE)
        _put_address(action + ACTION_MODULE * WORD, module, "module")
        return _action_digest(self, action, _bytes_at(data), PyBytes_GET_SIZE(data), nonce, expiry_s)


def rysk_quote_digest(
    bytes domain_separator,
    bytes asset,
    chain_id,
    bint is_put,
    strike,
    expiry_s,
    bytes maker,
    nonce,
    price_e18,
    quantity_e18,
    bint is_taker_buy,
    valid_until_s,
    bytes usd,
    bytes collateral,
):
    """`strike` in 10⁻⁸ as on the wire."""
    cdef uint8_t words[14 * WORD]
    _put_hash(words, QUOTE_TYPEHASH, "typehash")
    _put_address(words + 1 * WORD, asset, "asset")
    _put_integer(words + 2 * WORD, chain_id, False, "chain_id")
    abi_put_u64(words + 3 * WORD, is_put)
    _put_integer(words + 4 * WORD, strike, False, "strike")
    _put_u64(words + 5 * WORD, expiry_s, "expiry_s")
    _put_address(words + 6 * WORD, maker, "maker")
    _put_u64(words + 7 * WORD, nonce, "nonce")
    _put_integer(words + 8 * WORD, price_e18, False, "price")
    _put_integer(words + 9 * WORD, quantity_e18, False, "quantity")
    abi_put_u64(words + 10 * WORD, is_taker_buy)
    _put_u64(words + 11 * WORD, valid_until_s, "valid_until_s")
    _put_address(words + 12 * WORD, usd, "usd")
    _put_address(words + 13 * WORD, collateral, "collateral")
    return _seal(domain_separator, words, sizeof(words))


def rysk_transfer_digest(
    bytes domain_separator, bytes user, bytes asset, chain_id, amount, bint is_deposit, nonce
):
    """Digest of a deposit into, or a withdrawal from, the maker's margin balance; `amount` in token units."""
    cdef uint8_t words[7 * WORD]
    _put_hash(words, TRANSFER_TYPEHASH, "typehash")
    _put_address(words + 1 * WORD, user, "user")
    _put_address(words + 2 * WORD, asset, "asset")
    _put_integer(words + 3 * WORD, chain_id, False, "chain_id")
    _put_integer(words + 4 * WORD, amount, False, "amount")
    abi_put_u64(words + 5 * WORD, is_deposit)
    _put_u64(words + 6 * WORD, nonce, "nonce")
    return _seal(domain_separator, words, sizeof(words))
