"""Frames of the JSON-RPC socket: the envelope, requests, our orders and trades. Pure.

Fields as in the protocol sheet §1 and §3; the samples are captures of 2025 and 2026 or, where none exists, the sheet's.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec
import orjson
from msgspec import Meta

from atomizer._core.fixed import format_nanos
from atomizer.domain.trading import Fill, OrderPlaced, OrderState, OrderUpdate, Side
from atomizer.errors import BadFrame
from atomizer.net.channels import Notice
from atomizer.net.rpc import Answer, Fault
from atomizer.venues.derive.codes import LONGEST_WORDS, WireError, fault_of
from atomizer.venues.derive.profile import NANOS_PER_MS, VENUE, Profile
from atomizer.venues.derive.wire import (
    Count,
    Digits,
    Identity,
    Millis,
    Name,
    Nonce,
    Word,
    e18,
    nanos,
    read,
)

_STATES: Final = {
    "open": OrderState.OPEN,
    "untriggered": OrderState.OPEN,
    "algo_active": OrderState.OPEN,
    "filled": OrderState.FILLED,
    "cancelled": OrderState.CANCELLED,
    "expired": OrderState.EXPIRED,
    "rejected": OrderState.REFUSED,
}


class VenueOrder(NamedTuple):
    """One order as the venue has it. An order without a label (not ours) goes by the venue's id."""

    client_id: str
    nonce: int
    instrument: str
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


class SignedTerms(NamedTuple):
    """What an order's signature covers beside the order itself, and the signature (0x, 65 bytes)."""

    max_fee_nanos: int  # per unit
    expiry_s: int
    signature: str


class Replaced(NamedTuple):
    """What a replacement did: the old order as it ended, and the new one with its fills, or why there is none."""

    cancelled: VenueOrder
    order: VenueOrder | None
    fills: list[Fill]
    fault: Fault | None


class _WireOrder(msgspec.Struct):
    order_id: Identity
    instrument_name: Name
    order_status: Literal["open", "untriggered", "algo_active", "filled", "cancelled", "expired", "rejected"]
    filled_amount: Digits
    nonce: Nonce
    label: Word = ""
    cancel_reason: Word | None = ""


class _WireTrade(msgspec.Struct):
    trade_id: Identity
    instrument_name: Name
    direction: Literal["buy", "sell"]
    trade_price: Digits
    trade_amount: Digits
    trade_fee: Digits
    liquidity_role: Literal["maker", "taker"]
    timestamp: Millis
    order_id: Word | None = ""
    label: Word | None = ""


class _WirePlaced(msgspec.Struct):
    order: _WireOrder
    trades: list[_WireTrade] = []


class _WirePagination(msgspec.Struct):
    num_pages: Count


class _WireReplaced(msgspec.Struct):
    cancelled_order: _WireOrder
    order: _WireOrder | None = None
    trades: list[_WireTrade] | None = None
    create_order_error: WireError | None = None


class _WireOrders(msgspec.Struct):
    orders: list[_WireOrder]
    pagination: _WirePagination | None = None


class _WireTrades(msgspec.Struct):
    trades: list[_WireTrade]
    pagination: _WirePagination


class _WireSubscribed(msgspec.Struct):
    status: dict[str, Any]


class _WireCancelled(msgspec.Struct):
    cancelled_orders: Annotated[int, Meta(ge=-1, le=2**31)]


def parse_message(frame: bytes | memoryview) -> Answer | Notice:
    """One text frame → a channel's notice, or the answer to a request.

    {"method":"subscription","params":{"channel":"orderbook.ETH-USDC.1.10","data":{"asks":[],"bids":[],
    "instrument_name":"ETH-USDC","publish_id":225453,"timestamp":1779605870623}}}
    {"id":7,"error":{"code":14014,"message":"Signature invalid for message or transaction","data":"…"}}

    Raises:
        BadFrame: `not_json`, `unknown_kind`, or an error that is the answer to nothing (`unaddressed`).
    """
    try:
        message = orjson.loads(frame)
    except orjson.JSONDecodeError as error:
        raise BadFrame(f"not JSON: {error}", reason="not_json") from None
    if type(message) is not dict:
        raise BadFrame(f"neither answer nor notice: {message!r:.64}", reason="unknown_kind")
    if message.get("method") == "subscription":
        params = message.get("params")
        if type(params) is not dict or type(params.get("channel")) is not str or "data" not in params:
            raise BadFrame("a notice without its channel or data")
        return Notice(params["channel"], params["data"])
    request_id = message.get("id")
    fault = fault_of(read(message["error"], WireError, "error")) if message.get("error") is not None else None
    if type(request_id) is not int:
        if fault is not None:
            raise BadFrame(f"an error that answers nothing: {fault.words}", reason="unaddressed")
        raise BadFrame(f"neither answer nor notice: id {request_id!r:.64}", reason="unknown_kind")
    if fault is None and "result" not in message:
        raise BadFrame(f"answer {request_id} has neither result nor error")
    return Answer(request_id, message.get("result"), fault)


