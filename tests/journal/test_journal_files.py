"""The journal as a file: what survives, what is refused, who may write."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference.generators import RECORDS

from atomizer.domain.trading import CancelSent, HedgeClosed
from atomizer.errors import JournalError
from atomizer.journal.frames import FRAME_BYTES, Identity, build_frame, build_header
from atomizer.journal.reader import JournalReader
from atomizer.journal.records import encode_record
from atomizer.journal.writer import JournalWriter

BOOK = Identity("derive", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8/7")  # a public test address
HEADER = build_header(BOOK)


def cancel(number):
    return CancelSent(now_ns=number, venue="derive", client_id=f"hedger.r1.{number}")


SAMPLE = [cancel(1), cancel(2), HedgeClosed(now_ns=3, trade_id="t1", filled_nanos=10**9, detail="filled"), cancel(4)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "book.journal"


def write(path, records):
    with JournalWriter(path, BOOK) as journal:
        for record in records:
            journal.append(record)
    return path.read_bytes()


def read(path):
    with JournalReader(path) as journal:
        return [entry.record for entry in journal.read()]


def reopen(path):
    """What a trader finds: the records and how many bytes were cut, or None when the journal is refused."""
    try:
        with JournalWriter(path, BOOK) as journal:
            return read(path), journal.torn_bytes
    except JournalError as error:
        assert str(path) in str(error)  # noqa: PT017  refusing is one of the two right answers
        return None


@given(st.lists(RECORDS, max_size=20), st.integers(0, 20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_records_come_back_in_order_over_any_number_of_runs(tmp_path, records, split):
    """Records appended by one run and then another are read back in order, numbered from 1."""
    path = tmp_path / "book.journal"
    path.unlink(missing_ok=True)
    write(path, records[:split])
    write(path, records[split:])
    with JournalReader(path) as journal:
        entries = list(journal.read())
    assert [repr(entry.record) for entry in entries] == [repr(record) for record in records]
    assert [entry.sequence for entry in entries] == list(range(1, len(records) + 1))


def test_a_truncated_journal_keeps_every_whole_record(path):
    """Cut at any byte, the journal opens with the records that are whole, tells what it cut and keeps that aside."""
    data = write(path, SAMPLE)
    ends = [len(HEADER)]
    for sequence, record in enumerate(SAMPLE, 1):
        ends.append(ends[-1] + len(build_frame(sequence, encode_record(record))))
    for cut in range(len(data)):
        path.write_bytes(data[:cut])
        whole = max(sum(end <= cut for end in ends) - 1, 0)
        torn = cut - ends[whole] if cut >= len(HEADER) else 0
        assert reopen(path) == (SAMPLE[:whole], torn)
        aside = list(path.parent.glob("*.torn"))
        assert b"".join(file.read_bytes() for file in aside) == (data[ends[whole] : cut] if torn else b"")
        for file in aside:
            file.unlink()


def test_a_flipped_bit_is_recovered_or_refused_and_never_wrong(path):
    """Any flipped bit costs at most the last record, or the journal is refused; no record is ever read differently."""
    data = write(path, SAMPLE)
    last = len(data) - len(build_frame(4, encode_record(SAMPLE[3])))
    for position in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[position] ^= 1 << bit
            path.write_bytes(damaged)
            found = reopen(path)
            if position >= last:
                assert found == (SAMPLE[:3], len(data) - last)
            else:
                assert found is None


def test_damage_in_the_middle_is_named_by_its_offset(path):
    """Damage with intact records behind it is refused, saying where it is and where the records go on."""
    data = bytearray(write(path, SAMPLE))
    second = len(HEADER) + len(build_frame(1, encode_record(SAMPLE[0])))
    third = second + len(build_frame(2, encode_record(SAMPLE[1])))
    data[second + FRAME_BYTES] ^= 1
    path.write_bytes(data)
    with pytest.raises(JournalError, match=rf"offset {second}\b.*record 2 .*offset {third}\b"):
        JournalWriter(path, BOOK)
    with JournalReader(path) as journal, pytest.raises(JournalError, match=rf"offset {second}\b"):
        list(journal.read())
    assert path.read_bytes() == data


def test_missing_records_are_refused(path):
    """A journal from which a whole record was taken out is refused."""
    data = write(path, SAMPLE)
    second = len(HEADER) + len(build_frame(1, encode_record(SAMPLE[0])))
    third = second + len(build_frame(2, encode_record(SAMPLE[1])))
    path.write_bytes(data[:second] + data[third:])
    with pytest.raises(JournalError, match="records are missing"):
        JournalWriter(path, BOOK)


def test_a_zero_filled_tail_is_cut(path):
    """Zeros that a file system left at the end are a torn tail."""
    data = write(path, SAMPLE)
    path.write_bytes(data + bytes(4096))
    assert reopen(path) == (SAMPLE, 4096)
    assert path.read_bytes() == data


def test_appending_goes_on_behind_a_cut_tail(path):
    """After a recovery the next record takes the sequence of the one that was lost."""
    data = write(path, SAMPLE)
    path.write_bytes(data[:-1])
    with JournalWriter(path, BOOK) as journal:
        assert journal.append(cancel(5)) == 4
    assert read(path) == [*SAMPLE[:3], cancel(5)]


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"SQLite format 3\0", "not a journal"),
        (HEADER[:8] + b"\x03\x00" + HEADER[10:], "format version 3 is unknown"),
        (HEADER[:-1] + b"X", "header is damaged"),
        (build_header(Identity("derive", "another")), "is the book of another at derive, not of 0x7099"),
        (build_header(Identity("deribit", BOOK.account)), "at deribit, not of"),
        (build_header(Identity("another", "x"))[:20], "header is damaged"),
        (build_header(Identity("another", "x"))[:12], "header is cut off"),
    ],
)
def test_a_file_that_is_not_this_journal_is_refused_untouched(path, start, words):
    """Another kind of file, format version or account is refused in words, and left as it is."""
    path.write_bytes(start)
    with pytest.raises(JournalError, match=words):
        JournalWriter(path, BOOK)
    assert path.read_bytes() == start


def test_a_second_writer_is_refused(path):
    """While one trader holds the journal no other can open it for writing; afterwards it can."""
    with JournalWriter(path, BOOK), pytest.raises(JournalError, match="another trader"):
        JournalWriter(path, BOOK)
    JournalWriter(path, BOOK).close()


def test_a_reader_follows_the_writer(path):
    """A reader sees each record once it is appended, holds no lock, and waits at a half-written one."""
    with JournalWriter(path, BOOK) as writer, JournalReader(path) as reader:
        assert list(reader.read()) == []
        for sequence, record in enumerate(SAMPLE, 1):
            writer.append(record)
            assert [(entry.sequence, entry.record) for entry in reader.read()] == [(sequence, record)]
    half = build_frame(5, encode_record(cancel(5)))
    with JournalReader(path) as reader:
        with path.open("ab", buffering=0) as file:
            file.write(half[:9])
            assert [entry.record for entry in reader.read()] == SAMPLE
            assert reader.tail_bytes() == 9
            file.write(half[9:])
        assert [entry.record for entry in reader.read()] == [cancel(5)]
        assert reader.last_sequence == 5


def test_a_reader_notices_that_its_journal_shrank(path):
    """A journal that becomes shorter than what was read from it is refused."""
    data = write(path, SAMPLE)
    with JournalReader(path) as reader:
        list(reader.read())
        os.truncate(path, len(data) - 1)
        with pytest.raises(JournalError, match="shrunk"):
            list(reader.read())


def test_a_full_disk_ends_the_journal_and_never_hides_half_a_record(path):
    """When the disk takes no more, everything after is refused, and every record that was taken is found again."""
    write(path, SAMPLE)
    child = subprocess.run(
        [sys.executable, "-c", _FILL_UP, str(path), str(path.stat().st_size + 100)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    first, second, appended = child.stdout.splitlines()
    assert "bytes were written" in first
    assert first.split(": ", 1)[1] in second
    half = path.read_bytes()
    records, torn_bytes = reopen(path)
    assert records == [*SAMPLE, *[cancel(number) for number in range(int(appended))]]
    assert (torn_bytes, path.read_bytes()[: len(half)]) == (0, half)


# A file size limit is the only full disk that needs no privileges: the write that crosses it is short.
_FILL_UP = """
import resource, signal, sys
from pathlib import Path
from atomizer.domain.trading import CancelSent
from atomizer.errors import JournalError
from atomizer.journal.frames import Identity
from atomizer.journal.writer import JournalWriter

