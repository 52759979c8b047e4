"""How a report on quotes looks: table, CSV and JSON. Figures are exact but for shares, which have six digits."""

from decimal import Decimal

from atomizer._core.fixed import format_e18, format_nanos
from atomizer.cli.rows import Cell, Column, render
from atomizer.desk.quality import AFTER, Quality
from atomizer.desk.quality_report import QualityReport

_CENT_E18 = 10**16
_TOTAL = "total"
_FIGURES = (
    ("orders", "orders"),
    ("fill rate", "fill_rate"),
    ("trades", "trades"),
    ("amount", "amount"),
    ("notional USD", "notional_usd"),
    ("captured USD", "captured_usd"),
    *((f"adverse {after} USD", f"adverse_{after}_usd") for after in AFTER),
    ("marked", "captured_trades"),
    *((f"marked {after}", f"adverse_{after}_trades") for after in AFTER),
    ("uptime", "uptime"),
    ("at touch", "at_touch"),
    ("samples", "samples"),
)


def render_quality(report: QualityReport, form: str) -> str:
    """A line for each group; in a table, and where nothing is grouped by, also the total."""
    columns = [*(Column(word, word) for word in report.by), *(Column(*names, is_figure=True) for names in _FIGURES)]
    is_table = form == "table"
    rows: list[list[Cell]] = [[*row.labels, *_cells(row.quality, is_table=is_table)] for row in report.rows]
    if not report.by:
        rows.append(_cells(report.total, is_table=is_table))
    elif is_table:
        rows.append([_TOTAL, *[""] * (len(report.by) - 1), *_cells(report.total, is_table=True)])
    return render(form, columns, rows)


def _cells(line: Quality, *, is_table: bool) -> list[Cell]:
    usd = _cents if is_table else format_e18
    return [
        line.orders,
        _share(line.fill_rate, is_table=is_table),
        line.trades,
        format_nanos(line.amount_nanos),
        usd(line.notional_e18),
        usd(line.captured_e18),
        *(usd(adverse.usd_e18) for adverse in line.adverse),
        line.captured_trades,
        *(adverse.trades for adverse in line.adverse),
        _share(line.uptime, is_table=is_table),
        _share(line.at_touch, is_table=is_table),
        line.samples,
    ]


def _share(share: float | None, *, is_table: bool) -> Cell:
    if share is None:
        return None
    return f"{share:.1%}" if is_table else round(share, 6)


def _cents(e18: int) -> str:
    return f"{round(Decimal(e18) / _CENT_E18) / Decimal(100):.2f}"
