"""`atomizer journal show|verify|export` as they are called."""

import json

import pytest
from click.testing import CliRunner

from atomizer.cli.journal import command
from atomizer.domain.instruments import parse_name
from atomizer.domain.trading import Fill, OrderState, OrderUpdate, Rfq, Side
from atomizer.errors import JournalError
from atomizer.journal.frames import Identity
from atomizer.journal.writer import JournalWriter

NOON_NS = 1_748_606_400_000_000_000  # 2025-05-30 12:00:00 UTC
RECORDS = [
    Rfq(
        now_ns=NOON_NS,
        source="rysk",
        rfq_id="rfq-1",
        contract=parse_name("ETH-20250627-3000-C"),
        quantity_nanos=1_500_000_000,
        taker_buys=True,
        taker="0xabc",
    ),
    Fill(
        now_ns=NOON_NS + 1_500,
        venue="derive",
        trade_id="t1",
        client_id="hedger.r1.1",
        instrument="ETH-PERP",
        side=Side.SELL,
        price_nanos=2_500_500_000_000,
        amount_nanos=250_000_000,
        fee_e18=20_000_000_000_000_000_001,
        is_maker=False,
        venue_time_ns=NOON_NS,
    ),
    OrderUpdate(
        now_ns=NOON_NS + 2_000_000_000,
        venue="derive",
        client_id="hedger.r1.1",
        state=OrderState.REFUSED,
        code=11000,
        detail="insufficient\n\x1b[2Jfunds",
    ),
]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "book.journal"
    with JournalWriter(path, Identity("derive", "7")) as journal:
        for record in RECORDS:
            journal.append(record)
    return path


def run(*words):
    return CliRunner().invoke(command, [str(word) for word in words])


def test_show_prints_a_line_for_each_record(path):
    """Show prints sequence, time, kind and set fields in plain units, and no control characters of a venue's text."""
    lines = run("show", path).output.splitlines()
    assert lines[0].split() == [
        "1", "2025-05-30", "12:00:00.000000", "rfq", "source=rysk", "rfq_id=rfq-1", "contract=ETH-20250627-3000-C",
        "quantity=1.5", "taker_buys=True", "taker=0xabc",
    ]  # fmt: skip
    assert "12:00:00.000001  fill" in lines[1]
    assert "side=sell price=2500.5 amount=0.25 fee=20.000000000000000001 " in lines[1]
    assert lines[2].endswith(r"state=refused filled=0 code=11000 detail='insufficient\n\x1b[2Jfunds'")
    assert len(lines) == 3


def test_show_can_be_narrowed(path):
    """Show takes kinds of records and a number of the newest."""
    assert [line.split()[0] for line in run("show", path, "--last", 2).output.splitlines()] == ["2", "3"]
    kinds = ("--kind", "rfq", "--kind", "fill")
    assert [line.split()[3] for line in run("show", path, *kinds).output.splitlines()] == ["rfq", "fill"]


def test_verify_tells_that_a_journal_is_whole(path):
    """Verify names the book, counts the records by kind and exits 0."""
    result = run("verify", path)
    assert result.exit_code == 0
    assert "book of 7 at derive, format version 2" in result.output
    assert "3 records intact" in result.output
    assert "from 2025-05-30 12:00:00.000000 to 2025-05-30 12:00:02.000000" in result.output


def test_records_in_memory_are_shown_and_counted(path):
    """What a trader has appended and not moved to the file yet is shown, and verify says how much it is."""
    with JournalWriter(path, Identity("derive", "7")) as journal:
        journal.append(RECORDS[0])
        assert len(run("show", path).output.splitlines()) == 4
        result = run("verify", path)
    assert result.exit_code == 0
    assert "4 records intact" in result.output
    assert "the newest 1 are in memory" in result.output
    assert "in memory" not in run("verify", path).output


def test_verify_refuses_a_torn_tail(path):
    """Verify tells how many bytes at the end are no whole record, and changes nothing."""
    data = path.read_bytes()[:-5]
    path.write_bytes(data)
    result = run("verify", path)
    assert isinstance(result.exception, JournalError)
    assert "behind record 2 are no whole record" in str(result.exception)
    assert path.read_bytes() == data


def test_verify_refuses_damage(path):
    """Verify names the offset of damage that has intact records behind it."""
    data = bytearray(path.read_bytes())
    data[60] ^= 1
    path.write_bytes(data)
    assert "damaged at offset" in str(run("verify", path).exception)


def test_export_writes_every_digit(path, tmp_path):
    """Export writes a JSON object a record with integers as they are, to standard output or a file."""
    output = run("export", path).output
    records = [json.loads(line) for line in output.splitlines()]
    assert [(record["sequence"], record["type"]) for record in records] == [
        (1, "rfq"),
        (2, "fill"),
        (3, "order_update"),
    ]
    assert records[1]["fee_e18"] == 20_000_000_000_000_000_001
    assert run("export", path, "--output", tmp_path / "out.jsonl").exit_code == 0
    assert (tmp_path / "out.jsonl").read_text() == output


def test_a_file_that_is_no_journal_is_an_error_of_ours(tmp_path):
    """A missing or foreign file is refused in words."""
    (tmp_path / "other").write_text("hello")
    for name in ("missing", "other"):
        assert isinstance(run("verify", tmp_path / name).exception, JournalError)
