"""How a P&L report looks: table, CSV and JSON. The last two are exact; in a table the cents of each line add up."""

import csv
import io
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

import orjson
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from atomizer._core.fixed import format_e18
from atomizer.desk.pnl import CAUSES, PnlReport
from atomizer.portfolio.attribution import Causes

CENT_E18: Final = 10**16
COLUMNS: Final = 400  # a table is as wide as its figures; `less -S` scrolls
_SHORT: Final = ("fees_e18", "funding_e18")  # what is shown without --breakdown-by greek


def render_table(report: PnlReport, *, is_by_cause: bool) -> str:
    """A line for each group, and the total."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, title=_period(report), title_justify="left")
    for dimension in report.by or ("",):
        table.add_column(dimension, no_wrap=True)
    causes = CAUSES if is_by_cause else _SHORT
    for header in ("trades", *(name.removesuffix("_e18") for name in causes), "P&L USD"):
        table.add_column(header, justify="right", no_wrap=True)
    for row in report.rows:
        table.add_row(*row.labels, *_cells(row.causes, causes))
    if report.rows:
        table.add_section()
    table.add_row("total", *[""] * (len(report.by) - 1), *_cells(report.total, causes))
    text = io.StringIO()
    Console(file=text, width=COLUMNS, color_system=None, markup=False).print(table)
    lines = [line.rstrip() for line in text.getvalue().splitlines()]
    if report.unknown:
        lines.append(f"? not valued yet, without a mark: {', '.join(report.unknown)}")
    return "\n".join(lines) + "\n"


def render_csv(report: PnlReport, *, is_by_cause: bool) -> str:
    """A header and a line for each group, exact figures, no total."""
    causes = CAUSES if is_by_cause else _SHORT
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*report.by, "trades", *(_usd_name(name) for name in causes), "pnl_usd"])
    for row in report.rows or ():
        writer.writerow([*row.labels, row.causes.trades, *_exact(row.causes, causes).values()])
    if not report.by:
        writer.writerow([report.total.trades, *_exact(report.total, causes).values()])
    return text.getvalue()


def render_json(report: PnlReport, *, is_by_cause: bool) -> str:
    """Groups and total; money as exact decimal text."""
    causes = CAUSES if is_by_cause else _SHORT
    document = {
        "start": report.start and report.start.isoformat(),
        "end": report.end and report.end.isoformat(),
        "rows": [
            {**dict(zip(report.by, row.labels, strict=True)), "trades": row.causes.trades, **_exact(row.causes, causes)}
            for row in report.rows
        ],
        "total": {"trades": report.total.trades, **_exact(report.total, causes)},
        "unknown": report.unknown,
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


RENDERERS: Final[dict[str, Callable[..., str]]] = {"table": render_table, "csv": render_csv, "json": render_json}


def cents(causes: Causes) -> dict[str, int]:
    """Every cause and the total in whole cents that add up: the residual takes what rounding leaves."""
    rounded = {name: _round(getattr(causes, name)) for name in CAUSES}
    total = _round(causes.total_e18)
    rounded["residual_e18"] = total - sum(value for name, value in rounded.items() if name != "residual_e18")
    return {**rounded, "total": total}


def _round(e18: int) -> int:
    """To the cent, half to even."""
    return round(Decimal(e18) / CENT_E18)


def _cells(causes: Causes, names: Sequence[str]) -> list[str]:
    found = cents(causes)
    return [f"{causes.trades:,}", *(f"{Decimal(found[name]) / 100:,.2f}" for name in (*names, "total"))]


def _exact(causes: Causes, names: Sequence[str]) -> dict[str, str]:
    figures = {_usd_name(name): format_e18(getattr(causes, name)) for name in names}
    return {**figures, "pnl_usd": format_e18(causes.total_e18)}


def _usd_name(name: str) -> str:
    return name.replace("_e18", "_usd")


def _period(report: PnlReport) -> str:
    if report.start is None and report.end is None:
        return "P&L, all days"
    if report.start == report.end:
        return f"P&L of {report.start}, UTC"
    return f"P&L from {report.start or 'the first day'} to {report.end or 'now'}, UTC"
