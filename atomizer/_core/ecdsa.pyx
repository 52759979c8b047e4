"""secp256k1 signer over coincurve's libsecp256k1. Low-s, recoverable; from a prepared nonce, or RFC 6979 without one.

coincurve's wheel carries the library inside a cffi module. We take the functions' addresses from it once and call them
directly: no cffi call, no Python object and no GIL on the way to a signature.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint64_t, uintptr_t
from libc.string cimport memcpy

from atomizer._core.keccak cimport keccak256_into

import os

from coincurve._libsecp256k1 import ffi as _ffi, lib as _lib

from atomizer._core.keccak import keccak256

cdef extern from "<string.h>" nogil:
    void explicit_bzero(void* memory, size_t size) noexcept
cdef extern from "<sys/random.h>" nogil:
    Py_ssize_t getrandom(void* memory, size_t size, unsigned int flags) noexcept
cdef extern from "<unistd.h>" nogil:
    int getpid() noexcept
cdef extern from "<time.h>" nogil:
    struct timespec:
        int64_t tv_sec
        int64_t tv_nsec
    enum:
        CLOCK_REALTIME
    int clock_gettime(int clock, timespec* time) noexcept
cdef extern from "scalar.h" nogil:
    enum:
        SCALAR_SIZE
    ctypedef struct scalar:
        uint64_t limb[4]
    void scalar_load(scalar* out, const uint8_t* big_endian) noexcept
    bint scalar_is_valid(const scalar* value) noexcept
    void scalar_multiply_add(scalar* out, const scalar* a, const scalar* b, const scalar* c) noexcept
    void scalar_invert_variable_time(scalar* out, const scalar* value) noexcept
cdef extern from "nonce_pool.h" nogil:
    enum:
        NONCE_CAPACITY
    ctypedef struct nonce_pool:
        pass
    ctypedef struct prepared_nonce:
        scalar inverse
        scalar secret_share
        uint8_t r[32]
        uint8_t recovery_id
    nonce_pool* nonce_pool_create() noexcept
    void nonce_pool_destroy(nonce_pool*) noexcept
    uint64_t nonce_pool_count(const nonce_pool*) noexcept
    bint nonce_pool_start_filling(nonce_pool*) noexcept
    void nonce_pool_stop_filling(nonce_pool*) noexcept
    prepared_nonce* nonce_pool_free_slot(nonce_pool*) noexcept
    void nonce_pool_put(nonce_pool*, prepared_nonce*) noexcept
    bint nonce_pool_sign(nonce_pool*, const uint8_t* digest, uint8_t* signature) noexcept
    void nonce_pool_rehearse(
        const nonce_pool*, nonce_pool* stage, const uint8_t* digest, uint8_t* signature) noexcept
    void nonce_pool_tally(uint64_t* tally) noexcept

# Sizes and flags of libsecp256k1's public headers (secp256k1.h, secp256k1_recovery.h).
cdef enum:
    CONTEXT_NONE = 1
    POINT_UNCOMPRESSED = 2
    POINT_SIZE = 65             # 0x04, x, y
    POINT_COMPRESSED = 258
    COMPRESSED_SIZE = 33        # 0x02 or 0x03 by the parity of y, x
    PUBLIC_KEY_SIZE = 64        # opaque secp256k1_pubkey
    RECOVERABLE_SIZE = 65       # opaque secp256k1_ecdsa_recoverable_signature
    DIGEST_SIZE = 32
    ADDRESS_SIZE = 20
    COMPACT_SIZE = 64           # r, s
    FIRST_V = 27                # Ethereum's v for recovery id 0

ctypedef void Context
ctypedef Context* (*context_create_function)(unsigned int flags) noexcept nogil
ctypedef int (*scalar_function)(Context*, const uint8_t* scalar) noexcept nogil
ctypedef int (*public_key_function)(Context*, uint8_t* public_key, const uint8_t* secret) noexcept nogil
ctypedef int (*serialize_point_function)(
    Context*, uint8_t* point, size_t* size, const uint8_t* public_key, unsigned int flags
) noexcept nogil
ctypedef int (*sign_function)(
    Context*, uint8_t* recoverable, const uint8_t* digest, const uint8_t* secret, void* nonce, void* extra
) noexcept nogil
ctypedef int (*serialize_signature_function)(
    Context*, uint8_t* compact, int* recovery_id, const uint8_t* recoverable
) noexcept nogil
ctypedef int (*parse_signature_function)(
    Context*, uint8_t* recoverable, const uint8_t* compact, int recovery_id
) noexcept nogil
ctypedef int (*recover_function)(
    Context*, uint8_t* public_key, const uint8_t* recoverable, const uint8_t* digest
) noexcept nogil
ctypedef int (*nonce_function)(
    uint8_t* nonce, const uint8_t* message, const uint8_t* secret, const uint8_t* algorithm, void* extra,
    unsigned int attempt,
) noexcept nogil


cdef uintptr_t _address_of(str name) except 0:
    return int(_ffi.cast("uintptr_t", _ffi.addressof(_lib, name)))

# Set once at import, read without the GIL afterwards. `_lib` stays imported, so the addresses stay valid.
cdef context_create_function context_create = <context_create_function>_address_of("secp256k1_context_create")
cdef scalar_function context_randomize = <scalar_function>_address_of("secp256k1_context_randomize")
cdef scalar_function secret_verify = <scalar_function>_address_of("secp256k1_ec_seckey_verify")
cdef public_key_function public_key_create = <public_key_function>_address_of("secp256k1_ec_pubkey_create")
cdef serialize_point_function serialize_point = <serialize_point_function>_address_of(
    "secp256k1_ec_pubkey_serialize")
cdef sign_function sign_recoverable = <sign_function>_address_of("secp256k1_ecdsa_sign_recoverable")
cdef serialize_signature_function serialize_signature = <serialize_signature_function>_address_of(
    "secp256k1_ecdsa_recoverable_signature_serialize_compact")
cdef parse_signature_function parse_signature = <parse_signature_function>_address_of(
    "secp256k1_ecdsa_recoverable_signature_parse_compact")
cdef recover_function recover_key = <recover_function>_address_of("secp256k1_ecdsa_recover")
# A variable that points to the function, not the function itself.
cdef nonce_function nonce_rfc6979 = <nonce_function><uintptr_t>int(
    _ffi.cast("uintptr_t", _lib.secp256k1_nonce_function_rfc6979))


cdef Context* _new_context() except NULL:
    """One context for the process, blinded against side channels; only read afterwards, so threads may share it."""
    cdef Context* created = context_create(CONTEXT_NONE)
    cdef bytes seed = os.urandom(32)
    if created == NULL or not context_randomize(created, <const uint8_t*>PyBytes_AS_STRING(seed)):
        raise MemoryError("libsecp256k1 gave no context")
    return created

cdef Context* context = _new_context()
cdef nonce_pool* rehearsals = NULL      # nobody's nonces, from the first rehearsal on


cdef bytes _address_of_public_key(const uint8_t* public_key):
    cdef uint8_t point[POINT_SIZE]
    cdef uint8_t hashed[DIGEST_SIZE]
    cdef size_t size = POINT_SIZE
    serialize_point(context, point, &size, public_key, POINT_UNCOMPRESSED)
    keccak256_into(point + 1, POINT_SIZE - 1, hashed)
    return PyBytes_FromStringAndSize(<char*>hashed + DIGEST_SIZE - ADDRESS_SIZE, ADDRESS_SIZE)


# Everything secret that preparing a nonce writes down, so that one call wipes it.
cdef struct Draft:
    uint8_t fresh[64]               # from the system: 32 bytes for the nonce, 32 for the blinding factor
    uint64_t hedge[4]               # how many were drawn, wall clock in seconds and nanoseconds, process
    uint8_t nonce[SCALAR_SIZE]
    scalar k
    scalar blinding
    scalar product
    scalar secret

globals()["NONCE_CAPACITY"] = <object><int>NONCE_CAPACITY

cdef const uint8_t* NONCE_ALGORITHM = b"atomizer nonce  "   # 16 bytes: sets these draws apart from RFC 6979's own
cdef scalar ZERO


cdef bint _prepare_nonce(Signer signer, Draft* draft, prepared_nonce* slot) noexcept nogil:
    """Fill a slot from the draft's fresh bytes. False, and nothing filled, for a draw that is out of range (2^-127).

    k is HMAC-SHA256 of the key, fresh bytes, a counter, the time and the process (RFC 6979's generator, with the fresh
    bytes as its message), so a stuck or a copied source of randomness alone repeats nothing.
    """
    cdef uint8_t public_key[PUBLIC_KEY_SIZE]
    cdef uint8_t point[COMPRESSED_SIZE]
    cdef size_t size = COMPRESSED_SIZE
    cdef timespec now
    cdef scalar r
    clock_gettime(CLOCK_REALTIME, &now)
    nonce_pool_tally(&signer.drawn)
    draft.hedge[0] = signer.drawn
    draft.hedge[1] = <uint64_t>now.tv_sec
    draft.hedge[2] = <uint64_t>now.tv_nsec
    draft.hedge[3] = <uint64_t>getpid()
    if not nonce_rfc6979(draft.nonce, draft.fresh, signer.secret, NONCE_ALGORITHM, draft.hedge, 0):
        return False
    scalar_load(&draft.k, draft.nonce)
    scalar_load(&draft.blinding, draft.fresh + SCALAR_SIZE)
    if not scalar_is_valid(&draft.blinding) or not public_key_create(context, public_key, draft.nonce):
        return False
    serialize_point(context, point, &size, public_key, POINT_COMPRESSED)
    scalar_load(&r, point + 1)
    if not scalar_is_valid(&r):
        return False
    # 1/k by way of 1/(k*b): the inversion's timing then tells nothing about k.
    scalar_multiply_add(&draft.product, &draft.k, &draft.blinding, &ZERO)
    scalar_invert_variable_time(&draft.product, &draft.product)
    scalar_multiply_add(&slot.inverse, &draft.product, &draft.blinding, &ZERO)
    scalar_load(&draft.secret, signer.secret)
    scalar_multiply_add(&draft.product, &r, &draft.secret, &ZERO)
    scalar_multiply_add(&slot.secret_share, &draft.product, &slot.inverse, &ZERO)
    memcpy(slot.r, point + 1, SCALAR_SIZE)
    slot.recovery_id = point[0] & 1
    return True


cdef Py_ssize_t _fill_pool(Signer signer, Py_ssize_t count) noexcept nogil:
    """How many nonces were put, at most `count`; -1 when the system's randomness was no good for the first."""
    cdef Draft draft
    cdef nonce_pool* pool = <nonce_pool*>signer.pool
    cdef prepared_nonce* slot
    cdef Py_ssize_t filled = 0
    while filled < count:
        slot = nonce_pool_free_slot(pool)
        if slot == NULL:
            break
        if (
            getrandom(draft.fresh, sizeof(draft.fresh), 0) != sizeof(draft.fresh)
            or not _prepare_nonce(signer, &draft, slot)
        ):
            filled = filled or -1
            break
        nonce_pool_put(pool, slot)
        filled += 1
    explicit_bzero(&draft, sizeof(draft))
    return filled


