"""Keeps our account of our orders and the venue's in agreement, and gets rid of what must not rest."""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from atomizer.app.ledger import Ledger
from atomizer.domain.ports import OrderVenue
from atomizer.domain.trading import CancelSent, Fill, OrderPlaced, OrderUpdate
from atomizer.errors import Disconnected, JournalError, VenueError
from atomizer.orders.reconcile import Answer, Reconciliation, reconcile

log = logging.getLogger("atomizer.trades")

OWNED = frozenset({"hedge", "mm"})  # strategies whose labels this book of account owns, whichever runs now
ROUNDS = 5
ROUND_S = 0.5
CANCEL_WITHIN_S = 10.0  # a reconnect included
GRACE_NS = 2_000_000_000  # an order this young may still be on its way when the venue is asked
OVERLAP_MS = 60_000  # fills are asked for from before our oldest doubt, since clocks differ


class ResolvingVenue(OrderVenue, Protocol):
    """A venue that can be asked what became of an order."""

    async def resolve(self, order: OrderPlaced) -> None:
        """Find out, or burn the nonce; the answer comes as an `OrderUpdate`."""


class Custody:
    """Of the orders at one venue."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        venue: ResolvingVenue,
        clock_ns: Callable[[], int],
        on_fill: Callable[[Fill], None],
        on_update: Callable[[OrderUpdate], None],
    ) -> None:
        self._ledger = ledger
        self._venue = venue
        self._clock_ns = clock_ns
        self._on_fill = on_fill
        self._on_update = on_update
        self._agreed_ns = ledger.state.run.now_ns if ledger.state.run is not None else clock_ns()

    async def reconcile(self) -> Reconciliation:
        """Make both accounts agree: missed fills booked once, ended orders ended, strays cancelled.

        Raises:
            VenueError: the venue did not answer; nothing was changed.
        """
        orders = self._ledger.state.orders
        asked_ns = self._clock_ns()
        placed_ns = [order.placed.now_ns for order in orders.live(self._venue.name) if order.placed is not None]
        since_ms = min([self._agreed_ns, *placed_ns]) // 1_000_000 - OVERLAP_MS
        open_orders = await self._venue.open_orders()
        fills = await self._venue.fills_since(since_ms)
        answer = Answer(venue=self._venue.name, open_orders=open_orders, fills=fills, asked_ns=asked_ns)
        found = reconcile(orders, answer, OWNED, GRACE_NS, self._clock_ns())
        for fill in found.fills:
            self._on_fill(fill)
        for update in (*found.adopted, *found.ended):
            self._on_update(update)
        for stray in found.strays:
            self._cancel(stray.client_id)
        self._agreed_ns = asked_ns
        _tell(found)
        return found

    async def resolve(self, client_id: str) -> None:
        """An order with an unknown outcome: ask until the venue has told, never send it again."""
        order = self._ledger.state.orders.get(self._venue.name, client_id)
        if order is None or order.placed is None:
            return
        for attempt in range(ROUNDS):
            try:
                await self._venue.resolve(order.placed)
            except VenueError as error:
                log.warning("order %s: outcome still unknown: %s", client_id, error)
                await asyncio.sleep(ROUND_S * 2**attempt)
            else:
                return

    async def cancel_own(self) -> int:
        """Cancel what is ours until the venue shows none of it; answers how many orders may still live.

        The connection may be on its way back meanwhile, so it is tried until `CANCEL_WITHIN_S` are over.
        """
        deadline_s = asyncio.get_running_loop().time() + CANCEL_WITHIN_S
        while asyncio.get_running_loop().time() < deadline_s:
            try:
                found = await self.reconcile()
            except VenueError as error:
                log.warning("cannot verify that our orders are gone: %s", error)
            else:
                resting = [order.client_id for order in self._ledger.state.orders.live(self._venue.name)]
                if not resting and not found.strays:
                    return 0
                for client_id in resting:
                    self._cancel(client_id)
            await asyncio.sleep(ROUND_S)
        return max(self.live(), 1)

    def live(self) -> int:
        """How many orders of ours may rest or trade there, by our books alone."""
        return sum(1 for _ in self._ledger.state.orders.live(self._venue.name))

    def _cancel(self, client_id: str) -> None:
        now_ns = self._clock_ns()
        cancel = CancelSent(now_ns=now_ns, venue=self._venue.name, client_id=client_id)
        try:
            self._ledger.write(cancel)
        except JournalError as error:
            # A cancel only ever takes risk away, so it leaves even when the journal does not take it.
            log.error("order %s: cancel not journaled: %s", client_id, error)  # noqa: TRY400  one line, no trace
        try:
            self._venue.cancel(cancel, now_ns)
        except Disconnected as error:
            log.warning("order %s: not cancelled: %s", client_id, error)


def _tell(found: Reconciliation) -> None:
    if found.foreign:
        log.warning("%d open orders on this account are not ours: left alone", len(found.foreign))
    if not found.is_clean:
        counts = [len(group) for group in (found.fills, found.adopted, found.ended, found.strays)]
        log.warning("reconciled: %d missed fills, %d adopted, %d ended, %d strays cancelled", *counts)
