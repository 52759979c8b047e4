"""Frames of the JSON-RPC socket: the envelope, requests, our orders and trades. Pure.

Fields as in the protocol sheet §1, §3 and §4; the samples are captures of 2021 to 2026.
"""

from decimal import Decimal
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec
import orjson
from msgspec import Meta

from atomizer._core.fixed import format_nanos
from atomizer.domain.instruments import USD, Contract
from atomizer.domain.trading import Fill, OrderPlaced, OrderState, OrderUpdate, Side, TimeInForce
from atomizer.errors import BadFrame
from atomizer.net.channels import Notice
from atomizer.net.rpc import Answer
from atomizer.venues.deribit.codes import classify
from atomizer.venues.deribit.names import from_deribit, to_deribit
from atomizer.venues.deribit.profile import NANOS_PER_MS, ORDER_VALID_MS, VENUE
from atomizer.venues.deribit.wire import (
    Count,
    Identity,
    Millis,
    Name,
    Word,
    account_currency,
    contract_of,
    currency_of,
    e18,
    nanos,
    nanos_nearest,
    read,
)

BLOCK_LABEL: Final = "block_rfq."  # then its id: of a block's trade that does not say our quote's own label
ORDERS: Final = "user.changes.any.any.raw"  # channel of our orders and trades, of every kind and currency
LONGEST_WORDS: Final = 300  # of a venue's error that we carry along
NOTHING: Final = Decimal(0)

_STATES: Final = {
    "open": OrderState.OPEN,
    "untriggered": OrderState.OPEN,
    "triggered": OrderState.OPEN,
    "filled": OrderState.FILLED,
    "cancelled": OrderState.CANCELLED,
    "rejected": OrderState.REFUSED,
}
# What the venue calls fees and money in USD: Deribit keeps no dollars, linear contracts pay USDC.
_FEE_CURRENCIES: Final = {USD: "USDC"}


class Heartbeat(NamedTuple):
    """The venue is there; `wants_answer` says that it wants to know whether we are."""

    wants_answer: bool


class VenueOrder(NamedTuple):
    """One order as the venue has it. An order without a label (not ours) goes by the venue's id.

    `contract` is None for what we do not trade: a combo or a spot pair.
    """

    client_id: str
    contract: Contract | None
    order_id: str
    state: OrderState
    filled_nanos: int
    cancel_reason: str

    def as_update(self, now_ns: int) -> OrderUpdate:
        return OrderUpdate(
            now_ns=now_ns,
            venue=VENUE,
            client_id=self.client_id,
            state=self.state,
            filled_nanos=self.filled_nanos,
            order_id=self.order_id,
            detail=self.cancel_reason,
        )


class _WireError(msgspec.Struct):
    code: Annotated[int, Meta(ge=-(2**31), le=2**31)]
    message: str = ""
    data: Any = None


class _WireParams(msgspec.Struct):
    channel: str | None = None
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    type: str | None = None


class _WireMessage(msgspec.Struct):
    id: int | str | None = None
    method: str | None = None
    params: _WireParams | None = None
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: _WireError | None = None


class WireOrder(msgspec.Struct):
    order_id: Identity
    instrument_name: Name
    order_state: Literal["open", "filled", "rejected", "cancelled", "untriggered", "triggered"]
    filled_amount: Decimal = NOTHING  # left out on orders that wait for a trigger
    label: Word = ""
    cancel_reason: Word | None = ""


class WireTrade(msgspec.Struct):
    trade_id: Identity
    instrument_name: Name
    timestamp: Millis
    direction: Literal["buy", "sell"]
    price: Decimal
    amount: Decimal
    fee: Decimal
    fee_currency: Word
    liquidity: Literal["M", "T"]
    index_price: Decimal
    order_id: Word | None = ""
    label: Word | None = ""
    block_rfq_id: Count | None = None


class _WirePlaced(msgspec.Struct):
    order: WireOrder
    trades: list[WireTrade] = []


class _WireTrades(msgspec.Struct):
    trades: list[WireTrade]
    has_more: bool


class _WireChanges(msgspec.Struct):
    orders: list[WireOrder]
    trades: list[WireTrade]


class _WireLogin(msgspec.Struct):
    access_token: Word
    refresh_token: Word
    expires_in: Annotated[int, Meta(ge=1, le=2**31)]
    scope: str


class Login(NamedTuple):
    """What a login granted. The token renews it once, before `expires_in_s` are over."""

    refresh_token: str
    expires_in_s: int
    scopes: frozenset[str]

    def __repr__(self) -> str:
        return f"Login(expires_in_s={self.expires_in_s}, scopes={sorted(self.scopes)})"


