"""secp256k1 signer over coincurve's libsecp256k1. Low-s, recoverable, deterministic (RFC 6979).

coincurve's wheel carries the library inside a cffi module. We take the functions' addresses from it once and call them
directly: no cffi call, no Python object and no GIL on the way to a signature.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uintptr_t
from libc.string cimport memcpy

from atomizer._core.keccak cimport keccak256_into

import os

from coincurve._libsecp256k1 import ffi as _ffi, lib as _lib

from atomizer._core.keccak import keccak256


cdef extern from "<string.h>" nogil:
    void explicit_bzero(void* memory, size_t size) noexcept

# Sizes and flags of libsecp256k1's public headers (secp256k1.h, secp256k1_recovery.h).
cdef enum:
    CONTEXT_NONE = 1
    POINT_UNCOMPRESSED = 2
    POINT_SIZE = 65             # 0x04, x, y
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


cdef Context* _new_context() except NULL:
    """One context for the process, blinded against side channels; only read afterwards, so threads may share it."""
    cdef Context* created = context_create(CONTEXT_NONE)
    cdef bytes seed = os.urandom(32)
    if created == NULL or not context_randomize(created, <const uint8_t*>PyBytes_AS_STRING(seed)):
        raise MemoryError("libsecp256k1 gave no context")
    return created

cdef Context* context = _new_context()


cdef bytes _address_of_public_key(const uint8_t* public_key):
    cdef uint8_t point[POINT_SIZE]
    cdef uint8_t hashed[DIGEST_SIZE]
    cdef size_t size = POINT_SIZE
    serialize_point(context, point, &size, public_key, POINT_UNCOMPRESSED)
    keccak256_into(point + 1, POINT_SIZE - 1, hashed)
    return PyBytes_FromStringAndSize(<char*>hashed + DIGEST_SIZE - ADDRESS_SIZE, ADDRESS_SIZE)


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

    def __repr__(self):
        return f"Signer({checksum_address(self.address)})"

    def __reduce_ex__(self, protocol):
        raise TypeError("a Signer holds a secret key: it cannot be pickled or copied")

    cdef bint sign_into(self, const uint8_t* digest, uint8_t* signature) noexcept nogil:
        cdef uint8_t recoverable[RECOVERABLE_SIZE]
        cdef int recovery_id = 0
        if not sign_recoverable(context, recoverable, digest, self.secret, NULL, NULL):
            return False
        serialize_signature(context, signature, &recovery_id, recoverable)
        signature[COMPACT_SIZE] = <uint8_t>(FIRST_V + recovery_id)
        return True

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
        with nogil:
            signed = self.sign_into(message, written)
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
