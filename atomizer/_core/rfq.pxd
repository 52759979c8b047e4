# rfq: the fused answer to a Rysk request for quote: price from the resident book of the hedge venue, then a signed
# quote frame. It answers what it fully understands; on any doubt it says no and the caller takes the slow path
# (venues/rysk and strategies/pricing), whose answer to the same bytes is the same quote or a refusal in words.
# Prices and amounts in nanos. One thread. A quote frame is borrowed until the next one is built.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from atomizer._core.ecdsa cimport Signer
from atomizer._core.rfq_scan cimport ADDRESS_BYTES, Request

cdef enum:
    CHAINS = 16             # capacity
    TOKENS = 32             # capacity
    SERIES = 4_096          # capacity of listed options
    BUCKETS = 8_192         # twice as many, a power of two
    FRAME_SIZE = 1_024      # holds a quote frame with the longest of everything
    TEMPLATE_SIZE = 448     # the Quote struct: 14 words
    SEALED_SIZE = 66        # 0x19 0x01, domain separator, struct hash
    SEPARATOR_SIZE = 32

# What we want to earn per unit: the largest of three.
cdef struct EdgeTerms:
    int64_t usd_nanos
    int64_t premium_bps
    double vol_points           # volatility points (0.01 of volatility) of the option's vega

cdef class RfqEdge:
    cdef EdgeTerms terms        # checked at construction, never written again

# One option as the hedge venue lists it. Its book stands at the same index in `books`.
cdef struct Series:
    uint64_t strike_e8
    uint32_t expiry_s
    int underlying              # index of a name in `underlyings`
    bint is_put
    int64_t taker_fee_nanos     # of the notional
    int64_t base_fee_nanos      # USD an order
    int64_t fee_cap_nanos       # share of the premium that a fee may not exceed; 0: uncapped
    int64_t index_nanos         # 0: there is no mark to price with
    int64_t mark_ns
    double vega                 # USD per volatility point

cdef struct Token:
    uint8_t address[ADDRESS_BYTES]
    int underlying

# A chain that requests come from, and the signing domain of Rysk's contract there.
cdef struct Chain:
    int64_t chain_id
    uint8_t separator[SEPARATOR_SIZE]

cdef class RfqQuoter:
    cdef Signer signer
    cdef list underlyings
    cdef list books
    cdef Series series[SERIES]
    cdef int buckets[BUCKETS]           # open addressing: index of a series plus 1; 0 is none
    cdef Token tokens[TOKENS]
    cdef int token_count
    cdef Chain chains[CHAINS]
    cdef int chain_count
    cdef int chain_index                # of the last request priced
    cdef int64_t max_book_age_ns
    cdef int64_t max_mark_age_ns
    cdef EdgeTerms target
    cdef EdgeTerms minimum
    cdef uint8_t words[TEMPLATE_SIZE]   # the Quote struct of the last quote; what never changes stands in it for good
    cdef uint8_t sealed[SEALED_SIZE]
    cdef Request request                # the last one priced, while `priced`
    cdef bint priced
    cdef char frame[FRAME_SIZE]         # the last quote built
    cdef Py_ssize_t frame_length
    cdef readonly int series_index      # of the last request priced, as are the prices
    cdef readonly int64_t price_nanos
    cdef readonly int64_t limit_nanos
    cdef readonly int64_t hedge_nanos
