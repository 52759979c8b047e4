"""Public shapes: instruments, tickers, order books, summaries, the tape. Protocol sheet §3 and §7."""

from collections.abc import Iterable
from typing import Any

from atomizer.sim.deribit.engine import Engine
from atomizer.sim.deribit.instruments import Instrument, expiry_text
from atomizer.sim.deribit.orders import PublicTrade
from atomizer.sim.deribit.units import NANOS, NS_PER_MS, money, number

_GREEK_PLACES = 5
_IV_PLACES = 2
_WHOLE_BOOK = 1_000_000
_MINUTE_MS, _DAY_MS = 60_000, 86_400_000

Levels = list[tuple[int, int]]


def instrument_shape(instrument: Instrument, now_ns: int) -> dict[str, Any]:
    rules, is_linear = instrument.rules, instrument.is_linear
    shape = {
        "instrument_name": instrument.name,
        "instrument_id": instrument.instrument_id,
        "kind": instrument.kind,
        "instrument_type": "linear" if is_linear else "reversed",
        "state": state(instrument, now_ns),
        "is_active": not instrument.is_expired(now_ns),
        "base_currency": instrument.base,
        "quote_currency": _quote_currency(instrument),
        "counter_currency": "USDC" if is_linear else "USD",
        "settlement_currency": instrument.currency,
        "settlement_period": instrument.settlement_period,
        "price_index": instrument.index_name,
        "creation_timestamp": instrument.created_s * 1000,
        "expiration_timestamp": instrument.expiry_ms,
        "tick_size": number(rules.tick),
        "tick_size_steps": [{"above_price": number(above), "tick_size": number(tick)} for above, tick in rules.steps],
        "contract_size": _whole(rules.contract),
        "min_trade_amount": number(rules.lot),
        "maker_commission": number(rules.maker_fee),
        "taker_commission": number(rules.taker_fee),
        "block_trade_commission": number(rules.maker_fee),
        "block_trade_min_trade_amount": number(rules.block_minimum),
        "block_trade_tick_size": number(rules.tick),
    }
    if instrument.is_option:
        return {
            **shape,
            "strike": number(instrument.strike),
            "option_type": "call" if instrument.is_call else "put",
        }
    return {
        **shape,
        "future_type": "linear" if is_linear else "reversed",
        "max_leverage": 25,
        "max_liquidation_commission": 0.01,
    }


def _quote_currency(instrument: Instrument) -> str:
    """Of an inverse option its coin, of an inverse future USD."""
    if instrument.is_linear:
        return "USDC"
    return instrument.base if instrument.is_option else "USD"


def _whole(nanos: int) -> float:
    """An integer where it is one, as the venue prints contract sizes."""
    return nanos // NANOS if nanos % NANOS == 0 else number(nanos)


def state(instrument: Instrument, now_ns: int) -> str:
    if instrument.is_closed:
        return "delivered"
    return "settlement" if instrument.is_expired(now_ns) else "open"


def sides(engine: Engine, instrument: Instrument, *, depth: int = _WHOLE_BOOK, group: int = 1) -> tuple[Levels, Levels]:
    """Bids and asks, best first; `group` is the width of a bucket in nanos."""
    book = engine.books[instrument.name]
    return (
        book.levels(is_bid=True, depth=depth, bucket=group),
        book.levels(is_bid=False, depth=depth, bucket=group),
    )


def pairs(levels: Levels) -> list[list[float]]:
    return [[number(price), number(amount)] for price, amount in levels]


def top(engine: Engine, instrument: Instrument) -> dict[str, float]:
    """0.0 stands for an empty side, as on the venue's wire."""
    bids, asks = sides(engine, instrument, depth=1)
    (bid, bid_amount), (ask, ask_amount) = bids[0] if bids else (0, 0), asks[0] if asks else (0, 0)
    return {
        "best_bid_price": number(bid),
        "best_bid_amount": number(bid_amount),
        "best_ask_price": number(ask),
        "best_ask_amount": number(ask_amount),
    }


