# ecdsa: secp256k1 signatures over libsecp256k1, called by address without the GIL.

from libc.stdint cimport uint8_t

cdef enum:
    SECRET_SIZE = 32
    SIGNATURE_SIZE = 65     # r, s, v: v is 27 or 28

cdef class Signer:
    cdef uint8_t secret[SECRET_SIZE]    # 1..n-1; wiped in __dealloc__; nothing outside this room may read it
    cdef readonly bytes address         # 20 bytes

    # Writes SIGNATURE_SIZE bytes for a 32-byte digest. False, and nothing written, only if libsecp256k1 refuses, which
    # it never does for a key that construction accepted.
    cdef bint sign_into(self, const uint8_t* digest, uint8_t* signature) noexcept nogil
