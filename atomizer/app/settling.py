"""Closes in our books what has expired, at the delivery price that the venue publishes."""

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Protocol

from atomizer._core.fixed import format_nanos
from atomizer.app.ledger import Ledger
from atomizer.domain.instruments import NANOS, parse_name
from atomizer.domain.trading import Settled

log = logging.getLogger("atomizer.trades")


class DeliveryPrices(Protocol):
    """A venue that says at which prices of an underlying its contracts expired."""

    async def delivery_prices(self, underlying: str) -> Mapping[int, int]:
        """By expiry in unix seconds: USD for one coin, in nanos. An expiry that has no price yet is not there."""


class Settling:
    """Of every position of one book of account, whichever venue it is at.

    Where options are settled in the coins themselves, those are worth the same price, so it settles them, too.
    """

    def __init__(self, *, ledger: Ledger, venue: DeliveryPrices, physical: str, clock_ns: Callable[[], int]) -> None:
        """`physical` names the venue whose options are exchanged for coins."""
        self._ledger = ledger
        self._venue = venue
        self._physical = physical
        self._clock_ns = clock_ns

    async def look(self) -> None:
        """Settle what has expired and is still open. What has no price yet waits for the next look.

        Raises:
            VenueError, BadFrame: the venue did not answer or could not be understood.
        """
        for underlying, expired in self._expired().items():
            prices = await self._venue.delivery_prices(underlying)
            for venue, instrument in expired:
                price_nanos = prices.get(parse_name(instrument).expiry_s)
                if price_nanos is not None:
                    self._settle(venue, instrument, price_nanos)

    def _expired(self) -> dict[str, list[tuple[str, str]]]:
        """(venue, instrument) by underlying."""
        now_s = self._clock_ns() // NANOS
        found: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        for position in self._ledger.state.portfolio.positions():
            contract = parse_name(position.instrument)
            if position.amount_nanos and 0 < contract.expiry_s <= now_s:
                found[contract.underlying].append((position.venue, position.instrument))
        return found

    def _settle(self, venue: str, instrument: str, price_nanos: int) -> None:
        settled = Settled(
            now_ns=self._clock_ns(),
            venue=venue,
            instrument=instrument,
            price_nanos=price_nanos,
            is_physical=venue == self._physical,
        )
        if self._ledger.learn(settled):
            log.info("%s at %s expired at %s", instrument, venue, format_nanos(price_nanos))
