"""Private shapes: orders, trades, positions, collateral, subaccounts. Protocol sheet §3.1 and the field lists."""

from typing import Any

from atomizer.sim.derive import margin
from atomizer.sim.derive.accounts import CASH, Subaccount
from atomizer.sim.derive.dialect import Dialect
from atomizer.sim.derive.engine import Engine
from atomizer.sim.derive.instruments import Instrument
from atomizer.sim.derive.ledger import Position
from atomizer.sim.derive.orders import BalanceChange, Order, Trade
from atomizer.sim.derive.units import NANOS, NS_PER_MS, e18_text, float_text, nanos_text

_SETTLES_AFTER_MS = 2_000  # a trade of the practice venue counts as settled on chain after this
_GREEK_PLACES, _GAMMA_PLACES = 5, 8


def order_shape(order: Order, dialect: Dialect) -> dict[str, Any]:
    request = order.request
    average_e18 = order.cost_e18 * NANOS // order.filled if order.filled else 0
    signed = order.signed_limit_price
    shape: dict[str, Any] = {
        "order_id": order.order_id,
        "subaccount_id": request.subaccount_id,
        "instrument_name": request.instrument.name,
        "direction": "buy" if request.is_buy else "sell",
        "order_type": request.order_type,
        "time_in_force": request.time_in_force,
        "order_status": order.status.value,
        "amount": nanos_text(order.amount),
        "filled_amount": nanos_text(order.filled),
        "average_price": e18_text(average_e18),
        "limit_price": nanos_text(order.limit_price),
        "signed_limit_price": None if signed is None else nanos_text(signed),
        "order_fee": e18_text(order.fee_e18),
        "max_fee": e18_text(request.max_fee_e18),
        "extra_fee": "0",
        "nonce": str(request.nonce) if dialect.nonce_is_text else request.nonce,
        "signer": request.signer,
        "signature": request.signature,
        "signature_expiry_sec": request.signature_expiry_s,
        "label": request.label,
        "mmp": request.mmp,
        "is_transfer": False,
        "quote_id": None,
        "replaced_order_id": order.replaced_order_id,
        "cancel_reason": order.cancel_reason,
        "creation_timestamp": order.created_ms,
        "last_update_timestamp": order.updated_ms,
        "trigger_type": None,
        "trigger_price": None,
        "trigger_price_type": None,
        "trigger_reject_message": None,
    }
    if dialect.is_v3:
        shape |= dict.fromkeys(("algo_type", "algo_duration_sec", "algo_num_slices", "algo_slices_completed"))
    return shape


def trade_shape(trade: Trade, dialect: Dialect, now_ns: int) -> dict[str, Any]:
    settled = now_ns // NS_PER_MS >= trade.timestamp_ms + _SETTLES_AFTER_MS
    shape: dict[str, Any] = {
        "trade_id": trade.trade_id,
        "order_id": trade.order_id,
        "subaccount_id": trade.subaccount_id,
        "instrument_name": trade.instrument.name,
        "direction": "buy" if trade.is_buy else "sell",
        "label": trade.label,
        "quote_id": trade.quote_id,
        "timestamp": trade.timestamp_ms,
        "trade_price": nanos_text(trade.price),
        "trade_amount": nanos_text(trade.amount),
        "trade_fee": e18_text(trade.fee_e18),
        "extra_fee": "0",
        "expected_rebate": "0",
        "mark_price": nanos_text(trade.mark),
        "index_price": nanos_text(trade.index),
        "liquidity_role": "maker" if trade.is_maker else "taker",
        "realized_pnl": e18_text(trade.realized_with_fees_e18),
        "realized_pnl_excl_fees": e18_text(trade.realized_e18),
        "is_transfer": False,
        "wallet": trade.wallet,
        "tx_hash": None,
    }
    if dialect.is_v3:
        status = {"batch_status": "Settled" if settled else "Batching", "op_uuid": trade.transaction_id}
        return {**shape, "rfq_id": trade.rfq_id, **status}
    return {**shape, "tx_status": "settled" if settled else "requested", "transaction_id": trade.transaction_id}


def balance_shape(change: BalanceChange, _dialect: Dialect) -> dict[str, str]:
    return {
        "name": change.name,
        "previous_balance": e18_text(change.before_e18),
        "new_balance": e18_text(change.after_e18),
        "update_type": change.update_type,
    }


