"""The head of a journal: records in memory that outlive the process, and their way to the disk."""

import os
import resource
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import traceback
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_deaths import die, heads_of, left_of, place_head

from atomizer.domain.trading import CancelSent, HedgeClosed
from atomizer.errors import JournalError
from atomizer.journal import head as head_module
from atomizer.journal.frames import Identity, build_frame, build_header
from atomizer.journal.head import HEAD_BYTES, MAX_HEADS, MEMORY, is_tmpfs
from atomizer.journal.reader import JournalReader
from atomizer.journal.records import encode_record
from atomizer.journal.writer import BURST_BYTES, JournalWriter

BOOK = Identity("derive", "7")
HEADER = build_header(BOOK)
BIG = 100_000  # characters of detail; five such records fill a head
PAGE = 4096


def cancel(number):
    return CancelSent(now_ns=number, venue="derive", client_id=f"hedger.r1.{number}")


def big(number):
    return HedgeClosed(now_ns=number, trade_id=f"t{number}", filled_nanos=0, detail="x" * BIG)


SAMPLE = [cancel(number) for number in range(1, 5)]
FRAMES = [build_frame(sequence, encode_record(record)) for sequence, record in enumerate(SAMPLE, 1)]
WHOLE = HEADER + b"".join(FRAMES)

pytestmark = pytest.mark.skipif(not is_tmpfs(MEMORY), reason="this machine has no shared memory")


@pytest.fixture
def path(tmp_path):
    """A journal's path, whose heads are gone from memory afterwards whatever the test did."""
    path = tmp_path / "book.journal"
    yield path
    for left in left_of(path):
        left.unlink()


@pytest.fixture
def quick_path():
    """The same in memory, for what opens a journal a thousand times."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as directory:
        path = Path(directory) / "book.journal"
        yield path
        for left in left_of(path):
            left.unlink()


def read(path, memory=MEMORY):
    with JournalReader(path, memory) as journal:
        return [entry.record for entry in journal.read()]


def reopen(path, memory=MEMORY):
    """What the next run finds: the records, how many of them heads gave, and the bytes cut."""
    with JournalWriter(path, BOOK, memory) as journal:
        return read(path, memory), journal.taken_over, journal.torn_bytes


@contextmanager
def file_size_limit(limit):
    """No file can be written beyond so many bytes: a disk that fails, without privileges."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


# on the way


def test_an_append_is_in_memory_and_a_pump_brings_it_to_the_disk(path):
    """An appended record is in a private file in memory, and after a pump in the journal's file, byte for byte."""
    with JournalWriter(path, BOOK) as journal:
        for record in SAMPLE:
            journal.append(record)
        (head,) = heads_of(path)
        assert head.parent == MEMORY
        assert stat.S_IMODE(head.stat().st_mode) == 0o600
        assert (head.read_bytes(), path.read_bytes()) == (WHOLE.ljust(HEAD_BYTES, b"\0"), HEADER)
        assert journal.head_on_disk == ""
        journal.pump()
        assert path.read_bytes() == WHOLE
    assert left_of(path) == []


def test_heads_take_turns_and_none_is_left(path):
    """A full head is followed by the next and goes once the disk has it; the file is the same as ever."""
    records = [big(number) for number in range(100)]
    with JournalWriter(path, BOOK) as journal:
        for record in records:
            journal.append(record)
            if len(heads_of(path)) == 3:
                journal.pump()
                assert len(heads_of(path)) == 1
        assert read(path) == records
    assert left_of(path) == []
    frames = (build_frame(sequence, encode_record(record)) for sequence, record in enumerate(records, 1))
    assert path.read_bytes() == HEADER + b"".join(frames)


def test_room_for_a_burst_is_made_before_it_comes(path):
    """A head that a burst could fill is followed by the next one before that, and no record is lost between them."""
    records = [big(number) for number in range(12)]
    with JournalWriter(path, BOOK) as journal:
        for record in records:
            journal.append(record)
            journal.make_room()
            assert journal.appender.head.capacity - journal.appender.head.size >= BURST_BYTES
        assert len(heads_of(path)) > 2
        assert read(path) == records
    journal.make_room()
    assert left_of(path) == []