def parse_answer(body: bytes, request_id: int) -> Answer:
    """Body of an answer over HTTP: the socket's envelope, under an id of the venue's own.

    {"id":"0e1ba7a9-…","result":1772624842966}

    Raises:
        BadFrame: `not_json`, or neither result nor error.
    """
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadFrame(f"not JSON: {error}", reason="not_json") from None
    if type(message) is not dict or ("result" not in message and message.get("error") is None):
        raise BadFrame("an answer with neither result nor error")
    fault = fault_of(read(message["error"], WireError, "error")) if message.get("error") is not None else None
    return Answer(request_id, message.get("result"), fault)


def build_request(request_id: int, method: str, params: dict[str, object]) -> bytes:
    """{"id":1,"method":"public/get_time","params":{}}"""
    return orjson.dumps({"id": request_id, "method": method, "params": params})


def build_order(
    order: OrderPlaced, profile: Profile, subaccount_id: int, signer: str, signed: SignedTerms
) -> dict[str, object]:
    """Parameters of private/order: the very numbers that were signed, printed from the same integers."""
    return {
        "instrument_name": order.instrument,
        "subaccount_id": subaccount_id,
        "direction": order.side.word,
        "order_type": "limit",
        "time_in_force": order.time_in_force.value,
        "limit_price": format_nanos(order.price_nanos),
        "amount": format_nanos(order.amount_nanos),
        "max_fee": format_nanos(signed.max_fee_nanos),
        "nonce": profile.nonce_on_wire(order.nonce),
        "signature_expiry_sec": signed.expiry_s,
        "signer": signer,
        "signature": signed.signature,
        "reduce_only": order.reduce_only,
        "mmp": order.is_protected,
        "label": order.client_id,
    }


def build_replacement(
    order: dict[str, object], profile: Profile, order_id: str, nonce: int, filled_nanos: int
) -> dict[str, object]:
    """Parameters of private/replace: those of private/order, and which order goes: by the venue's id, or by its nonce.

    Nothing new is created unless the old order has filled exactly `filled_nanos`.
    """
    old = {"order_id_to_cancel": order_id} if order_id else {"nonce_to_cancel": profile.nonce_on_wire(nonce)}
    return order | old | {"expected_filled_amount": format_nanos(filled_nanos)}


def parse_replaced(result: Any, now_ns: int) -> Replaced:
    """Result of private/replace. It is a result also when the old order went and the new one was refused:

    {"cancelled_order":{…},"order":null,"trades":null,
    "create_order_error":{"code":11008,"message":"Post-only reject","data":null}}, orders as in `parse_placed`.

    Raises:
        BadFrame: a field is missing, of another type or out of range, or there is neither an order nor an error.
    """
    wire = read(result, _WireReplaced, "replacement")
    if (wire.order is None) == (wire.create_order_error is None):
        raise BadFrame("replacement: expected an order or a create_order_error, and not both")
    return Replaced(
        cancelled=_order(wire.cancelled_order),
        order=_order(wire.order) if wire.order is not None else None,
        fills=[_fill(trade, now_ns) for trade in wire.trades or ()],
        fault=fault_of(wire.create_order_error) if wire.create_order_error is not None else None,
    )


def parse_placed(result: Any, now_ns: int) -> tuple[VenueOrder, list[Fill]]:
    """Result of private/order → the order and its immediate fills.

    {"order":{"amount":"0.1","average_price":"0","cancel_reason":"","creation_timestamp":1779606523447,
    "direction":"buy","filled_amount":"0","instrument_name":"ETH-USDC","label":"research-q4-buy",
    "last_update_timestamp":1779606523447,"limit_price":"100","max_fee":"1000","mmp":false,"nonce":17796065232320,
    "order_fee":"0","order_id":"4c502c6f-e129-4649-8102-2755e8280400","order_status":"open","order_type":"limit",
    "signature_expiry_sec":1779607123,"subaccount_id":144259,"time_in_force":"gtc",…},"trades":[]}

    Raises:
        BadFrame: a field is missing, of another type or out of range.
    """
    wire = read(result, _WirePlaced, "placed order")
    return _order(wire.order), [_fill(trade, now_ns) for trade in wire.trades]


