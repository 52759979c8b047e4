"""The journal in SQL, on SQLite and on a real PostgreSQL server."""

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from reference.postgres import server
from reference.trading_days import CALL, E18, NAMES, START_NS, days, fill, mark
from sqlalchemy import select

from atomizer.desk import tables
from atomizer.desk.pnl import DIMENSIONS, read_pnl
from atomizer.desk.projection import Projection, load_portfolio, open_database
from atomizer.domain.instruments import NANOS
from atomizer.domain.trading import CancelSent, OrderPlaced, OrderState, OrderUpdate, Side, TimeInForce
from atomizer.errors import AtomizerError, ConfigError, JournalError
from atomizer.journal import writer
from atomizer.journal.frames import Identity
from atomizer.journal.segments import find_segments
from atomizer.journal.writer import JournalWriter
from atomizer.portfolio.attribution import Attribution, Causes
from atomizer.portfolio.inventory import inventory_rows, inventory_summary
from atomizer.portfolio.portfolio import Portfolio

BOOK = Identity("derive", "7")
SOME = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="session")
def postgres():
    with server() as url:
        if url is None:
            pytest.skip("no PostgreSQL server is installed here")
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'desk.db'}"
    return request.getfixturevalue("postgres")


@pytest.fixture
def engine(url):
    engine = open_database(url)
    tables.metadata.drop_all(engine)
    tables.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "journal.atj"


def write(path, *records, account=BOOK):
    journal = JournalWriter(path, account, path.parent)
    for record in records:
        journal.append(record)
    journal.sync()
    journal.close()


def begin(path, *records):
    path.unlink(missing_ok=True)
    write(path, *records)


def project(engine, path, **how):
    with Projection(engine, path) as projection:
        return projection.catch_up(**how)


def dump(engine):
    """Everything that the tables hold."""
    with engine.connect() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in tables.metadata.sorted_tables
        }


def pnl(engine, by=(), start=None, end=None):
    return read_pnl(engine, str(BOOK), start=start, end=end, by=by, unknown=())


@given(days(), st.integers(0, 40))
@SOME
def test_followed_in_parts_is_the_same_as_read_at_once_or_anew(engine, journal, records, cut):
    """However often the journal was looked at while it grew, and after a rebuild, the tables hold the same."""
    begin(journal, *records[:cut])
    project(engine, journal, rebuild=True)
    with Projection(engine, journal) as follower:
        follower.catch_up()
        write(journal, *records[cut:])
        assert follower.catch_up() == len(records)
    followed = dump(engine)
    project(engine, journal)
    assert dump(engine) == followed
    project(engine, journal, rebuild=True)
    assert dump(engine) == followed


@given(days())
@SOME
def test_the_tables_say_what_the_fold_says(engine, journal, records):
    """Positions, marks and P&L come out of SQL as they came out of the fold, digit for digit."""
    records += [mark(name, 10**11, now_ns=START_NS + 10**18) for name in NAMES]
    begin(journal, *records)
    project(engine, journal, rebuild=True)
    portfolio, attribution = Portfolio(), Attribution()
    for record in records:
        if portfolio.apply(record):
            attribution.apply(record)
    loaded = load_portfolio(engine, str(BOOK))
    assert inventory_rows(loaded, 0) == inventory_rows(portfolio, 0)
    assert loaded.net_e18 == portfolio.net_e18
    everything = pnl(engine, DIMENSIONS)
    assert len(everything.rows) == len(attribution.days)
    for by in ((), ("day",), ("venue", "strategy"), ("instrument",)):
        report = pnl(engine, by)
        summed = Causes()
        for row in report.rows if by else everything.rows:
            summed.add(row.causes)
        assert summed == report.total
        assert report.total.total_e18 == portfolio.net_e18


def test_days_are_cut_out_whole(engine, journal):
    """A report counts the days it names, both ends included, and no other."""
    day_ns = 86_400 * NANOS
    fills = [
        fill(CALL, Side.BUY, NANOS, NANOS, fee=E18 * 10**day, trade_id=str(day), now_ns=START_NS + day * day_ns)
        for day in range(4)
    ]
    begin(journal, *fills)
    project(engine, journal)
    listed = [row.labels[0] for row in pnl(engine, ("day",)).rows]
    assert len(listed) == 4
    middle = pnl(engine, start=date.fromisoformat(listed[1]), end=date.fromisoformat(listed[2])).total
    assert middle.fees_e18 == -(10 + 100) * E18
    assert pnl(engine, end=date.fromisoformat(listed[0])).total.fees_e18 == -E18
    assert pnl(engine, start=date.fromisoformat(listed[3])).total.trades == 1


def test_orders_are_told_with_their_end(engine, journal):
    """An order's row follows what is known of it, also of one that another took the place of."""
    first = OrderPlaced(
        now_ns=1, venue="derive", client_id="mm.r.1", nonce=1, instrument=CALL, side=Side.SELL, price_nanos=5 * NANOS,
        amount_nanos=3 * NANOS, time_in_force=TimeInForce.POST_ONLY,
    )  # fmt: skip
    second = replace(first, now_ns=2, client_id="mm.r.2", nonce=2, replaces="mm.r.1")
    taken = OrderUpdate(now_ns=3, venue="derive", client_id="mm.r.2", state=OrderState.OPEN, order_id="id-2")
    traded = fill(CALL, Side.SELL, 5 * NANOS, NANOS, client_id="mm.r.2")
    begin(journal, first, second)
    with Projection(engine, journal) as follower:
        follower.catch_up()
        write(journal, taken, traded, CancelSent(now_ns=4, venue="derive", client_id="mm.r.2"))
        follower.catch_up()
    with engine.connect() as connection:
        orders = tables.orders.c
        found = connection.execute(select(orders.client_id, orders.state, orders.filled).order_by(orders.client_id))
        assert list(map(tuple, found)) == [("mm.r.1", "cancelled", 0), ("mm.r.2", "open", NANOS)]


