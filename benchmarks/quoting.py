"""From a tick to its orders while the market maker quotes: practice Derive, every option of a coin, on both sides.

    python benchmarks/quoting.py [--seconds 60]

The venue has the first of our CPUs, the market maker the last, in performance mode. A decision's time counts from when
its tick was read until the last of its orders is signed and in the journal. Two CPUs of a virtual machine can be one
core, and then the venue takes half of it just when a tick arrives. So once orders have left, a fixed piece of work is
timed: the decisions after which it took its own time, and no longer, were made on a core that nobody else used, and
have a line of their own. The targets are theirs.
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
SHOWN = (50, 90, 99, 99.9)
NO_LONGER = 1.01  # than in the quickest twentieth: to the clock's own steps
FEWEST = 100  # decisions that a percentile is told of
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


def quote(expiries: list[str], seconds: int) -> tuple[np.ndarray, np.ndarray]:
    """(nanoseconds from tick to journal, nanoseconds of the fixed work after it) of each decision."""
    clock, decisions = core_probe().WatchedClock(), {}

    def tick_reader(lane: Any, clock_ns: Any, on_rows: Any, on_sent: Any) -> TickReader:
        def told(rows: Any, now_ns: int, written_ns: int, sent_ns: int) -> None:
            decisions[sent_ns] = written_ns - now_ns
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
    return (
        np.array(list(decisions.values())),
        np.array([clock.work_ns[sent_ns] for sent_ns in decisions]),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="From a tick to its orders while the market maker quotes.")
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    cpus = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as directory, contextlib.chdir(directory):
        Path("state/sim").mkdir(parents=True)
        Path("config.yaml").write_text(CONFIG)
        with venue(cpus[0]) as expiries:
            os.sched_setaffinity(0, {cpus[-1]})
            times_ns, work_ns = quote(expiries, options.seconds)
    is_own = work_ns <= np.percentile(work_ns, 5) * NO_LONGER
    for label, chosen in (("all decisions", times_ns), ("on a core of its own", times_ns[is_own])):
        figures = dict(zip(SHOWN, np.percentile(chosen, SHOWN) / 1e3, strict=True))
        print(f"{label:20}  {len(chosen):5,}  " + "  ".join(f"p{at:g} {each:.1f} µs" for at, each in figures.items()))
    if is_own.sum() < FEWEST:
        sys.exit(f"fewer than {FEWEST} decisions on a core of its own: run it for longer")
    print("targets                      " + "  ".join(f"p{at} {most:.1f} µs" for at, most in TARGETS_US.items()))
    sys.exit(int(any(figures[at] > most for at, most in TARGETS_US.items())))  # of the last line


if __name__ == "__main__":
    main()
