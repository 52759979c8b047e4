"""ccxt's unified structures ↔ our values. Pure, and without ccxt: errors are known by the names of their classes.

Numbers come as decimal text; order books as doubles, whose shortest text is the number that the venue wrote.
"""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from functools import wraps
from typing import Any, Final, NamedTuple, ParamSpec, TypeVar

from atomizer.domain.instruments import NANOS, USD, Contract, Instrument, OptionType
from atomizer.domain.session import LedgerPosition, OpenOrder
from atomizer.domain.trading import Fill, Mark, OrderState, OrderUpdate, Side
from atomizer.errors import BadFrame
from atomizer.net.rpc import Fault

DECIMAL_PLACES: Final = 2  # ccxt.base.decimal_to_precision
TICK_SIZE: Final = 4
NANOS_PER_MS: Final = 1_000_000
INT64_MAX: Final = 2**63 - 1
E18_PER_NANO: Final = 10**9
AT_PAR: Final = frozenset({"USD", "USDC", "USDT"})  # settled in these, an amount counts as so many USD
PERCENT: Final = Decimal(100)

_STATES: Final = {
    "open": OrderState.OPEN,
    "closed": OrderState.FILLED,
    "canceled": OrderState.CANCELLED,
    "expired": OrderState.EXPIRED,
    "rejected": OrderState.REFUSED,
}
# Classes of ccxt's error tree that say nothing of what became of a request. Below them, two that do: see `fault_of`.
_UNKNOWN: Final = frozenset({"NetworkError", "BadResponse", "OperationFailed", "CancelPending"})
_NOT_DONE: Final = frozenset({"RateLimitExceeded", "DDoSProtection", "InvalidNonce"})


Taken = ParamSpec("Taken")
Value = TypeVar("Value")


def _checked(parse: Callable[Taken, Value]) -> Callable[Taken, Value]:
    """A reader of what ccxt hands on, in which anything may be missing or of another type: then it is BadFrame."""

    @wraps(parse)
    def read(*taken: Taken.args, **named: Taken.kwargs) -> Value:
        try:
            return parse(*taken, **named)
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise BadFrame(f"{parse.__name__}: {error!r:.200}") from None

    return read


class Listing(NamedTuple):
    """An instrument, ccxt's symbol for it, and how many of our units one of ccxt's amounts is."""

    instrument: Instrument
    symbol: str
    scale: Decimal


def nanos(value: Any, what: str) -> int:
    """A price or an amount that must be exact in nanos.

    Raises:
        BadFrame: no finite number, more than nine decimals, or too large.
    """
    number = _decimal(value, what) * NANOS
    if number != number.to_integral_value() or abs(number) > INT64_MAX:
        raise BadFrame(f"{what}: {value!r:.64} does not fit nanos")
    return int(number)


def nanos_nearest(value: Any, what: str) -> int:
    """A mark or an index, rounded to the nearest nano, halves to the even one."""
    number = (_decimal(value, what) * NANOS).to_integral_value()
    if abs(number) > INT64_MAX:
        raise BadFrame(f"{what}: {value!r:.64} does not fit nanos")
    return int(number)


def _decimal(value: Any, what: str) -> Decimal:
    try:
        number = Decimal(repr(value) if isinstance(value, float) else str(value))
    except InvalidOperation:
        raise BadFrame(f"{what}: not a number: {value!r:.64}") from None
    if not number.is_finite():
        raise BadFrame(f"{what}: not a finite number: {value!r:.64}")
    return number


