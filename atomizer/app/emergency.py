"""When nothing may trade any more: the latch, the breaker and the journal's failure, made into one end of the run."""

import asyncio
import logging
import time
from collections.abc import Callable

from atomizer.app.ledger import Ledger
from atomizer.errors import JournalError
from atomizer.risk.breaker import Breaker
from atomizer.risk.latch import KillLatch

log = logging.getLogger("atomizer")

WATCH_EVERY_S = 0.25
LATCH_WITHIN_S = 2.0  # a disk that hangs may be why we stop, and the end does not wait for it


class Emergency:
    """Of one run. `on_killed` shuts whatever can still send, at once and synchronously."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        latch: KillLatch,
        breaker: Breaker,
        clock_ns: Callable[[], int],
        on_killed: Callable[[], None],
    ) -> None:
        self._ledger = ledger
        self._latch = latch
        self._breaker = breaker
        self._clock_ns = clock_ns
        self._on_killed = on_killed
        self._latching: asyncio.Task[None] | None = None
        self._is_latched = False  # on the disk
        self.killed = ""  # why nothing may trade any more, of this run or another
        self.halted = asyncio.Event()  # the run must end, and not because it was asked to
        ledger.on_failed = lambda why: self.kill(f"journal: {why}")

    def kill(self, cause: str) -> None:
        """Let nothing leave from this moment on, and end the run. Nothing trades here until the latch is cleared."""
        if self.killed:
            return
        self.killed = cause
        self._on_killed()
        self.halted.set()
        log.error("KILLED: %s: the gate is shut, own orders are being cancelled", cause)
        self._latching = asyncio.create_task(self._set_latch(cause))

    def on_reject(self) -> None:
        """A venue said no to an order of ours."""
        self._breaker.on_reject(time.clock_gettime_ns(time.CLOCK_BOOTTIME))

    async def watch(self, *, is_hearing: bool, refusals: dict[str, int]) -> None:
        """Whether anything says that nothing may trade any more: for a timer of `WATCH_EVERY_S`."""
        if await asyncio.to_thread(self._latch.is_set):
            self.kill(self._latch.cause())
        elif cause := self._breaker.look(
            wall_ns=self._clock_ns(),
            steady_ns=time.clock_gettime_ns(time.CLOCK_BOOTTIME),
            is_hearing=is_hearing,
            refusals=refusals,
        ):
            self.kill(cause)

    async def move(self, records: Callable[[], None]) -> None:
        """Bring records to the disk in another thread."""
        try:
            await asyncio.to_thread(records)
        except JournalError as error:
            self.kill(f"journal: {error}")

    async def wait_latched(self) -> bool:
        """Until the disk has the latch, if one was set, but not for ever. Whether it has."""
        if self._latching is not None:
            await asyncio.wait([self._latching], timeout=LATCH_WITHIN_S)
        return self._is_latched

    async def _set_latch(self, cause: str) -> None:
        try:
            await asyncio.to_thread(self._latch.set, cause, self._clock_ns())
            await asyncio.to_thread(self._latch.sync)
            self._is_latched = True
        except OSError as error:
            # The next start may not know, unless what stopped this one stops that, too.
            log.error("the kill latch could not be kept: %s", error)  # noqa: TRY400  one line, no trace
