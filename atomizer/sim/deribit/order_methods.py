"""Methods that trade: buy, sell, edit, close, and the ways to cancel."""

from collections.abc import Callable
from typing import Any

from atomizer.sim.deribit import codes
from atomizer.sim.deribit.admission import OrderRequest, admit, admit_edit
from atomizer.sim.deribit.codes import Rejection, invalid
from atomizer.sim.deribit.instruments import Instrument
from atomizer.sim.deribit.limits import Rate
from atomizer.sim.deribit.methods import Call, Method
from atomizer.sim.deribit.orders import Life, Order, Status, Trade
from atomizer.sim.deribit.units import NANOS, NS_PER_S
from atomizer.sim.deribit.wire_account import order_shape, user_trade_shape

_TYPES = ("limit", "market")
_UNOFFERED = ("trigger", "trigger_price", "trigger_offset", "advanced", "linked_order_type", "otoco_config")
QUOTE_FREEZE_NS = NS_PER_S


def _amount(call: Call, instrument: Instrument) -> int:
    """`amount`, or `contracts` of the instrument, or both if they say the same."""
    params = call.params
    if "amount" not in params and "contracts" not in params:
        raise invalid("amount", "value required")
    amount = call.nanos("amount") if "amount" in params else None
    if "contracts" in params:
        from_contracts = call.nanos("contracts") * instrument.rules.contract // NANOS
        if amount not in {None, from_contracts}:
            raise invalid("contracts", "amount and contracts do not match")
        amount = from_contracts
    return amount or 0


def _check_offered(call: Call) -> None:
    for name in _UNOFFERED:
        if name in call.params:
            raise Rejection(
                codes.NOT_IMPLEMENTED, "practice Deribit has neither trigger nor advanced orders", param=name
            )
    if call.params.get("type", "limit") not in _TYPES:
        raise Rejection(codes.NOT_IMPLEMENTED, "practice Deribit has limit and market orders", param="type")


def _request(call: Call, *, is_buy: bool) -> OrderRequest:
    params, instrument = call.params, call.instrument()
    _check_offered(call)
    is_market = params.get("type", "limit") == "market"
    if not is_market and "price" not in params:
        raise invalid("price", "value required")
    life = Life.IMMEDIATE_OR_CANCEL if is_market else Life.GOOD_TIL_CANCELLED
    return OrderRequest(
        user_id=call.holder.user_id,
        instrument=instrument,
        is_buy=is_buy,
        amount=_amount(call, instrument),
        price=None if is_market else call.nanos("price"),
        order_type="market" if is_market else "limit",
        life=Life(params.get("time_in_force", life)),
        label=params.get("label", ""),
        post_only=call.flag("post_only"),
        reject_post_only=call.flag("reject_post_only"),
        reduce_only=call.flag("reduce_only"),
        mmp=call.flag("mmp"),
        connection=call.connection.number if call.connection else 0,
    )


def _placed(order: Order, trades: list[Trade]) -> dict[str, Any]:
    return {"order": order_shape(order), "trades": [user_trade_shape(trade) for trade in trades]}


def _place(call: Call, request: OrderRequest) -> dict[str, Any]:
    call.check_in_time()
    order = admit(call.engine, request, call.now_ns)
    return _placed(order, call.engine.place(order, call.now_ns))


def buy(call: Call) -> dict[str, Any]:
    return _place(call, _request(call, is_buy=True))


def sell(call: Call) -> dict[str, Any]:
    return _place(call, _request(call, is_buy=False))


def close_position(call: Call) -> dict[str, Any]:
    """A reduce-only order for all that is held."""
    instrument = call.instrument()
    held = call.holder.amount_of(instrument.name)
    if not held:
        raise Rejection(codes.OTHER_REJECT, detail="position_not_found")
    is_market = call.params["type"] == "market"
    if not is_market and "price" not in call.params:
        raise invalid("price", "value required")
    request = OrderRequest(
        user_id=call.holder.user_id,
        instrument=instrument,
        is_buy=held < 0,
        amount=abs(held),
        price=None if is_market else call.nanos("price"),
        order_type=call.params["type"],
        life=Life.IMMEDIATE_OR_CANCEL if is_market else Life.GOOD_TIL_CANCELLED,
        reduce_only=True,
        connection=call.connection.number if call.connection else 0,
    )
    return _place(call, request)


def find_order(call: Call) -> Order:
    """An order of the caller, open or not."""
    found = call.engine.orders.get(call.params["order_id"])
    if found is None:
        raise Rejection(codes.ORDER_NOT_FOUND)
    if found.user_id != call.holder.user_id:
        raise Rejection(codes.NOT_OWNER)
    return found


