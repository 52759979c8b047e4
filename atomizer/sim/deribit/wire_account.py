"""Private shapes: orders, trades, positions, account summaries, protection. Protocol sheet §4."""

from typing import Any

from atomizer.sim.deribit import margin
from atomizer.sim.deribit.accounts import Holder
from atomizer.sim.deribit.engine import Engine
from atomizer.sim.deribit.ledger import Position
from atomizer.sim.deribit.limits import Bucket, RateLimits
from atomizer.sim.deribit.mmp import FOREVER_NS, Protection
from atomizer.sim.deribit.orders import Order, Trade
from atomizer.sim.deribit.units import NANOS, NS_PER_MS, money, number
from atomizer.sim.deribit.wire_market import trade_shape

_GREEK_PLACES = 6


def order_shape(order: Order) -> dict[str, Any]:
    average = order.cost_e18 // order.filled if order.filled else 0
    shape: dict[str, Any] = {
        "order_id": order.order_id,
        "order_state": order.status.value,
        "order_type": order.order_type,
        "time_in_force": order.life.value,
        "instrument_name": order.instrument.name,
        "direction": "buy" if order.is_buy else "sell",
        "price": "market_price" if order.order_type == "market" else number(order.price),
        "amount": number(order.amount),
        "contracts": order.amount / order.instrument.rules.contract,
        "filled_amount": number(order.filled),
        "average_price": number(average),
        "label": order.label,
        "creation_timestamp": order.created_ms,
        "last_update_timestamp": order.updated_ms,
        "post_only": order.post_only,
        "reject_post_only": order.reject_post_only,
        "reduce_only": order.reduce_only,
        "mmp": order.mmp,
        "api": True,
        "web": False,
        "replaced": order.replaced,
        "is_liquidation": False,
        "risk_reducing": False,
        "user_id": order.user_id,
    }
    if order.cancel_reason:
        shape["cancel_reason"] = order.cancel_reason
        shape["mmp_cancelled"] = order.cancel_reason == "mmp_trigger"
    if order.quote is not None:
        tag = order.quote
        shape |= {"quote": True, "quote_id": tag.quote_id, "quote_set_id": tag.quote_set_id, "mmp_group": tag.mmp_group}
    return shape


def user_trade_shape(trade: Trade) -> dict[str, Any]:
    order, instrument = trade.order, trade.order.instrument
    shape = trade_shape(trade.public) | {
        "direction": "buy" if trade.is_buy else "sell",
        "order_id": order.order_id,
        "order_type": order.order_type,
        "matching_id": None,
        "liquidity": "M" if trade.is_maker else "T",
        "fee": money(trade.fee_e18),
        "fee_currency": instrument.currency,
        "state": trade.state.value,
        "label": order.label,
        "profit_loss": money(trade.profit_e18),
        "post_only": order.post_only,
        "reduce_only": order.reduce_only,
        "mmp": order.mmp,
        "api": True,
        "self_trade": False,
        "risk_reducing": False,
        "user_id": order.user_id,
    }
    if instrument.is_option:
        shape["underlying_price"] = number(trade.public.forward)
    if order.quote is not None:
        shape |= {"quote_id": order.quote.quote_id, "quote_set_id": order.quote.quote_set_id}
    return shape


def position_shape(engine: Engine, holder: Holder, position: Position) -> dict[str, Any]:
    """Sizes carry the sign of the position. Greeks are of the whole position; an inverse future's delta is in coins."""
    instrument, held = position.instrument, position.amount
    view = engine.view(instrument)
    coins = held / view.mark if instrument.is_in_usd else held / NANOS
    wanted = [item for item in margin.resting(holder) if item.instrument is instrument]
    floating = money(position.unrealized_e18(view.mark))
    shape: dict[str, Any] = {
        "instrument_name": instrument.name,
        "kind": instrument.kind,
        "direction": "buy" if held > 0 else "sell" if held < 0 else "zero",
        "size": number(held),
        "average_price": number(position.average_price),
        "mark_price": number(view.mark),
        "index_price": number(view.index),
        "settlement_price": number(view.mark),
        "initial_margin": money(margin.requirement_e18(instrument, held, view)),
        "maintenance_margin": money(margin.requirement_e18(instrument, held, view, maintenance=True)),
        "open_orders_margin": money(-margin.open_orders_e18(holder, wanted, engine.view)),
        "floating_profit_loss": floating,
        "realized_profit_loss": money(position.realized_e18),
        "total_profit_loss": money(position.unrealized_e18(view.mark) + position.realized_e18),
        "delta": round(coins * view.greeks.delta, _GREEK_PLACES),
        "estimated_liquidation_price": 0.0,
    }
    if instrument.is_option:
        unit = 1.0 if instrument.is_linear else number(view.index)
        return shape | {
            "gamma": round(coins * view.greeks.gamma, _GREEK_PLACES),
            "vega": round(coins * view.greeks.vega, _GREEK_PLACES),
            "theta": round(coins * view.greeks.theta, _GREEK_PLACES),
            "average_price_usd": number(position.average_price) * unit,
            "floating_profit_loss_usd": floating * unit,
        }
    return shape | {"size_currency": coins, "leverage": 25, "realized_funding": money(position.funding_e18)}


def positions_of(engine: Engine, holder: Holder, currency: str, kind: str) -> list[dict[str, Any]]:
    """`currency` "any" and an empty kind are all; flat rows are returned, as by the venue."""
    return [
        position_shape(engine, holder, position)
        for _, position in sorted(holder.positions.items())
        if currency in {"any", position.instrument.currency} and kind in {"", position.instrument.kind}
    ]


