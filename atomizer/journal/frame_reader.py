"""Walking the frames of one open file, be it a journal or a head of one, also while it grows."""

import os
from collections.abc import Iterator
from pathlib import Path

from atomizer.errors import JournalError
from atomizer.journal import frames
from atomizer.journal.frames import Frame

_CHUNK_BYTES = 4 * (frames.MAX_PAYLOAD + frames.FRAME_BYTES)  # a frame always fits, so a short one ends the file


class FrameReader:
    """Walks the frames of an open file. `offset` and `next_sequence` are where the next frame is due."""

    def __init__(
        self,
        descriptor: int,
        path: Path,
        first_sequence: int | None = None,
        remedy: str = "restore the file from a copy",
    ) -> None:
        """Reads the header, which says the first sequence unless it is given. `remedy` is for when the file is damaged.

        Raises:
            JournalError: not a journal that this version reads.
        """
        self._descriptor = descriptor
        self._path = path
        self._remedy = remedy
        try:
            self.header = frames.parse_header(os.pread(descriptor, frames.MAX_HEADER_BYTES, 0))
        except JournalError as error:
            raise JournalError(f"{path}: {error}") from error
        except OSError as error:
            raise JournalError(f"{path}: cannot be read: {error}") from error
        self.offset = self.header.size
        self.next_sequence = self.header.first_sequence if first_sequence is None else first_sequence

    def read(self) -> Iterator[Frame]:
        """Intact frames from here on. A torn or damaged tail is left alone: `tail_bytes` says how long it is.

        Raises:
            JournalError: damage with intact records behind it, or records that are missing.
        """
        while data := self._pread(_CHUNK_BYTES):
            try:
                found = frames.parse_frames(data, self.offset, self.next_sequence)
            except JournalError as error:
                raise JournalError(f"{self._path}: {error}; {self._remedy}") from error
            if not found:
                if self._is_tail():
                    return
                continue
            for frame in found:
                self.offset = frame.offset + frames.FRAME_BYTES + len(frame.payload)
                self.next_sequence = frame.sequence + 1
                yield frame
        if self.tail_bytes() < 0:
            raise JournalError(f"{self._path}: has shrunk to less than the {self.offset} bytes that were read")

    def tail_bytes(self) -> int:
        """Bytes in the file behind the last frame read."""
        return os.fstat(self._descriptor).st_size - self.offset

    def tail(self) -> bytes:
        """Those bytes."""
        return self._pread(max(self.tail_bytes(), 0))

    def _pread(self, length: int) -> bytes:
        try:
            return os.pread(self._descriptor, length, self.offset)
        except OSError as error:
            raise JournalError(f"{self._path}: cannot be read at offset {self.offset}: {error}") from error

    def _is_tail(self) -> bool:
        """Whether nothing intact follows; False when the writer has finished the frame since we looked."""
        distance = frames.find_frame(self.tail(), self.next_sequence)
        # A read is no snapshot: the writer may finish this frame and later ones behind its back, after it passed here.
        # Frames are finished in order, so when a later one was seen whole, a further look shows this one.
        if distance > 0 and frames.find_frame(self._pread(_CHUNK_BYTES), self.next_sequence) != 0:
            raise JournalError(
                f"{self._path}: damaged at offset {self.offset}, where record {self.next_sequence} was due, "
                f"and intact records follow at offset {self.offset + distance}: "
                f"this is no torn tail, {self._remedy}"
            )
        return distance < 0
