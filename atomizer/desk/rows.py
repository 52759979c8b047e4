"""Rows of the tables, made of what the journal's fold says, and read back."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from atomizer.desk.quality import AFTER, COUNTS, Adverse, Quality
from atomizer.domain.trading import Fill, FundingPaid, Mark, OrderPlaced, Settled
from atomizer.orders.table import Order
from atomizer.portfolio.attribution import Causes, Key
from atomizer.portfolio.positions import Position, Tally

Row = dict[str, Any]


def order_row(order: Order, placed: OrderPlaced) -> Row:
    return {
        "venue": order.venue,
        "client_id": order.client_id,
        "placed_ns": placed.now_ns,
        "strategy": placed.strategy,
        "instrument": placed.instrument,
        "side": placed.side.word,
        "price": placed.price_nanos,
        "amount": placed.amount_nanos,
        "filled": order.filled_nanos,
        "time_in_force": placed.time_in_force.value,
        "state": order.state.value,
        "order_id": order.order_id,
        "detail": order.detail,
    }


def fill_row(fill: Fill) -> Row:
    return {
        "venue": fill.venue,
        "trade_id": fill.trade_id,
        "venue_time_ns": fill.venue_time_ns,
        "strategy": fill.strategy,
        "client_id": fill.client_id,
        "instrument": fill.instrument,
        "side": fill.side.word,
        "price": fill.price_nanos,
        "amount": fill.amount_nanos,
        "fee": fill.fee_e18,
        "currency": fill.currency,
        "index_price": fill.index_nanos,
        "is_maker": fill.is_maker,
    }


def payment_row(funding: FundingPaid) -> Row:
    return {
        "venue": funding.venue,
        "payment_id": funding.payment_id,
        "venue_time_ns": funding.venue_time_ns,
        "instrument": funding.instrument,
        "amount": funding.amount_e18,
        "currency": funding.currency,
        "index_price": funding.index_nanos,
    }


def settlement_row(settled: Settled) -> Row:
    return {
        "venue": settled.venue,
        "instrument": settled.instrument,
        "now_ns": settled.now_ns,
        "price": settled.price_nanos,
        "is_physical": settled.is_physical,
    }


def position_row(position: Position) -> Row:
    return {
        "venue": position.venue,
        "instrument": position.instrument,
        "currency": position.currency,
        "amount": position.amount_nanos,
        "cost": position.own.cost_e18,
        "realized": position.own.realized_e18,
        "fees": position.own_fees_e18,
        "funding": position.own_funding_e18,
        "cost_usd": position.usd.cost_e18,
        "realized_usd": position.usd.realized_e18,
        "fees_usd": position.fees_e18,
        "funding_usd": position.funding_e18,
        "is_usd_known": position.is_usd_known,
    }


def parse_position(row: Mapping[Any, Any]) -> Position:
    return Position(
        row["venue"],
        row["instrument"],
        row["currency"],
        own=Tally(row["amount"], row["cost"], row["realized"]),
        usd=Tally(row["amount"], row["cost_usd"], row["realized_usd"]),
        fees_e18=row["fees_usd"],
        own_fees_e18=row["fees"],
        funding_e18=row["funding_usd"],
        own_funding_e18=row["funding"],
        is_usd_known=row["is_usd_known"],
    )


_MARK_COLUMNS: Final = {"mark_nanos": "mark", "index_nanos": "index_price", "forward_nanos": "forward"}


def mark_row(mark: Mark) -> Row:
    return {_MARK_COLUMNS.get(name, name): value for name, value in msgspec.structs.asdict(mark).items()}


def parse_mark(row: Mapping[Any, Any]) -> Mark:
    return Mark(**{name: row[_MARK_COLUMNS.get(name, name)] for name in Mark.__struct_fields__})


def pnl_row(key: Key, causes: Causes) -> Row:
    amounts = {name.removesuffix("_e18"): value for name, value in msgspec.structs.asdict(causes).items()}
    return _line(key) | amounts


def quality_row(key: Key, line: Quality) -> Row:
    row = _line(key) | {_plain(name): getattr(line, name) for name in COUNTS}
    for after, adverse in zip(AFTER, line.adverse, strict=True):
        row |= {f"adverse_{after}": adverse.usd_e18, f"adverse_{after}_trades": adverse.trades}
    return row


def parse_quality(row: Mapping[Any, Any]) -> Quality:
    first, second, third = (Adverse(row[f"adverse_{after}"], row[f"adverse_{after}_trades"]) for after in AFTER)
    return Quality(**{name: row[_plain(name)] for name in COUNTS}, adverse=(first, second, third))


def _line(key: Key) -> Row:
    return {"day": day_text(key.day), "venue": key.venue, "instrument": key.instrument, "strategy": key.strategy}


def _plain(name: str) -> str:
    return name.removesuffix("_e18").removesuffix("_nanos")


def day_text(day: int) -> str:
    return f"{datetime.fromtimestamp(day * 86_400, UTC):%Y-%m-%d}"
