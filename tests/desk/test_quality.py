"""How quotes did: the fold against a slow walk through all records, and the report that an operator types."""

import json
import math

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference.slow_quality import slow_quality

from atomizer.cli.reports import command
from atomizer.desk.projection import Projection, open_database
from atomizer.desk.quality import COUNTS, HORIZONS_MS
from atomizer.desk.quality_report import read_quality
from atomizer.domain.instruments import NANOS
from atomizer.domain.quality import MarkedOut, QuotesSampled
from atomizer.domain.trading import Fill, OrderPlaced, OrderState, OrderUpdate, Side, TimeInForce
from atomizer.journal.frames import Identity
from atomizer.journal.writer import JournalWriter

BOOK = Identity("derive", "7")
START_NS = 1_900_000_000 * NANOS
CALL, PUT = "ETH-20300628-3000-C", "ETH-20300628-2000-P"
SOME = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def placed(number, now_ns=START_NS, **changes):
    words = {
        "venue": "derive",
        "client_id": f"mm.r1.{number}",
        "nonce": number,
        "instrument": CALL,
        "side": Side.BUY,
        "price_nanos": 100 * NANOS,
        "amount_nanos": NANOS,
        "time_in_force": TimeInForce.POST_ONLY,
    }
    return OrderPlaced(now_ns=now_ns, **words | changes)


def update(order, state, now_ns=START_NS, **changes):
    return OrderUpdate(now_ns=now_ns, venue=order.venue, client_id=order.client_id, state=state, **changes)


def fill(order, trade_id, now_ns=START_NS, **changes):
    words = {
        "venue": order.venue,
        "trade_id": trade_id,
        "client_id": order.client_id,
        "instrument": order.instrument,
        "side": order.side,
        "price_nanos": order.price_nanos,
        "amount_nanos": order.amount_nanos,
        "fee_e18": 0,
        "is_maker": True,
        "venue_time_ns": now_ns,
    }
    return Fill(now_ns=now_ns, **words | changes)


def marked(trade, after_ms, usd, index=2_000):
    return MarkedOut(
        now_ns=trade.now_ns + after_ms * 10**6,
        venue=trade.venue,
        trade_id=trade.trade_id,
        after_ms=after_ms,
        mark_nanos=round(usd * NANOS),
        index_nanos=index * NANOS,
    )


def sampled(now_ns, instrument, samples, *counts):
    names = ("bids", "asks", "both", "bid_touches", "ask_touches")
    return QuotesSampled(
        now_ns=now_ns,
        venue="derive",
        instrument=instrument,
        strategy="mm",
        samples=samples,
        **dict(zip(names, counts, strict=True)),
    )


@st.composite
def order_days(draw):
    """Orders with what became of each, their trades and marks, and samples; over some days."""
    records, now_ns = [], START_NS
    for number in range(draw(st.integers(0, 8))):
        now_ns += draw(st.integers(0, 40_000)) * NANOS
        is_coin = draw(st.booleans())
        order = placed(
            number,
            now_ns,
            instrument=draw(st.sampled_from([CALL, PUT])),
            side=draw(st.sampled_from(Side)),
            price_nanos=draw(st.integers(1, 10**12)),
            time_in_force=draw(st.sampled_from(TimeInForce)),
            client_id=f"{draw(st.sampled_from(['mm', 'other']))}.r1.{number}",
        )
        records.append(order)
        records += [update(order, state, now_ns) for state in draw(st.lists(st.sampled_from(OrderState), max_size=3))]
        for part in range(draw(st.integers(0, 2))):
            at_ns = now_ns + draw(st.integers(0, 90_000)) * NANOS
            currency = {"currency": "ETH", "index_nanos": 2_000 * NANOS} if is_coin else {}
            trade = fill(order, f"{number}.{part}", at_ns, amount_nanos=draw(st.integers(1, 10**10)), **currency)
            records.append(trade)
            for after_ms in (0, *HORIZONS_MS):
                if draw(st.booleans()):
                    records.append(marked(trade, after_ms, draw(st.integers(1, 5_000)), draw(st.integers(1, 4_000))))
    for _ in range(draw(st.integers(0, 3))):
        counts = draw(st.lists(st.integers(0, 60), min_size=6, max_size=6))
        records.append(sampled(now_ns, draw(st.sampled_from([CALL, PUT])), *counts))
    return records


