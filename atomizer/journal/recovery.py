"""Opening a journal for writing: whatever state a crash left it and its heads in, it ends in one whole file."""

import os
from pathlib import Path
from typing import NamedTuple

from atomizer.errors import JournalError
from atomizer.journal import frames
from atomizer.journal.frame_reader import FrameReader
from atomizer.journal.frames import Identity
from atomizer.journal.head import Place, find_heads, write_whole
from atomizer.journal.head_reader import HeadReader
from atomizer.journal.segments import sync_directory


class Recovery(NamedTuple):
    """How the file stands now, and what it took."""

    first_sequence: int  # in this file
    next_sequence: int
    size: int  # bytes
    torn_bytes: int
    torn_path: Path | None
    taken_over: int  # records that only heads had


def recover(descriptor: int, path: Path, identity: Identity, places: tuple[Place, Place]) -> Recovery:
    """Begin the file if it is new; else check every record, cut the torn tail, take over what only heads have.

    Heads are removed once the disk has all they held; before that, being killed here or failing changes nothing.

    Raises:
        JournalError: another account's, damaged before its end, or not continued by its heads. Nothing is changed then.
        OSError: the disk does not take it.
    """
    _begin(descriptor, path, identity)
    file = FrameReader(descriptor, path)
    if file.header.identity != identity:
        raise JournalError(
            f"{path}: is the book of {file.header.identity}, not of {identity}; give each account its own file"
        )
    heads = HeadReader(path, identity, os.fstat(descriptor).st_uid, places)
    try:
        heads.read()
        heads.lock()
        for frame in file.read():
            heads.match(frame)
        missing = list(heads.ahead(file.next_sequence))
        data = b"".join(frames.build_frame(sequence, payload) for sequence, payload in missing)
        tail = file.tail()
        # A process killed while it copied leaves half of what the head has whole: nothing was lost there.
        torn = (b"" if data.startswith(tail) else tail) + heads.tail()
        torn_path = _keep_aside(path, torn, file.offset) if torn else None
        leftovers = find_heads(places)
        if tail or leftovers:
            os.ftruncate(descriptor, file.offset)
            write_whole(descriptor, data, file.offset)
            os.fsync(descriptor)
        for leftover in leftovers:
            leftover.path.unlink()
        for place in places:
            place.spare().unlink(missing_ok=True)
        return Recovery(
            file.header.first_sequence,
            file.next_sequence + len(missing),
            file.offset + len(data),
            len(torn),
            torn_path,
            len(missing),
        )
    finally:
        heads.close()


def _begin(descriptor: int, path: Path, identity: Identity) -> None:
    """Write the header of a new file, or of one whose creation was cut short."""
    header = frames.build_header(identity)
    start = os.pread(descriptor, len(header), 0)
    if len(start) == len(header) or not header.startswith(start):
        return
    write_whole(descriptor, header, 0)
    os.fsync(descriptor)
    sync_directory(path.parent)


def _keep_aside(path: Path, tail: bytes, offset: int) -> Path:
    """Append the torn tail to a file beside the journal, named by where it was cut."""
    aside = path.with_name(f"{path.name}.{offset}.torn")
    with aside.open("ab") as file:
        file.write(tail)
        file.flush()
        os.fsync(file.fileno())
    sync_directory(path.parent)
    return aside