def test_a_record_longer_than_a_head_gets_a_longer_one(path):
    """A record for which the next head that stands ready is too short is taken all the same, and so are those after."""
    records = [*map(big, range(4)), HedgeClosed(now_ns=4, trade_id="t4", filled_nanos=0, detail="x" * 900_000), big(5)]
    with JournalWriter(path, BOOK) as journal:
        for record in records:
            journal.append(record)
            journal.pump()
    assert read(path) == records
    assert left_of(path) == []


def test_a_disk_that_hangs_ends_the_journal_before_memory_is_full(path):
    """Without a pump the heads end at their bound with a refusal, and what was appended still gets to the disk."""
    journal = JournalWriter(path, BOOK)
    appended = []

    def fill():
        for number in range(1000):
            journal.append(big(number))
            appended.append(big(number))

    with pytest.raises(JournalError, match="the disk hangs"):
        fill()
    assert sum(head.stat().st_size for head in left_of(path)) == MAX_HEADS * HEAD_BYTES
    assert read(path) == appended
    journal.close()
    assert left_of(path) == []
    assert read(path) == appended


@given(st.lists(st.integers(0, 3000).flatmap(lambda size: st.sampled_from([size, size * 100])), max_size=80))
@settings(max_examples=15, deadline=None)
def test_nothing_is_lost_beside_a_pump(tmp_path_factory, sizes):
    """Whatever is appended while other threads pump, sync and follow is in the file once, in order."""
    path = tmp_path_factory.mktemp("pump") / "book.journal"
    records = [
        HedgeClosed(now_ns=number, trade_id=f"t{number}", filled_nanos=0, detail="x" * size)
        for number, size in enumerate(sizes)
    ]
    journal = JournalWriter(path, BOOK)
    stop = threading.Event()
    followed = []
    troubles = []

    def repeat(action):
        try:
            while not stop.is_set():
                action()
        except JournalError as error:  # an exception in a thread fails no test
            troubles.append(error)

    with JournalReader(path) as reader:
        actions = [journal.pump, journal.sync, lambda: followed.extend(reader.read())]
        threads = [threading.Thread(target=repeat, args=(action,)) for action in actions]
        for thread in threads:
            thread.start()
        for record in records:
            journal.append(record)
        stop.set()
        for thread in threads:
            thread.join()
        followed.extend(reader.read())
        journal.close()
        followed.extend(reader.read())
    assert troubles == []
    assert [entry.record for entry in followed] == records
    with JournalReader(path) as reader:
        assert list(reader.read()) == followed  # with the offsets that were foretold


@pytest.mark.parametrize("passed", [1, 2])
def test_a_read_that_the_writer_overtakes_shows_no_damage(path, monkeypatch, passed):
    """A read that passed a page before anything lay there, and shows what was written behind it since, is no damage."""
    records = [big(number) for number in range(3)]
    pread, looks = os.pread, count()

    def overtaken(descriptor, length, offset):
        data = pread(descriptor, length, offset)
        if offset == len(HEADER) and len(data) > BIG and next(looks) < passed:
            return bytes(PAGE) + data[PAGE:]
        return data

    with JournalWriter(path, BOOK) as journal, JournalReader(path) as reader:
        for record in records:
            journal.append(record)
        monkeypatch.setattr(os, "pread", overtaken)
        followed = list(reader.read())
        monkeypatch.undo()
        assert [entry.record for entry in followed] == records
        assert next(looks) > passed


# death


def test_a_killed_process_loses_no_append_that_returned(path):
    """SIGKILL at any moment of appending, pumping, syncing, changing heads and opening: every record whose append
    returned is there once, in order, before and after the next start; nothing else is there but the one in the making.
    """
    known = 0
    for kill in range(10):
        child = subprocess.Popen([sys.executable, "-c", _WRITE_UNTIL_KILLED, str(path)], stdout=subprocess.PIPE)
        with child:
            for line in islice(child.stdout, 1 + kill * 53 % 400):  # a walk over the moments since the last kill
                known = int(line)
            child.kill()
            known = max([known, *map(int, child.stdout.read().split(b"\n")[:-1])])
        with JournalReader(path) as journal:
            numbers = [entry.record.now_ns for entry in journal.read()]
        assert numbers == list(range(1, len(numbers) + 1))
        assert known <= len(numbers) <= known + 1
        known = len(numbers)
    with JournalWriter(path, BOOK) as journal:
        assert journal.last_sequence == known
    assert left_of(path) == []
    with JournalReader(path) as journal:
        assert [entry.record.now_ns for entry in journal.read()] == list(range(1, known + 1))


