# eip712: digests that Derive and Rysk verify. Immutable after construction, no secrets, safe from any thread.
# A word is 32 bytes, big-endian, as Ethereum's ABI has it; addresses are left-padded, int256 is two's complement.

from libc.stdint cimport int64_t, uint8_t, uint64_t

# Sizes in bytes, as figures: Cython cannot compute an enum where overflow is checked.
cdef enum:
    ADDRESS_SIZE = 20
    DIGEST_SIZE = 32
    WORD = 32
    ACTION_SIZE = 256       # 8 words: typehash, subaccount, nonce, module, data hash, expiry, owner, signer
    ORDER_SIZE = 224        # 7 words: asset, sub_id, limit price, amount, max fee, recipient subaccount, is_bid
    INSTRUMENT_SIZE = 64    # 2 words, asset and sub_id: the part of an order that is the instrument's
    ENVELOPE_SIZE = 66      # 0x19 0x01, domain separator, struct hash

cdef class DeriveActions:
    cdef uint8_t trade_action[ACTION_SIZE]      # templates: nonce, data hash and expiry are filled in on a copy
    cdef uint8_t rfq_action[ACTION_SIZE]
    cdef uint8_t envelope[ENVELOPE_SIZE]

    # The hot lane's order digest: five permutations, no Python object. `instrument` is INSTRUMENT_SIZE bytes from
    # put_instrument; values are int64 nanos (10^-9) and signed as 10^-18; `digest` receives 32 bytes.
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
    ) noexcept nogil

# Writes INSTRUMENT_SIZE bytes; ValueError for an address that is not 20 bytes or a sub_id that is not a uint256.
cdef int put_instrument(uint8_t* words, bytes asset, object sub_id) except -1
