"""Limits that change while a trader runs: on SIGHUP, and when the configuration file does.

What is read anew is checked whole first. What cannot be meant changes nothing, and is told.
"""

import asyncio
import logging
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from atomizer.config.settings import Settings
from atomizer.errors import ConfigError

log = logging.getLogger("atomizer")

LOOK_EVERY_S: Final = 1.0
# Of the section `risk`, but held by parts that are built once.
AT_START_ONLY: Final = frozenset({"check_interval", "max_clock_offset", "max_rejects", "max_silence"})


class Reload:
    """Follows one configuration. `use` is given settings of which only the limits differ from those before."""

    def __init__(
        self,
        settings: Settings,
        reread: Callable[[], Settings],
        file: Path,
        use: Callable[[Settings], None],
        say: Callable[[str], None],
        *,
        at_start_only: frozenset[str] = AT_START_ONLY,
    ) -> None:
        """`at_start_only` names what of `risk` this trader cannot change while it runs."""
        self._settings = settings
        self._reread = reread
        self._file = file
        self._use = use
        self._say = say
        self._at_start_only = at_start_only

    async def follow(self, look_every_s: float = LOOK_EVERY_S) -> None:
        """Look at the file from time to time, and whenever SIGHUP comes, until cancelled.

        The first look is at once: it may have changed since the settings were read, while the trader started.
        """
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self.now)
        try:
            seen = _state_of(self._file)
            self.now()
            while True:
                await asyncio.sleep(look_every_s)
                if (state := _state_of(self._file)) != seen:
                    seen = state
                    self.now()
        finally:
            loop.remove_signal_handler(signal.SIGHUP)

    def now(self) -> None:
        """Read and check everything, then take the limits, all at once or not at all."""
        try:
            found = self._reread()
            changes = dict(_changes(self._settings, found))
            limits = [
                key for key in changes if key.startswith("risk.") and key[len("risk.") :] not in self._at_start_only
            ]
            if limits:
                wanted = self._with_limits(found)
                self._use(wanted)
                self._settings = wanted
        except ConfigError as error:
            self._tell(f"limits not changed: {error}")
            return
        if limits:
            self._tell("limits changed: " + ", ".join(f"{key} {changes[key]}" for key in limits))
        for key in changes.keys() - {*limits}:
            self._tell(f"{key} {changes[key]}: takes effect at the next start")

    def _with_limits(self, found: Settings) -> Settings:
        """The settings that hold, with the limits that were found."""
        settings = self._settings
        kept = {name: getattr(settings.risk, name) for name in self._at_start_only}
        return msgspec.structs.replace(settings, risk=msgspec.structs.replace(found.risk, **kept))

    def _tell(self, words: str) -> None:
        log.warning("%s", words)
        self._say(words)


def _state_of(file: Path) -> tuple[int, int, int] | None:
    """What changes when a file is written or replaced; None while there is none."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _changes(before: object, after: object, prefix: str = "") -> list[tuple[str, str]]:
    """(dotted key, "old → new") of every setting that differs."""
    found: list[tuple[str, str]] = []
    for name in getattr(before, "__struct_fields__", ()):
        old, new = getattr(before, name), getattr(after, name)
        if hasattr(old, "__struct_fields__"):
            found += _changes(old, new, f"{prefix}{name}.")
        elif old != new:
            found.append((prefix + name, f"{old} → {new}"))
    return found
