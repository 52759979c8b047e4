"""The journal in SQL: followed as it grows, written once however often it is read, the same whenever it is rebuilt.

The fold is the trader's own. It starts at the journal's first record each time, and every row that is written is the
whole truth about its key, so writing it again changes nothing. What a crash or a second follower left behind is either
older, and overwritten, or newer, and left alone.
"""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from sqlalchemy import Connection, Engine, Table, create_engine, delete, event, inspect, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from atomizer.desk import rows, tables
from atomizer.desk.quality import Quoting
from atomizer.desk.rows import Row
from atomizer.domain.quality import MarkedOut, QuotesSampled
from atomizer.domain.trading import CancelSent, Fill, FundingPaid, Mark, OrderPlaced, OrderUpdate, Record, Settled
from atomizer.errors import AtomizerError, ConfigError, JournalError
from atomizer.journal.frames import FIRST_SEQUENCE
from atomizer.journal.reader import JournalReader
from atomizer.orders.table import OrderTable
from atomizer.portfolio.attribution import Attribution
from atomizer.portfolio.portfolio import Portfolio

CHUNK: Final = 500  # rows in one statement
BUSY_S: Final = 30


def open_database(url: str) -> Engine:
    """The database at this URL, with its tables; those of another version are made anew, empty.

    Raises:
        ConfigError: not such a URL, or its driver is not installed.
        AtomizerError: it cannot be reached.
    """
    try:
        engine = create_engine(url)
    except (ArgumentError, ModuleNotFoundError) as error:
        raise ConfigError(
            f"desk.database {_plain(url)!r}: {error}: write sqlite:///FILE or postgresql+psycopg://…"
        ) from None
    if engine.dialect.name not in {"sqlite", "postgresql"}:
        raise ConfigError(f"desk.database {_plain(url)!r}: SQLite and PostgreSQL are supported")
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    try:
        if _is_of_another_version(engine):
            tables.metadata.drop_all(engine)
        tables.metadata.create_all(engine)
    except SQLAlchemyError as error:
        raise AtomizerError(f"desk.database {_plain(url)!r}: {_first_line(error)}") from None
    return engine


def _is_of_another_version(engine: Engine) -> bool:
    found = inspect(engine)
    there = set(found.get_table_names())
    return any(
        {column["name"] for column in found.get_columns(table.name)} != set(table.columns.keys())
        for table in tables.metadata.sorted_tables
        if table.name in there
    )


