"""The head of a journal: a file in memory that takes each record before the disk does. Where it lies, and its life.

A write to a file on disk waits, for milliseconds, while the file system commits for anyone. A store to a page of tmpfs
never does, and outlives the process as well. So the newest records lie in a head, and reach the journal off the path.

A head has the layout of a journal, and zeros behind. Its name carries the first sequence it may hold:
`/dev/shm/atomizer-PLACE.SEQUENCE.head`, where PLACE stands for the journal's path; or, where there is no memory to
lie in, `JOURNAL.SEQUENCE.head` beside the journal.
"""

import errno
import fcntl
import os
from hashlib import blake2b
from mmap import mmap
from pathlib import Path
from typing import NamedTuple

from atomizer._core.appender import HeadMemory
from atomizer.errors import JournalError

MEMORY = Path("/dev/shm")  # noqa: S108  the kernel's shared memory; heads are made 0600, exclusively, and owners checked
HEAD_BYTES = 512 << 10  # of a head; one that must take a longer frame is as long as that needs
MAX_HEADS = 32  # what a disk that hangs may keep waiting; Docker's /dev/shm is 64 MB

_SUFFIX = ".head"
_TOUCH_BYTES = 64 << 10  # the kernel maps so much around a page that is read (fault_around_bytes)


class HeadFile(NamedTuple):
    """A head that was found. The inode tells it from an earlier one of the same name."""

    first_sequence: int
    path: Path
    inode: int


class Head:
    """A head that this process writes. `memory.size` is the appender's, `copied` the pump's, so neither needs a lock.

    The file has its full length from the beginning, zeros behind the last frame, and is mapped: an append stores into
    pages that exist already, so it can neither fail nor wait, and is in the file as soon as it is stored.
    """

    __slots__ = ("copied", "descriptor", "map", "memory", "path")

    def __init__(self, path: Path, header: bytes, frame_bytes: int = 0) -> None:
        """Makes the file, and room for all it will take, at least for a frame of so many bytes: half a millisecond.

        Raises:
            OSError: the place does not have it.
        """
        self.path = path
        capacity = max(HEAD_BYTES, len(header) + frame_bytes)
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            write_whole(self.descriptor, header.ljust(capacity, b"\0"), 0)
            self.map = mmap(self.descriptor, capacity)
        except OSError:
            path.unlink()
            os.close(self.descriptor)
            raise
        for position in range(0, capacity, _TOUCH_BYTES):
            self.map[position]  # so that no append meets a page for the first time
        self.memory = HeadMemory(self.map, len(header))
        self.copied = self.size  # bytes of whole frames, the header first, that are in the journal's file

    @property
    def size(self) -> int:
        """Bytes of all whole frames, the header first."""
        return self.memory.size

    @property
    def capacity(self) -> int:
        return self.memory.capacity

    def begin(self, path: Path) -> None:
        """Take the name of its first sequence.

        Raises:
            OSError: the name cannot be given.
        """
        if path != self.path:
            self.path.rename(path)
            self.path = path

    def remove(self) -> None:
        """Raises OSError: the place does not let it go; it is closed all the same."""
        try:
            self.path.unlink(missing_ok=True)
        finally:
            self.close()

    def close(self) -> None:
        self.memory.release()
        self.map.close()
        os.close(self.descriptor)


class Place(NamedTuple):
    """A directory where a journal may have heads, and how their names begin there."""

    directory: Path
    stem: str

    def head(self, sequence: int) -> Path:
        return self.directory / f"{self.stem}.{sequence}{_SUFFIX}"

    def spare(self) -> Path:
        """What a head is called before it is used."""
        return self.directory / f"{self.stem}.spare"


def head_places(journal: Path, memory: Path) -> tuple[Place, Place]:
    """In memory, and beside the journal on the disk."""
    real = Path(os.path.realpath(journal))
    digest = blake2b(os.fsencode(real), digest_size=8).hexdigest()
    return Place(memory, f"atomizer-{digest}"), Place(real.parent, real.name)


def first_head(places: tuple[Place, Place], header: bytes, sequence: int) -> tuple[Head, Place, str]:
    """A head for a new run, where it lies, and why that had to be on the disk: nothing when it is in memory.

    Raises:
        OSError: the disk does not take it either.
    """
    memory, beside = places
    why = f"{memory.directory} is no tmpfs"
    if is_tmpfs(memory.directory):
        try:
            return Head(memory.head(sequence), header), memory, ""
        except OSError as error:
            why = f"{memory.directory} takes no file: {error.strerror}"
    return Head(beside.head(sequence), header), beside, why


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
