"""Public methods: what is listed, what it costs now, what time it is, and what an RFQ signature should look like."""

from datetime import UTC, datetime
from typing import Any

from atomizer.sim.derive import codes, wire_market
from atomizer.sim.derive.channels import currencies
from atomizer.sim.derive.codes import Rejection
from atomizer.sim.derive.ethereum import keccak
from atomizer.sim.derive.instruments import Instrument
from atomizer.sim.derive.methods import Call, Method
from atomizer.sim.derive.params import Params, paged
from atomizer.sim.derive.verify import Action, Leg, digests, encode_execute, encode_legs, encode_quote

_KINDS = ("erc20", "option", "perp")


def _listed(call: Call) -> list[Instrument]:
    """Those of the wanted kind and currency, with the expired ones only where they are asked for."""
    kind, with_expired = call.params.text("instrument_type", choices=_KINDS), call.params.flag("expired")
    currency = call.params.text("currency", "")
    listed = [
        instrument
        for instrument in call.engine.instruments.values()
        if instrument.listing.kind == kind
        and currency in {"", instrument.underlying}
        and (with_expired or not instrument.is_expired(call.now_ns))
    ]
    if currency and not listed and not call.dialect.is_v3:
        raise Rejection(codes.NO_SUCH_INSTRUMENT, f"No {kind} instruments of {currency}")
    return listed


def get_instruments(call: Call) -> list[dict[str, Any]]:
    call.params.text("currency")
    return [wire_market.instrument_shape(item, call.dialect, call.now_ns) for item in _listed(call)]


def get_all_instruments(call: Call) -> dict[str, Any]:
    page, pagination = paged(call.params, _listed(call))
    shapes = [wire_market.instrument_shape(item, call.dialect, call.now_ns) for item in page]
    return {"instruments": shapes, "pagination": pagination}


def get_all_live_instruments(call: Call) -> list[str]:
    return sorted(item.name for item in call.engine.instruments.values() if not item.is_expired(call.now_ns))


def get_instrument(call: Call) -> dict[str, Any]:
    return wire_market.instrument_shape(call.instrument(), call.dialect, call.now_ns)


def get_ticker(call: Call) -> dict[str, Any]:
    instrument = call.instrument()
    if call.dialect.is_v3:
        return wire_market.slim_ticker(call.engine, instrument, call.now_ns)
    return wire_market.full_ticker(call.engine, instrument, call.dialect, call.now_ns)


def get_tickers(call: Call) -> dict[str, Any]:
    """Options need their currency and their expiry, perpetuals take no expiry."""
    kind, currency = call.params.text("instrument_type", choices=_KINDS), call.params.text("currency", "")
    if currency and currency not in currencies(call.engine):
        raise Rejection(codes.NO_SUCH_CURRENCY, currency)
    has_date = call.params.has("expiry_date")
    if (kind == "option") != has_date or (kind == "option" and not currency):
        raise Rejection(codes.INVALID_PARAMS, "currency and expiry_date are for options, and options need both")
    date = _expiry_date(call.params) if has_date else ""
    chosen = [
        item
        for item in call.engine.instruments.values()
        if item.listing.kind == kind
        and currency in {"", item.underlying}
        and not item.is_expired(call.now_ns)
        and (not date or datetime.fromtimestamp(item.listing.expiry_s, UTC).strftime("%Y%m%d") == date)
    ]
    return {"tickers": {item.name: wire_market.slim_ticker(call.engine, item, call.now_ns) for item in chosen}}


def _expiry_date(params: Params) -> str:
    """YYYYMMDD, text in v2, an integer in v3."""
    return str(params.integer("expiry_date")) if params.dialect.is_v3 else params.text("expiry_date")


def get_all_currencies(call: Call) -> list[dict[str, Any]]:
    return [wire_market.currency_shape(call.engine, currency, call.dialect) for currency in currencies(call.engine)]


def _legs(call: Call, *, flip: bool) -> list[Leg]:
    """The maker's signed legs: a leg's amount carries leg side x quote side; a taker (`flip`) signs the maker's."""
    sides = {"buy": 1, "sell": -1}
    own = sides[call.params.text("direction", choices=tuple(sides))]
    legs = []
    for params in call.params.objects("legs"):
        name = params.text("instrument_name")
        instrument = call.engine.instruments.get(name)
        if instrument is None:
            raise Rejection(codes.NO_SUCH_INSTRUMENT, name)
        price, amount = params.decimal_e18("price"), params.decimal_e18("amount")
        if price < 0 or amount <= 0:
            raise Rejection(codes.INVALID_PARAMS, "legs: price must not be negative, amount must be positive")
        side = sides[params.text("direction", choices=tuple(sides))] * own * (-1 if flip else 1)
        legs.append(Leg(call.dialect.asset(instrument), instrument.sub_id, price, side * amount))
    return legs


def _rfq_debug(call: Call, data: bytes) -> dict[str, str]:
    subaccount = call.engine.subaccounts.get(call.params.integer("subaccount_id"))
    if subaccount is None:
        raise Rejection(codes.NO_SUCH_SUBACCOUNT)
    action = Action(
        subaccount_id=subaccount.subaccount_id,
        nonce=call.params.any_nonce("nonce"),
        module=call.dialect.network.rfq_module,
        data=data,
        expiry_s=call.params.integer("signature_expiry_sec"),
        owner=subaccount.wallet,
        signer=call.params.address("signer"),
    )
    hashes = digests(call.dialect.network, action)
    return {
        "encoded_data": "0x" + data.hex(),
        "encoded_data_hashed": "0x" + hashes.data_hash.hex(),
        "action_hash": "0x" + hashes.action_hash.hex(),
        "typed_data_hash": "0x" + hashes.typed_data_hash.hex(),
    }


def send_quote_debug(call: Call) -> dict[str, str]:
    return _rfq_debug(call, encode_quote(_max_fee(call), _legs(call, flip=False)))


def execute_quote_debug(call: Call) -> dict[str, str]:
    legs = _legs(call, flip=True)
    encoded = encode_legs(legs)
    hashes = {"encoded_legs": "0x" + encoded.hex(), "legs_hash": "0x" + keccak(encoded).hex()}
    return _rfq_debug(call, encode_execute(_max_fee(call), legs)) | hashes


def _max_fee(call: Call) -> int:
    fee_e18 = call.params.decimal_e18("max_fee")
    if fee_e18 < 0:
        raise Rejection(codes.INVALID_PARAMS, "max_fee must not be negative")
    return fee_e18


PUBLIC_METHODS: dict[str, Method] = {
    "public/get_instruments": Method(get_instruments, dialects=("v2",)),
    "public/get_all_instruments": Method(get_all_instruments),
    "public/get_all_live_instruments": Method(get_all_live_instruments, dialects=("v3",)),
    "public/get_instrument": Method(get_instrument),
    "public/get_ticker": Method(get_ticker),
    "public/get_tickers": Method(get_tickers),
    "public/get_all_currencies": Method(get_all_currencies),
    "public/send_quote_debug": Method(send_quote_debug),
    "public/execute_quote_debug": Method(execute_quote_debug),
}