def quote(engine: Engine, instrument: Instrument, now_ns: int) -> dict[str, Any]:
    head = {"timestamp": now_ns // NS_PER_MS, "instrument_name": instrument.name}
    return {**head, **top(engine, instrument)}


def ticker(engine: Engine, instrument: Instrument, now_ns: int) -> dict[str, Any]:
    view, tape = engine.view(instrument), engine.tapes[instrument.name]
    estimate = "expired" if instrument.is_closed else number(engine.delivery_estimate(instrument.base))
    shape = {
        "timestamp": now_ns // NS_PER_MS,
        "instrument_name": instrument.name,
        "state": state(instrument, now_ns),
        "stats": _stats(engine, instrument, now_ns),
        "open_interest": number(open_interest(engine, instrument)),
        **top(engine, instrument),
        "index_price": number(view.index),
        "min_price": number(view.limits.low),
        "max_price": number(view.limits.high),
        "mark_price": number(view.mark),
        "last_price": None if tape.last_price is None else number(tape.last_price),
        "settlement_price": number(view.mark),
        "estimated_delivery_price": estimate,
    }
    if instrument.delivery_price is not None:
        shape["delivery_price"] = number(instrument.delivery_price)
    if instrument.is_option:
        return shape | _option_figures(engine, instrument)
    if not instrument.expiry_s:
        return shape | _funding(instrument) | {"interest_value": 0.0}
    return shape


def _funding(instrument: Instrument) -> dict[str, float]:
    """The rate of eight hours as it is now; the practice venue keeps no past ones."""
    rate = money(instrument.funding_rate_e18)
    return {"current_funding": rate, "funding_8h": rate}


def _stats(engine: Engine, instrument: Instrument, now_ns: int) -> dict[str, Any]:
    tape = engine.tapes[instrument.name]
    tape.forget(now_ns)
    low, high = tape.low, tape.high
    shape = {
        "volume": number(tape.coins),
        "volume_usd": number(tape.usd),
        "low": None if low is None else number(low),
        "high": None if high is None else number(high),
        "price_change": tape.change_percent,
    }
    return shape if instrument.is_option else {**shape, "volume_notional": number(tape.usd)}


def _option_figures(engine: Engine, instrument: Instrument) -> dict[str, Any]:
    view, quotation = engine.view(instrument), engine.quotation
    book = engine.books[instrument.name]
    bid, ask = book.best(is_bid=True), book.best(is_bid=False)
    greeks = view.greeks
    return {
        "underlying_price": number(view.forward),
        "underlying_index": underlying_index(engine, instrument),
        "interest_rate": 0.0,
        "mark_iv": percent(view.iv),
        "bid_iv": percent(quotation.implied(instrument, bid)),
        "ask_iv": percent(quotation.implied(instrument, ask)),
        "greeks": {
            "delta": round(greeks.delta, _GREEK_PLACES),
            "gamma": round(greeks.gamma, _GREEK_PLACES),
            "vega": round(greeks.vega, _GREEK_PLACES),
            "theta": round(greeks.theta, _GREEK_PLACES),
            "rho": round(greeks.rho, _GREEK_PLACES),
        },
    }


def underlying_index(engine: Engine, instrument: Instrument) -> str:
    """The future of the same expiry, a synthetic one where none is listed."""
    future = f"{instrument.base}-{expiry_text(instrument.expiry_s)}"
    return future if future in engine.instruments else f"SYN.{future}"


def percent(fraction: float) -> float:
    return round(100 * fraction, _IV_PLACES)


def open_interest(engine: Engine, instrument: Instrument) -> int:
    """Held by accounts, long or short, whichever is more: the practice makers hold the other side."""
    held = [holder.amount_of(instrument.name) for holder in engine.holders.values()]
    return max(sum(amount for amount in held if amount > 0), -sum(amount for amount in held if amount < 0))


def order_book(engine: Engine, instrument: Instrument, depth: int, now_ns: int) -> dict[str, Any]:
    bids, asks = sides(engine, instrument, depth=depth)
    shape = ticker(engine, instrument, now_ns)
    return {**shape, "change_id": engine.change_id(instrument.name), "bids": pairs(bids), "asks": pairs(asks)}


def summary(engine: Engine, instrument: Instrument, now_ns: int) -> dict[str, Any]:
    view, tape = engine.view(instrument), engine.tapes[instrument.name]
    stats, book = _stats(engine, instrument, now_ns), engine.books[instrument.name]
    bid, ask = book.best(is_bid=True), book.best(is_bid=False)
    shape = {
        "instrument_name": instrument.name,
        "base_currency": instrument.base,
        "quote_currency": _quote_currency(instrument),
        "bid_price": None if bid is None else number(bid),
        "ask_price": None if ask is None else number(ask),
        "mid_price": None if bid is None or ask is None else (bid + ask) / 2 / NANOS,
        "mark_price": number(view.mark),
        "last": None if tape.last_price is None else number(tape.last_price),
        **stats,
        "open_interest": number(open_interest(engine, instrument)),
        "estimated_delivery_price": number(engine.delivery_estimate(instrument.base)),
        "creation_timestamp": now_ns // NS_PER_MS,
    }
    if instrument.is_option:
        return {
            **shape,
            "mark_iv": percent(view.iv),
            "underlying_price": number(view.forward),
            "underlying_index": underlying_index(engine, instrument),
            "interest_rate": 0.0,
        }
    return shape if instrument.expiry_s else shape | _funding(instrument)


def trade_shape(trade: PublicTrade) -> dict[str, Any]:
    instrument = trade.instrument
    shape: dict[str, Any] = {
        "trade_id": trade.trade_id,
        "trade_seq": trade.trade_seq,
        "instrument_name": instrument.name,
        "timestamp": trade.timestamp_ms,
        "direction": "buy" if trade.is_buy else "sell",
        "tick_direction": trade.tick_direction,
        "price": number(trade.price),
        "amount": number(trade.amount),
        "contracts": trade.amount / instrument.rules.contract,
        "mark_price": number(trade.mark),
        "index_price": number(trade.index),
    }
    if instrument.is_option:
        shape["iv"] = percent(trade.iv)
    if trade.block_rfq_id is not None:
        shape |= {"block_rfq_id": trade.block_rfq_id, "block_trade_id": f"BLOCK-{trade.block_rfq_id}"}
    return shape


def candles(trades: Iterable[PublicTrade], resolution: str) -> list[dict[str, float]]:
    """Oldest first; `resolution` in minutes, or "1D". Volume in amounts, cost in price x amount."""
    width_ms = _DAY_MS if resolution == "1D" else int(resolution) * _MINUTE_MS
    buckets: dict[int, list[PublicTrade]] = {}
    for trade in trades:
        buckets.setdefault(trade.timestamp_ms // width_ms * width_ms, []).append(trade)
    return [
        {
            "tick": tick,
            "open": number(rows[0].price),
            "high": number(max(row.price for row in rows)),
            "low": number(min(row.price for row in rows)),
            "close": number(rows[-1].price),
            "volume": number(sum(row.amount for row in rows)),
            "cost": sum(row.price * row.amount for row in rows) / NANOS / NANOS,
        }
        for tick, rows in buckets.items()
    ]


def last_candle(engine: Engine, instrument: Instrument, resolution: str, now_ns: int) -> dict[str, float]:
    """The candle of now; flat at the last price, or the mark, while nothing has traded in it."""
    tape, mark = engine.tapes[instrument.name], engine.view(instrument).mark
    width_ms = _DAY_MS if resolution == "1D" else int(resolution) * _MINUTE_MS
    tick = now_ns // NS_PER_MS // width_ms * width_ms
    found = candles((trade for trade in tape.trades if trade.timestamp_ms >= tick), resolution)
    flat = number(tape.last_price or mark)
    empty = {"tick": tick, "open": flat, "high": flat, "low": flat, "close": flat, "volume": 0.0, "cost": 0.0}
    return found[-1] if found else empty


def volatility(engine: Engine, base: str) -> float:
    """The volatility index: mark volatility at the money of the option nearest to 30 days, in percent."""
    options = [
        item
        for item in engine.instruments.values()
        if item.is_option and item.base == base and not item.is_linear and not item.is_closed
    ]
    if not options:
        return 0.0
    month_s = engine.market.now_ns // 1_000_000_000 + 30 * 86_400
    expiry_s = min({item.expiry_s for item in options}, key=lambda each: abs(each - month_s))
    slice_ = [item for item in options if item.expiry_s == expiry_s]
    nearest = min(slice_, key=lambda item: abs(item.strike - engine.view(item).forward))
    return percent(engine.view(nearest).iv)