class Projection:
    """One journal followed into one database."""

    def __init__(self, engine: Engine, path: Path) -> None:
        """Opens the journal; nothing is read or written yet.

        Raises:
            JournalError: it is missing, unreadable or of another version.
        """
        self._engine = engine
        self._journal = JournalReader(path)
        self.book = str(self._journal.identity)
        self._began_ns = 0
        self._orders = OrderTable()
        self._portfolio = Portfolio()
        self._attribution = Attribution()
        self._quoting = Quoting()
        self._rows: dict[Table, dict[tuple[str, ...], Row]] = {}  # that are not in the tables yet, by key
        self._is_whole = True  # whether they are everything since the first record
        self._held: set[tuple[str, str]] = set()  # positions that changed

    def catch_up(self, *, rebuild: bool = False) -> int:
        """Bring the tables up to the journal; its last sequence. `rebuild`: forget what is there first.

        Raises:
            JournalError: damage, a record that this version does not know, or older files are missing.
            AtomizerError: the database did not take it; nothing of it is in the tables.
        """
        for entry in self._journal.read():
            self._began_ns = self._began_ns or entry.record.now_ns
            self._fold(entry.record)
        last = self._journal.last_sequence
        if self._journal.first_sequence > FIRST_SEQUENCE:
            raise JournalError(
                f"the journal begins with record {self._journal.first_sequence} here, and what came before is not "
                "known: bring back its older files; the tables are left as they were"
            )
        self._collect()
        try:
            with self._engine.begin() as connection:
                self._write(connection, last, rebuild=rebuild)
        except SQLAlchemyError as error:
            raise AtomizerError(f"the database did not take the journal: {_first_line(error)}") from None
        self._rows.clear()
        self._is_whole = last == 0
        return last

    def close(self) -> None:
        self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _fold(self, record: Record) -> None:
        match record:
            case OrderPlaced() | OrderUpdate() | CancelSent():
                if self._orders.apply(record):
                    self._put_order(record.venue, record.client_id)
            case Fill():
                if self._orders.apply(record):
                    self._put_order(record.venue, record.client_id)
                    self._quoting.on_fill(record, self._orders.get(record.venue, record.client_id))
                    self._fold_money(record, tables.fills, rows.fill_row(record))
            case FundingPaid():
                self._fold_money(record, tables.payments, rows.payment_row(record))
            case Settled():
                self._fold_money(record, tables.settlements, rows.settlement_row(record))
            case Mark():
                self._fold_money(record, tables.marks, rows.mark_row(record))
            case MarkedOut():
                self._quoting.on_mark(record)
            case QuotesSampled():
                self._quoting.on_samples(record)

    def _fold_money(self, record: Fill | FundingPaid | Settled | Mark, table: Table, row: Row) -> None:
        if self._portfolio.apply(record):
            self._attribution.apply(record)
            self._put(table, row)
            self._held.add((record.venue, record.instrument))

    def _put_order(self, venue: str, client_id: str) -> None:
        """And the one that it took the place of. At once, since the table forgets what ended long ago."""
        order = self._orders.get(venue, client_id)
        before = self._orders.get(venue, order.placed.replaces) if order is not None and order.placed else None
        for each in (order, before):
            if each is not None and each.placed is not None:
                self._put(tables.orders, rows.order_row(each, each.placed))
                self._quoting.on_order(each)

    def _collect(self) -> None:
        """Rows of everything that changed since the last time."""
        for key in self._held:
            position = self._portfolio.position(*key)
            if position is not None:
                self._put(tables.positions, rows.position_row(position))
        for line in self._attribution.touched:
            self._put(tables.pnl, rows.pnl_row(line, self._attribution.days[line]))
        for line in self._quoting.touched:
            self._put(tables.quality, rows.quality_row(line, self._quoting.lines[line]))
        self._held.clear()
        self._attribution.touched.clear()
        self._quoting.touched.clear()

    def _put(self, table: Table, row: Row) -> None:
        row["book"] = self.book
        self._rows.setdefault(table, {})[tuple(row[column.name] for column in table.primary_key)] = row

    def _write(self, connection: Connection, last: int, *, rebuild: bool) -> None:
        books = tables.books.c
        state = {"book": self.book, "version": tables.VERSION, "began_ns": self._began_ns, "sequence": last}
        upsert(connection, tables.books, [state | {"sequence": 0}], keep=True)
        found = connection.execute(select(tables.books).where(books.book == self.book).with_for_update()).one()
        is_same = (found.version, found.began_ns) == (tables.VERSION, self._began_ns) and found.sequence <= last
        is_another = found.sequence > 0 and not is_same
        if rebuild or is_another:
            if not self._is_whole:
                raise AtomizerError(f"the tables of {self.book} were begun anew by someone else: start again")
            for table in tables.metadata.sorted_tables:
                connection.execute(delete(table).where(table.c.book == self.book))
        elif found.sequence == last:
            return
        for table, found_rows in self._rows.items():
            upsert(connection, table, list(found_rows.values()))
        upsert(connection, tables.books, [state])


def upsert(connection: Connection, table: Table, found: Sequence[Row], *, keep: bool = False) -> None:
    """Write rows over those of the same key; `keep`: leave those that are there."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(table)
    values = {column.name: statement.excluded[column.name] for column in table.columns if not column.primary_key}
    keys = list(table.primary_key)
    if keep:
        statement = statement.on_conflict_do_nothing(index_elements=keys)
    else:
        statement = statement.on_conflict_do_update(index_elements=keys, set_=values)
    for start in range(0, len(found), CHUNK):
        connection.execute(statement, found[start : start + CHUNK])


def load_portfolio(engine: Engine, book: str) -> Portfolio:
    """Positions and marks as the tables have them."""
    with engine.connect() as connection:
        held = connection.execute(select(tables.positions).where(tables.positions.c.book == book)).mappings().all()
        known = connection.execute(select(tables.marks).where(tables.marks.c.book == book)).mappings().all()
    return Portfolio.of(map(rows.parse_position, held), map(rows.parse_mark, known))


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # SQLAlchemy says when a transaction begins, see `_begin_sqlite`
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", f"busy_timeout={BUSY_S * 1000}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")  # so that what is read first still holds when it is written


def _plain(url: str) -> str:
    """Without a password."""
    head, at, tail = url.rpartition("@")
    scheme, slashes, _ = head.partition("://")
    return f"{scheme}{slashes}…@{tail}" if at else url


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
