"""Keccak-256 as Ethereum uses it (original padding, not SHA-3's). The permutation itself is in keccak_f1600.h."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t


cdef extern from "keccak_f1600.h" nogil:
    ctypedef void (*keccak256_function)(const uint8_t*, size_t, uint8_t*) noexcept nogil
    keccak256_function keccak256_choose() noexcept

# Chosen once for this processor; never written again, so it is read without the GIL.
cdef keccak256_function _keccak256 = keccak256_choose()


cdef void keccak256_into(const uint8_t* data, size_t length, uint8_t* digest) noexcept nogil:
    _keccak256(data, length, digest)


def keccak256(data):
    """32-byte digest."""
    cdef bytes digest = PyBytes_FromStringAndSize(NULL, 32)
    cdef Py_buffer view
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    _keccak256(<const uint8_t*>view.buf, view.len, <uint8_t*>PyBytes_AS_STRING(digest))
    PyBuffer_Release(&view)
    return digest
