"""What the trader shows of itself: builds the snapshot that the desk draws. Off the quoting path, on a timer."""

from collections import deque
from collections.abc import Callable
from typing import Any

from atomizer._core.fixed import format_nanos
from atomizer.app.access import Access
from atomizer.app.hedging import Hedging
from atomizer.app.quoting import Quoting
from atomizer.app.state import State
from atomizer.desk.snapshot import Happening, Row, Snapshot
from atomizer.domain.trading import Fill, HedgeClosed, Mark, Record
from atomizer.portfolio.inventory import InventoryRow, inventory_rows, inventory_summary

TAPE_LENGTH = 50


class Tape:
    """The last things that happened, for people."""

    def __init__(self) -> None:
        self._lines: deque[Happening] = deque(maxlen=TAPE_LENGTH)

    def note(self, record: Record) -> None:
        """Remember a record that people care to see."""
        match record:
            case Fill():
                what = f"{format_nanos(record.amount_nanos)} at {format_nanos(record.price_nanos)}"
                word = "won" if record.client_id.isdigit() else "hedged"  # a quote's fills go by its nonce
                self._lines.append(Happening(record.now_ns, word, record.instrument, record.side, what))
            case HedgeClosed():
                self._lines.append(Happening(record.now_ns, "hedge", "", None, record.detail))

    def lines(self) -> tuple[Happening, ...]:
        return tuple(self._lines)


def build_snapshot(
    *,
    access: Access,
    phase: str,
    started_ns: int,
    now_ns: int,
    state: State,
    quoting: Quoting[Any],
    hedging: Hedging | None,
    live_mark: Callable[[str], Mark | None],
    connected: tuple[str, ...],
    books: int,
    premium_e18: int,
    tape: Tape,
) -> Snapshot:
    """One consistent look at everything."""
    rows = inventory_rows(state.portfolio, now_ns, live_mark)
    totals = inventory_summary(rows)
    latency = quoting.latency
    return Snapshot(
        now_ns=now_ns,
        started_ns=started_ns,
        mode=access.mode,
        venue=access.venue.place,
        account=access.venue.short,
        phase=phase,
        connected=connected,
        rfqs_seen=quoting.seen,
        rfqs_quoted=quoting.quoted,
        requotes=quoting.requotes,
        rfqs_won=quoting.won,
        declines=dict(quoting.declines),
        hedges_open=len(state.open_hedges()) + (len(state.unhedged_wins()) if hedging is not None else 0),
        hedges_done=hedging.done if hedging is not None else 0,
        orders_live=sum(1 for _ in state.orders.live()),
        books=books,
        positions=position_rows(rows),
        deltas={total.label: total.greeks.delta for total in totals.by_underlying},
        premium_e18=premium_e18,
        latency_count=latency.count,
        latency_p50_ns=latency.percentile(50),
        latency_p99_ns=latency.percentile(99),
        latency_max_ns=latency.maximum_ns,
        tape=tape.lines(),
    )


def position_rows(rows: list[InventoryRow]) -> tuple[Row, ...]:
    """Open positions first."""
    return tuple(_row(row) for row in _open_first(rows))


def _open_first(rows: list[InventoryRow]) -> list[InventoryRow]:
    is_open = [row for row in rows if row.amount_nanos]
    return is_open + [row for row in rows if not row.amount_nanos]


def _row(row: InventoryRow) -> Row:
    return Row(
        instrument=row.instrument,
        venue=row.venue,
        amount_nanos=row.amount_nanos,
        average_e18=row.average_e18 or 0,
        mark_nanos=row.mark_nanos,
        delta=row.greeks.delta,
        gamma=row.greeks.gamma,
        vega=row.greeks.vega,
        theta=row.greeks.theta,
        realized_e18=row.realized_e18,
        unrealized_e18=row.unrealized_e18,
        fees_e18=row.fees_e18,
    )


def market_marks(state: State) -> set[str]:
    """Instruments that are held somewhere and so want a mark in the books."""
    return {position.instrument for position in state.portfolio.positions() if position.amount_nanos}
