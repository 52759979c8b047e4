"""The kill latch: a file that says that nothing may trade for this account, until a person clears it.

The file's presence is what counts, so `touch` sets it, and one that cannot be read is set. What it says is for people.
"""

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from atomizer.errors import Killed

FILE = "KILLED"


class KillLatch:
    """Of one account's directory."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE

    def is_set(self) -> bool:
        """One look at the file system: for timers, not for the quoting path."""
        return os.path.lexists(self.path)

    def cause(self) -> str:
        """When it was set and why, in one line; empty when it is not set."""
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        except OSError as error:
            return f"set, and its file cannot be read: {error.strerror}"
        return " ".join(text.split()) or "set by hand"

    def set(self, cause: str, now_ns: int) -> None:
        """Set it, for this process's death at once and for the machine's after `sync`. The first cause is kept.

        Raises:
            OSError: the disk takes no file, so the next start will not know.
        """
        if self.is_set():
            return
        at = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)  # empty is set, too
        try:
            with suppress(OSError):  # a full disk takes an empty file when it takes no words
                os.write(descriptor, f"{at:%Y-%m-%d %H:%M:%S} UTC: {cause}\n".encode())
        finally:
            os.close(descriptor)

    def sync(self) -> None:
        """Wait until the disk has it. For another thread.

        Raises:
            OSError: it does not take it.
        """
        for path, flags in ((self.path, os.O_RDONLY), (self.path.parent, os.O_RDONLY | os.O_DIRECTORY)):
            descriptor = os.open(path, flags | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def clear(self) -> str:
        """Take it off and answer why it was on; empty when it was not.

        Raises:
            OSError: the file cannot be removed.
        """
        cause = self.cause()
        self.path.unlink(missing_ok=True)
        return cause

    def check(self) -> None:
        """Before a run.

        Raises:
            Killed: it is set; says since when, why, and how to clear it.
        """
        if self.is_set():
            raise Killed(
                f"the kill latch is set ({self.cause()}): look at the positions, then `atomizer kill --clear`, "
                f"which removes {self.path}"
            )
