"""A market maker on practice venues for as long as one likes, on a bad day, with takers who hit it: no surprises.

Everything is judged at the venue's side (`witness`): what was sent, how far positions could have come, what was traded.
The maker's memory is sampled from outside, and its books are held against the venue's when it has ended.
"""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from flow.running import HURRIED, Desk, bare, wait_for
from flow.witness import ORDERS_FILE

from atomizer.app.ledger import read_state
from atomizer.domain.trading import Fill
from atomizer.journal.reader import JournalReader
from atomizer.sim.market.board import expiries

WITNESS = Path(__file__).with_name("witness.py")
NANOS = 10**9
SIZE, POSITION, EXPOSURE = "0.5", "2", "12"
PROTECTION = 6  # units within its window: a sweep of everything trips it
CONFIG = f"market_maker: {{protection_amount: {PROTECTION}, protection_pause: 5s, skew_risk: 0.0001, widen_move: 0.5}}"
FLAGS = ("--aggression", "0.9", "--min-spread", "1", "--size", SIZE, "--max-position", POSITION)
SAMPLES = 120  # of memory, over the whole run
WARM_SHARE = 0.25  # of a run, before its memory is looked at
LONG_S = 600  # from this long on, memory is judged
GROWTH_MOST = 0.03  # of memory, from the second quarter of a run to its last
# A stop is a signal: what was on its way then may still arrive, and a process that stood still sends on waking.
STOPS_WITHIN_NS = 3 * NANOS
QUOTING = "limits: "  # of the banner
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Found:
    """What a run came to. No problem: no surprise."""

    seconds: float
    report: dict
    memory: list = field(default_factory=list)  # (seconds, bytes)
    problems: list = field(default_factory=list)
    output: str = ""

    @property
    def growth(self):
        """Of memory: from the median of the second quarter to that of the last, as a share."""
        end_s = self.memory[-1][0]
        early = [size for at_s, size in self.memory if WARM_SHARE * end_s <= at_s <= 2 * WARM_SHARE * end_s]
        late = [size for at_s, size in self.memory if at_s >= (1 - WARM_SHARE) * end_s]
        return median(late) / median(early) - 1


class Watched(Desk):
    """Practice venues with a witness."""

    def __init__(self, directory, *, seed=1, fault="calm", hits=False):
        self.directory = directory
        self.file = directory / "witness.json"
        endpoints = directory / "state" / "sim" / "endpoints.json"
        endpoints.parent.mkdir(parents=True, exist_ok=True)
        limits = {name: int(float(most) * NANOS) for name, most in (("position", POSITION), ("exposure", EXPOSURE))}
        words = json.dumps(limits | {"hits": hits})
        flags = ["--seed", str(seed), "--fault", fault, "--endpoints", str(endpoints)]
        self.faults = (directory / "faults.log").open("wb")
        self._venues = subprocess.Popen(
            [sys.executable, str(WITNESS), str(self.file), words, str(seed), *flags],
            stdout=subprocess.PIPE,
            stderr=self.faults,
            cwd=directory,
            env=bare(),
        )
        self.endpoints = json.loads(self._venues.stdout.readline())

    def close(self):
        super().close()
        self.faults.close()

    def tell(self, *orders):
        """[verb, instrument, value] each: see `Witness.obey`. Answers once it is done."""
        file = self.directory / ORDERS_FILE
        draft = file.with_suffix(".draft")
        draft.write_text(json.dumps(orders))
        draft.replace(file)
        wait_for(lambda: not file.exists())

    def report(self):
        """After `close`."""
        return json.loads(self.file.read_text())