@_checked
def parse_market(market: Any, venue: str, precision_mode: int, *, counts_contracts: bool) -> Listing:
    """One of ccxt's markets → listing.

    {"symbol":"ETH/USDC:USDC","id":"ETH_USDC-PERPETUAL","type":"swap","base":"ETH","quote":"USDC","settle":"USDC",
    "linear":true,"inverse":false,"contractSize":"0.001","precision":{"amount":"0.001","price":"0.05"},
    "limits":{"amount":{"min":"0.001","max":null}},"taker":"0.00035","maker":"0.00015","active":true,…}

    Raises:
        BadFrame: no option or future, one that is paid in something we keep no books in, or a field that will not do.
    """
    what = str(market.get("symbol"))[:80]
    contract, currency = _contract(market, what)
    scale = _decimal(market.get("contractSize") or "1", f"{what} contractSize") if counts_contracts else Decimal(1)
    lot_nanos = nanos(_step(market["precision"]["amount"], precision_mode, what) * scale, f"{what} amount step")
    limits = market["limits"]["amount"]
    least, most = limits.get("min"), limits.get("max")
    instrument = Instrument(
        venue=venue,
        contract=contract,
        tick_nanos=nanos(_step(market["precision"]["price"], precision_mode, what), f"{what} price step"),
        lot_nanos=lot_nanos,
        min_amount_nanos=max(nanos(_decimal(least, what) * scale, f"{what} least") if least else 0, lot_nanos),
        max_amount_nanos=nanos(_decimal(most, what) * scale, f"{what} most") if most else INT64_MAX,
        maker_fee_nanos=nanos_nearest(market.get("maker") or "0", f"{what} maker"),
        taker_fee_nanos=nanos_nearest(market.get("taker") or "0", f"{what} taker"),
        base_fee_nanos=0,
        fee_cap_nanos=0,
        is_active=market.get("active") is not False,
        currency=currency,
    )
    if instrument.tick_nanos <= 0 or instrument.lot_nanos <= 0:
        raise BadFrame(f"{what}: no price or amount step")
    return Listing(instrument, str(market["symbol"]), scale)


def _contract(market: Any, what: str) -> tuple[Contract, str]:
    kind, base, quote, settle = (market.get(word) for word in ("type", "base", "quote", "settle"))
    if kind not in {"option", "swap", "future"}:
        raise BadFrame(f"{what}: {kind}, which we do not trade")
    if settle in AT_PAR:
        underlying, currency = f"{base}_{quote}", USD
    elif settle == base:
        underlying, currency = str(base), str(base)
    else:
        raise BadFrame(f"{what}: paid in {settle}, which we keep no books in")
    if kind == "swap":
        return Contract(underlying), currency
    expiry_s = int(market["expiry"]) // 1000
    if kind == "future":
        return Contract(underlying, expiry_s), currency
    option_type = OptionType.CALL if market.get("optionType") == "call" else OptionType.PUT
    return Contract(underlying, expiry_s, nanos(market["strike"], f"{what} strike"), option_type), currency


def _step(precision: Any, mode: int, what: str) -> Decimal:
    value = _decimal(precision, f"{what} precision")
    if mode == TICK_SIZE:
        return value
    if mode == DECIMAL_PLACES:
        return Decimal(1).scaleb(-int(value))
    raise BadFrame(f"{what}: its precision is in significant digits, which make no tick")


@_checked
def parse_levels(side: Any, scale: Decimal, what: str) -> list[tuple[int, int]]:
    """``[[2937.45, 100367.0], …]`` → (price, size) in nanos, as ccxt orders them: best first."""
    levels = []
    for level in side:
        price_nanos, size_nanos = nanos(level[0], what), nanos(_decimal(level[1], what) * scale, what)
        if size_nanos:
            levels.append((price_nanos, size_nanos))
    return levels


@_checked
def parse_future_mark(ticker: Any, listing: Listing, venue: str, now_ns: int) -> Mark | None:
    """A ticker of a future → mark; None when the venue gives none. Without an index, the mark is it.

    {"symbol":"ETH/USD:ETH","timestamp":1795964472926,"bid":"2937.5","markPrice":"2937.58","indexPrice":"2937.55",…}
    """
    name, given = listing.instrument.name, ticker.get("markPrice")
    if given is None:
        return None
    mark_nanos = nanos_nearest(given, f"ticker {name} mark")
    index_nanos = nanos_nearest(ticker.get("indexPrice") or given, f"ticker {name} index")
    if mark_nanos <= 0 or index_nanos <= 0:
        raise BadFrame(f"ticker {name}: mark {given!r:.64} is not above 0")
    return Mark(
        now_ns=now_ns,
        venue=venue,
        instrument=name,
        mark_nanos=mark_nanos,
        index_nanos=index_nanos,
        forward_nanos=mark_nanos,
        iv=0.0,
        delta=NANOS / mark_nanos if listing.instrument.is_amount_usd else 1.0,
        gamma=0.0,
        vega=0.0,
        theta=0.0,
        venue_time_ns=int(ticker.get("timestamp") or 0) * NANOS_PER_MS,
        currency=listing.instrument.currency,
    )


