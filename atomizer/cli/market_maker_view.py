"""What the market maker prints: the quotes of a dry run, and the report at the end."""

from collections.abc import Sequence

from atomizer._core.fixed import format_nanos
from atomizer._core.histogram import Histogram
from atomizer.app.market_making_run import MakerReport
from atomizer.cli.inventory_view import render_summary
from atomizer.cli.report import orders_line, pauses_lines, tie_line, unprepared_lines
from atomizer.desk.snapshot import QuoteRow
from atomizer.portfolio.inventory import inventory_rows, inventory_summary

_HEADERS = ("instrument", "bid", "ask", "mid", "fair", "spread", "bps", "market bid", "market ask", "why not")


def print_quotes(rows: Sequence[QuoteRow]) -> None:
    """Where each quote sits, as an aligned table on standard output; prices in USD."""
    table = [_HEADERS, *(_cells(row) for row in rows)]
    widths = [max(len(line[at]) for line in table) for at in range(len(_HEADERS))]
    for line in table:
        cells = [
            line[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(line[1:-1], widths[1:-1], strict=True)),
        ]
        print("  ".join([*cells, line[-1]]).rstrip())
    print(flush=True)


def _times(histogram: Histogram) -> str:
    shown = [*((f"p{each}", histogram.percentile(each)) for each in (50, 99, 99.9)), ("max", histogram.maximum_ns)]
    return ", ".join(f"{name} {nanos / 1000:.1f} µs" for name, nanos in shown)


def _cells(row: QuoteRow) -> tuple[str, ...]:
    bid, ask = row.bid_nanos, row.ask_nanos
    spread = mid = bps = "-"
    if bid is not None and ask is not None:
        mid, spread = f"{(bid + ask) / 2e9:g}", format_nanos(ask - bid)
        bps = f"{(ask - bid) * 20_000 / (bid + ask):.0f}"
    prices = (
        _price(bid),
        _price(ask),
        mid,
        _price(row.mark_nanos if row.fair_nanos is None else row.fair_nanos),
        spread,
        bps,
    )
    return (row.instrument, *prices, _price(row.market_bid_nanos), _price(row.market_ask_nanos), row.why)


def _price(nanos: int | None) -> str:
    return "-" if nanos is None else format_nanos(nanos)


def render_maker_report(report: MakerReport) -> str:
    """Plain text for standard output."""
    making, made = report.making, report.last.making
    refused = ", ".join(f"{count} {reason}" for reason, count in sorted(made.refusals.items())) if made else ""
    lane = making.lane
    timed = (
        ("tick", lane.written, "to its orders, journalled and ready to leave"),
        ("tick", lane.latency, "to its orders, sent"),
        ("look", lane.looks, "at every instrument, to the last order sent"),
    )
    rows = inventory_rows(making.ledger.state.portfolio, report.ended_ns)
    sent = lane.sent
    counts = f"{sent['place']} orders, {sent['replace']} replaced, {sent['cancel']} cancelled, {making.fills} fills"
    lines = [
        f"quotes    {len(list(lane))} instruments, {counts}; refused: {refused or 'none'}",
        *(f"{what:10}{_times(histogram)} {until}" for what, histogram, until in timed if histogram.count),
        *pauses_lines(report.sweeper),
        *unprepared_lines(report.unprepared),
        f"orders    {orders_line(report.live_orders)}",
        f"ledger    {tie_line(report.tie)}",
        "",
        render_summary(inventory_summary(rows)),
    ]
    return "\n".join(lines)
