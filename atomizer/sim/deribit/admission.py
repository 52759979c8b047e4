"""Whether an order is taken: every check between a request and the book, in a fixed order.

`admit` raises the documented refusal or returns the order that the engine may place; `admit_edit` does the same for a
change of one that rests.
"""

from dataclasses import dataclass, replace

from atomizer.sim.deribit import codes, margin
from atomizer.sim.deribit.accounts import Holder
from atomizer.sim.deribit.codes import Rejection, invalid
from atomizer.sim.deribit.engine import Engine
from atomizer.sim.deribit.instruments import Instrument
from atomizer.sim.deribit.margin import Wanted
from atomizer.sim.deribit.orders import Life, Order, QuoteTag
from atomizer.sim.deribit.units import NS_PER_MS, number

_OPEN_ORDER_LIMIT = 10_000  # per account
_LONGEST_LABEL = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """What was asked. Prices and amounts in nanos, `price` None for a market order; `connection` 0 is HTTP."""

    user_id: int
    instrument: Instrument
    is_buy: bool
    amount: int
    price: int | None
    order_type: str = "limit"
    life: Life = Life.GOOD_TIL_CANCELLED
    label: str = ""
    post_only: bool = False
    reject_post_only: bool = False
    reduce_only: bool = False
    mmp: bool = False
    connection: int = 0
    quote: QuoteTag | None = None


def admit(engine: Engine, request: OrderRequest, now_ns: int) -> Order:
    """The order to place.

    Raises:
        Rejection: with the venue's code.
    """
    holder, instrument = engine.holders[request.user_id], request.instrument
    if instrument.is_closed or instrument.is_expired(now_ns):
        raise Rejection(codes.BOOK_CLOSED)
    engine.platform.check_unlocked(instrument.index_name)
    _check_flags(request)
    check_amount(instrument, request.amount)
    limits = engine.view(instrument).limits
    if request.price is None:
        request = replace(request, price=limits.high if request.is_buy else limits.low)
    _check_price(engine, request)
    _check_protection(holder, request, now_ns)
    if len(holder.open_orders) >= _OPEN_ORDER_LIMIT:
        raise Rejection(codes.OTHER_REJECT, detail="max_open_orders")
    if request.reduce_only:
        request = replace(request, amount=_reduced(holder, request))
    request = _against_the_book(engine, request)
    _check_margin(engine, holder, request)
    return _order(engine, request, now_ns)


def admit_edit(engine: Engine, order: Order, amount: int, price: int, now_ns: int) -> tuple[int, int]:
    """The amount and price that the edited order may have; `amount` is its new total, filled part included."""
    holder = engine.holders[order.user_id]
    engine.platform.check_unlocked(order.instrument.index_name)
    check_amount(order.instrument, amount)
    if amount <= order.filled:
        raise Rejection(codes.ALREADY_FILLED)
    request = OrderRequest(
        user_id=order.user_id,
        instrument=order.instrument,
        is_buy=order.is_buy,
        amount=amount - order.filled,
        price=price,
        life=order.life,
        post_only=order.post_only,
        reject_post_only=order.reject_post_only,
        reduce_only=order.reduce_only,
        mmp=order.mmp,
        quote=order.quote,
    )
    _check_price(engine, request)
    _check_protection(holder, request, now_ns)
    if request.reduce_only:
        request = replace(request, amount=min(_reduced(holder, request), request.amount))
    request = _against_the_book(engine, request)
    _check_margin(engine, holder, request, replaced=order)
    return order.filled + request.amount, request.price or 0


def check_amount(instrument: Instrument, amount: int) -> None:
    lot = instrument.rules.lot
    if amount < lot or amount % lot:
        reason = f"must be a multiple of the minimum order size: {number(lot):g}"
        raise invalid("amount", reason)


def _check_flags(request: OrderRequest) -> None:
    if len(request.label) > _LONGEST_LABEL:
        raise invalid("label", f"must be at most {_LONGEST_LABEL} characters")
    if request.post_only and (request.order_type == "market" or request.life is not Life.GOOD_TIL_CANCELLED):
        raise Rejection(codes.POST_ONLY_NOT_ALLOWED)
    if request.reject_post_only and not request.post_only:
        raise invalid("reject_post_only", "only valid with post_only")
    if request.order_type == "limit" and request.price is None:
        raise invalid("price", "value required")
    if request.mmp and request.order_type != "limit":
        raise invalid("mmp", "only for limit orders")


