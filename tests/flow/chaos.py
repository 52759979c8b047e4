"""Kills a real trader again and again, and after each restart holds its books against the venues' own ledgers.

The venues live through all of it in one process. A kill comes at a numbered place (`victim.PLACES`, walked in turn) or
at a random moment. Then the market is frozen, the trader started again, and its journal must come to say what the
venues say: every order and every fill, none twice, no second order for one intent, the same positions.
"""

import contextlib
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from flow.resting import Rest
from flow.running import Desk, bare, wait_for
from flow.victim import AT_THE_START, NOWHERE, ORDERS, PLACES

from atomizer.app.ledger import read_state
from atomizer.domain.trading import Fill, HedgeOpened, OrderPlaced
from atomizer.journal.reader import JournalReader
from atomizer.sim.derive import PRACTICE_ACCOUNT

VICTIM = Path(__file__).with_name("victim.py")
NANOS = 10**9
FLAGS = {
    "rfq-responder": ("--exchange", "sim", "--enable-hedging"),
    # Close to mid and with some size, so that takers find it.
    "market-maker": ("--exchange", "sim", "--aggression", "0.9", "--min-spread", "1", "--size", "0.5"),
}
QUOTING = b"limits: "  # of the banner
LONGEST_LIFE_S = 30.0  # a place that is not passed in this time is given up for a random moment
AGREES_WITHIN_S = 90.0  # a Rysk trade shows in its positions within 30 s
STARTS_WITHIN_S = 120.0  # on a machine that does much else
POLL_S = 0.25
VISIT_EVERY_S = 0.3
VISIT_AMOUNT = "0.1"  # a part of a quote, so that some are filled in parts
MOST_OCCURRENCES = 3  # a place is passed so often before the kill: hedges do not come by the dozen
KILLS_OF_A_DAY = 30
TRADES_OF_A_DAY = 1_200  # of the account; its margin is good for twice as many
PAGE = 1000


class Recovery(NamedTuple):
    """One kill and what came after it."""

    number: int
    where: str
    took_s: float  # from the kill to books that agree
    orders: int  # that the venue has of ours
    trades: int  # at both venues
    difference: str  # empty when the books agree


class Chaos:
    """Practice venues in a directory, and one victim after the other."""

    def __init__(self, directory, command, *, seed=1, fault="calm"):
        self.command = command
        self.directory = directory
        self.fault = fault
        self.desk = Desk(directory, seed=seed, rfq_interval="150ms", fault=fault, errors=directory / "faults.log")
        self.desk.set_calm(is_calm=True)
        self.changes = 0
        self.rest = Rest(self.desk)
        self.random = random.Random(seed)  # noqa: S311  moments, not secrets
        self.victim = None

    def close(self):
        if self.victim is not None:
            self.victim.kill()
            self.victim.wait()
        self.desk.thaw()
        self.desk.close()

    def start(self, place=NOWHERE, occurrence=1):
        """A trader that dies there, or only when it is told to."""
        self.log = (self.directory / "victim.log").open("wb")
        with self.log:
            self.victim = subprocess.Popen(
                [sys.executable, str(VICTIM), place, str(occurrence), self.command, *FLAGS[self.command]],
                stdin=subprocess.DEVNULL,
                stdout=self.log,
                stderr=self.log,
                cwd=self.directory,
                env=bare(),
            )

    def recover(self):
        """A trader that quotes again."""
        self.start()
        log = self.directory / "victim.log"
        wait_for(lambda: self.victim.poll() is not None or QUOTING in log.read_bytes(), STARTS_WITHIN_S)
        assert self.victim.poll() is None, log.read_text()

    def kill(self, number, place, occurrence):
        """Let the present trader die, start the next, and compare. Without a place it dies at some moment."""
        self.desk.set_calm(is_calm=False)
        where = self.let_die(place, occurrence)
        self.desk.set_calm(is_calm=True)
        self.desk.freeze(settle=False)
        killed_s = time.monotonic()
        self.recover()
        difference, orders, trades = self.agree()
        self.desk.thaw()
        return Recovery(number, where, time.monotonic() - killed_s, orders, trades, difference)

    def let_die(self, place, occurrence):
        """Where it died, in words."""
        life_s = LONGEST_LIFE_S
        if place is None:
            life_s = self.random.uniform(0.0, 4.0)
        elif place in AT_THE_START:
            self.victim.kill()
            self.victim.wait()
            self.start(place, occurrence)
        else:
            (self.directory / ORDERS).write_text(f"{occurrence} {place}")
            self.victim.send_signal(signal.SIGUSR2)
        where = f"after {life_s:.2f} s" if place is None else f"{place}, {occurrence}."
        end_s = time.monotonic() + life_s
        while self.victim.poll() is None and (left_s := end_s - time.monotonic()) > 0:
            if self.command == "market-maker":
                self.visit()
            if place is not None and place.endswith("limits"):
                self.change_limits()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.victim.wait(min(left_s, VISIT_EVERY_S))
        if self.victim.poll() is None:
            self.victim.kill()
            where += "" if place is None else " not passed"
        code = self.victim.wait()
        if code != -signal.SIGKILL:  # a venue that says no may end a start, and even a run
            assert self.fault != "calm", (self.directory / "victim.log").read_text()
            where += f" ended by itself, exit code {code}"
        return where

    def visit(self):
        """A taker comes by one of the quotes that rest; under a fault plan it may not get through."""
        with contextlib.suppress(OSError, ValueError):
            if resting := self.desk.derive_ledger()["open_orders"]:
                quote = self.random.choice(resting)
                direction = "sell" if quote["direction"] == "buy" else "buy"
                self.desk.take(quote["instrument_name"], direction, VISIT_AMOUNT)

    def change_limits(self):
        """To something that binds nobody; again and again, since a trader follows the file from its start on."""
        self.changes += 1
        (self.directory / "config.yaml").write_text(f"risk: {{max_open_orders: {400 + self.changes}}}")

    def agree(self):
        """(what does not agree, empty once all does; orders; trades)."""
        end_s = time.monotonic() + AGREES_WITHIN_S
        while True:
            difference, orders, trades = self.compare()
            if not difference or time.monotonic() > end_s:
                return difference, orders, trades
            time.sleep(POLL_S)

    def compare(self):
        paths = list(self.directory.glob("state/sim/*/journal.atj"))
        if not paths:
            return "no journal yet", 0, 0
        theirs, trades = self.venue_orders(), self.venue_trades()
        won = self.desk.rysk_trades().keys()
        state = read_state(paths[0])
        with JournalReader(paths[0]) as journal:
            records = [entry.record for entry in journal.read()]
        placed = {record.client_id: record for record in records if isinstance(record, OrderPlaced)}
        fills = {(record.venue, record.trade_id) for record in records if isinstance(record, Fill)}
        found = [
            *_differing("orders of one label", {label: n for label, n in Counter(theirs).items() if n > 1}, {}),
            *_differing("orders that the journal does not know", set(theirs) - placed.keys(), set()),
            *_differing("Derive trades", {trade for venue, trade in fills if venue == "derive"}, trades),
            *_differing("Rysk trades", {trade for venue, trade in fills if venue == "rysk"}, set(won)),
            *_differing("positions", _positions(state), self.positions()),
            *_over_hedged(records, state),
        ]
        return "; ".join(found), len(theirs), len(trades) + len(won)

    def venue_orders(self):
        ended = [order["label"] for order in self.pages("private/get_order_history", "orders")]
        return ended + [label for label in self.rest.labels() if label not in ended]  # one may end in between

    def venue_trades(self):
        return {trade["trade_id"] for trade in self.pages("private/get_trade_history", "trades")}

    def pages(self, method, name):
        rows, page, pages = [], 1, 1
        while page <= pages:
            result = self.rest.call(method, subaccount_id=PRACTICE_ACCOUNT.subaccount_id, page=page, page_size=PAGE)
            rows += result[name]
            page, pages = page + 1, result["pagination"]["num_pages"]
        return rows

    def positions(self):
        """{(venue, instrument): amount in nanos} of what the venues say we hold."""
        derive = self.desk.derive_ledger()["positions"]
        rysk = self.desk.rysk_positions()
        held = {("derive", row["instrument_name"]): Decimal(row["amount"]) for row in derive}
        held |= {("rysk", name): amount for name, (amount, _) in rysk.items()}
        return {key: int(amount * NANOS) for key, amount in held.items() if amount}


