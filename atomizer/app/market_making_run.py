"""One run of the market maker as a process: venue, books, picture, signals, and the word at the end."""

import asyncio
import logging
import os
import re
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec
import uvloop

from atomizer.app import performance, practice
from atomizer.app.access import book_directory, identity_of
from atomizer.app.chores import unless
from atomizer.app.control import Control
from atomizer.app.feed import Tape
from atomizer.app.ledger import Ledger
from atomizer.app.logs import Logs
from atomizer.app.market_making import MarketMaking
from atomizer.app.market_making_parts import build_params, check
from atomizer.app.market_making_picture import build_making_snapshot, wanted_row
from atomizer.app.market_making_strategies import strategy_named
from atomizer.app.nonces import NonceKeeper
from atomizer.app.reload import AT_START_ONLY, Reload
from atomizer.app.run import END_WITHIN_S, Memory, draw, end_within, find_practice, prepare
from atomizer.app.stopping import Stopping
from atomizer.app.tie import Tie, tie
from atomizer.app.trader import PICTURE_EVERY_S
from atomizer.app.venues import VenueAccount, account_at
from atomizer.config.mode import Mode, mode_of
from atomizer.config.secrets import forbid_core_dumps
from atomizer.config.settings import Chain, Settings
from atomizer.desk.picture import tell
from atomizer.desk.snapshot import QuoteRow, Snapshot, SnapshotWriter
from atomizer.errors import AtomizerError, OrdersMayLive, UsageError, VenueError
from atomizer.risk.latch import KillLatch

log = logging.getLogger("atomizer")

UNDERLYING = re.compile(r"[A-Z0-9]+(_[A-Z0-9]+)?", re.ASCII)
STATISTICS_EVERY_S = 30.0
# Of `risk`, beside what no trader changes while it runs: the compiled gate counts in a ring of that size.
AT_START_ONLY_HERE = AT_START_ONLY | {"max_orders_per_second"}
SEEN_AFTER_S = 1.0  # into a dry run, when its first quotes have settled


class MakerOptions(msgspec.Struct, frozen=True):
    """What one run is told on the command line and what is not a setting."""

    chains: Sequence[Chain]  # empty: those of the settings, or else near the money of `underlying`
    underlying: str = "ETH"
    duration_s: float | None = None
    dry_run: bool = False
    log_level: str = "info"
    log_console: bool = False
    performance: bool = False
    reread: Callable[[], Settings] | None = None  # the settings anew, as they were made for this run
    config: Path = Path("config.yaml")  # whose change is a reason to


class Out(msgspec.Struct, frozen=True):
    """Where a run's words go: lines for people, and every quote of a dry run (soon, every 30 s, at the end)."""

    say: Callable[[str], None]
    show: Callable[[Sequence[QuoteRow]], None]


class MakerReport(msgspec.Struct, frozen=True):
    """What a finished run leaves to say."""

    making: MarketMaking
    last: Snapshot
    live_orders: int
    tie: Tie | None
    ended_ns: int
    sweeper: performance.Sweeper | None
    unprepared: int  # signatures that found no nonce ready


def run_maker(
    settings: Settings,
    options: MakerOptions,
    venues: practice.PracticeVenues | None,
    stopping: Stopping,
    out: Out,
) -> MakerReport | None:
    """Quote until told to stop; everything that was started here is stopped again. None when nothing was begun yet.

    Raises:
        AtomizerError: the run could not begin, or broke beyond repair (then its orders were still cancelled first).
        OrdersMayLive: the same, and the cancels could not be verified.
    """
    forbid_core_dumps()
    own, others = practice.split_cpus()
    if own:
        os.sched_setaffinity(0, own)
    with ExitStack() as stack:
        logs = Logs(Path("logs"), options.log_level, console=options.log_console)
        stack.callback(logs.stop)
        return uvloop.run(_Run(settings, options, stopping, out).run(venues, stack, others))