@cython.final
@cython.auto_pickle(False)
cdef class Signer:
    """Holds one private key. It is copied at construction, wiped when the object dies, never printed or pickled."""

    def __cinit__(self, secret):
        cdef uint8_t public_key[PUBLIC_KEY_SIZE]
        cdef const uint8_t[::1] view
        if not isinstance(secret, (bytes, bytearray)):
            raise TypeError(f"a secret key must be bytes, not {type(secret).__name__}")
        if len(secret) != SECRET_SIZE:
            raise ValueError(f"a secret key must be {SECRET_SIZE} bytes, got {len(secret)}")
        view = secret
        memcpy(self.secret, &view[0], SECRET_SIZE)
        if not secret_verify(context, self.secret) or not public_key_create(context, public_key, self.secret):
            raise ValueError("a secret key must be a number from 1 to the order of secp256k1 less 1")
        self.address = _address_of_public_key(public_key)

    def __dealloc__(self):
        explicit_bzero(self.secret, SECRET_SIZE)
        if self.pool != NULL:
            nonce_pool_destroy(<nonce_pool*>self.pool)

    def __repr__(self):
        return f"Signer({checksum_address(self.address)})"

    def __reduce_ex__(self, protocol):
        raise TypeError("a Signer holds a secret key: it cannot be pickled or copied")

    @property
    def prepared_count(self):
        """Nonces that lie ready."""
        return nonce_pool_count(<nonce_pool*>self.pool) if self.pool != NULL else 0

    @property
    def unprepared_count(self):
        """Signatures so far that found no nonce ready and took the RFC 6979 path."""
        return self.unprepared

    def prepare(self, Py_ssize_t count):
        """Prepare up to `count` nonces; how many were added."""
        cdef Py_ssize_t filled
        if self.pool == NULL:
            self.pool = <void*>nonce_pool_create()
            if self.pool == NULL:
                raise OSError("this kernel does not empty memory on fork: signing stays on RFC 6979")
        if not nonce_pool_start_filling(<nonce_pool*>self.pool):
            return 0
        with nogil:
            filled = _fill_pool(self, count)
            nonce_pool_stop_filling(<nonce_pool*>self.pool)
        if filled < 0:
            raise OSError("the system gave no usable randomness: signing stays on RFC 6979")
        return filled

    cdef bint sign_into(self, const uint8_t* digest, uint8_t* signature) noexcept nogil:
        if self.pool != NULL and nonce_pool_sign(<nonce_pool*>self.pool, digest, signature):
            return True
        return self.sign_unprepared(digest, signature)

    cdef bint sign_unprepared(self, const uint8_t* digest, uint8_t* signature) noexcept nogil:
        cdef uint8_t recoverable[RECOVERABLE_SIZE]
        cdef int recovery_id = 0
        nonce_pool_tally(&self.unprepared)
        if not sign_recoverable(context, recoverable, digest, self.secret, NULL, NULL):
            return False
        serialize_signature(context, signature, &recovery_id, recoverable)
        signature[COMPACT_SIZE] = <uint8_t>(FIRST_V + recovery_id)
        return True

    cdef void rehearse(self, const uint8_t* digest, uint8_t* signature) noexcept:
        global rehearsals
        if rehearsals == NULL:
            rehearsals = nonce_pool_create()
        if rehearsals != NULL and self.pool != NULL:
            nonce_pool_rehearse(<nonce_pool*>self.pool, rehearsals, digest, signature)

    def sign(self, bytes digest not None):
        """65 bytes r ‖ s ‖ v, v 27 or 28."""
        cdef bytes signature
        cdef const uint8_t* message
        cdef uint8_t* written
        cdef bint signed
        if PyBytes_GET_SIZE(digest) != DIGEST_SIZE:
            raise ValueError(f"a digest must be {DIGEST_SIZE} bytes, got {len(digest)}")
        signature = PyBytes_FromStringAndSize(NULL, SIGNATURE_SIZE)
        message = <const uint8_t*>PyBytes_AS_STRING(digest)
        written = <uint8_t*>PyBytes_AS_STRING(signature)
        if self.pool != NULL and nonce_pool_sign(<nonce_pool*>self.pool, message, written):
            return signature
        with nogil:
            signed = self.sign_unprepared(message, written)
        if not signed:
            raise ValueError("libsecp256k1 refused to sign")
        return signature


