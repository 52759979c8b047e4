"""Methods that read an account, protect it, or say what happens to it on a disconnect."""

from typing import Any

from atomizer.sim.derive import codes
from atomizer.sim.derive.accounts import Subaccount
from atomizer.sim.derive.channels import currencies
from atomizer.sim.derive.codes import Rejection
from atomizer.sim.derive.methods import Call, Method
from atomizer.sim.derive.mmp import Protection
from atomizer.sim.derive.orders import Status, Trade
from atomizer.sim.derive.params import paged
from atomizer.sim.derive.units import MAX_INT64, e18_text
from atomizer.sim.derive.wire_account import (
    collateral_shapes,
    open_positions,
    order_shape,
    subaccount_shape,
    trade_shape,
)


def get_open_orders(call: Call) -> dict[str, Any]:
    subaccount = call.subaccount()
    orders = [order_shape(order, call.dialect) for order in subaccount.open_orders.values()]
    return {"subaccount_id": subaccount.subaccount_id, "orders": orders}


def get_order(call: Call) -> dict[str, Any]:
    order_id = call.params.text("order_id")
    found = call.subaccount().orders.get(order_id)
    if found is None:
        raise Rejection(codes.NO_SUCH_ORDER, f"Order with id: {order_id} does not exist.")
    return order_shape(found, call.dialect)


def get_order_history(call: Call) -> dict[str, Any]:
    """Orders that have ended, latest first."""
    subaccounts, (low, high) = call.subjects(), _period(call)
    ended = [
        order
        for subaccount in subaccounts
        for order in subaccount.orders.values()
        if order.status is not Status.OPEN and low <= order.updated_ms <= high
    ]
    ended.sort(key=lambda order: order.updated_ms)
    page, pagination = paged(call.params, ended[::-1])
    orders = [order_shape(order, call.dialect) for order in page]
    return {"subaccount_id": subaccounts[0].subaccount_id, "orders": orders, "pagination": pagination}


def get_trade_history(call: Call) -> dict[str, Any]:
    """Own trades, latest first."""
    subaccounts, (low, high) = call.subjects(), _period(call)
    name, order_id = call.params.text("instrument_name", ""), call.params.text("order_id", "")
    quote_id = call.params.text("quote_id", "")
    found = [
        trade
        for subaccount in subaccounts
        for trade in subaccount.trades
        if low <= trade.timestamp_ms <= high
        and name in {"", trade.instrument.name}
        and order_id in {"", trade.order_id}
        and _is_of_quote(trade, quote_id)
    ]
    page, pagination = paged(call.params, found[::-1])
    trades = [trade_shape(trade, call.dialect, call.now_ns) for trade in page]
    return {"subaccount_id": subaccounts[0].subaccount_id, "trades": trades, "pagination": pagination}


def _is_of_quote(trade: Trade, wanted: str) -> bool:
    """`wanted` is a quote's id, one of the two words for all or none of them, or nothing."""
    if wanted in {"is_quote", "is_not_quote"}:
        return (trade.quote_id is not None) == (wanted == "is_quote")
    return wanted in {"", trade.quote_id}


def _period(call: Call) -> tuple[int, int]:
    return call.params.integer("from_timestamp", 0), call.params.integer("to_timestamp", MAX_INT64)


def get_positions(call: Call) -> dict[str, Any]:
    subaccount = call.subaccount()
    return {"subaccount_id": subaccount.subaccount_id, "positions": open_positions(call.engine, subaccount)}


def get_collaterals(call: Call) -> dict[str, Any]:
    subaccount = call.subaccount()
    return {"subaccount_id": subaccount.subaccount_id, "collaterals": collateral_shapes(subaccount, call.dialect)}


def get_subaccount(call: Call) -> dict[str, Any]:
    return subaccount_shape(call.engine, call.subaccount(), call.dialect)


def get_subaccounts(call: Call) -> dict[str, Any]:
    call.check_wallet()
    return {"wallet": call.wallet.address, "subaccount_ids": list(call.wallet.subaccounts)}


