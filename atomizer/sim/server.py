"""All practice venues in one process over one market: start, play in real time, say where they listen, end cleanly.

The market advances every 100 ms of wall time. Whoever starts this reads where the venues listen from standard output,
or from a file that is there exactly as long as they listen.
"""

import asyncio
import gc
import os
import signal
import threading
import time
import uuid
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
import uvloop

from atomizer.errors import UsageError
from atomizer.sim.deribit import PRACTICE_ACCOUNT as DERIBIT_ACCOUNT
from atomizer.sim.deribit import REST_PATH, SOCKET_PATH
from atomizer.sim.deribit import Venue as DeribitVenue
from atomizer.sim.deribit import serve as serve_deribit
from atomizer.sim.derive.dialect import V2, V3
from atomizer.sim.derive.limits import MARKET_MAKER
from atomizer.sim.derive.server import serve as serve_derive
from atomizer.sim.derive.venue import Venue as DeriveVenue
from atomizer.sim.faults import Manners, parse_plan
from atomizer.sim.faults_wire import Wire
from atomizer.sim.market import STEP_NS, Market
from atomizer.sim.rysk.server import LOOPBACK, RyskServer
from atomizer.sim.rysk.venue import RyskVenue
from atomizer.sim.rysk.verify import warm_up

_NS: Final = 1_000_000_000
_STDIN: Final = 0
_MANNERS: Final = {
    "derive": Manners((-32603, "Internal error"), (-32000, "Rate limit exceeded"), (-32603, "Internal error")),
    "deribit": Manners((10040, "retry"), (10028, "too_many_requests"), (11051, "system_maintenance")),
    "rysk": Manners((-32000, "internal error"), (-32000, "too many requests"), (-32000, "under maintenance")),
}


@dataclass(frozen=True, slots=True)
class Options:
    """How to run. Port 0 takes any free one; `endpoints` is the file to write where the venues listen."""

    seed: int = 1
    derive_port: int = 0
    deribit_port: int = 0
    rysk_port: int = 0
    endpoints: Path | None = None
    rfq_interval_s: float = 1.5
    fault: str = "calm"
    is_market_maker: bool = False  # what Derive takes our account for: what it grants in requests a second
    exit_with_parent: bool = False


def run(options: Options) -> None:
    """Serve until SIGTERM, SIGINT or, with `exit_with_parent`, the end of standard input.

    Raises:
        UsageError: a port is taken, the endpoints file cannot be written, or the fault plan is none.
    """
    uvloop.run(_serve(options))


async def _serve(options: Options) -> None:
    plan = parse_plan(options.fault)
    wires = {venue: Wire(venue, plan, options.seed, manners) for venue, manners in _MANNERS.items()}
    start_ns = time.time_ns() // STEP_NS * STEP_NS
    market = Market(options.seed, start_ns, rfq_interval_s=options.rfq_interval_s)
    derive = DeriveVenue(market, seed=options.seed, limits=MARKET_MAKER if options.is_market_maker else None)
    deribit = DeribitVenue(market, seed=options.seed)
    rysk = RyskServer(RyskVenue(market, start_ns), wires["rysk"])
    stop = _stop_event(exit_with_parent=options.exit_with_parent)
    async with AsyncExitStack() as stack:
        with _port_of("--derive-port", options.derive_port):
            derive_runner, derive_port = await serve_derive(derive, LOOPBACK, options.derive_port, wire=wires["derive"])
        stack.push_async_callback(derive_runner.cleanup)
        with _port_of("--deribit-port", options.deribit_port):
            deribit_runner, deribit_port = await serve_deribit(
                deribit, LOOPBACK, options.deribit_port, wire=wires["deribit"]
            )
        stack.push_async_callback(deribit_runner.cleanup)
        with _port_of("--rysk-port", options.rysk_port):
            rysk_port = await rysk.start(options.rysk_port)
        stack.push_async_callback(rysk.stop)
        ports = Ports(derive_port, deribit_port, rysk_port)
        stack.enter_context(_announced(_endpoints(options, ports), options.endpoints))
        threading.Thread(target=_warm_up, name="warm-up", daemon=True).start()
        await _until_either(_play(market, derive, deribit, rysk), stop.wait())


