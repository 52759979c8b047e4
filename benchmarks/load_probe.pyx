# cython: language_level=3
"""What the venues would do to their frames, on the core that is measured: so it takes next to no time."""

from cpython.bytearray cimport PyByteArray_AS_STRING


def count_up(bytearray frame, Py_ssize_t last, int by):
    """Add to the decimal number whose last digit stands at `last`; there are digits enough before it."""
    cdef char* at = PyByteArray_AS_STRING(frame) + last
    while by:
        by += at[0] - c"0"
        at[0] = c"0" + by % 10
        by //= 10
        at -= 1
