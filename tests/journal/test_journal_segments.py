"""A journal of several files: it reads as one, whatever happens while the next is begun, and to the older ones."""

import os
import signal
import struct
from itertools import count
from zlib import crc32

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_deaths import die, left_of

from atomizer.app.ledger import FILE, Ledger, read_state
from atomizer.domain.trading import CancelSent
from atomizer.errors import JournalError
from atomizer.journal import writer as writer_module
from atomizer.journal.frames import Identity, build_frame, build_header
from atomizer.journal.reader import JournalReader
from atomizer.journal.records import encode_record
from atomizer.journal.segments import find_segments
from atomizer.journal.writer import JournalWriter

BOOK = Identity("derive", "7")


def cancel(number):
    return CancelSent(now_ns=number, venue="derive", client_id="hedger.r1.1")


@pytest.fixture(autouse=True)
def short_segments(monkeypatch):
    """Every start begins a new file."""
    monkeypatch.setattr(writer_module, "SEGMENT_BYTES", len(build_header(BOOK)) + 1)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "book.journal"


def run(path, *numbers):
    with JournalWriter(path, BOOK) as journal:
        for number in numbers:
            journal.append(cancel(number))


def read(path, since=0):
    with JournalReader(path) as journal:
        return [(entry.sequence, entry.record.now_ns) for entry in journal.read(since)]


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=8), st.data())
def test_many_files_read_as_one(tmp_path_factory, runs, data):
    """However runs end and whatever each wrote, the records are there once, in order, for every reader."""
    path = tmp_path_factory.mktemp("books") / "book.journal"
    run(path)
    with JournalReader(path) as follower:
        followed, written = [], 0
        for amount, ends_well in runs:
            journal = JournalWriter(path, BOOK)
            for _ in range(amount):
                written += 1
                journal.append(cancel(written))
                if move := data.draw(st.sampled_from(["", "pump", "sync"]), label="moves"):
                    getattr(journal, move)()
            if data.draw(st.booleans(), label="follows inside"):
                followed += [entry.sequence for entry in follower.read()]
            journal.close() if ends_well else die(journal)
            if data.draw(st.booleans(), label="follows after"):
                followed += [entry.sequence for entry in follower.read()]
        followed += [entry.sequence for entry in follower.read()]
    assert followed == list(range(1, written + 1))
    assert read(path) == [(number, number) for number in range(1, written + 1)]
    since = data.draw(st.integers(0, written + 1), label="since")
    assert read(path, since) == [(number, number) for number in range(max(since, 1), written + 1)]
    JournalWriter(path, BOOK).close()
    assert left_of(path) == []


def test_a_long_run_goes_on_in_a_new_file(path):
    """At a sync of a file that is long, a new one begins; records that a head has beside it are there once."""
    with JournalWriter(path, BOOK) as journal, JournalReader(path) as follower:
        followed = []
        for number in range(1, 7):
            journal.append(cancel(number))
            followed += [entry.sequence for entry in follower.read()]
            if number % 2 == 0:
                journal.sync()
                assert find_segments(path)[-1].first_sequence == number - 1
        journal.append(cancel(7))
        assert [number for number, _ in read(path)] == list(range(1, 8))
        followed += [entry.sequence for entry in follower.read()]
    assert followed == list(range(1, 8))


def test_a_death_after_a_new_file_was_begun_loses_nothing(path):
    """A head that began before the new file and goes on after it gives the next run what only it has."""
    journal = JournalWriter(path, BOOK)
    for number in (1, 2):
        journal.append(cancel(number))
    journal.sync()
    journal.append(cancel(3))
    die(journal)
    assert [number for number, _ in read(path)] == [1, 2, 3]
    run(path, 4)
    assert read(path) == [(number, number) for number in (1, 2, 3, 4)]


def test_a_file_in_the_way_costs_a_run_nothing(path):
    """When another file has the name that the old one must get, the run goes on in the old one."""
    with JournalWriter(path, BOOK) as journal:
        path.with_name("book.journal.000000000001").write_text("a copy")
        for number in (1, 2, 3):
            journal.append(cancel(number))
            journal.sync()
    path.with_name("book.journal.000000000001").unlink()
    assert [number for number, _ in read(path)] == [1, 2, 3]


def test_files_are_named_by_their_first_record(path):
    """Each file that is put aside carries the number of its first record, and never changes again."""
    run(path, 1, 2)
    first = path.read_bytes()
    run(path, 3)
    run(path, 4)
    assert [(each.first_sequence, each.path.name) for each in find_segments(path)] == [
        (1, "book.journal.000000000001"),
        (3, "book.journal.000000000003"),
    ]
    assert find_segments(path)[0].path.read_bytes() == first


