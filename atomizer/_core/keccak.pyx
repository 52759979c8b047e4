"""Keccak-256 as Ethereum uses it (original padding, not SHA-3's). The permutation itself is in keccak_f1600.h."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t


cdef extern from "keccak_f1600.h" nogil:
    enum:
        KECCAK_SETS
    ctypedef struct keccak256_instructions:
        const char* name
        void (*hash)(const uint8_t* data, size_t length, uint8_t* digest) noexcept nogil
    int keccak256_here(keccak256_instructions* found) noexcept

cdef keccak256_instructions available[KECCAK_SETS]
cdef int available_count = keccak256_here(available)
cdef keccak256_instructions chosen = available[available_count - 1]

globals()["INSTRUCTION_SETS"] = tuple([available[at].name.decode() for at in range(available_count)])


cdef void keccak256_into(const uint8_t* data, size_t length, uint8_t* digest) noexcept nogil:
    chosen.hash(data, length, digest)


def keccak256(data):
    """32-byte digest."""
    cdef bytes digest = PyBytes_FromStringAndSize(NULL, 32)
    cdef Py_buffer view
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    chosen.hash(<const uint8_t*>view.buf, view.len, <uint8_t*>PyBytes_AS_STRING(digest))
    PyBuffer_Release(&view)
    return digest


def use_instructions(str name):
    global chosen
    cdef int at
    for at in range(available_count):
        if available[at].name.decode() == name:
            chosen = available[at]
            return
    raise ValueError(f"this machine has no {name!r} instructions")
