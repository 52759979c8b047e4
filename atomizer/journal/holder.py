"""Who is writing a journal. Looks from outside: for whoever must deal with a trader that does not answer."""

import fcntl
import os
from pathlib import Path


def is_held(path: Path) -> bool:
    """Whether a process holds this journal for writing; a journal that is not there is held by nobody."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def holder(path: Path) -> int | None:
    """Process id of who holds it; None when nobody does, or it is another user's or container's and not ours to see.

    Linux tells it in /proc/locks: ``7: FLOCK  ADVISORY  WRITE 4711 fe:01:131077 0 EOF``.
    """
    try:
        file = path.stat()
        lines = Path("/proc/locks").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        words = line.split()
        if words[1:2] != ["FLOCK"] or not words[5].endswith(f":{file.st_ino}"):
            continue
        pid = int(words[4])
        if pid > 0 and _has_open(pid, file):
            return pid
    return None


def _has_open(pid: int, file: os.stat_result) -> bool:
    """The inode alone may be another disk's."""
    try:
        entries = list(os.scandir(f"/proc/{pid}/fd"))
    except OSError:
        return False
    for entry in entries:
        try:
            found = entry.stat()
        except OSError:
            continue
        if (found.st_ino, found.st_dev) == (file.st_ino, file.st_dev):
            return True
    return False