def test_a_death_at_any_step_of_a_new_file_loses_nothing(path):
    """Killed before any call that begins a new file, at a start or a sync, the next run finds all, and goes on."""
    for step in count(1):
        for leftover in path.parent.glob("book.journal*"):
            leftover.unlink()
        run(path, 1, 2, 3)
        child = os.fork()
        if child == 0:
            die_at(step)
            with JournalWriter(path, BOOK) as journal:
                for number in (4, 5):
                    journal.append(cancel(number))
                    journal.sync()
            os._exit(0)
        ended_well = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        found = [number for number, _ in read(path)]
        assert found in ([1, 2, 3], [1, 2, 3, 4], [1, 2, 3, 4, 5]), step
        run(path, len(found) + 1)
        run(path, len(found) + 2)
        assert [number for number, _ in read(path)] == list(range(1, len(found) + 3)), step
        if ended_well:
            break
    assert step > 10


def die_at(last_step):
    """Make this process kill itself before so many calls that change a file or a name."""
    steps = count(1)

    def counted(call):
        def perform(*arguments, **more):
            if next(steps) == last_step:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **more)

        return perform

    for name in ("open", "pwrite", "ftruncate", "fsync", "fdatasync", "unlink", "rename", "link"):
        setattr(os, name, counted(getattr(os, name)))


def test_a_damaged_older_file_is_refused_at_any_byte(path):
    """Any byte that changes in an older file, and any cut, is refused in words: no torn tail can be there."""
    run(path, 1, 2)
    run(path, 3)
    older = find_segments(path)[0].path
    sound = older.read_bytes()
    for position in range(len(sound)):
        older.write_bytes(sound[:position] + bytes([sound[position] ^ 0x21]) + sound[position + 1 :])
        with pytest.raises(JournalError):
            read(path)
        older.write_bytes(sound[:position])
        with pytest.raises(JournalError):
            read(path)
    older.write_bytes(sound)
    assert [number for number, _ in read(path)] == [1, 2, 3]


def test_a_missing_file_is_told(path):
    """A gap is refused naming the records; when the oldest were moved away, what is left says where it begins."""
    for number in (1, 2, 3, 4):
        run(path, number)
    first, second, _ = (each.path for each in find_segments(path))
    second.rename(path.parent / "elsewhere")
    with pytest.raises(JournalError, match=r"records 2 to 3 are missing|records 2 to 2 are missing"):
        read(path)
    first.unlink()
    with JournalReader(path) as journal:
        assert [entry.sequence for entry in journal.read()] == [3, 4]
        assert journal.first_sequence == 3


def test_a_state_is_never_made_of_half_a_journal(tmp_path):
    """Without its oldest file a journal gives no state, unless what was folded of it was kept."""
    for number in (1, 2, 3):
        ledger = Ledger(tmp_path, BOOK)
        ledger.write(cancel(number))
        ledger.close()
    find_segments(tmp_path / FILE)[0].path.unlink()
    with pytest.raises(JournalError, match="begins with record 2"):
        read_state(tmp_path / FILE)
    with pytest.raises(JournalError, match="begins with record 2"):
        Ledger(tmp_path, BOOK)


def test_a_journal_of_version_1_is_continued(path):
    """A file that an earlier version began is read, written on as it is, and followed by one of this version."""
    body = msgspec.msgpack.encode((BOOK.venue, BOOK.account))
    prefix = struct.pack("<8sHH", b"ATOMJRNL", 1, len(body))
    header = prefix + struct.pack("<I", crc32(body, crc32(prefix))) + body
    path.write_bytes(header + build_frame(1, encode_record(cancel(1))))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(writer_module, "SEGMENT_BYTES", 1 << 20)
        run(path, 2)
    assert path.read_bytes().startswith(header)
    run(path, 3)
    assert read(path) == [(1, 1), (2, 2), (3, 3)]
    with JournalReader(path) as journal:
        assert journal.version == 2
        assert len(find_segments(path)) == 1


def test_a_strange_file_in_the_way_is_refused(path):
    """When another file has the name that the old one must get, the start is refused and nothing is changed."""
    run(path, 1)
    data = path.read_bytes()
    path.with_name("book.journal.000000000001").write_text("a copy")
    with pytest.raises(JournalError, match="move it away"):
        JournalWriter(path, BOOK)
    assert path.read_bytes() == data
