"""Methods of the RFQ system: takers ask and execute, makers poll, quote, replace and cancel.

Source: protocol sheet §3.5 and §6.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from atomizer.sim.derive import codes
from atomizer.sim.derive.accounts import Subaccount
from atomizer.sim.derive.codes import Rejection
from atomizer.sim.derive.methods import Call, Method
from atomizer.sim.derive.orders import Status
from atomizer.sim.derive.params import Params, paged
from atomizer.sim.derive.rfq_admission import (
    Signing,
    admit_execution,
    admit_quote,
    check_margin,
    legs_hash,
    read_legs,
    read_quote,
)
from atomizer.sim.derive.rfq_engine import is_within_limits, leg_fees_e18, visible_to
from atomizer.sim.derive.rfqs import Quote, QuoteRequest, Rfq
from atomizer.sim.derive.rpc import error_object
from atomizer.sim.derive.units import MAX_INT64, NS_PER_MS, e18_text
from atomizer.sim.derive.wire_rfq import own_rfq_shape, public_quote_shape, quote_shape, rfq_shape

_STATUSES = tuple(status.value for status in Status)

# Takers


def send_rfq(call: Call) -> dict[str, Any]:
    subaccount, params, now_ms = call.subaccount(), call.params, call.now_ns // NS_PER_MS
    rfq = Rfq(
        rfq_id=call.engine.new_id(),
        wallet=call.wallet.address,
        subaccount_id=subaccount.subaccount_id,
        legs=read_legs(call.engine, params, call.now_ns),
        label=params.text("label", ""),
        counterparties=_counterparties(params),
        most_cost_e18=params.decimal_e18("max_total_cost") if params.has("max_total_cost") else None,
        least_cost_e18=params.decimal_e18("min_total_cost") if params.has("min_total_cost") else None,
        created_ms=now_ms,
        updated_ms=now_ms,
    )
    call.rfqs.open(rfq, call.now_ns)
    return own_rfq_shape(rfq, call.engine, call.dialect)


def _counterparties(params: Params) -> tuple[str, ...] | None:
    if not params.has("counterparties"):
        return None
    return tuple(wallet.lower() for wallet in params.texts("counterparties")) or None


def cancel_rfq(call: Call) -> str:
    rfq = _own_rfq(call, call.subaccount())
    if rfq.status is not Status.OPEN:
        raise Rejection(codes.NOT_OPEN, rfq.rfq_id)
    call.rfqs.end(rfq, Status.CANCELLED, "user_request", call.now_ns)
    return "ok"


def cancel_batch_rfqs(call: Call) -> dict[str, list[str]]:
    subaccount, wanted = call.subaccount(), _filters(call.params, ("rfq_id", "label"))
    found = [rfq for rfq in subaccount.rfqs.values() if rfq.status is Status.OPEN and _matches(rfq, wanted)]
    for rfq in found:
        call.rfqs.end(rfq, Status.CANCELLED, "user_request", call.now_ns)
    return {"cancelled_ids": [rfq.rfq_id for rfq in found]}


def get_rfqs(call: Call) -> dict[str, Any]:
    rows = _selected(call, call.subaccount().rfqs.values(), ("rfq_id",))
    page, pagination = paged(call.params, rows)
    return {"rfqs": [own_rfq_shape(rfq, call.engine, call.dialect) for rfq in page], "pagination": pagination}


def poll_quotes(call: Call) -> dict[str, Any]:
    """Makers' quotes for our RFQs, those beyond our limits left out."""
    quotes = [
        quote
        for rfq in call.subaccount().rfqs.values()
        for quote in call.rfqs.quotes_for(rfq)
        if is_within_limits(rfq, quote)
    ]
    page, pagination = paged(call.params, _selected(call, quotes, ("rfq_id", "quote_id")))
    return {"quotes": [public_quote_shape(quote, call.dialect) for quote in page], "pagination": pagination}


