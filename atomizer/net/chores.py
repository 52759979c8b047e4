"""Work that goes on beside a session for as long as it lives."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Chores:
    """The first that ends, ends the session: `wait` tells how."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def do(self, chore: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(chore))

    async def wait(self) -> None:
        """Until `stop`, or until something broke: that is raised here."""
        if not self._tasks:
            return
        ended, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for chore in ended:
            if not chore.cancelled():
                chore.result()

    async def stop(self) -> None:
        for chore in self._tasks:
            chore.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._tasks.clear()