def test_a_death_at_any_step_loses_nothing(quick_path):
    """Killed before or half-way through any call that changes a file, from opening to closing, a run leaves every
    record whose append returned; the next run finds them and leaves no head.
    """
    for halfway in (False, True):
        for step in count(1):
            quick_path.write_bytes(HEADER + FRAMES[0] + FRAMES[1][:9])
            place_head(quick_path, 1, WHOLE[:-1])
            reported, ended_well = run_until(quick_path, step, halfway=halfway)
            known = 3 + reported  # the dead run had three whole records
            numbers = [record.now_ns for record in read(quick_path)]
            assert numbers in (list(range(1, known + 1)), list(range(1, known + 2))), (step, halfway)
            assert reopen(quick_path)[0] == [cancel(number) for number in numbers]
            assert left_of(quick_path) == []
            if ended_well:
                break
        assert step > 30


def run_until(path, last_step, *, halfway):
    """Fork a run that is killed at its `last_step`th call, if it makes so many: appends that returned, and its end."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            die_at(last_step, halfway=halfway)
            head_module.HEAD_BYTES = 200  # three records; a head that is begun often is more steps
            journal = JournalWriter(path, BOOK)
            for number in range(4, 14):
                journal.append(cancel(number))
                _write(writing, b".")
                if number % 3 == 0:
                    journal.pump()
                if number % 4 == 0:
                    journal.sync()
            journal.close()
        except BaseException:  # noqa: BLE001  nothing may escape into the parent's tests
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:  # noqa: PTH123  a descriptor
        reported = len(pipe.read())
    end = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert end in (0, -signal.SIGKILL)
    return reported, end == 0


_write = os.write


def die_at(last_step, *, halfway):
    """Make this process kill itself at so many calls that change a file, or half-way through a write."""
    steps = count(1)

    def counted(call):
        def perform(*arguments, **more):
            if next(steps) == last_step:
                if halfway and call is pwrite:
                    descriptor, data, offset = arguments
                    pwrite(descriptor, data[: len(data) // 2], offset)
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **more)

        return perform

    pwrite = os.pwrite
    for name in ("open", "pwrite", "ftruncate", "fsync", "fdatasync", "unlink", "rename"):
        setattr(os, name, counted(getattr(os, name)))


# Records of all sizes, so that heads change every 35; a pump and a sync that hardly rest.
_WRITE_UNTIL_KILLED = """
import os, sys, threading, time
from pathlib import Path
from atomizer.domain.trading import HedgeClosed
from atomizer.journal.frames import Identity
from atomizer.journal.writer import BURST_BYTES, JournalWriter

journal = JournalWriter(Path(sys.argv[1]), Identity("derive", "7"))

def repeat(action, pause_s):
    while True:
        action()
        time.sleep(pause_s)

threading.Thread(target=repeat, args=(journal.pump, 0.002), daemon=True).start()
threading.Thread(target=repeat, args=(journal.sync, 0.02), daemon=True).start()
while True:
    number = journal.last_sequence + 1
    size = 100_000 if number % 7 == 0 else number % 97
    sequence = journal.append(HedgeClosed(now_ns=number, trade_id="t", filled_nanos=0, detail="x" * size))
    os.write(1, b"%d\\n" % sequence)
    if size == 100_000:
        time.sleep(0.01)  # no more than a busy disk takes