def _positions(state):
    open_ones = (each for each in state.portfolio.positions() if each.amount_nanos)
    return {(each.venue, each.instrument): each.amount_nanos for each in open_ones}


def _over_hedged(records, state):
    """No second order for one intent: what the orders of a hedge filled is never more than what was to be hedged."""
    opened = Counter(record.trade_id for record in records if isinstance(record, HedgeOpened))
    yield from _differing("hedges opened twice", {trade: n for trade, n in opened.items() if n > 1}, {})
    wanted = defaultdict(int)
    for record in records:
        if isinstance(record, HedgeOpened):
            wanted[record.trade_id] = record.amount_nanos
    over = {trade for trade, amount in wanted.items() if state.orders.hedged_nanos(trade) > amount}
    yield from _differing("hedges beyond their amount", over, set())


def _differing(what, ours, theirs):
    if ours != theirs:
        if isinstance(ours, dict):
            ours, theirs = set(ours.items()), set(theirs.items())
        yield f"{what}: only ours {sorted(ours - theirs)[:3]}, only theirs {sorted(theirs - ours)[:3]}"


def plan_of(kills, command="rfq-responder"):
    """(place, occurrence) of each kill: half walk the places turn by turn, the others come at random moments."""
    places = PLACES[command]
    walked = [(places[at % len(places)], 1 + at // len(places) % MOST_OCCURRENCES) for at in range(kills // 2)]
    return walked + [(None, 1)] * (kills - len(walked))


def run(directory, plan, say, *, command="rfq-responder", seed=1, fault="calm"):
    """The kills of a plan; every recovery is said as it comes, and answered.

    New venues every so often: who only ever restarts ends without margin, and is refused for that.
    """
    shutil.rmtree(directory, ignore_errors=True)
    found = []
    while len(found) < len(plan):
        day = directory / f"from-{len(found) + 1}"
        day.mkdir(parents=True)
        chaos = Chaos(day, command, seed=seed + len(found), fault=fault)
        try:
            chaos.recover()
            for place, occurrence in plan[len(found) : len(found) + KILLS_OF_A_DAY]:
                found.append(chaos.kill(len(found) + 1, place, occurrence))
                say(found[-1])
                if found[-1].trades > TRADES_OF_A_DAY:
                    break
        finally:
            chaos.close()
    return found
