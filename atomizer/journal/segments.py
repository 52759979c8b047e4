"""The segments of a journal: the file that is written, and older ones beside it, each continued by the next.

A journal that has grown long goes on in a new file, under the same name, at the next sync or when it is opened. The old
one becomes `JOURNAL.SEQUENCE`, named by its first record, is never written again, and is never removed by us.
"""

import fcntl
import os
from pathlib import Path
from typing import NamedTuple

from atomizer.errors import JournalError
from atomizer.journal import frames
from atomizer.journal.frames import Identity
from atomizer.journal.head import write_whole

SEGMENT_BYTES = 32 << 20  # a quarter of a million records, which are checked in a second or two
_DIGITS = 12  # so that names sort as their segments follow


class Segment(NamedTuple):
    """An older file that was found."""

    first_sequence: int
    path: Path


def find_segments(path: Path) -> list[Segment]:
    """The older segments beside a journal, the oldest first.

    Raises:
        JournalError: the directory cannot be searched.
    """
    try:
        entries = list(os.scandir(path.parent))
    except OSError as error:
        raise JournalError(
            f"{path.parent}: cannot be searched for segments of the journal: {error.strerror}"
        ) from error
    found = []
    for entry in entries:
        number = entry.name.removeprefix(f"{path.name}.")
        if len(number) == _DIGITS and number.isdecimal() and entry.name != number:
            found.append(Segment(int(number), Path(entry.path)))
    return sorted(found)


def begin_segment(path: Path, descriptor: int, identity: Identity, next_sequence: int) -> tuple[int, int]:
    """Put the journal's file, of which everything is on the disk, aside, and begin a new one in its place, locked.

    Answers the new file's descriptor and its size in bytes. Killed at any step, the journal is whole under its name:
    either of them is.

    Raises:
        OSError: the disk does not take it.
        JournalError: another file has the old one's name.
    """
    aside = _name_aside(path, descriptor)
    draft = path.with_name(f"{path.name}.new")
    begun = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(begun, fcntl.LOCK_EX | fcntl.LOCK_NB)
        header = frames.build_header(identity, next_sequence)
        write_whole(begun, header, 0)
        os.fsync(begun)
        if not aside.exists():
            os.link(path, aside)
        sync_directory(path.parent)
        draft.rename(path)
        sync_directory(path.parent)
    except BaseException:
        os.close(begun)
        raise
    os.close(descriptor)
    return begun, len(header)


def _name_aside(path: Path, descriptor: int) -> Path:
    """What the file will be called, once it is an older segment. It is that already when a death came in between."""
    first = frames.parse_header(os.pread(descriptor, frames.MAX_HEADER_BYTES, 0)).first_sequence
    aside = path.with_name(f"{path.name}.{first:0{_DIGITS}d}")
    if aside.exists() and not os.path.samestat(aside.stat(), os.fstat(descriptor)):
        raise JournalError(f"{aside}: stands where the journal's older records must go: move it away")
    return aside


def sync_directory(path: Path) -> None:
    """A new name is only on the disk once its directory is."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