@_checked
def parse_option_mark(greeks: Any, listing: Listing, venue: str, now_ns: int) -> Mark | None:
    """Unified greeks of an option → mark; None when one that we need is missing.

    {"symbol":"ETH/USD:ETH-261130-2875-P","timestamp":1795964472978,"delta":"-0.19052","gamma":"0.00371",
    "theta":"-7.77538","vega":"0.35155","markImpliedVolatility":"56.62","markPrice":"0.002647",
    "underlyingPrice":"2937.56",…}
    """
    words = ("markPrice", "underlyingPrice", "markImpliedVolatility", "delta", "gamma", "vega", "theta")
    if any(greeks.get(word) is None for word in words):
        return None
    name = listing.instrument.name
    mark, forward, volatility, *rest = (_decimal(greeks[word], f"greeks {name} {word}") for word in words)
    delta, gamma, vega, theta = map(float, rest)
    if forward <= 0 or mark < 0 or not -1 <= delta <= 1:
        raise BadFrame(f"greeks {name}: mark {mark}, underlying {forward} or delta {delta} is out of range")
    return Mark(
        now_ns=now_ns,
        venue=venue,
        instrument=name,
        mark_nanos=nanos_nearest(mark, f"greeks {name} mark"),
        index_nanos=nanos_nearest(forward, f"greeks {name} underlying"),
        forward_nanos=nanos_nearest(forward, f"greeks {name} underlying"),
        iv=float(volatility / PERCENT if volatility > 5 else volatility),  # noqa: PLR2004  some say 56.6, some 0.566
        delta=delta,
        gamma=gamma,
        vega=vega,
        theta=theta,
        venue_time_ns=int(greeks.get("timestamp") or 0) * NANOS_PER_MS,
        currency=listing.instrument.currency,
    )


def client_id_of(order: Any, field: str) -> str:
    """Our label on a unified order, or its id when it has none."""
    info = order.get("info")
    told = order.get("clientOrderId") or (info.get(field) if isinstance(info, dict) else None)
    return str(told or order.get("id") or "")


@_checked
def parse_order(order: Any, listing: Listing, venue: str, field: str, now_ns: int) -> OrderUpdate:
    """A unified order → what is known of it.

    {"id":"ETH-144272511","clientOrderId":null,"status":"open","amount":"10.0","filled":"0.0","remaining":"10",
    "side":"buy","price":"2500.0","symbol":"ETH/USD:ETH","info":{"label":"manual.abc.2",…},…}

    Raises:
        BadFrame: a status that we do not know, or no id.
    """
    state = _STATES.get(str(order.get("status")))
    if state is None or not order.get("id"):
        raise BadFrame(f"order {order.get('id')!r:.64}: status {order.get('status')!r:.64}")
    what = f"order {order['id']}"
    filled = _decimal(order.get("filled") or "0", f"{what} filled")
    if state is OrderState.FILLED and order.get("amount") and filled < _decimal(order["amount"], f"{what} amount"):
        state = OrderState.CANCELLED  # "closed" with a rest: an immediate order that was not filled whole
    return OrderUpdate(
        now_ns=now_ns,
        venue=venue,
        client_id=client_id_of(order, field),
        state=state,
        filled_nanos=nanos(filled * listing.scale, f"{what} filled"),
        order_id=str(order["id"]),
    )


@_checked
def parse_open_order(order: Any, listing: Listing, field: str) -> OpenOrder:
    """A unified order that rests, as in `parse_order`."""
    what = f"order {order.get('id')}"
    label = client_id_of(order, field)
    return OpenOrder(
        client_id="" if label == order["id"] else label,
        order_id=str(order["id"]),
        instrument=listing.instrument.name,
        side=_side(order, what),
        price_nanos=nanos(order["price"], f"{what} price"),
        amount_nanos=nanos(_decimal(order["amount"], what) * listing.scale, f"{what} amount"),
        filled_nanos=nanos(_decimal(order.get("filled") or "0", what) * listing.scale, f"{what} filled"),
        created_ns=int(order.get("timestamp") or 0) * NANOS_PER_MS,
    )


