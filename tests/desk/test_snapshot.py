"""The shared snapshot and the picture drawn from it."""

import io
import subprocess
import sys
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from atomizer.desk.picture import draw, known, tell, usd
from atomizer.desk.snapshot import Happening, Row, Snapshot, SnapshotReader, SnapshotWriter
from atomizer.domain.trading import Side

E18 = 10**18


def snapshot(**changes):
    base = {
        "now_ns": 1_800_000_060_000_000_000,
        "started_ns": 1_800_000_000_000_000_000,
        "mode": "sim",
        "venue": "derive",
        "account": "0x8772…d698/30769",
        "phase": "quoting",
        "connected": ("derive", "rysk"),
        "rfqs_seen": 31,
        "rfqs_quoted": 22,
        "requotes": 9,
        "rfqs_won": 7,
        "declines": {"no_book": 5, "unmapped_asset": 4},
        "hedges_open": 0,
        "hedges_done": 7,
        "orders_live": 0,
        "books": 180,
        "positions": (
            Row("ETH-20270101-3000-C", "rysk", 2 * 10**9, 80 * E18, 81 * 10**9, 1.0, 0.001, 5.0, -3.0, 0, 2 * E18, 0),
            Row("ETH-PERP", "derive", -(10**9), 3000 * E18, None, None, None, None, None, 5 * E18, None, E18),
        ),
        "deltas": {"ETH": 0.12},
        "premium_e18": 160 * E18,
        "latency_count": 22,
        "latency_p50_ns": 210_000,
        "latency_p99_ns": 900_000,
        "latency_max_ns": 950_000,
        "tape": (Happening(1_800_000_059_000_000_000, "won", "ETH-20270101-3000-C", Side.BUY, "2 at 80"),),
    }
    return Snapshot(**{**base, **changes})


def test_a_reader_sees_what_the_writer_published_last(tmp_path):
    """Each publish replaces the one before, also when it is shorter."""
    path = tmp_path / "snapshot"
    with closing(SnapshotWriter(path)) as writer, SnapshotReader(path) as reader:
        assert reader.read() is None
        writer.publish(snapshot())
        assert reader.read() == snapshot()
        shorter = snapshot(positions=(), tape=(), rfqs_seen=32)
        writer.publish(shorter)
        assert reader.read() == shorter


def test_a_writer_that_died_inside_a_publish_is_not_believed(tmp_path):
    """An odd sequence is never read as a snapshot."""
    path = tmp_path / "snapshot"
    with closing(SnapshotWriter(path)) as writer:
        writer.publish(snapshot())
    with path.open("r+b") as file:
        file.write(b"\x03")
    with SnapshotReader(path) as reader:
        assert reader.read() is None


def test_the_picture_fits_a_screen_and_names_what_is_not_known():
    """One screen of 160x50 shows every figure; an unknown mark or total is a question mark, not a number."""
    console = Console(width=160, height=50, record=True, file=io.StringIO())
    console.print(draw(snapshot()))
    lines = console.export_text().splitlines()
    text = "\n".join(lines)
    assert len(lines) <= 50
    for word in ("seen", "31", "unmapped_asset", "0.210 ms", "0.900 ms", "ETH-20270101-3000-C", "ETH-PERP", "2 at 80"):
        assert word in text
    assert any(line.split()[:1] == ["│"] and "unrealized" in line and "?" in line for line in lines)


def test_one_line_tells_the_same():
    """Without a terminal the picture is one line of figures."""
    line = tell(snapshot())
    assert "31 seen, 22 quoted, 7 won, 9 declined (no_book=5 unmapped_asset=4)" in line
    assert "P&L ? USD" in line
    assert "P&L 2.00 USD" in tell(snapshot(positions=snapshot().positions[:1]))


def test_before_the_first_answer_its_time_is_unknown():
    """Nothing has been timed yet: no zero is shown."""
    assert "answer p50 ? p99 ?" in tell(snapshot(latency_count=0, latency_p50_ns=0, latency_p99_ns=0))


def test_the_picture_process_ends_with_its_parent(tmp_path):
    """Closing its standard input ends the drawing process with exit code 0, after it has told what it saw."""
    path = tmp_path / "snapshot"
    with closing(SnapshotWriter(path)) as writer:
        writer.publish(snapshot())
    command = [sys.executable, "-m", "atomizer.desk.picture", str(path)]
    done = subprocess.run(command, input=b"", capture_output=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("e18", "text"),
    [
        (0, "0.00"),
        (E18, "1.00"),
        (-E18 // 2, "-0.50"),
        (1234567 * E18, "1,234,567.00"),
        (5 * 10**15, "0.00"),
        (15 * 10**15, "0.02"),
        (5 * 10**15 + 1, "0.01"),
        (-(10**14), "0.00"),
        (None, "?"),
    ],
)
def test_money_is_shown_to_the_cent(e18, text):
    """Cents are rounded half to even and a negative nothing has no sign."""
    assert usd(e18) == text


@given(st.lists(st.one_of(st.integers(-(10**20), 10**20), st.none())))
def test_a_total_that_leaves_something_out_is_no_total(values):
    """A sum with one unknown part is unknown."""
    assert known(values) == (None if None in values else sum(values))