def write(path, records):
    path.unlink(missing_ok=True)
    writer = JournalWriter(path, BOOK, path.parent)
    for record in records:
        writer.append(record)
    writer.sync()
    writer.close()


def project(engine, path):
    with Projection(engine, path) as projection:
        projection.catch_up(rebuild=True)
        return projection._quoting.lines


@pytest.fixture
def engine(tmp_path):
    engine = open_database(f"sqlite:///{tmp_path / 'desk.db'}")
    yield engine
    engine.dispose()


def check(line, slow):
    for name in COUNTS:
        assert math.floor(abs(getattr(line, name) - slow.get(name, 0))) <= 2 * line.trades, (
            name
        )  # of a coin's last digit
    for after_ms, adverse in zip(HORIZONS_MS, line.adverse, strict=True):
        assert adverse.trades == slow.get(f"adverse trades {after_ms}", 0)
        assert abs(adverse.usd_e18 - slow.get(f"adverse {after_ms}", 0)) <= 2 * line.trades


@given(order_days())
@SOME
def test_the_fold_says_what_a_walk_through_all_records_says(engine, tmp_path, records):
    """Whatever became of the orders, every sum of every line is what the records say, to the last digit of a coin."""
    write(tmp_path / "journal.atj", records)
    lines, slow = project(engine, tmp_path / "journal.atj"), slow_quality(records)
    assert {tuple(key) for key in lines} == slow.keys()
    for key, line in lines.items():
        check(line, slow[tuple(key)])
    report = read_quality(engine, str(BOOK), start=None, end=None, by=("day", "instrument", "strategy"))
    assert report.total.orders == sum(line.get("orders", 0) for line in slow.values())
    assert report.total.captured_e18 == sum(line.captured_e18 for line in lines.values())


def test_a_trade_is_marked_when_it_comes_and_three_times_after(engine, tmp_path):
    """Bought at 100 with a mark of 101, which falls to 98: 1 USD captured a unit, and 3 lost to whoever knew."""
    order = placed(1)
    trade = fill(order, "t1")
    marks = [marked(trade, 0, 101), marked(trade, 1_000, 100.5), marked(trade, 10_000, 98), marked(trade, 10_000, 90)]
    write(tmp_path / "journal.atj", [order, update(order, OrderState.OPEN), trade, *marks])
    (line,) = project(engine, tmp_path / "journal.atj").values()
    assert (line.captured_e18, line.captured_trades) == (10**18, 1)
    assert [(each.usd_e18, each.trades) for each in line.adverse] == [(5 * 10**17, 1), (3 * 10**18, 1), (0, 0)]
    assert line.fill_rate == 1.0


def test_the_report_that_an_operator_types(tmp_path):
    """`reports quoting` prints shares and USD as a table, exact figures as CSV and JSON; what is unknown is none."""
    order, other = placed(1), placed(2, instrument=PUT)
    trade = fill(order, "t1")
    path = tmp_path / "journal.atj"
    records = [order, update(order, OrderState.OPEN), other, update(other, OrderState.OPEN), trade]
    write(path, [*records, marked(trade, 0, 100.25), sampled(START_NS, CALL, 60, 50, 40, 30, 45, 30)])
    words = ["quoting", "--journal", str(path), "--paper"]
    done = CliRunner().invoke(command, [*words, "--format", "json"])
    assert done.exit_code == 0, done.output
    put, call = json.loads(done.stdout)
    assert call["instrument"] == CALL
    assert (call["fill_rate"], call["captured_usd"], call["uptime"], call["at_touch"]) == (1.0, "0.25", 0.5, 0.625)
    assert (call["adverse_1s_usd"], call["adverse_1s_trades"]) == ("0", 0)
    assert (put["fill_rate"], put["uptime"]) == (0.0, None)
    table = CliRunner().invoke(command, [*words, "--breakdown-by", "strategy"]).stdout
    assert "50.0%" in table
    assert "total" in table
    file = tmp_path / "quotes.csv"
    assert CliRunner().invoke(command, [*words, "--export", str(file)]).exit_code == 0
    assert file.read_text().startswith("instrument,strategy,orders,fill_rate")
