# rfq_scan: a Rysk request for quote, bytes to a struct. It reads the frames that the venue sends, compact JSON whose
# fields may stand in any order, and refuses everything else: the caller then takes the strict slow path, which reads
# any JSON and says in words what is wrong. What is read here is read there to the same values.
# Nothing here allocates or keeps a pointer into the frame.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef enum:
    ID_SIZE = 128           # longest RFQ id
    AMOUNT_SIZE = 28        # longest text of an amount
    RFQ_SIZE = 16_384       # a longer frame is not read; a real one has about 500 bytes
    ADDRESS_BYTES = 20

cdef struct Request:
    uint32_t id_length
    char rfq_id[ID_SIZE]            # printable ASCII without quotation mark and backslash
    uint32_t strike_length
    char strike[AMOUNT_SIZE]        # 10^-8 USD, as it came: a quote must repeat it to the letter
    uint32_t quantity_length
    char quantity[AMOUNT_SIZE]      # 10^-18 of a unit, as it came
    uint64_t strike_e8              # 1..10^17
    int64_t quantity_nanos          # 1..10^18, exactly the quantity
    int64_t chain_id                # above 0
    int64_t deadline_ns             # wall clock, after now: no quote after it
    uint32_t expiry_s               # after now
    bint is_put
    bint taker_buys                 # we would sell
    uint8_t asset[ADDRESS_BYTES]
    uint8_t usd[ADDRESS_BYTES]
    uint8_t collateral[ADDRESS_BYTES]

# False: not read, and `request` holds rubbish.
cdef bint scan_request(const char* text, Py_ssize_t length, int64_t now_ns, Request* request) noexcept nogil
