"""Rows for people and for programs: the same figures as an aligned table, as CSV and as JSON."""

import csv
import io
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

import orjson
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

FORMATS = ("table", "csv", "json")
NONE = "-"  # in a table: there is no such figure
_COLUMNS = 400  # a table is as wide as its figures; `less -S` scrolls, a wrapped figure misleads

Cell = str | int | float | bool | None


class Column(NamedTuple):
    """`header` is for people and `key` for programs, both with the unit. Figures stand to the right."""

    header: str
    key: str
    is_figure: bool = False


def render(form: str, columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> str:
    """One of FORMATS. Exact decimals are text and stay so; None is empty, null, or a dash."""
    if form == "json":
        keyed = [{column.key: cell for column, cell in zip(columns, row, strict=True)} for row in rows]
        return orjson.dumps(keyed, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
    if form == "csv":
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([column.key for column in columns])
        writer.writerows(["" if cell is None else cell for cell in row] for row in rows)
        return text.getvalue()
    return _table(columns, rows)


def _table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> str:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    shown = []
    for index, column in enumerate(columns):
        table.add_column(column.header, justify="right" if column.is_figure else "left", no_wrap=True)
        cells = [NONE if row[index] is None else str(row[index]) for row in rows]
        shown.append(_aligned(cells) if column.is_figure else cells)
    for line in zip(*shown, strict=True):
        table.add_row(*line)
    text = io.StringIO()
    Console(file=text, width=_COLUMNS, color_system=None, markup=False).print(table)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def _aligned(cells: Sequence[str]) -> list[str]:
    """Plain decimals with as many places as the longest has, so that their points stand under each other."""
    places = max((len(cell.partition(".")[2]) for cell in cells), default=0)
    return [_padded(cell, places) for cell in cells]


def _padded(cell: str, places: int) -> str:
    try:
        return f"{Decimal(cell):,.{places}f}"
    except InvalidOperation:
        return cell
