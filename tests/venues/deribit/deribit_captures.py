"""Recorded messages of the venue: those in the repository, and more beside it where that folder exists."""

import csv
import gzip
import io
import json
from pathlib import Path

FREE = Path(__file__).parents[2] / "data" / "deribit"
BESIDE = Path(__file__).parents[4] / "shared" / "data"
FOLDERS = ("deribit_rest", "deribit_private", "deribit_chain", "deribit_ws")


def text_of(path):
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode()


def files():
    """Every recorded file, the repository's first."""
    beside = [path for folder in FOLDERS for path in sorted((BESIDE / folder).rglob("*")) if path.is_file()]
    return [path for path in sorted(FREE.iterdir()) if path.suffix != ".md"] + beside


def documents(path):
    """The JSON values of a file, one a line in captures of a socket; a table's rows as dictionaries."""
    text, kind = text_of(path), path.name.removesuffix(".gz").rsplit(".", 1)[-1]
    if kind == "json":
        return [json.loads(text)]
    if kind == "csv":
        return list(csv.DictReader(io.StringIO(text)))
    frames = [line[line.index('{"') :] for line in text.splitlines() if '{"' in line]
    return [json.loads(frame) for frame in frames if frame.endswith("}")]


def walk(value):
    """Every dictionary inside."""
    if isinstance(value, dict):
        yield value
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from walk(inner)


def instrument_names():
    """Every name that any recorded message or table calls an instrument."""
    found = set()
    for path in files():
        for document in documents(path):
            for row in walk(document):
                for key in ("instrument_name", "combo_id"):
                    if isinstance(row.get(key), str):
                        found.add(row[key])
    return found | set(json.loads((FREE / "combo_ids.json").read_text()))
