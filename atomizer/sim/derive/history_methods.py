"""Methods that look back: the tape, its candles, funding, settlements, and money in and out.

The practice venue moves no money on chain and keeps no old funding rates, so those histories are empty.
"""

from datetime import UTC, datetime
from typing import Any

from atomizer.sim.derive import codes
from atomizer.sim.derive.channels import currencies
from atomizer.sim.derive.codes import Rejection
from atomizer.sim.derive.ledger import FundingEvent
from atomizer.sim.derive.methods import Call, Method
from atomizer.sim.derive.orders import PublicTrade
from atomizer.sim.derive.params import paged
from atomizer.sim.derive.units import MAX_INT64, e18_text, nanos_text
from atomizer.sim.derive.wire_account import subaccount_shape
from atomizer.sim.derive.wire_market import public_trade

_ZERO_ADDRESS = "0x0000000000000000000000000000000000000000"


def get_trade_history(call: Call) -> dict[str, Any]:
    """Trades of anybody, latest first. The practice venue names only the taker's side, and no wallet."""
    params = call.params
    name, currency = params.text("instrument_name", ""), params.text("currency", "")
    kind = params.text("instrument_type", "")
    low, high = params.integer("from_timestamp", 0), params.integer("to_timestamp", MAX_INT64)
    found = [
        trade
        for trade in call.engine.tape
        if low <= trade.timestamp_ms <= high
        and name in {"", trade.instrument.name}
        and currency in {"", trade.instrument.underlying}
        and kind in {"", trade.instrument.listing.kind}
    ]
    page, pagination = paged(params, found[::-1])
    return {"trades": [_tape_shape(call, trade) for trade in page], "pagination": pagination}


def _tape_shape(call: Call, trade: PublicTrade) -> dict[str, Any]:
    unknown = {
        "subaccount_id": 0,
        "wallet": _ZERO_ADDRESS,
        "liquidity_role": "taker",
        "trade_fee": "0",
        "extra_fee": "0",
        "expected_rebate": "0",
        "realized_pnl": "0",
        "realized_pnl_excl_fees": "0",
        "tx_hash": "",
    }
    status = {"batch_status": "Settled"} if call.dialect.is_v3 else {"tx_status": "settled"}
    return public_trade(trade, call.dialect) | unknown | status


def get_tradingview_chart_data(call: Call) -> list[dict[str, Any]]:
    """Candles of what traded here, `period` seconds wide."""
    params, instrument = call.params, call.instrument()
    period_s = _period_s(call)
    low_s, high_s = params.integer("start_timestamp"), params.integer("end_timestamp")
    buckets: dict[int, list[PublicTrade]] = {}
    for trade in call.engine.tape:
        trade_s = trade.timestamp_ms // 1000
        if trade.instrument is instrument and low_s <= trade_s <= high_s:
            buckets.setdefault(trade_s // period_s * period_s, []).append(trade)
    return [_candle(bucket_s, trades) for bucket_s, trades in buckets.items()]


def _period_s(call: Call) -> int:
    """ccxt sends it as text, and is served by the real venue."""
    try:
        text = call.params.text("period")
    except Rejection:
        return call.params.integer("period", low=1)
    if not (text.isascii() and text.isdigit() and int(text)):
        raise Rejection(codes.INVALID_PARAMS, "{'period': ['Not a valid integer.']}")
    return int(text)


def _candle(bucket_s: int, trades: list[PublicTrade]) -> dict[str, Any]:
    prices = [trade.price for trade in trades]
    return {
        "timestamp": trades[-1].timestamp_ms // 1000,
        "timestamp_bucket": bucket_s,
        "open_price": nanos_text(prices[0]),
        "high_price": nanos_text(max(prices)),
        "low_price": nanos_text(min(prices)),
        "close_price": nanos_text(prices[-1]),
        "volume_contracts": nanos_text(sum(trade.amount for trade in trades)),
        "volume_usd": e18_text(sum(trade.amount * trade.price for trade in trades)),
    }


def get_option_settlement_prices(call: Call) -> dict[str, Any]:
    """Every expiry of a currency, with its price once it has one."""
    currency = call.params.text("currency", choices=currencies(call.engine))
    prices = {
        item.listing.expiry_s: item.settlement_price
        for item in call.engine.instruments.values()
        if item.is_option and item.underlying == currency
    }
    return {
        "expiries": [
            {
                "utc_expiry_sec": expiry_s,
                "expiry_date": datetime.fromtimestamp(expiry_s, UTC).strftime("%Y%m%d"),
                "price": None if price is None else nanos_text(price),
            }
            for expiry_s, price in sorted(prices.items())
        ]
    }


def get_funding_rate_history(call: Call) -> dict[str, Any]:
    call.instrument()
    return {"funding_rate_history": []}


def get_all_portfolios(call: Call) -> list[dict[str, Any]]:
    call.check_wallet()
    return [subaccount_shape(call.engine, item, call.dialect) for item in call.wallet.subaccounts.values()]


def get_funding_history(call: Call) -> dict[str, Any]:
    """Payments of one subaccount, or of all of a wallet, latest first. `pnl` is what the venue moves with them."""
    params = call.params
    owners = call.subjects()
    name = params.text("instrument_name", "")
    low, high = params.integer("start_timestamp", 0), params.integer("end_timestamp", MAX_INT64)
    found = [
        (owner.subaccount_id, event)
        for owner in owners
        for event in owner.funding
        if low <= event.timestamp_ms <= high and name in {"", event.instrument}
    ]
    found.sort(key=lambda each: each[1].timestamp_ms, reverse=True)
    page, pagination = paged(params, found)
    return {"events": [_funding_shape(call, number, event) for number, event in page], "pagination": pagination}


def _funding_shape(call: Call, subaccount_id: int, event: FundingEvent) -> dict[str, Any]:
    shape = {
        "subaccount_id": subaccount_id,
        "instrument_name": event.instrument,
        "funding": e18_text(event.funding_e18),
        "pnl": "0",
        "timestamp": event.timestamp_ms,
        "tx_hash": None,
    }
    return shape | ({"batch_uuid": event.batch_id, "batch_status": "Settled"} if call.dialect.is_v3 else {})


def get_deposit_history(_call: Call) -> dict[str, Any]:
    return {"deposits": [], "events": []}


def get_withdrawal_history(_call: Call) -> dict[str, Any]:
    return {"withdrawals": [], "events": []}


HISTORY_METHODS: dict[str, Method] = {
    "public/get_trade_history": Method(get_trade_history),
    "public/get_tradingview_chart_data": Method(get_tradingview_chart_data),
    "public/get_option_settlement_prices": Method(get_option_settlement_prices),
    "public/get_funding_rate_history": Method(get_funding_rate_history),
    "private/get_all_portfolios": Method(get_all_portfolios, is_private=True),
    "private/get_funding_history": Method(get_funding_history, is_private=True),
    "private/get_deposit_history": Method(get_deposit_history, is_private=True),
    "private/get_withdrawal_history": Method(get_withdrawal_history, is_private=True),
}
