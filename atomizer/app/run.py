"""One run of the RFQ responder as a process: venues, books, picture, signals, and the word at the end."""

import asyncio
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
import uvloop

from atomizer.app import performance, practice
from atomizer.app.access import Access, identity_of, responder_access
from atomizer.app.chores import unless
from atomizer.app.control import Control
from atomizer.app.ledger import Ledger
from atomizer.app.logs import Logs
from atomizer.app.nonces import NonceKeeper
from atomizer.app.reload import Reload
from atomizer.app.stopping import Stopping
from atomizer.app.tie import Tie, tie
from atomizer.app.trader import PICTURE_EVERY_S, Trader
from atomizer.config.mode import Mode, mode_of
from atomizer.config.secrets import forbid_core_dumps
from atomizer.config.settings import Settings
from atomizer.desk.snapshot import SnapshotWriter
from atomizer.errors import AtomizerError, ConfigError, OrdersMayLive, VenueError
from atomizer.risk.latch import KillLatch

log = logging.getLogger("atomizer")

END_WITHIN_S = 40.0  # from the end of trading to the end of the process, whatever hangs


class Options(msgspec.Struct, frozen=True):
    """What one run is told on the command line and what is not a setting."""

    duration_s: float | None = None
    dry_run: bool = False
    log_level: str = "info"
    log_console: bool = False
    performance: bool = False
    reread: Callable[[], Settings] | None = None  # the settings anew, as they were made for this run
    config: Path = Path("config.yaml")  # whose change is a reason to


class Report(msgspec.Struct, frozen=True):
    """What a finished run leaves to say."""

    trader: Trader
    live_orders: int
    tie: Tie | None
    ended_ns: int
    sweeper: performance.Sweeper | None
    unprepared: int  # signatures that found no nonce ready


def run(
    settings: Settings,
    options: Options,
    venues: practice.PracticeVenues | None,
    say: Callable[[str], None],
    stopping: Stopping,
) -> Report | None:
    """Trade until told to stop; everything that was started here is stopped again. None when nothing was begun yet.

    `venues` are practice venues that were begun for this run; None when it needs none, or uses those that run already.

    Raises:
        AtomizerError: the run could not begin, or broke beyond repair (then its orders were still cancelled first).
        OrdersMayLive: the same, and the cancels could not be verified.
    """
    forbid_core_dumps()
    _check(settings, options)
    own, others = practice.split_cpus()
    if own:
        os.sched_setaffinity(0, own)
    with ExitStack() as stack:
        logs = Logs(Path("logs"), options.log_level, console=options.log_console)
        stack.callback(logs.stop)
        return uvloop.run(_run(settings, options, venues, say, stopping, stack=stack, others=others))


async def _run(
    settings: Settings,
    options: Options,
    venues: practice.PracticeVenues | None,
    say: Callable[[str], None],
    stopping: Stopping,
    *,
    stack: ExitStack,
    others: set[int],
) -> Report | None:
    stop = stopping.event()
    access = await unless(stop, _reach(settings, venues, say))
    if access is None:
        if venues is not None:
            venues.stop()  # else the thread that waits for them keeps us
        return None
    directory = access.directory / "dry-run" if options.dry_run else access.directory
    latch = KillLatch(directory)
    latch.check()
    ledger = Ledger(directory, identity_of(access.venue, directory))
    for line in ledger.journal.findings():
        say(line)
    stack.callback(ledger.journal.close)
    trader = Trader(settings, access, ledger, latch, time.time_ns, is_dry=options.dry_run)
    control = Control(directory, trader.emergency, lambda: trader.phase)
    say(await control.start(settings.http))
    stack.callback(control.forget)
    writer = SnapshotWriter(directory / "snapshot")
    stack.callback(writer.close)
    picture = asyncio.create_task(_publish(trader, writer, stopping))  # to the end, so that a drain is seen to move
    memory = Memory(wants_performance=options.performance)
    keeper = NonceKeeper([*access.source.signers, *access.venue.signers])
    try:
        await unless(stop, _start(trader, keeper, options, say, memory))
        if trader.phase == "quoting":
            say(_banner(settings, access, options))
            stack.callback(practice.stop_child, draw(directory / "snapshot", others))
            if options.duration_s is not None:
                asyncio.get_running_loop().call_later(options.duration_s, stop.set)
            if options.reread is not None:
                reload = Reload(settings, options.reread, options.config, trader.use, say)
                stack.callback(asyncio.create_task(reload.follow()).cancel)
            await trader.trade(stop)
    except AtomizerError as error:
        if live_orders := await _end(trader, writer, stack):
            raise OrdersMayLive(f"{error}; {live_orders} of our orders may still be live: look at the venue") from error
        raise
    live_orders = await _end(trader, writer, stack)
    tie = await _tie(trader)
    picture.cancel()
    control.stop()
    await trader.close()
    if not (trader.has_connected or live_orders):
        return None
    return Report(trader, live_orders, tie, time.time_ns(), memory.sweeper, keeper.missed_count)


