"""What a command that does one thing and ends has in common: practice venues if it wants some, and a client."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from atomizer.app import practice
from atomizer.app.venues import VenueClient
from atomizer.config.mode import Mode, mode_of
from atomizer.config.settings import Settings
from atomizer.domain.ports import MarketListener
from atomizer.domain.session import Event, Wiring
from atomizer.errors import AtomizerError

T = TypeVar("T")


def run(settings: Settings, work: Callable[[practice.Endpoints | None], Awaitable[T]]) -> T:
    """Do the work. In mode sim with the practice venues that run, else with some that end with it.

    Raises:
        AtomizerError: from the work, or practice venues that do not start.
    """
    with practice.venues_for(settings, None) as venues:
        endpoints = venues.endpoints() if venues is not None else _running(settings)

        async def do() -> T:
            return await work(endpoints)

        return asyncio.run(do())


async def address_of(open_client: Callable[[Wiring], VenueClient], settings: Settings) -> str:
    """Where requests of such a client go; nothing is asked."""
    opened = open_client(_wiring(settings, [], _unheard, (), 0))
    await opened.stop()
    return opened.address


@asynccontextmanager
async def client(
    open_client: Callable[[Wiring], VenueClient],
    settings: Settings,
    underlyings: Sequence[str],
    *,
    emit: Callable[[Event], None] | None = None,
    listeners: Sequence[MarketListener] = (),
    last_nonce: int = 0,
) -> AsyncIterator[VenueClient]:
    """A client that has started, and is stopped at the end.

    Raises:
        ConfigError, VenueError, BadFrame: as `VenueSession.start`.
    """
    opened = open_client(_wiring(settings, underlyings, emit or _unheard, listeners, last_nonce))
    await opened.start()
    try:
        yield opened
    finally:
        await opened.stop()


def _wiring(
    settings: Settings,
    underlyings: Sequence[str],
    emit: Callable[[Event], None],
    listeners: Sequence[MarketListener],
    last_nonce: int,
) -> Wiring:
    return Wiring(
        underlyings=underlyings,
        emit=emit,
        now_ns=time.time_ns,
        max_clock_offset_ns=settings.risk.max_clock_offset.ns,
        listeners=listeners,
        last_nonce=last_nonce,
    )


def _unheard(_event: Event) -> None:
    """For commands that look and place nothing."""


def _running(settings: Settings) -> practice.Endpoints | None:
    if mode_of(settings) is not Mode.SIM:
        return None
    found = practice.find(Path(settings.journal.directory))
    if found is None:
        raise AtomizerError("the practice venues ended: start again")
    return found
