"""What a run says when it ends: RFQs, latency, hedges, positions, and whether the books tie with the venue's."""

from atomizer.app.performance import Sweeper
from atomizer.app.run import Report
from atomizer.app.tie import Tie
from atomizer.cli.inventory_view import render_summary
from atomizer.portfolio.inventory import inventory_rows, inventory_summary

NS_PER_MS = 1e6


def render_report(report: Report) -> str:
    """Plain text for standard output."""
    quoting = report.trader.quoting
    latency = quoting.latency
    why = ", ".join(f"{count} {reason}" for reason, count in quoting.declines.most_common())
    state = report.trader.ledger.state
    rows = inventory_rows(state.portfolio, report.ended_ns)
    counts = f"{quoting.seen} seen, {quoting.quoted} quoted, {quoting.requotes} re-quoted, {quoting.won} won"
    percentiles = ", ".join(f"p{each} {milliseconds(latency.percentile(each))}" for each in (50, 99, 99.9))
    hedged = report.trader.hedging.done if report.trader.hedging else 0
    lines = [
        f"RFQs      {counts}, {quoting.declines.total()} declined{f' ({why})' if why else ''}",
        f"answer    {percentiles}, max {milliseconds(latency.maximum_ns)}, of {latency.count}",
        *pauses_lines(report.sweeper),
        *unprepared_lines(report.unprepared),
        f"hedges    {hedged} done, {len(state.open_hedges())} open",
        f"orders    {orders_line(report.live_orders)}",
        f"ledger    {tie_line(report.tie)}",
        "",
        render_summary(inventory_summary(rows)),
    ]
    return "\n".join(lines)


def pauses_lines(sweeper: Sweeper | None) -> list[str]:
    if sweeper is None:
        return []
    pauses, found = sweeper.pauses, sweeper.found
    return [
        f"collector p99 {milliseconds(pauses.percentile(99))}, max {milliseconds(pauses.maximum_ns)}, found {found}"
    ]


def unprepared_lines(count: int) -> list[str]:
    return [f"nonces    {count} signatures found none ready"] if count else []


def milliseconds(nanoseconds: int) -> str:
    return f"{nanoseconds / NS_PER_MS:.3f} ms"


def orders_line(live: int) -> str:
    return "none of ours left at the venue, verified" if live == 0 else f"{live} MAY STILL BE LIVE: look at the venue"


def tie_line(tie: Tie | None) -> str:
    if tie is None:
        return "not compared: the venue did not answer"
    if tie.holds:
        late = len(tie.as_a_whole)
        whole = f"; of {late} with trades booked late, the profit as a whole" if late else ""
        return f"ties with the venue's own, {tie.positions} open positions to the last digit{whole}"
    rows = [f"  {each.instrument} {each.figure}: ours {each.ours}, venue {each.venue}" for each in tie.differences]
    return "\n".join(["DIFFERS from the venue's own:", *rows])
