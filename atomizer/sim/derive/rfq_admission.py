"""Whether an RFQ, a quote or an execution is taken: every check before anything happens, in a fixed order."""

from collections.abc import Sequence
from dataclasses import dataclass

from atomizer.sim.derive import codes
from atomizer.sim.derive.accounts import Subaccount, Wallet
from atomizer.sim.derive.admission import check_instrument, check_key, check_nonce
from atomizer.sim.derive.codes import Rejection
from atomizer.sim.derive.dialect import Dialect
from atomizer.sim.derive.engine import Engine
from atomizer.sim.derive.ethereum import keccak
from atomizer.sim.derive.instruments import Instrument
from atomizer.sim.derive.orders import Status
from atomizer.sim.derive.params import Params
from atomizer.sim.derive.rfq_engine import headroom_after_e18, leg_fees_e18
from atomizer.sim.derive.rfqs import Quote, QuoteRequest, Rfq, RfqLeg
from atomizer.sim.derive.units import NANOS, NS_PER_S, e18_text, nanos_text
from atomizer.sim.derive.verify import (
    Action,
    Digests,
    Leg,
    check_signed_by,
    digests,
    encode_execute,
    encode_legs,
    encode_quote,
)

_MOST_LEGS = 16  # ours: the venue publishes no figure
_DIRECTIONS = ("buy", "sell")


@dataclass(frozen=True, slots=True)
class Signing:
    """In which dialect, and when, something signed has come."""

    dialect: Dialect
    now_ns: int


def read_legs(engine: Engine, params: Params, now_ns: int) -> tuple[RfqLeg, ...]:
    """The structure of an RFQ: known and live instruments of one currency, each once, sorted by name."""
    legs = tuple(_read_leg(engine, leg) for leg in params.objects("legs"))
    if not 1 <= len(legs) <= _MOST_LEGS:
        raise Rejection(codes.INVALID_PARAMS, f"{{'legs': ['Length must be between 1 and {_MOST_LEGS}.']}}")
    names = [leg.instrument.name for leg in legs]
    if len(set(names)) != len(names):
        raise Rejection(codes.DUPLICATE_LEGS)
    if len({leg.instrument.underlying for leg in legs}) > 1:
        raise Rejection(codes.CROSS_CURRENCY)
    if names != sorted(names):
        raise Rejection(codes.INVALID_PARAMS, "{'legs': ['Legs must be sorted by instrument name.']}")
    for leg in legs:
        check_instrument(leg.instrument, now_ns)
    return legs


def _read_leg(engine: Engine, params: Params) -> RfqLeg:
    name = params.text("instrument_name")
    instrument = engine.instruments.get(name)
    if instrument is None:
        raise Rejection(codes.NO_SUCH_INSTRUMENT, name)
    amount, rest = divmod(params.decimal_e18("amount"), NANOS)
    if rest or amount % instrument.lot:
        raise Rejection(codes.AMOUNT, f"Amount must be a multiple of {nanos_text(instrument.lot)}")
    if not instrument.minimum <= amount <= instrument.maximum:
        bounds = f"{nanos_text(instrument.minimum)} to {nanos_text(instrument.maximum)}"
        raise Rejection(codes.AMOUNT, f"Amount must be from {bounds}")
    return RfqLeg(instrument, params.text("direction", choices=_DIRECTIONS) == "buy", amount)


def read_quote(engine: Engine, params: Params, wallet: Wallet, subaccount: Subaccount) -> QuoteRequest:
    """What a maker or a taker signed. Checks types alone; the legs are compared with what they must repeat."""
    max_fee_e18 = params.decimal_e18("max_fee")
    if max_fee_e18 < 0:
        raise Rejection(codes.INVALID_PARAMS, "{'max_fee': ['Must not be negative.']}")
    legs = params.objects("legs")
    return QuoteRequest(
        wallet=wallet.address,
        subaccount_id=subaccount.subaccount_id,
        is_buy=params.text("direction", choices=_DIRECTIONS) == "buy",
        legs=tuple(_read_leg(engine, leg) for leg in legs),
        prices=tuple(_price(leg) for leg in legs),
        max_fee_e18=max_fee_e18,
        nonce=params.any_nonce("nonce"),
        signer=params.address("signer"),
        signature=params.text("signature"),
        signature_expiry_s=params.integer("signature_expiry_sec"),
        label=params.text("label", ""),
        mmp=params.flag("mmp", default=False),
    )


def _price(params: Params) -> int:
    price, rest = divmod(params.decimal_e18("price"), NANOS)
    if rest or price < 0:
        raise Rejection(codes.LIMIT_PRICE, "Leg prices have at most nine decimals and are not negative")
    return price


def module_legs(request: QuoteRequest, dialect: Dialect, *, maker_is_buy: bool) -> list[Leg]:
    """The legs as the maker signs them: amounts carry the leg's sign times the maker's direction."""
    sign = 1 if maker_is_buy else -1
    return [
        Leg(dialect.asset(leg.instrument), leg.instrument.sub_id, price * NANOS, sign * leg.signed_amount * NANOS)
        for leg, price in zip(request.legs, request.prices, strict=True)
    ]


def quote_action(request: QuoteRequest, dialect: Dialect) -> Action:
    legs = module_legs(request, dialect, maker_is_buy=request.is_buy)
    return _action(request, dialect, encode_quote(request.max_fee_e18, legs))


def execute_action(request: QuoteRequest, dialect: Dialect) -> Action:
    """A taker signs the maker's legs, whose direction is the opposite of its own."""
    legs = module_legs(request, dialect, maker_is_buy=not request.is_buy)
    return _action(request, dialect, encode_execute(request.max_fee_e18, legs))


