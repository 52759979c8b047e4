"""Methods that read an account: orders, trades, positions, summaries; and its market maker protection."""

from collections.abc import Iterable
from typing import Any

from atomizer.sim.deribit import codes
from atomizer.sim.deribit.accounts import CURRENCIES
from atomizer.sim.deribit.codes import Rejection, invalid
from atomizer.sim.deribit.limits import Rate
from atomizer.sim.deribit.log import entry_shape
from atomizer.sim.deribit.methods import Call, Method
from atomizer.sim.deribit.mmp import MmpConfig, Protection
from atomizer.sim.deribit.order_methods import find_order
from atomizer.sim.deribit.orders import Order, Status, Trade
from atomizer.sim.deribit.units import NANOS
from atomizer.sim.deribit.wire_account import (
    identity_shape,
    mmp_config_shape,
    mmp_status_shape,
    order_shape,
    position_shape,
    positions_of,
    summary_shape,
    user_trade_shape,
)

_HISTORY_COUNT, _TRADE_COUNT, _LOG_COUNT = 20, 10, 100
_MMP_PLACES = 10**5  # limits have at most four decimals: nanos of one


def _matches(call: Call, order: Order) -> bool:
    """What the request's instrument, currency, kind, label and type leave."""
    params, item = call.params, order.instrument
    return (
        params.get("instrument_name", item.name) == item.name
        and params.get("currency", "any") in {"any", item.currency}
        and params.get("kind", "any") in {"any", item.kind}
        and params.get("label", order.label) == order.label
        and params.get("type", "all") in {"all", "limit"}
    )


def get_open_orders(call: Call) -> list[dict[str, Any]]:
    if "instrument_name" in call.params:
        call.instrument()
    return [order_shape(order) for order in call.holder.open_orders.values() if _matches(call, order)]


def get_order_state(call: Call) -> dict[str, Any]:
    return order_shape(find_order(call))


def get_order_state_by_label(call: Call) -> list[dict[str, Any]]:
    return [order_shape(order) for order in call.holder.orders.values() if _matches(call, order)]


def get_order_history(call: Call) -> list[dict[str, Any]]:
    """Orders that have ended, latest first; those that never traded only where they are asked for."""
    params = call.params
    with_unfilled = params.get("include_unfilled", False)
    ended = [
        order
        for order in call.holder.orders.values()
        if order.status is not Status.OPEN and _matches(call, order) and (order.filled or with_unfilled)
    ]
    ended.sort(key=lambda order: order.sequence, reverse=True)
    offset = params.get("offset", 0)
    return [order_shape(order) for order in ended[offset : offset + params.get("count", _HISTORY_COUNT)]]


def _trades(call: Call, trades: Iterable[Trade]) -> dict[str, Any]:
    """The page that was asked for, newest first unless sorted otherwise."""
    params = call.params
    low, high = params.get("start_timestamp", 0), params.get("end_timestamp", call.now_ms)
    first, last = params.get("start_seq", 0), params.get("end_seq")
    kept = [
        trade
        for trade in trades
        if _matches(call, trade.order)
        and low <= trade.public.timestamp_ms <= high
        and trade.public.trade_seq >= first
        and (last is None or trade.public.trade_seq <= last)
    ]
    kept = _between_ids(kept, params.get("start_id"), params.get("end_id"))
    if params.get("sorting", "default") != "asc":
        kept.reverse()
    count = params.get("count", _TRADE_COUNT)
    return {"trades": [user_trade_shape(trade) for trade in kept[:count]], "has_more": len(kept) > count}


def _between_ids(trades: list[Trade], start: str | None, end: str | None) -> list[Trade]:
    """From the trade `start` to the trade `end`, both included; ids count up."""
    low, high = _id_number(start), _id_number(end)
    return [
        trade
        for trade in trades
        if (low is None or _number_of(trade) >= low) and (high is None or _number_of(trade) <= high)
    ]


def _id_number(trade_id: str | None) -> int | None:
    if trade_id is None:
        return None
    digits = trade_id.rpartition("-")[2]
    if not digits.isdigit():
        raise invalid("start_id", "not a trade id")
    return int(digits)


def _number_of(trade: Trade) -> int:
    return int(trade.public.trade_id.rpartition("-")[2])


def get_user_trades(call: Call) -> dict[str, Any]:
    if "instrument_name" in call.params:
        call.instrument()
    return _trades(call, call.holder.trades)


def get_user_trades_by_order(call: Call) -> list[dict[str, Any]]:
    order = find_order(call)
    return [user_trade_shape(trade) for trade in call.holder.trades if trade.order is order]


def get_transaction_log(call: Call) -> dict[str, Any]:
    """Newest first, from the entry that `continuation` names on."""
    params = call.params
    low, high = params["start_timestamp"], params["end_timestamp"]
    first, words = params.get("continuation"), params.get("query", "")
    found = [
        entry
        for entry in reversed(call.holder.log)
        if entry.heading.instrument.currency == params["currency"]
        and low <= entry.heading.timestamp_ms <= high
        and (first is None or entry.heading.entry_id <= first)
        and (not words or entry.is_about(words))
    ]
    count = params.get("count", _LOG_COUNT)
    account = call.holder.account
    return {
        "logs": [entry_shape(entry, account.user_id, account.name) for entry in found[:count]],
        "continuation": found[count].heading.entry_id if len(found) > count else None,
    }