def portfolio_shape(engine: Engine, holder: Holder, currency: str) -> dict[str, Any]:
    """One currency of an account, in that currency; Greeks of options in coins and USD as in its positions."""
    now = margin.standing(holder, currency, engine.view)
    rows = [item for item in holder.positions.values() if item.instrument.currency == currency and item.amount]
    greeks = {"delta": 0.0, "gamma": 0.0, "vega": 0.0, "theta": 0.0}
    deltas: dict[str, float] = {}
    for position in rows:
        shape = position_shape(engine, holder, position)
        name = position.instrument.index_name
        deltas[name] = deltas.get(name, 0.0) + shape["delta"]
        if position.instrument.is_option:
            greeks = {key: value + shape[key] for key, value in greeks.items()}
    realized = {kind: _realized(holder, currency, kind) for kind in ("option", "future")}
    options_profit = sum(
        item.unrealized_e18(engine.view(item.instrument).mark) for item in rows if item.instrument.is_option
    )
    profit = options_profit + now.futures_profit_e18
    delta = round(sum(deltas.values()), _GREEK_PLACES)
    return {
        "currency": currency,
        "balance": money(now.cash_e18),
        "equity": money(now.equity_e18),
        "margin_balance": money(now.margin_balance_e18),
        "available_funds": money(now.available_e18),
        "available_withdrawal_funds": money(max(now.available_e18, 0)),
        "initial_margin": money(now.initial_e18 - now.orders_e18),
        "maintenance_margin": money(now.maintenance_e18),
        "projected_initial_margin": money(now.initial_e18),
        "projected_maintenance_margin": money(now.maintenance_e18),
        "total_pl": money(profit + sum(realized.values())),
        "session_rpl": money(sum(realized.values())),
        "session_upl": money(profit),
        "options_pl": money(options_profit + realized["option"]),
        "options_session_rpl": money(realized["option"]),
        "options_session_upl": money(options_profit),
        "options_value": money(now.options_e18),
        **{f"options_{name}": round(value, _GREEK_PLACES) for name, value in greeks.items()},
        "options_gamma_map": {},
        "options_theta_map": {},
        "options_vega_map": {},
        "futures_pl": money(now.futures_profit_e18 + realized["future"]),
        "futures_session_rpl": money(realized["future"]),
        "futures_session_upl": money(now.futures_profit_e18),
        "delta_total": delta,
        "projected_delta_total": delta,
        "delta_total_map": {name: round(value, _GREEK_PLACES) for name, value in deltas.items()},
        "fee_balance": 0.0,
        "spot_reserve": 0.0,
        "additional_reserve": 0.0,
        "locked_balance": 0.0,
        "margin_model": "segregated_sm",
        "portfolio_margining_enabled": False,
        "cross_collateral_enabled": False,
    }


def _realized(holder: Holder, currency: str, kind: str) -> int:
    return sum(
        item.realized_e18
        for item in holder.positions.values()
        if item.instrument.currency == currency and item.instrument.kind == kind
    )


def summary_shape(engine: Engine, holder: Holder, currency: str, limits: RateLimits) -> dict[str, Any]:
    return portfolio_shape(engine, holder, currency) | {"limits": _limits_shape(limits), "fees": {}}


def identity_shape(holder: Holder) -> dict[str, Any]:
    """What an extended summary says of the account itself."""
    return {
        "id": holder.user_id,
        "username": holder.account.name,
        "system_name": holder.account.name,
        "email": f"{holder.account.name}@example.com",
        "type": "main",
        "creation_timestamp": holder.opened_ms,
        "mmp_enabled": True,
        "security_keys_enabled": False,
        "login_enabled": True,
        "interuser_transfers_enabled": False,
        "self_trading_reject_mode": "reject_taker",
        "self_trading_extended_to_subaccounts": "false",
    }


def _limits_shape(limits: RateLimits) -> dict[str, Any]:
    def rate(bucket: Bucket) -> dict[str, int]:
        return {"burst": bucket.capacity // bucket.cost, "rate": bucket.refill // bucket.cost}

    trading = rate(limits.matching)
    engine = {"trading": {"total": trading}, "spot": trading, "quotes": trading, "cancel_all": trading}
    return {
        "limits_per_currency": False,
        "non_matching_engine": rate(limits.non_matching),
        "matching_engine": engine,
    }


def mmp_config_shape(protection: Protection) -> dict[str, Any]:
    config = protection.config
    shape: dict[str, Any] = {
        "index_name": config.index_name,
        "interval": config.interval_s,
        "frozen_time": config.frozen_s,
        "quantity_limit": None if config.quantity_limit is None else number(config.quantity_limit),
        "delta_limit": config.delta_limit,
        "vega_limit": config.vega_limit,
        "max_quote_quantity": number(config.max_quote_quantity),
        "trade_count_limit": config.trade_count_limit,
        "mmp_group": config.group or None,
        "block_rfq": config.is_block_rfq,
    }
    return {name: value for name, value in shape.items() if value is not None}


def mmp_status_shape(protection: Protection) -> dict[str, Any]:
    """`frozen_until` 0 is: until it is reset."""
    config, until_ns = protection.config, protection.frozen_until_ns
    shape: dict[str, Any] = {
        "index_name": config.index_name,
        "frozen_until": 0 if until_ns == FOREVER_NS else until_ns // NS_PER_MS,
    }
    if config.group:
        shape["mmp_group"] = config.group
    return {**shape, "block_rfq": True} if config.is_block_rfq else shape
