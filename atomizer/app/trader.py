"""The RFQ trader: its parts wired together, its timers, and its way from start to drained.

start      journal → hedge venue → reconcile → RFQ venue
trading    events from the two venues; timers for hedges, the picture, the disk and the reconciliation
drain      no new quotes → auctions and hedges end → gate shut → own orders cancelled → verified gone at the venue
kill       gate shut, latch set → drain without waiting for anything
"""

import asyncio
import logging
import secrets
from collections.abc import Callable
from typing import Any

from atomizer.app.access import Access
from atomizer.app.chores import Chores, attempt, unless
from atomizer.app.custody import Custody
from atomizer.app.emergency import WATCH_EVERY_S, Emergency
from atomizer.app.feed import Tape, build_snapshot, market_marks
from atomizer.app.funding import Funding
from atomizer.app.hand import Hand
from atomizer.app.hedging import Hedging
from atomizer.app.ledger import Ledger
from atomizer.app.own_prices import OwnPrices
from atomizer.app.parts import build_breaker, build_hedger, build_limits, build_responder
from atomizer.app.persistence import persist
from atomizer.app.quoting import Quoting
from atomizer.app.rfq_source import SourceParts
from atomizer.app.settling import Settling
from atomizer.config.settings import Settings
from atomizer.desk.snapshot import SnapshotWriter
from atomizer.domain.reasons import Verdict
from atomizer.domain.session import Connected, Event, Lost, Wiring
from atomizer.domain.trading import Fill, OrderState, OrderUpdate, RunStarted, RunStopped
from atomizer.orders.table import Order
from atomizer.risk.exposure import Exposure, RunningExposure, as_flight
from atomizer.risk.gate import Gate
from atomizer.risk.latch import KillLatch
from atomizer.venues.rysk.profile import VENUE as RYSK

log = logging.getLogger("atomizer")

PICTURE_EVERY_S = 0.25
HEDGES_EVERY_S = 0.25
LOOK_EVERY_LEAST_S = 0.01
PUMP_EVERY_S = 0.1  # how long a record is in memory only
RECONCILE_EVERY_S = 30.0
SETTLING_NS = 1_500_000_000  # after an auction's end, until its trade notice must have come
DRAIN_WITHIN_S = 12.0