def position_shape(engine: Engine, subaccount: Subaccount, instrument: Instrument) -> dict[str, Any]:
    position: Position = subaccount.positions[instrument.name]
    state, prices = engine.market.state(instrument.name), engine.prices(instrument)
    held, mark = position.amount_nanos, prices.mark
    value_e18 = mark * held if instrument.is_option else position.unrealized_e18(mark)
    wanted = [item for item in margin.resting(subaccount) if item.instrument is instrument]
    return {
        "instrument_name": instrument.name,
        "instrument_type": instrument.listing.kind,
        "amount": nanos_text(held),
        "amount_step": nanos_text(instrument.lot),
        "average_price": e18_text(position.average_price_with_fees_e18),
        "average_price_excl_fees": e18_text(position.average_price_e18),
        "mark_price": nanos_text(mark),
        "mark_value": e18_text(value_e18),
        "index_price": nanos_text(prices.index),
        "delta": float_text(state.delta, _GREEK_PLACES),
        "gamma": float_text(state.gamma, _GAMMA_PLACES),
        "vega": float_text(state.vega, _GREEK_PLACES),
        "theta": float_text(state.theta, _GREEK_PLACES),
        "initial_margin": e18_text(-margin.requirement_e18(instrument, held, prices)),
        "maintenance_margin": e18_text(-margin.requirement_e18(instrument, held, prices, maintenance=True)),
        "open_orders_margin": e18_text(margin.open_orders_e18(subaccount, wanted, engine.prices)),
        "unrealized_pnl": e18_text(position.unrealized_with_fees_e18(mark)),
        "unrealized_pnl_excl_fees": e18_text(position.unrealized_e18(mark)),
        "realized_pnl": e18_text(position.realized_with_fees_e18),
        "realized_pnl_excl_fees": e18_text(position.realized_e18),
        "total_fees": e18_text(position.fees_e18),
        "net_settlements": "0",
        "cumulative_funding": e18_text(position.funding_e18),
        "pending_funding": e18_text(position.pending_funding_e18),
        "leverage": None,
        "liquidation_price": None,
        "creation_timestamp": position.created_ms,
    }


def open_positions(engine: Engine, subaccount: Subaccount) -> list[dict[str, Any]]:
    return [
        position_shape(engine, subaccount, subaccount.instruments[name])
        for name, position in sorted(subaccount.positions.items())
        if position.amount_nanos
    ]


def collateral_shapes(subaccount: Subaccount, dialect: Dialect) -> list[dict[str, Any]]:
    """Cash is the only collateral, at par."""
    cash = e18_text(subaccount.cash_e18)
    shape: dict[str, Any] = {
        "asset_name": CASH,
        "asset_type": "erc20",
        "currency": CASH,
        "amount": cash,
        "amount_step": "0.000001",
        "mark_price": "1",
        "mark_value": cash,
        "initial_margin": cash,
        "maintenance_margin": cash,
        "open_orders_margin": "0",
        "average_price": "1",
        "average_price_excl_fees": "1",
        "unrealized_pnl": "0",
        "unrealized_pnl_excl_fees": "0",
        "realized_pnl": "0",
        "realized_pnl_excl_fees": "0",
        "total_fees": "0",
        "cumulative_interest": "0",
        "pending_interest": "0",
        "creation_timestamp": subaccount.opened_ms,
    }
    return [{**shape, "delta": "0", "delta_currency": CASH}] if dialect.is_v3 else [shape]


def subaccount_shape(engine: Engine, subaccount: Subaccount, dialect: Dialect) -> dict[str, Any]:
    prices_of = engine.prices
    initial = margin.headroom_e18(subaccount, prices_of)
    maintenance = margin.headroom_e18(subaccount, prices_of, maintenance=True)
    options_e18 = sum(
        engine.prices(subaccount.instruments[name]).mark * position.amount_nanos
        for name, position in subaccount.positions.items()
        if subaccount.instruments[name].is_option
    )
    positions_e18 = options_e18 + margin.perpetual_profit_e18(subaccount, prices_of)
    cash = e18_text(subaccount.cash_e18)
    shape: dict[str, Any] = {
        "subaccount_id": subaccount.subaccount_id,
        "currency": [CASH] if dialect.is_v3 else "all",
        "label": "",
        "margin_type": "SM",
        "subaccount_value": e18_text(subaccount.cash_e18 + positions_e18),
        "initial_margin": e18_text(initial),
        "maintenance_margin": e18_text(maintenance),
        "open_orders_margin": e18_text(margin.open_orders_e18(subaccount, margin.resting(subaccount), prices_of)),
        "collaterals_value": cash,
        "collaterals_initial_margin": cash,
        "collaterals_maintenance_margin": cash,
        "positions_value": e18_text(positions_e18),
        "positions_initial_margin": e18_text(initial - subaccount.cash_e18),
        "positions_maintenance_margin": e18_text(maintenance - subaccount.cash_e18),
        "projected_margin_change": "0",
        "is_under_liquidation": False,
        "collaterals": collateral_shapes(subaccount, dialect),
        "positions": open_positions(engine, subaccount),
        "open_orders": [order_shape(order, dialect) for order in subaccount.open_orders.values()],
    }
    if dialect.is_v3:
        extra = {"manager_id": 1, "risk_universe_id": 1, "mm_credits": "0", "failed_to_fetch": False}
        return {**shape, **extra, "vault_deposit_holds": []}
    return shape
