"""Whether an order is taken: every check between a signed request and the book, in a fixed order.

`admit` raises the documented refusal or returns the order that the engine may place. The nonce is used up when the
request has passed everything that can be known without the market; what the market then refuses (post-only, margin,
liquidity) was still a used signature.
"""

from dataclasses import dataclass

from atomizer.sim.derive import codes, margin
from atomizer.sim.derive.accounts import Subaccount, Wallet
from atomizer.sim.derive.codes import Rejection
from atomizer.sim.derive.dialect import Dialect
from atomizer.sim.derive.engine import Engine
from atomizer.sim.derive.instruments import FAR_OFF_WIDTHS, PREMIUM_FEE_CAP_NANOS, Instrument
from atomizer.sim.derive.margin import Wanted
from atomizer.sim.derive.orders import Order, OrderRequest
from atomizer.sim.derive.units import E18, NANOS, NS_PER_MS, NS_PER_S, e18_text, nanos_text, to_nanos
from atomizer.sim.derive.verify import Action, Digests, check_signed_by, digests, encode_trade

_LONGEST_LIFE_S = 120 * 86_400  # of a signature, except for protected market makers' orders
_OPEN_ORDER_LIMIT = 500  # per subaccount; ours, the venue's own figure is not published
_TRADING_SCOPE = "admin"
_TIME_DIGITS = 10  # of a nonce: its leading unix seconds


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """The request with what its signer must have signed."""

    request: OrderRequest
    action: Action
    digests: Digests


def signed_order(request: OrderRequest, dialect: Dialect) -> SignedOrder:
    instrument = request.instrument
    action = Action(
        subaccount_id=request.subaccount_id,
        nonce=request.nonce,
        module=dialect.network.trade_module,
        data=encode_trade(
            asset=dialect.asset(instrument),
            sub_id=instrument.sub_id,
            limit_price_e18=request.limit_price_e18,
            amount_e18=request.amount_e18,
            max_fee_e18=request.max_fee_e18,
            recipient=request.subaccount_id,
            is_bid=request.is_buy,
        ),
        expiry_s=request.signature_expiry_s,
        owner=request.wallet,
        signer=request.signer,
    )
    return SignedOrder(request, action, digests(dialect.network, action))


def admit(engine: Engine, request: OrderRequest, dialect: Dialect, now_ns: int) -> Order:
    """The order to place.

    Raises:
        Rejection: with the venue's code.
    """
    wallet = engine.wallets[request.wallet.lower()]
    subaccount = engine.subaccounts[request.subaccount_id]
    check_instrument(request.instrument, now_ns)
    check_signed_by(signed_order(request, dialect).digests.typed_data_hash, request.signature, request.signer)
    check_key(wallet, request.signer, now_ns)
    _check_times(request, dialect, now_ns)
    check_nonce(wallet, request.nonce, dialect, now_ns)
    _check_kind(request)
    amount, price = _check_increments(request)
    _check_far_off(engine, request, price)
    _check_max_fee(engine, request, amount, price)
    wallet.used_nonces.add(request.nonce)
    _check_protection(subaccount, request, now_ns)
    if len(subaccount.open_orders) >= _OPEN_ORDER_LIMIT:
        raise Rejection(codes.OPEN_ORDER_LIMIT, f"{_OPEN_ORDER_LIMIT} open orders")
    if request.reduce_only:
        amount = _reduced(subaccount, request, amount)
    order = Order(
        order_id=engine.new_id(),
        request=request,
        limit_price=price,
        amount=amount,
        created_ms=now_ns // NS_PER_MS,
        updated_ms=now_ns // NS_PER_MS,
    )
    _check_book(engine, order)
    _check_margin(engine, subaccount, order)
    return order


