"""Books what a venue paid us for holding perpetuals, or took: each payment once, also those of while we were away."""

import logging
from collections.abc import Callable
from typing import Final, Protocol

from atomizer._core.fixed import format_e18
from atomizer.app.ledger import Ledger
from atomizer.domain.trading import FundingPaid

log = logging.getLogger("atomizer.trades")

OVERLAP_NS: Final = 600_000_000_000  # asked for again: a venue may tell late what happened before
NANOS_PER_MS: Final = 1_000_000


class FundingVenue(Protocol):
    """A venue that tells of its payments."""

    name: str

    async def funding_since(self, since_ms: int) -> list[FundingPaid]:
        """Every payment since then, oldest first."""


class Funding:
    """Of one venue. What was paid before our books began is not ours to book."""

    def __init__(self, *, ledger: Ledger, venue: FundingVenue, clock_ns: Callable[[], int]) -> None:
        self._ledger = ledger
        self._venue = venue
        self._clock_ns = clock_ns
        self._asked_ns = 0  # everything before was told

    async def look(self) -> None:
        """Ask, and book what is new.

        Raises:
            VenueError, BadFrame: the venue did not answer or could not be understood; the next look asks for it again.
        """
        state, now_ns = self._ledger.state, self._clock_ns()
        told_ns = self._asked_ns or state.portfolio.last_payment_ns(self._venue.name)
        since_ns = max(told_ns - OVERLAP_NS, state.begun_ns)
        for payment in await self._venue.funding_since(since_ns // NANOS_PER_MS):
            is_ours = payment.venue_time_ns >= state.begun_ns
            if is_ours and not state.portfolio.has_payment(payment.venue, payment.payment_id):
                self._ledger.learn(payment)
                words = format_e18(payment.amount_e18), payment.currency, payment.instrument
                log.info("funding %s %s of %s", *words)
        self._asked_ns = now_ns
