"""`atomizer reports pnl|quoting|rebuild`: what was earned and why, and how quotes did, from the projection in SQL."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import click

DIMENSIONS = ("instrument", "strategy", "day", "venue")
GREEK = "greek"


def _words(text: str, known: tuple[str, ...]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    for word in found:
        if word not in known:
            raise click.BadParameter(f"{word!r} is none of {', '.join(known)}")
    return found


def _causes(_: click.Context, __: click.Parameter, text: str) -> tuple[str, ...]:
    return _words(text, (*DIMENSIONS, GREEK))


def _dimensions(_: click.Context, __: click.Parameter, text: str) -> tuple[str, ...]:
    return _words(text, DIMENSIONS)


def _day(_: click.Context, __: click.Parameter, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no day, write 2026-01-31") from None


def _books(command: Callable[..., None]) -> Callable[..., None]:
    """Options that say whose books."""
    for option in (
        click.option("--journal", type=click.Path(path_type=Path, exists=True), help="This journal, not the newest."),
        click.option("--test", is_flag=True, default=None, help="The test network's books."),
        click.option("--paper", is_flag=True, help="The practice venues' books, same as --exchange sim."),
        click.option("--exchange", metavar="NAME", help="Whose books: derive, deribit or sim."),
    ):
        command = option(command)
    return command


def _days(command: Callable[..., None]) -> Callable[..., None]:
    """Options that say which days."""
    for option in (
        click.option("--end", callback=_day, metavar="DAY", help="Up to this day, included."),
        click.option("--start", callback=_day, metavar="DAY", help="From this day on."),
        click.option("--date", "day", callback=_day, metavar="DAY", help="This day, UTC."),
    ):
        command = option(command)
    return command


def _check_days(day: date | None, start: date | None, end: date | None) -> None:
    if day is not None and (start is not None or end is not None):
        raise click.UsageError("--date is one day: leave --start and --end out")
    if start is not None and end is not None and end < start:
        raise click.UsageError(f"--end {end} is before --start {start}")


def _write(file: Path, text: str, count: int) -> None:
    file.write_text(text)
    click.echo(f"{count} rows written to {file}", err=True)


_EXPORT = click.option(
    "--export", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write there: .csv or .json."
)
_FORMAT = click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True
)


@click.group()
def command() -> None:
    """Reports from the journal's projection in SQL."""


@command.command()
@_days
@click.option(
    "--breakdown-by",
    "by",
    callback=_causes,
    default="instrument",
    show_default=True,
    metavar="LIST",
    help="Any of instrument,strategy,day,venue; greek adds where it came from.",
)
@_EXPORT
@_FORMAT
@_books
def pnl(
    day: date | None,
    start: date | None,
    end: date | None,
    by: tuple[str, ...],
    file: Path | None,
    form: str,
    **whose: Any,
) -> None:
    """What was earned between two days, in USD, and by what.

    Causes add up to the P&L: edge at trade, delta, gamma, vega, theta, fees, funding and the residual.
    """
    from atomizer.cli import reports_view as view
    from atomizer.cli.books import open_books
    from atomizer.desk.pnl import read_pnl
    from atomizer.portfolio.inventory import inventory_rows, inventory_summary

    _check_days(day, start, end)
    with open_books(**whose) as books:
        unknown = inventory_summary(inventory_rows(books.portfolio(), 0)).total
        report = read_pnl(
            books.engine,
            books.name,
            start=day or start,
            end=day or end,
            by=[word for word in by if word != GREEK],
            unknown=unknown.unknown if unknown.net_e18 is None else (),
        )
    shown = view.RENDERERS[form](report, is_by_cause=GREEK in by)
    if file is None:
        print(shown, end="")
        return
    _write(file, view.RENDERERS[_form_of(file, form)](report, is_by_cause=True), len(report.rows))


@command.command()
@_days
@click.option(
    "--breakdown-by",
    "by",
    callback=_dimensions,
    default="instrument,strategy",
    show_default=True,
    metavar="LIST",
    help="Any of instrument,strategy,day,venue.",
)
@_EXPORT
@_FORMAT
@_books
def quoting(
    day: date | None,
    start: date | None,
    end: date | None,
    by: tuple[str, ...],
    file: Path | None,
    form: str,
    **whose: Any,
) -> None:
    """How quotes did between two days: fill rate, spread captured, adverse selection, uptime, time at the touch.

    Captured: what trades were better than the mark then. Adverse: what the mark moved against us 1, 10 and 60 s later.
    """
    from atomizer.cli.books import open_books
    from atomizer.cli.quality_view import render_quality
    from atomizer.desk.quality_report import read_quality

    _check_days(day, start, end)
    with open_books(**whose) as books:
        report = read_quality(books.engine, books.name, start=day or start, end=day or end, by=by)
    if file is None:
        print(render_quality(report, form), end="")
        return
    _write(file, render_quality(report, _form_of(file, form)), len(report.rows))


def _form_of(file: Path, form: str) -> str:
    """What a file's ending asks for."""
    suffix = file.suffix.removeprefix(".").lower()
    return suffix if suffix in {"csv", "json"} else form


@command.command()
@_books
def rebuild(**whose: Any) -> None:
    """Make the tables anew from the journal's first record. They say the same as before, or what they should have."""
    from atomizer.cli.books import open_books

    with open_books(**whose, rebuild=True) as books:
        print(f"{books.name}: {books.sequence} records of the journal are in {books.where}")