def check_key(wallet: Wallet, signer: str, now_ns: int) -> None:
    """The owner itself, or one of its session keys that has not expired."""
    if signer.lower() == wallet.address.lower():
        return
    expiry_s = wallet.keys.get(signer.lower())
    if expiry_s is None:
        raise Rejection(codes.SIGNER_UNKNOWN, "Session key does not belong to wallet")
    if expiry_s * NS_PER_S <= now_ns:
        raise Rejection(codes.KEY_EXPIRED)
    if wallet.scopes.get(signer.lower(), _TRADING_SCOPE) != _TRADING_SCOPE:
        raise Rejection(codes.SCOPE_TOO_LOW)


def check_instrument(instrument: Instrument, now_ns: int) -> None:
    if not instrument.is_active or instrument.is_expired(now_ns):
        raise Rejection(codes.NOT_LIVE, instrument.name)


def _check_times(request: OrderRequest, dialect: Dialect, now_ns: int) -> None:
    if request.reject_timestamp_ms * NS_PER_MS < now_ns:
        raise Rejection(codes.REJECT_TIMESTAMP)
    life_ns = request.signature_expiry_s * NS_PER_S - now_ns
    if life_ns < dialect.order_life_s * NS_PER_S:
        raise Rejection(codes.SIGNATURE_EXPIRY, f"Order must expire in {dialect.order_life_s} sec or more")
    if life_ns > _LONGEST_LIFE_S * NS_PER_S and not request.mmp:
        raise Rejection(codes.SIGNATURE_EXPIRY, f"Order must expire in {_LONGEST_LIFE_S} sec or less")


def check_nonce(wallet: Wallet, nonce: int, dialect: Dialect, now_ns: int) -> None:
    digits = str(nonce)
    fewest, most = dialect.nonce_digits
    now_s = now_ns // NS_PER_S
    if not fewest <= len(digits) <= most:
        raise Rejection(codes.NONCE_DATE, f"Nonce must have {fewest} to {most} digits")
    if not now_s - dialect.nonce_past_s <= int(digits[:_TIME_DIGITS]) <= now_s + dialect.nonce_future_s:
        raise Rejection(codes.NONCE_DATE, "Nonce does not start with the current UTC time")
    if nonce in wallet.used_nonces:
        raise Rejection(codes.NONCE_REUSED, digits)


def _check_kind(request: OrderRequest) -> None:
    if request.time_in_force == "post_only" and request.order_type != "limit":
        raise Rejection(codes.POST_ONLY_TYPE)
    if request.reduce_only and not request.is_immediate:
        raise Rejection(codes.REDUCE_ONLY_TIME)


def _check_increments(request: OrderRequest) -> tuple[int, int]:
    """Amount and price in nanos."""
    instrument = request.instrument
    amount, amount_rest = divmod(request.amount_e18, NANOS)
    if amount_rest or amount % instrument.lot:
        raise Rejection(codes.AMOUNT, f"Amount must be a multiple of {nanos_text(instrument.lot)}")
    if amount < instrument.minimum:
        raise Rejection(codes.AMOUNT, f"Amount must be at least {nanos_text(instrument.minimum)}")
    if amount > instrument.maximum:
        raise Rejection(codes.AMOUNT, f"Amount must be at most {nanos_text(instrument.maximum)}")
    price, price_rest = divmod(request.limit_price_e18, NANOS)
    if price_rest or price % instrument.tick:
        raise Rejection(codes.LIMIT_PRICE, f"Price must be a multiple of {nanos_text(instrument.tick)}")
    if price <= 0:
        raise Rejection(codes.LIMIT_PRICE, "Price must be positive")
    return amount, price


def _check_far_off(engine: Engine, request: OrderRequest, price: int) -> None:
    """Only the aggressive side can be too far off: a low bid harms nobody."""
    state = engine.market.state(request.instrument.name)
    reach = request.instrument.band(state).half_width * FAR_OFF_WIDTHS
    mark = to_nanos(state.mark)
    too_far = price > mark + reach if request.is_buy else price < mark - reach
    if too_far:
        limit = mark + reach if request.is_buy else mark - reach
        raise Rejection(codes.LIMIT_PRICE, {"limit": nanos_text(limit), "bandwidth": nanos_text(reach)})


