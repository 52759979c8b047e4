"""Log files and console. Formatting and disk happen in a thread of their own, never on the quoting path."""

import logging
import queue
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


class Logs:
    """Started once per process; `stop` writes out what is queued."""

    def __init__(self, directory: Path, level: str, console: bool) -> None:
        """`level` counts for files and console; the console never shows less than warnings."""
        directory.mkdir(parents=True, exist_ok=True)
        formatter = logging.Formatter(FORMAT, datefmt="%Y-%m-%dT%H:%M:%S")
        formatter.converter = time.gmtime
        handlers: list[logging.Handler] = []
        for name, source in FILES.items():
            file = RotatingFileHandler(directory / name, maxBytes=MAX_BYTES, backupCount=KEPT_FILES)
            file.addFilter(logging.Filter(source))
            handlers.append(file)
        errors = RotatingFileHandler(directory / "errors.log", maxBytes=MAX_BYTES, backupCount=KEPT_FILES)
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
