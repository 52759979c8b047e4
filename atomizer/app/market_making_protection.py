"""The venue's own protection of our quotes: set and read back before the first quote, watched, and reset after a pause.

When too much of what we show trades within a window, the venue pulls all of it and refuses more. That is a sign that
our prices are wrong, so quoting pauses before the protection is reset.
"""

import logging
from collections.abc import Callable, Iterable

from atomizer.domain.ports import ProtectingVenue
from atomizer.domain.trading import Protection

log = logging.getLogger("atomizer")


class Shield:
    """Of all underlyings that are quoted at one venue."""

    def __init__(
        self,
        venue: ProtectingVenue,
        wanted: Iterable[Protection],
        *,
        pause_ns: int,
        on_change: Callable[[], None],
    ) -> None:
        """`on_change` is called when the set of paused underlyings has changed."""
        self._venue = venue
        self._wanted = {each.underlying: each for each in wanted}
        self._pause_ns = pause_ns
        self._on_change = on_change
        self._until_ns: dict[str, int] = {}
        self.trips = 0

    @property
    def paused(self) -> frozenset[str]:
        """Underlyings of which nothing is shown."""
        return frozenset(self._until_ns)

    async def set(self) -> None:
        """Set and read back, and end what an earlier run left frozen.

        Raises:
            Refused: it cannot be had: nothing may be quoted without it.
        """
        for underlying, wanted in self._wanted.items():
            state = await self._venue.protect(wanted)
            if state.is_frozen:
                await self._venue.reset_protection(underlying)

    async def look(self, now_ns: int) -> None:
        """Whether it has tripped, and whether a pause is over.

        Raises:
            VenueError: the venue could not be asked; everything stays as it was.
        """
        before = self.paused
        for state in await self._venue.protections():
            underlying = state.protection.underlying
            if underlying in self._wanted and state.is_frozen and underlying not in self._until_ns:
                self.trips += 1
                self._until_ns[underlying] = now_ns + self._pause_ns
                seconds = self._pause_ns / 1e9
                log.error("%s: the venue's protection has tripped: nothing is quoted for %g s", underlying, seconds)
        for underlying, until_ns in list(self._until_ns.items()):
            if now_ns >= until_ns:
                await self._venue.reset_protection(underlying)
                del self._until_ns[underlying]
                log.warning("%s: the venue's protection is reset: quoting again", underlying)
        if self.paused != before:
            self._on_change()
