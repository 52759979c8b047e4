"""Reading the heads of a journal: what they hold that the journal's file may not have yet."""

import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from atomizer.errors import JournalError
from atomizer.journal import frames
from atomizer.journal.frame_reader import FrameReader
from atomizer.journal.frames import Frame, Identity
from atomizer.journal.head import HeadFile, Place, find_heads

_REMEDY = "move this head away to go on without what only it holds"


class HeadReader:
    """All heads of one journal, read side by side with its file and checked against it.

    A head goes only once the file has all of it. So whoever calls `read` first and reads the file then, misses nothing.
    """

    def __init__(self, journal: Path, identity: Identity, owner: int, places: tuple[Place, Place]) -> None:
        """`owner` is the user id that the journal's file belongs to."""
        self._journal = journal
        self._identity = identity
        self._owners = {owner, os.geteuid(), 0}
        self._places = places
        self._open: dict[HeadFile, tuple[int, FrameReader]] = {}
        self._payloads: dict[int, bytes] = {}  # by sequence, rising: what the file has not shown yet

    def read(self) -> None:
        """Take in every whole record that was added since.

        Raises:
            JournalError: a head is damaged, of another book, or another user's.
        """
        found = find_heads(self._places)
        for gone in self._open.keys() - set(found):
            os.close(self._open.pop(gone)[0])
        for file in found:
            if file not in self._open and not self._begin(file):
                continue
            for frame in self._open[file][1].read():
                self._payloads[frame.sequence] = frame.payload

    def match(self, frame: Frame) -> None:
        """The file shows this record, too.

        Raises:
            JournalError: a head has another one in its place.
        """
        if self._payloads.pop(frame.sequence, frame.payload) != frame.payload:
            raise JournalError(
                f"{self._journal}: record {frame.sequence} is not the one that a head of it holds "
                f"({self._names()}): the journal was replaced since; {_REMEDY}"
            )

    def ahead(self, sequence: int) -> Iterator[tuple[int, bytes]]:
        """Sequence and payload of the records from `sequence` on, which the file has not shown.

        Raises:
            JournalError: records are missing between the file and a head.
        """
        while (payload := self._payloads.get(sequence)) is not None:
            yield sequence, payload
            sequence += 1
        last = next(reversed(self._payloads), 0)
        if last >= sequence:
            raise JournalError(
                f"{self._journal}: record {sequence} is missing, and a head of it goes on to record {last} "
                f"({self._names()}): the journal was cut or replaced since; {_REMEDY}"
            )

    def holds(self, sequence: int) -> bool:
        return sequence in self._payloads

    def tail(self) -> bytes:
        """What stands behind the last whole record of each head, but for the zeros that are room for more."""
        return b"".join(reader.tail().rstrip(b"\0") for _, reader in self._open.values())

    def lock(self) -> None:
        """Make sure that nobody writes them: a trader elsewhere may know another file by the same path.

        Raises:
            JournalError: somebody does.
        """
        try:
            for descriptor, _ in self._open.values():
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise JournalError(
                f"{self._journal}: another trader is writing its head ({self._names()}); stop that one first"
            ) from error

    def close(self) -> None:
        for descriptor, _ in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def _begin(self, file: HeadFile) -> bool:
        """Open a head; False when it is gone or its creation was cut short, so that it holds nothing."""
        try:
            descriptor = os.open(file.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise JournalError(f"{file.path}: cannot be opened: {error.strerror}; {_REMEDY}") from error
        try:
            reader = self._check(descriptor, file)
        except JournalError:
            os.close(descriptor)
            raise
        if reader is None:
            os.close(descriptor)
            return False
        self._open[file] = (descriptor, reader)
        return True

    def _check(self, descriptor: int, file: HeadFile) -> FrameReader | None:
        status = os.fstat(descriptor)
        # Anyone may make files in /dev/shm, and what a head says is believed.
        if not stat.S_ISREG(status.st_mode) or status.st_uid not in self._owners:
            raise JournalError(f"{file.path}: is not a file of ours, it belongs to user {status.st_uid}; {_REMEDY}")
        header = frames.build_header(self._identity)
        if status.st_size < len(header) and header.startswith(os.pread(descriptor, len(header), 0)):
            return None
        reader = FrameReader(descriptor, file.path, file.first_sequence, _REMEDY)
        if reader.header.identity != self._identity:
            raise JournalError(
                f"{file.path}: is a head of the book of {reader.header.identity}, and {self._journal} is the book of "
                f"{self._identity}; {_REMEDY}"
            )
        return reader

    def _names(self) -> str:
        return ", ".join(str(file.path) for file in self._open)
