"""Public methods: what is listed, what it costs now, what traded, what time it is."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from atomizer.sim.deribit import wire_market
from atomizer.sim.deribit.accounts import CURRENCIES
from atomizer.sim.deribit.codes import invalid
from atomizer.sim.deribit.instruments import PERPETUAL_EXPIRY_MS, Instrument, expiry_text
from atomizer.sim.deribit.limits import Rate
from atomizer.sim.deribit.methods import Call, Method
from atomizer.sim.deribit.orders import PublicTrade
from atomizer.sim.deribit.units import money, number

_DEFAULT_COUNT = 10
_COIN_TYPES = {"BTC": "BITCOIN", "ETH": "ETHER", "USDC": "USDC"}
_CURRENCY_NAMES = {"BTC": "Bitcoin", "ETH": "Ethereum", "USDC": "USD Coin"}


def status(call: Call) -> dict[str, Any]:
    return call.engine.platform.status()


def get_currencies(_call: Call) -> list[dict[str, Any]]:
    return [
        {
            "currency": currency,
            "currency_long": _CURRENCY_NAMES[currency],
            "coin_type": _COIN_TYPES[currency],
            "min_confirmations": 1,
            "min_withdrawal_fee": 0.0001,
            "withdrawal_fee": 0.0001,
            "withdrawal_priorities": [],
            "decimals": 6,
            "apr": 0.0,
            "in_cross_collateral_pool": False,
        }
        for currency in CURRENCIES
    ]


def _chosen(call: Call) -> list[Instrument]:
    """Those of the wanted currency and kind; expired ones only where they are asked for."""
    currency, kind = call.params.get("currency", "any"), call.params.get("kind", "any")
    with_expired = call.flag("expired")
    return [
        item
        for item in call.engine.instruments.values()
        if currency in {"any", item.currency}
        and kind in {"any", item.kind}
        and (with_expired or not item.is_expired(call.now_ns))
    ]


def get_instruments(call: Call) -> list[dict[str, Any]]:
    return [wire_market.instrument_shape(item, call.now_ns) for item in _chosen(call)]


def get_instrument(call: Call) -> dict[str, Any]:
    return wire_market.instrument_shape(call.instrument(), call.now_ns)


def get_contract_size(call: Call) -> dict[str, float]:
    return {"contract_size": number(call.instrument().rules.contract)}


def get_expirations(call: Call) -> dict[str, list[str]]:
    """{"option": ["3APR26", …], "future": [… , "PERPETUAL"]}, soonest first."""
    found: dict[str, dict[int, str]] = {}
    for item in _chosen(call):
        text = expiry_text(item.expiry_s) if item.expiry_s else "PERPETUAL"
        found.setdefault(item.kind, {})[item.expiry_s or PERPETUAL_EXPIRY_MS] = text
    return {kind: [texts[key] for key in sorted(texts)] for kind, texts in found.items()}


def ticker(call: Call) -> dict[str, Any]:
    return wire_market.ticker(call.engine, call.instrument(), call.now_ns)


def get_order_book(call: Call) -> dict[str, Any]:
    return wire_market.order_book(call.engine, call.instrument(), call.params.get("depth", 5), call.now_ns)


def get_order_book_by_instrument_id(call: Call) -> dict[str, Any]:
    wanted = call.params["instrument_id"]
    for item in call.engine.instruments.values():
        if item.instrument_id == wanted:
            return wire_market.order_book(call.engine, item, call.params.get("depth", 5), call.now_ns)
    raise invalid("instrument_id", "instrument not found")


def get_book_summary_by_currency(call: Call) -> list[dict[str, Any]]:
    return [wire_market.summary(call.engine, item, call.now_ns) for item in _chosen(call)]


def get_book_summary_by_instrument(call: Call) -> list[dict[str, Any]]:
    return [wire_market.summary(call.engine, call.instrument(), call.now_ns)]


def _base(call: Call, name: str = "index_name") -> str:
    index = call.params[name]
    if index not in {item.index_name for item in call.engine.instruments.values()}:
        raise invalid(name, "index not found")
    return str(index).partition("_")[0].upper()


def get_index_price(call: Call) -> dict[str, float]:
    base = _base(call)
    return {
        "index_price": number(call.engine.quotation.index(base)),
        "estimated_delivery_price": number(call.engine.delivery_estimate(base)),
    }


def get_index_price_names(call: Call) -> list[str]:
    return sorted({item.index_name for item in call.engine.instruments.values()})


def get_delivery_prices(call: Call) -> dict[str, Any]:
    """Of the expiries that this venue has seen, latest first."""
    base = _base(call)
    found = {
        item.expiry_s: item.delivery_price
        for item in call.engine.instruments.values()
        if item.base == base and item.delivery_price is not None
    }
    rows = [
        {"date": datetime.fromtimestamp(day_s, UTC).strftime("%Y-%m-%d"), "delivery_price": number(found[day_s])}
        for day_s in sorted(found, reverse=True)
    ]
    offset = call.params.get("offset", 0)
    return {"data": rows[offset : offset + call.params.get("count", _DEFAULT_COUNT)], "records_total": len(rows)}


def get_volatility_index_data(call: Call) -> dict[str, Any]:
    """One candle of now: the venue has no yesterday."""
    value = wire_market.volatility(call.engine, call.params["currency"])
    return {"data": [[call.now_ms, value, value, value, value]], "continuation": None}


def get_historical_volatility(call: Call) -> list[list[float]]:
    return [[call.now_ms, wire_market.volatility(call.engine, call.params["currency"])]]


def get_funding_rate_value(call: Call) -> float:
    """Of now; the venue has no yesterday."""
    return money(call.instrument().funding_rate_e18)


def get_funding_rate_history(call: Call) -> list[dict[str, Any]]:
    call.instrument()
    return []


def get_tradingview_chart_data(call: Call) -> dict[str, Any]:
    """Candles of what traded here."""
    params, instrument = call.params, call.instrument()
    trades = [
        trade
        for trade in call.engine.tapes[instrument.name].trades
        if params["start_timestamp"] <= trade.timestamp_ms <= params["end_timestamp"]
    ]
    rows = wire_market.candles(trades, params["resolution"])
    columns = {"ticks": "tick"} | {name: name for name in ("open", "high", "low", "close", "volume", "cost")}
    shape: dict[str, Any] = {name: [row[key] for row in rows] for name, key in columns.items()}
    return {"status": "ok" if rows else "no_data", **shape}


def last_trades(call: Call, trades: Iterable[PublicTrade], shape: Callable[[PublicTrade], Any]) -> dict[str, Any]:
    """The page that was asked for: {"trades": […], "has_more": false}, newest first unless sorted otherwise."""
    params = call.params
    low, high = params.get("start_timestamp", 0), params.get("end_timestamp", call.now_ms)
    first, last = params.get("start_seq"), params.get("end_seq")
    kept = [
        trade
        for trade in trades
        if low <= trade.timestamp_ms <= high
        and (first is None or trade.trade_seq >= first)
        and (last is None or trade.trade_seq <= last)
    ]
    kept.sort(key=lambda trade: trade.timestamp_ms, reverse=params.get("sorting", "default") != "asc")
    count = params.get("count", _DEFAULT_COUNT)
    return {"trades": [shape(trade) for trade in kept[:count]], "has_more": len(kept) > count}


def get_last_trades_by_instrument(call: Call) -> dict[str, Any]:
    return last_trades(call, call.engine.tapes[call.instrument().name].trades, wire_market.trade_shape)


def get_last_trades_by_currency(call: Call) -> dict[str, Any]:
    trades = (trade for item in _chosen(call) for trade in call.engine.tapes[item.name].trades)
    return last_trades(call, trades, wire_market.trade_shape)


def get_trade_volumes(call: Call) -> list[dict[str, Any]]:
    """Of the last 24 hours, by currency and kind, in coins."""
    rows = []
    for currency in CURRENCIES:
        volume = {"calls": 0, "puts": 0, "future": 0}
        for item in call.engine.instruments.values():
            kind = ("calls" if item.is_call else "puts") if item.is_option else "future"
            if item.currency == currency:
                call.engine.tapes[item.name].forget(call.now_ns)
                volume[kind] += call.engine.tapes[item.name].coins
        rows.append(
            {
                "currency": currency,
                "calls_volume": number(volume["calls"]),
                "puts_volume": number(volume["puts"]),
                "futures_volume": number(volume["future"]),
                "spot_volume": 0.0,
            }
        )
    return rows


def get_announcements(_call: Call) -> list[Any]:
    return []


def get_combos(_call: Call) -> list[Any]:
    return []


PUBLIC_METHODS: dict[str, Method] = {
    "public/status": Method(status),
    "public/get_currencies": Method(get_currencies),
    "public/get_instruments": Method(get_instruments, Rate.INSTRUMENTS),
    "public/get_instrument": Method(get_instrument),
    "public/get_contract_size": Method(get_contract_size),
    "public/get_expirations": Method(get_expirations),
    "public/ticker": Method(ticker),
    "public/get_order_book": Method(get_order_book),
    "public/get_order_book_by_instrument_id": Method(get_order_book_by_instrument_id),
    "public/get_book_summary_by_currency": Method(get_book_summary_by_currency),
    "public/get_book_summary_by_instrument": Method(get_book_summary_by_instrument),
    "public/get_index_price": Method(get_index_price),
    "public/get_index_price_names": Method(get_index_price_names),
    "public/get_supported_index_names": Method(get_index_price_names),
    "public/get_delivery_prices": Method(get_delivery_prices),
    "public/get_volatility_index_data": Method(get_volatility_index_data),
    "public/get_historical_volatility": Method(get_historical_volatility),
    "public/get_funding_rate_value": Method(get_funding_rate_value),
    "public/get_funding_rate_history": Method(get_funding_rate_history),
    "public/get_tradingview_chart_data": Method(get_tradingview_chart_data),
    "public/get_last_trades_by_instrument": Method(get_last_trades_by_instrument),
    "public/get_last_trades_by_instrument_and_time": Method(get_last_trades_by_instrument),
    "public/get_last_trades_by_currency": Method(get_last_trades_by_currency),
    "public/get_last_trades_by_currency_and_time": Method(get_last_trades_by_currency),
    "public/get_trade_volumes": Method(get_trade_volumes),
    "public/get_announcements": Method(get_announcements),
    "public/get_combos": Method(get_combos),
    "public/get_combo_ids": Method(get_combos),
}
