"""The head of a journal: a file in memory that takes each record before the disk does. Where it lies, and its life.

A write to a file on disk waits, for milliseconds, while the file system commits for anyone. A write to a tmpfs never
does, and outlives the process as well. So the newest records lie in a head, and reach the journal off the path.

A head has the layout of a journal. Its name carries the first sequence it may hold:
`/dev/shm/atomizer-PLACE.SEQUENCE.head`, where PLACE stands for the journal's path; or, where there is no memory to
lie in, `JOURNAL.SEQUENCE.head` beside the journal.
"""

import errno
import fcntl
import os
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from atomizer.errors import JournalError

MEMORY = Path("/dev/shm")  # noqa: S108  the kernel's shared memory; heads are made 0600, exclusively, and owners checked
HEAD_BYTES = 4 << 20  # then the next head is begun
MAX_HEADS = 4  # more would fill Docker's 64 MB with what a hanging disk does not take

_SUFFIX = ".head"


class HeadFile(NamedTuple):
    """A head that was found. The inode tells it from an earlier one of the same name."""

    first_sequence: int
    path: Path
    inode: int


class Head:
    """A head that this process writes. `size` is the appender's, `copied` the pump's, so neither needs a lock."""

    __slots__ = ("copied", "descriptor", "path", "shift", "size")

    def __init__(self, path: Path, header: bytes, journal_bytes: int) -> None:
        """Makes the file. The journal will be `journal_bytes` long when this head's first frame reaches it.

        Raises:
            OSError: the place does not take it.
        """
        self.path = path
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            write_whole(self.descriptor, header, 0)
        except OSError:
            self.remove()
            raise
        self.size = len(header)  # of all whole frames, the header first
        self.copied = self.size  # of them on the disk
        self.shift = journal_bytes - self.size  # from a position here to the one in the journal

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        os.close(self.descriptor)


class Place(NamedTuple):
    """A directory where a journal may have heads, and how their names begin there."""

    directory: Path
    stem: str

    def head(self, sequence: int) -> Path:
        return self.directory / f"{self.stem}.{sequence}{_SUFFIX}"


def head_places(journal: Path, memory: Path) -> tuple[Place, Place]:
    """In memory, and beside the journal on the disk."""
    real = Path(os.path.realpath(journal))
    digest = blake2b(os.fsencode(real), digest_size=8).hexdigest()
    return Place(memory, f"atomizer-{digest}"), Place(real.parent, real.name)


def begin_head(places: tuple[Place, Place], header: bytes, sequence: int, journal_bytes: int) -> tuple[Head, str]:
    """First head of a run; and why it had to lie on the disk, or nothing when it lies in memory.

    Raises:
        OSError: the disk does not take it either.
    """
    memory, beside = places
    why = f"{memory.directory} is no tmpfs"
    if is_tmpfs(memory.directory):
        try:
            return Head(memory.head(sequence), header, journal_bytes), ""
        except OSError as error:
            why = f"{memory.directory} takes no file: {error.strerror}"
    return Head(beside.head(sequence), header, journal_bytes), why


def find_heads(places: tuple[Place, Place]) -> list[HeadFile]:
    """Every head of a journal, the oldest first.

    Raises:
        JournalError: a directory cannot be searched.
    """
    found = []
    for directory, stem in places:
        try:
            entries = list(os.scandir(directory))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise JournalError(f"{directory}: cannot be searched for heads of the journal: {error.strerror}") from error
        for entry in entries:
            number = entry.name.removeprefix(f"{stem}.").removesuffix(_SUFFIX)
            if number.isdecimal() and entry.name == f"{stem}.{number}{_SUFFIX}":
                found.append(HeadFile(int(number), Path(entry.path), entry.inode()))
    return sorted(found)


def is_tmpfs(directory: Path) -> bool:
    """Whether files in `directory` lie in memory. Linux tells it in /proc only; without it the answer is no."""
    place = os.path.realpath(directory) + "/"
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return False
    longest, kind = "", ""
    for line in mounts.splitlines():
        _, mountpoint, mounted, *_ = line.split(" ")
        # The last mount over the longest path is the one that shows.
        if len(mountpoint) >= len(longest) and place.startswith(mountpoint.rstrip("/") + "/"):
            longest, kind = mountpoint, mounted
    return kind == "tmpfs"


def write_whole(descriptor: int, data: bytes, offset: int) -> None:
    """One write, all of it.

    Raises:
        OSError: it failed, or was cut short.
    """
    written = os.pwrite(descriptor, data, offset)
    if written != len(data):
        raise OSError(errno.ENOSPC, f"only {written} of {len(data)} bytes were written, it is full or has failed")
