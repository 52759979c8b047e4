"""Public data: books, tickers, trades, indices. Pure.

Fields as in the protocol sheet §3, §4 and §7; the samples are captures of 2021 to 2026.
"""

from decimal import Decimal
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta

from atomizer.domain.instruments import NANOS, USD, Contract
from atomizer.domain.session import PublicTrade
from atomizer.domain.trading import Mark, Side
from atomizer.errors import BadFrame
from atomizer.venues.deribit.profile import NANOS_PER_MS, VENUE
from atomizer.venues.deribit.wire import (
    Identity,
    Integer,
    Millis,
    Name,
    Word,
    contract_of,
    currency_of,
    figure,
    nanos,
    nanos_nearest,
    read,
)

MOST_LEVELS: Final = 10_000  # the deepest book that the venue gives
HIGHEST_VOLATILITY: Final = 10_000.0  # points: beyond is not a volatility
UNBOUNDED: Final = 1e15
PERCENT: Final = 100
ZERO: Final = Decimal(0)


class BookMessage(NamedTuple):
    """A whole book when `previous` is None, else changes that follow change `previous`. Levels in nanos."""

    sequence: int
    previous: int | None
    venue_time_ns: int
    bids: list[tuple[int, int]]  # (price, size); a size of 0 takes the level away
    asks: list[tuple[int, int]]


