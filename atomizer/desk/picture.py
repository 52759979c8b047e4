"""The live picture: a snapshot drawn on a terminal, or told in lines when there is none.

Runs as a process of its own (`python -m atomizer.desk.picture FILE`), so that drawing never makes the trader late.
Ends when its standard input closes.
"""

import os
import select
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from atomizer._core.fixed import format_nanos
from atomizer.desk.quotes_picture import making, quotes, smiles, tell_making
from atomizer.desk.snapshot import Happening, Row, Snapshot, SnapshotReader

FRAME_S = 0.5
LINE_S = 5.0
MAKING_LINE_S = 30.0
TAPE_LINES = 8
POSITION_LINES = 14
VENUE_WIDTH = 7  # the longest name, whole
CENTS_E18 = 10**16


def usd(e18: int | None) -> str:
    """Money to the cent, rounded half to even; `?` when not known."""
    if e18 is None:
        return "?"
    cents, rest = divmod(abs(e18), CENTS_E18)
    cents += rest * 2 > CENTS_E18 or (rest * 2 == CENTS_E18 and cents % 2)
    sign = "-" if e18 < 0 and cents else ""
    return f"{sign}{cents // 100:,}.{cents % 100:02d}"


def greek(value: float | None, digits: int) -> str:
    return "?" if value is None else f"{value:+.{digits}f}"


def latency(snapshot: Snapshot, nanoseconds: int) -> str:
    """One of the snapshot's; unknown before the first."""
    return f"{nanoseconds / 1e6:.3f} ms" if snapshot.latency_count else "?"


