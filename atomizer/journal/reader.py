"""Reading a journal: whole, or following one that is being written. Takes no lock and changes nothing."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from atomizer.domain.trading import Record
from atomizer.errors import JournalError
from atomizer.journal import frames
from atomizer.journal.chain import Chain
from atomizer.journal.head import MEMORY, head_places
from atomizer.journal.head_reader import HeadReader
from atomizer.journal.records import decode_record


class Entry(NamedTuple):
    """A record and where it stands in the file, or will once it gets there from the head."""

    offset: int
    sequence: int
    record: Record


class JournalReader:
    """A journal opened for reading, its head included, also while a trader writes it."""

    def __init__(self, path: Path, memory: Path = MEMORY) -> None:
        """Opens the file.

        Raises:
            JournalError: it is missing, unreadable, not a journal or of another version.
        """
        self._files = Chain(path)
        self._path = path
        self.version = self._files.header.version
        self.identity = self._files.header.identity
        self._heads = HeadReader(path, self.identity, self._files.owner(), head_places(path, memory))
        self._offset = self._files.header.size
        self._next_sequence = 0  # until it is known where the oldest segment begins

    def read(self, since: int = 0) -> Iterator[Entry]:
        """Entries that were not read before; call again to follow. An unfinished last record is left for next time.

        Those before the sequence `since` are checked, and neither decoded nor given.

        Raises:
            JournalError: damage with intact records behind it, a record that this version does not know, or a head
                that does not belong to the file.
        """
        for _ in range(2):  # the second time for what came while the bulk was read
            self._heads.read()
            for frame in self._files.read(since):
                self._heads.match(frame)
                if frame.sequence >= self._next_sequence:
                    self._offset = frame.offset
                    yield from self._enter(frame.sequence, frame.payload, since)
            self._next_sequence = max(self._next_sequence, self._files.next_sequence)
        for sequence, payload in self._heads.ahead(self._next_sequence):
            yield from self._enter(sequence, payload, since)

    @property
    def first_sequence(self) -> int:
        """Where the records begin that are here: above 1 when the oldest segments were moved away."""
        return self._files.first_sequence

    @property
    def segments(self) -> int:
        """How many files were read."""
        return self._files.segments

    @property
    def last_sequence(self) -> int:
        """Sequence of the last entry read; 0 before any."""
        return max(self._next_sequence - 1, 0)

    @property
    def ahead(self) -> int:
        """How many of the entries read stood in a head only."""
        return self._next_sequence - self._files.next_sequence

    def tail_bytes(self) -> int:
        """Bytes behind the last entry read: unread, unfinished or damaged."""
        unfinished = len(self._heads.tail())
        if self._heads.holds(self._files.next_sequence):
            return unfinished  # the end of the file is a copy in the making of what a head holds
        return unfinished + self._files.tail_bytes()

    def close(self) -> None:
        self._heads.close()
        self._files.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _enter(self, sequence: int, payload: bytes, since: int) -> Iterator[Entry]:
        """The entry that is due, made of this payload."""
        offset = self._offset
        self._offset += frames.FRAME_BYTES + len(payload)
        self._next_sequence = sequence + 1
        if sequence < since:
            return
        try:
            record = decode_record(payload)
        except JournalError as error:
            raise JournalError(f"{self._path}: record {sequence} at offset {offset}: {error}") from error
        yield Entry(offset, sequence, record)
