"""How a start survives what a running process survives: what failed is tried again for a while, each time in words."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from random import Random
from typing import Final, TypeVar

from atomizer.domain.instruments import NANOS
from atomizer.errors import BadFrame, VenueError
from atomizer.net.backoff import Backoff

log = logging.getLogger("atomizer")

TRY_FOR_S: Final = 30.0  # each step of a start

T = TypeVar("T")


def _always() -> bool:
    return True


async def persist(
    step: Callable[[], Awaitable[T]], say: Callable[[str], None], is_open: Callable[[], bool] = _always
) -> T:
    """What the step answers once it succeeds.

    A no on a connection that is not open yet, by `is_open`, is none: the venue does not know there who we are.

    Raises:
        AtomizerError: at once what no repetition repairs, another failure when no time is left to try again.
    """
    loop, backoff = asyncio.get_running_loop(), Backoff(Random())  # noqa: S311  jitter, not a secret
    ends_s = loop.time() + TRY_FOR_S
    while True:
        try:
            return await step()
        except (VenueError, BadFrame) as error:
            pause_s = backoff.next_ns() / NANOS
            is_final = isinstance(error, VenueError) and error.is_final and is_open()
            if is_final or loop.time() + pause_s > ends_s:
                raise
            line = f"{error}: trying again"
        log.warning("%s", line)
        say(line)
        await asyncio.sleep(pause_s)