def _check_price(engine: Engine, request: OrderRequest) -> None:
    """On the grid, and not through the price limits on the side that would hurt."""
    instrument, price = request.instrument, request.price or 0
    if price <= 0 or price % instrument.tick_at(price):
        raise invalid("price", "must conform to tick size")
    limits = engine.view(instrument).limits
    if request.is_buy and price > limits.high:
        raise Rejection(codes.PRICE_TOO_HIGH, detail=f"{number(limits.high):.10g}")
    if not request.is_buy and price < limits.low:
        raise Rejection(codes.PRICE_TOO_LOW, detail=f"{number(limits.low):.10g}")


def _check_protection(holder: Holder, request: OrderRequest, now_ns: int) -> None:
    group = request.quote.mmp_group if request.quote else ""
    protection = holder.protections.get((request.instrument.index_name, group, False))
    if request.mmp and protection is not None and protection.is_frozen(now_ns):
        raise Rejection(codes.MMP_TRIGGER)


def _reduced(holder: Holder, request: OrderRequest) -> int:
    held = holder.amount_of(request.instrument.name)
    if held == 0 or (held > 0) == request.is_buy:
        raise Rejection(codes.OTHER_REJECT, detail="invalid_reduce_only_order")
    return min(request.amount, abs(held))


def _against_the_book(engine: Engine, request: OrderRequest) -> OrderRequest:
    """Own orders on the other side, post-only (which may move the price), and what fill-or-kill needs to find."""
    book, price = engine.books[request.instrument.name], request.price or 0
    met = list(book.crossing(is_buy=request.is_buy, limit=price))
    if not met:
        if request.life is Life.FILL_OR_KILL:
            raise Rejection(codes.OTHER_REJECT, detail="no_liquidity_for_fill_or_kill")
        return request
    if request.post_only:
        if request.reject_post_only:
            raise Rejection(codes.POST_ONLY_REJECT)
        return replace(request, price=_moved(request, met[0].price))
    if any(resting.owner == str(request.user_id) for resting in met):
        raise Rejection(codes.ORDER_OVERLAP)
    if request.life is Life.FILL_OR_KILL and sum(resting.remaining for resting in met) < request.amount:
        raise Rejection(codes.OTHER_REJECT, detail="no_liquidity_for_fill_or_kill")
    return request


def _moved(request: OrderRequest, opposite: int) -> int:
    """A post-only order that would trade rests just inside the spread."""
    instrument = request.instrument
    moved = instrument.next_below(opposite) if request.is_buy else instrument.next_above(opposite)
    if moved <= 0:
        raise Rejection(codes.POST_ONLY_REJECT)
    return moved


def _check_margin(engine: Engine, holder: Holder, request: OrderRequest, replaced: Order | None = None) -> None:
    """New risk needs funds; what only reduces it is always taken."""
    instrument = request.instrument
    wanted = Wanted(instrument, request.is_buy, request.price or 0, request.amount)
    if replaced is not None:
        del holder.open_orders[replaced.order_id]
    try:
        before = margin.standing(holder, instrument.currency, engine.view)
        after = margin.standing(holder, instrument.currency, engine.view, wanted)
    finally:
        if replaced is not None:
            holder.open_orders[replaced.order_id] = replaced
    if after.available_e18 < 0 and after.orders_e18 < before.orders_e18:
        raise Rejection(codes.NOT_ENOUGH_FUNDS)


def _order(engine: Engine, request: OrderRequest, now_ns: int) -> Order:
    now_ms = now_ns // NS_PER_MS
    return Order(
        order_id=engine.new_order_id(request.instrument),
        user_id=request.user_id,
        instrument=request.instrument,
        is_buy=request.is_buy,
        amount=request.amount,
        price=request.price or 0,
        order_type=request.order_type,
        life=request.life,
        label=request.label,
        post_only=request.post_only,
        reject_post_only=request.reject_post_only,
        reduce_only=request.reduce_only,
        mmp=request.mmp,
        connection=request.connection,
        created_ms=now_ms,
        updated_ms=now_ms,
        quote=request.quote,
    )
