"""Reading a journal file: whole, or following one that is being written. Takes no lock and changes nothing."""

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from atomizer.domain.trading import Record
from atomizer.errors import JournalError
from atomizer.journal import frames
from atomizer.journal.frames import Frame
from atomizer.journal.records import decode_record

_CHUNK_BYTES = 4 * (frames.MAX_PAYLOAD + frames.FRAME_BYTES)  # a frame always fits, so a short one ends the file


class Entry(NamedTuple):
    """A record and where it stands in the file."""

    offset: int
    sequence: int
    record: Record


class FrameReader:
    """Walks the frames of an open file. `offset` and `next_sequence` are where the next frame is due."""

    def __init__(self, descriptor: int, path: Path) -> None:
        """Reads the header.

        Raises:
            JournalError: not a journal that this version reads.
        """
        self._descriptor = descriptor
        self._path = path
        try:
            self.header = frames.parse_header(os.pread(descriptor, frames.MAX_HEADER_BYTES, 0))
        except JournalError as error:
            raise JournalError(f"{path}: {error}") from error
        except OSError as error:
            raise JournalError(f"{path}: cannot be read: {error}") from error
        self.offset = self.header.size
        self.next_sequence = frames.FIRST_SEQUENCE

    def read(self) -> Iterator[Frame]:
        """Intact frames from here on. A torn or damaged tail is left alone: `tail_bytes` says how long it is.

        Raises:
            JournalError: damage with intact records behind it, or records that are missing.
        """
        while data := self._pread(_CHUNK_BYTES):
            try:
                found = frames.parse_frames(data, self.offset, self.next_sequence)
            except JournalError as error:
                raise JournalError(f"{self._path}: {error}") from error
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

    def _pread(self, length: int) -> bytes:
        try:
            return os.pread(self._descriptor, length, self.offset)
        except OSError as error:
            raise JournalError(f"{self._path}: cannot be read at offset {self.offset}: {error}") from error

    def _is_tail(self) -> bool:
        """Whether nothing intact follows; False when the writer has finished the frame since we looked."""
        distance = frames.find_frame(self._pread(max(self.tail_bytes(), 0)), self.next_sequence)
        if distance > 0:
            raise JournalError(
                f"{self._path}: damaged at offset {self.offset}, where record {self.next_sequence} was due, "
                f"and intact records follow at offset {self.offset + distance}: "
                "this is no torn tail, restore the file from a copy"
            )
        return distance < 0


class JournalReader:
    """A journal opened for reading, also while a trader writes it."""

    def __init__(self, path: Path) -> None:
        """Opens the file.

        Raises:
            JournalError: it is missing, unreadable, not a journal or of another version.
        """
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise JournalError(f"{path}: cannot be opened: {error.strerror}") from error
        try:
            self._frames = FrameReader(self._descriptor, path)
        except JournalError:
            os.close(self._descriptor)
            raise
        self._path = path
        self.version = self._frames.header.version
        self.identity = self._frames.header.identity

    def read(self) -> Iterator[Entry]:
        """Entries that were not read before; call again to follow. An unfinished last record is left for next time.

        Raises:
            JournalError: damage with intact records behind it, or a record that this version does not know.
        """
        for frame in self._frames.read():
            try:
                record = decode_record(frame.payload)
            except JournalError as error:
                raise JournalError(
                    f"{self._path}: record {frame.sequence} at offset {frame.offset}: {error}"
                ) from error
            yield Entry(frame.offset, frame.sequence, record)

    @property
    def last_sequence(self) -> int:
        """Sequence of the last entry read; 0 before any."""
        return self._frames.next_sequence - 1

    def tail_bytes(self) -> int:
        """Bytes behind the last entry read: unread, unfinished or damaged."""
        return self._frames.tail_bytes()

    def close(self) -> None:
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
