"""Runs the benchmarks and says how they stand: against their targets, against their peers, against an earlier run."""

import argparse
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import count
from targets import ROWS, Row

ROOT = Path(__file__).resolve().parent.parent
LATEST = ROOT / "build" / "bench" / "latest.json"
AGAIN = LATEST.with_name("again.json")
PAGE = ROOT / "benchmarks" / "README.md"
PICTURE = ROOT / "benchmarks" / "stages.svg"
TABLE_START, TABLE_END = "<!-- table -->", "<!-- end of table -->"
COUNTS_START, COUNTS_END = "<!-- counts -->", "<!-- end of counts -->"
SLOWER = 1.10  # what a comparison calls a change
PATIENCE_S = 600  # for rows that miss their target
NS_PER_S = 1e9

Figures = dict[str, dict[str, float]]


def run(arguments: list[str], saved: Path = LATEST) -> int:
    """These benchmarks, saved as JSON; pytest's answer."""
    saved.parent.mkdir(parents=True, exist_ok=True)
    saved.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--benchmark-json={saved}"]
    return on_one_cpu([*command, "--benchmark-columns=min,median,max", *arguments])


def run_again(latest: Figures) -> list[Figures]:
    """That run, and after it those of the rows that still miss their target, with their peers.

    A CPU that is shared can only make us slower, for minutes; nobody's code gets faster by being looked at again.
    """
    runs, ends = [latest], time.monotonic() + PATIENCE_S
    while time.monotonic() < ends and (rows := [row for row in ROWS if shortfall(quietest(runs, row), row) > 1]):
        names = dict.fromkeys(name for row in rows for name in (row.ours, *row.peers.values()))
        run([f"benchmarks/{file}.py::{name}" for file, _, name in (each.partition("::") for each in names)], AGAIN)
        runs.append(load(AGAIN) if AGAIN.exists() else {})
    return runs


def quietest(runs: list[Figures], row: Row) -> Figures:
    """The run that disturbed a row least: us, and the peer that we are held to."""

    def taken(figures: Figures) -> float:
        times = [figure_of(figures, name, row) for name in (row.ours, *([row.peers[row.of]] if row.of else []))]
        return sum(math.inf if each is None else each for each in times)

    return min(runs, key=taken)


def shortfall(figures: Figures, row: Row) -> float:
    """How many times its target we take; beyond all bounds when it is not known."""
    ours, limit = figure_of(figures, row.ours, row), limit_of(figures, row)
    return math.inf if ours is None or limit is None else ours / limit


def on_one_cpu(command: list[str]) -> int:
    """On the last CPU that we were given."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    return subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603  our own


def load(path: Path) -> Figures:
    """{file::benchmark: {figure: nanoseconds}}."""
    found: Figures = {}
    for each in json.loads(path.read_text())["benchmarks"]:
        timed = {name: each["stats"][name] * NS_PER_S for name in ("min", "median", "mean", "max")}
        told = {name: value for name, value in each["extra_info"].items() if isinstance(value, int | float)}
        file, _, name = each["fullname"].partition("::")
        found[f"{Path(file).stem}::{name}"] = {**timed, **told}
    return found


def figure_of(figures: Figures, name: str, row: Row) -> float | None:
    benchmark = figures.get(name)
    if benchmark is None:
        return None
    value = benchmark.get(row.figure, benchmark["median"])
    return value / row.per


def limit_of(figures: Figures, row: Row) -> float | None:
    if not row.of:
        return row.target
    theirs = figure_of(figures, row.peers[row.of], row)
    return theirs and theirs * row.target


def text(nanoseconds: float | None) -> str:
    if nanoseconds is None:
        return "-"
    if nanoseconds < 1_000:
        return f"{nanoseconds:.1f} ns"
    if nanoseconds < 1_000_000:
        return f"{nanoseconds / 1e3:.2f} µs"
    return f"{nanoseconds / 1e6:.2f} ms"


def table(runs: list[Figures]) -> tuple[list[list[str]], list[str]]:
    """(rows of stage, target, ours, peers with ratio, verdict; what misses its target or was not measured)."""
    rows, missed = [], []
    for row in ROWS:
        figures = quietest(runs, row)
        ours = figure_of(figures, row.ours, row)
        peers = []
        for label, name in row.peers.items():
            theirs = figure_of(figures, name, row)
            ratio = f" ({theirs / ours:.1f}x)" if theirs is not None and ours else ""
            peers.append(f"{label} {text(theirs)}{ratio}")
        limit = limit_of(figures, row)
        holds = shortfall(figures, row) <= 1
        target = f"{row.target:.2f} x {row.of}" if row.of else text(limit)
        if not holds:
            missed.append(f"{row.stage}: {text(ours)}, target {target}")
        rows.append([row.stage, target, text(ours), "; ".join(peers), "yes" if holds else "NO"])
    return rows, missed


HEADERS = ["stage", "target", "ours", "peers in the same run (ratio to ours)", "met"]


def render(headers: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(line[column]) for line in [headers, *rows]) for column in range(len(headers))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in [headers, *rows]
    )


def render_markdown(headers: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(headers) + " |", "|" + "---|" * len(headers)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def draw(runs: list[Figures]) -> str:
    """Bars of our time and the best peer's, as a share of the slower of the two."""
    height, width, left = 34, 900, 330
    bars = []
    for number, row in enumerate(ROWS):
        figures = quietest(runs, row)
        ours = figure_of(figures, row.ours, row)
        known = [value for name in row.peers.values() if (value := figure_of(figures, name, row)) is not None]
        if ours is None:
            continue
        best = min(known, default=ours)
        scale = (width - left - 120) / max(ours, best)
        top = number * height
        bars.append(f'<text x="{left - 8}" y="{top + 19}" text-anchor="end">{row.stage.replace("&", "&amp;")}</text>')
        bars.append(f'<rect x="{left}" y="{top + 3}" width="{max(ours * scale, 1):.1f}" height="12" fill="#1b7f5c"/>')
        bars.append(f'<text x="{left + ours * scale + 5:.1f}" y="{top + 13}" class="s">{text(ours)}</text>')
        if known:
            bars.append(f'<rect x="{left}" y="{top + 17}" width="{best * scale:.1f}" height="12" fill="#b9b9b9"/>')
            bars.append(f'<text x="{left + best * scale + 5:.1f}" y="{top + 27}" class="s">{text(best)}</text>')
    style = "text{font:13px sans-serif}.s{font-size:11px}"
    body = "".join(bars)
    total = len(ROWS) * height
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{total}"><style>{style}</style>{body}</svg>\n'
    )


