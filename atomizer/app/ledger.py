"""Journal and state in step: nothing is sent that is not written, and nothing that a venue told is forgotten."""

from collections.abc import Callable
from pathlib import Path

from atomizer.app.state import State
from atomizer.domain.trading import Record
from atomizer.errors import JournalError
from atomizer.journal.frames import Identity
from atomizer.journal.reader import JournalReader
from atomizer.journal.writer import JournalWriter

FILE = "journal.atj"


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
        self.state = State()
        self.failed = ""  # why the journal takes no more; empty while it does
        self.on_failed: Callable[[str], None] = _unheard  # told once
        with JournalReader(path) as reader:
            for entry in reader.read():
                self.state.apply(entry.record)

    def write(self, record: Record) -> bool:
        """Journal, then fold: for intents. False when the record says nothing new.

        Raises:
            JournalError: not written, and not folded; whoever asked must not send.
        """
        self._append(record)
        return self.state.apply(record)

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
    state = State()
    with JournalReader(path) as reader:
        for entry in reader.read():
            state.apply(entry.record)
    return state
