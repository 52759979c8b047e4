"""Trades under a fault plan with the real traders, then clears the weather and holds what they believe to the venues.

Two traders share the venues, each with an account of its own: a market maker at Deribit, and at Derive an RFQ responder
that hedges or another market maker. While the plan lasts their books are looked at: what a trader holds of a book at
some sequence must be what the venue had there. At the end the plan is over and the market stands still. Then every book
must be the venue's, no outcome unknown, every order and trade told alike; and when the traders have stopped, no order
may be left anywhere.
"""

import json
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

from flow.beliefs import BELIEFS
from flow.running import Desk, bare, wait_for
from flow.venue_side import Deribit, Derive

from atomizer.app.ledger import read_state
from atomizer.domain.trading import Fill, OrderPlaced, OrderState, OrderUpdate
from atomizer.journal.reader import JournalReader

TELLER = Path(__file__).with_name("beliefs.py")
NANOS = 10**9
STARTS_WITHIN_S = 120.0  # on a machine that does much else
TELLS_WITHIN_S = 20.0
CLEARS_S = 4.0  # of calm, in which lost books are asked for again and unknown outcomes end
HEARS_WITHIN_S = 60.0  # of the next change of its book, by then
AGREES_WITHIN_S = 60.0  # a Rysk trade shows in its positions within 30 s
STOPS_WITHIN_S = 60.0
STRIKES_WITHIN_S = 60.0  # beyond the time of the run, until each wanted kind of fault has
POLL_S = 0.5
QUOTING = b"limits: "  # of the banner
RESPONDER = ("rfq-responder", "--enable-hedging")
# Close to mid and with some size, so that takers find it.
MAKER = ("market-maker", "--aggression", "0.9", "--min-spread", "1", "--size", "1")


class Look(NamedTuple):
    """The books of one trader at one moment, held to the venue's."""

    second: int
    venue: str
    faults: int  # at this venue so far
    same: int
    behind: int  # at another sequence than the venue's: what is between is on its way, or was struck
    dark: int  # believed by nobody
    wrong: list[str]


class Verdict(NamedTuple):
    """What a run came to: figures by venue, every look, and in words all that is not as it must be."""

    figures: dict[str, dict[str, int]]
    looks: list[Look]
    faults: Counter[str]
    failures: list[str]


class Trader:
    """One of our commands on these venues, in a directory of its own."""

    def __init__(self, venue, directory, endpoints, command, *flags):
        self.venue = venue
        self.command = command
        self.directory = directory
        (directory / "state" / "sim").mkdir(parents=True)
        (directory / "state" / "sim" / "endpoints.json").write_text(json.dumps(endpoints))
        self.log = directory / "trader.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(TELLER), command, "--exchange", f"sim:{venue.name}", *flags],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=directory,
                env=bare(),
            )

    def wait_until_quoting(self):
        wait_for(lambda: self.process.poll() is not None or QUOTING in self.log.read_bytes(), STARTS_WITHIN_S)

    @property
    def has_ended(self):
        return self.process.poll() is not None

    def beliefs(self):
        """{instrument: book or None} of what it takes prices from."""
        file = self.directory / BELIEFS
        file.unlink(missing_ok=True)
        self.process.send_signal(signal.SIGUSR2)
        wait_for(lambda: self.has_ended or file.exists(), TELLS_WITHIN_S)
        return json.loads(file.read_text()).get(self.venue.name, {}) if file.exists() else {}

    def stop(self):
        """Exit code; Ctrl-C is how an operator ends it."""
        if not self.has_ended:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def last_words(self):
        return " / ".join(self.log.read_text(errors="replace").splitlines()[-3:])

    def books(self):
        """(its state, its journal's records)."""
        path = next(self.directory.glob("state/sim/*/journal.atj"))
        with JournalReader(path) as journal:
            records = [entry.record for entry in journal.read()]
        return read_state(path), records


