"""The SQL tables that a journal is projected into. Every row belongs to a book of account.

Prices, amounts and money are exact decimals: NUMERIC on PostgreSQL, text on SQLite, which has no such type. In Python
they are integers: nanos for prices and amounts, 10⁻¹⁸ for money.
"""

from decimal import Decimal
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, MetaData, Numeric, String, Table
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from atomizer._core.fixed import format_e18, parse_e18

VERSION: Final = 2  # of these tables and of what is in them; another one is rebuilt


class Exact(TypeDecorator[int]):
    """An integer number of 10⁻ᵖˡᵃᶜᵉˢ, stored as the decimal that it means."""

    impl = String
    cache_ok = True

    def __init__(self, places: int) -> None:
        super().__init__()
        self.places = places

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String())
        return dialect.type_descriptor(Numeric(78, self.places))

    def process_bind_param(self, value: int | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        text = format_e18(value * 10 ** (18 - self.places))
        return text if dialect.name == "sqlite" else Decimal(text)

    def process_result_value(self, value: Any, _dialect: Dialect) -> int | None:
        return (
            None
            if value is None
            else parse_e18(format(value, "f") if isinstance(value, Decimal) else value) // (10 ** (18 - self.places))
        )


def _nanos(name: str) -> Column[int]:
    return Column(name, Exact(9), nullable=False)


def _usd(name: str) -> Column[int]:
    return Column(name, Exact(18), nullable=False)


def _word(name: str, *, is_key: bool = False) -> Column[str]:
    return Column(name, String, primary_key=is_key, nullable=False)


def _time(name: str) -> Column[int]:
    """Unix nanoseconds."""
    return Column(name, BigInteger, nullable=False)


metadata = MetaData()

books = Table(
    "books",
    metadata,
    _word("book", is_key=True),
    Column("version", Integer, nullable=False),
    _time("began_ns"),  # of its first record, so that another journal of the same account is told apart
    Column("sequence", BigInteger, nullable=False),  # of the last record that is in the tables
)

orders = Table(
    "orders",
    metadata,
    _word("book", is_key=True),
    _word("venue", is_key=True),
    _word("client_id", is_key=True),
    _time("placed_ns"),
    _word("strategy"),
    _word("instrument"),
    _word("side"),
    _nanos("price"),
    _nanos("amount"),
    _nanos("filled"),
    _word("time_in_force"),
    _word("state"),
    _word("order_id"),
    _word("detail"),
)

fills = Table(
    "fills",
    metadata,
    _word("book", is_key=True),
    _word("venue", is_key=True),
    _word("trade_id", is_key=True),
    _time("venue_time_ns"),
    _word("strategy"),
    _word("client_id"),
    _word("instrument"),
    _word("side"),
    _nanos("price"),
    _nanos("amount"),
    Column("fee", Exact(18), nullable=False),  # in `currency`
    _word("currency"),
    _nanos("index_price"),  # USD for one coin of `currency`; 0 for USD
    Column("is_maker", Boolean, nullable=False),
)

payments = Table(
    "payments",
    metadata,
    _word("book", is_key=True),
    _word("venue", is_key=True),
    _word("payment_id", is_key=True),
    _time("venue_time_ns"),
    _word("instrument"),
    Column("amount", Exact(18), nullable=False),  # in `currency`; below 0 when we paid
    _word("currency"),
    _nanos("index_price"),
)

settlements = Table(
    "settlements",
    metadata,
    _word("book", is_key=True),
    _word("venue", is_key=True),
    _word("instrument", is_key=True),
    _time("now_ns"),
    _nanos("price"),
    Column("is_physical", Boolean, nullable=False),
)

positions = Table(
    "positions",
    metadata,
    _word("book", is_key=True),
    _word("venue", is_key=True),
    _word("instrument", is_key=True),
    _word("currency"),
    _nanos("amount"),
    *(Column(name, Exact(18), nullable=False) for name in ("cost", "realized", "fees", "funding")),  # in `currency`
    *(_usd(name) for name in ("cost_usd", "realized_usd", "fees_usd", "funding_usd")),
    Column("is_usd_known", Boolean, nullable=False),
)

marks = Table(
    "marks",
    metadata,
    _word("book", is_key=True),
    _word("venue", is_key=True),
    _word("instrument", is_key=True),
    _time("now_ns"),
    _time("venue_time_ns"),
    _nanos("mark"),
    _nanos("index_price"),
    _nanos("forward"),
    *(Column(name, Float, nullable=False) for name in ("iv", "delta", "gamma", "vega", "theta")),
    _word("currency"),
)

pnl = Table(
    "pnl",
    metadata,
    _word("book", is_key=True),
    _word("day", is_key=True),  # 2026-11-29, UTC
    _word("venue", is_key=True),
    _word("instrument", is_key=True),
    _word("strategy", is_key=True),
    Column("trades", Integer, nullable=False),
    *(_usd(name) for name in ("edge", "delta", "gamma", "vega", "theta", "fees", "funding", "residual")),
)

quality = Table(
    "quality",
    metadata,
    _word("book", is_key=True),
    _word("day", is_key=True),  # 2026-11-29, UTC
    _word("venue", is_key=True),
    _word("instrument", is_key=True),
    _word("strategy", is_key=True),
    *(Column(name, Integer, nullable=False) for name in ("orders", "filled_orders", "trades")),
    _nanos("amount"),
    _usd("notional"),
    _usd("captured"),
    Column("captured_trades", Integer, nullable=False),
    *(
        column
        for after in ("1s", "10s", "60s")
        for column in (_usd(f"adverse_{after}"), Column(f"adverse_{after}_trades", Integer, nullable=False))
    ),
    *(
        Column(name, Integer, nullable=False)
        for name in ("samples", "bids", "asks", "both", "bid_touches", "ask_touches")
    ),
)