def parse_order(result: Any) -> VenueOrder:
    """Result of private/cancel: one order, as in `parse_placed`."""
    return _order(read(result, _WireOrder, "order"))


def parse_order_notice(data: Any) -> list[VenueOrder]:
    """Data of the {subaccount}.orders channel: an array of orders, as in `parse_placed`."""
    return [_order(order) for order in read(data, list[_WireOrder], "orders")]


def parse_orders(result: Any) -> tuple[list[VenueOrder], int]:
    """Result of get_open_orders or get_order_history → orders and the number of pages.

    {"subaccount_id":30769,"orders":[…],"pagination":{"count":120,"num_pages":2}}, orders as in `parse_placed`.
    """
    wire = read(result, _WireOrders, "orders")
    return [_order(order) for order in wire.orders], wire.pagination.num_pages if wire.pagination else 1


def parse_trade_notice(data: Any, now_ns: int) -> list[Fill]:
    """Data of the {subaccount}.trades channel → fills.

    [{"trade_id":"0445f96a-10fb-4fdc-a0f9-eed94a2f32e1","instrument_name":"ETH-USDC","timestamp":1775245899929,
    "trade_price":"2050","trade_amount":"0.1","mark_price":"2052.7251201831555","index_price":"2052.7251201831555",
    "direction":"sell","quote_id":null,"subaccount_id":143373,"tx_status":"settled","trade_fee":"0",
    "liquidity_role":"maker","realized_pnl":"0.2764236087424108",…}]

    Raises:
        BadFrame: a field is missing, of another type or out of range.
    """
    return [_fill(trade, now_ns) for trade in read(data, list[_WireTrade], "trades")]


def parse_trades(result: Any, now_ns: int) -> tuple[list[Fill], int]:
    """Result of private/get_trade_history → fills and the number of pages; trades as in `parse_trade_notice`."""
    wire = read(result, _WireTrades, "trades")
    return [_fill(trade, now_ns) for trade in wire.trades], wire.pagination.num_pages


def parse_time(result: Any) -> int:
    """Result of public/get_time, ``1772624842966`` → unix nanoseconds."""
    return read(result, Millis, "time") * NANOS_PER_MS


def parse_subscribed(result: Any, channels: Sequence[str]) -> dict[str, str]:
    """Result of subscribe → the venue's words for each of `channels` that it did not take.

    {"current_subscriptions":["ticker_slim.ETH-USDC.1000"],"status":{"ticker_slim.ETH-USDC.1000":"ok",
    "trades.spot.ETH":"{'instrument_type': ['Invalid enum value spot']}"}}
    """
    status = read(result, _WireSubscribed, "subscribe").status
    return {
        channel: str(status.get(channel, "not mentioned"))[:LONGEST_WORDS]
        for channel in channels
        if status.get(channel) != "ok"
    }


def parse_cancelled_count(result: Any) -> int:
    """Result of private/cancel_by_nonce, ``{"cancelled_orders":1}``."""
    return read(result, _WireCancelled, "cancelled").cancelled_orders


def _order(wire: _WireOrder) -> VenueOrder:
    return VenueOrder(
        client_id=wire.label or wire.order_id,
        nonce=int(wire.nonce),
        instrument=wire.instrument_name,
        order_id=wire.order_id,
        state=_STATES[wire.order_status],
        filled_nanos=nanos(wire.filled_amount, f"order {wire.order_id} filled_amount"),
        cancel_reason=wire.cancel_reason or "",
    )


def _fill(wire: _WireTrade, now_ns: int) -> Fill:
    what = f"trade {wire.trade_id}"
    return Fill(
        now_ns=now_ns,
        venue=VENUE,
        trade_id=wire.trade_id,
        client_id=wire.label or wire.order_id or "",
        instrument=wire.instrument_name,
        side=Side.BUY if wire.direction == "buy" else Side.SELL,
        price_nanos=nanos(wire.trade_price, f"{what} trade_price"),
        amount_nanos=nanos(wire.trade_amount, f"{what} trade_amount", at_least=1),
        fee_e18=e18(wire.trade_fee, f"{what} trade_fee"),
        is_maker=wire.liquidity_role == "maker",
        venue_time_ns=wire.timestamp * NANOS_PER_MS,
    )
