"""P&L from the projection, grouped as asked. Values only; how they look is the command line's."""

from collections.abc import Sequence
from datetime import date
from typing import Final

import msgspec
from sqlalchemy import Engine, select

from atomizer.desk import tables
from atomizer.portfolio.attribution import Causes

DIMENSIONS: Final = ("day", "venue", "strategy", "instrument")
CAUSES: Final = tuple(name for name in Causes.__struct_fields__ if name != "trades")


class PnlRow(msgspec.Struct, frozen=True):
    """One group: what its rows have in common, in the order asked for, and where its P&L came from."""

    labels: tuple[str, ...]
    causes: Causes


class PnlReport(msgspec.Struct, frozen=True):
    """Days are UTC and count in whole, both ends included. Rows are in the order of their labels."""

    start: date | None  # None: from the first
    end: date | None
    by: tuple[str, ...]
    rows: tuple[PnlRow, ...]
    total: Causes
    unknown: tuple[str, ...]  # instruments that are open and have no value yet: nothing of it is in the P&L


def read_pnl(
    engine: Engine, book: str, *, start: date | None, end: date | None, by: Sequence[str], unknown: Sequence[str]
) -> PnlReport:
    """The P&L of a book between two days. `by` are of DIMENSIONS."""
    pnl = tables.pnl.c
    query = select(tables.pnl).where(pnl.book == book)
    if start is not None:
        query = query.where(pnl.day >= start.isoformat())
    if end is not None:
        query = query.where(pnl.day <= end.isoformat())
    groups: dict[tuple[str, ...], Causes] = {}
    total = Causes()
    with engine.connect() as connection:
        for row in connection.execute(query).mappings():
            amounts = {name: row[name.removesuffix("_e18")] for name in CAUSES}
            causes = Causes(**amounts, trades=row["trades"])
            groups.setdefault(tuple(row[dimension] for dimension in by), Causes()).add(causes)
            total.add(causes)
    rows = tuple(PnlRow(labels, groups[labels]) for labels in sorted(groups))
    return PnlReport(start, end, tuple(by), rows if by else (), total, tuple(unknown))
