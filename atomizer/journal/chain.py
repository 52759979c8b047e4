"""Walking a journal's files one after the other, the older segments first, also while the last is written."""

import os
from collections.abc import Iterator
from pathlib import Path

from atomizer.errors import JournalError
from atomizer.journal.frame_reader import FrameReader
from atomizer.journal.frames import FIRST_SEQUENCE, Frame
from atomizer.journal.segments import find_segments


class Chain:
    """The frames of a journal in order. They begin at `first_sequence`: older segments may have been moved away."""

    def __init__(self, path: Path) -> None:
        """Opens the file that is written, for its header.

        Raises:
            JournalError: it is missing, unreadable, not a journal or of another version.
        """
        self._path = path
        self._open_file(path)
        self.header = self._reader.header
        self._is_begun = False
        self.first_sequence = self.header.first_sequence
        self.segments = 1

    def read(self, since: int) -> Iterator[Frame]:
        """Frames that were not read before. Segments that end before the sequence `since` are left out.

        Raises:
            JournalError: damage with intact records behind it, in an older segment any damage, or missing records.
        """
        if not self._is_begun:
            self._is_begun = True
            self._begin(since)
        while True:
            yield from self._reader.read()
            if self._is_newest():
                return
            yield from self._reader.read()  # what came before it was put aside
            if tail_bytes := self._reader.tail_bytes():
                raise JournalError(
                    f"{self._file}: {tail_bytes} bytes at its end are no whole record, and the journal goes on in "
                    "another file: restore this one from a copy"
                )
            self._open_next()

    @property
    def next_sequence(self) -> int:
        return self._reader.next_sequence

    def tail_bytes(self) -> int:
        return self._reader.tail_bytes()

    def owner(self) -> int:
        """User id that the file belongs to."""
        return os.fstat(self._descriptor).st_uid

    def close(self) -> None:
        os.close(self._descriptor)

    def _begin(self, since: int) -> None:
        """Go back to the segment that holds `since`, or to the oldest that there is."""
        if self.header.first_sequence <= max(since, FIRST_SEQUENCE):
            return
        older = [each for each in find_segments(self._path) if each.first_sequence < self.header.first_sequence]
        holding = [each for each in older if each.first_sequence <= max(since, FIRST_SEQUENCE)]
        if older:
            self._replace((holding or older[:1])[-1].path)
            self.first_sequence = self._reader.header.first_sequence
            self.segments = 1

    def _is_newest(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except OSError as error:
            raise JournalError(f"{self._path}: cannot be opened: {error.strerror}") from error

    def _open_next(self) -> None:
        sequence = self._reader.next_sequence
        older = (each for each in find_segments(self._path) if each.path != self._file)
        found = [each.path for each in older if each.first_sequence == sequence]
        self._replace(found[0] if found else self._path)
        if self._reader.header.first_sequence != sequence:
            raise JournalError(
                f"{self._path}: records {sequence} to {self._reader.header.first_sequence - 1} are missing: "
                f"bring back the file that begins with record {sequence}"
            )

    def _replace(self, path: Path) -> None:
        before = self._descriptor
        self._open_file(path)
        os.close(before)
        self.segments += 1
        found, wanted = self._reader.header.identity, self.header.identity
        if found != wanted:
            raise JournalError(f"{path}: is of the book of {found}, not of {wanted}")

    def _open_file(self, path: Path) -> None:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise JournalError(f"{path}: cannot be opened: {error.strerror}") from error
        try:
            self._reader = FrameReader(descriptor, path)
        except JournalError:
            os.close(descriptor)
            raise
        self._descriptor, self._file = descriptor, path
