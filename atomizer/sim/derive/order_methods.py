"""Methods that trade: order, replace, and the ways to cancel."""

from typing import Any

from atomizer.sim.derive import codes
from atomizer.sim.derive.accounts import Subaccount
from atomizer.sim.derive.admission import SignedOrder, admit, signed_order
from atomizer.sim.derive.codes import Rejection
from atomizer.sim.derive.limits import Rate
from atomizer.sim.derive.methods import Call, Method
from atomizer.sim.derive.orders import Order, OrderRequest, Status
from atomizer.sim.derive.rpc import error_object
from atomizer.sim.derive.units import MAX_INT64, NANOS, e18_text
from atomizer.sim.derive.verify import action_typehash, domain_separator, recover
from atomizer.sim.derive.wire_account import order_shape, trade_shape

_UNOFFERED = ("trigger_type", "trigger_price", "trigger_price_type", "algo_type")
_DONE = {
    Status.CANCELLED: codes.ALREADY_CANCELLED,
    Status.FILLED: codes.ALREADY_FILLED,
    Status.EXPIRED: codes.ALREADY_EXPIRED,
}
_FIRE_AND_FORGET = -1  # v3's answer to cancel_by_label over all instruments


def _request(call: Call, subaccount: Subaccount) -> OrderRequest:
    params = call.params
    for name in _UNOFFERED:
        if params.has(name):
            raise Rejection(codes.INVALID_PARAMS, f"{name}: the practice venue has no trigger or algo orders")
    max_fee_e18 = params.decimal_e18("max_fee")
    if max_fee_e18 < 0:
        raise Rejection(codes.INVALID_PARAMS, "{'max_fee': ['Must not be negative.']}")
    return OrderRequest(
        wallet=call.wallet.address,
        subaccount_id=subaccount.subaccount_id,
        instrument=call.instrument(),
        is_buy=params.text("direction", choices=("buy", "sell")) == "buy",
        amount_e18=params.decimal_e18("amount"),
        limit_price_e18=params.decimal_e18("limit_price"),
        max_fee_e18=max_fee_e18,
        nonce=params.nonce("nonce"),
        signer=params.address("signer"),
        signature=params.text("signature"),
        signature_expiry_s=params.integer("signature_expiry_sec"),
        order_type=params.text("order_type", "limit", choices=("limit", "market")),
        time_in_force=params.text("time_in_force", "gtc", choices=("gtc", "post_only", "fok", "ioc")),
        label=params.text("label", ""),
        mmp=params.flag("mmp", default=False),
        reduce_only=params.flag("reduce_only", default=False),
        reject_post_only=params.flag("reject_post_only", default=True),
        reject_timestamp_ms=params.integer("reject_timestamp", MAX_INT64),
    )


def _place(call: Call, request: OrderRequest, replaced: Order | None = None) -> dict[str, Any]:
    order = admit(call.engine, request, call.dialect, call.now_ns)
    if replaced is not None:
        order.replaced_order_id = replaced.order_id
    trades = call.engine.place(order, call.now_ns)
    return {
        "order": order_shape(order, call.dialect),
        "trades": [trade_shape(trade, call.dialect, call.now_ns) for trade in trades],
    }


def order(call: Call) -> dict[str, Any]:
    return _place(call, _request(call, call.subaccount()))


def order_debug(call: Call) -> dict[str, Any]:
    """What the signer should have signed; nothing executes and no check but the types is made."""
    signed = signed_order(_request(call, call.subaccount()), call.dialect)
    return _hashes(signed) | (_debug_v3(call, signed) if call.dialect.is_v3 else _debug_v2(call, signed))


def _hashes(signed: SignedOrder) -> dict[str, Any]:
    return {
        "action_hash": "0x" + signed.digests.action_hash.hex(),
        "encoded_data": "0x" + signed.action.data.hex(),
        "encoded_data_hashed": "0x" + signed.digests.data_hash.hex(),
        "typed_data_hash": "0x" + signed.digests.typed_data_hash.hex(),
    }


def _inputs(signed: SignedOrder, data: dict[str, Any]) -> dict[str, Any]:
    """What both generations repeat of the action; `data` is what only one has of the order."""
    request, action = signed.request, signed.action
    order_data = {
        "limit_price": e18_text(request.limit_price_e18),
        "desired_amount": e18_text(request.amount_e18),
        "worst_fee": e18_text(request.max_fee_e18),
        "recipient_id": request.subaccount_id,
        "is_bid": request.is_buy,
    }
    return {
        "data": order_data | data,
        "expiry": action.expiry_s,
        "module": action.module,
        "nonce": action.nonce,
        "owner": action.owner,
        "signer": action.signer,
        "subaccount_id": action.subaccount_id,
    }


def _debug_v2(call: Call, signed: SignedOrder) -> dict[str, Any]:
    request = signed.request
    asset, sub_id = call.dialect.asset(request.instrument), request.instrument.sub_id
    inputs = _inputs(signed, {"asset": asset, "sub_id": sub_id, "trade_id": ""})
    return {"raw_data": inputs | {"is_atomic_signing": False, "signature": request.signature}}


