"""Mass quotes: many two-sided quotes in one request, each under market maker protection (protocol sheet §4)."""

from dataclasses import dataclass, replace
from typing import Any

from atomizer.sim.deribit import codes
from atomizer.sim.deribit.admission import OrderRequest, admit, admit_edit
from atomizer.sim.deribit.codes import Rejection, invalid
from atomizer.sim.deribit.instruments import Instrument
from atomizer.sim.deribit.limits import Rate
from atomizer.sim.deribit.methods import Call, Method
from atomizer.sim.deribit.mmp import Protection
from atomizer.sim.deribit.order_methods import cancel_where
from atomizer.sim.deribit.orders import Order, QuoteTag, Status, Trade
from atomizer.sim.deribit.units import nanos_of
from atomizer.sim.deribit.wire_account import order_shape, user_trade_shape

_MOST_QUOTES = 100
_SIDES = ("bid", "ask")
_NEEDED = {
    "delta": ("min_delta", "max_delta"),
    "quote_set_id": ("quote_set_id",),
    "instrument": ("instrument_name",),
    "instrument_kind": ("kind",),
    "currency": ("currency",),
    "currency_pair": ("currency_pair",),
}


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of one quote, as asked."""

    instrument: Instrument
    is_buy: bool
    price: int
    amount: int
    tag: QuoteTag
    post_only: bool
    reject_post_only: bool


def mass_quote(call: Call) -> dict[str, Any]:
    """Every side by itself: placed, amended, cancelled by amount 0, or refused; what rests ends with a refused
    amendment.
    """
    call.check_in_time()
    connection = call.connection
    if not (call.holder.cancels_on_disconnect or (connection is not None and connection.cancels_on_disconnect)):
        raise Rejection(codes.COD_NOT_ENABLED)
    if call.now_ns < call.holder.quotes_frozen_until_ns:
        raise Rejection(codes.QUOTES_FROZEN)
    sides = _sides(call)
    protection = _protection(call, sides)
    orders: dict[str, Order] = {}
    trades: list[Trade] = []
    errors: list[dict[str, Any]] = []
    for side in sides:
        try:
            _check_quantity(side, protection)
            order, mine = _quote(call, side)
        except Rejection as rejection:
            errors.append(_error(side, rejection))
            continue
        if order is not None:
            orders[order.order_id] = order
        trades += mine
    if not call.flag("detailed"):
        return {"errors_count": len(errors), "pending_requests_count": 0}
    return {
        "orders": [order_shape(order) for order in orders.values()],
        "trades": [user_trade_shape(trade) for trade in trades],
        "errors": errors,
        "pending_requests": [],
        "errors_count": len(errors),
        "pending_requests_count": 0,
    }


def _check_quantity(side: _Side, protection: Protection) -> None:
    if side.amount > protection.config.max_quote_quantity:
        raise Rejection(codes.BAD_ARGUMENTS, "max_quote_quantity exceeded", param="amount")


def _sides(call: Call) -> list[_Side]:
    quotes = call.params["quotes"]
    if not 0 < len(quotes) <= _MOST_QUOTES:
        raise invalid("quotes", f"from 1 to {_MOST_QUOTES} quotes")
    names = [quote.get("instrument_name") for quote in quotes]
    if len(set(names)) != len(names):
        raise invalid("quotes", "one quote an instrument")
    return [side for quote in quotes for side in _sides_of(call, quote)]


def _sides_of(call: Call, quote: dict[str, Any]) -> list[_Side]:
    instrument = call.instrument_named(str(quote.get("instrument_name")))
    params = call.params
    tag = QuoteTag(params["quote_id"], quote.get("quote_set_id", ""), params["mmp_group"])
    sides = []
    for name in _SIDES:
        side = quote.get(name)
        if side is None:
            continue
        price, amount = nanos_of(side.get("price", 0)), nanos_of(side.get("amount", -1))
        if price is None or amount is None or amount < 0:
            raise invalid(f"quotes.{name}", "price and amount are needed")
        flags = bool(side.get("post_only", False)), bool(side.get("reject_post_only", False))
        sides.append(_Side(instrument, name == "bid", price, amount, tag, *flags))
    return sides


def _protection(call: Call, sides: list[_Side]) -> Protection:
    """All sides are of one index, under one group that protects it."""
    indexes = {side.instrument.index_name for side in sides}
    if len(indexes) != 1:
        raise invalid("quotes", "all quotes must be of one index")
    protection = call.holder.protections.get((indexes.pop(), call.params["mmp_group"], False))
    if protection is None:
        raise Rejection(codes.MMP_REQUIRED)
    return protection


def _quote(call: Call, side: _Side) -> tuple[Order | None, list[Trade]]:
    """What now stands for this side, and what it traded on the way."""
    resting = _resting(call, side)
    if not side.amount:
        if resting is not None:
            call.engine.close(resting, Status.CANCELLED, "user_request", call.now_ns)
        return resting, []
    if resting is not None:
        return _amend(call, side, resting)
    request = OrderRequest(
        user_id=call.holder.user_id,
        instrument=side.instrument,
        is_buy=side.is_buy,
        amount=side.amount,
        price=side.price,
        post_only=side.post_only,
        reject_post_only=side.reject_post_only,
        mmp=True,
        connection=call.connection.number if call.connection else 0,
        quote=side.tag,
    )
    order = admit(call.engine, request, call.now_ns)
    return order, call.engine.place(order, call.now_ns)


def _amend(call: Call, side: _Side, resting: Order) -> tuple[Order, list[Trade]]:
    """The same order with a new price or amount; only less of the same price, or another set, keeps its place."""
    tag = resting.quote
    same = (side.price, side.amount) == (resting.price, resting.remaining)
    resting.quote, resting.post_only, resting.reject_post_only = side.tag, side.post_only, side.reject_post_only
    if same and tag is not None and replace(tag, quote_id=side.tag.quote_id) != side.tag:
        return resting, []
    try:
        wanted = resting.filled + side.amount
        amount, price = admit_edit(call.engine, resting, wanted, side.price, call.now_ns)
    except Rejection:
        call.engine.close(resting, Status.CANCELLED, "user_request", call.now_ns)
        raise
    return resting, call.engine.reprice(resting, amount, price, call.now_ns, keeps_place=amount < resting.amount)


def _resting(call: Call, side: _Side) -> Order | None:
    for order in call.holder.open_orders.values():
        tag = order.quote
        same_place = order.instrument is side.instrument and order.is_buy == side.is_buy
        if tag is not None and same_place and tag.mmp_group == side.tag.mmp_group:
            return order
    return None


def _error(side: _Side, rejection: Rejection) -> dict[str, Any]:
    error: dict[str, Any] = {"code": rejection.code, "message": rejection.message}
    if rejection.data:
        error["data"] = rejection.data
    name = _SIDES[0] if side.is_buy else _SIDES[1]
    return {"instrument_name": side.instrument.name, "side": name, "error": error}


def cancel_quotes(call: Call) -> Any:
    """Quotes only, by delta, set, instrument, kind, currency, pair, or all of them."""
    params, kind = call.params, call.params["cancel_type"]
    for name in _NEEDED.get(kind, ()):
        if name not in params:
            raise invalid(name, "value required")
    names = {"instrument": "instrument_name", "instrument_kind": "kind", "all": ""}
    wanted = params.get(names.get(kind, kind))

    def is_wanted(order: Order) -> bool:
        item, tag = order.instrument, order.quote
        if tag is None or kind == "all":
            return tag is not None
        if kind == "delta":
            return bool(params["min_delta"] <= abs(call.engine.view(item).greeks.delta) <= params["max_delta"])
        facts = {
            "instrument": item.name,
            "instrument_kind": item.kind,
            "currency": item.currency,
            "currency_pair": item.index_name,
            "quote_set_id": tag.quote_set_id,
        }
        return wanted in {facts[kind], "any"}

    return cancel_where(call, is_wanted)


QUOTE_METHODS: dict[str, Method] = {
    "private/mass_quote": Method(mass_quote, Rate.MATCHING, area="trade", level="read_write"),
    "private/cancel_quotes": Method(cancel_quotes, Rate.MATCHING, area="trade", level="read_write"),
}