def rfq_get_best_quote(call: Call) -> dict[str, Any]:
    """The best quote of an RFQ for one direction, and what executing it would do."""
    subaccount, engine = call.subaccount(), call.engine
    rfq = _own_rfq(call, subaccount)
    buys = call.params.text("direction", "buy", choices=("buy", "sell")) == "buy"
    best = call.rfqs.best(rfq, taker_buys=buys)
    answer: dict[str, Any] = dict.fromkeys(
        ("best_quote", "invalid_reason", "down_liquidation_price", "up_liquidation_price", "post_liquidation_price")
    )
    answer |= dict.fromkeys(
        ("estimated_fee", "estimated_total_cost", "estimated_realized_pnl", "suggested_max_fee"), "0"
    )
    answer |= {"direction": "buy" if buys else "sell", "is_valid": best is not None}
    answer |= {"estimated_realized_pnl_excl_fees": "0", "pre_initial_margin": "0", "post_initial_margin": "0"}
    if best is None:
        return answer | {"invalid_reason": "RFQ has no quotes"}
    fee_e18 = sum(leg_fees_e18(engine, best.request, is_taker=True))
    return answer | {
        "best_quote": public_quote_shape(best, call.dialect),
        "estimated_fee": e18_text(fee_e18),
        "estimated_total_cost": e18_text(-best.request.cost_e18),
        "suggested_max_fee": e18_text(2 * fee_e18),
    }


def execute_quote(call: Call) -> dict[str, Any]:
    subaccount, params = call.subaccount(), call.params
    rfq = _own_rfq(call, subaccount)
    maker = _quote_of(call, params.text("quote_id"))
    request = read_quote(call.engine, params, call.wallet, subaccount)
    admit_execution(call.engine, rfq, maker, request, _signing(call))
    fee_e18 = sum(leg_fees_e18(call.engine, maker.request, is_taker=False))
    try:
        check_margin(call.engine, maker.request, fee_e18)
    except Rejection:
        call.engine.close_quote(maker, Status.CANCELLED, "insufficient_margin", call.now_ns)
        raise Rejection(codes.NOT_OPEN, maker.quote_id) from None
    taker = _quote(call, rfq, request, is_maker=False)
    call.rfqs.execute(maker, taker, call.now_ns)
    shape = quote_shape(taker, call.dialect)
    return shape | {"rfq_filled_pct": "1"} if call.dialect.is_v3 else shape


# Makers


def poll_rfqs(call: Call) -> dict[str, Any]:
    call.subaccount()
    if not call.wallet.is_rfq_maker:
        raise Rejection(codes.NOT_RFQ_MAKER)
    rows = _selected(call, visible_to(call.rfqs.all(), call.wallet.address), ("rfq_id",))
    page, pagination = paged(call.params, rows)
    return {"rfqs": [rfq_shape(rfq, call.dialect) for rfq in page], "pagination": pagination}


def send_quote(call: Call) -> dict[str, Any]:
    return _send(call, call.subaccount(), replaced=None)


def replace_quote(call: Call) -> dict[str, Any]:
    """Cancel, then create, as `replace` does for orders: a failed creation is a result, too."""
    subaccount, params = call.subaccount(), call.params
    if params.has("quote_id_to_cancel") == params.has("nonce_to_cancel"):
        raise Rejection(codes.INVALID_PARAMS, "exactly one of quote_id_to_cancel and nonce_to_cancel")
    if params.has("quote_id_to_cancel"):
        old = subaccount.quotes.get(params.text("quote_id_to_cancel"))
    else:
        nonce = params.any_nonce("nonce_to_cancel")
        old = next((quote for quote in subaccount.quotes.values() if quote.request.nonce == nonce), None)
    cancelled = _cancel(call, old)
    try:
        created = _send(call, subaccount, replaced=old)
    except Rejection as rejection:
        error = error_object(rejection, call.dialect)
        return {"cancelled_quote": cancelled, "quote": None, "create_quote_error": error}
    return {"cancelled_quote": cancelled, "quote": created, "create_quote_error": None}


def cancel_quote(call: Call) -> dict[str, Any]:
    return _cancel(call, call.subaccount().quotes.get(call.params.text("quote_id")))


def cancel_batch_quotes(call: Call) -> dict[str, list[str]]:
    subaccount, wanted = call.subaccount(), _filters(call.params, ("quote_id", "rfq_id", "label"))
    nonce = call.params.any_nonce("nonce") if call.params.has("nonce") else None
    found = [
        quote
        for quote in subaccount.open_quotes.values()
        if _matches(quote, wanted) and nonce in {None, quote.request.nonce}
    ]
    for quote in found:
        call.engine.close_quote(quote, Status.CANCELLED, "user_request", call.now_ns)
    return {"cancelled_ids": [quote.quote_id for quote in found]}