@_checked
def parse_fill(trade: Any, listing: Listing, venue: str, client_id: str, now_ns: int) -> Fill:
    """A unified trade of ours → fill. A fee that is not told counts as none; one in another coin is refused.

    {"id":"ETH-611178221","order":"ETH-144272510","side":"buy","takerOrMaker":"taker","price":"2936.65",
    "amount":"10.0","fee":{"currency":"ETH","cost":"1.191834232884e-06"},"timestamp":1795964487830,…}

    Raises:
        BadFrame: a field is missing or will not do.
    """
    what = f"trade {trade.get('id')}"
    fee, currency = trade.get("fee") or {}, listing.instrument.currency
    fee_currency = USD if fee.get("currency") in AT_PAR else fee.get("currency")
    cost = _decimal(fee.get("cost") or "0", f"{what} fee")
    if cost and fee_currency != currency:
        raise BadFrame(f"{what}: fee in {fee.get('currency')}, and {listing.instrument.name} pays in {currency}")
    if not trade.get("id") or not trade.get("timestamp"):
        raise BadFrame(f"{what}: no id or no time")
    return Fill(
        now_ns=now_ns,
        venue=venue,
        trade_id=str(trade["id"]),
        client_id=client_id,
        instrument=listing.instrument.name,
        side=_side(trade, what),
        price_nanos=nanos(trade["price"], f"{what} price"),
        amount_nanos=nanos(_decimal(trade["amount"], what) * listing.scale, f"{what} amount"),
        fee_e18=int((cost * 10**18).to_integral_value()),
        is_maker=trade.get("takerOrMaker") == "maker",
        venue_time_ns=int(trade["timestamp"]) * NANOS_PER_MS,
        currency=currency,
        index_nanos=_index_of(trade),
    )


def _index_of(trade: Any) -> int:
    """The venue's index when it traded, where it tells; 0 is unknown."""
    info = trade.get("info")
    given = info.get("index_price") if isinstance(info, dict) else None
    return nanos_nearest(given, "trade index_price") if given is not None else 0


@_checked
def parse_position(position: Any, listing: Listing) -> LedgerPosition | None:
    """A unified position → the venue's ledger; None when flat.

    {"symbol":"ETH/USD:ETH","contracts":"10.0","side":"long","entryPrice":"2936.65","markPrice":"2936.49",
    "unrealizedPnl":"-1.855407328e-07","realizedPnl":"0.0",…}
    """
    what = f"position {listing.instrument.name}"
    amount = _decimal(position.get("contracts") or "0", what) * listing.scale
    if not amount:
        return None
    sign = -1 if position.get("side") == "short" else 1
    figures = ("entryPrice", "markPrice", "realizedPnl", "unrealizedPnl")
    average, mark, realized, unrealized = (
        int((_decimal(position.get(word) or "0", f"{what} {word}") * 10**18).to_integral_value()) for word in figures
    )
    return LedgerPosition(
        instrument=listing.instrument.name,
        amount_e18=sign * nanos(abs(amount), what) * E18_PER_NANO,
        average_price_e18=average,
        mark_price_e18=mark,
        realized_pnl_e18=realized,
        unrealized_pnl_e18=unrealized,
        total_fees_e18=None,
        currency=listing.instrument.currency,
        is_comparable=False,
    )


def fault_of(error: Exception) -> Fault:
    """One of ccxt's exceptions → what it says of the request: refused, or unknown.

    Its tree has two trunks. What is under ExchangeError is the venue's own no; under OperationFailed something went
    wrong on the way, and nobody knows, but for a rate limit and a nonce, which are a no as well.
    """
    names = [kind.__name__ for kind in type(error).__mro__]
    is_unknown = not _NOT_DONE.intersection(names) and bool(_UNKNOWN.intersection(names))
    if "ExchangeError" not in names and "OperationFailed" not in names:
        is_unknown = True  # not ccxt's at all
    is_retryable = "OperationFailed" in names
    return Fault(None, f"{type(error).__name__}: {str(error)[:300]}", is_unknown=is_unknown, is_retryable=is_retryable)


def _side(record: Any, what: str) -> Side:
    side = record.get("side")
    if side not in {"buy", "sell"}:
        raise BadFrame(f"{what}: side {side!r:.64}")
    return Side.BUY if side == "buy" else Side.SELL