class Storm:
    """Venues under a plan, and the traders."""

    def __init__(self, directory, *, fault, seed, at_derive):
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        self.struck = directory / "faults.log"
        # Slow enough that a day's trades leave the account some margin.
        self.desk = Desk(directory, seed=seed, rfq_interval="1s", fault=fault, errors=self.struck)
        self.traders = []
        self.set_calm(is_calm=True)
        for venue in (Derive(self.desk), Deribit(self.desk)):
            command, *flags = RESPONDER if (venue.name, at_derive) == ("derive", RESPONDER[0]) else MAKER
            place = directory / f"{command}-{venue.name}"
            self.traders.append(Trader(venue, place, self.desk.endpoints, command, *flags))
        self.looks = []

    def close(self):
        for trader in self.traders:
            trader.process.kill()
            trader.process.wait()
        self.desk.thaw()
        self.desk.close()

    def faults(self):
        """How often each kind struck, by venue and kind."""
        lines = self.struck.read_text().splitlines()
        return Counter((row["venue"], row["fault"]) for line in lines if (row := _fault(line)))

    def kinds(self):
        """Of the faults that have struck."""
        return {kind for _, kind in self.faults()}

    def look(self, second):
        """Every trader's books while they change: by sequence, and not those that our own orders are in."""
        faults, taken = self.faults(), []
        for trader in self.traders:
            if trader.has_ended:
                continue
            venue = trader.venue
            before = venue.books()
            beliefs = trader.beliefs()
            after = venue.books()
            placed = {record.instrument for record in trader.books()[1] if isinstance(record, OrderPlaced)}
            same = behind = dark = 0
            wrong = []
            for name, book in beliefs.items():
                if book is None:
                    dark += 1
                    continue
                shown = [each[name] for each in (before, after) if name in each]
                theirs = next((each for each in shown if each["sequence"] == book["sequence"]), None)
                if theirs is None or name in placed:
                    behind += theirs is None
                elif _levels(theirs) == _levels(book):
                    same += 1
                else:
                    wrong.append(f"{name} at {book['sequence']}: {_differing_levels(book, theirs)}")
            struck = sum(count for (where, _), count in faults.items() if where == venue.name)
            taken.append(Look(second, venue.name, struck, same, behind, dark, wrong))
        self.looks += taken
        return taken

    def begin(self):
        """Once all quote, the plan begins."""
        for trader in self.traders:
            trader.wait_until_quoting()
        self.set_calm(is_calm=False)

    def set_calm(self, *, is_calm):
        for venue in ("derive", "deribit", "rysk"):
            _post(self.desk.endpoints[venue]["http"].removesuffix("/api/v2") + "/practice/calm", {"calm": is_calm})

    def clear(self):
        """The plan is over; once each book has heard of a change since, the market stands still.

        A frame that never arrives is seen when the next one does, and on a real wire it does not get lost alone.
        """
        self.set_calm(is_calm=True)
        time.sleep(CLEARS_S)
        then = {trader: trader.venue.books() for trader in self.traders}
        end_s = time.monotonic() + HEARS_WITHIN_S
        while time.monotonic() < end_s and not all(_has_heard(trader, books) for trader, books in then.items()):
            time.sleep(POLL_S)
        self.desk.freeze()

    def settle(self):
        """In words what does not agree, once all does or the time is over."""
        end_s = time.monotonic() + AGREES_WITHIN_S
        while True:
            found = [words for trader in self.traders for words in self.differences(trader)]
            if not found or time.monotonic() > end_s or any(trader.has_ended for trader in self.traders):
                return found
            time.sleep(POLL_S)

    def differences(self, trader):
        if trader.has_ended:
            return [f"{trader.command} ended by itself: {trader.last_words()}"]
        found = [f"book of {words}" for words in wrong_books(trader)]
        return [f"{trader.command} at {trader.venue.name}: {words}" for words in found + self.disagreements(trader)]

    def disagreements(self, trader):
        """Of orders, trades and positions."""
        state, records = trader.books()
        venue = trader.venue
        placed = {record.client_id for record in records if isinstance(record, OrderPlaced)}
        fills = {(record.venue, record.trade_id) for record in records if isinstance(record, Fill)}
        traded = venue.trades()
        ours_live = sorted(order.client_id for order in state.orders.live(venue.name))
        pairs = {
            "unknown outcomes": ([order.client_id for order in state.orders.unknown()], []),
            "live orders": (ours_live, sorted(row[-1] for row in venue.resting())),
            "trades": ({each for where, each in fills if where == venue.name}, set(traded)),
            "trades of orders that the journal does not know": (set(traded.values()) - placed, set()),
            "positions": (_positions(state, venue.name), {k: v for k, v in venue.positions().items() if v}),
        }
        if trader.command == RESPONDER[0]:
            pairs["Rysk trades"] = (
                {each for where, each in fills if where == "rysk"},
                set(self.desk.rysk_trades()),
            )
            held = {name: int(amount * NANOS) for name, (amount, _) in self.desk.rysk_positions().items() if amount}
            pairs["Rysk positions"] = (_positions(state, "rysk"), held)
        return [
            f"{what}: ours {_few(ours)}, theirs {_few(their)}" for what, (ours, their) in pairs.items() if ours != their
        ]

    def end(self):
        """Stop every trader; in words what is left."""
        found = []
        for trader in self.traders:
            code = trader.stop()
            if code:
                found.append(f"{trader.command} ended with {code}: {trader.last_words()}")
        for trader in self.traders:
            if left := [row[-1] for row in trader.venue.resting()]:
                found.append(f"orders left at {trader.venue.name}: {_few(left)}")
            found += self.disagreements(trader)
        return found

    def figures(self):
        found = {}
        for trader in self.traders:
            _, records = trader.books()
            looks = [look for look in self.looks if look.venue == trader.venue.name]
            found[f"{trader.command} at {trader.venue.name}"] = {
                "orders": sum(isinstance(record, OrderPlaced) for record in records),
                "fills": sum(isinstance(record, Fill) for record in records),
                "outcomes unknown for a while": _unknowns(records),
                "books compared": sum(look.same for look in looks),
                "books wrong": sum(len(look.wrong) for look in looks),
            }
        return found


