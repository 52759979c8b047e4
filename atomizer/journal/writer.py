"""Writing a journal: one owner, one store to memory per record, and no second chance after a failed write."""

import errno
import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from atomizer._core.appender import Appender
from atomizer.domain.trading import Record
from atomizer.errors import JournalError
from atomizer.journal import frames
from atomizer.journal.frames import Identity
from atomizer.journal.head import MAX_HEADS, MEMORY, Head, first_head, head_places, write_whole
from atomizer.journal.records import encode_record
from atomizer.journal.recovery import recover
from atomizer.journal.segments import SEGMENT_BYTES, begin_segment

BURST_BYTES = 256 << 10  # of six hundred orders
_COPY_BYTES = 1 << 20  # at a time, from a head to the disk


class JournalWriter:
    """The journal of one account, locked for this process.

    `append` goes to the head in memory, and belongs to one thread. `pump` and `sync` move what it wrote to the disk,
    from any other thread, called by the owner's timers.

    Opening checks every record, cuts a torn tail off, and takes over what a run that died left in its heads; read the
    records back with a `JournalReader` of the same path before the first append. After any failed write or sync
    `failed` says why and everything is refused: what is on disk then is not known, and a good record behind half a one
    would hide the damage.
    """

    failed: str  # why nothing more is written; empty while all is well
    torn_bytes: int  # cut off the end when opening
    torn_path: Path | None  # where they are kept
    taken_over: int  # records that only the heads of a run that died had
    appender: Appender  # for the orders that the compiled lane writes
    head_on_disk: str  # why the head lies on the disk, where an append may wait for it; empty when it is in memory

    def __init__(self, path: Path, identity: Identity, memory: Path = MEMORY) -> None:
        """Opens the file, or begins it. The head goes to `memory`, a tmpfs; where that is none, beside the file.

        Raises:
            JournalError: locked by another process, another account's, of another version, damaged before its end, not
                continued by its heads, or the disk does not let us.
        """
        self.path = path
        self.failed = ""
        self._header = frames.build_header(identity)
        self._disk = threading.Lock()  # held by whoever moves records to the disk; never by `append`
        self._disk_failed = False
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalError(f"{path}: cannot be opened for writing: {error.strerror}") from error
        try:
            self._lock()
            places = head_places(path, memory)
            found = recover(self._descriptor, path, identity, places)
            if found.size >= SEGMENT_BYTES and found.next_sequence > found.first_sequence:
                os.fsync(self._descriptor)
                self._descriptor, size = begin_segment(path, self._descriptor, identity, found.next_sequence)
                found = found._replace(size=size)
            self._head, self._place, self.head_on_disk = first_head(places, self._header, found.next_sequence)
        except OSError as error:
            os.close(self._descriptor)
            raise JournalError(f"{path}: cannot be opened for writing: {error.strerror}") from error
        except JournalError:
            os.close(self._descriptor)
            raise
        self.torn_bytes, self.torn_path, self.taken_over = found.torn_bytes, found.torn_path, found.taken_over
        self._identity = identity
        self._file_bytes = found.size  # of whole records; the pump's
        self._goes_on = True  # in a further file, once this one is long
        self.appender = Appender(self._head.memory, found.next_sequence)
        self._heads = [self._head]  # the oldest first; the last takes the appends
        self._spare: Head | None = None  # the next one, made off the path

    @property
    def last_sequence(self) -> int:
        """Sequence of the last record appended; 0 when there is none."""
        return self.appender.next_sequence - 1

    def findings(self) -> Iterator[str]:
        """What opening it found that people should know, in words."""
        if self.torn_bytes:
            yield f"the journal ended in {self.torn_bytes} torn bytes, kept in {self.torn_path}"
        if self.taken_over:
            yield f"the last run died: its newest {self.taken_over} records were taken over from memory"
        if self.head_on_disk:
            yield f"the journal's head lies on the disk, where a quote may wait for it: {self.head_on_disk}"

    def append(self, record: Record) -> int:
        """Store one record in the head and answer its sequence. No disk is touched, and nothing is waited for.

        From then on it survives the death of this process; the death of the machine only after `sync`.

        Raises:
            JournalError: it could not be taken. A record that cannot be encoded leaves the journal usable.
        """
        self._refuse_if_failed()
        payload = encode_record(record)
        if len(payload) > frames.MAX_PAYLOAD:
            raise JournalError(f"{self.path}: a {type(record).__name__} of {len(payload)} bytes is too long to be true")
        sequence = self.appender.append(payload)
        if not sequence:
            self._begin_next_head(frames.FRAME_BYTES + len(payload))
            sequence = self.appender.append(payload)
        return sequence

    def make_room(self) -> None:
        """Begin the next head while this one still has room for a burst. For whoever appends, beside its timers.

        Raises:
            JournalError: there is no further head.
        """
        if not self.failed and self._head.capacity - self._head.size < BURST_BYTES:
            self._begin_next_head(0)

    def pump(self) -> None:
        """Copy to the journal's file what the head took since the last time. For a timer, in another thread.

        Raises:
            JournalError: the disk did not take it. The head keeps it for the next start, and the journal has failed.
        """
        with self._disk:
            self._refuse_if_failed()
            self._move(settle=len(self._heads) > 1)
            self._prepare()

    def sync(self) -> None:
        """Wait until everything appended so far is on the disk, and go on in a new file when this one is long.

        For a timer, in another thread.

        Raises:
            JournalError: the disk did not take it. What it kept is unknown, so the journal has failed.
        """
        with self._disk:
            self._refuse_if_failed()
            self._move(settle=True, may_begin=self._goes_on)

    def close(self) -> None:
        """Bring everything to the disk, remove the head, and let the file go.

        A head that the disk does not take stays for the next start. Nothing is raised: `failed` tells.
        """
        if self._descriptor < 0:
            return
        self.failed = self.failed or "closed"
        self.appender.is_shut = True
        with self._disk:
            if not self._disk_failed:
                with suppress(JournalError, OSError):
                    self._move(settle=True)
                    self._head.path.unlink(missing_ok=True)
            for head in self._heads:
                head.close()
            if self._spare is not None:
                with suppress(OSError):
                    self._spare.remove()
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _move(self, *, settle: bool, may_begin: bool = False) -> None:
        """Bring whole frames to the disk, and wait for it when they are to `settle`. Holds the lock."""
        try:
            for head in tuple(self._heads):
                self._copy(head)
            if settle:
                self._settle()
            if may_begin and self._file_bytes >= SEGMENT_BYTES:
                self._begin_next_file()
        except OSError as error:
            self._disk_failed = True
            self._fail(f"the disk did not take the records: {error.strerror}", error)

    def _copy(self, head: Head) -> None:
        end = head.size
        while head.copied < end:
            data = os.pread(head.descriptor, min(end - head.copied, _COPY_BYTES), head.copied)
            if not data:
                raise OSError(errno.EIO, f"{head.path} was cut while it was written")
            write_whole(self._descriptor, data, self._file_bytes)
            head.copied += len(data)
            self._file_bytes += len(data)

    def _settle(self) -> None:
        """Wait for the disk; then the heads that it has whole can go, but for the last, which takes the appends."""
        done = [head for head in self._heads[:-1] if head.copied == head.size]
        os.fdatasync(self._descriptor)
        for head in done:
            head.remove()
        del self._heads[: len(done)]

    def _begin_next_file(self) -> None:
        """At a moment when everything is on the disk and nothing is being appended; else the next sync tries again."""
        # In this order: an append raises the size first, so who then finds nothing uncopied knows which comes next.
        sequence, head = self.appender.next_sequence, self._head
        if len(self._heads) > 1 or head.copied != head.size or head is not self._head:
            return
        try:
            self._descriptor, self._file_bytes = begin_segment(self.path, self._descriptor, self._identity, sequence)
        except JournalError:
            self._goes_on = False  # something stands in its way: the next start says so, and this file takes it all

    def _prepare(self) -> None:
        """Make the next head before the last is full. When there is no room, it is for `append` to say so."""
        if self._spare is None and self._head.size > self._head.capacity // 2:
            with suppress(OSError):
                self._spare = Head(self._place.spare(), self._header)

    def _begin_next_head(self, frame_bytes: int) -> None:
        if len(self._heads) >= MAX_HEADS:
            waiting = sum(head.size - head.copied for head in self._heads)
            self._fail(f"the disk hangs: {waiting} bytes wait for it in {MAX_HEADS} heads", None)
        path = self._place.head(self.appender.next_sequence)
        try:
            if self._spare is not None and len(self._header) + frame_bytes <= self._spare.capacity:
                head, self._spare = self._spare, None
            else:  # not by the name of the spare, which the pump may be making at this moment
                head = Head(path, self._header, frame_bytes)
            head.begin(path)
        except OSError as error:
            self._fail(f"{self._place.directory} takes no further head: {error.strerror}", error)
        self._head = head
        self._heads.append(head)
        self.appender.begin(head.memory)

    def _refuse_if_failed(self) -> None:
        if self.failed:
            raise JournalError(f"{self.path}: {self.failed}; nothing more is written")

    def _fail(self, why: str, cause: OSError | None) -> NoReturn:
        self.failed = why
        self.appender.is_shut = True
        raise JournalError(f"{self.path}: {why}") from cause

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise JournalError(f"{self.path}: another trader is writing it; stop that one first") from error
        if not os.path.samestat(os.fstat(self._descriptor), self.path.stat()):
            raise JournalError(f"{self.path}: another trader has just begun a new file of it; stop that one first")