def _action(request: QuoteRequest, dialect: Dialect, data: bytes) -> Action:
    return Action(
        subaccount_id=request.subaccount_id,
        nonce=request.nonce,
        module=dialect.network.rfq_module,
        data=data,
        expiry_s=request.signature_expiry_s,
        owner=request.wallet,
        signer=request.signer,
    )


def legs_hash(request: QuoteRequest, dialect: Dialect, *, maker_is_buy: bool) -> str:
    return "0x" + keccak(encode_legs(module_legs(request, dialect, maker_is_buy=maker_is_buy))).hex()


def admit_quote(engine: Engine, rfq: Rfq, request: QuoteRequest, others: Sequence[Quote], call: Signing) -> None:
    """A maker's quote for an RFQ.

    Raises:
        Rejection: with the venue's code.
    """
    if rfq.status is not Status.OPEN:
        raise Rejection(codes.NOT_OPEN, rfq.rfq_id)
    if rfq.wallet.lower() == request.wallet.lower() or not rfq.is_for(request.wallet):
        raise Rejection(codes.COUNTERPARTY)
    if request.legs != rfq.legs:
        raise Rejection(codes.LEGS_DIFFER, "Legs, their order, amounts and directions must be the RFQ's")
    _check_prices(request)
    _check_signature(engine, request, digests(call.dialect.network, quote_action(request, call.dialect)), call)
    mine = [quote for quote in others if quote.request.wallet.lower() == request.wallet.lower()]
    if any(quote.request.is_buy == request.is_buy for quote in mine):
        raise Rejection(codes.INVALID_PARAMS, "There is an open quote in this direction already: replace it")
    _check_cost_band(engine, request)
    fee_e18 = _check_fee(engine, request, is_taker=False)
    subaccount = engine.subaccounts[request.subaccount_id]
    protection = subaccount.protections.get(rfq.legs[0].instrument.underlying)
    if request.mmp and protection is not None and protection.is_frozen(call.now_ns):
        raise Rejection(codes.MMP_FROZEN)
    check_margin(engine, request, fee_e18)


def admit_execution(engine: Engine, rfq: Rfq, quote: Quote, request: QuoteRequest, call: Signing) -> None:
    """A taker's execution of a maker's quote for its own RFQ."""
    if quote.rfq is not rfq:
        raise Rejection(codes.QUOTE_MISMATCH)
    if rfq.status is not Status.OPEN or quote.status is not Status.OPEN:
        raise Rejection(codes.NOT_OPEN, quote.quote_id)
    if request.is_buy == quote.request.is_buy:
        raise Rejection(codes.QUOTE_MISMATCH, "direction must be the opposite of the quote's")
    if request.legs != quote.request.legs or request.prices != quote.request.prices:
        raise Rejection(codes.LEGS_DIFFER, "Legs and their prices must be the quote's")
    _check_signature(engine, request, digests(call.dialect.network, execute_action(request, call.dialect)), call)
    check_margin(engine, request, _check_fee(engine, request, is_taker=True))


def _check_signature(engine: Engine, request: QuoteRequest, signed: Digests, call: Signing) -> None:
    wallet = engine.wallets[request.wallet.lower()]
    check_signed_by(signed.typed_data_hash, request.signature, request.signer)
    check_key(wallet, request.signer, call.now_ns)
    if request.signature_expiry_s * NS_PER_S < call.now_ns + call.dialect.quote_life_s * NS_PER_S:
        raise Rejection(codes.SIGNATURE_EXPIRY, f"Quote must expire in {call.dialect.quote_life_s} sec or more")
    check_nonce(wallet, request.nonce, call.dialect, call.now_ns)
    wallet.used_nonces.add(request.nonce)


def _check_prices(request: QuoteRequest) -> None:
    for leg, price in zip(request.legs, request.prices, strict=True):
        if price <= 0 or price % leg.instrument.tick:
            raise Rejection(codes.LIMIT_PRICE, f"Price must be a multiple of {nanos_text(leg.instrument.tick)}")


def _check_cost_band(engine: Engine, request: QuoteRequest) -> None:
    """The whole may cost its maker no more than every leg at the edge of its price band would."""
    worst_e18 = sum(_worst_e18(engine, trade) for trade in request.trades())
    if request.cost_e18 > worst_e18:
        raise Rejection(codes.COST_BAND, f"at most {e18_text(worst_e18)}")


def _worst_e18(engine: Engine, trade: tuple[Instrument, bool, int, int]) -> int:
    instrument, is_buy, _, amount = trade
    band = instrument.band(engine.market.state(instrument.name))
    return band.high * amount if is_buy else -band.low * amount


def _check_fee(engine: Engine, request: QuoteRequest, *, is_taker: bool) -> int:
    fee_e18 = sum(leg_fees_e18(engine, request, is_taker=is_taker))
    if request.max_fee_e18 < fee_e18:
        raise Rejection(codes.MAX_FEE, f"signed max_fee must be >= {e18_text(fee_e18)}")
    return fee_e18


def check_margin(engine: Engine, request: QuoteRequest, fee_e18: int) -> None:
    """Raises Rejection 11000 when this side could not pay for its trades."""
    subaccount = engine.subaccounts[request.subaccount_id]
    before_e18, after_e18 = headroom_after_e18(engine, subaccount, request, fee_e18)
    if after_e18 < 0 and after_e18 < before_e18:
        raise Rejection(codes.INSUFFICIENT_FUNDS, f"Initial margin would be {e18_text(after_e18)}")
