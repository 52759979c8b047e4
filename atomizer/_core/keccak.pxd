# keccak.pxd: Keccak-256 as Ethereum uses it (padding byte 0x01, not SHA3's 0x06). Holds no state and no secret.

from libc.stdint cimport uint8_t

# Writes 32 bytes to `digest`, which may overlap `data`. About one microsecond for each 136 bytes or part of them.
cdef void keccak256_into(const uint8_t* data, size_t length, uint8_t* digest) noexcept nogil
