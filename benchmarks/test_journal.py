"""Appending one order intent, beside an SQLite insert and a line of JSON: each as durable as the death of the process.

SQLite commits each insert in WAL mode with synchronous off, so that nobody waits for the disk here: it has handed the
record to the kernel, as the journal and the flushed file have.
"""

import json
import os
import sqlite3

import msgspec
import pytest

from atomizer.domain.trading import OrderPlaced, Side, TimeInForce
from atomizer.journal.frames import Identity, build_frame
from atomizer.journal.reader import JournalReader
from atomizer.journal.records import encode_record
from atomizer.journal.writer import JournalWriter

ORDER = OrderPlaced(
    now_ns=1_761_000_000_123_456_789,
    venue="derive",
    client_id="hedger.k3f9.17",
    nonce=1_761_000_000_123_456,
    instrument="ETH-20250530-3000-C",
    side=Side.BUY,
    price_nanos=123_400_000_000,
    amount_nanos=1_570_000_000,
    time_in_force=TimeInForce.IOC,
    hedge_of="8f3c2a10",
)
FIELDS = {name: getattr(value, "value", value) for name, value in msgspec.structs.asdict(ORDER).items()}


@pytest.mark.benchmark(group="append one order")
def test_append_journal(benchmark, tmp_path):
    path = tmp_path / "book.journal"
    with JournalWriter(path, Identity("derive", "7")) as journal:
        benchmark(journal.append, ORDER)
    with JournalReader(path) as journal:
        assert all(entry.record == ORDER for entry in journal.read())


@pytest.mark.benchmark(group="append one order")
def test_append_sqlite(benchmark, tmp_path):
    base = sqlite3.connect(tmp_path / "book.sqlite", isolation_level=None)
    base.execute("PRAGMA journal_mode=WAL")
    base.execute("PRAGMA synchronous=OFF")
    base.execute(f"CREATE TABLE orders (sequence INTEGER PRIMARY KEY, {', '.join(FIELDS)})")
    statement = f"INSERT INTO orders ({', '.join(FIELDS)}) VALUES ({', '.join('?' * len(FIELDS))})"  # noqa: S608  our names
    benchmark(base.execute, statement, tuple(FIELDS.values()))
    assert base.execute("SELECT nonce FROM orders LIMIT 1").fetchone() == (ORDER.nonce,)
    base.close()


@pytest.mark.benchmark(group="append one order")
def test_append_json_line(benchmark, tmp_path):
    with (tmp_path / "book.jsonl").open("w") as file:

        def append():
            file.write(json.dumps(FIELDS) + "\n")
            file.flush()

        benchmark(append)
    assert json.loads((tmp_path / "book.jsonl").read_text().splitlines()[0]) == FIELDS


@pytest.mark.benchmark(group="append one order, parts")
def test_part_encode_and_frame(benchmark):
    assert benchmark(lambda: build_frame(1, encode_record(ORDER)))


@pytest.mark.benchmark(group="append one order, parts")
def test_part_write_call(benchmark, tmp_path):
    frame = build_frame(1, encode_record(ORDER))
    descriptor = os.open(tmp_path / "raw", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    assert benchmark(os.write, descriptor, frame) == len(frame)
    os.close(descriptor)


@pytest.mark.benchmark(group="read 10,000 records")
def test_read_back(benchmark, tmp_path):
    path = tmp_path / "book.journal"
    with JournalWriter(path, Identity("derive", "7")) as journal:
        for _ in range(10_000):
            journal.append(ORDER)

    def read():
        with JournalReader(path) as journal:
            return sum(1 for _ in journal.read())

    assert benchmark(read) == 10_000
