"""How many instructions a stage takes: what repeats where a clock does not. Needs valgrind.

`scripts/bench --count` gives the table; started by itself, this file is what valgrind looks at.

Counted is what runs between two marks, less what the marks themselves take; of a stage that is called from Python that
includes the call. valgrind knows AVX2 and no AVX-512.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "bench" / "callgrind.out"
HEADERS = ["stage", "instructions", "peer in C"]
PEER = " (C)"  # ends the label of a peer
NOTHING = "nothing"  # what is counted first: the marks
Work = Callable[[], Any]


class Counter:
    """Counts stages one by one, each after a first round that is not counted."""

    def __init__(self) -> None:
        from probe import probe  # noqa: PLC0415  the table needs no compiler

        self._marks = probe("count_probe")
        self._marks.begin()

    def count(self, label: str, work: Work, operations: int, make_ready: Work = lambda: None, rounds: int = 1) -> None:
        """`operations`: in one round."""
        marks = self._marks
        for number in range(rounds + 1):
            made = make_ready()
            arguments = () if made is None else made
            if number == 1:
                marks.zero()
            marks.toggle()
            work(*arguments)
            marks.toggle()
            if number == 0:
                marks.zero()
        marks.dump(f"{label} / {operations} / {rounds}".encode())


def count_all() -> None:
    """Every stage of up to some microseconds."""
    counter = Counter()
    counter.count(NOTHING, lambda: None, 1, rounds=100)
    count_scans(counter)
    count_numbers(counter)
    count_orders(counter)
    count_ticks(counter)


def count_scans(counter: Counter) -> None:
    from test_scan import FRAMES, WAYS, frames_of  # noqa: PLC0415

    for venue, label in (
        ("derive", "scan: Derive book of 20 + 20 levels"),
        ("deribit", "scan: Deribit change of 4 + 4"),
    ):
        frames = frames_of(venue)
        for way, ending in (("atomizer", ""), ("C by hand", PEER)):
            scan = WAYS[way](venue)
            counter.count(label + ending, lambda scan=scan, frames=frames: scan(frames), FRAMES)


def count_numbers(counter: Counter) -> None:
    import numpy as np  # noqa: PLC0415
    from numeric import changes, numeric_probe, snapshot  # noqa: PLC0415
    from probe import probe as scanner  # noqa: PLC0415
    from test_black76 import ONE, PRICED, chain  # noqa: PLC0415

    from atomizer._core import black76  # noqa: PLC0415
    from atomizer._core.book import Book  # noqa: PLC0415

    probe, loop = numeric_probe(), 1_000
    stream, book = changes(loop), Book()
    book.apply_snapshot(*snapshot(), 1, 2, 3)
    counter.count("book: change and touch", lambda: probe.changes(book, stream), loop)
    plain = scanner("scan_probe")
    peer = plain.PlainBook()
    peer.fill(*snapshot())
    counter.count("book: change and touch" + PEER, lambda: plain.plain_changes(peer, stream), loop)
    is_call, *rest = chain(loop)
    options = (is_call.view("u1"), *rest)
    counter.count("black76: price and 5 Greeks", lambda: probe.values(*options), loop)
    counter.count("black76: price and 5 Greeks" + PEER, lambda: probe.textbook_values(*options), loop)
    counter.count("black76: price and 5 Greeks, from Python", lambda: repeat(black76.greeks, ONE, loop), loop)
    out = np.zeros((5, loop))
    counter.count("black76: batch of 1,000", lambda: black76.greeks_batch(is_call, *rest, out), loop)
    implied = black76.implied_volatility
    counter.count("implied volatility, cold, from Python", lambda: repeat(implied, PRICED, loop), loop)


def repeat(function: Callable[..., Any], arguments: tuple[Any, ...], times: int) -> None:
    for _ in range(times):
        function(*arguments)


def count_orders(counter: Counter) -> None:
    from derive_order import ACTIONS, ENCODED, EXPIRY_S, NANOS, NONCE  # noqa: PLC0415
    from probe import core_probe  # noqa: PLC0415
    from test_frame import DIGEST, ORDER, SIGNATURE, signer, writer  # noqa: PLC0415

    probe, times = core_probe(), 100
    digest = (ACTIONS, ENCODED, *NANOS, NONCE, EXPIRY_S, times)
    signer.prepare(500)
    counter.count("eip712: Derive order digest", lambda: probe.digests(*digest), times)
    counter.count("ecdsa: signature from a prepared nonce", lambda: probe.signatures(signer, DIGEST, times), times)
    counter.count("Derive order, fields to signature", lambda: probe.signed_orders(writer, *ORDER, times), times)
    counter.count("frame: order message", lambda: probe.messages(writer, *ORDER, SIGNATURE, times), times)


def count_ticks(counter: Counter) -> None:
    from itertools import count  # noqa: PLC0415

    from feeds import Deribit, Derive  # noqa: PLC0415
    from test_lane import Fused, Unforeseen  # noqa: PLC0415

    for feed, name in ((Deribit, "Deribit change"), (Derive, "Derive book")):
        for side, event in ((Fused, "nothing"), (Fused, "order"), (Unforeseen, "unforeseen order")):
            source = feed()
            party = side(source)
            party.signer.prepare(100)
            make, work = (source.quiet, party.nothing) if event == "nothing" else (source.moving, party.order)
            frames = map(make, count(3))
            ready = lambda party=party, frames=frames: party.make_ready(next(frames))[0]  # noqa: E731
            counter.count(f"tick to {event}, {name}, from Python", work, 1, ready, rounds=50)


def measure() -> list[list[str]]:
    """Rows of the table; what is counted is written to files first."""
    OUT.parent.mkdir(parents=True, exist_ok=True)
    for old in OUT.parent.glob(f"{OUT.name}*"):
        old.unlink()
    options = ["--tool=callgrind", "--instr-atstart=no", "--collect-atstart=no", f"--callgrind-out-file={OUT}"]
    command = ["valgrind", "-q", *options, sys.executable, str(Path(__file__))]
    done = subprocess.run(command, cwd=ROOT, check=False)  # noqa: S603  our own
    if done.returncode:
        sys.exit(done.returncode)
    dumps = sorted(OUT.parent.glob(f"{OUT.name}.*"), key=lambda path: int(path.suffix[1:]))
    (_, _, marks), *stages = map(read, dumps)
    counted = {label: each - marks / operations for label, operations, each in stages}
    labels = [label for label in counted if not label.endswith(PEER)]
    return [[label, f"{counted[label]:,.0f}", shown(counted.get(label + PEER))] for label in labels]


def read(path: Path) -> tuple[str, int, float]:
    """(label, operations in a round, instructions an operation) of one dump."""
    trigger = totals = ""
    for line in path.read_text().splitlines():
        if line.startswith("desc: Trigger: Client Request: "):
            trigger = line.partition("Request: ")[2]
        elif line.startswith("totals: "):
            totals = line.split()[1]
    label, operations, rounds = trigger.split(" / ")
    return label, int(operations), int(totals) / int(operations) / int(rounds)


def shown(count: float | None) -> str:
    return "" if count is None else f"{count:,.0f}"


if __name__ == "__main__":
    count_all()