class Ticker(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue says of one instrument. Prices are the instrument's; 0 is none. Volatilities are fractions."""

    mark: Mark
    state: str
    bid_nanos: int
    bid_amount_nanos: int
    ask_nanos: int
    ask_amount_nanos: int
    last_nanos: int
    lowest_nanos: int  # prices that an order may have
    highest_nanos: int
    open_interest_nanos: int
    volume_nanos: int
    bid_iv: float
    ask_iv: float
    funding_8h: float


class IndexPrice(NamedTuple):
    name: str  # btc_usd
    price_nanos: int
    venue_time_ns: int


class VolatilityIndex(NamedTuple):
    name: str
    volatility: float  # a fraction
    venue_time_ns: int


_Level = tuple[Literal["new", "change", "delete"], Decimal, Decimal]


class _WireBook(msgspec.Struct):
    timestamp: Millis
    change_id: Integer
    bids: Annotated[list[_Level], Meta(max_length=MOST_LEVELS)]
    asks: Annotated[list[_Level], Meta(max_length=MOST_LEVELS)]
    prev_change_id: Integer | None = None
    type: Literal["snapshot", "change"] | None = None


class _WireGroupedBook(msgspec.Struct):
    timestamp: Millis
    change_id: Integer
    bids: Annotated[list[tuple[Decimal, Decimal]], Meta(max_length=MOST_LEVELS)]
    asks: Annotated[list[tuple[Decimal, Decimal]], Meta(max_length=MOST_LEVELS)]


class _WireGreeks(msgspec.Struct):
    delta: float
    gamma: float
    vega: float
    theta: float


class _WireStats(msgspec.Struct, frozen=True):
    volume: Decimal | None = None


class _WireTicker(msgspec.Struct):
    instrument_name: Name
    timestamp: Millis
    state: Word
    index_price: Decimal
    mark_price: Decimal
    best_bid_price: Decimal | None = None
    best_bid_amount: Decimal | None = None
    best_ask_price: Decimal | None = None
    best_ask_amount: Decimal | None = None
    last_price: Decimal | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    open_interest: Decimal | None = None
    stats: _WireStats = _WireStats()
    underlying_price: Decimal | None = None
    mark_iv: float | None = None
    bid_iv: float | None = None
    ask_iv: float | None = None
    greeks: _WireGreeks | None = None
    funding_8h: float | None = None


class _WireTrade(msgspec.Struct):
    trade_id: Identity
    instrument_name: Name
    timestamp: Millis
    direction: Literal["buy", "sell"]
    price: Decimal
    amount: Decimal
    index_price: Decimal
    block_trade_id: Word | None = None
    block_rfq_id: Integer | None = None


class _WireIndex(msgspec.Struct):
    timestamp: Millis
    price: Decimal
    index_name: Name


class _WireVolatility(msgspec.Struct):
    timestamp: Millis
    volatility: float
    index_name: Name


def book_channel(name: str, interval: str = "raw") -> str:
    """`name` is the venue's; `interval` is raw (after a login only) or 100ms."""
    return f"book.{name}.{interval}"


def grouped_book_channel(name: str, depth: int = 20) -> str:
    """Ungrouped, the best 1, 10 or 20 levels a side, all of them every time."""
    return f"book.{name}.none.{depth}.100ms"


def ticker_channel(name: str) -> str:
    return f"ticker.{name}.100ms"


def parse_book(data: Any) -> BookMessage:
    """Data of a book channel, raw or in intervals.

    {"type":"change","timestamp":1617644858339,"prev_change_id":8973367653,"instrument_name":"ETH-30APR21-2240-P",
    "change_id":8973367846,"bids":[["delete",0.0255,0.0],["new",0.026,299.0]],"asks":[]}

    Captures from before 2020 have no type: what follows nothing is a whole book.

    Raises:
        BadFrame: a field is missing, of another type or out of range, or contradicts another.
    """
    wire = read(data, _WireBook, "book")
    is_snapshot = wire.prev_change_id is None if wire.type is None else wire.type == "snapshot"
    if not is_snapshot and wire.prev_change_id is None:
        raise BadFrame("book: a change without prev_change_id")
    previous = None if is_snapshot else wire.prev_change_id
    return BookMessage(
        wire.change_id,
        previous,
        wire.timestamp * NANOS_PER_MS,
        _levels(wire.bids, is_snapshot=is_snapshot),
        _levels(wire.asks, is_snapshot=is_snapshot),
    )


def parse_grouped_book(data: Any) -> BookMessage:
    """Data of a grouped book channel: a whole book every time.

    {"instrument_name":"BTC-PERPETUAL","timestamp":1769246173071,"change_id":136725664747,
    "bids":[[89532.5,254900.0],[89532.0,1000.0]],"asks":[[89533.0,91570.0],[89533.5,10000.0]]}
    """
    wire = read(data, _WireGroupedBook, "grouped book")
    sides = [
        [(nanos(price, "book price", at_least=1), nanos(size, "book size", at_least=1)) for price, size in side]
        for side in (wire.bids, wire.asks)
    ]
    return BookMessage(wire.change_id, None, wire.timestamp * NANOS_PER_MS, *sides)


def _levels(side: list[_Level], *, is_snapshot: bool) -> list[tuple[int, int]]:
    levels = []
    for action, price, size in side:
        size_nanos = nanos(size, "book size")
        if (size_nanos == 0) != (action == "delete") or (is_snapshot and action != "new"):
            raise BadFrame(f"book: {action} {price} with size {size}")
        levels.append((nanos(price, "book price", at_least=1), size_nanos))
    return levels


def parse_ticker(data: Any, contract: Contract, now_ns: int) -> Ticker:
    """Data of a ticker channel, or the result of public/ticker.

    {"timestamp":1789939517605,"state":"open","stats":{"high":null,"low":null,"price_change":null,"volume":0.0,…},
    "greeks":{"delta":-0.03116,"gamma":1.25842,"vega":3e-05,"theta":-0.00069,"rho":0.0},"index_price":1.3987,
    "instrument_name":"XRP_USDC-21SEP26-1d3-P","last_price":null,"min_price":0.0005,"max_price":0.05,
    "open_interest":0.0,"mark_price":0.0007,"interest_rate":0.0,"estimated_delivery_price":1.3987,
    "best_ask_price":0.001,"best_bid_price":0.0005,"mark_iv":114.73,"bid_iv":108.74,"ask_iv":122.91,
    "underlying_price":1.3992,"underlying_index":"XRP_USDC-21SEP26","best_ask_amount":25000.0,"best_bid_amount":25000.0}

    A future's forward is its mark, and its Greeks are those of its coin: delta 1 a coin, so 1/mark a dollar where
    amounts are in dollars.

    Raises:
        BadFrame: a field is missing, of another type or out of range, or it is another instrument's.
    """
    wire = read(data, _WireTicker, "ticker")
    what = f"ticker {wire.instrument_name}"
    if contract_of(wire.instrument_name, "ticker") != contract:
        raise BadFrame(f"{what}: expected {contract.name}")
    currency = currency_of(contract, what)
    mark = Mark(
        now_ns=now_ns,
        venue=VENUE,
        instrument=contract.name,
        mark_nanos=nanos_nearest(wire.mark_price, f"{what} mark_price"),
        index_nanos=nanos_nearest(wire.index_price, f"{what} index_price", at_least=1),
        **_greeks(wire, contract, currency, what),
        venue_time_ns=wire.timestamp * NANOS_PER_MS,
        currency=currency,
    )
    return Ticker(
        mark=mark,
        state=wire.state,
        bid_nanos=nanos(wire.best_bid_price or ZERO, f"{what} best_bid_price"),
        bid_amount_nanos=nanos(wire.best_bid_amount or ZERO, f"{what} best_bid_amount"),
        ask_nanos=nanos(wire.best_ask_price or ZERO, f"{what} best_ask_price"),
        ask_amount_nanos=nanos(wire.best_ask_amount or ZERO, f"{what} best_ask_amount"),
        last_nanos=nanos_nearest(wire.last_price or ZERO, f"{what} last_price"),
        lowest_nanos=nanos_nearest(wire.min_price or ZERO, f"{what} min_price"),
        highest_nanos=nanos_nearest(wire.max_price or ZERO, f"{what} max_price"),
        open_interest_nanos=nanos_nearest(wire.open_interest or ZERO, f"{what} open_interest"),
        volume_nanos=nanos_nearest(wire.stats.volume or ZERO, f"{what} volume"),
        bid_iv=_fraction(wire.bid_iv, f"{what} bid_iv"),
        ask_iv=_fraction(wire.ask_iv, f"{what} ask_iv"),
        funding_8h=figure(wire.funding_8h or 0.0, f"{what} funding_8h", -1.0, 1.0),
    )


def _greeks(wire: _WireTicker, contract: Contract, currency: str, what: str) -> dict[str, Any]:
    greeks = wire.greeks
    if not contract.is_option:
        if greeks is not None:
            raise BadFrame(f"{what}: an option has Greeks and nothing else does")
        mark_nanos = nanos_nearest(wire.mark_price, f"{what} mark_price", at_least=1)
        delta = 1.0 if currency == USD else NANOS / mark_nanos
        flat = dict.fromkeys(("iv", "gamma", "vega", "theta"), 0.0)
        return {"forward_nanos": mark_nanos, "delta": delta, **flat}
    if greeks is None or wire.mark_iv is None or wire.underlying_price is None:
        raise BadFrame(f"{what}: an option without Greeks, mark_iv or underlying_price")
    return {
        "forward_nanos": nanos_nearest(wire.underlying_price, f"{what} underlying_price", at_least=1),
        "iv": _fraction(wire.mark_iv, f"{what} mark_iv"),
        "delta": figure(greeks.delta, f"{what} delta", -1.0, 1.0),
        "gamma": figure(greeks.gamma, f"{what} gamma", 0.0, UNBOUNDED),
        "vega": figure(greeks.vega, f"{what} vega", 0.0, UNBOUNDED),
        "theta": figure(greeks.theta, f"{what} theta", -UNBOUNDED, UNBOUNDED),
    }


def _fraction(points: float | None, what: str) -> float:
    return figure(points or 0.0, what, 0.0, HIGHEST_VOLATILITY) / PERCENT


def trades_channel(kind: str, currency: str) -> str:
    """All trades of ``option`` or ``future`` of what is paid in a currency."""
    return f"trades.{kind}.{currency}.100ms"


def parse_public_trades(data: Any, now_ns: int) -> list[PublicTrade]:
    """Data of a trades channel. Trades of combos and spot are left out: a combo's legs come as trades of their own.

    [{"timestamp":1765531356452,"price":92288.5,"amount":750.0,"direction":"sell","index_price":92276.75,
    "instrument_name":"BTC-PERPETUAL","trade_seq":271252855,"mark_price":92287.11,"tick_direction":2,"contracts":75.0,
    "trade_id":"403691825"}]
    """
    trades = []
    for wire in read(data, list[_WireTrade], "trades"):
        what = f"trade {wire.trade_id}"
        try:
            name = contract_of(wire.instrument_name, what).name
        except BadFrame:
            continue
        trades.append(
            PublicTrade(
                now_ns=now_ns,
                venue=VENUE,
                trade_id=wire.trade_id,
                instrument=name,
                side=Side.BUY if wire.direction == "buy" else Side.SELL,
                price_nanos=nanos(wire.price, f"{what} price", at_least=1),
                amount_nanos=nanos(wire.amount, f"{what} amount", at_least=1),
                index_nanos=nanos_nearest(wire.index_price, f"{what} index_price", at_least=1),
                is_block=wire.block_trade_id is not None or wire.block_rfq_id is not None,
                venue_time_ns=wire.timestamp * NANOS_PER_MS,
            )
        )
    return trades


def parse_index(data: Any) -> IndexPrice:
    """Data of a deribit_price_index channel, {"timestamp":1540471991019,"price":6487.5,"index_name":"btc_usd"}."""
    wire = read(data, _WireIndex, "index")
    price_nanos = nanos_nearest(wire.price, f"index {wire.index_name}", at_least=1)
    return IndexPrice(wire.index_name, price_nanos, wire.timestamp * NANOS_PER_MS)


def parse_volatility_index(data: Any) -> VolatilityIndex:
    """Data of a deribit_volatility_index channel.

    {"timestamp":1619777946007,"volatility":129.36,"index_name":"btc_usd"}
    """
    wire = read(data, _WireVolatility, "volatility index")
    volatility = _fraction(wire.volatility, f"volatility index {wire.index_name}")
    return VolatilityIndex(wire.index_name, volatility, wire.timestamp * NANOS_PER_MS)
