"""How well quotes did, from the projection, grouped as asked. Values only; how they look is the command line's."""

from collections.abc import Sequence
from datetime import date

import msgspec
from sqlalchemy import Engine, select

from atomizer.desk import tables
from atomizer.desk.quality import Quality
from atomizer.desk.rows import parse_quality


class QualityRow(msgspec.Struct, frozen=True):
    """One group: what its lines have in common, in the order asked for, and their sums."""

    labels: tuple[str, ...]
    quality: Quality


class QualityReport(msgspec.Struct, frozen=True):
    """Days are UTC and count in whole, both ends included. Rows are in the order of their labels."""

    start: date | None  # None: from the first
    end: date | None
    by: tuple[str, ...]
    rows: tuple[QualityRow, ...]
    total: Quality


def read_quality(
    engine: Engine, book: str, *, start: date | None, end: date | None, by: Sequence[str]
) -> QualityReport:
    """The quotes of a book between two days. `by` are of `desk.pnl.DIMENSIONS`."""
    quality = tables.quality.c
    query = select(tables.quality).where(quality.book == book)
    if start is not None:
        query = query.where(quality.day >= start.isoformat())
    if end is not None:
        query = query.where(quality.day <= end.isoformat())
    groups: dict[tuple[str, ...], Quality] = {}
    total = Quality()
    with engine.connect() as connection:
        for row in connection.execute(query).mappings():
            line = parse_quality(row)
            groups.setdefault(tuple(row[dimension] for dimension in by), Quality()).add(line)
            total.add(line)
    rows = tuple(QualityRow(labels, groups[labels]) for labels in sorted(groups))
    return QualityReport(start, end, tuple(by), rows if by else (), total)
