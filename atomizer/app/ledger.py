"""Journal and state in step: nothing is folded that is not written, nothing is sent that is not written."""

from pathlib import Path

from atomizer.app.state import State
from atomizer.domain.trading import Record
from atomizer.journal.frames import Identity
from atomizer.journal.reader import JournalReader
from atomizer.journal.writer import JournalWriter

FILE = "journal.atj"


class Ledger:
    """The one way to write. After a failed write every further one raises, so no order can leave."""

    def __init__(self, directory: Path, identity: Identity) -> None:
        """Open the journal of this account and fold what it holds.

        Raises:
            JournalError: locked by another trader, another account's, damaged before its end, or the disk says no.
        """
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / FILE
        self.journal = JournalWriter(path, identity)
        self.state = State()
        with JournalReader(path) as reader:
            for entry in reader.read():
                self.state.apply(entry.record)

    def write(self, record: Record) -> bool:
        """Journal, then fold. False when the record says nothing new.

        Raises:
            JournalError: not written; whoever asked must not send.
        """
        self.journal.append(record)
        return self.state.apply(record)


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