def recover(bytes digest not None, bytes signature not None):
    """Address that made the signature (65 bytes, v 27/28 or 0/1), else ValueError."""
    cdef uint8_t recoverable[RECOVERABLE_SIZE]
    cdef uint8_t public_key[PUBLIC_KEY_SIZE]
    cdef const uint8_t* compact = <const uint8_t*>PyBytes_AS_STRING(signature)
    cdef int recovery_id
    if PyBytes_GET_SIZE(digest) != DIGEST_SIZE:
        raise ValueError(f"a digest must be {DIGEST_SIZE} bytes, got {len(digest)}")
    if PyBytes_GET_SIZE(signature) != SIGNATURE_SIZE:
        raise ValueError(f"a signature must be {SIGNATURE_SIZE} bytes, got {len(signature)}")
    recovery_id = compact[COMPACT_SIZE] - (FIRST_V if compact[COMPACT_SIZE] >= FIRST_V else 0)
    if recovery_id > 1:
        raise ValueError(f"a signature's v must be 0, 1, 27 or 28: {compact[COMPACT_SIZE]}")
    if not parse_signature(context, recoverable, compact, recovery_id) or not recover_key(
        context, public_key, recoverable, <const uint8_t*>PyBytes_AS_STRING(digest)
    ):
        raise ValueError("no public key makes this signature of this digest")
    return _address_of_public_key(public_key)


def checksum_address(bytes address not None):
    """EIP-55 text with 0x."""
    cdef str text = address.hex()
    cdef bytes hashed = keccak256(text.encode())
    if len(address) != ADDRESS_SIZE:
        raise ValueError(f"an address must be {ADDRESS_SIZE} bytes, got {len(address)}")
    # A letter is upper case where the hash of the lower-case text has a hex digit above 7.
    return "0x" + "".join([
        digit.upper() if nibble > "7" else digit for digit, nibble in zip(text, hashed.hex(), strict=False)
    ])


def parse_address(str text not None):
    """0x + 40 hex digits of any case; mixed case must satisfy EIP-55. ValueError otherwise."""
    cdef str digits = text[2:]
    cdef bytes address
    try:
        address = bytes.fromhex(digits)
    except ValueError:
        address = b""
    if len(text) != 2 + 2 * ADDRESS_SIZE or len(address) != ADDRESS_SIZE or not text.startswith("0x"):
        raise ValueError(f"not an address of 0x and {2 * ADDRESS_SIZE} hex digits: {text!r}")
    if digits != digits.lower() and digits != digits.upper() and checksum_address(address) != text:
        raise ValueError(f"mixed-case address fails its checksum: {text} should be {checksum_address(address)}")
    return address
