# ecdsa: secp256k1 signatures over libsecp256k1, called by address without the GIL.
# A signature costs a scalar multiplication when a nonce was prepared ahead, and some 25 us (RFC 6979) when not.

from libc.stdint cimport uint8_t, uint64_t

cdef enum:
    SECRET_SIZE = 32
    SIGNATURE_SIZE = 65     # r, s, v: v is 27 or 28

cdef class Signer:
    cdef uint8_t secret[SECRET_SIZE]    # 1..n-1; wiped in __dealloc__; nothing outside this room may read it
    cdef void* pool                     # nonce_pool.h; NULL until the first prepare(); wiped, unmapped in __dealloc__
    cdef uint64_t drawn                 # nonces drawn so far: a part of what the next one is made of
    cdef uint64_t unprepared            # signatures that took the RFC 6979 path; written atomically
    cdef readonly bytes address         # 20 bytes

    # Writes SIGNATURE_SIZE bytes for a 32-byte digest, from any thread. False, and nothing written, only if
    # libsecp256k1 refuses, which it never does for a key that construction accepted.
    cdef bint sign_into(self, const uint8_t* digest, uint8_t* signature) noexcept nogil
    # As much work as a signature from a prepared nonce, without one and without the secret: writes bytes of no worth.
    cdef void rehearse(self, const uint8_t* digest, uint8_t* signature) noexcept
    cdef bint sign_unprepared(self, const uint8_t* digest, uint8_t* signature) noexcept nogil
