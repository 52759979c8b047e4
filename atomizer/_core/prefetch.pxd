# prefetch: memory that will be read or written soon, brought into the cache while something else is done. It changes
# nothing.

from libc.stdint cimport uintptr_t

cdef extern from *:
    void __builtin_prefetch(const void*, int) noexcept nogil

cdef enum:
    LINE_SIZE = 64          # of a cache

cdef inline void prefetch_memory(const void* memory, Py_ssize_t size) noexcept nogil:
    cdef const char* at = <const char*>(<uintptr_t>memory & ~<uintptr_t>(LINE_SIZE - 1))
    while at < <const char*>memory + size:
        __builtin_prefetch(at, 1)
        at += LINE_SIZE
