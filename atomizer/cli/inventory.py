"""`atomizer inventory`: positions, marks, Greeks and P&L, also while a trader writes its journal."""

import time
from pathlib import Path

import click


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@click.option("--summary", is_flag=True, help="Totals on one screen, for watch.")
@click.option("--exchange", metavar="NAME", help="Whose books: derive, deribit or sim.")
@click.option("--paper", is_flag=True, help="The practice venues' books, same as --exchange sim.")
@click.option("--test", is_flag=True, default=None, help="The test network's books.")
@click.option("--journal", type=click.Path(path_type=Path, exists=True), help="This journal instead of the newest.")
@click.option("--from-journal", is_flag=True, help="Read the journal itself, no database.")
def command(
    form: str,
    summary: bool,
    exchange: str | None,
    paper: bool,
    test: bool | None,
    journal: Path | None,
    from_journal: bool,
) -> None:
    """Show what is held, at what average price, what it is worth and what it has earned."""
    from atomizer.app.ledger import read_state
    from atomizer.cli import inventory_view as view
    from atomizer.cli.books import find_journal, open_books
    from atomizer.cli.common import settings_of
    from atomizer.portfolio.inventory import inventory_rows, inventory_summary

    if from_journal:
        portfolio = read_state(find_journal(settings_of(exchange, paper=paper, test=test), journal)).portfolio
    else:
        with open_books(exchange=exchange, paper=paper, test=test, journal=journal) as books:
            portfolio = books.portfolio()
    rows = inventory_rows(portfolio, time.time_ns())
    totals = inventory_summary(rows)
    if form == "json":
        print(view.render_json(rows, totals))
    elif form == "csv":
        print(view.render_csv(rows), end="")
    else:
        print(view.render_summary(totals) if summary else view.render_table(rows, totals))
