"""From a tick to its orders while the market maker quotes: 202 options of a coin on a practice venue, on both sides.

    python benchmarks/quoting.py [--seconds 60] [--exchange derive]

The venue, whose board is twice the usual one, has the first of our CPUs, the market maker the last, in performance
mode. Counted are decisions on a tick whose orders the compiled lane has sent by itself, from when the tick was read
until the last of them is in the journal and ready to leave. Looks at every instrument, and what Python writes, are not
among them. At Deribit an order that replaces another leaves as the cancel of that.

Two CPUs of a virtual machine can be one core, and then the venue takes half of it just when a tick arrives. A user is
to give the trader a core (OPERATIONS.md), and the targets are for that. So every other second, once something has come,
the venue is stopped, and all that came is read half a millisecond later. In between the venue runs on and every frame
is read as it comes, which is told, too; the two differ in how many ticks come at once as well. In the midst of a burst
code and data are in the caches already: what is decided after a pause is told apart.
"""

import argparse
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from atomizer._core.lane import TickReader
from atomizer._core.spinner import Spinner, SpunSocket
from atomizer.app import market_making_lane, performance
from atomizer.cli import main as atomizer
from atomizer.net import websocket

TARGETS_US = {50: 6.0, 99: 12.0}
SHOWN = (50, 90, 99)
FEWEST = 1_000  # about half of them while the venue stands: a 99th percentile of fewer would be chance
PAUSE_NS = 1_000_000  # since the orders before
STILL_NS = 500_000
SECOND_NS = 1_000_000_000
VENUE = """
from atomizer.cli import main
from atomizer.sim.market import valuation
valuation.STRIKE_COUNTS = (19, 19, 21, 21, 21)
main()
"""
CONFIG = """
risk: {max_orders_per_second: 2000, max_position: 1000, max_delta: 10000, max_gamma: 10000, max_vega: 1000000}
market_maker: {refresh: 0.5s, max_position: 100, max_exposure: 10000}
"""
SIZES = {"derive": "0.1", "deribit": "1"}  # the smallest there


class StillingSpinner:
    """Stands in for the trader's spinner, and stops the venue every other second before it reads what has come.

    While it waits it looks at a socket that stays silent, just as it looks at all of them while nothing comes.
    """

    def __init__(self, venue_pid: int) -> None:
        self._venue_pid = venue_pid
        self._spinner, self._silent = Spinner(), Spinner()
        self._pair = socket.socketpair()
        self._silent.add(SpunSocket(self._pair[0].fileno(), None, None, None))  # type: ignore[arg-type]  never heard
        self._arrivals = select.poll()
        self._descriptors: dict[SpunSocket, int] = {}
        self._read_at_ns = 0
        self.is_still = False

    def spun_socket(self, descriptor: int, *rest: Any) -> SpunSocket:
        spun = SpunSocket(descriptor, *rest)
        self._descriptors[spun] = descriptor
        return spun

    def add(self, spun: SpunSocket) -> bool:
        is_added = self._spinner.add(spun)
        if is_added:
            self._arrivals.register(self._descriptors[spun], select.POLLIN)
        else:
            del self._descriptors[spun]
        return is_added

    def remove(self, spun: SpunSocket) -> None:
        self._spinner.remove(spun)
        if spun in self._descriptors:
            self._arrivals.unregister(self._descriptors.pop(spun))

    def spin(self, looks: int) -> bool:
        now_ns = time.monotonic_ns()
        if self.is_still and now_ns >= self._read_at_ns:
            if self._spinner.spin(looks):
                return True
            self.is_still = False
            os.kill(self._venue_pid, signal.SIGCONT)
            return False
        if not self.is_still and now_ns // SECOND_NS % 2:
            return self._spinner.spin(looks)
        if not self.is_still and self._arrivals.poll(0):
            self.is_still = True
            self._read_at_ns = now_ns + STILL_NS
            os.kill(self._venue_pid, signal.SIGSTOP)
            return False
        return self._silent.spin(looks)