def _check_max_fee(engine: Engine, request: OrderRequest, amount: int, price: int) -> None:
    """The signed fee per unit must cover the fee that this order is estimated to pay."""
    instrument = request.instrument
    is_maker = request.time_in_force == "post_only"
    rate = instrument.fees.maker_rate_nanos if is_maker else instrument.fees.taker_rate_nanos
    estimate = rate * engine.prices(instrument).index
    if instrument.is_option:
        # A sale may trade above its limit, and its fee cap rises with the premium.
        best = engine.books[instrument.name].best(is_bid=not request.is_buy)
        premium = max(price, best) if best is not None and not is_maker and not request.is_buy else price
        estimate = min(estimate, PREMIUM_FEE_CAP_NANOS * premium)
    if not is_maker:
        estimate += -(-instrument.base_fee_nanos * E18 // amount)
    if request.max_fee_e18 < estimate:
        raise Rejection(codes.MAX_FEE, f"signed max_fee must be >= {e18_text(estimate)}")


def _check_protection(subaccount: Subaccount, request: OrderRequest, now_ns: int) -> None:
    protection = subaccount.protections.get(request.instrument.underlying)
    if request.mmp and protection is not None and protection.is_frozen(now_ns):
        raise Rejection(codes.MMP_FROZEN)


def _reduced(subaccount: Subaccount, request: OrderRequest, amount: int) -> int:
    held = subaccount.amount_of(request.instrument.name)
    if held == 0 or (held > 0) == request.is_buy:
        raise Rejection(codes.REDUCE_ONLY, "Order would increase the position")
    return min(amount, abs(held))


def _check_book(engine: Engine, order: Order) -> None:
    """Self-crossing, post-only (which may slide the order), and what immediate orders need to find."""
    request = order.request
    instrument, is_buy = request.instrument, request.is_buy
    book, band = engine.books[instrument.name], instrument.band(engine.market.state(instrument.name))
    limit = order.limit_price
    beyond_band = limit > band.high if is_buy else limit < band.low
    if request.is_immediate:
        limit = engine.bounded(instrument, is_buy=is_buy, price=limit)
    met = list(book.crossing(is_buy=is_buy, limit=limit))
    if not request.is_immediate and met and (request.time_in_force == "post_only" or beyond_band):
        if request.reject_post_only or beyond_band:
            raise Rejection(codes.POST_ONLY)
        _slide(order, met[0].price)
        return
    if any(resting.owner == request.wallet.lower() for resting in met):
        raise Rejection(codes.SELF_CROSS)
    available = sum(resting.remaining for resting in met)
    if request.time_in_force == "fok" and available < order.amount:
        raise Rejection(codes.FILL_OR_KILL)
    if request.is_immediate and not available:
        raise Rejection(codes.ZERO_LIQUIDITY)


def _slide(order: Order, opposite: int) -> None:
    """A post-only order that may move rests one tick from the opposite best."""
    request, tick = order.request, order.request.instrument.tick
    slid = opposite - tick if request.is_buy else opposite + tick
    if slid <= 0:
        raise Rejection(codes.POST_ONLY)
    order.signed_limit_price, order.limit_price = order.limit_price, slid


def _check_margin(engine: Engine, subaccount: Subaccount, order: Order) -> None:
    request = order.request
    mine = Wanted(request.instrument, request.is_buy, order.limit_price, order.amount)
    resting = margin.resting(subaccount)
    beside = [wanted for wanted in resting if wanted.instrument is request.instrument]
    # One instrument's orders say nothing of another's, and a market maker has hundreds.
    change = margin.open_orders_e18(subaccount, [*beside, mine], engine.prices)
    change -= margin.open_orders_e18(subaccount, beside, engine.prices)
    headroom = margin.headroom_e18(subaccount, engine.prices) + change
    headroom += margin.open_orders_e18(subaccount, resting, engine.prices)
    if headroom < 0 and change < 0:
        raise Rejection(codes.INSUFFICIENT_FUNDS, f"Initial margin would be {e18_text(headroom)}")