def test_a_slower_follower_does_not_undo_a_faster_one(engine, journal):
    """Of two that follow one journal, the one that has read less leaves the tables alone."""
    begin(journal, fill(CALL, Side.BUY, NANOS, NANOS))
    with Projection(engine, journal) as slow:
        slow.catch_up()
        write(journal, fill(CALL, Side.BUY, NANOS, NANOS, trade_id="u"))
        project(engine, journal)
        before = dump(engine)
        assert slow.catch_up() == 2
        assert dump(engine) == before
        write(journal, fill(CALL, Side.BUY, NANOS, NANOS, trade_id="v"))
        assert slow.catch_up() == 3
    assert pnl(engine).total.trades == 3


def test_a_journal_without_its_oldest_files_is_no_book(engine, journal, monkeypatch):
    """Half a journal makes no tables: those that are there stay, and what to bring back is said."""
    monkeypatch.setattr(writer, "SEGMENT_BYTES", 1)
    first, second = (CancelSent(now_ns=at, venue="derive", client_id="mm.r1.1") for at in (1, 2))
    begin(journal, first)
    write(journal, second)
    project(engine, journal)
    before = dump(engine)
    find_segments(journal)[0].path.rename(journal.with_name("elsewhere"))
    for how in ({}, {"rebuild": True}):
        with pytest.raises(JournalError, match=r"begins with record 2 here.*bring back its older files"):
            project(engine, journal, **how)
    assert dump(engine) == before


def test_books_share_a_database(engine, journal, tmp_path):
    """Another account's journal fills rows of its own, and rebuilding one leaves the other's alone."""
    begin(journal, fill(CALL, Side.BUY, NANOS, NANOS))
    other = tmp_path / "other.atj"
    write(other, fill(CALL, Side.SELL, NANOS, 5 * NANOS), account=Identity("derive", "8"))
    project(engine, journal)
    project(engine, other)
    project(engine, journal, rebuild=True)
    assert pnl(engine).total.trades == 1
    assert load_portfolio(engine, "8 at derive").position("derive", CALL).amount_nanos == -5 * NANOS


def test_a_journal_that_was_begun_anew_replaces_the_old_one(engine, journal):
    """When an account's journal starts over, nothing of the old one stays in the tables."""
    begin(journal, fill(CALL, Side.BUY, NANOS, NANOS), fill(CALL, Side.BUY, NANOS, NANOS, trade_id="u"))
    project(engine, journal)
    begin(journal, fill(CALL, Side.SELL, NANOS, NANOS, now_ns=START_NS + 5))
    project(engine, journal)
    assert load_portfolio(engine, str(BOOK)).amount_nanos(CALL) == -NANOS


def test_tables_of_another_version_are_made_anew(url, engine, journal):
    """Tables with other columns than ours, as an older version left them, are replaced and filled from the journal."""
    begin(journal, fill(CALL, Side.BUY, NANOS, NANOS))
    project(engine, journal)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE pnl RENAME COLUMN edge TO sharpness")
    again = open_database(url)
    project(again, journal)
    assert pnl(again).total.trades == 1
    again.dispose()


def test_money_is_text_or_decimal_in_sql(engine, journal):
    """No digit of a fee is lost in the table, and on PostgreSQL it can be added up there."""
    fee = 123_456_789_012_345_678_901
    begin(journal, fill(CALL, Side.BUY, NANOS, NANOS, fee=fee))
    project(engine, journal)
    with engine.connect() as connection:
        stored = connection.exec_driver_sql("SELECT fee FROM fills").scalar_one()
        assert str(stored).rstrip("0") == "123.456789012345678901"
        if engine.dialect.name == "postgresql":
            added = connection.exec_driver_sql("SELECT sum(fees) FROM pnl").scalar_one()
            assert str(added) == "-123.456789012345678901"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("desk.db", "write sqlite:///FILE"),
        ("mysql://me:secret@host/db", "desk.database"),
        ("oracle+nothing://me:secret@host/db", "desk.database"),
        ("sqlite:////nowhere/at/all/desk.db", "unable to open"),
        ("postgresql+psycopg://me:secret@/none?host=/nowhere", "desk.database"),
    ],
)
def test_a_database_that_cannot_be_used_is_told_without_its_password(url, words):
    """A URL that is none, or leads nowhere, is one line that names the setting and keeps the password."""
    with pytest.raises(AtomizerError, match=words) as raised:
        open_database(url)
    assert "secret" not in str(raised.value)
    assert isinstance(raised.value, ConfigError) or "nowhere" in str(raised.value)


def test_open_positions_without_a_mark_are_known_as_such(engine, journal):
    """A position that nothing values has no P&L in SQL either, and says so."""
    begin(journal, fill(CALL, Side.BUY, NANOS, NANOS))
    project(engine, journal)
    summary = inventory_summary(inventory_rows(load_portfolio(engine, str(BOOK)), 0))
    assert (summary.total.net_e18, summary.total.unknown) == (None, (CALL,))
