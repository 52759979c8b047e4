"""The books that a reading command means: its journal, projected into the desk's database up to this moment."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine

from atomizer.app.access import state_directory
from atomizer.app.ledger import FILE
from atomizer.cli.common import settings_of
from atomizer.config.settings import Settings
from atomizer.desk.projection import Projection, load_portfolio, open_database
from atomizer.portfolio.portfolio import Portfolio

DATABASE = "desk.db"


class Books(NamedTuple):
    """Whose they are, and where they lie in SQL."""

    name: str
    engine: Engine
    where: str  # the database, without its password
    sequence: int  # last record of the journal that is in it

    def portfolio(self) -> Portfolio:
        """Positions and marks as the database has them."""
        return load_portfolio(self.engine, self.name)


def find_journal(settings: Settings, journal: Path | None) -> Path:
    """The one that was named, else the newest of these settings."""
    return journal or state_directory(settings) / FILE


@contextmanager
def open_books(
    *, exchange: str | None, paper: bool, test: bool | None, journal: Path | None, rebuild: bool = False
) -> Iterator[Books]:
    """Project the journal and give its tables.

    Raises:
        AtomizerError: no journal, a damaged one, or a database that cannot be used.
    """
    settings = settings_of(exchange, paper=paper, test=test)
    path = find_journal(settings, journal)
    url = settings.desk.database or f"sqlite:///{path.parent / DATABASE}"
    engine = open_database(url)
    try:
        with Projection(engine, path) as projection:
            sequence = projection.catch_up(rebuild=rebuild)
            yield Books(projection.book, engine, engine.url.render_as_string(hide_password=True), sequence)
    finally:
        engine.dispose()
