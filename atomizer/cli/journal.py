"""`atomizer journal show|verify|export FILE`: what a journal holds, and whether it is whole.

Never writes and takes no lock, so it can look at the journal of a running trader, or of one that died: what is in
memory and not in the file yet is read, too.
"""

from collections import Counter, deque
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path

import click
import msgspec

from atomizer._core.fixed import format_e18, format_nanos
from atomizer.domain.instruments import NANOS, Contract
from atomizer.domain.trading import Record, Side
from atomizer.errors import JournalError
from atomizer.journal.reader import Entry, JournalReader

_FILE = click.argument("file", type=click.Path(path_type=Path))


@click.group()
def command() -> None:
    """Show, verify or export a journal."""


@command.command()
@_FILE
@click.option("--kind", "kinds", multiple=True, help="Only records of this kind, such as order or fill; repeatable.")
@click.option("--last", type=click.IntRange(min=1), help="Only so many, the newest.")
def show(file: Path, kinds: tuple[str, ...], last: int | None) -> None:
    """A line for each record: sequence, UTC time, kind, and the fields that are set."""
    with JournalReader(file) as journal:
        entries: Iterable[Entry] = (e for e in journal.read() if not kinds or kind_of(e.record) in kinds)
        for entry in entries if last is None else deque(entries, maxlen=last):
            print(record_line(entry))


@command.command()
@_FILE
def verify(file: Path) -> None:
    """Check every record. Exit 0 when the journal is whole, 1 with the place and the remedy when it is not."""
    with JournalReader(file) as journal:
        kinds: Counter[str] = Counter()
        first = last = None
        for entry in journal.read():
            first = first or entry
            last = entry
            kinds[kind_of(entry.record)] += 1
        files = f", {journal.segments} files" if journal.segments > 1 else ""
        print(f"{file}: book of {journal.identity}, format version {journal.version}{files}")
        if journal.first_sequence > 1:
            print(f"begins with record {journal.first_sequence}: older files were moved away")
        print(
            f"{kinds.total()} records intact: {', '.join(f'{n} {kind}' for kind, n in kinds.most_common()) or 'none'}"
        )
        if first is not None and last is not None:
            print(f"from {utc(first.record.now_ns)} to {utc(last.record.now_ns)}")
        if journal.ahead:
            print(f"the newest {journal.ahead} are in memory, on their way to the file")
        if tail_bytes := journal.tail_bytes():
            raise JournalError(
                f"{file}: {tail_bytes} bytes behind record {journal.last_sequence} are no whole record: "
                "one is being written, or the next start will cut them off and keep them aside"
            )


@command.command()
@_FILE
@click.option("--output", type=click.Path(path_type=Path), help="Write there instead of standard output.")
def export(file: Path, output: Path | None) -> None:
    """Every record as a line of JSON, with its sequence. Integers keep their units: nanos and 10⁻¹⁸."""
    with JournalReader(file) as journal, click.open_file(str(output) if output else "-", "wb") as target:
        for entry in journal.read():
            fields = msgspec.structs.asdict(entry.record)
            line = {"sequence": entry.sequence, "type": kind_of(entry.record), **fields}
            target.write(msgspec.json.encode(line) + b"\n")


def kind_of(record: Record) -> str:
    """The word that the journal tags this record with."""
    return str(record.__struct_config__.tag)


def utc(now_ns: int) -> str:
    """Unix nanoseconds as UTC text to the microsecond."""
    seconds, rest = divmod(now_ns, NANOS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{rest // 1000:06d}"


def record_line(entry: Entry) -> str:
    """One record for people: decimals instead of nanos, names without their unit, nothing that is not set."""
    words = [
        f"{name.removesuffix('_nanos').removesuffix('_e18')}={_text(name, value)}"
        for name, value in msgspec.structs.asdict(entry.record).items()
        if name != "now_ns" and value not in ("", None, ())
    ]
    return f"{entry.sequence:>8}  {utc(entry.record.now_ns)}  {kind_of(entry.record):<12}  {' '.join(words)}"


def _text(name: str, value: object) -> str:
    match value:
        case Side():
            text = value.word
        case Enum():
            text = str(value.value)
        case Contract():
            text = value.name
        case tuple():
            text = "+".join("/".join(_text(*item) for item in msgspec.structs.asdict(leg).items()) for leg in value)
        case int() if name.endswith("_nanos"):
            text = format_nanos(value)
        case int() if name.endswith("_e18"):
            text = format_e18(value)
        case int() if name.endswith("_ns"):
            text = utc(value).replace(" ", "T")
        case str() if " " in value or not value.isprintable():
            text = repr(value)  # so that no text from a venue can move the cursor or break the line
        case _:
            text = str(value)
    return text
