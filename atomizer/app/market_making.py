"""The market maker: its parts wired together, its timers, and its way from start to drained.

start      journal → venue → what rests of ours is cancelled → instruments chosen → rules → quotes
quoting    frames → lane → orders; outcomes → lane; positions and marks → rules; timers for looks, disk, reconciliation
drain      gate shut → quotes pulled → verified gone at the venue
"""

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import cast

from atomizer._core.book import Book
from atomizer.app.chores import Chores, unless
from atomizer.app.custody import Custody
from atomizer.app.emergency import WATCH_EVERY_S, Emergency
from atomizer.app.funding import Funding
from atomizer.app.ledger import Ledger
from atomizer.app.market_making_accounts import SAMPLE_EVERY_S, WRITE_EVERY_S, Accounts
from atomizer.app.market_making_choice import Choice
from atomizer.app.market_making_fair import FIT_EVERY_S, Fairs
from atomizer.app.market_making_lane import QuoteLane
from atomizer.app.market_making_parts import (
    build_core_gate,
    build_protections,
    build_room_limits,
    check,
    life_of,
)
from atomizer.app.market_making_protection import Shield
from atomizer.app.market_making_rules import Rules
from atomizer.app.parts import build_breaker
from atomizer.app.parts import build_limits as build_risk_limits
from atomizer.app.persistence import persist
from atomizer.app.settling import Settling
from atomizer.app.venues import VenueAccount
from atomizer.config.settings import Chain, Settings
from atomizer.domain.instruments import Instrument
from atomizer.domain.reasons import Reason
from atomizer.domain.session import Connected, Event, Lost, PublicTrade, QuoteSession, Wiring
from atomizer.domain.trading import Fill, Mark, OrderState, OrderUpdate, RunStarted, RunStopped
from atomizer.errors import BadFrame, OutcomeUnknown, VenueError
from atomizer.risk.latch import KillLatch
from atomizer.strategies.market_maker import Strategy

log = logging.getLogger("atomizer")

PUMP_EVERY_S = 0.1  # how long a record is in memory only
RECONCILE_EVERY_S = 30.0
RESUME_AGAIN_S = 1.0
SHIELD_EVERY_S = 5.0  # and at once when the venue ends an order that we did not
PULL_LOOKS, PULL_LOOK_S = 100, 0.02