@contextlib.contextmanager
def venue(cpu: int) -> Iterator[tuple[int, list[str]]]:
    """Practice venues in the working directory; their process, and the expiries of the coin's options."""
    flags = ["--market-maker", "--seed", "3", "--endpoints", "state/sim/endpoints.json"]
    os.sched_setaffinity(0, {cpu})
    command = [sys.executable, "-m", "atomizer"]
    start = [sys.executable, "-c", VENUE, "sim", "start", *flags]
    running = subprocess.Popen(start, stdout=subprocess.PIPE)  # noqa: S603  our own
    try:
        assert running.stdout is not None
        running.stdout.readline()
        listed = subprocess.run(  # noqa: S603
            [*command, "markets", "--exchange", "sim", "--format", "json"], check=True, stdout=subprocess.PIPE
        )
        names = [row["instrument"].split("-") for row in json.loads(listed.stdout)]
        yield running.pid, sorted({name[1] for name in names if len(name) > 2})
    finally:
        running.send_signal(signal.SIGCONT)
        running.terminate()
        running.wait()


def quote(exchange: str, venue_pid: int, expiries: list[str], seconds: int) -> np.ndarray:
    """A row for each decision: nanoseconds from tick to journal, since the orders before, whether the venue stood."""
    decisions: dict[int, tuple[int, int, bool]] = {}
    spinner = StillingSpinner(venue_pid)

    def tick_reader(lane: Any, clock_ns: Any, on_rows: Any, on_sent: Any) -> TickReader:
        def told(rows: Any, now_ns: int, written_ns: int, sent_ns: int) -> None:
            decisions[sent_ns] = written_ns - now_ns, now_ns - next(reversed(decisions), 0), spinner.is_still
            on_sent(rows, now_ns, written_ns, sent_ns)

        return TickReader(lane, clock_ns, on_rows, told)

    performance.Spinner = lambda: spinner
    websocket.SpunSocket = spinner.spun_socket
    market_making_lane.TickReader = tick_reader
    flags = ["--exchange", f"sim:{exchange}", "--size", SIZES[exchange], "--http-port", "0", "--for", f"{seconds}s"]
    flags += ["--performance-mode", "--all-strikes", *(word for each in expiries for word in ("--expiry", each))]
    sys.argv = ["atomizer", "market-maker", *flags]
    try:
        atomizer()
    except SystemExit as ended:
        if ended.code:
            raise
    return np.array(list(decisions.values()))


def main() -> None:
    parser = argparse.ArgumentParser(description="From a tick to its orders while the market maker quotes.")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--exchange", choices=SIZES, default="derive")
    options = parser.parse_args()
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) == 1:
        sys.exit("one CPU is too few: the venue needs another one than the trader")
    with tempfile.TemporaryDirectory() as directory, contextlib.chdir(directory):
        Path("state/sim").mkdir(parents=True)
        Path("config.yaml").write_text(CONFIG)
        with venue(cpus[0]) as (venue_pid, expiries):
            os.sched_setaffinity(0, {cpus[-1]})
            decisions = quote(options.exchange, venue_pid, expiries, options.seconds)
    if len(decisions) < FEWEST:
        sys.exit(f"{len(decisions)} decisions: quote for longer")
    times_ns, since_ns, is_alone = decisions.T
    is_first, is_alone = since_ns > PAUSE_NS, is_alone.astype(bool)
    tell("while the venue stands", times_ns[is_alone])
    tell("  after a pause", times_ns[is_alone & is_first])
    print("  targets                      " + "  ".join(f"p{at} {most:4.1f} µs" for at, most in TARGETS_US.items()))
    tell("while the venue works", times_ns[~is_alone])
    tell("  after a pause", times_ns[~is_alone & is_first])
    sys.exit(int(any(np.percentile(times_ns[is_alone], at) > most * 1e3 for at, most in TARGETS_US.items())))


def tell(label: str, times_ns: np.ndarray) -> None:
    """A line; a percentile with fewer than five decisions beyond it would be chance, and is left out."""
    shown = [at for at in SHOWN if len(times_ns) * (100 - at) >= 500]
    figures = (f"p{at:g} {np.percentile(times_ns, at) / 1e3:4.1f} µs" for at in shown)
    print(f"{label:23}  {len(times_ns):5,}  " + "  ".join(figures))


if __name__ == "__main__":
    main()