def parse_message(frame: bytes | memoryview) -> Answer | Notice | Heartbeat:
    """One text frame → a channel's notice, a heartbeat, or the answer to a request.

    {"jsonrpc":"2.0","method":"subscription","params":{"channel":"quote.BTC-PERPETUAL","data":{"timestamp":
    1567296000183,"instrument_name":"BTC-PERPETUAL","best_bid_price":9600.5,"best_bid_amount":162800,…}}}
    {"jsonrpc":"2.0","id":1,"error":{"code":10028,"message":"too_many_requests","data":null}}

    Data and result stay JSON text. A notice's is borrowed from the frame: read it before that memory is used again.

    Raises:
        BadFrame: `not_json`, `unknown_kind`, or an error that is the answer to nothing (`unaddressed`).
    """
    try:
        message = read(frame, _WireMessage, "frame")
    except BadFrame as broken:
        raise BadFrame(str(broken), reason="not_json") from None
    params = message.params
    if message.method == "subscription":
        if params is None or params.channel is None or params.data is msgspec.UNSET:
            raise BadFrame("a notice without its channel or data")
        return Notice(params.channel, params.data)
    if message.method == "heartbeat":
        return Heartbeat(params is not None and params.type == "test_request")
    error, request_id = message.error, message.id
    if type(request_id) is not int:
        if error is not None:
            raise BadFrame(f"an error that answers nothing: {error.code} {error.message:.300}", reason="unaddressed")
        raise BadFrame(
            f"neither answer nor notice: {message.method!r:.64}, id {request_id!r:.9}", reason="unknown_kind"
        )
    if error is not None:
        return Answer(request_id, None, classify(error.code, error.message[:LONGEST_WORDS], error.data))
    if isinstance(message.result, msgspec.UnsetType):
        raise BadFrame(f"answer {request_id} has neither result nor error")
    return Answer(request_id, bytes(message.result), None)


def build_request(request_id: int, method: str, params: dict[str, object]) -> bytes:
    """{"jsonrpc":"2.0","id":1,"method":"public/get_time","params":{}}"""
    return orjson.dumps({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})


def number(nanos: int) -> orjson.Fragment:
    """A JSON number, printed from the integer."""
    return orjson.Fragment(format_nanos(nanos))


def build_order(order: OrderPlaced, contract: Contract, now_ms: int) -> dict[str, object]:
    """Parameters of private/buy and private/sell.

    `post_only` is always said, because the venue's documents and its behaviour differ on what silence means; without
    `reject_post_only` the venue would move the price instead of refusing (protocol sheet §4).
    """
    is_post_only = order.time_in_force is TimeInForce.POST_ONLY
    params: dict[str, object] = {
        "instrument_name": to_deribit(contract),
        "amount": number(order.amount_nanos),
        "type": "limit",
        "price": number(order.price_nanos),
        "label": order.client_id,
        "time_in_force": "immediate_or_cancel" if order.time_in_force is TimeInForce.IOC else "good_til_cancelled",
        "post_only": is_post_only,
        "reduce_only": order.reduce_only,
        "mmp": order.is_protected,
        "valid_until": now_ms + ORDER_VALID_MS,
    }
    if is_post_only:
        params["reject_post_only"] = True
    return params


def build_label(label: str, contract: Contract | None) -> dict[str, object]:
    """Parameters of a cancel by label; with its currency, it counts as an ordinary one (protocol sheet §4)."""
    subject: dict[str, object] = {"label": label}
    return subject | {"currency": account_currency(contract)} if contract is not None else subject


def build_edit(price_nanos: int, amount_nanos: int) -> dict[str, object]:
    """Parameters of private/edit and edit_by_label but for the order; the amount includes what has filled.

    Flags must be said again, or the venue takes its defaults (protocol sheet §4).
    """
    return {
        "price": number(price_nanos),
        "amount": number(amount_nanos),
        "post_only": True,
        "reject_post_only": True,
    }


def method_of(side: Side) -> str:
    return f"private/{side.word}"


def parse_placed(result: Any, now_ns: int) -> tuple[VenueOrder, list[Fill]]:
    """Result of buy, sell, edit and edit_by_label → the order and its immediate fills.

    {"order":{"label":"O-19700101-000000-001-001-1","price":2973.55,"user_id":96103,"amount":0.001,"direction":"buy",
    "time_in_force":"good_til_cancelled","instrument_name":"ETH_USDC-PERPETUAL","order_id":"USDC-104819327443",
    "creation_timestamp":1767978363493,"replaced":false,"filled_amount":0.0,"last_update_timestamp":1767978363493,
    "post_only":true,"reduce_only":false,"average_price":0.0,"order_state":"open","order_type":"limit",…},"trades":[]}

    Raises:
        BadFrame: a field is missing, of another type or out of range.
    """
    wire = read(result, _WirePlaced, "placed order")
    return order_of(wire.order), fills_of(wire.trades, now_ns)


def parse_order(result: Any) -> VenueOrder:
    """Result of private/cancel and private/get_order_state: one order, as in `parse_placed`."""
    return order_of(read(result, WireOrder, "order"))