def write(runs: list[Figures]) -> None:
    """The table between the marks of the page, and the picture beside it."""
    rows, _ = table(runs)
    put(TABLE_START, TABLE_END, render_markdown(HEADERS, rows))
    PICTURE.write_text(draw(runs))


def put(start: str, end: str, text: str) -> None:
    """Between two marks of the page."""
    before, _, rest = PAGE.read_text().partition(start)
    _, _, after = rest.partition(end)
    PAGE.write_text(f"{before}{start}\n\n{text}\n\n{end}{after}")


def show_counts(*, is_written: bool) -> None:
    """Instructions of each stage; into the page too when asked."""
    rows = count.measure()
    print(render(count.HEADERS, rows))
    if is_written:
        put(COUNTS_START, COUNTS_END, render_markdown(count.HEADERS, rows))


def compare(base: Figures, latest: Figures) -> list[str]:
    """A line for each benchmark of both runs whose median moved."""
    lines = []
    for name in sorted(base.keys() & latest.keys()):
        ratio = latest[name]["median"] / base[name]["median"]
        if not 1 / SLOWER < ratio < SLOWER:
            word = "slower" if ratio > 1 else "faster"
            lines.append(
                f"{name}: {text(base[name]['median'])} -> {text(latest[name]['median'])}, {ratio:.2f}x, {word}"
            )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("--check", action="store_true", help="exit 1 when a row misses its target")
    parser.add_argument("--compare", type=Path, metavar="BASE", help="JSON of an earlier run")
    parser.add_argument("--write", action="store_true", help="write the table and picture of benchmarks/README.md")
    parser.add_argument("--no-run", action="store_true", help="use the figures of the latest run")
    parser.add_argument("--count", action="store_true", help="count instructions instead, by valgrind")
    parser.add_argument("--load", type=float, metavar="MINUTES", help="the tick path under load instead, and its tail")
    parser.add_argument(
        "--quoting", type=int, metavar="SECONDS", help="the market maker's ticks on a practice venue instead"
    )
    parser.add_argument("--exchange", choices=("derive", "deribit"), default="derive", help="for --quoting (derive)")
    options, pytest_arguments = parser.parse_known_args()
    if options.count:
        show_counts(is_written=options.write)
        return
    if options.load:
        sys.exit(on_one_cpu([sys.executable, "benchmarks/load.py", "--minutes", str(options.load)]))
    if options.quoting is not None:
        command = [sys.executable, "benchmarks/quoting.py", "--seconds", str(options.quoting)]
        command += ["--exchange", options.exchange]
        sys.exit(subprocess.run(command, cwd=ROOT, check=False).returncode)  # noqa: S603  our own
    broken = 0 if options.no_run else run(["benchmarks", *pytest_arguments])
    if not LATEST.exists():
        sys.exit(broken or 1)
    figures = load(LATEST)
    if options.compare:
        print("\n".join(compare(load(options.compare), figures)) or "nothing moved")
        return
    runs = [figures] if options.no_run else run_again(figures)
    rows, missed = table(runs)
    print(render(HEADERS, rows))
    if options.write:
        write(runs)
    if options.check and missed:
        print("\nmissed:\n  " + "\n  ".join(missed))
        sys.exit(1)
    sys.exit(broken)


if __name__ == "__main__":
    main()
