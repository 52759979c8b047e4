/* The 32-byte big-endian words of Ethereum's ABI, written from C and Python integers. */
#ifndef ATOMIZER_ABI_WORDS_H
#define ATOMIZER_ABI_WORDS_H

#include <Python.h>
#include <stdint.h>
#include <string.h>

enum { ABI_WORD = 32 };

static inline void abi_put_u64(uint8_t *word, uint64_t value) {
    value = __builtin_bswap64(value);
    memset(word, 0, 24);
    memcpy(word + 24, &value, 8);
}

/* int256 of nanos * 10^9: an int64 count of 10^-9 as the 10^-18 that contracts sign. Cannot overflow 128 bits. */
static inline void abi_put_nanos_as_e18(uint8_t *word, int64_t nanos) {
    const __int128 e18 = (__int128)nanos * 1000000000;
    const uint64_t high = __builtin_bswap64((uint64_t)(e18 >> 64)), low = __builtin_bswap64((uint64_t)e18);
    memset(word, nanos < 0 ? 0xff : 0, 16);
    memcpy(word + 16, &high, 8);
    memcpy(word + 24, &low, 8);
}

/* A Python int as int256 (`is_signed`) or uint256. -1 with OverflowError or TypeError set when it does not fit. */
static inline int abi_put_integer(uint8_t *word, PyObject *value, int is_signed) {
    if (!PyLong_Check(value)) {
        PyErr_Format(PyExc_TypeError, "an integer is required, not %.80s", Py_TYPE(value)->tp_name);
        return -1;
    }
#if PY_VERSION_HEX >= 0x030d0000
    const int flags = Py_ASNATIVEBYTES_BIG_ENDIAN |
                      (is_signed ? 0 : Py_ASNATIVEBYTES_UNSIGNED_BUFFER | Py_ASNATIVEBYTES_REJECT_NEGATIVE);
    const Py_ssize_t needed = PyLong_AsNativeBytes(value, word, ABI_WORD, flags);
    if (needed < 0) return -1;
    if (needed > ABI_WORD) {
        PyErr_SetString(PyExc_OverflowError, "int too big to convert");
        return -1;
    }
    return 0;
#else
    /* The conversion goes byte by byte, so it is asked only for those that the number has; the rest is its sign. */
    const int negative = _PyLong_Sign(value) < 0;
    const size_t bits = _PyLong_NumBits(value); /* of the magnitude; the sign needs one more */
    const size_t size = bits < 8 * ABI_WORD ? bits / 8 + 1 : ABI_WORD;
    memset(word, negative ? 0xff : 0, ABI_WORD - size);
    return _PyLong_AsByteArray((PyLongObject *)value, word + ABI_WORD - size, size, 0, is_signed);
#endif
}

#endif
