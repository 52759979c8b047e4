"""Book frames of the venues, bytes straight into a Book: Derive's `orderbook.…` and Deribit's `book.…` notices.

Compact JSON as the venues write it is read; everything else is handed back unread, with a status that says why, and
goes to the strict slow path. What is read here is read there to the same book.
"""

from typing import Final

from atomizer._core.book import Book

# Words of the statuses below, by their number.
STATUSES: Final[tuple[str, ...]]
# This status and all above it: not understood, and the book is untouched.
UNREAD: Final[int]

def channel_of(frame: bytes | bytearray | memoryview) -> str | None:
    """The channel of a book frame; None for any other frame."""

def read_book(frame: bytes | bytearray | memoryview, book: Book, received_ns: int) -> int:
    """Make the book what the frame says; the number of a status.

    `applied`: so it is. `old` (Derive): not above the book's sequence, nothing changed. `no_snapshot` (Deribit): a
    change for a dark book, nothing changed. `gap` (Deribit): it does not follow the book's sequence; the book is dark
    now. `bad_levels`: crossed, out of order, not positive or too many; the book is dark now. From UNREAD on: nothing
    changed.

    A connection counts from anywhere: when one is lost, darken its books and set their sequence to 0.
    """

INSTRUCTION_SETS: Final[tuple[str, ...]]  # of this machine, slowest first: bytewise, plain, avx2

def use_instructions(name: str) -> None:
    """Use one of INSTRUCTION_SETS instead of the fastest, to compare them. ValueError on any other."""
