"""Journal and state in step: nothing is sent that is not written, and nothing that a venue told is forgotten."""

from collections.abc import Callable
from pathlib import Path

from atomizer.app import fold_cache
from atomizer.app.state import State
from atomizer.domain.trading import Record
from atomizer.errors import JournalError
from atomizer.journal.frames import FIRST_SEQUENCE, Identity
from atomizer.journal.reader import JournalReader
from atomizer.journal.records import encode_record
from atomizer.journal.writer import JournalWriter

FILE = "journal.atj"
KEEP_AFTER = 10_000  # records; folding so many takes a tenth of a second


class Ledger:
    """The one way to write: `write` what we are about to do, `learn` what has happened."""

    def __init__(self, directory: Path, identity: Identity) -> None:
        """Open the journal of this account and fold what it holds.

        Raises:
            JournalError: locked by another trader, another account's, damaged before its end, or the disk says no.
        """
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / FILE
        self.journal = JournalWriter(path, identity)
        self._identity = identity
        self._cache = directory / fold_cache.FILE
        self.failed = ""  # why the journal takes no more; empty while it does
        self.on_failed: Callable[[str], None] = _unheard  # told once
        self.state, self._unkept, self._last = _fold(path)
        self._keep()

    def close(self) -> None:
        """Let the journal go, and keep what folding it gave."""
        if not self.failed:
            self._keep()
        self.journal.close()

    def write(self, record: Record) -> bool:
        """Journal, then fold: for intents. False when the record says nothing new.

        Raises:
            JournalError: not written, and not folded; whoever asked must not send.
        """
        self._append(record)
        return self.state.apply(record)

    def append(self, record: Record) -> None:
        """Journal only; `fold` follows once the record has been acted on. For an intent that must leave at once.

        Raises:
            JournalError: not written; whoever asked must not send.
        """
        self._append(record)

    def fold(self, record: Record) -> bool:
        """Fold what `append` wrote. False when the record says nothing new."""
        return self.state.apply(record)

    def fold_written(self, record: Record) -> None:
        """Fold what the compiled lane has written by the journal's appender."""
        self._unkept += 1
        self._last = record
        self.state.apply(record)

    def learn(self, record: Record) -> bool:
        """Fold what has happened, and journal it if that is still possible. False when it says nothing new.

        When the journal has failed we must still know what rests, so that it can be cancelled. What is lost with us
        then, the next start asks the venue for.
        """
        try:
            self._append(record)
        except JournalError as error:
            if not self.failed:  # a record that cannot be written; the journal itself is well
                self._fail(str(error))
        return self.state.apply(record)

    def _append(self, record: Record) -> None:
        try:
            self.journal.append(record)
        except JournalError as error:
            if self.journal.failed and not self.failed:
                self._fail(str(error))
            raise
        self._unkept += 1
        self._last = record

    def _keep(self) -> None:
        if self._last is not None and self._unkept >= KEEP_AFTER:
            fold_cache.save(self._cache, self._identity, self.state, self.journal.last_sequence, self._last)
            self._unkept = 0

    def _fail(self, why: str) -> None:
        self.failed = why
        self.on_failed(why)


def _unheard(_why: str) -> None:
    """Until a trader listens, whoever writes finds out by the exception."""


def read_state(path: Path) -> State:
    """The state of a journal that another process may be writing.

    Raises:
        JournalError: missing, damaged, or of another version.
    """
    return _fold(path)[0]


def _fold(path: Path) -> tuple[State, int, Record | None]:
    """The state, how many records were folded to get it, and the last one."""
    with JournalReader(path) as reader:
        cached = fold_cache.load(path.with_name(fold_cache.FILE), reader.identity)
        if cached is not None and (found := _fold_rest(reader, cached)) is not None:
            return found
    with JournalReader(path) as reader:
        return _fold_all(reader)


def _fold_all(reader: JournalReader) -> tuple[State, int, Record | None]:
    state, count, last = State(), 0, None
    for entry in reader.read():
        state.apply(entry.record)
        count, last = count + 1, entry.record
    if reader.first_sequence > FIRST_SEQUENCE:
        raise JournalError(
            f"the journal begins with record {reader.first_sequence} here, and what came before is not known: "
            "bring back its older files"
        )
    return state, count, last


def _fold_rest(reader: JournalReader, cached: fold_cache.Cached) -> tuple[State, int, Record | None] | None:
    """What comes after the cache; None when the journal does not continue it, because it was cut or replaced since."""
    entries = reader.read(since=cached.sequence)
    first = next(entries, None)
    if first is None or first.sequence != cached.sequence or encode_record(first.record) != cached.last:
        return None
    count, last = 0, first.record
    for entry in entries:
        cached.state.apply(entry.record)
        count, last = count + 1, entry.record
    return cached.state, count, last
