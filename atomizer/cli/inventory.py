"""`atomizer inventory`: positions, marks, Greeks and P&L, from the journal, also while a trader writes it."""

import os
import time
from pathlib import Path

import click


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@click.option("--summary", is_flag=True, help="Totals on one screen, for watch.")
@click.option("--exchange", metavar="NAME", help="Whose books: derive or sim.")
@click.option("--paper", is_flag=True, help="The practice venues' books, same as --exchange sim.")
@click.option("--test", is_flag=True, default=None, help="The test network's books.")
@click.option("--journal", type=click.Path(path_type=Path, exists=True), help="This journal instead of the newest.")
def command(
    form: str, summary: bool, exchange: str | None, paper: bool, test: bool | None, journal: Path | None
) -> None:
    """Show what is held, at what average price, what it is worth and what it has earned."""
    from atomizer.app.access import state_directory
    from atomizer.app.ledger import FILE, read_state
    from atomizer.cli import inventory_view as view
    from atomizer.cli.common import exchange_of
    from atomizer.config.load import default_file, load
    from atomizer.portfolio.inventory import inventory_rows, inventory_summary

    flags = {"exchange.name": exchange_of(paper=paper, exchange=exchange), "exchange.test_mode": test}
    path = journal or state_directory(load(flags, os.environ, default_file()).settings) / FILE
    rows = inventory_rows(read_state(path).portfolio, time.time_ns())
    totals = inventory_summary(rows)
    if form == "json":
        print(view.render_json(rows, totals))
    elif form == "csv":
        print(view.render_csv(rows), end="")
    else:
        print(view.render_summary(totals) if summary else view.render_table(rows, totals))
