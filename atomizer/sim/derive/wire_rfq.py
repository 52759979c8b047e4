"""Shapes of RFQs and quotes: what their owners see, and what the other side sees. Protocol sheet §3.5."""

from typing import Any

from atomizer.sim.derive.dialect import Dialect
from atomizer.sim.derive.engine import Engine
from atomizer.sim.derive.orders import Status
from atomizer.sim.derive.rfqs import Quote, Rfq, RfqLeg, structure_cost_e18
from atomizer.sim.derive.units import e18_text, nanos_text


def rfq_shape(rfq: Rfq, dialect: Dialect) -> dict[str, Any]:
    """As makers see it."""
    shape: dict[str, Any] = {
        "rfq_id": rfq.rfq_id,
        "subaccount_id": rfq.subaccount_id,
        "status": rfq.status.value,
        "cancel_reason": rfq.cancel_reason,
        "legs": [_leg(leg) for leg in rfq.legs],
        "creation_timestamp": rfq.created_ms,
        "last_update_timestamp": rfq.updated_ms,
        "valid_until": rfq.valid_until_ms,
        "filled_direction": None if rfq.filled_is_buy is None else _direction(is_buy=rfq.filled_is_buy),
        "total_cost": _cost(rfq.total_cost_e18),
    }
    if dialect.is_v3:
        filled = "1" if rfq.status is Status.FILLED else "0"
        shape |= {"wallet": rfq.wallet, "fill_rate": None, "recent_fill_rate": None}
        shape |= {"filled_pct": filled, "partial_fill_step": "1"}
    return shape


def own_rfq_shape(rfq: Rfq, engine: Engine, dialect: Dialect) -> dict[str, Any]:
    """As its taker sees it, with what it said to nobody else."""
    marks = [engine.prices(leg.instrument).mark for leg in rfq.legs]
    return rfq_shape(rfq, dialect) | {
        "label": rfq.label,
        "counterparties": None if rfq.counterparties is None else list(rfq.counterparties),
        "mark_total_cost": e18_text(structure_cost_e18(rfq.legs, marks)),
        "ask_total_cost": None,
        "bid_total_cost": None,
        "max_total_cost": _cost(rfq.most_cost_e18),
        "min_total_cost": _cost(rfq.least_cost_e18),
    }


def quote_shape(quote: Quote, dialect: Dialect) -> dict[str, Any]:
    """As its owner sees it."""
    request = quote.request
    shape = public_quote_shape(quote, dialect)
    del shape["wallet"]
    return shape | {
        "fee": e18_text(quote.fee_e18),
        "max_fee": e18_text(request.max_fee_e18),
        "label": request.label,
        "mmp": request.mmp,
        "nonce": str(request.nonce) if dialect.nonce_is_text else request.nonce,
        "signature": request.signature,
        "signature_expiry_sec": request.signature_expiry_s,
        "signer": request.signer,
        "is_transfer": False,
        "extra_fee": "0",
    }


def public_quote_shape(quote: Quote, dialect: Dialect) -> dict[str, Any]:
    """As the other side sees it."""
    request = quote.request
    shape: dict[str, Any] = {
        "quote_id": quote.quote_id,
        "rfq_id": quote.rfq.rfq_id,
        "subaccount_id": request.subaccount_id,
        "wallet": request.wallet,
        "direction": _direction(is_buy=request.is_buy),
        "legs": [
            _leg(leg) | {"price": nanos_text(price)} for leg, price in zip(request.legs, request.prices, strict=True)
        ],
        "legs_hash": quote.legs_hash,
        "liquidity_role": "maker" if quote.is_maker else "taker",
        "status": quote.status.value,
        "cancel_reason": quote.cancel_reason,
        "creation_timestamp": quote.created_ms,
        "last_update_timestamp": quote.updated_ms,
        "fill_pct": "1" if quote.status is Status.FILLED else "0",
        "tx_hash": None,
    }
    is_filled = quote.status is Status.FILLED
    if dialect.is_v3:
        return shape | {"batch_status": "Batching" if is_filled else None}
    return shape | {"tx_status": "requested" if is_filled else None}


def _leg(leg: RfqLeg) -> dict[str, Any]:
    return {
        "instrument_name": leg.instrument.name,
        "direction": _direction(is_buy=leg.is_buy),
        "amount": nanos_text(leg.amount),
    }


def _direction(*, is_buy: bool) -> str:
    return "buy" if is_buy else "sell"


def _cost(cost_e18: int | None) -> str | None:
    return None if cost_e18 is None else e18_text(cost_e18)
