"""Appending one order intent, beside an SQLite insert and a line of JSON: each as durable as the death of the process.

SQLite commits each insert in WAL mode with synchronous off, so that nobody waits for the disk here: it has handed the
record to the kernel, as the journal and the flushed file have.

Then the tail: the same records appended to the journal and straight to a file, each synced off the path, while another
process syncs the same disk in a loop. For that the temporary directory must lie on a real disk (`--basetemp`).
"""

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager

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


PUMP_EVERY_S = 0.1
SYNC_EVERY_S = 2.0
APPENDS = 20_000
PACE_NS = 200_000  # from one to the next: a busy market maker's


@contextmanager
def repeating(action, pause_s):
    """`action` again and again in another thread, as the owner's timers do it."""
    stop = threading.Event()

    def repeat():
        while not stop.wait(pause_s):
            action()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.mark.benchmark(group="append one order")
def test_append_journal(benchmark, tmp_path):
    path = tmp_path / "book.journal"
    with JournalWriter(path, Identity("derive", "7")) as journal, repeating(journal.pump, 0.01):
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


def head_append(path, stack):
    journal = stack.enter_context(JournalWriter(path, Identity("derive", "7")))
    stack.enter_context(repeating(journal.pump, PUMP_EVERY_S))
    stack.enter_context(repeating(journal.sync, SYNC_EVERY_S))
    return journal.append


def file_append(path, stack):
    """What the journal did before it had a head."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    stack.callback(os.close, descriptor)
    stack.enter_context(repeating(lambda: os.fdatasync(descriptor), SYNC_EVERY_S))
    sequence = 0

    def append(order):
        nonlocal sequence
        sequence += 1
        os.write(descriptor, build_frame(sequence, encode_record(order)))

    return append


_SYNC_IN_A_LOOP = """
import os, sys
from contextlib import suppress
with suppress(OSError):  # on another processor than ours, if there is one
    os.sched_setaffinity(0, set(range(os.cpu_count())) - os.sched_getaffinity(0))
descriptor = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
while True:
    os.write(descriptor, bytes(4096))
    os.fsync(descriptor)
"""


@pytest.mark.benchmark(group="append one order, the tail")
@pytest.mark.parametrize("disk", ["quiet", "syncing"])
@pytest.mark.parametrize("opener", [head_append, file_append], ids=["journal", "file"])
def test_append_tail(benchmark, tmp_path, opener, disk):
    """`extra_info` holds p50, p99, p99.9 and the worst, in nanoseconds."""
    took_ns = []

    def run(append):
        clock_ns = time.perf_counter_ns
        due_ns = clock_ns()
        for _ in range(APPENDS):
            due_ns += PACE_NS
            while (start_ns := clock_ns()) < due_ns:
                pass
            start_ns = clock_ns()
            append(ORDER)
            took_ns.append(clock_ns() - start_ns)

    with ExitStack() as stack:
        if disk == "syncing":
            noise = subprocess.Popen([sys.executable, "-c", _SYNC_IN_A_LOOP, str(tmp_path / "noise")])  # noqa: S603  ours
            stack.callback(noise.wait)
            stack.callback(noise.kill)
            time.sleep(0.5)
        append = opener(tmp_path / "book.journal", stack)
        benchmark.pedantic(run, args=(append,), rounds=1)
    took_ns.sort()
    for name, share in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)):
        benchmark.extra_info[name] = took_ns[int(share * APPENDS)]
    benchmark.extra_info["worst"] = took_ns[-1]


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