"""


def test_what_a_dead_run_left_is_taken_over(quick_path):
    """Wherever the pump of a dead run stood, the next start tells how many records it took from memory, and goes on."""
    for pumped in range(len(SAMPLE) + 1):
        journal = JournalWriter(quick_path, BOOK)
        for record in SAMPLE[:pumped]:
            journal.append(record)
        journal.pump()
        for record in SAMPLE[pumped:]:
            journal.append(record)
        die(journal)
        assert read(quick_path) == SAMPLE
        assert reopen(quick_path) == (SAMPLE, len(SAMPLE) - pumped, 0)
        assert left_of(quick_path) == []
        with JournalWriter(quick_path, BOOK) as journal:
            assert journal.append(cancel(5)) == 5
        assert read(quick_path) == [*SAMPLE, cancel(5)]
        quick_path.unlink()


def test_many_runs_may_die_without_one_that_ends_well(path):
    """Runs that die one after the other, however little each did, lose nothing."""
    for number in range(1, 8):
        journal = JournalWriter(path, BOOK)
        if number % 3:
            journal.append(cancel(number))
        if number % 2:
            journal.pump()
        die(journal)
    assert read(path) == [cancel(number) for number in (1, 2, 4, 5, 7)]
    assert reopen(path)[1:] == (0, 0)


def test_a_head_torn_at_any_byte_gives_its_whole_records(quick_path):
    """Cut at any byte, a head gives every record that is whole in it; the rest is cut, counted and kept aside."""
    for on_disk in (0, 2):
        for cut in range(len(WHOLE) + 1):
            quick_path.write_bytes(HEADER + b"".join(FRAMES[:on_disk]))
            place_head(quick_path, 1, WHOLE[:cut])
            ends = [len(HEADER) + sum(map(len, FRAMES[:count])) for count in range(len(FRAMES) + 1)]
            in_head = max(sum(end <= cut for end in ends) - 1, 0)
            torn = WHOLE[ends[in_head] : cut].rstrip(b"\0")  # zeros at the end are room
            assert reopen(quick_path) == (SAMPLE[: max(in_head, on_disk)], max(in_head - on_disk, 0), len(torn))
            assert left_of(quick_path) == []
            aside = list(quick_path.parent.glob("*.torn"))
            assert b"".join(file.read_bytes() for file in aside) == torn
            for file in aside:
                file.unlink()


def test_a_copy_cut_short_is_no_loss(quick_path):
    """A file that ends within what its head has whole is completed from it, and no byte counts as torn."""
    for cut in range(len(HEADER), len(WHOLE)):
        quick_path.write_bytes(WHOLE[:cut])
        place_head(quick_path, 1, WHOLE)
        records, _, torn_bytes = reopen(quick_path)
        assert (records, torn_bytes, quick_path.read_bytes()) == (SAMPLE, 0, WHOLE)


def test_a_flipped_bit_in_a_head_is_recovered_or_refused_and_never_wrong(quick_path):
    """Any flipped bit in a head costs at most its last record, or is refused with everything left where it is."""
    last = len(WHOLE) - len(FRAMES[-1])
    for position in range(len(WHOLE)):
        for bit in (0, 3, 7):
            damaged = bytearray(WHOLE)
            damaged[position] ^= 1 << bit
            quick_path.write_bytes(HEADER + FRAMES[0])
            head = place_head(quick_path, 1, damaged)
            if position >= last:
                assert reopen(quick_path) == (SAMPLE[:3], 2, len(FRAMES[-1]))
            else:
                refused(quick_path, "head", head)


def refused(path, words, *heads):
    """Neither a run nor a look at the journal is possible, both name a head, and nothing is changed."""
    before = [file.read_bytes() for file in (path, *heads)]
    with pytest.raises(JournalError, match=words) as refusal:
        JournalWriter(path, BOOK)
    assert any(str(head) in str(refusal.value) for head in heads)
    with pytest.raises(JournalError, match=words):
        read(path)
    assert [file.read_bytes() for file in (path, *heads)] == before


# heads that do not belong


def test_a_gap_before_a_head_is_refused(path):
    """A head that goes on later than its journal ends is refused, and so is one that another does not reach."""
    path.write_bytes(HEADER + FRAMES[0])
    refused(path, "record 2 is missing.*goes on to record 4", place_head(path, 3, HEADER + FRAMES[2] + FRAMES[3]))
    path.write_bytes(HEADER)
    first = place_head(path, 1, HEADER + FRAMES[0])
    refused(path, "record 2 is missing.*goes on to record 4", first, *heads_of(path)[1:])


def test_a_head_whose_records_are_not_those_of_its_name_is_refused(path):
    """A head that does not begin with the record it is named by is refused."""
    path.write_bytes(HEADER)
    refused(path, "record 2 stands at offset", place_head(path, 1, HEADER + FRAMES[1]))


def test_a_head_of_another_book_is_refused(path):
    """A head whose header names another account is refused in words."""
    path.write_bytes(HEADER)
    head = place_head(path, 1, build_header(Identity("derive", "8")) + FRAMES[0])
    refused(path, "is a head of the book of 8 at derive, and .* is the book of 7", head)


def test_a_head_of_a_journal_that_was_replaced_is_refused(path):
    """A head that tells a record otherwise than the file does is refused."""
    path.write_bytes(HEADER + build_frame(1, encode_record(cancel(99))))
    refused(path, "record 1 is not the one that a head of it holds", place_head(path, 1, WHOLE))


def test_a_head_that_is_not_ours_is_refused(path, tmp_path):
    """A link, or a file of another user, in the place of a head is refused: anyone may put one there."""
    path.write_bytes(HEADER)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(WHOLE)
    head = place_head(path, 1, b"")
    head.unlink()
    head.symlink_to(elsewhere)
    refused(path, "cannot be opened", head)
    head.unlink()
    if os.geteuid() == 0:  # only root can give files away
        place_head(path, 1, WHOLE)
        os.chown(head, 12345, 12345)
        refused(path, "not a file of ours, it belongs to user 12345", head)


def test_heads_of_other_journals_are_left_alone(path, tmp_path):
    """Opening, pumping and closing a journal touches no head of another, alive or dead."""
    other = tmp_path / "other" / path.name
    other.parent.mkdir()
    journal = JournalWriter(other, BOOK)
    journal.append(SAMPLE[0])
    (head,) = heads_of(other)
    with JournalWriter(path, BOOK) as mine:
        mine.append(SAMPLE[1])
    assert heads_of(other) == [head]
    die(journal)
    with JournalWriter(path, BOOK) as mine:
        mine.append(SAMPLE[2])
    assert read(path) == SAMPLE[1:3]
    assert reopen(other) == ([SAMPLE[0]], 1, 0)


def test_a_head_that_is_being_written_is_never_taken(path):
    """A second file under the path of a journal in use does not get its head."""
    with JournalWriter(path, BOOK) as journal:
        journal.append(SAMPLE[0])
        path.rename(path.with_name("moved"))
        with pytest.raises(JournalError, match="another trader is writing its head"):
            JournalWriter(path, BOOK)
        (head,) = heads_of(path)
        assert head.read_bytes().rstrip(b"\0") == HEADER + FRAMES[0]


# places that fail


@pytest.fixture
def tiny(tmp_path):
    """A tmpfs with room for two heads."""
    place = tmp_path / "tiny"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={2 * HEAD_BYTES + (64 << 10)}", "tmpfs", str(place)]
    if subprocess.run(["mount", *options], capture_output=True, check=False).returncode:  # noqa: S607  on any machine
        pytest.skip("only root can mount")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)  # noqa: S607  as above


def test_full_memory_ends_the_journal_and_costs_no_record(path, tiny):
    """When memory has no room for a further head, appends are refused, and every record before gets to the disk."""
    for end in (JournalWriter.close, die):
        path.unlink(missing_ok=True)
        journal = JournalWriter(path, BOOK, tiny)
        assert journal.head_on_disk == ""
        with pytest.raises(JournalError, match=f"{tiny} takes no further head: .*(No space|bytes were written)"):
            list(map(journal.append, map(big, range(100))))
        with pytest.raises(JournalError, match="nothing more is written"):
            journal.append(cancel(0))
        appended = [big(number) for number in range(journal.last_sequence)]
        end(journal)
        assert len(appended) == 10
        assert reopen(path, tiny)[0] == appended
        assert left_of(path, tiny) == []


def test_memory_that_is_full_at_the_start_is_done_without(path, tiny):
    """With no room in memory a run begins on the disk, says why, and finds what lies in memory all the same."""
    path.write_bytes(HEADER)
    place_head(path, 1, WHOLE, tiny)
    (tiny / "everything").write_bytes(bytes(HEAD_BYTES + (128 << 10)))
    with JournalWriter(path, BOOK, tiny) as journal:
        assert (journal.taken_over, left_of(path, tiny)) == (4, heads_of(path, tiny))
        assert [head.parent for head in heads_of(path, tiny)] == [path.parent]
        assert journal.head_on_disk.startswith(f"{tiny} takes no file: ")
        journal.append(cancel(5))
    assert read(path, tiny) == [*SAMPLE, cancel(5)]


@pytest.mark.parametrize("action", [JournalWriter.pump, JournalWriter.sync])
def test_a_failing_disk_ends_the_journal_and_the_head_keeps_the_rest(path, action):
    """A disk that takes no more fails the journal at the next pump; the head stays, and the next start has it all."""
    with JournalWriter(path, BOOK) as journal:
        for number in range(1, 101):
            journal.append(cancel(number))
    journal = JournalWriter(path, BOOK)
    with file_size_limit(path.stat().st_size + 20):
        journal.append(cancel(101))
        with pytest.raises(JournalError, match="the disk did not take the records: only 20 of"):
            action(journal)
        for refused_action in (lambda: journal.append(cancel(102)), journal.pump, journal.sync):
            with pytest.raises(JournalError, match="nothing more is written"):
                refused_action()
    journal.close()  # what the disk kept is not known, so the head stays even now that it would take more
    assert len(heads_of(path)) == 1
    assert read(path) == [cancel(number) for number in range(1, 102)]
    with file_size_limit(path.stat().st_size), pytest.raises(JournalError, match="cannot be opened for writing"):
        JournalWriter(path, BOOK)
    assert reopen(path) == ([cancel(number) for number in range(1, 102)], 1, 0)


@pytest.mark.parametrize("name", ["missing", "disk"])
def test_without_shared_memory_the_head_lies_beside_the_journal(tmp_path, path, name):
    """Where no tmpfs is, the head lies beside the file, the writer says so, and a death loses as little."""
    memory = tmp_path / name
    if name == "disk":
        memory.mkdir()
    assert not is_tmpfs(memory)
    journal = JournalWriter(path, BOOK, memory)
    assert journal.head_on_disk == f"{memory} is no tmpfs"
    for record in SAMPLE:
        journal.append(record)
    assert [head.parent for head in heads_of(path, memory)] == [tmp_path]
    die(journal)
    assert read(path) == SAMPLE  # also for a reader that has shared memory
    assert reopen(path, memory) == (SAMPLE, 4, 0)
    assert left_of(path, memory) == []


# looking on


def test_a_reader_goes_on_in_the_heads(path):
    """A reader finds what only heads hold, says how much that is, and waits at a half-written one."""
    path.write_bytes(HEADER + FRAMES[0])
    head = place_head(path, 1, WHOLE[:-1])
    with JournalReader(path) as reader:
        entries = list(reader.read())
        assert [entry.record for entry in entries] == SAMPLE[:3]
        assert [entry.offset for entry in entries] == [WHOLE.index(frame) for frame in FRAMES[:3]]
        assert (reader.ahead, reader.tail_bytes()) == (2, len(FRAMES[3]) - 1)
        head.write_bytes(WHOLE)
        assert [entry.record for entry in reader.read()] == SAMPLE[3:]
        assert (reader.ahead, reader.tail_bytes()) == (3, 0)
        path.write_bytes(WHOLE[:-5])  # a pump is at it
        assert list(reader.read()) == []
        assert (reader.ahead, reader.tail_bytes()) == (1, 0)
        path.write_bytes(WHOLE)
        head.unlink()
        assert list(reader.read()) == []
        assert (reader.ahead, reader.tail_bytes()) == (0, 0)


def test_what_comes_during_a_look_is_seen(path):
    """Records that come while a journal is read are read as well, and no byte seems unfinished at the end."""
    with JournalWriter(path, BOOK) as journal:
        journal.append(SAMPLE[0])
        journal.pump()
        with JournalReader(path) as reader:
            entries = reader.read()
            seen = [next(entries).record]
            for record in SAMPLE[1:]:
                journal.append(record)
            seen += [entry.record for entry in entries]
            assert (seen, reader.tail_bytes()) == (SAMPLE, 0)


def test_a_reader_follows_over_deaths_and_starts(path):
    """One reader sees every record of many runs once, whether they close or die."""
    seen = []
    JournalWriter(path, BOOK).close()
    with JournalReader(path) as reader:
        for run in range(6):
            journal = JournalWriter(path, BOOK)
            seen += [entry.record for entry in reader.read()]
            for number in range(40):
                journal.append(big(100 * run + number))
                if number % 10 == run:
                    journal.pump()
                if number % 7 == run:
                    seen += [entry.record for entry in reader.read()]
            (die if run % 2 else JournalWriter.close)(journal)
        seen += [entry.record for entry in reader.read()]
    assert seen == [big(100 * run + number) for run in range(6) for number in range(40)]
    reopen(path)
