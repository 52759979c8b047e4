# scan: book frames of the venues, bytes straight into a Book. It reads the compact JSON that the venues send and hands
# everything else back unread: the caller then takes the strict slow path, which reads any JSON and says in words what
# is wrong. What is read here is read there to the same book.
# Two steps: `scan_channel` finds whose frame it is, the caller finds that book, `scan_book` fills it.
# Nothing here allocates, keeps a pointer into the frame, or reads outside of [frame, frame + length).

from libc.stdint cimport int64_t

from atomizer._core.book cimport Book

cdef enum Kind:
    NOT_A_BOOK = 0          # another frame, or an envelope that we do not know: slow path
    DERIVE_BOOK = 1         # orderbook.{instrument}.{group}.{depth}: every frame is the whole book
    DERIBIT_BOOK = 2        # book.{instrument}.{raw|100ms|agg2}: a snapshot, then changes chained by their ids

cdef struct Head:
    Kind kind
    const char* channel         # inside the frame, printable ASCII; dies with the frame
    Py_ssize_t channel_length   # above 0
    Py_ssize_t data             # offset of the opening brace of the data

cdef enum Scan:
    APPLIED = 0             # the book is what the frame says
    OLD = 1                 # Derive: not above the book's sequence; nothing changed
    NO_SNAPSHOT = 2         # Deribit: a change, but the book is dark already; nothing changed
    GAP = 3                 # Deribit: a change that does not follow the book's sequence; the book went dark
    BAD_LEVELS = 4          # crossed, out of order, not positive, more than a side holds; the book went dark
    # From here on: not understood, the book is untouched, take the slow path.
    UNREAD = 5              # for `status >= UNREAD`; itself: the frame is of no kind
    TRUNCATED = 6           # ends inside
    TRAILING = 7            # goes on after its end
    UNKNOWN_KEY = 8
    REPEATED_KEY = 9
    MISSING_KEY = 10
    BAD_VALUE = 11          # of another type or form; an escape, a blank
    TOO_PRECISE = 12        # a decimal beyond the ninth; a JSON number of more digits than a double keeps
    TOO_LARGE = 13          # beyond int64 nanos
    OUT_OF_RANGE = 14       # a time outside of 2020 to 2100, an id of no sense
    TOO_MANY_LEVELS = 15    # beyond a side's capacity
    SCANS = 16

# `head` is left alone on NOT_A_BOOK.
cdef Kind scan_channel(const char* frame, Py_ssize_t length, Head* head) noexcept nogil

# With the frame and the head of a `scan_channel` just before. A connection counts from anywhere: when one is lost,
# darken its books and set their sequence to 0, which in a dark book means "nothing yet".
cdef Scan scan_book(
    const char* frame, Py_ssize_t length, const Head* head, Book book, int64_t received_ns
) noexcept nogil