def get_positions(call: Call) -> list[dict[str, Any]]:
    params = call.params
    return positions_of(call.engine, call.holder, params.get("currency", "any"), params.get("kind", ""))


def get_position(call: Call) -> dict[str, Any]:
    return position_shape(call.engine, call.holder, call.holder.position(call.instrument()))


def get_account_summary(call: Call) -> dict[str, Any]:
    currency = call.params["currency"]
    if currency not in CURRENCIES:
        raise invalid("currency", "no account in this currency")
    shape = summary_shape(call.engine, call.holder, currency, call.limits)
    return shape | identity_shape(call.holder) if call.flag("extended") else shape


def get_account_summaries(call: Call) -> dict[str, Any]:
    rows = [summary_shape(call.engine, call.holder, currency, call.limits) for currency in CURRENCIES]
    identity = identity_shape(call.holder) if call.flag("extended") else {}
    return {**identity, "summaries": rows}


def get_subaccounts(call: Call) -> list[dict[str, Any]]:
    more = {"tfa_enabled": False, "receive_notifications": False, "is_password": True}
    return [identity_shape(call.holder) | more]


# Market maker protection


def set_mmp_config(call: Call) -> list[dict[str, Any]]:
    """The whole configuration of one index and group; an interval of 0 ends it."""
    params = call.params
    config = MmpConfig(
        index_name=params["index_name"],
        group=params.get("mmp_group", ""),
        is_block_rfq=call.flag("block_rfq"),
        interval_s=params["interval"],
        frozen_s=params["frozen_time"],
        quantity_limit=_limit(call, "quantity_limit"),
        delta_limit=params.get("delta_limit"),
        vega_limit=params.get("vega_limit"),
        max_quote_quantity=call.nanos("max_quote_quantity"),
        trade_count_limit=params.get("trade_count_limit"),
    )
    delta, quantity = config.delta_limit, config.quantity_limit
    if delta is not None and quantity is not None and delta * NANOS >= quantity:
        raise invalid("delta_limit", "must be less than quantity_limit")
    key = (config.index_name, config.group, config.is_block_rfq)
    if not config.interval_s:
        call.holder.protections.pop(key, None)
        return []
    protection = call.holder.protections[key] = Protection(config)
    return [mmp_config_shape(protection)]


def _limit(call: Call, name: str) -> int | None:
    if name not in call.params:
        return None
    value = call.nanos(name)
    if value % _MMP_PLACES:
        raise invalid(name, "must have at most four decimal places")
    return value


def _protections(call: Call) -> list[Protection]:
    params = call.params
    return [
        protection
        for (index, group, is_block_rfq), protection in call.holder.protections.items()
        if params.get("index_name", index) == index
        and params.get("mmp_group", group) == group
        and is_block_rfq == call.flag("block_rfq")
    ]


def get_mmp_config(call: Call) -> list[dict[str, Any]]:
    return [mmp_config_shape(protection) for protection in _protections(call)]


def get_mmp_status(call: Call) -> list[dict[str, Any]]:
    """Those that are frozen."""
    return [mmp_status_shape(each) for each in _protections(call) if each.is_frozen(call.now_ns)]


def reset_mmp(call: Call) -> str:
    found = _protections(call)
    if not found:
        raise Rejection(codes.NOT_FOUND)
    for protection in found:
        protection.reset()
    return "ok"


ACCOUNT_METHODS: dict[str, Method] = {
    "private/get_open_orders": Method(get_open_orders, area="trade"),
    "private/get_open_orders_by_currency": Method(get_open_orders, area="trade"),
    "private/get_open_orders_by_instrument": Method(get_open_orders, area="trade"),
    "private/get_open_orders_by_label": Method(get_open_orders, area="trade"),
    "private/get_order_state": Method(get_order_state, area="trade"),
    "private/get_order_state_by_label": Method(get_order_state_by_label, area="trade"),
    "private/get_order_history_by_instrument": Method(get_order_history, area="trade"),
    "private/get_order_history_by_currency": Method(get_order_history, area="trade"),
    "private/get_user_trades_by_instrument": Method(get_user_trades, area="trade"),
    "private/get_user_trades_by_instrument_and_time": Method(get_user_trades, area="trade"),
    "private/get_user_trades_by_currency": Method(get_user_trades, area="trade"),
    "private/get_user_trades_by_currency_and_time": Method(get_user_trades, area="trade"),
    "private/get_user_trades_by_order": Method(get_user_trades_by_order, area="trade"),
    "private/get_transaction_log": Method(get_transaction_log, Rate.LOG, area="account"),
    "private/get_positions": Method(get_positions, area="trade"),
    "private/get_position": Method(get_position, area="trade"),
    "private/get_account_summary": Method(get_account_summary, area="account"),
    "private/get_account_summaries": Method(get_account_summaries, area="account"),
    "private/get_subaccounts": Method(get_subaccounts, area="account"),
    "private/set_mmp_config": Method(set_mmp_config, area="trade", level="read_write"),
    "private/get_mmp_config": Method(get_mmp_config, area="trade"),
    "private/get_mmp_status": Method(get_mmp_status, area="trade"),
    "private/reset_mmp": Method(reset_mmp, area="trade", level="read_write"),
}
