"""Writing a journal file: one owner, one write per record, and no second chance after a failed one."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from atomizer.domain.trading import Record
from atomizer.errors import JournalError
from atomizer.journal import frames
from atomizer.journal.frames import Identity
from atomizer.journal.reader import FrameReader
from atomizer.journal.records import encode_record


class JournalWriter:
    """The journal of one account, locked for this process.

    Opening checks every record and cuts a torn tail off; read the records back with a `JournalReader` of the same path
    before the first append. After any failed write or sync `failed` says why and everything is refused: what is on
    disk then is not known, and a good record behind half a one would hide the damage.
    """

    failed: str  # why nothing more is written; empty while all is well
    torn_bytes: int  # cut off the end when opening
    torn_path: Path | None  # where they are kept

    def __init__(self, path: Path, identity: Identity) -> None:
        """Opens the file, or begins it.

        Raises:
            JournalError: locked by another process, another account's, of another version, damaged before its end, or
                the disk does not let us.
        """
        self.path = path
        self.failed = ""
        self.torn_bytes = 0
        self.torn_path = None
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalError(f"{path}: cannot be opened for writing: {error.strerror}") from error
        try:
            self._lock()
            self._begin(identity)
            self._next_sequence = self._recover(identity)
        except OSError as error:
            os.close(self._descriptor)
            raise JournalError(f"{path}: cannot be opened for writing: {error.strerror}") from error
        except JournalError:
            os.close(self._descriptor)
            raise

    @property
    def last_sequence(self) -> int:
        """Sequence of the last record in the file; 0 when there is none."""
        return self._next_sequence - 1

    def append(self, record: Record) -> int:
        """Hand one record to the kernel, in one write, and answer its sequence.

        From then on it survives the death of this process; the death of the machine only after `sync`.

        Raises:
            JournalError: it could not be written. A record that cannot be encoded leaves the journal usable.
        """
        if self.failed:
            raise JournalError(f"{self.path}: {self.failed}; nothing more is written")
        sequence = self._next_sequence
        payload = encode_record(record)
        if len(payload) > frames.MAX_PAYLOAD:
            raise JournalError(f"{self.path}: a {type(record).__name__} of {len(payload)} bytes is too long to be true")
        self._write(frames.build_frame(sequence, payload))
        self._next_sequence = sequence + 1
        return sequence

    def sync(self) -> None:
        """Wait until everything appended so far is on the disk. For a timer; may run in another thread.

        Raises:
            JournalError: the disk did not take it. What it kept is unknown, so the journal has failed.
        """
        if self.failed:
            raise JournalError(f"{self.path}: {self.failed}; nothing more is written")
        try:
            os.fdatasync(self._descriptor)
        except OSError as error:
            self._fail(f"sync failed: {error.strerror}", error)

    def close(self) -> None:
        """Sync what can be, and let the file go."""
        if self._descriptor < 0:
            return
        descriptor, self._descriptor = self._descriptor, -1
        self.failed = self.failed or "closed"
        with suppress(OSError):
            os.fdatasync(descriptor)
        os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, data: bytes) -> None:
        try:
            written = os.write(self._descriptor, data)
        except OSError as error:
            self._fail(f"write failed: {error.strerror}", error)
        if written != len(data):
            self._fail(f"only {written} of {len(data)} bytes were written: the disk is full or has failed", None)

    def _fail(self, why: str, cause: OSError | None) -> NoReturn:
        self.failed = why
        raise JournalError(f"{self.path}: {why}") from cause

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise JournalError(f"{self.path}: another trader is writing it; stop that one first") from error

    def _begin(self, identity: Identity) -> None:
        """Write the header of a new file, or of one whose creation was cut short."""
        header = frames.build_header(identity)
        start = os.pread(self._descriptor, len(header), 0)
        if len(start) == len(header) or not header.startswith(start):
            return
        os.ftruncate(self._descriptor, 0)
        self._write(header)
        os.fsync(self._descriptor)
        _sync_directory(self.path.parent)

    def _recover(self, identity: Identity) -> int:
        """Check every record, cut the tail; answer the sequence that is due next."""
        reader = FrameReader(self._descriptor, self.path)
        found = reader.header.identity
        if found != identity:
            raise JournalError(
                f"{self.path}: is the book of {found}, not of {identity}; give each account its own file"
            )
        for _ in reader.read():
            pass
        self.torn_bytes = reader.tail_bytes()
        if self.torn_bytes:
            self._keep_aside(os.pread(self._descriptor, self.torn_bytes, reader.offset), reader.offset)
            os.ftruncate(self._descriptor, reader.offset)
            os.fsync(self._descriptor)
        return reader.next_sequence

    def _keep_aside(self, tail: bytes, offset: int) -> None:
        """Append the torn tail to a file beside the journal, named by where it was cut."""
        self.torn_path = self.path.with_name(f"{self.path.name}.{offset}.torn")
        with self.torn_path.open("ab") as file:
            file.write(tail)
            file.flush()
            os.fsync(file.fileno())
        _sync_directory(self.path.parent)


def _sync_directory(path: Path) -> None:
    """A new name is only on the disk once its directory is."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