def clock(now_ns: int) -> str:
    return datetime.fromtimestamp(now_ns // 1_000_000_000, UTC).strftime("%H:%M:%S")


def known(values: Iterable[int | float | None]) -> int | float | None:
    """Sum, or None as soon as one of them is not known: a total that leaves something out is no total."""
    total: int | float = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total


def headline(snapshot: Snapshot) -> Text:
    up_s = (snapshot.now_ns - snapshot.started_ns) // 1_000_000_000
    return Text.assemble(
        ("atomizer ", "bold"),
        (f"{snapshot.mode} ", "bold green" if snapshot.mode == "sim" else "bold red"),
        f"{snapshot.phase}  {clock(snapshot.now_ns)} UTC  up {up_s} s  ",
        f"{snapshot.venue} {snapshot.account}  ",
        f"books {snapshot.books}  connected: {', '.join(snapshot.connected) or 'nothing'}",
    )


def requests(snapshot: Snapshot) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    table.add_row("seen", str(snapshot.rfqs_seen))
    table.add_row("quoted", str(snapshot.rfqs_quoted))
    table.add_row("re-quoted", str(snapshot.requotes))
    table.add_row("won", Text(str(snapshot.rfqs_won), style="bold green"))
    table.add_row("declined", str(sum(snapshot.declines.values())))
    for reason, count in sorted(snapshot.declines.items(), key=lambda item: -item[1])[:5]:
        table.add_row(Text(f"  {reason}", style="dim"), Text(str(count), style="dim"))
    return Panel(table, title="RFQs", title_align="left")


def work(snapshot: Snapshot) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    is_making = snapshot.making is not None
    what = "tick to order" if is_making else "answer"
    table.add_row(f"{what} p50", latency(snapshot, snapshot.latency_p50_ns))
    table.add_row(f"{what} p99", latency(snapshot, snapshot.latency_p99_ns))
    table.add_row(f"{what} max", latency(snapshot, snapshot.latency_max_ns))
    if not is_making:
        table.add_row("hedges done", str(snapshot.hedges_done))
        table.add_row("hedges open", str(snapshot.hedges_open))
    table.add_row("orders live", str(snapshot.orders_live))
    if not is_making:
        table.add_row("premium at risk", f"{usd(snapshot.premium_e18)} USD")
    for underlying, delta in sorted(snapshot.deltas.items()):
        table.add_row(f"net delta {underlying}", greek(delta, 4))
    return Panel(table, title=f"latency and {'orders' if is_making else 'hedges'}", title_align="left")


def money(snapshot: Snapshot) -> RenderableType:
    rows = snapshot.positions
    realized = sum(row.realized_e18 for row in rows)
    fees = sum(row.fees_e18 for row in rows)
    unrealized = known(row.unrealized_e18 for row in rows)
    total = None if unrealized is None else realized + int(unrealized) - fees
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    table.add_row("realized", usd(realized))
    table.add_row("unrealized", usd(None if unrealized is None else int(unrealized)))
    table.add_row("fees", usd(-fees))
    table.add_row(Text("total", style="bold"), Text(usd(total), style="bold"))
    return Panel(table, title="P&L, USD", title_align="left")


def positions(rows: tuple[Row, ...]) -> RenderableType:
    table = Table(expand=True, title_justify="left", pad_edge=False, box=None, header_style="bold")
    table.add_column("instrument", no_wrap=True)
    table.add_column("venue", no_wrap=True, min_width=VENUE_WIDTH)
    headers = (
        "position",
        "average USD",
        "mark USD",
        "delta",
        "gamma",
        "vega",
        "theta/day",
        "realized",
        "unrealized",
        "fees",
    )
    for header in headers:
        table.add_column(header, justify="right", no_wrap=True)
    open_first = sorted(rows, key=lambda row: (row.amount_nanos == 0, row.instrument, row.venue))
    for row in open_first[:POSITION_LINES]:
        table.add_row(
            row.instrument,
            row.venue,
            format_nanos(row.amount_nanos),
            usd(row.average_e18),
            "?" if row.mark_nanos is None else usd(row.mark_nanos * 1_000_000_000),
            greek(row.delta, 3),
            greek(row.gamma, 6),
            greek(row.vega, 2),
            greek(row.theta, 2),
            usd(row.realized_e18),
            usd(row.unrealized_e18),
            usd(row.fees_e18),
            style="" if row.amount_nanos else "dim",
        )
    if len(open_first) > POSITION_LINES:
        table.add_row(f"and {len(open_first) - POSITION_LINES} more: atomizer inventory", style="dim")
    return Panel(table, title="positions", title_align="left")


def tape_line(event: Happening) -> str:
    side = event.side.word if event.side is not None else ""
    return f"{clock(event.now_ns)}  {event.what:<9} {side:<4} {event.instrument:<24} {event.detail}"


def beside(*panels: RenderableType) -> RenderableType:
    grid = Table.grid(expand=True)
    for _ in panels:
        grid.add_column(ratio=1)
    grid.add_row(*panels)
    return grid


def draw(snapshot: Snapshot) -> RenderableType:
    """The whole picture, one screen."""
    tape = Text("\n".join(tape_line(event) for event in snapshot.tape[-TAPE_LINES:]), no_wrap=True, overflow="ellipsis")
    made = snapshot.making
    return Group(
        headline(snapshot),
        beside(requests(snapshot) if made is None else making(made), work(snapshot), money(snapshot)),
        *([] if made is None else [quotes(made.quotes)]),
        *([smiles(made.smiles)] if made is not None and made.smiles else []),
        positions(snapshot.positions),
        Panel(tape, title="latest", title_align="left"),
    )


def tell(snapshot: Snapshot) -> str:
    """The same in one line, for a log or a pipe."""
    why = " ".join(f"{reason}={count}" for reason, count in sorted(snapshot.declines.items()))
    unrealized = known(row.unrealized_e18 for row in snapshot.positions)
    realized = sum(row.realized_e18 - row.fees_e18 for row in snapshot.positions)
    total = None if unrealized is None else realized + int(unrealized)
    latencies = f"p50 {latency(snapshot, snapshot.latency_p50_ns)} p99 {latency(snapshot, snapshot.latency_p99_ns)}"
    if snapshot.making is not None:
        return (
            f"{clock(snapshot.now_ns)} {snapshot.phase}: {tell_making(snapshot.making)}; P&L {usd(total)} USD; "
            f"tick to order {latencies}"
        )
    return (
        f"{clock(snapshot.now_ns)} {snapshot.phase}: RFQs {snapshot.rfqs_seen} seen, {snapshot.rfqs_quoted} quoted, "
        f"{snapshot.rfqs_won} won, {sum(snapshot.declines.values())} declined ({why or 'none'}); "
        f"hedges {snapshot.hedges_done} done {snapshot.hedges_open} open; P&L {usd(total)} USD; "
        f"answer {latencies}"
    )


def parent_left(timeout_s: float) -> bool:
    """Wait; True as soon as whoever started us closed our standard input."""
    ready, _, _ = select.select([sys.stdin], [], [], timeout_s)
    return bool(ready) and not os.read(sys.stdin.fileno(), 1)


def main(path: Path) -> None:
    """Draw until the parent leaves."""
    console = Console(stderr=True)
    with SnapshotReader(path) as reader:
        if not console.is_terminal:
            wait_s = LINE_S
            while not parent_left(wait_s):
                if snapshot := reader.read():
                    console.out(tell(snapshot), highlight=False)
                    wait_s = LINE_S if snapshot.making is None else MAKING_LINE_S
            return
        with Live(console=console, auto_refresh=False, screen=True) as live:
            while not parent_left(FRAME_S):
                if snapshot := reader.read():
                    live.update(draw(snapshot), refresh=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