def get_account(call: Call) -> dict[str, Any]:
    call.check_wallet()
    limits, wallet = call.limits, call.wallet
    shape: dict[str, Any] = {
        "wallet": wallet.address,
        "subaccount_ids": list(wallet.subaccounts),
        "cancel_on_disconnect": wallet.cancel_on_disconnect,
        "is_rfq_maker": wallet.is_rfq_maker,
        "websocket_matching_tps": limits.matching_tps,
        "websocket_non_matching_tps": limits.non_matching_tps,
        "websocket_option_tps": limits.instrument_tps,
        "websocket_perp_tps": limits.instrument_tps,
        "per_endpoint_tps": {},
        "fee_info": {
            "base_fee_discount": "0",
            "rfq_maker_discount": "0",
            "rfq_taker_discount": "0",
            **dict.fromkeys(
                (
                    "option_maker_fee",
                    "option_taker_fee",
                    "perp_maker_fee",
                    "perp_taker_fee",
                    "spot_maker_fee",
                    "spot_taker_fee",
                )
            ),
        },
    }
    if call.dialect.is_v3:
        extra = {"creation_timestamp_sec": None, "fallback_subaccount_id": 0, "referral_code": None}
        return {**shape, **extra, "whitelisted_recipients": []}
    return shape


def session_keys(call: Call) -> dict[str, Any]:
    call.check_wallet()
    rows = []
    for address, expiry_s in call.wallet.keys.items():
        row: dict[str, Any] = {"public_session_key": address, "expiry_sec": expiry_s, "label": "", "ip_whitelist": []}
        if call.dialect.is_v3:
            row |= {"protocol_scopes": ["admin"], "offchain_scopes": [], "registered_sec": 0, "subaccount_ids": []}
        else:
            row |= {"scope": call.wallet.scopes.get(address, "admin")}
        rows.append(row)
    return {"public_session_keys": rows}


def set_cancel_on_disconnect(call: Call) -> str:
    """v3 looks at the wish when a connection logs in, v2 when it drops. v3 takes it over WebSocket only."""
    if not call.dialect.is_v3:
        call.check_wallet()
    elif call.connection is None:
        raise Rejection(codes.METHOD_NOT_FOUND, "only over WebSocket")
    call.wallet.cancel_on_disconnect = call.params.flag("enabled")
    return "ok"


def set_mmp_config(call: Call) -> dict[str, Any]:
    """Replaces the whole configuration of the currency. A freeze stays: only time or `reset_mmp` ends it."""
    subaccount, params, currency = call.subaccount(), call.params, _currency(call)
    limits_e18 = params.decimal_e18("mmp_amount_limit", "0"), params.decimal_e18("mmp_delta_limit", "0")
    if min(limits_e18) < 0:
        raise Rejection(codes.INVALID_PARAMS, "mmp limits must not be negative")
    protection = Protection(
        currency=currency,
        interval_ms=params.integer("mmp_interval"),
        frozen_time_ms=params.integer("mmp_frozen_time"),
        amount_limit_e18=limits_e18[0],
        delta_limit_e18=limits_e18[1],
    )
    if currency in subaccount.protections:
        protection.unfreeze_ms = subaccount.protections[currency].unfreeze_ms
    subaccount.protections[currency] = protection
    return _protection_shape(subaccount, protection)


def get_mmp_config(call: Call) -> list[dict[str, Any]]:
    subaccount = call.subaccount()
    return [
        _protection_shape(subaccount, protection)
        | {"is_frozen": protection.is_frozen(call.now_ns), "mmp_unfreeze_time": protection.unfreeze_ms}
        for protection in _protections(call, subaccount)
    ]


def reset_mmp(call: Call) -> str:
    for protection in _protections(call, call.subaccount()):
        protection.reset()
    return "ok"


def _currency(call: Call) -> str:
    currency = call.params.text("currency")
    if currency not in currencies(call.engine):
        raise Rejection(codes.NO_SUCH_CURRENCY, currency)
    return currency


def _protections(call: Call, subaccount: Subaccount) -> list[Protection]:
    wanted = _currency(call) if call.params.has("currency") else ""
    return [protection for currency, protection in subaccount.protections.items() if wanted in {"", currency}]


def _protection_shape(subaccount: Subaccount, protection: Protection) -> dict[str, Any]:
    return {
        "subaccount_id": subaccount.subaccount_id,
        "currency": protection.currency,
        "mmp_interval": protection.interval_ms,
        "mmp_frozen_time": protection.frozen_time_ms,
        "mmp_amount_limit": e18_text(protection.amount_limit_e18),
        "mmp_delta_limit": e18_text(protection.delta_limit_e18),
    }


ACCOUNT_METHODS: dict[str, Method] = {
    f"private/{handler.__name__}": Method(handler, is_private=True)
    for handler in (
        get_open_orders,
        get_order,
        get_order_history,
        get_trade_history,
        get_positions,
        get_collaterals,
        get_subaccount,
        get_subaccounts,
        get_account,
        session_keys,
        set_mmp_config,
        get_mmp_config,
        reset_mmp,
        set_cancel_on_disconnect,
    )
}
