"""Log files and console. Formatting and disk happen in a thread of their own, never on the quoting path.

A log that cannot be written (a full disk, mostly) ends nothing: standard error says so once for each file, and the
run, its last words and its exit code are what they would be without.
"""

import contextlib
import logging
import queue
import sys
import time
from logging.handlers import QueueHandler, QueueListener, RotatingFileHandler
from pathlib import Path

FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)-7s %(name)s  %(message)s"
MAX_BYTES = 50_000_000
KEPT_FILES = 5
FILES = {
    "atomizer.log": "",
    "trades.log": "atomizer.trades",
    "quotes.log": "atomizer.quotes",
}


class _LogFile(RotatingFileHandler):
    """One file of log lines. Only its first failure is told; once the disk takes lines again it has them."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=MAX_BYTES, backupCount=KEPT_FILES)
        self._has_failed = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 (the library's signature)
        if not self._has_failed:
            self._has_failed = True
            words = f"{self.baseFilename} cannot be written, it lacks lines from now on: {sys.exc_info()[1]}"
            sys.stderr.write(words + "\n")

    def close(self) -> None:
        """Closing tries what the disk has not taken once more; then it is let go."""
        with contextlib.suppress(OSError):
            super().close()


class Logs:
    """Started once per process; `stop` writes out what is queued."""

    def __init__(self, directory: Path, level: str, console: bool) -> None:
        """`level` counts for files and console; the console never shows less than warnings."""
        directory.mkdir(parents=True, exist_ok=True)
        formatter = logging.Formatter(FORMAT, datefmt="%Y-%m-%dT%H:%M:%S")
        formatter.converter = time.gmtime
        handlers: list[logging.Handler] = []
        for name, source in FILES.items():
            file = _LogFile(directory / name)
            file.addFilter(logging.Filter(source))
            handlers.append(file)
        errors = _LogFile(directory / "errors.log")
        errors.setLevel(logging.ERROR)
        handlers.append(errors)
        if console:
            handlers.append(logging.StreamHandler())
        for handler in handlers:
            handler.setFormatter(formatter)
        waiting: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
        self._listener = QueueListener(waiting, *handlers, respect_handler_level=True)
        root = logging.getLogger()
        root.handlers[:] = [QueueHandler(waiting)]
        root.setLevel(logging.WARNING)
        logging.getLogger("atomizer").setLevel(level.upper())
        self._listener.start()
        self._handlers = handlers

    def stop(self) -> None:
        self._listener.stop()
        logging.getLogger().handlers.clear()
        for handler in self._handlers:
            handler.close()
