"""Frames of the journal, stored into memory that is a file: no system call, no Python object, nothing that waits."""

from mmap import mmap
from typing import Final, Self, final

@final
class HeadMemory:
    """Writable memory whose first `size` bytes are whole frames, and what stood before them; zeros behind."""

    capacity: int
    size: int

    def __new__(cls, memory: bytearray | memoryview | mmap | bytes, size: int) -> Self:
        """Holds the memory's buffer until `release`.

        Raises:
            ValueError: the size does not lie within.
            BufferError: the memory is read-only.
        """

    def release(self) -> None:
        """Let the memory go; nothing can be stored in it any more."""

@final
class Appender:
    """Gives each frame its sequence and its checksum. One thread."""

    head: HeadMemory  # the one that takes the frames
    next_sequence: int
    is_shut: bool  # nothing more is taken

    def __new__(cls, head: HeadMemory, next_sequence: int) -> Self: ...
    def begin(self, head: HeadMemory) -> None:
        """Store into another head from now on."""

    def append(self, payload: bytes) -> int:
        """Store a frame; its sequence, or 0 when there is no room or nothing is taken any more."""

INSTRUCTION_SETS: Final[tuple[str, ...]]  # of this machine, slowest first: plain, clmul

def use_instructions(name: str) -> None:
    """Use one of INSTRUCTION_SETS for checksums instead of the fastest, to compare them. ValueError on any other."""