class _Run:
    def __init__(self, settings: Settings, options: MakerOptions, stopping: Stopping, out: Out) -> None:
        self._settings = settings
        self._options = options
        self._stopping = stopping
        self._out = out
        self._tape = Tape()

    async def run(
        self, venues: practice.PracticeVenues | None, stack: ExitStack, others: set[int]
    ) -> MakerReport | None:
        stop = self._stopping.event()
        endpoints = await unless(stop, find_practice(self._settings, venues, self._out.say))
        if stop.is_set():
            if venues is not None:
                venues.stop()  # else the thread that waits for them keeps us
            return None
        account = account_at(self._settings.exchange.name, self._settings, endpoints)
        directory = book_directory(self._settings, account, endpoints)
        making = self._make(account, directory / "dry-run" if self._options.dry_run else directory, stack)
        control = Control(making.directory, making.emergency, lambda: making.phase)
        self._out.say(await control.start(self._settings.http))
        stack.callback(control.forget)
        writer = SnapshotWriter(making.directory / "snapshot")
        stack.callback(writer.close)
        picture = asyncio.create_task(self._publish(making, writer))
        keeper = NonceKeeper(making.account.signers, making.lane.make_ahead)
        memory = Memory(wants_performance=self._options.performance)
        try:
            turns = prepare(keeper, self._out.say, wants_performance=self._options.performance)
            await unless(stop, making.start(self._out.say, memory.settle))
            if making.phase == "quoting":
                if turns is not None:
                    turns.rehearse = making.lane.rehearse
                await self._quote(making, stop, stack, others)
        except AtomizerError as error:
            if live_orders := await self._end(making, writer, stack):
                words = f"{error}; {live_orders} of our orders may still be live: look at the venue"
                raise OrdersMayLive(words) from error
            raise
        last = self._snapshot(making)
        live_orders = await self._end(making, writer, stack)
        compared = None if making.is_dry else await _tie(making)
        picture.cancel()
        control.stop()
        await making.close()
        if not (making.has_connected or live_orders):
            return None
        return MakerReport(making, last, live_orders, compared, time.time_ns(), memory.sweeper, keeper.missed_count)

    def _make(self, account: VenueAccount, directory: Path, stack: ExitStack) -> MarketMaking:
        latch = KillLatch(directory)
        latch.check()
        ledger = Ledger(directory, identity_of(account, directory))
        stack.callback(ledger.journal.close)
        for line in ledger.journal.findings():
            self._out.say(line)
        settings, options = self._settings, self._options
        return MarketMaking(
            settings,
            account,
            ledger,
            latch,
            time.time_ns,
            directory=directory,
            strategy=strategy_named(settings.market_maker.strategy, build_params(settings)),
            chains=options.chains or settings.market_maker.instruments,
            underlying=options.underlying,
            is_dry=options.dry_run,
        )

    async def _quote(self, making: MarketMaking, stop: asyncio.Event, stack: ExitStack, others: set[int]) -> None:
        options = self._options
        self._out.say(_banner(self._settings, making))
        if not options.dry_run:
            stack.callback(practice.stop_child, draw(making.directory / "snapshot", others))
        if options.duration_s is not None:
            asyncio.get_running_loop().call_later(options.duration_s, stop.set)
        if options.reread is not None:
            reload = Reload(
                self._settings,
                options.reread,
                options.config,
                making.use,
                self._out.say,
                at_start_only=AT_START_ONLY_HERE,
            )
            stack.callback(asyncio.create_task(reload.follow()).cancel)
        await making.trade(stop)
        if options.dry_run:
            self._show_quotes(making)

    async def _end(self, making: MarketMaking, writer: SnapshotWriter, stack: ExitStack) -> int:
        """Drain, within a time in which an operator waits; answers how many orders may still be live."""
        stack.enter_context(end_within(END_WITHIN_S))
        live_orders = await making.drain()
        writer.publish(self._snapshot(making))
        return live_orders

    def _snapshot(self, making: MarketMaking) -> Snapshot:
        return build_making_snapshot(making, self._tape, time.time_ns())

    def _show_quotes(self, making: MarketMaking) -> None:
        self._out.show([wanted_row(making, quoted) for quoted in making.lane])

    async def _publish(self, making: MarketMaking, writer: SnapshotWriter) -> None:
        loop = asyncio.get_running_loop()
        tell_at_s, show_at_s = loop.time() + STATISTICS_EVERY_S, loop.time() + SEEN_AFTER_S
        while True:
            snapshot = self._snapshot(making)
            writer.publish(snapshot)
            if loop.time() >= tell_at_s:
                tell_at_s += STATISTICS_EVERY_S
                log.info("%s", tell(snapshot))
            if self._stopping.is_kill_asked:
                making.emergency.kill("signal SIGUSR1")
            if making.is_dry and making.phase == "quoting" and loop.time() >= show_at_s:
                show_at_s += STATISTICS_EVERY_S
                self._show_quotes(making)
            await asyncio.sleep(PICTURE_EVERY_S)


def check_maker(settings: Settings, options: MakerOptions) -> None:
    """What can be known to be wrong before anything is reached.

    Raises:
        ConfigError, UsageError: names the key and the remedy.
    """
    check(settings)
    for underlying in dict.fromkeys([options.underlying, *(chain.underlying for chain in options.chains)]):
        if not UNDERLYING.fullmatch(underlying):
            raise UsageError(f"--underlying {underlying!r} is no underlying: write it as in ETH or SOL_USDC")
    if options.chains or settings.market_maker.instruments:
        return
    if mode_of(settings) is not Mode.SIM and not options.dry_run:
        raise UsageError(
            "nothing to quote: add --expiry YYYYMMDD with --strikes A,B or --all-strikes, "
            "or market_maker.instruments to config.yaml; --paper takes the strikes round the money by itself"
        )


def _banner(settings: Settings, making: MarketMaking) -> str:
    maker = settings.market_maker
    names = [quoted.name for quoted in making.lane]
    limits = f"position {maker.max_position}, exposure {maker.max_exposure}, delta {settings.risk.max_delta}"
    return (
        f"{'DRY RUN, nothing leaves: ' if making.is_dry else ''}{mode_of(settings)}: {making.account.place} "
        f"{making.account.owner}; quoting {len(names)} instruments "
        f"({', '.join(names[:4])}{', …' if len(names) > 4 else ''}) size {maker.size} "  # noqa: PLR2004  enough to know
        f"aggression {maker.aggression}; limits: {limits}"
    )


async def _tie(making: MarketMaking) -> Tie | None:
    """Our books against the venue's ledger, None when it does not answer."""
    try:
        ledger = await making.venue.positions()
    except VenueError as error:
        log.warning("the venue's ledger could not be compared: %s", error)
        return None
    ours = [each for each in making.ledger.state.portfolio.positions() if each.venue == making.venue.name]
    return tie(ours, ledger)
