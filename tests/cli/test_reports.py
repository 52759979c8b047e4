"""`atomizer reports pnl` as it is called: what it prints, and on real trades what an independent sum says."""

import csv
import gzip
import io
import json
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from reference.trading_days import CALL, E18, PERP, START_NS, fill, mark

from atomizer.cli.inventory import command as inventory
from atomizer.cli.reports import command
from atomizer.cli.reports_view import cents
from atomizer.domain.instruments import NANOS
from atomizer.domain.trading import Side
from atomizer.journal.frames import Identity
from atomizer.journal.writer import JournalWriter
from atomizer.portfolio.attribution import Causes

TRADES = Path(__file__).resolve().parents[3] / "shared/data/trades/luisjo_BTC-28JUN24-70000-C_trades.csv.gz"
DAY_NS = 86_400 * NANOS
CAUSES = ("edge", "delta", "gamma", "vega", "theta", "fees", "funding", "residual")


def write(path, records):
    writer = JournalWriter(path, Identity("deribit", "7"), path.parent)
    for record in records:
        writer.append(record)
    writer.sync()
    writer.close()
    return path


@pytest.fixture
def journal(tmp_path, monkeypatch):
    """Two days of an option hedged with a future, its P&L 6.50 on the first and 3.00 on the second."""
    monkeypatch.chdir(tmp_path)
    return write(
        tmp_path / "journal.atj",
        [
            mark(CALL, 100 * NANOS),
            fill(CALL, Side.BUY, 98 * NANOS, 2 * NANOS, venue="rysk", client_id="1750000000123"),
            mark(PERP, 2500 * NANOS),
            fill(PERP, Side.SELL, 2503 * NANOS, NANOS, fee=E18 // 2, trade_id="u"),
            mark(CALL, 101 * NANOS, now_ns=START_NS + DAY_NS),
            mark(PERP, 2499 * NANOS, now_ns=START_NS + DAY_NS),
        ],
    )


def run(*words, of=command):
    return CliRunner().invoke(of, list(map(str, words)))


def report(journal, *words):
    done = run("pnl", "--journal", journal, "--format", "json", *words)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_table_has_a_line_for_each_group_and_a_total(journal):
    """Groups are lines, causes columns when asked for, and money is rounded to the cent."""
    done = run("pnl", "--journal", journal, "--breakdown-by", "strategy,day,greek")
    lines = [line.split() for line in done.stdout.splitlines() if line.strip()]
    assert done.stdout.startswith("P&L, all days\n")
    assert lines[1] == ["strategy", "day", "trades", *CAUSES, "P&L", "USD"]
    assert [line[:2] + line[-1:] for line in lines[3:7]] == [
        ["hedge", "2030-03-17", "2.50"],
        ["hedge", "2030-03-18", "1.00"],
        ["rfq", "2030-03-17", "4.00"],
        ["rfq", "2030-03-18", "2.00"],
    ]
    assert lines[-1][0] == "total"
    assert lines[-1][-1] == "9.50"


def test_days_can_be_chosen(journal):
    """--date is one day; --start and --end are both included; without any of them every day counts."""
    assert report(journal, "--date", "2030-03-18")["total"]["pnl_usd"] == "3"
    assert report(journal, "--start", "2030-03-17", "--end", "2030-03-18")["total"]["pnl_usd"] == "9.5"
    assert report(journal, "--end", "2030-03-17")["total"]["pnl_usd"] == "6.5"
    assert report(journal, "--start", "2030-03-19")["rows"] == []


def test_an_export_is_exact_and_whole(journal, tmp_path):
    """--export writes CSV or JSON by its name, always with every cause, and says so on standard error."""
    file = tmp_path / "out.csv"
    done = run("pnl", "--journal", journal, "--breakdown-by", "venue", "--export", file)
    assert (done.exit_code, done.stdout) == (0, "")
    assert "2 rows" in done.stderr
    rows = list(csv.DictReader(io.StringIO(file.read_text())))
    assert [(row["venue"], row["fees_usd"], row["pnl_usd"]) for row in rows] == [
        ("derive", "-0.5", "3.5"),
        ("rysk", "0", "6"),
    ]
    run("pnl", "--journal", journal, "--export", tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text())["total"]["edge_usd"] == "7"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--date", "yesterday"], "no day"),
        (["--date", "2030-03-17", "--start", "2030-03-17"], "--date is one day"),
        (["--start", "2030-03-18", "--end", "2030-03-17"], "before"),
        (["--breakdown-by", "colour"], "none of"),
    ],
)
def test_flags_that_cannot_be_meant_are_usage_errors(journal, words, complaint):
    """An impossible day, range or breakdown ends with exit code 2 and says what is possible."""
    done = run("pnl", "--journal", journal, *words)
    assert done.exit_code == 2
    assert complaint in done.stderr


