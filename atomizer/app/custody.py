"""Keeps our account of our orders and positions and the venue's in agreement, and gets rid of what must not rest.

A difference between positions that trades do not explain is told, not booked, and the instrument not quoted.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Protocol

from atomizer._core.fixed import format_e18
from atomizer.app.ledger import Ledger
from atomizer.domain.instruments import NANOS, parse_name
from atomizer.domain.ports import OrderVenue
from atomizer.domain.session import LedgerPosition
from atomizer.domain.trading import CancelSent, Fill, OrderPlaced, OrderUpdate, PositionsCompared, Side
from atomizer.errors import BadFrame, Disconnected, JournalError, VenueError
from atomizer.orders.reconcile import Answer, Reconciliation, reconcile

log = logging.getLogger("atomizer.trades")

OWNED = frozenset({"hedge", "mm"})  # strategies whose labels this book of account owns, whichever runs now
ROUNDS = 5
ROUND_S = 0.5
CANCEL_WITHIN_S = 15.0  # an answer that never comes and a reconnect included
GRACE_NS = 2_000_000_000  # an order this young may still be on its way when the venue is asked
FILLS_WITHIN_S = 3.0  # word of a filled amount and of its trades come on two ways
OVERLAP_MS = 60_000  # fills are asked for from before our oldest doubt, since clocks differ
LOOKS = 3  # at positions that differ; a trade between two answers is gone by the next
LOOK_AGAIN_S = 1.0
E18_PER_NANO = 10**9
OPENING = "opening"  # in place of an order's label, of a position that was there before our books began


class ResolvingVenue(OrderVenue, Protocol):
    """A venue that can be asked what became of an order."""

    async def resolve(self, order: OrderPlaced) -> None:
        """Find out, or burn the nonce; the answer comes as an `OrderUpdate`."""

    async def positions(self) -> list[LedgerPosition]:
        """What the venue holds for us, in its own figures."""


class Custody:
    """Of the orders and positions at one venue.

    In a dry run it `only_looks`: the account is another run's, whose orders are not ours to cancel.
    """

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
        state = ledger.state
        self._is_new = state.run is None and not any(each.venue == venue.name for each in state.portfolio.positions())
        begun_ns = state.run.now_ns if state.run is not None else clock_ns()
        self._agreed_ns = state.agreed_ns(venue.name, "") or begun_ns
        self._awaiting: set[str] = set()  # orders whose trades are to come
        self._squaring = asyncio.Lock()
        self._begun = 0  # number of the last question
        self._answered = 0  # of the last one that was answered
        self._found: Reconciliation  # by that one
        self._told: dict[str, str] = {}  # by instrument: what people were told, so that it is told once
        self.only_looks = False

    async def reconcile(self) -> Reconciliation:
        """Make both accounts agree: missed fills booked once, ended orders ended, strays cancelled, positions compared.

        Raises:
            VenueError: the venue did not answer.
        """
        found = await self._square()
        if not self.only_looks:
            await self._compare()
        return found

    async def _square(self) -> Reconciliation:
        """Orders and fills; when the venue does not answer, nothing is changed.

        Whoever comes while the venue is being asked waits, and shares the next question with all who wait.
        """
        wanted = self._begun + 1
        async with self._squaring:
            if self._answered < wanted:
                number = self._begun = self._begun + 1
                self._found = await self._ask()
                self._answered = number
            return self._found

    async def _ask(self) -> Reconciliation:
        orders = self._ledger.state.orders
        asked_ns = self._clock_ns()
        live = list(orders.live(self._venue.name))
        placed_ns = [order.placed.now_ns for order in live if order.placed is not None]
        since_ms = min([self._agreed_ns, *placed_ns]) // 1_000_000 - OVERLAP_MS
        open_orders = await self._venue.open_orders()
        fills = await self._venue.fills_since(since_ms)
        answer = Answer(
            venue=self._venue.name,
            open_orders=open_orders,
            fills=fills,
            asked_ns=asked_ns,
            live={order.client_id for order in live},
        )
        found = reconcile(orders, answer, OWNED, GRACE_NS, self._clock_ns())
        for fill in found.fills:
            self._on_fill(fill)
        for update in (*found.adopted, *found.ended):
            self._on_update(update)
        for stray in () if self.only_looks else found.strays:
            self._cancel(stray.client_id)
        self._agreed_ns = asked_ns
        _tell(found)
        return found

    async def _compare(self) -> None:
        """Hold our positions against the venue's. What differs by the same amount look after look is in doubt."""
        asked_ns = self._clock_ns()
        held = await self._venue.positions()
        if self._is_new:
            self._adopt(held)
        gaps = self._gaps(held)
        for _ in range(LOOKS - 1):
            if not gaps:
                break
            await asyncio.sleep(LOOK_AGAIN_S)
            asked_ns = self._clock_ns()
            await self._square()
            again = self._gaps(await self._venue.positions())
            gaps = {name: gap for name, gap in again.items() if gaps.get(name) == gap}
        self._ledger.learn(PositionsCompared(now_ns=asked_ns, venue=self._venue.name, differing=tuple(sorted(gaps))))
        self._is_new = False
        self._tell_gaps(gaps)

    def _gaps(self, held: Iterable[LedgerPosition]) -> dict[str, int]:
        """By instrument how much more the venue holds than we booked, in 10⁻¹⁸; without what has expired."""
        gaps = {each.instrument: each.amount_e18 for each in held}
        for position in self._ledger.state.portfolio.positions():
            if position.venue == self._venue.name:
                name = position.instrument
                gaps[name] = gaps.get(name, 0) - position.amount_nanos * E18_PER_NANO
        now_s = self._clock_ns() // NANOS
        return {name: gap for name, gap in gaps.items() if gap and _is_alive(name, now_s)}

    def _adopt(self, held: Iterable[LedgerPosition]) -> None:
        """Books that begin on an account with positions begin with these, at the venue's own average price."""
        now_ns = self._clock_ns()
        for each in held:
            amount_nanos, rest = divmod(abs(each.amount_e18), E18_PER_NANO)
            if not each.amount_e18 or rest or not _is_alive(each.instrument, now_ns // NANOS):
                continue
            opening = Fill(
                now_ns=now_ns,
                venue=self._venue.name,
                trade_id=f"{OPENING}.{each.instrument}",
                client_id=OPENING,
                instrument=each.instrument,
                side=Side.BUY if each.amount_e18 > 0 else Side.SELL,
                price_nanos=each.average_price_e18 // E18_PER_NANO,
                amount_nanos=amount_nanos,
                fee_e18=0,
                is_maker=True,
                venue_time_ns=now_ns,
            )
            if self._ledger.learn(opening):
                words = format_e18(each.amount_e18), each.instrument, format_e18(each.average_price_e18)
                log.warning("our books begin with %s %s at %s, which the venue holds already", *words)

    def _tell_gaps(self, gaps: dict[str, int]) -> None:
        """A line each time that something changes, not one each look."""
        venue = self._venue.name
        lines = {
            name: f"{name}: {venue} holds {format_e18(gap)} more than our books, and no trade explains it: not quoted"
            for name, gap in gaps.items()
        }
        for name, line in lines.items():
            if self._told.get(name) != line:
                log.error("%s", line)
        for name in self._told.keys() - lines.keys():
            log.warning("%s: our books and %s's positions agree again", name, venue)
        self._told = lines

    async def resolve(self, client_id: str) -> None:
        """An order with an unknown outcome: ask until the venue has told, never send it again."""
        order = self._ledger.state.orders.get(self._venue.name, client_id)
        if order is None or order.placed is None or order.state.is_final:  # it was gone before it was to be cancelled
            return
        for attempt in range(ROUNDS):
            try:
                await self._venue.resolve(order.placed)
            except VenueError as error:
                log.warning("order %s: outcome still unknown: %s", client_id, error)
                await asyncio.sleep(ROUND_S * 2**attempt)
            else:
                if order.placed.replaces:
                    await self._square()  # what became of the order before is as unknown
                return

    async def await_fills(self, client_id: str) -> None:
        """A filled amount was reported: trades must tell of it, too, in a moment; if they do not, ask for them."""
        if client_id in self._awaiting:
            return
        self._awaiting.add(client_id)
        try:
            await asyncio.sleep(FILLS_WITHIN_S)
            order = self._ledger.state.orders.get(self._venue.name, client_id)
            if order is not None and order.reported_nanos > order.booked_nanos:
                log.error("order %s: filled further than any trade tells: asking for its trades", client_id)
                await self._square()
        finally:
            self._awaiting.remove(client_id)

    async def cancel_own(self) -> int:
        """Cancel what is ours until the venue shows none of it; answers how many orders may still live.

        The connection may be on its way back meanwhile, so it is tried until `CANCEL_WITHIN_S` are over; one that will
        not come back ends it at once.
        """
        if self.only_looks:
            return 0
        try:
            async with asyncio.timeout(CANCEL_WITHIN_S):
                while not await self._pull():  # noqa: ASYNC110  the venue is asked, nothing would tell
                    await asyncio.sleep(ROUND_S)
        except (TimeoutError, Disconnected):
            return max(self.live(), 1)
        return 0

    async def _pull(self) -> bool:
        """Ask what rests, and cancel what is ours of it; answers whether the venue shows none."""
        try:
            found = await self._square()
        except (VenueError, BadFrame) as error:
            log.warning("cannot verify that our orders are gone: %s", error)
            if isinstance(error, Disconnected) and not error.retryable:
                raise
            return False
        resting = [order.client_id for order in self._ledger.state.orders.live(self._venue.name)]
        for client_id in resting:
            self._cancel(client_id)
        return not (resting or found.strays or found.outdated)

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


def _is_alive(name: str, now_s: int) -> bool:
    """Whether it is a contract that has not expired: settled ones leave the venue's rows in their own time."""
    try:
        expiry_s = parse_name(name).expiry_s
    except (ValueError, OverflowError):
        return False
    return not expiry_s or expiry_s > now_s


def _tell(found: Reconciliation) -> None:
    if found.foreign:
        log.warning("%d open orders on this account are not ours: left alone", len(found.foreign))
    if not found.is_clean:
        counts = [len(group) for group in (found.fills, found.adopted, found.ended, found.strays)]
        log.warning("reconciled: %d missed fills, %d adopted, %d ended, %d strays cancelled", *counts)