async def _play(market: Market, derive: DeriveVenue, deribit: DeribitVenue, rysk: RyskServer) -> None:
    """One market step after the other, each at its time; after a pause (a sleeping laptop) all that were missed.

    RFQs go out half a step later: by then the books' frames of this step are sent, and the answer times that Rysk
    measures are the makers' and not this loop's.
    """
    while True:
        now_ns = time.time_ns()
        step_ns = now_ns - now_ns % STEP_NS
        events = [] if derive.frozen or deribit.frozen else market.advance(now_ns)
        for venue in (derive, deribit):
            venue.on_market(events, now_ns)
            venue.publish(now_ns)
        await _sleep_until(step_ns + STEP_NS // 2)
        rysk.on_market(events)
        await _sleep_until(step_ns + STEP_NS)


async def _sleep_until(wall_ns: int) -> None:
    await asyncio.sleep(max(wall_ns - time.time_ns(), 0) / _NS)


async def _until_either(*endless: Coroutine[Any, Any, object]) -> None:
    """Until the first of them ends; what it raised, if anything, is raised here."""
    tasks = [asyncio.create_task(each) for each in endless]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()


@contextmanager
def _port_of(flag: str, port: int) -> Iterator[None]:
    """What the system says of a port, as a word about the flag."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{flag} {port}: {error.strerror}: stop what listens there, or leave the flag out") from error


@dataclass(frozen=True, slots=True)
class Ports:
    """Where each venue listens."""

    derive: int
    deribit: int
    rysk: int


def _endpoints(options: Options, ports: Ports) -> dict[str, object]:
    """With the keys of practice Deribit's account, which are public and open nothing else."""
    derive, deribit, rysk = (f"{LOOPBACK}:{port}" for port in (ports.derive, ports.deribit, ports.rysk))
    secret_key, asymmetric_key = DERIBIT_ACCOUNT.keys
    return {
        "session": uuid.uuid4().hex,
        "seed": options.seed,
        "fault": options.fault,
        "pid": os.getpid(),
        "derive": {
            "ws_v2": f"ws://{derive}{V2.websocket_path}",
            "ws_v3": f"ws://{derive}{V3.websocket_path}",
            "http": f"http://{derive}",
        },
        "deribit": {
            "ws": f"ws://{deribit}{SOCKET_PATH}",
            "http": f"http://{deribit}{REST_PATH}",
            "client_id": secret_key.client_id,
            "client_secret": secret_key.secret,
            "ed25519_client_id": asymmetric_key.client_id,
        },
        "rysk": {"ws": f"ws://{rysk}/", "http": f"http://{rysk}"},
    }


@contextmanager
def _announced(endpoints: dict[str, object], file: Path | None) -> Iterator[None]:
    """One line on standard output, and the same in `file` for as long as we are here."""
    line = orjson.dumps(endpoints).decode()
    if file is not None:
        _write_whole(file, line + "\n")
    try:
        print(line, flush=True)  # noqa: T201  whoever started us waits for it
        yield
    finally:
        # Another session may have taken the name over meanwhile; its file is not ours to remove.
        with suppress(OSError):
            if file is not None and file.read_text() == line + "\n":
                file.unlink()


def _write_whole(file: Path, text: str) -> None:
    """Never seen half written: a reader finds all of it or nothing."""
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(text)
        draft.replace(file)
    except OSError as error:
        raise UsageError(f"--endpoints {file}: {error.strerror}: name a file that can be written") from error


def _stop_event(*, exit_with_parent: bool) -> asyncio.Event:
    """Set once somebody wants us to end."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def watch_parent() -> None:
        while os.read(_STDIN, 4096):
            pass
        with suppress(RuntimeError):  # the loop may be closed by then
            loop.call_soon_threadsafe(stop.set)

    if exit_with_parent:
        threading.Thread(target=watch_parent, name="parent", daemon=True).start()
    return stop


def _warm_up() -> None:
    """A second of imports that the first signature needs; done while clients are still connecting."""
    warm_up()
    # What start-up made stays for good: the collector need not walk it, and pause the venues, ever again.
    gc.collect()
    gc.freeze()
