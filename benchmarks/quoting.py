"""From a tick to its orders while the market maker quotes: practice Derive, every option of a coin, on both sides.

    python benchmarks/quoting.py [--seconds 60]

The venue has the first of our CPUs, the market maker the last, in performance mode. Counted are decisions on a tick
whose orders the compiled lane has sent by itself, from when the tick was read until the last of them is signed and in
the journal. Looks at every instrument, and what Python writes, are not among them.

Two CPUs of a virtual machine can be one core, and then the venue takes half of it just when a tick arrives. So once
orders have left, a fixed piece of work is timed, which takes its shortest time only while the core's other half is
idle, and the decisions of such moments have a line of their own. Most of these stand in the midst of a burst, where
caches are warm, so those after a pause are told apart as well. The targets are for all decisions.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from probe import core_probe

from atomizer._core.lane import TickReader
from atomizer._core.outbox import Outbox
from atomizer.app import market_making_lane
from atomizer.cli import main as atomizer

TARGETS_US = {50: 6.0, 99: 12.0}
SHOWN = (50, 90, 99)
NO_LONGER = 1.01  # than in the quickest twentieth: the clock goes by steps of some nanoseconds
PAUSE_NS = 1_000_000  # since the orders before
CONFIG = "risk: {max_orders_per_second: 2000, max_position: 1000}\nmarket_maker: {refresh: 0.5s}\n"


@contextlib.contextmanager
def venue(cpu: int) -> Iterator[list[str]]:
    """Practice venues in the working directory; the expiries of the coin's options."""
    flags = ["--market-maker", "--seed", "3", "--endpoints", "state/sim/endpoints.json"]
    os.sched_setaffinity(0, {cpu})
    command = [sys.executable, "-m", "atomizer"]
    running = subprocess.Popen([*command, "sim", "start", *flags], stdout=subprocess.PIPE)  # noqa: S603  our own
    try:
        assert running.stdout is not None
        running.stdout.readline()
        listed = subprocess.run(  # noqa: S603
            [*command, "markets", "--exchange", "sim", "--format", "json"], check=True, stdout=subprocess.PIPE
        )
        names = [row["instrument"].split("-") for row in json.loads(listed.stdout)]
        yield sorted({name[1] for name in names if len(name) > 2})
    finally:
        running.terminate()
        running.wait()


def quote(expiries: list[str], seconds: int) -> np.ndarray:
    """A row for each decision: nanoseconds from tick to journal, since the orders before, and of the fixed work."""
    clock, decisions = core_probe().WatchedClock(), {}

    def tick_reader(lane: Any, clock_ns: Any, on_rows: Any, on_sent: Any) -> TickReader:
        def told(rows: Any, now_ns: int, written_ns: int, sent_ns: int) -> None:
            decisions[sent_ns] = written_ns - now_ns, now_ns - next(reversed(decisions), 0)
            on_sent(rows, now_ns, written_ns, sent_ns)

        return TickReader(lane, clock_ns, on_rows, told)

    market_making_lane.Outbox = lambda *parts: Outbox(*parts[:-1], clock)  # its clock is the last of them
    market_making_lane.TickReader = tick_reader
    flags = ["--paper", "--performance-mode", "--all-strikes", "--http-port", "0", "--for", f"{seconds}s"]
    sys.argv = ["atomizer", "market-maker", *flags, *(word for each in expiries for word in ("--expiry", each))]
    try:
        atomizer()
    except SystemExit as ended:
        if ended.code:
            raise
    return np.array([(*times, clock.work_ns[sent_ns]) for sent_ns, times in decisions.items()])


def main() -> None:
    parser = argparse.ArgumentParser(description="From a tick to its orders while the market maker quotes.")
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) == 1:
        sys.exit("one CPU is too few: the venue needs another one than the trader")
    with tempfile.TemporaryDirectory() as directory, contextlib.chdir(directory):
        Path("state/sim").mkdir(parents=True)
        Path("config.yaml").write_text(CONFIG)
        with venue(cpus[0]) as expiries:
            os.sched_setaffinity(0, {cpus[-1]})
            decisions = quote(expiries, options.seconds)
    if not len(decisions):
        sys.exit("no decision: quote for longer")
    times_ns, since_ns, work_ns = decisions.T
    is_first, is_alone = since_ns > PAUSE_NS, work_ns <= np.percentile(work_ns, 5) * NO_LONGER
    tell("all decisions", times_ns)
    tell("  after a pause", times_ns[is_first])
    tell("core undisturbed", times_ns[is_alone])
    tell("  after a pause", times_ns[is_alone & is_first])
    print("targets, of all           " + "  ".join(f"p{at} {most:4.1f} µs" for at, most in TARGETS_US.items()))
    sys.exit(int(any(np.percentile(times_ns, at) > most * 1e3 for at, most in TARGETS_US.items())))


def tell(label: str, times_ns: np.ndarray) -> None:
    """A line; a percentile with fewer than five decisions beyond it would be chance, and is left out."""
    shown = [at for at in SHOWN if len(times_ns) * (100 - at) >= 500]
    figures = (f"p{at:g} {np.percentile(times_ns, at) / 1e3:4.1f} µs" for at in shown)
    print(f"{label:18}  {len(times_ns):5,}  " + "  ".join(figures))


if __name__ == "__main__":
    main()