def test_a_rebuild_says_the_same(journal):
    """After a rebuild the report is the same, and the database is named."""
    before = report(journal)
    done = run("rebuild", "--journal", journal)
    assert "6 records" in done.stdout
    assert "desk.db" in done.stdout
    assert report(journal) == before


def test_the_inventory_is_the_same_from_either(journal):
    """`inventory` says the same from the database as from the journal, and its P&L is the report's."""

    def rows(*more):
        found = json.loads(run("--journal", journal, "--format", "json", *more, of=inventory).stdout)
        return [{key: value for key, value in row.items() if key != "mark_age_s"} for row in found["positions"]], found

    from_sql, whole = rows()
    assert from_sql == rows("--from-journal")[0]
    assert whole["total"]["net_usd"] == report(journal)["total"]["pnl_usd"]


@given(st.builds(Causes, *[st.integers(-(10**24), 10**24)] * 8))
def test_cents_of_a_line_add_up(causes):
    """The causes of a line as they are shown add up to the P&L that is shown, which is rounded to the nearest cent."""
    shown = cents(causes)
    total = shown.pop("total")
    assert sum(shown.values()) == total
    assert abs(total * 10**16 - causes.total_e18) <= 5 * 10**15


def real_trades():
    """Every trade of one Deribit option over seven weeks, oldest first, with its mark, volatility and index."""
    with gzip.open(TRADES, "rt") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: int(row["trade_seq"]))
    for number, row in enumerate(rows):
        at = datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC)
        yield row, round(at.timestamp() * 1000) * 10**6 + number


def nanos(text):
    return int(Decimal(text) * NANOS)


def fee_of(row):
    """Deribit's: 0.03 % of a coin, and never more than an eighth of the premium."""
    return min(Decimal("0.0003"), Decimal(row["price"]) / 8) * Decimal(row["amount"])


def as_records(rows, name="BTC-20240628-70000-C"):
    for row, now_ns in rows:
        index = nanos(row["index_price"])
        known = mark(
            name, nanos(row["mark_price"]), forward=index, iv=float(row["iv"]) / 100, venue="deribit", now_ns=now_ns
        )
        yield replace(known, currency="BTC")
        side = Side.BUY if row["direction"] == "buy" else Side.SELL
        traded = fill(
            name,
            side,
            nanos(row["price"]),
            nanos(row["amount"]),
            fee=int(fee_of(row) * E18),
            venue="deribit",
            client_id="mm.r.1",
            trade_id=row["trade_id"],
            now_ns=now_ns,
        )
        yield replace(traded, currency="BTC", index_nanos=index)


def slow_profit(rows):
    """P&L of each day in exact fractions: cash and worth at the day's last mark, less the same of the day before."""
    cash = held = Fraction(0)
    worth = {}
    for row, now_ns in rows:
        sign = 1 if row["direction"] == "buy" else -1
        price, amount, index = (Fraction(row[name]) for name in ("price", "amount", "index_price"))
        cash -= (sign * price * amount + Fraction(fee_of(row))) * index
        held += sign * amount
        worth[datetime.fromtimestamp(now_ns // NANOS, UTC).date()] = cash + held * Fraction(row["mark_price"]) * index
    before = Fraction(0)
    for day, after in worth.items():
        yield day.isoformat(), after - before
        before = after


@pytest.mark.skipif(not TRADES.exists(), reason="the recorded trades are not here")
def test_real_trades_earn_what_an_independent_sum_says(tmp_path):
    """On seven weeks of real trades of an inverse option each day's P&L is that of exact fractions; causes add up."""
    rows = list(real_trades())
    journal = write(tmp_path / "journal.atj", as_records(rows))
    found = report(journal, "--breakdown-by", "day,greek")
    slow = dict(slow_profit(rows))
    assert {row["day"] for row in found["rows"]} == slow.keys()
    assert len(slow) > 40
    months = defaultdict(Decimal)
    for row in found["rows"]:
        assert abs(Fraction(row["pnl_usd"]) - slow[row["day"]]) < Fraction(1, 10**12)
        assert sum(Decimal(row[f"{cause}_usd"]) for cause in CAUSES) == Decimal(row["pnl_usd"])
        months[row["day"][:7]] += Decimal(row["pnl_usd"])
    assert found["total"]["trades"] == len(rows)
    assert sum(months.values()) == Decimal(found["total"]["pnl_usd"])
