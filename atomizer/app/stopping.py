"""How a process is told to stop, from its first moment to its last. Imports nothing heavy, so it can stand first.

The first SIGINT or SIGTERM asks for an orderly end, whatever the process is doing; a second one ends it at once, with
128 plus the signal's number. SIGUSR1 asks for the kill latch.
"""

import asyncio
import os
import signal
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_EXIT_SIGNAL = 128


class Stopping:
    """What was asked for by signals. Make it in the main thread before anything that takes time."""

    def __init__(self) -> None:
        self.is_asked = False
        self.is_kill_asked = False
        self._event: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        for number in SIGNALS:
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGUSR1, self._on_kill)

    def event(self) -> asyncio.Event:
        """Set when a stop is asked for, or already was. Of the running loop, which handles the signals from now on."""
        self._event = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        # The loop's own handlers wake it while it sleeps; Python's would wait for the next thing that happens.
        for number in SIGNALS:
            self._loop.add_signal_handler(number, self._on_signal, number, None)
        self._loop.add_signal_handler(signal.SIGUSR1, self._on_kill, signal.SIGUSR1, None)
        if self.is_asked:
            self._event.set()
        return self._event

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self.is_asked:
            os._exit(_EXIT_SIGNAL + number)
        self.is_asked = True
        if self._event is not None:
            self._event.set()

    def _on_kill(self, _number: int, _frame: FrameType | None) -> None:
        self.is_kill_asked = True
