"""Kill what trades for an account: the latch, the trader, its orders, and the proof at the venue.

It needs nothing of the trader, which may hang: a latch file that every start looks for, a signal that nobody can
ignore, and a connection of its own.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from atomizer.app import practice
from atomizer.app.access import book_directory, state_directory
from atomizer.app.ledger import FILE
from atomizer.app.venues import VenueAccount, account_at
from atomizer.config.mode import Mode, mode_of
from atomizer.config.settings import Settings
from atomizer.desk.snapshot import SnapshotReader
from atomizer.domain.session import VenueSession, Wiring
from atomizer.domain.trading import CancelSent
from atomizer.errors import AtomizerError, BadFrame, ConfigError, OrdersMayLive, VenueError
from atomizer.journal.holder import holder, is_held
from atomizer.orders.client_ids import parse_client_id
from atomizer.risk.latch import KillLatch

TRADER_ENDS_WITHIN_S = 25.0  # it looks at the latch four times a second, cancels and verifies
HANGS_AFTER_S = 3.0  # without a new picture of itself, of which it publishes four a second
POLL_S = 0.1
VERIFY_WITHIN_S = 20.0
ROUND_S = 0.5
SNAPSHOT = "snapshot"
ANY_CLOCK_NS = 1 << 62  # a wrong clock may be why we are called

Say = Callable[[str], None]


class Target(msgspec.Struct, frozen=True):
    """Which books, and the way to their venue: None when there is no such venue any more."""

    directory: Path
    account: VenueAccount | None
    unreachable: str = ""  # why the venue cannot be asked though it is there


def find_target(settings: Settings) -> Target | None:
    """What these settings and the credentials of the environment mean; None when nothing was ever traded there.

    Without usable credentials it is the newest journal: the latch can be set, the venue cannot be asked.

    Raises:
        ConfigError: no usable credentials, and no journal either.
    """
    root = Path(settings.journal.directory)
    endpoints = practice.find(root) if mode_of(settings) is Mode.SIM else None
    if mode_of(settings) is Mode.SIM and endpoints is None:
        try:
            return Target(state_directory(settings), None)
        except ConfigError:
            return None
    try:
        account = account_at(settings.exchange.name, settings, endpoints)
    except ConfigError as error:
        return Target(state_directory(settings), None, str(error))
    return Target(book_directory(settings, account, endpoints), account)


async def kill(settings: Settings, target: Target, cause: str, *, everything: bool, say: Say) -> bool:
    """Set the latch, end the trader, cancel and verify. Whether a trader was running.

    `everything` cancels orders of others on the same account, too.

    Raises:
        OrdersMayLive: it could not be proven that nothing rests.
    """
    latch = KillLatch(target.directory)
    try:
        latch.set(cause, time.time_ns())
        latch.sync()
    except OSError as error:
        say(f"{latch.path} cannot be written ({error.strerror}): nothing keeps a trader from starting again")
    else:
        say(f"kill latch set: {latch.path}")
    was_running = await _end_trader(target.directory / FILE, say)
    if target.unreachable:
        raise OrdersMayLive(f"the venue could not be asked: {target.unreachable}")
    if target.account is None or _has_ended(settings):
        say("the practice venues have ended, and every order with them")
        return was_running
    say(await _clear(target.account, everything=everything))
    return was_running


def _has_ended(settings: Settings) -> bool:
    """Practice venues that a trader started for itself end with it."""
    return mode_of(settings) is Mode.SIM and practice.find(Path(settings.journal.directory)) is None


async def _end_trader(journal: Path, say: Say) -> bool:
    """Let the trader end by itself, and end it when it does not. Whether one was running."""
    if not is_held(journal):
        say("no trader is running on these books")
        return False
    deadline_s = time.monotonic() + TRADER_ENDS_WITHIN_S
    seen_ns, moved_s = _picture_ns(journal.parent), time.monotonic()
    while is_held(journal):
        now_s, now_ns = time.monotonic(), _picture_ns(journal.parent)
        if now_ns != seen_ns:
            seen_ns, moved_s = now_ns, now_s
        if now_s > min(deadline_s, moved_s + HANGS_AFTER_S):
            _end_hard(journal, say)
            return True
        await asyncio.sleep(POLL_S)
    say("the trader has ended")
    return True


def _picture_ns(directory: Path) -> int:
    """When the trader last showed itself; 0 when it never did."""
    with suppress(OSError, ValueError, msgspec.DecodeError), SnapshotReader(directory / SNAPSHOT) as reader:
        if (picture := reader.read()) is not None:
            return picture.now_ns
    return 0


def _end_hard(journal: Path, say: Say) -> None:
    pid = holder(journal)
    if pid is None:
        say("a trader hangs, and it is not ours to end: end it by hand, for it may send again")
        return
    # What it has written it has written: its journal is made to be killed.
    os.kill(pid, signal.SIGKILL)
    say(f"the trader (process {pid}) did not end by itself and was killed")


async def _clear(account: VenueAccount, *, everything: bool) -> str:
    """Cancel until the venue shows nothing; answers in words what was found.

    Raises:
        OrdersMayLive: it still shows something, or cannot be asked.
    """
    session = account.open_client(
        Wiring(underlyings=(), emit=_ignore, now_ns=time.time_ns, max_clock_offset_ns=ANY_CLOCK_NS)
    )
    try:
        async with asyncio.timeout(VERIFY_WITHIN_S):
            await session.start()
            return await _cancel_until_gone(session, account, everything=everything)
    except TimeoutError:
        raise OrdersMayLive(f"{account.place}: orders still rest after {VERIFY_WITHIN_S:g} s: look there") from None
    except (VenueError, BadFrame, ConfigError) as error:
        raise OrdersMayLive(f"{account.place} could not be asked: {error}") from error
    finally:
        await session.stop()


async def _cancel_until_gone(session: VenueSession, account: VenueAccount, *, everything: bool) -> str:
    found: set[str] = set()
    while True:
        resting = {order.order_id: order.client_id for order in await session.open_orders()}
        own = {order_id: label for order_id, label in resting.items() if everything or parse_client_id(label)}
        found |= own.keys()
        if not own:
            others = f"; {len(resting)} of others are left alone" if resting else ""
            return f"{account.place}: {len(found)} orders cancelled, none of ours rests, verified{others}"
        if len(own) == len(resting):
            await session.cancel_all()
        else:
            for label in own.values():
                now_ns = time.time_ns()
                session.cancel(CancelSent(now_ns=now_ns, venue=account.venue, client_id=label), now_ns)
        await asyncio.sleep(ROUND_S)


def clear(target: Target) -> str:
    """Take the latch off; answers why it was on, empty when it was not.

    Raises:
        AtomizerError: a trader is still running on these books, or the file cannot be removed.
    """
    if is_held(target.directory / FILE):
        raise AtomizerError("a trader is still running on these books: `atomizer kill` first")
    try:
        return KillLatch(target.directory).clear()
    except OSError as error:
        raise AtomizerError(f"{error.filename}: cannot be removed: {error.strerror}") from error


def _ignore(_event: object) -> None:
    """What the venue tells meanwhile is asked for instead."""