def parse_orders(result: Any) -> list[VenueOrder]:
    """Result of the questions for open orders and for orders by label: an array of orders, as in `parse_placed`."""
    return [order_of(order) for order in read(result, list[WireOrder], "orders")]


def parse_changes(data: Any, now_ns: int) -> tuple[list[VenueOrder], list[Fill]]:
    """Data of a user.changes channel → what happened to our orders, and our trades.

    {"instrument_name":"BTC-PERPETUAL","trades":[…],"orders":[…],"positions":[…]}; orders as in `parse_placed`, trades
    as in `parse_trades`.

    Raises:
        BadFrame: a field is missing, of another type or out of range.
    """
    wire = read(data, _WireChanges, "changes")
    return [order_of(order) for order in wire.orders], fills_of(wire.trades, now_ns)


def parse_trades(result: Any, now_ns: int) -> tuple[list[Fill], bool, int]:
    """Result of private/get_user_trades_… → fills, whether there are more, and the venue's stamp of the last in ms.

    {"trades":[{"label":"user_trades_test_eth_1","timestamp":1757938366470,"state":"filled","price":4580.05,
    "direction":"buy","index_price":4529.49,"instrument_name":"ETH-PERPETUAL","trade_seq":22483849,
    "order_id":"ETH-41421995110","amount":100.0,"trade_id":"ETH-40215115","fee_currency":"ETH","fee":0.0,
    "liquidity":"M",…}],"has_more":false}

    Trades of combos and spot are left out: the legs of a combo come as trades of their own.
    """
    wire = read(result, _WireTrades, "trades")
    return fills_of(wire.trades, now_ns), wire.has_more, max((trade.timestamp for trade in wire.trades), default=0)


def parse_trade_list(data: Any, now_ns: int) -> list[Fill]:
    """Data of a user.trades channel: an array of trades, as in `parse_trades`."""
    return fills_of(read(data, list[WireTrade], "trades"), now_ns)


def parse_time(result: Any) -> int:
    """Result of public/get_time, ``1550147385946`` → unix nanoseconds."""
    return read(result, Millis, "time") * NANOS_PER_MS


def parse_subscribed(result: Any, channels: list[str]) -> dict[str, str]:
    """Result of subscribe, the channels that were taken → the words for each of `channels` that was not."""
    taken = set(read(result, list[str], "subscribe"))
    return {channel: "not among the channels that the venue took" for channel in channels if channel not in taken}


def parse_count(result: Any) -> int:
    """Result of the cancels of many: how many orders were cancelled."""
    return read(result, Count, "cancelled")


def parse_login(result: Any) -> Login:
    """Result of public/auth.

    {"access_token":"…","expires_in":900,"refresh_token":"…","scope":"account:read connection trade:read_write",
    "token_type":"bearer"}
    """
    wire = read(result, _WireLogin, "login")
    return Login(wire.refresh_token, wire.expires_in, frozenset(wire.scope.split()))


def order_of(wire: WireOrder) -> VenueOrder:
    try:
        contract = from_deribit(wire.instrument_name)
    except ValueError:
        contract = None
    return VenueOrder(
        client_id=wire.label or wire.order_id,
        contract=contract,
        order_id=wire.order_id,
        state=_STATES[wire.order_state],
        filled_nanos=nanos(wire.filled_amount, f"order {wire.order_id} filled_amount"),
        cancel_reason=wire.cancel_reason or "",
    )


def fills_of(trades: list[WireTrade], now_ns: int) -> list[Fill]:
    return [_fill(trade, now_ns) for trade in trades if _is_contract(trade.instrument_name)]


def _is_contract(name: str) -> bool:
    try:
        from_deribit(name)
    except ValueError:
        return False
    return True


def _fill(wire: WireTrade, now_ns: int) -> Fill:
    what = f"trade {wire.trade_id}"
    contract = contract_of(wire.instrument_name, what)
    currency = currency_of(contract, what)
    if wire.fee_currency != _FEE_CURRENCIES.get(currency, currency):
        raise BadFrame(f"{what} fee_currency: {wire.fee_currency!r}, {wire.instrument_name} is paid in {currency}")
    return Fill(
        now_ns=now_ns,
        venue=VENUE,
        trade_id=wire.trade_id,
        client_id=wire.label or (f"{BLOCK_LABEL}{wire.block_rfq_id}" if wire.block_rfq_id else wire.order_id or ""),
        instrument=contract.name,
        side=Side.BUY if wire.direction == "buy" else Side.SELL,
        price_nanos=nanos(wire.price, f"{what} price", at_least=1),
        amount_nanos=nanos(wire.amount, f"{what} amount", at_least=1),
        fee_e18=e18(wire.fee, f"{what} fee"),
        is_maker=wire.liquidity == "M",
        venue_time_ns=wire.timestamp * NANOS_PER_MS,
        currency=currency,
        index_nanos=nanos_nearest(wire.index_price, f"{what} index_price", at_least=1),
    )
