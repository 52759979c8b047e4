"""One run of the RFQ responder as a process: venues, books, picture, signals, and the word at the end."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import msgspec
import uvloop

from atomizer.app import performance, practice
from atomizer.app.access import Access, responder_access
from atomizer.app.dry_run import PrintingSender
from atomizer.app.ledger import Ledger
from atomizer.app.logs import Logs
from atomizer.app.tie import Tie, tie
from atomizer.app.trader import PICTURE_EVERY_S, Trader
from atomizer.config.mode import Mode, mode_of
from atomizer.config.secrets import forbid_core_dumps
from atomizer.config.settings import Settings
from atomizer.desk.snapshot import SnapshotWriter
from atomizer.errors import AtomizerError, ConfigError, VenueError

log = logging.getLogger("atomizer")

EXIT_ORDERS_MAY_LIVE = 9
EXIT_SECOND_SIGNAL = 130


class Options(msgspec.Struct, frozen=True):
    """What one run is told on the command line and what is not a setting."""

    duration_s: float | None = None
    dry_run: bool = False
    log_level: str = "info"
    log_console: bool = False
    performance: bool = False


class Report(msgspec.Struct, frozen=True):
    """What a finished run leaves to say."""

    trader: Trader
    live_orders: int
    tie: Tie | None
    ended_ns: int
    sweeper: performance.Sweeper | None


def run(
    settings: Settings, options: Options, venues: practice.PracticeVenues | None, say: Callable[[str], None]
) -> Report:
    """Trade until told to stop; everything that was started here is stopped again.

    `venues` are practice venues that were begun for this run; None when it needs none, or uses those that run already.

    Raises:
        AtomizerError: the run could not begin, or broke beyond repair (then its orders were still cancelled first).
    """
    forbid_core_dumps()
    _check(settings, options)
    own, others = practice.split_cpus()
    if own:
        os.sched_setaffinity(0, own)
    with ExitStack() as stack:
        logs = Logs(Path("logs"), options.log_level, console=options.log_console)
        stack.callback(logs.stop)
        return uvloop.run(_run(settings, options, venues, say, stack=stack, others=others))


async def _run(
    settings: Settings,
    options: Options,
    venues: practice.PracticeVenues | None,
    say: Callable[[str], None],
    *,
    stack: ExitStack,
    others: set[int],
) -> Report:
    stop = _stop_on_signals()
    access = await _reach(settings, venues, say)
    directory = access.directory / "dry-run" if options.dry_run else access.directory
    ledger = Ledger(directory, access.identity)
    if ledger.journal.torn_bytes:
        say(f"the journal ended in {ledger.journal.torn_bytes} torn bytes, kept in {ledger.journal.torn_path}")
    if ledger.journal.taken_over:
        say(f"the last run died: its newest {ledger.journal.taken_over} records were taken over from memory")
    if ledger.journal.head_on_disk:
        say(f"the journal's head lies on the disk, where a quote may wait for it: {ledger.journal.head_on_disk}")
    trader = Trader(settings, access, ledger, time.time_ns)
    stack.callback(ledger.journal.close)
    await trader.start(PrintingSender(access.rysk.maker) if options.dry_run else None)
    say(_banner(settings, access, options))
    writer = SnapshotWriter(directory / "snapshot")
    stack.callback(writer.close)
    trader.publish(writer)
    picture = asyncio.create_task(_publish(trader, writer))
    stack.callback(practice.stop_child, _draw(directory / "snapshot", others))
    sweeper = _settle(options, say)
    if options.duration_s is not None:
        asyncio.get_running_loop().call_later(options.duration_s, stop.set)
    try:
        await trader.trade(stop)
    finally:
        live_orders = await trader.drain()
        picture.cancel()
        trader.publish(writer)
        tie = await _tie(trader)
        await trader.close()
    return Report(trader, live_orders, tie, time.time_ns(), sweeper)


async def _reach(settings: Settings, venues: practice.PracticeVenues | None, say: Callable[[str], None]) -> Access:
    if mode_of(settings) is not Mode.SIM:
        return await responder_access(settings, None)
    if venues is not None:
        endpoints = await asyncio.to_thread(venues.endpoints)
        say(f"practice venues started, seed {endpoints.seed}")
    else:
        found = practice.find(Path(settings.journal.directory))
        if found is None:
            raise AtomizerError("the practice venues ended: start again")
        endpoints = found
        say(f"using the practice venues that run already (session {endpoints.session}, seed {endpoints.seed})")
    return await responder_access(settings, endpoints)


def _check(settings: Settings, options: Options) -> None:
    if settings.rfq.dummy_price is not None and mode_of(settings) is Mode.LIVE and not options.dry_run:
        raise ConfigError("rfq.dummy_price is for tests of the connection: use it with --test, --paper or --dry-run")


def _banner(settings: Settings, access: Access, options: Options) -> str:
    hedge = f"hedging by {settings.hedging.mode}" if settings.hedging.enabled else "not hedging"
    risk = settings.risk
    limits = f"delta {risk.max_delta}, position {risk.max_position}, order {risk.max_order_size}"
    return (
        f"{'DRY RUN, nothing leaves: ' if options.dry_run else ''}{access.mode}: {access.venue.place} "
        f"{access.venue.owner}; Rysk maker {access.rysk.maker.maker}; {hedge}; "
        f"limits: {limits}, premium {risk.max_premium} USD"
    )


def _stop_on_signals() -> asyncio.Event:
    """Set on the first SIGINT or SIGTERM; the second one ends the process at once."""
    stop = asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            os._exit(EXIT_SECOND_SIGNAL)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    return stop


async def _publish(trader: Trader, writer: SnapshotWriter) -> None:
    while True:
        await asyncio.sleep(PICTURE_EVERY_S)
        trader.publish(writer)


def _draw(path: Path, cpus: set[int]) -> subprocess.Popen[bytes]:
    return practice.start_child([sys.executable, "-m", "atomizer.desk.picture", str(path)], cpus)


def _settle(options: Options, say: Callable[[str], None]) -> performance.Sweeper | None:
    if options.performance:
        return performance.enter(asyncio.get_running_loop(), say)
    performance.quiet_collector()
    return None


async def _tie(trader: Trader) -> Tie | None:
    """Our books against the venue's ledger, None when it does not answer."""
    try:
        ledger = await trader.venue.positions()
    except VenueError as error:
        log.warning("the venue's ledger could not be compared: %s", error)
        return None
    ours = [each for each in trader.ledger.state.portfolio.positions() if each.venue == trader.venue.name]
    return tie(ours, ledger)
