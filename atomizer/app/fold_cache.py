"""What folding a journal gave, kept beside it, so that a start need not fold years again.

A cache and never the truth: whatever is wrong with it, or merely not known to be right, the journal is folded instead.
So it is tied to the code that folds (a change of one line makes it void), to the account, and to the last record that
it holds, which must stand in the journal as it stood when the cache was made.

```
line of JSON (Label)      bytes of the state, pickled; read back by an unpickler that knows our own values only
```
A pickle, because a state is many objects that share others, and only the whole of it is right. It is written and read
by one user, into files that nobody else may write, as the journal is, whose every word is believed, too.
"""

import io
import logging
import os
import pickle
import sys
from enum import Enum
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec

from atomizer.app.state import State
from atomizer.domain.trading import Record
from atomizer.journal.frames import Identity
from atomizer.journal.records import encode_record

log = logging.getLogger("atomizer")

FILE = "fold.cache"
FORMAT = 1
PACKAGE = Path(__file__).resolve().parent.parent
FOLDING = ("app/state.py", "domain/*.py", "orders/*.py", "portfolio/*.py", "risk/losses.py", "journal/records.py")
_MODULES = ("atomizer.app.state", "atomizer.domain.", "atomizer.orders.", "atomizer.portfolio.", "atomizer.risk.losses")
_BUILTINS = frozenset(
    {("collections", "OrderedDict"), ("collections", "defaultdict"), ("collections", "deque")}
    | {("msgspec._utils", "rebuild")}  # how a struct with keyword-only fields is made again
    | {("builtins", name) for name in ("list", "dict", "set", "frozenset", "tuple", "int", "str")}
)


class Label(msgspec.Struct, frozen=True):
    """What a cache is of."""

    format: int
    code: str
    identity: Identity
    sequence: int  # of the last record that it holds
    last: bytes  # that record, as the journal has it
    checksum: int  # of the pickled bytes


class Cached(msgspec.Struct, frozen=True):
    """A state, and the last record that is in it."""

    state: State
    sequence: int
    last: bytes


def save(path: Path, identity: Identity, state: State, sequence: int, last: Record) -> None:
    """Keep a state. When that cannot be, it is told, and the next start folds."""
    try:
        content = _pickled(state)
        label = Label(FORMAT, code(), identity, sequence, encode_record(last), crc32(content))
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123  a descriptor, for its mode
            file.write(msgspec.json.encode(label) + b"\n")
            file.write(content)
        draft.replace(path)
    except (OSError, pickle.PicklingError, TypeError, AttributeError) as error:
        log.warning("%s: not kept, so the next start takes longer: %s", path, error)


def load(path: Path, identity: Identity) -> Cached | None:
    """The state that was kept, when nothing speaks against it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    with open(descriptor, "rb") as file:  # noqa: PTH123  a descriptor, so that owner and content are of one file
        if os.fstat(descriptor).st_uid not in {os.geteuid(), 0}:
            return None
        try:
            label = msgspec.json.decode(file.readline(), type=Label)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        content = file.read()
    if (label.format, label.code, label.identity) != (FORMAT, code(), identity) or label.checksum != crc32(content):
        return None
    try:
        state = _Unpickler(io.BytesIO(content)).load()
    except Exception as error:  # noqa: BLE001  a pickle can fail in any way, and the journal has it all
        log.warning("%s: cannot be read, the journal is folded instead: %s", path, error)
        return None
    return Cached(state, label.sequence, label.last) if isinstance(state, State) else None


@lru_cache(maxsize=1)
def code() -> str:
    """Of everything that decides what a fold gives: our modules, and what they are run by."""
    digest = sha256(f"{sys.version} {msgspec.__version__}".encode())
    for pattern in FOLDING:
        for file in sorted(PACKAGE.glob(pattern)):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _pickled(state: State) -> bytes:
    memory = io.BytesIO()
    _Pickler(memory, protocol=5).dump(state)
    return memory.getvalue()


class _Pickler(pickle.Pickler):
    """Writes nothing but what the unpickler knows."""

    def reducer_override(self, value: object) -> Any:
        """A member of an enumeration is its value; Python's own way changed between two releases of 3.11."""
        return (type(value), (value.value,)) if isinstance(value, Enum) else NotImplemented


class _Unpickler(pickle.Unpickler):
    """Makes nothing but values of ours."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) in _BUILTINS or module.startswith(_MODULES):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a state")