class Trader:
    """One run. Make it, `start`, `trade` until told, `drain`."""

    def __init__(
        self,
        settings: Settings,
        access: Access,
        ledger: Ledger,
        latch: KillLatch,
        clock_ns: Callable[[], int],
        *,
        is_dry: bool = False,
    ) -> None:
        """In a dry run quotes are printed instead of sent, so nothing at the source can be ours."""
        self.settings = settings
        self.access = access
        self.ledger = ledger
        self.phase = "starting"
        self.tape = Tape()
        self.run = secrets.token_hex(4)
        self.started_ns = clock_ns()
        self._clock_ns = clock_ns
        self._gate = Gate(build_limits(settings.risk), ledger.state.losses)
        self._chores = Chores()
        self.emergency = Emergency(
            ledger=ledger, latch=latch, breaker=build_breaker(settings), clock_ns=clock_ns, on_killed=self._on_killed
        )
        self.has_connected = False  # without that nothing can have been sent
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
            pays_coin=access.source.pays_coin,
            own_prices=OwnPrices(state.quotes(access.source.name), are_needed=not access.source.names_trades),
            nonces=access.source.nonces(state.last_nonce(access.source.name), self.venue),
            valid_for_s=max(int(settings.rfq.quote_duration), 1),
            at_once=settings.rfq.parallel_quotes,
            clock_ns=clock_ns,
        )
        self.source = access.source.open(SourceParts(settings, ledger, self.venue, self.quoting, clock_ns, is_dry))
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
        self.hand = Hand(
            ledger=ledger, gate=self._gate, venue=self.venue, run=self.run, measure=self.measure, clock_ns=clock_ns
        )
        self.custody = Custody(
            ledger=ledger,
            venue=self.venue,
            clock_ns=clock_ns,
            on_fill=self.on_fill,
            on_update=self.on_order_update,
        )
        self.custody.only_looks = is_dry
        self.funding = Funding(ledger=ledger, venue=self.venue, clock_ns=clock_ns)
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
                    self._chores.errand(self.custody.reconcile())
            case Lost():
                if self.phase == "quoting":
                    log.warning("%s: lost (%s): books are dark, nothing is quoted from them", event.venue, event.reason)

    def on_order_update(self, update: OrderUpdate) -> None:
        if self.hedging is not None:
            self.hedging.on_update(update)
        else:
            self.ledger.learn(update)
        if update.filled_nanos:
            self._chores.errand(self.custody.await_fills(update.client_id))
        if update.state is OrderState.UNKNOWN:
            self._chores.errand(self.custody.resolve(update.client_id))
        elif update.state is OrderState.REFUSED and update.code is not None:
            self.emergency.on_reject()

    def on_fill(self, fill: Fill) -> None:
        if self.ledger.state.quote(fill.venue, fill.client_id) is not None:
            self.quoting.on_fill(fill)  # the source of the RFQs is the venue that we hedge at
            return
        if not self.ledger.state.orders.has_fill(fill.venue, fill.trade_id):
            self.tape.note(fill)
            self.hand.on_fill(fill)
            if (mark := self.venue.mark(fill.instrument)) is not None:
                self.ledger.learn(mark)  # what it was worth when it was traded, for the edge in the reports
        if self.hedging is not None:
            self.hedging.on_fill(fill)
        else:
            self.ledger.learn(fill)

    def _on_maker_open(self) -> None:
        if self.phase == "quoting":
            self._chores.errand(self.source.follow())

    # the life of a run

    async def start(self, say: Callable[[str], None], settle: Callable[[], None]) -> None:
        """Connect, make both accounts agree, then take RFQs, those first that are open already.

        What is tried again is said.

        `settle` is called once everything is there that stays: it may take long, and nothing of ours rests yet.

        Raises:
            AtomizerError: why this run cannot begin; `drain` and `close` all the same.
        """
        self.ledger.write(
            RunStarted(now_ns=self._clock_ns(), run=self.run, venue=self.venue.name, account=self.access.venue.account)
        )
        self._chores.every(WATCH_EVERY_S, self._watch)
        self._chores.every(PUMP_EVERY_S, self._pump)
        self._chores.every(self.settings.journal.sync_every, self._sync)
        await unless(self.emergency.halted, self._prepare(say))
        if self.emergency.killed:
            return
        settle()
        self.quoting.begin(self.source.ways)
        self.phase = "quoting"
        self._on_maker_open()
        if self.settings.rfq.manual and not self.custody.only_looks:
            await self.hand.start(self.access.directory)
        self._chores.every(max(self.settings.rfq.cache_ttl, LOOK_EVERY_LEAST_S), self._look)
        if self.hedging is not None:
            self._chores.every(HEDGES_EVERY_S, self._tick_hedges)
        self._chores.every(self.settings.risk.check_interval, self._write_marks)
        self._chores.every(RECONCILE_EVERY_S, self.custody.reconcile)
        self._chores.errand(self.settling.look())
        self._chores.every(RECONCILE_EVERY_S, self.settling.look)
        self._chores.every(RECONCILE_EVERY_S, self.source.reconcile)
        if not self.custody.only_looks:
            self._chores.errand(self.funding.look())
            self._chores.every(RECONCILE_EVERY_S, self.funding.look)

    async def _prepare(self, say: Callable[[str], None]) -> None:
        await persist(self.venue.start, say)
        self.has_connected = True
        for step in (self.custody.reconcile, self.source.start, self.source.reconcile):
            await persist(step, say, lambda: self.venue.is_open)

    async def trade(self, stop: asyncio.Event) -> None:
        """Until `stop`, or until something broke that no reconnect repairs: that is raised here."""
        waits = {
            asyncio.ensure_future(stop.wait()),
            asyncio.ensure_future(self.emergency.halted.wait()),
            asyncio.ensure_future(self.venue.wait()),
            asyncio.ensure_future(self.source.wait()),
            *self._chores.timers,
        }
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in pending - set(self._chores.timers):
            wait.cancel()
        for wait in done:
            wait.result()

    def _on_killed(self) -> None:
        self._gate.shut(f"killed: {self.emergency.killed}")
        self.quoting.end()

    async def drain(self) -> int:
        """End the run, from whatever state; answers how many of our orders could not be proven gone."""
        was_quoting = self.phase == "quoting"
        self.phase = "draining"
        self.quoting.end()
        self.hand.stop()
        if was_quoting and not self.custody.only_looks:  # in a dry run there is nothing to wait for
            await self._wait_for_auctions_and_hedges()
        self._gate.shut("stopping")
        self._chores.stop()
        await self.source.stop()
        live = await self.custody.cancel_own() if self.has_connected else self.custody.live()
        self.phase = "stopped" if live == 0 else "stopped, orders may live"
        await self._write_marks()
        self.ledger.learn(RunStopped(now_ns=self._clock_ns(), run=self.run, live_orders=live))
        await self._sync()
        await self.emergency.wait_latched()
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
        await attempt(self.source.withdraw())
        deadline_s = asyncio.get_running_loop().time() + DRAIN_WITHIN_S
        is_reconciled = False
        while asyncio.get_running_loop().time() < deadline_s:
            if self.emergency.killed:
                return
            if not self.quoting.auctions_open(self._clock_ns(), SETTLING_NS):
                if not is_reconciled:
                    await attempt(self.source.reconcile())
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

    async def _look(self) -> None:
        self.quoting.look(self._clock_ns())

    async def _tick_hedges(self) -> None:
        if self.hedging is not None:
            self.hedging.tick()

    async def _pump(self) -> None:
        await self.emergency.move(self.ledger.journal.pump)

    async def _sync(self) -> None:
        await self.emergency.move(self.ledger.journal.sync)

    async def _watch(self) -> None:
        refusals = {reason.value: count for reason, count in self._gate.refusals.items()}
        await self.emergency.watch(is_hearing=self.venue.is_open, refusals=refusals)

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