def _debug_v3(call: Call, signed: SignedOrder) -> dict[str, Any]:
    request, action = signed.request, signed.action
    asset, sub_id = call.dialect.asset(request.instrument), str(request.instrument.sub_id)
    try:
        recovered = recover(signed.digests.typed_data_hash, request.signature)
    except Rejection:
        recovered = None
    return {
        "input_data": _inputs(signed, {"asset_address": asset, "asset_sub_id": sub_id}),
        "action_typehash": "0x" + action_typehash().hex(),
        "domain_separator": "0x" + domain_separator(call.dialect.network).hex(),
        "module": action.module,
        "owner": action.owner,
        "expected_signer": action.signer,
        "recovered_signer": recovered,
    }


def replace(call: Call) -> dict[str, Any]:
    """Cancel, then create. A failed cancel is an error and nothing else happens; a failed creation is still a result,
    and the old order stays cancelled.
    """
    subaccount, params = call.subaccount(), call.params
    if params.has("order_id_to_cancel") == params.has("nonce_to_cancel"):
        raise Rejection(codes.INVALID_PARAMS, "exactly one of order_id_to_cancel and nonce_to_cancel")
    request = _request(call, subaccount)
    has_expected = params.has("expected_filled_amount")
    expected_e18 = params.decimal_e18("expected_filled_amount") if has_expected else None
    if params.has("order_id_to_cancel"):
        old = _find(subaccount, params.text("order_id_to_cancel"))
    else:
        old = _find_by_nonce(subaccount, params.nonce("nonce_to_cancel"))
    _cancel(call, old)
    cancelled = order_shape(old, call.dialect)
    try:
        _check_expected(old, expected_e18)
        created = _place(call, request, old)
    except Rejection as rejection:
        error = error_object(rejection, call.dialect)
        return {"cancelled_order": cancelled, "order": None, "trades": None, "create_order_error": error}
    return {"cancelled_order": cancelled, **created, "create_order_error": None}


def _check_expected(old: Order, filled_e18: int | None) -> None:
    if filled_e18 is not None and filled_e18 != old.filled * NANOS:
        raise Rejection(codes.EXPECTED_FILLED)


def _find(subaccount: Subaccount, order_id: str) -> Order:
    found = subaccount.orders.get(order_id)
    if found is None:
        raise Rejection(codes.NO_SUCH_ORDER, f"Open order with id: {order_id} does not exist.")
    return found


def _find_by_nonce(subaccount: Subaccount, nonce: int) -> Order:
    for orders in (subaccount.open_orders, subaccount.orders):  # the open ones are few
        for candidate in orders.values():
            if candidate.request.nonce == nonce:
                return candidate
    raise Rejection(codes.NO_SUCH_ORDER, f"Open order with nonce: {nonce} does not exist.")


def _cancel(call: Call, found: Order) -> None:
    if found.status is not Status.OPEN:
        raise Rejection(_DONE[found.status])
    call.engine.close(found, Status.CANCELLED, "user_request", call.now_ns)


def cancel(call: Call) -> dict[str, Any]:
    subaccount, instrument = call.subaccount(), call.instrument()
    found = _find(subaccount, call.params.text("order_id"))
    if found.request.instrument is not instrument:
        raise Rejection(codes.NO_SUCH_ORDER, f"Order {found.order_id} is not in {instrument.name}.")
    _cancel(call, found)
    return order_shape(found, call.dialect)


def cancel_by_nonce(call: Call) -> dict[str, int]:
    """Cancels, or else burns the nonce: an order in flight that still arrives with it is refused."""
    subaccount, instrument, nonce = call.subaccount(), call.instrument(), call.params.any_nonce("nonce")
    if not call.dialect.is_v3:
        call.check_wallet()
    call.wallet.used_nonces.add(nonce)
    orders = [
        candidate
        for candidate in subaccount.open_orders.values()
        if candidate.request.nonce == nonce and candidate.request.instrument is instrument
    ]
    return {"cancelled_orders": call.engine.cancel_all(orders, "user_request", call.now_ns)}


def cancel_by_instrument(call: Call) -> dict[str, int]:
    subaccount, instrument = call.subaccount(), call.instrument()
    orders = [item for item in subaccount.open_orders.values() if item.request.instrument is instrument]
    return {"cancelled_orders": call.engine.cancel_all(orders, "user_request", call.now_ns)}


def cancel_by_label(call: Call) -> dict[str, int]:
    subaccount, label = call.subaccount(), call.params.text("label")
    instrument = call.instrument() if call.params.has("instrument_name") else None
    orders = [
        item
        for item in subaccount.open_orders.values()
        if item.request.label == label and instrument in {None, item.request.instrument}
    ]
    count = call.engine.cancel_all(orders, "user_request", call.now_ns)
    return {"cancelled_orders": _FIRE_AND_FORGET if call.dialect.is_v3 and instrument is None else count}


def cancel_all(call: Call) -> str:
    call.engine.cancel_all(list(call.subaccount().open_orders.values()), "user_request", call.now_ns)
    return "ok"


ORDER_METHODS: dict[str, Method] = {
    "private/order": Method(order, Rate.MATCHING, is_private=True),
    "private/order_debug": Method(order_debug, is_private=True),
    "private/replace": Method(replace, Rate.MATCHING, is_private=True),
    "private/cancel": Method(cancel, Rate.MATCHING, is_private=True),
    "private/cancel_by_nonce": Method(cancel_by_nonce, Rate.MATCHING, is_private=True),
    "private/cancel_by_instrument": Method(cancel_by_instrument, Rate.MATCHING, is_private=True),
    "private/cancel_by_label": Method(cancel_by_label, Rate.CANCEL_BY_LABEL, is_private=True),
    "private/cancel_all": Method(cancel_all, Rate.CANCEL_ALL, is_private=True),
}