def run(directory, seconds, say, *, seed=1, fault="storm", flags=()):
    """One run; each sample of memory is said as it is taken. `flags` are further ones of the market maker."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "config.yaml").write_text(CONFIG)
    venues = Watched(directory, seed=seed, fault=fault, hits=True)
    try:
        code, out, err, memory, stopped_ns = quote(directory, seconds, say, flags)
    finally:
        venues.close()
    found = Found(seconds, venues.report(), memory, output=out)
    found.problems += judge(directory, found, stopped_ns)
    if code:
        found.problems.append(f"the market maker ended with {code}: {err[-2000:]}")
    return found


def quote(directory, seconds, say, flags):
    """(exit code, output, errors, memory, when it was told to stop) of a market maker."""
    out, err = directory / "maker.out", directory / "maker.err"
    maker = start(directory, out, err, flags)
    try:
        wait_for(lambda: maker.poll() is not None or QUOTING in err.read_text())
        memory = watch(maker, seconds, say)
    finally:
        stopped_ns = time.time_ns()
        maker.send_signal(signal.SIGINT)
        code = maker.wait(60)
    return code, out.read_text(), err.read_text(), memory, stopped_ns


def start(directory, out, err, flags):
    words = ("market-maker", "--exchange", "sim", "--max-exposure", EXPOSURE, *chain(), *FLAGS, *flags)
    with out.open("w") as stdout, err.open("w") as stderr:
        return subprocess.Popen(
            [sys.executable, str(HURRIED), *words], stdout=stdout, stderr=stderr, cwd=directory, env=bare()
        )


def chain():
    """Every strike of the second expiry that is listed."""
    day = datetime.fromtimestamp(expiries(int(time.time()))[1], UTC)
    return "--expiry", f"{day:%Y%m%d}", "--all-strikes"


def watch(maker, seconds, say):
    """[(seconds, bytes)] of the process while it lives, for so long."""
    memory, begun_s = [], time.monotonic()
    while (at_s := time.monotonic() - begun_s) < seconds and maker.poll() is None:
        resident = int(Path(f"/proc/{maker.pid}/statm").read_text().split()[1]) * PAGE
        memory.append((at_s, resident))
        say(f"{at_s:>7.0f} s  {resident / 1e6:>7.1f} MB")
        time.sleep(min(max(seconds / SAMPLES, 0.5), seconds - at_s))
    return memory


def judge(directory, found, stopped_ns):
    """What should not be, in words."""
    report = found.report
    for kind, words in report["offences"].items():
        yield f"{kind}: {len(words)} told, first {words[0]}"
    if report["last_order_ns"] > stopped_ns + STOPS_WITHIN_NS:
        yield f"an order came {(report['last_order_ns'] - stopped_ns) / 1e9:.1f} s after the stop"
    if report["last_order_ns"] > report["last_question_ns"]:
        yield "an order came after the last look at what rests"
    if not report["trades"]:
        yield "nothing traded: the takers found no quote"
    (path,) = directory.glob("state/sim/*/journal.atj")
    with JournalReader(path) as journal:
        fills = {entry.record.trade_id for entry in journal.read() if isinstance(entry.record, Fill)}
    trades = set(report["trades"])
    if fills != trades:
        yield f"trades: {len(fills - trades)} only ours, {len(trades - fills)} only theirs"
    ours = {each.instrument: each.amount_nanos for each in read_state(path).portfolio.positions() if each.amount_nanos}
    theirs = {name: amount for name, amount in report["positions"].items() if amount}
    if ours != theirs:
        yield f"positions: ours {ours}, theirs {theirs}"


def tell(found):
    """Lines for people."""
    report, minutes = found.report, found.seconds / 60
    messages, sides = report["messages"], max(report["side_steps"], 1)
    position, exposure = report["worst_position"] / NANOS, report["worst_exposure"] / NANOS
    resting, touch = report["resting_steps"] / sides, report["touch_steps"] / sides
    first, last = found.memory[0][1] / 1e6, found.memory[-1][1] / 1e6
    yield f"orders      {json.dumps(messages)}, {sum(messages.values()) / found.seconds:.1f} a second"
    yield f"refused     {json.dumps(report['refusals'])} by the venue's code"
    yield f"trades      {len(report['trades'])} in {minutes:.1f} min, {report['trips']} trips of the protection"
    yield f"furthest    position {position:g} of {POSITION}, exposure {exposure:g} of {EXPOSURE}"
    yield f"quoted      {resting:.1%} of the time, at the touch {touch:.1%}"
    yield f"memory      {first:.1f} MB, then {last:.1f} MB: {found.growth:+.2%} from the second quarter to the last"
    yield from (f"PROBLEM     {problem}" for problem in found.problems)