def get_quotes(call: Call) -> dict[str, Any]:
    rows = _selected(call, call.subaccount().quotes.values(), ("rfq_id", "quote_id"))
    page, pagination = paged(call.params, rows)
    return {"quotes": [quote_shape(quote, call.dialect) for quote in page], "pagination": pagination}


# Shared


def _send(call: Call, subaccount: Subaccount, *, replaced: Quote | None) -> dict[str, Any]:
    if not call.wallet.is_rfq_maker:
        raise Rejection(codes.NOT_RFQ_MAKER)
    rfq = call.rfqs.get(call.params.text("rfq_id"))
    if rfq is None:
        raise Rejection(codes.NO_SUCH_RFQ)
    if replaced is not None and replaced.rfq is not rfq:
        raise Rejection(codes.QUOTE_MISMATCH)
    request = read_quote(call.engine, call.params, call.wallet, subaccount)
    admit_quote(call.engine, rfq, request, call.rfqs.open_quotes(rfq), _signing(call))
    quote = _quote(call, rfq, request, is_maker=True)
    call.rfqs.add(quote, call.now_ns)
    return quote_shape(quote, call.dialect)


def _quote(call: Call, rfq: Rfq, request: QuoteRequest, *, is_maker: bool) -> Quote:
    now_ms = call.now_ns // NS_PER_MS
    maker_is_buy = request.is_buy == is_maker
    return Quote(
        quote_id=call.engine.new_id(),
        rfq=rfq,
        request=request,
        legs_hash=legs_hash(request, call.dialect, maker_is_buy=maker_is_buy),
        is_maker=is_maker,
        created_ms=now_ms,
        updated_ms=now_ms,
    )


def _cancel(call: Call, quote: Quote | None) -> dict[str, Any]:
    if quote is None:
        raise Rejection(codes.NO_SUCH_QUOTE)
    if quote.status is not Status.OPEN:
        raise Rejection(codes.NOT_OPEN, quote.quote_id)
    call.engine.close_quote(quote, Status.CANCELLED, "user_request", call.now_ns)
    return quote_shape(quote, call.dialect)


def _own_rfq(call: Call, subaccount: Subaccount) -> Rfq:
    rfq = subaccount.rfqs.get(call.params.text("rfq_id"))
    if rfq is None:
        raise Rejection(codes.NO_SUCH_RFQ)
    return rfq


def _quote_of(call: Call, quote_id: str) -> Quote:
    """Any maker's quote, of any RFQ: whether it is for this one is another question."""
    for rfq in call.rfqs.all():
        for quote in call.rfqs.quotes_for(rfq):
            if quote.quote_id == quote_id:
                return quote
    raise Rejection(codes.NO_SUCH_QUOTE)


def _signing(call: Call) -> Signing:
    return Signing(call.dialect, call.now_ns)


def _filters(params: Params, names: Iterable[str]) -> dict[str, str]:
    return {name: params.text(name) for name in names if params.has(name)}


def _matches(row: Rfq | Quote, wanted: dict[str, str]) -> bool:
    rfq, label = (row.rfq, row.request.label) if isinstance(row, Quote) else (row, row.label)
    facts = {"rfq_id": rfq.rfq_id, "label": label, "quote_id": row.quote_id if isinstance(row, Quote) else ""}
    return all(facts[name] == value for name, value in wanted.items())


def _selected(call: Call, rows: Iterable[Any], names: tuple[str, ...]) -> Sequence[Any]:
    """Latest first, of one status and period if these were asked for."""
    params, wanted = call.params, _filters(call.params, names)
    status = params.text("status", "", choices=("", *_STATUSES))
    low, high = params.integer("from_timestamp", 0), params.integer("to_timestamp", MAX_INT64)
    found = [
        row
        for row in rows
        if status in {"", row.status.value} and low <= row.updated_ms <= high and _matches(row, wanted)
    ]
    return found[::-1]


_PRIVATE: tuple[Callable[[Call], Any], ...] = (
    send_rfq,
    cancel_rfq,
    cancel_batch_rfqs,
    get_rfqs,
    poll_quotes,
    rfq_get_best_quote,
    execute_quote,
    poll_rfqs,
    send_quote,
    replace_quote,
    cancel_quote,
    cancel_batch_quotes,
    get_quotes,
)
RFQ_METHODS: dict[str, Method] = {
    f"private/{handler.__name__}": Method(handler, is_private=True) for handler in _PRIVATE
}