async def _start(
    trader: Trader, keeper: NonceKeeper, options: Options, say: Callable[[str], None], memory: "Memory"
) -> None:
    prepare(keeper, say, wants_performance=options.performance)
    await trader.start(say, memory.settle)


async def _end(trader: Trader, writer: SnapshotWriter, stack: ExitStack) -> int:
    """Drain, within a time in which an operator waits; answers how many orders may still be live."""
    stack.enter_context(end_within(END_WITHIN_S))
    live_orders = await trader.drain()
    trader.publish(writer)
    return live_orders


@contextmanager
def end_within(seconds: float) -> Iterator[None]:
    """End the process when this takes longer: a disk or a thread that hangs must not hold an operator up."""

    def end() -> None:
        log.error("the end took longer than %s s: ended hard", seconds)
        os._exit(OrdersMayLive.exit_code)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


async def _reach(settings: Settings, venues: practice.PracticeVenues | None, say: Callable[[str], None]) -> Access:
    return await responder_access(settings, await find_practice(settings, venues, say), say)


async def find_practice(
    settings: Settings, venues: practice.PracticeVenues | None, say: Callable[[str], None]
) -> practice.Endpoints | None:
    """Where the practice venues of this run listen, those that come up for it or those that run; None in other modes.

    Raises:
        AtomizerError: they ended meanwhile.
    """
    if mode_of(settings) is not Mode.SIM:
        return None
    if venues is not None:
        endpoints = await asyncio.to_thread(venues.endpoints)
        say(f"practice venues started, seed {endpoints.seed}")
        return endpoints
    found = practice.find(Path(settings.journal.directory))
    if found is None:
        raise AtomizerError("the practice venues ended: start again")
    say(f"using the practice venues that run already (session {found.session}, seed {found.seed})")
    return found


def _check(settings: Settings, options: Options) -> None:
    if settings.rfq.dummy_price is not None and mode_of(settings) is Mode.LIVE and not options.dry_run:
        raise ConfigError("rfq.dummy_price is for tests of the connection: use it with --test, --paper or --dry-run")


def _banner(settings: Settings, access: Access, options: Options) -> str:
    hedge = f"hedging by {settings.hedging.mode}" if settings.hedging.enabled else "not hedging"
    risk = settings.risk
    limits = f"delta {risk.max_delta}, position {risk.max_position}, order {risk.max_order_size}"
    return (
        f"{'DRY RUN, nothing leaves: ' if options.dry_run else ''}{access.mode}: {access.venue.place} "
        f"{access.venue.owner}; {access.source.owner}; {hedge}; "
        f"limits: {limits}, premium {risk.max_premium} USD"
    )


async def _publish(trader: Trader, writer: SnapshotWriter, stopping: Stopping) -> None:
    while True:
        trader.publish(writer)
        if stopping.is_kill_asked:
            trader.emergency.kill("signal SIGUSR1")
        await asyncio.sleep(PICTURE_EVERY_S)


def draw(path: Path, cpus: set[int]) -> subprocess.Popen[bytes]:
    """The live picture of a snapshot, in a process of its own."""
    return practice.start_child([sys.executable, "-m", "atomizer.desk.picture", str(path)], cpus)


def prepare(keeper: NonceKeeper, say: Callable[[str], None], *, wants_performance: bool) -> performance.Turns | None:
    """Before anything is opened or sent: nonces made ahead, and who reads the sockets."""
    loop = asyncio.get_running_loop()
    keeper.fill()
    keeper.keep(loop)
    return performance.spin(loop, say) if wants_performance else None


class Memory:
    """Who sees to garbage: ourselves, on our own timer, or a collector with less to walk."""

    def __init__(self, *, wants_performance: bool) -> None:
        self._wants_performance = wants_performance
        self.sweeper: performance.Sweeper | None = None

    def settle(self) -> None:
        """Once everything is there that stays."""
        if self._wants_performance:
            self.sweeper = performance.hold_collector(asyncio.get_running_loop())
        else:
            performance.quiet_collector()


async def _tie(trader: Trader) -> Tie | None:
    """Our books against the venue's ledger, None when it does not answer."""
    try:
        ledger = await trader.venue.positions()
    except VenueError as error:
        log.warning("the venue's ledger could not be compared: %s", error)
        return None
    ours = [each for each in trader.ledger.state.portfolio.positions() if each.venue == trader.venue.name]
    return tie(ours, ledger)
