"""The journal against a list, under appends, crashes and damage in any order."""

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from journal_deaths import die
from reference.generators import RECORDS

from atomizer.errors import JournalError
from atomizer.journal.frames import Identity, build_frame, build_header
from atomizer.journal.reader import JournalReader
from atomizer.journal.records import encode_record
from atomizer.journal.writer import JournalWriter

BOOK = Identity("derive", "7")


class JournalMachine(RuleBasedStateMachine):
    """`records` is what must be found; `ends` where each of them ends in the file, the header first."""

    def __init__(self):
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.path = Path(self.directory.name) / "book.journal"
        self.records = []
        self.ends = [len(build_header(BOOK))]
        self.writer = JournalWriter(self.path, BOOK)

    @rule(record=RECORDS)
    def append(self, record):
        assert self.writer.append(record) == len(self.records) + 1
        self.records.append(record)
        self.ends.append(self.ends[-1] + len(build_frame(len(self.records), encode_record(record))))

    @rule()
    def restart(self):
        self.writer.close()
        self.reopen(torn_bytes=0)

    @rule()
    def pump(self):
        self.writer.pump()
        assert self.path.stat().st_size == self.ends[-1]

    @rule()
    def sync(self):
        self.writer.sync()
        assert self.path.stat().st_size == self.ends[-1]

    @rule()
    def be_killed(self):
        """The process dies, and what it did not pump is in its head."""
        behind = sum(end > self.path.stat().st_size for end in self.ends)
        die(self.writer)
        self.reopen(torn_bytes=0)
        assert self.writer.taken_over == behind

    @rule(data=st.data())
    def lose_the_end(self, data):
        """The machine dies and the disk kept only a part of the file."""
        self.writer.close()
        cut = data.draw(st.integers(self.ends[0], self.ends[-1]), label="cut")
        with self.path.open("r+b") as file:
            file.truncate(cut)
        self.keep(sum(end <= cut for end in self.ends) - 1)
        self.reopen(torn_bytes=cut - self.ends[-1])

    @rule(garbage=st.binary(min_size=1, max_size=64))
    def gain_garbage(self, garbage):
        """Bytes that are no record stand at the end."""
        self.writer.close()
        with self.path.open("ab") as file:
            file.write(garbage)
        self.reopen(torn_bytes=len(garbage))

    @rule(data=st.data())
    def rot_one_byte(self, data):
        """A byte changes on the disk: in the last record it costs that record, anywhere else the journal is refused."""
        self.writer.close()
        position = data.draw(st.integers(0, self.ends[-1] - 1), label="position")
        sound = self.path.read_bytes()
        rotten = bytearray(sound)
        rotten[position] ^= data.draw(st.integers(1, 255), label="mask")
        self.path.write_bytes(rotten)
        size = self.ends[-1]
        if len(self.ends) > 1 and position >= self.ends[-2]:
            self.keep(len(self.records) - 1)
            self.reopen(torn_bytes=size - self.ends[-1])
            return
        try:
            JournalWriter(self.path, BOOK).close()
        except JournalError:
            assert self.path.read_bytes() == rotten
        else:
            raise AssertionError("a rotten journal was opened")
        self.path.write_bytes(sound)
        self.reopen(torn_bytes=0)

    @invariant()
    def reader_finds_what_was_appended(self):
        with JournalReader(self.path) as reader:
            assert [repr(entry.record) for entry in reader.read()] == [repr(record) for record in self.records]

    def keep(self, count):
        del self.records[count:]
        del self.ends[count + 1 :]

    def reopen(self, torn_bytes):
        self.writer = JournalWriter(self.path, BOOK)
        assert self.writer.torn_bytes == torn_bytes
        assert self.writer.last_sequence == len(self.records)

    def teardown(self):
        self.writer.close()
        self.directory.cleanup()


TestJournalMachine = JournalMachine.TestCase
TestJournalMachine.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