journal = JournalWriter(Path(sys.argv[1]), Identity("derive", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8/7"))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
number = 0
refusals = []
while len(refusals) < 2:
    try:
        journal.append(CancelSent(now_ns=number, venue="derive", client_id=f"hedger.r1.{number}"))
        number += 1
        journal.pump()
    except JournalError as error:
        refusals.append(str(error))
assert journal.failed
print(*refusals, number, sep="\\n")
"""


def test_a_record_that_cannot_be_encoded_leaves_the_journal_usable(path):
    """Nothing of an unwritable record reaches the file, and the next record is taken."""
    with JournalWriter(path, BOOK) as journal:
        with pytest.raises(JournalError):
            journal.append(cancel(2**64))
        with pytest.raises(JournalError, match="too long"):
            journal.append(HedgeClosed(now_ns=1, trade_id="t", filled_nanos=0, detail="x" * 2_000_000))
        journal.append(SAMPLE[0])
        journal.sync()
    assert read(path) == SAMPLE[:1]


def test_a_closed_journal_takes_nothing(path):
    """After close every append is refused, and closing again does nothing."""
    journal = JournalWriter(path, BOOK)
    journal.close()
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.append(SAMPLE[0])


@pytest.mark.parametrize("opener", [JournalReader, lambda path: JournalWriter(path, BOOK)])
def test_a_path_that_cannot_be_opened_is_refused_in_words(tmp_path, opener):
    """A missing directory or a directory in the file's place is a journal error that names the path."""
    for path in (tmp_path / "missing" / "book.journal", Path(tmp_path)):
        with pytest.raises(JournalError, match=str(path)):
            opener(path)
