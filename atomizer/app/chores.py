"""Work beside the trading: things done on a timer, and things done once."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from atomizer.errors import BadFrame, VenueError

log = logging.getLogger("atomizer")

T = TypeVar("T")


class Chores:
    """Timers and errands of one run. A venue's failure is told, and the next timer tries again."""

    def __init__(self) -> None:
        self.timers: list[asyncio.Task[None]] = []
        self._errands: set[asyncio.Task[None]] = set()

    def every(self, interval_s: float, action: Callable[[], Awaitable[object]]) -> None:
        async def repeat() -> None:
            while True:
                await asyncio.sleep(interval_s)
                await attempt(action())

        self.timers.append(asyncio.create_task(repeat()))

    def upon(self, event: asyncio.Event, action: Callable[[], None]) -> None:
        """Each time that the event was set, in the next turn of the loop: once, however often it was set in one."""

        async def repeat() -> None:
            while True:
                await event.wait()
                event.clear()
                action()

        self.timers.append(asyncio.create_task(repeat()))

    def errand(self, work: Coroutine[object, object, object]) -> None:
        """Something to do once."""
        task = asyncio.create_task(attempt(work))
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    def stop(self) -> None:
        for task in (*self.timers, *self._errands):
            task.cancel()


async def attempt(work: Awaitable[object]) -> None:
    try:
        await work
    except (VenueError, BadFrame) as error:
        log.warning("%s", error)


async def unless(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """What the work answers; None when the stop came first and it was given up."""
    task, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
    return None if task.cancelled() else task.result()