def _edit(call: Call, order: Order) -> dict[str, Any]:
    call.check_in_time()
    _check_offered(call)
    if order.status is not Status.OPEN or order.quote is not None:
        raise Rejection(codes.NOT_OPEN_ORDER)
    params = call.params
    has_amount = "amount" in params or "contracts" in params
    amount = _amount(call, order.instrument) if has_amount else order.amount
    price = call.nanos("price") if "price" in params else order.price
    kept = order.post_only, order.reject_post_only, order.reduce_only, order.mmp
    order.post_only, order.reject_post_only = call.flag("post_only"), call.flag("reject_post_only")
    order.reduce_only = call.flag("reduce_only")
    order.mmp = bool(params.get("mmp", order.mmp))
    try:
        amount, price = admit_edit(call.engine, order, amount, price, call.now_ns)
    except Rejection:
        order.post_only, order.reject_post_only, order.reduce_only, order.mmp = kept
        raise
    return _placed(order, call.engine.reprice(order, amount, price, call.now_ns))


def edit(call: Call) -> dict[str, Any]:
    """`amount` is the new total, filled part included; flags that are not sent again are off."""
    return _edit(call, find_order(call))


def edit_by_label(call: Call) -> dict[str, Any]:
    """Exactly one open order of the instrument may carry the label."""
    instrument, label = call.instrument(), call.params.get("label", "")
    found = [
        order for order in call.holder.open_orders.values() if order.label == label and order.instrument is instrument
    ]
    if not found:
        raise Rejection(codes.ORDER_NOT_FOUND)
    if len(found) > 1:
        raise Rejection(codes.NON_UNIQUE_LABEL)
    return _edit(call, found[0])


def cancel(call: Call) -> dict[str, Any]:
    order = find_order(call)
    if order.status is not Status.OPEN:
        raise Rejection(codes.NOT_OPEN_ORDER)
    call.engine.close(order, Status.CANCELLED, "user_request", call.now_ns)
    return order_shape(order)


def cancel_where(call: Call, wanted: Callable[[Order], bool]) -> Any:
    """Cancel and say how many, or with `detailed` which: [{"instrument_name", "currency", "type", "result": […]}]."""
    if call.flag("freeze_quotes"):
        call.holder.quotes_frozen_until_ns = call.now_ns + QUOTE_FREEZE_NS
    orders = [order for order in list(call.holder.open_orders.values()) if wanted(order)]
    gone = call.engine.cancel_all(orders, "user_request", call.now_ns)
    if not call.flag("detailed"):
        return len(gone)
    reports: dict[str, dict[str, Any]] = {}
    for order in gone:
        item = order.instrument
        head = {"instrument_name": item.name, "currency": item.currency, "type": "limit", "result": []}
        reports.setdefault(item.name, head)["result"].append(order_shape(order))
    return list(reports.values())


def _by_type(call: Call) -> Callable[[Order], bool]:
    """No order of this venue waits for a trigger."""
    wanted = call.params.get("type", "all")
    return lambda _order: wanted in {"all", "limit"}


def cancel_all(call: Call) -> Any:
    return cancel_where(call, lambda _order: True)


def cancel_all_by_instrument(call: Call) -> Any:
    instrument, of_type = call.instrument(), _by_type(call)
    return cancel_where(call, lambda order: order.instrument is instrument and of_type(order))


def cancel_all_by_currency(call: Call) -> Any:
    """One currency, "any", or a list of currencies."""
    wanted, kind, of_type = call.params["currency"], call.params.get("kind", "any"), _by_type(call)
    currencies = {wanted} if isinstance(wanted, str) else set(wanted)
    return cancel_where(
        call,
        lambda order: (
            not currencies.isdisjoint({"any", order.instrument.currency})
            and kind in {"any", order.instrument.kind}
            and of_type(order)
        ),
    )


def cancel_all_by_currency_pair(call: Call) -> Any:
    pair, kind, of_type = call.params["currency_pair"], call.params.get("kind", "any"), _by_type(call)
    return cancel_where(
        call,
        lambda order: order.instrument.index_name == pair and kind in {"any", order.instrument.kind} and of_type(order),
    )


def cancel_by_label(call: Call) -> Any:
    label, currency = call.params["label"], call.params.get("currency", "any")
    return cancel_where(call, lambda order: order.label == label and currency in {"any", order.instrument.currency})


def _trading(handle: Callable[[Call], Any]) -> Method:
    return Method(handle, Rate.MATCHING, area="trade", level="read_write")


ORDER_METHODS: dict[str, Method] = {
    "private/buy": _trading(buy),
    "private/sell": _trading(sell),
    "private/close_position": _trading(close_position),
    "private/edit": _trading(edit),
    "private/edit_by_label": _trading(edit_by_label),
    "private/cancel": _trading(cancel),
    "private/cancel_all": _trading(cancel_all),
    "private/cancel_all_by_instrument": _trading(cancel_all_by_instrument),
    "private/cancel_all_by_currency": _trading(cancel_all_by_currency),
    "private/cancel_all_by_kind_or_type": _trading(cancel_all_by_currency),
    "private/cancel_all_by_currency_pair": _trading(cancel_all_by_currency_pair),
    "private/cancel_by_label": _trading(cancel_by_label),
}
