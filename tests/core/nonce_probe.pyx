# cython: language_level=3
"""What tests cannot reach from Python: arithmetic modulo n, and many threads signing at once without the GIL."""

from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport free, malloc

from atomizer._core.ecdsa cimport SIGNATURE_SIZE, Signer


cdef extern from "scalar.h" nogil:
    ctypedef struct scalar:
        uint64_t limb[4]
    void scalar_load(scalar* out, const uint8_t* big_endian) noexcept
    void scalar_store(uint8_t* big_endian, const scalar* value) noexcept
    bint scalar_is_valid(const scalar* value) noexcept
    bint scalar_make_low(scalar* value) noexcept
    void scalar_multiply_add(scalar* out, const scalar* a, const scalar* b, const scalar* c) noexcept
    void scalar_invert_variable_time(scalar* out, const scalar* value) noexcept

cdef extern from *:
    """
    static int waiting; /* threads that still have to arrive before all may start */
    #define PROBE_ARRIVE() __atomic_sub_fetch(&waiting, 1, __ATOMIC_ACQ_REL)
    #define PROBE_WAITING() __atomic_load_n(&waiting, __ATOMIC_ACQUIRE)
    #define PROBE_EXPECT(count) __atomic_store_n(&waiting, count, __ATOMIC_RELEASE)
    """
    int PROBE_ARRIVE() noexcept nogil
    int PROBE_WAITING() noexcept nogil
    void PROBE_EXPECT(int) noexcept nogil


cdef scalar _scalar(value):
    cdef scalar loaded
    cdef bytes big_endian = value.to_bytes(32, "big")
    scalar_load(&loaded, <const uint8_t*><char*>big_endian)
    return loaded


cdef object _integer(const scalar* value):
    cdef uint8_t big_endian[32]
    scalar_store(big_endian, value)
    return int.from_bytes(big_endian[:32], "big")


def is_valid(value):
    cdef scalar loaded = _scalar(value)
    return scalar_is_valid(&loaded)


def make_low(value):
    cdef scalar loaded = _scalar(value)
    cdef bint negated = scalar_make_low(&loaded)
    return _integer(&loaded), negated


def multiply_add(a, b, c):
    cdef scalar left = _scalar(a), right = _scalar(b), term = _scalar(c), out
    scalar_multiply_add(&out, &left, &right, &term)
    return _integer(&out)


def invert(value):
    cdef scalar loaded = _scalar(value), out
    scalar_invert_variable_time(&out, &loaded)
    return _integer(&out)


def expect(int threads):
    """The next `threads` calls of sign_together start at the same instant."""
    PROBE_EXPECT(threads)


def sign_together(Signer signer, bytes digest, int count):
    """`count` signatures of one digest, made without the GIL once every expected thread has arrived."""
    cdef uint8_t* signatures = <uint8_t*>malloc(count * SIGNATURE_SIZE)
    cdef const uint8_t* message = <const uint8_t*><char*>digest
    cdef int index
    with nogil:
        PROBE_ARRIVE()
        while PROBE_WAITING() > 0:
            pass
        for index in range(count):
            signer.sign_into(message, signatures + index * SIGNATURE_SIZE)
    try:
        return [signatures[index * SIGNATURE_SIZE:(index + 1) * SIGNATURE_SIZE] for index in range(count)]
    finally:
        free(signatures)