def run(
    directory,
    seconds,
    *,
    fault,
    seed,
    at_derive=RESPONDER[0],
    look_every_s=10.0,
    wanted=frozenset(),
    say=lambda _look: None,
):
    """Trade for so long, and answer the verdict; every look is said as it is taken.

    It goes on until the `wanted` kinds of fault have struck: how much is said in a time depends on the machine.
    """
    storm = Storm(directory, fault=fault, seed=seed, at_derive=at_derive)
    try:
        storm.begin()
        begun_s = time.monotonic()
        while not all(trader.has_ended for trader in storm.traders):
            passed_s = time.monotonic() - begun_s
            if passed_s >= seconds and (storm.kinds() >= wanted or passed_s >= seconds + STRIKES_WITHIN_S):
                break
            time.sleep(min(look_every_s, seconds - passed_s) if passed_s < seconds else look_every_s)
            for look in storm.look(round(time.monotonic() - begun_s)):
                say(look)
        storm.clear()
        failures = storm.settle()
        failures += storm.end()
        failures += [f"wrong book at {look.venue}, {words}" for look in storm.looks for words in look.wrong]
        faults = Counter()
        for (_, kind), count in storm.faults().items():
            faults[kind] += count
        return Verdict(storm.figures(), storm.looks, faults, failures)
    finally:
        storm.close()


def wrong_books(trader):
    """In words each book that is not the venue's, our own orders taken out of that or not; a dark one is none."""
    theirs = trader.venue.books()
    own = defaultdict(lambda: defaultdict(int))
    for name, is_buy, price, left, _ in trader.venue.resting():
        own[name][is_buy, price] += left
    for name, book in trader.beliefs().items():
        if book is None or name not in theirs:
            yield f"{name} is dark"
            continue
        whole = _levels(theirs[name])
        rest = {key: size - own[name][key] for key, size in whole.items() if size > own[name][key]}
        if _levels(book) not in (whole, rest):
            yield f"{name}: {_differing_levels(book, theirs[name])}"


def _has_heard(trader, then):
    """Whether each of its books is as new as it was then, or newer."""
    beliefs = trader.beliefs()
    return all(
        name in beliefs and beliefs[name] is not None and beliefs[name]["sequence"] >= book["sequence"]
        for name, book in then.items()
    )


def _levels(book):
    """{(is a bid, price): size} in nanos."""
    return {(side == "bids", price): size for side in ("bids", "asks") for price, size in book[side]}


def _differing_levels(ours, theirs):
    ours, theirs = set(_levels(ours).items()), set(_levels(theirs).items())
    return f"only ours {sorted(ours - theirs)[:3]}, only theirs {sorted(theirs - ours)[:3]}"


def _positions(state, venue):
    return {
        each.instrument: each.amount_nanos
        for each in state.portfolio.positions()
        if each.venue == venue and each.amount_nanos
    }


def _unknowns(records):
    return len({r.client_id for r in records if isinstance(r, OrderUpdate) and r.state is OrderState.UNKNOWN})


def _few(things):
    things = sorted(things.items()) if isinstance(things, dict) else sorted(things)
    return f"{things[:3]} of {len(things)}" if len(things) > 3 else f"{things}"


def _fault(line):
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return None  # something else on standard error


def _post(url, body):
    request = urllib.request.Request(url, data=json.dumps(body).encode(), method="POST")  # noqa: S310  loopback
    with urllib.request.urlopen(request, timeout=30):  # noqa: S310  loopback
        pass