class MarketMaking:
    """One run. Make it, `start`, `trade` until told, `drain`, `close`."""

    def __init__(
        self,
        settings: Settings,
        account: VenueAccount,
        ledger: Ledger,
        latch: KillLatch,
        clock_ns: Callable[[], int],
        *,
        directory: Path,
        strategy: Strategy,
        chains: Sequence[Chain],
        underlying: str,
        is_dry: bool,
    ) -> None:
        """`chains` name the instruments; with none, those near the money of `underlying` are taken."""
        self.settings = settings
        self.account = account
        self.directory = directory
        self.is_dry = is_dry  # then nothing leaves: the lane is never on
        self.ledger = ledger
        self.phase = "starting"
        self.run = secrets.token_hex(4)
        self.started_ns = clock_ns()
        self._clock_ns = clock_ns
        self._chores = Chores()
        self.fills = 0
        self._refused = Counter[int]()  # orders that the venue did not take, by its code
        self._has_traded = asyncio.Event()
        underlyings = tuple(dict.fromkeys([chain.underlying for chain in chains] or [underlying]))
        self.has_connected = False  # without that nothing can have been sent
        wiring = Wiring(
            underlyings=underlyings,
            emit=self._on_event,
            now_ns=clock_ns,
            max_clock_offset_ns=settings.risk.max_clock_offset.ns,
            listeners=[self],
            reader=self,
            last_nonce=ledger.state.last_nonce(account.venue),
            on_trade=self._on_trade,
        )
        self.venue = cast("QuoteSession", account.open_session(wiring))  # `check` refuses where none can rest
        self.last_trades: dict[str, PublicTrade] = {}  # in the book, of what we quote
        self.lane = QuoteLane(
            ledger=ledger,
            venue=self.venue,
            gate=build_core_gate(settings),
            run=self.run,
            time_in_force=life_of(settings),
            is_protected=True,
            clock_ns=clock_ns,
        )
        self.ticks = self.lane.ticks
        self.choice = Choice(settings, self.venue, self.lane, chains=chains, underlying=underlying, is_dry=is_dry)
        self.accounts = Accounts(
            ledger=ledger,
            lane=self.lane,
            market=self.venue,
            clock_ns=clock_ns,
            max_mark_age_ns=settings.risk.max_mark_age.ns,
        )
        self.rules = Rules(
            lane=self.lane,
            strategy=strategy,
            limits=build_risk_limits(settings.risk),
            room=build_room_limits(settings),
            losses=ledger.state.losses,
            portfolio=ledger.state.portfolio,
            mark=self.venue.mark,
            volatility=self.venue.volatility,
            doubting=ledger.state.doubting,
            move_window_ns=settings.market_maker.move_window.ns,
        )
        self.fairs: Fairs | None = None  # None: quotes stand round the market
        if settings.market_maker.fair == "smile":
            most_rms = float(settings.market_maker.smile_most_rms)
            max_age_ns = settings.risk.max_mark_age.ns
            self.fairs = Fairs(self.lane, self.venue, max_mark_age_ns=max_age_ns, most_rms=most_rms)
            self.rules.unpriced = self.fairs.unpriced
        self.shield = Shield(
            self.venue,
            build_protections(settings, underlyings),
            pause_ns=settings.market_maker.protection_pause.ns,
            on_change=self._look_again,
        )
        self.rules.paused = lambda: self.shield.paused
        self.custody = Custody(
            ledger=ledger,
            venue=self.venue,
            clock_ns=clock_ns,
            on_fill=self.on_fill,
            on_update=self.on_order_update,
        )
        self.funding = Funding(ledger=ledger, venue=self.venue, clock_ns=clock_ns)
        self.settling = Settling(ledger=ledger, venue=self.venue, physical="", clock_ns=clock_ns)
        self.emergency = Emergency(
            ledger=ledger, latch=latch, breaker=build_breaker(settings), clock_ns=clock_ns, on_killed=self._on_killed
        )

    def use(self, settings: Settings) -> None:
        """Hold every quote against these limits from now on, those that rest at once.

        Raises:
            ConfigError: they cannot be meant; then nothing has changed.
        """
        check(settings)
        limits, room = build_risk_limits(settings.risk), build_room_limits(settings)
        self.settings = settings
        self.rules.use(limits, room)
        self.choice.use(settings)
        self._look_again()

    @property
    def refusals(self) -> dict[str, int]:
        """Orders that came to nothing, by our gate's reason, and by the venue's code."""
        return self.lane.refusals | {f"venue_{code}": count for code, count in self._refused.items()}

    # what the venue says

    def on_channel(self, channel: str, now_ns: int) -> None:
        self.lane.on_channel(channel, now_ns)

    def on_listings(self, listed: Iterable[tuple[Instrument, Book]]) -> None:
        """Follow what is listed."""
        if self.phase == "quoting":
            self.choice.follow(listed, self._clock_ns())
            self._look_again()

    def on_mark(self, mark: Mark) -> None:
        self.rules.moves.note(mark.instrument.partition("-")[0], mark.index_nanos, mark.now_ns)
        self.lane.on_mark(mark)
        if self.fairs is not None:
            self.fairs.on_mark(mark)

    def _on_trade(self, trade: PublicTrade) -> None:
        if not trade.is_block and self.lane.get(trade.instrument) is not None:
            self.last_trades[trade.instrument] = trade

    def on_dark(self) -> None:
        """Nothing can be pulled without a connection; the venue does it (cancel on disconnect)."""
        self.lane.is_on = False

    def _on_event(self, event: Event) -> None:
        match event:
            case OrderUpdate():
                self.on_order_update(event)
            case Fill():
                self.on_fill(event)
            case Connected():
                if self.phase == "quoting":
                    self._chores.errand(self._resume())
            case Lost():
                log.warning("%s: lost (%s): nothing is quoted until all is known again", event.venue, event.reason)

    def on_order_update(self, update: OrderUpdate) -> None:
        self.ledger.learn(update)
        self.lane.settle(update.client_id, self._clock_ns())
        if update.filled_nanos:
            self._chores.errand(self.custody.await_fills(update.client_id))
        if update.state is OrderState.UNKNOWN:
            self._chores.errand(self.custody.resolve(update.client_id))
        elif update.state is OrderState.REFUSED and update.code is not None:
            self._refused[update.code] += 1
            if update.code not in self.venue.overtaken:
                self.emergency.on_reject()
        elif update.state is OrderState.CANCELLED and not self._was_asked(update.client_id) and self.lane.is_on:
            self._chores.errand(self._look_at_shield())

    def on_fill(self, fill: Fill) -> None:
        """Book it. Its side waits until the rules are renewed: once for all that trades in one turn of the loop.

        The others quote on meanwhile: their room was found as if every order of ours had traded.
        """
        if (mark := self.venue.mark(fill.instrument)) is not None:
            self.ledger.learn(mark)  # what it was worth when it was traded, for the edge in the reports
        if not self.ledger.learn(fill):
            return
        self.fills += 1
        self.accounts.on_fill(fill)
        log.info("fill %s: %s %s", fill.client_id, fill.side.word, fill.instrument)
        self.lane.on_fill(fill.client_id)
        self._has_traded.set()

    # the life of a run

    async def start(self, say: Callable[[str], None], settle: Callable[[], None]) -> None:
        """Connect, cancel what an earlier run left, choose the instruments, and quote. What is tried again is said.

        `settle` is called once everything is there that stays: it may take long, and nothing of ours rests yet.

        Raises:
            AtomizerError: why this run cannot begin; `drain` and `close` all the same.
        """
        self.ledger.write(
            RunStarted(now_ns=self._clock_ns(), run=self.run, venue=self.venue.name, account=self.account.account)
        )
        self._chores.upon(self._has_traded, self._renew)
        self._chores.every(WATCH_EVERY_S, self._watch)
        self._chores.every(PUMP_EVERY_S, self._pump)
        self._chores.every(self.settings.journal.sync_every, self._sync)
        await unless(self.emergency.halted, self._prepare(say))
        if self.emergency.killed:
            return
        if self.fairs is not None:
            await self.fairs.fit(self._clock_ns())
            self._chores.every(FIT_EVERY_S, self._fit)
        settle()
        self.phase = "quoting"
        self._begin()
        self._chores.every(self.settings.market_maker.refresh, self._look)
        self._chores.every(self.settings.risk.check_interval, self._write_marks)
        if not self.is_dry:
            self._chores.every(RECONCILE_EVERY_S, self.custody.reconcile)
            self._chores.every(SHIELD_EVERY_S, self._look_at_shield)
            self._chores.every(SAMPLE_EVERY_S, self.accounts.sample)
            self._chores.every(WRITE_EVERY_S, self.accounts.write)
            self._chores.errand(self.funding.look())
            self._chores.every(RECONCILE_EVERY_S, self.funding.look)
        self._chores.every(RECONCILE_EVERY_S, self.settling.look)

    async def _prepare(self, say: Callable[[str], None]) -> None:
        await persist(self.venue.start, say)
        self.has_connected = True
        for step in (self._choose,) if self.is_dry else (self._secure, self._choose):
            await persist(step, say, lambda: self.venue.is_open)

    async def _secure(self) -> None:
        """Nothing of an earlier run rests, both accounts agree, and the venue's protection is read back."""
        if await self.custody.cancel_own():
            raise OutcomeUnknown(self.venue.name, "what an earlier run left could not be proven gone")
        await self.custody.reconcile()
        await self.shield.set()

    async def _choose(self) -> None:
        self.choice.begin(self._clock_ns())

    async def trade(self, stop: asyncio.Event) -> None:
        """Until `stop`, or until something broke that no reconnect repairs: that is raised here."""
        ends = stop.wait(), self.emergency.halted.wait(), self.venue.wait()
        waits = {*map(asyncio.ensure_future, ends), *self._chores.timers}
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in pending - set(self._chores.timers):
            wait.cancel()
        for wait in done:
            wait.result()

    async def drain(self) -> int:
        """End the run; answers how many of our orders could not be proven gone."""
        self.phase = "draining"
        self.lane.shut(self._clock_ns())
        self._chores.stop()
        live = self.custody.live()
        if self.has_connected and not self.is_dry:
            await self._wait_until_pulled()
            live = await self.custody.cancel_own()
        self.phase = "stopped" if live == 0 else "stopped, orders may live"
        await self.accounts.stop()
        await self._write_marks()
        self.ledger.learn(RunStopped(now_ns=self._clock_ns(), run=self.run, live_orders=live))
        await self._sync()
        await self.emergency.wait_latched()
        return live

    async def close(self) -> None:
        """Let the socket and the journal go."""
        await self.venue.stop()
        self.ledger.close()

    def _begin(self) -> None:
        """Quote, or in a dry run find out what would be quoted: the lane is never on then, so nothing can leave it."""
        self.lane.is_on = not self.is_dry
        self._look_again()

    async def _resume(self) -> None:
        """After a loss: first both accounts agree, however often that must be tried, then quotes may rest again."""
        while True:
            try:
                await self.custody.reconcile()
                break
            except (VenueError, BadFrame) as error:
                log.warning("%s: nothing is quoted before the accounts agree: %s", self.venue.name, error)
            await asyncio.sleep(RESUME_AGAIN_S)
            if not self.venue.is_open:
                return  # lost again: the next `Connected` does it
        for order in self.ledger.state.orders.unknown():
            self._chores.errand(self.custody.resolve(order.client_id))
        if self.phase == "quoting":
            self._begin()

    def _on_killed(self) -> None:
        self.lane.shut(self._clock_ns())

    async def _wait_until_pulled(self) -> None:
        """The cancels are out; most are answered before anybody need ask."""
        for _ in range(PULL_LOOKS):
            if not any(self.ledger.state.orders.live()):
                return
            await asyncio.sleep(PULL_LOOK_S)

    # timers

    async def _look(self) -> None:
        self._look_again()

    def _renew(self) -> None:
        """What has traded is in the books: find out what the limits still leave, and let its sides quote again."""
        now_ns = self._clock_ns()
        changed = self.rules.renew(now_ns)
        # Settled first: a replacement must name what has filled, or the venue ends the old order and refuses the new.
        self.lane.on_renewed(now_ns)
        for quoted in changed:
            self.lane.decide(quoted, now_ns)

    def _look_again(self) -> None:
        """All rules anew, and then everything is decided by them, what stands worst first."""
        self.rules.renew(self._clock_ns())
        self.lane.on_renewed(self._clock_ns())
        self.lane.look(self._clock_ns())

    async def _fit(self) -> None:
        if self.fairs is not None:
            await self.fairs.fit(self._clock_ns())

    def _was_asked(self, client_id: str) -> bool:
        """Whether the end of an order was our own wish."""
        orders = self.ledger.state.orders
        order = orders.get(self.venue.name, client_id)
        return order is None or bool(order.cancel_sent_ns) or orders.is_replaced(order)

    async def _look_at_shield(self) -> None:
        await self.shield.look(self._clock_ns())

    async def _watch(self) -> None:
        refusals = self.lane.refusals
        if self.rules.lost is not Reason.OK:
            refusals[self.rules.lost] = 1
        await self.emergency.watch(is_hearing=self.venue.is_open, refusals=refusals)

    async def _pump(self) -> None:
        self.ledger.journal.make_room()
        await self.emergency.move(self.ledger.journal.pump)

    async def _sync(self) -> None:
        await self.emergency.move(self.ledger.journal.sync)

    async def _write_marks(self) -> None:
        """The marks of what we hold, so that the books can be valued without the venue."""
        for position in list(self.ledger.state.portfolio.positions()):
            if position.amount_nanos and (mark := self.venue.mark(position.instrument)):
                self.ledger.learn(mark)
