"""The RFQ trader: its parts wired together, its timers, and its way from start to drained.

start      journal → hedge venue → reconcile → RFQ venue
trading    events from the two venues; timers for hedges, the picture, the disk and the reconciliation
drain      no new quotes → auctions and hedges end → gate shut → own orders cancelled → verified gone at the venue
kill       gate shut, latch set → drain without waiting for anything
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from atomizer.app.access import Access
from atomizer.app.custody import Custody
from atomizer.app.feed import Tape, build_snapshot, market_marks
from atomizer.app.hedging import Hedging
from atomizer.app.ledger import Ledger
from atomizer.app.parts import build_breaker, build_hedger, build_limits, build_responder
from atomizer.app.quoting import Quoting
from atomizer.app.rfq_source import QuoteSender, SourceParts
from atomizer.app.settling import Settling
from atomizer.config.settings import Settings
from atomizer.desk.snapshot import SnapshotWriter
from atomizer.domain.reasons import Verdict
from atomizer.domain.session import Connected, Event, Lost, Wiring
from atomizer.domain.trading import Fill, OrderState, OrderUpdate, RunStarted, RunStopped
from atomizer.errors import BadFrame, JournalError, VenueError
from atomizer.orders.table import Order
from atomizer.risk.exposure import Exposure, RunningExposure, as_flight
from atomizer.risk.gate import Gate
from atomizer.risk.latch import KillLatch
from atomizer.venues.rysk.profile import VENUE as RYSK

log = logging.getLogger("atomizer")

PICTURE_EVERY_S = 0.25
HEDGES_EVERY_S = 0.25
WATCH_EVERY_S = 0.25
LATCH_WITHIN_S = 2.0  # a disk that takes longer to keep the kill latch is not waited for
PUMP_EVERY_S = 0.1  # how long a record is in memory only
RECONCILE_EVERY_S = 30.0
SETTLING_NS = 1_500_000_000  # after an auction's end, until its trade notice must have come
DRAIN_WITHIN_S = 12.0


class Trader:
    """One run. Make it, `start`, `trade` until told, `drain`."""

    def __init__(
        self, settings: Settings, access: Access, ledger: Ledger, latch: KillLatch, clock_ns: Callable[[], int]
    ) -> None:
        self.settings = settings
        self.access = access
        self.ledger = ledger
        self.phase = "starting"
        self.tape = Tape()
        self.run = secrets.token_hex(4)
        self._quotes_leave = False  # in a dry run they do not, so nothing at the source can be ours
        self.started_ns = clock_ns()
        self._clock_ns = clock_ns
        self._gate = Gate(build_limits(settings.risk), ledger.state.losses)
        self._breaker = build_breaker(settings)
        self._latch = latch
        self._latching: asyncio.Task[None] | None = None
        self.has_connected = False  # without that nothing can have been sent
        self.halted = asyncio.Event()  # the run must end, and not because it was asked to
        self.killed = ""  # why nothing may trade any more, of this run or another
        ledger.on_failed = lambda why: self.kill(f"journal: {why}")
        self._timers: list[asyncio.Task[None]] = []
        self._errands: set[asyncio.Task[None]] = set()
        state = ledger.state
        fused = access.source.fused(settings)
        self._exposure = RunningExposure()
        state.portfolio.watch(self._exposure.hold)
        self.venue = access.venue.open_session(
            Wiring(
                underlyings=access.source.underlyings,
                emit=self._on_event,
                now_ns=clock_ns,
                max_clock_offset_ns=settings.risk.max_clock_offset.ns,
                listeners=[self._exposure] if fused is None else [self._exposure, fused],
                last_nonce=state.last_nonce(access.venue.venue),
            )
        )
        state.orders.watch(self._track)
        self.quoting: Quoting[Any] = Quoting(
            ledger=ledger,
            gate=self._gate,
            responder=build_responder(settings, self.venue),
            fused=fused,
            exposure=self._exposure,
            market=self.venue,
            source=access.source.name,
            nonces=access.source.nonces(state.last_nonce(access.source.name), self.venue),
            valid_for_s=max(int(settings.rfq.quote_duration), 1),
            clock_ns=clock_ns,
        )
        self.source = access.source.open(SourceParts(settings, ledger, self.venue, self.quoting, clock_ns))
        self.hedging: Hedging | None = None
        if settings.hedging.enabled:
            self.hedging = Hedging(
                ledger=ledger,
                gate=self._gate,
                hedger=build_hedger(settings, self.venue, state.carried()),
                venue=self.venue,
                run=self.run,
                measure=self.measure,
                clock_ns=clock_ns,
            )
        self.custody = Custody(
            ledger=ledger,
            venue=self.venue,
            clock_ns=clock_ns,
            on_fill=self.on_fill,
            on_update=self.on_order_update,
        )
        self.settling = Settling(ledger=ledger, venue=self.venue, physical=RYSK, clock_ns=clock_ns)
        self.quoting.hedges_back_to_back = settings.hedging.enabled and settings.hedging.mode == "option"
        self.quoting.measure = self.measure
        self.quoting.on_won = self._on_won
        self.quoting.on_maker_open = self._on_maker_open

    def use(self, settings: Settings) -> None:
        """Hold everything against these limits from now on."""
        self.settings = settings
        self._gate.use(build_limits(settings.risk))

    # events of the hedge venue

    def _on_event(self, event: Event) -> None:
        match event:
            case OrderUpdate():
                self.on_order_update(event)
            case Fill():
                self.on_fill(event)
            case Connected():
                if self.phase == "quoting":  # after a reconnect the venue may know what we missed
                    self._errand(self.custody.reconcile())
            case Lost():
                if self.phase == "quoting":
                    log.warning("%s: lost (%s): books are dark, nothing is quoted from them", event.venue, event.reason)

    def on_order_update(self, update: OrderUpdate) -> None:
        if self.hedging is not None:
            self.hedging.on_update(update)
        else:
            self.ledger.learn(update)
        if update.state is OrderState.UNKNOWN:
            self._errand(self.custody.resolve(update.client_id))
        elif update.state is OrderState.REFUSED and update.code is not None:
            self._breaker.on_reject(time.clock_gettime_ns(time.CLOCK_BOOTTIME))

    def on_fill(self, fill: Fill) -> None:
        if self.ledger.state.quote(fill.venue, fill.client_id) is not None:
            self.quoting.on_fill(fill)  # the source of the RFQs is the venue that we hedge at
            return
        if not self.ledger.state.orders.has_fill(fill.venue, fill.trade_id):
            self.tape.note(fill)
            if (mark := self.venue.mark(fill.instrument)) is not None:
                self.ledger.learn(mark)  # what it was worth when it was traded, for the edge in the reports
        if self.hedging is not None:
            self.hedging.on_fill(fill)
        else:
            self.ledger.learn(fill)

    def _on_maker_open(self) -> None:
        if self._quotes_leave and self.phase == "quoting":
            self._errand(self.source.follow())

    # the life of a run

    async def start(self, sender: QuoteSender[Any] | None = None) -> None:
        """Connect, make both accounts agree, then take RFQs. `sender` stands in for the maker's socket (dry run).

        Raises:
            AtomizerError: why this run cannot begin; `drain` and `close` all the same.
        """
        self.ledger.write(
            RunStarted(now_ns=self._clock_ns(), run=self.run, venue=self.venue.name, account=self.access.venue.account)
        )
        self._quotes_leave = sender is None
        self.custody.only_looks = not self._quotes_leave
        self._every(WATCH_EVERY_S, self._watch)
        self._every(PUMP_EVERY_S, self._pump)
        self._every(self.settings.journal.sync_every, self._sync)
        await self.venue.start()
        self.has_connected = True
        await self.custody.reconcile()
        await self.source.start()
        if self._quotes_leave:
            await self.source.reconcile()
        if self.killed:
            return
        self.quoting.sender = sender if sender is not None else self.source.sender
        self.phase = "quoting"
        self._on_maker_open()
        if self.hedging is not None:
            self._every(HEDGES_EVERY_S, self._tick_hedges)
        self._every(self.settings.risk.check_interval, self._write_marks)
        self._every(RECONCILE_EVERY_S, self.custody.reconcile)
        self._errand(self.settling.look())
        self._every(RECONCILE_EVERY_S, self.settling.look)
        if self._quotes_leave:
            self._every(RECONCILE_EVERY_S, self.source.reconcile)

    async def trade(self, stop: asyncio.Event) -> None:
        """Until `stop`, or until something broke that no reconnect repairs: that is raised here."""
        waits = {
            asyncio.ensure_future(stop.wait()),
            asyncio.ensure_future(self.halted.wait()),
            asyncio.ensure_future(self.venue.wait()),
            asyncio.ensure_future(self.source.wait()),
            *self._timers,
        }
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in pending - set(self._timers):
            wait.cancel()
        for wait in done:
            wait.result()

    def kill(self, cause: str) -> None:
        """Let nothing leave from this moment on, and end the run. Nothing trades here until the latch is cleared."""
        if self.killed:
            return
        self.killed = cause
        self._gate.shut(f"killed: {cause}")
        self.quoting.sender = None
        self.halted.set()
        log.error("KILLED: %s: the gate is shut, own orders are being cancelled", cause)
        self._latching = asyncio.create_task(self._set_latch(cause))

    async def _set_latch(self, cause: str) -> None:
        """In another thread: a disk that hangs may be why, and the cancels must not wait for it."""
        try:
            await asyncio.to_thread(self._latch.set, cause, self._clock_ns())
            await asyncio.to_thread(self._latch.sync)
        except OSError as error:
            # The next start may not know, unless what stopped this one stops that, too.
            log.error("the kill latch could not be kept: %s", error)  # noqa: TRY400  one line, no trace

    async def drain(self) -> int:
        """End the run, from whatever state; answers how many of our orders could not be proven gone."""
        was_quoting = self.phase == "quoting"
        self.phase = "draining"
        self.quoting.sender = None
        if was_quoting:
            await self._wait_for_auctions_and_hedges()
        self._gate.shut("stopping")
        for task in (*self._timers, *self._errands):
            task.cancel()
        await self.source.stop()
        live = await self.custody.cancel_own() if self.has_connected else self.custody.live()
        self.phase = "stopped" if live == 0 else "stopped, orders may live"
        await self._write_marks()
        self.ledger.learn(RunStopped(now_ns=self._clock_ns(), run=self.run, live_orders=live))
        await self._sync()
        if self._latching is not None:
            await asyncio.wait([self._latching], timeout=LATCH_WITHIN_S)
        return live

    async def close(self) -> None:
        """Let the sockets and the journal go."""
        await self.venue.stop()
        self.ledger.close()

    # what the gate asks

    def measure(self, instrument: str, now_ns: int) -> Exposure | Verdict:
        """Exposure with everything in flight."""
        self.quoting.forget_expired(now_ns)
        return self._exposure.measure(instrument, now_ns - self.settings.risk.max_mark_age.ns)

    def _track(self, order: Order) -> None:
        """So much of an order may still trade."""
        placed = order.placed
        if placed is not None:
            words = placed.instrument, placed.side, order.open_nanos, placed.price_nanos
            self._exposure.put_order(
                order.venue, order.client_id, as_flight(*words, self.venue.mark(placed.instrument))
            )

    async def _wait_for_auctions_and_hedges(self) -> None:
        """What cannot be taken back and is in an auction now may still become a fill and need its hedge."""
        await _attempt(self.source.withdraw())
        deadline_s = asyncio.get_running_loop().time() + DRAIN_WITHIN_S
        is_reconciled = not self._quotes_leave
        while asyncio.get_running_loop().time() < deadline_s:
            if self.killed:
                return
            if not self.quoting.auctions_open(self._clock_ns(), SETTLING_NS):
                if not is_reconciled:
                    await _attempt(self.source.reconcile())
                    is_reconciled = True
                if self.hedging is None or not self.ledger.state.open_hedges():
                    return
            await asyncio.sleep(0.05)
        log.warning("stopping with auctions or hedges still open: the next start goes on with them")

    # timers

    def _on_won(self, fill: Fill) -> None:
        self.tape.note(fill)
        if self.hedging is not None:
            self.hedging.on_won(fill)

    async def _tick_hedges(self) -> None:
        if self.hedging is not None:
            self.hedging.tick()

    async def _pump(self) -> None:
        await self._move(self.ledger.journal.pump)

    async def _sync(self) -> None:
        await self._move(self.ledger.journal.sync)

    async def _move(self, records: Callable[[], None]) -> None:
        try:
            await asyncio.to_thread(records)
        except JournalError as error:
            self.kill(f"journal: {error}")

    async def _watch(self) -> None:
        """Whether anything says that nothing may trade any more."""
        if await asyncio.to_thread(self._latch.is_set):
            self.kill(self._latch.cause())
        elif cause := self._breaker.look(
            wall_ns=self._clock_ns(),
            steady_ns=time.clock_gettime_ns(time.CLOCK_BOOTTIME),
            is_hearing=self.venue.is_open,
            refusals={reason.value: count for reason, count in self._gate.refusals.items()},
        ):
            self.kill(cause)

    async def _write_marks(self) -> None:
        """The marks of what we hold, so that the books can be valued without the venue."""
        for name in sorted(market_marks(self.ledger.state)):
            if mark := self.venue.mark(name):
                self.ledger.learn(mark)

    def books_live(self) -> int:
        books = (self.venue.book(name) for name in self.venue.names)
        return sum(book is not None and not book.dark for book in books)

    def publish(self, writer: SnapshotWriter) -> None:
        """Show the present picture."""
        now_ns = self._clock_ns()
        self.quoting.forget_expired(now_ns)
        sessions = ((self.venue.name, self.venue), (self.access.source.name, self.source))
        connected = tuple(name for name, session in sessions if session.is_open)
        writer.publish(
            build_snapshot(
                access=self.access,
                phase=self.phase,
                started_ns=self.started_ns,
                now_ns=now_ns,
                state=self.ledger.state,
                quoting=self.quoting,
                hedging=self.hedging,
                live_mark=self.venue.mark,
                connected=connected,
                books=self.books_live(),
                premium_e18=self._exposure.premium_e18,
                tape=self.tape,
            )
        )

    def _every(self, interval_s: float, action: Callable[[], Awaitable[object]]) -> None:
        async def repeat() -> None:
            while True:
                await asyncio.sleep(interval_s)
                await _attempt(action())

        self._timers.append(asyncio.create_task(repeat()))

    def _errand(self, work: Coroutine[object, object, object]) -> None:
        """Something to do once, beside the trading."""
        task = asyncio.create_task(_attempt(work))
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)


async def _attempt(work: Awaitable[object]) -> None:
    """A venue's failure is told; the next timer tries again."""
    try:
        await work
    except (VenueError, BadFrame) as error:
        log.warning("%s", error)
