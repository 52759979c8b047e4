# cython: language_level=3, boundscheck=False, wraparound=False
"""Book frames read in a loop, without the GIL: by the core, and by the peer in C."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from atomizer._core.book cimport Book
from atomizer._core.scan cimport APPLIED, NOT_A_BOOK, Head, scan_book, scan_channel


cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE 1
    #endif
    """
cdef extern from "plain_scanner.h" nogil:
    struct plain_level:
        int64_t price
        int64_t size
    struct plain_book:
        int64_t sequence
        int counts[2]
        plain_level sides[2][512]
    void plain_set(plain_book* book, int side, plain_level level)
    int plain_derive(const char* at, const char* end, plain_book* book)
    int plain_deribit(const char* at, const char* end, plain_book* book)

cdef enum:
    MOST_FRAMES = 256

cdef struct Texts:
    const char* at[MOST_FRAMES]
    Py_ssize_t size[MOST_FRAMES]
    Py_ssize_t count


cdef Texts _texts(list frames):
    cdef Texts texts
    cdef bytes frame
    texts.count = len(frames)
    for index, frame in enumerate(frames):
        texts.at[index] = PyBytes_AS_STRING(frame)
        texts.size[index] = PyBytes_GET_SIZE(frame)
    return texts


def scans(Book book, list frames, bint is_whole):
    """How many of the frames became the book. `is_whole`: each frame is a whole book, so it starts from nothing."""
    cdef Texts texts = _texts(frames)
    cdef Head head
    cdef Py_ssize_t at
    cdef int applied = 0
    if is_whole:
        book.sequence = 0
        book.dark = True
    with nogil:
        for at in range(texts.count):
            if scan_channel(texts.at[at], texts.size[at], &head) != NOT_A_BOOK:
                applied += scan_book(texts.at[at], texts.size[at], &head, book, 1) == APPLIED
    return applied


cdef class PlainBook:
    cdef plain_book* book

    def __cinit__(self):
        self.book = <plain_book*>malloc(sizeof(plain_book))
        memset(self.book, 0, sizeof(plain_book))

    def __dealloc__(self):
        free(self.book)

    def fill(self, bids, asks):
        """Levels of (price, size), best first."""
        for side, levels in enumerate((bids, asks)):
            self.book.counts[side] = len(levels)
            for at, (price, size) in enumerate(levels):
                self.book.sides[side][at] = plain_level(price, size)


def plain_scans(PlainBook book, list frames, bint is_whole):
    """As `scans`, by the peer."""
    cdef Texts texts = _texts(frames)
    cdef Py_ssize_t at
    cdef int applied = 0
    if is_whole:
        book.book.sequence = 0
    with nogil:
        for at in range(texts.count):
            if is_whole:
                applied += plain_derive(texts.at[at], texts.at[at] + texts.size[at], book.book)
            else:
                applied += plain_deribit(texts.at[at], texts.at[at] + texts.size[at], book.book)
    return applied


def plain_changes(PlainBook book, const int64_t[:, ::1] stream):
    """Apply each (is_bid, price, size) to the peer's book and read the touch of its side; the sum of the touches."""
    cdef int64_t total = 0
    cdef Py_ssize_t at
    cdef int side
    with nogil:
        for at in range(stream.shape[0]):
            side = stream[at, 0] == 0
            plain_set(book.book, side, plain_level(stream[at, 1], stream[at, 2]))
            total += book.book.sides[side][0].price & 0xFF
    return total
