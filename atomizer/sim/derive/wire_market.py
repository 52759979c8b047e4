"""Public shapes: instruments, tickers (full and slim), order books, the tape, currencies. Protocol sheet §3.1, §4."""

from typing import Any

from atomizer.sim.derive.dialect import Dialect
from atomizer.sim.derive.engine import Engine
from atomizer.sim.derive.funding import MOST_RATE_E18, STATIC_RATE_E18
from atomizer.sim.derive.instruments import PREMIUM_FEE_CAP_NANOS, Band, Instrument
from atomizer.sim.derive.orders import PublicTrade
from atomizer.sim.derive.units import MAX_INT64, NANOS, NS_PER_MS, e18_text, float_text, nanos_text, to_nanos
from atomizer.sim.market import MarketState

_GREEK_PLACES, _GAMMA_PLACES = 5, 8
_FIVE_PERCENT_NANOS = 50_000_000
_WHOLE_BOOK = 1_000_000
_PERCENT = 100.0


def instrument_shape(instrument: Instrument, dialect: Dialect, now_ns: int) -> dict[str, Any]:
    listing, rule, fees = instrument.listing, instrument.rule, instrument.fees
    return {
        "instrument_name": instrument.name,
        "instrument_type": listing.kind,
        "base_currency": listing.underlying,
        "quote_currency": "USDC" if instrument.is_option or dialect.is_v3 else "USD",
        "base_asset_address": dialect.asset(instrument),
        "base_asset_sub_id": str(instrument.sub_id),
        "tick_size": nanos_text(instrument.tick),
        "amount_step": nanos_text(instrument.lot),
        "minimum_amount": nanos_text(instrument.minimum),
        "maximum_amount": nanos_text(instrument.maximum),
        "maker_fee_rate": nanos_text(fees.maker_rate_nanos),
        "taker_fee_rate": nanos_text(fees.taker_rate_nanos),
        "base_fee": nanos_text(instrument.base_fee_nanos),
        "mark_price_fee_rate_cap": nanos_text(PREMIUM_FEE_CAP_NANOS) if instrument.is_option else None,
        "fifo_min_allocation": nanos_text(rule.fifo_minimum_nanos),
        "pro_rata_fraction": nanos_text(rule.pro_rata_fraction_nanos),
        "pro_rata_amount_step": nanos_text(rule.pro_rata_step_nanos),
        "is_active": instrument.is_active and not instrument.is_expired(now_ns),
        "scheduled_activation": instrument.activation_s,
        "scheduled_deactivation": listing.expiry_s if instrument.is_option else MAX_INT64,
        "option_details": _option_details(instrument) if instrument.is_option else None,
        "perp_details": None if instrument.is_option else _perp_details(instrument),
        "erc20_details": None,
    }


def _option_details(instrument: Instrument) -> dict[str, Any]:
    settled = instrument.settlement_price
    return {
        "expiry": instrument.listing.expiry_s,
        "index": f"{instrument.underlying}-USD",
        "option_type": instrument.listing.option_type,
        "strike": nanos_text(instrument.strike),
        "settlement_price": None if settled is None else nanos_text(settled),
    }


def _perp_details(instrument: Instrument) -> dict[str, Any]:
    return {
        "index": f"{instrument.underlying}-USD",
        "max_rate_per_hour": e18_text(MOST_RATE_E18),
        "min_rate_per_hour": e18_text(-MOST_RATE_E18),
        "static_interest_rate": e18_text(STATIC_RATE_E18),
        "aggregate_funding": e18_text(instrument.aggregate_funding_e18),
        "funding_rate": e18_text(instrument.funding_rate_e18),
    }


def full_ticker(engine: Engine, instrument: Instrument, dialect: Dialect, now_ns: int) -> dict[str, Any]:
    state, top = engine.market.state(instrument.name), _top(engine, instrument)
    mark = to_nanos(state.mark)
    band, stats = instrument.band(state), engine.stats[instrument.name]
    stats.forget(now_ns)
    interest = nanos_text(_open_interest(engine, instrument))
    return {
        **instrument_shape(instrument, dialect, now_ns),
        "best_bid_price": nanos_text(top["b"]),
        "best_bid_amount": nanos_text(top["B"]),
        "best_ask_price": nanos_text(top["a"]),
        "best_ask_amount": nanos_text(top["A"]),
        "five_percent_bid_depth": nanos_text(_depth(engine, instrument, mark, is_bid=True)),
        "five_percent_ask_depth": nanos_text(_depth(engine, instrument, mark, is_bid=False)),
        "mark_price": nanos_text(mark),
        "index_price": nanos_text(to_nanos(state.index)),
        "min_price": nanos_text(band.low),
        "max_price": nanos_text(band.high),
        "timestamp": now_ns // NS_PER_MS,
        "option_pricing": _named_pricing(state, top) if instrument.is_option else None,
        "stats": {
            "contract_volume": nanos_text(stats.contracts),
            "num_trades": str(stats.count),
            "open_interest": interest,
            "high": nanos_text(stats.high),
            "low": nanos_text(stats.low),
            "percent_change": "0",
            "usd_change": "0",
        },
        "open_interest": {
            "SM": [{"current_open_interest": interest, "interest_cap": "1000000000", "manager_currency": None}]
        },
    }


def slim_ticker(engine: Engine, instrument: Instrument, now_ns: int) -> dict[str, Any]:
    """{"t":1779953797040,"A":"3.46","a":"43.8","B":"250.6","b":"38.4","f":null,"I":"1991.7","M":"42.3",…}"""
    state, top = engine.market.state(instrument.name), _top(engine, instrument)
    band: Band = instrument.band(state)
    stats = engine.stats[instrument.name]
    stats.forget(now_ns)
    return {
        "t": now_ns // NS_PER_MS,
        **{side: nanos_text(value) for side, value in top.items()},
        "f": None if instrument.is_option else e18_text(instrument.funding_rate_e18),
        "I": nanos_text(to_nanos(state.index)),
        "M": nanos_text(to_nanos(state.mark)),
        "minp": nanos_text(band.low),
        "maxp": nanos_text(band.high),
        "stats": {
            "c": nanos_text(stats.contracts),
            "v": e18_text(stats.notional_e18),
            "pr": e18_text(stats.premium_e18),
            "n": stats.count,
            "oi": nanos_text(_open_interest(engine, instrument)),
            "h": nanos_text(stats.high),
            "l": nanos_text(stats.low),
            "p": "0",
        },
        "option_pricing": _slim_pricing(state, top) if instrument.is_option else None,
    }


def _top(engine: Engine, instrument: Instrument) -> dict[str, int]:
    """Best ask amount and price, best bid amount and price: 0 and 0 for an empty side, as the venue has it."""
    book = engine.books[instrument.name]
    asks = book.levels(is_bid=False, depth=1, bucket=instrument.tick)
    bids = book.levels(is_bid=True, depth=1, bucket=instrument.tick)
    (ask, ask_amount), (bid, bid_amount) = asks[0] if asks else (0, 0), bids[0] if bids else (0, 0)
    return {"A": ask_amount, "a": ask, "B": bid_amount, "b": bid}


def _slim_pricing(state: MarketState, top: dict[str, int]) -> dict[str, str]:
    return {
        "d": float_text(state.delta, _GREEK_PLACES),
        "t": float_text(state.theta, _GREEK_PLACES),
        "g": float_text(state.gamma, _GAMMA_PLACES),
        "v": float_text(state.vega, _GREEK_PLACES),
        "i": float_text(state.iv, _GREEK_PLACES),
        "r": float_text(state.rho, _GREEK_PLACES),
        "f": nanos_text(to_nanos(state.forward)),
        "m": nanos_text(to_nanos(state.mark)),
        "df": float_text(state.discount, _GREEK_PLACES),
        "bi": _touch_iv(state, top["b"]),
        "ai": _touch_iv(state, top["a"]),
    }


def _named_pricing(state: MarketState, top: dict[str, int]) -> dict[str, str]:
    slim = _slim_pricing(state, top)
    names = {
        "delta": "d",
        "theta": "t",
        "gamma": "g",
        "vega": "v",
        "iv": "i",
        "rho": "r",
        "forward_price": "f",
        "mark_price": "m",
        "discount_factor": "df",
        "bid_iv": "bi",
        "ask_iv": "ai",
    }
    return {name: slim[key] for name, key in names.items()}


def _touch_iv(state: MarketState, price: int) -> str:
    """Volatility of a touch to first order in vega, which is fine near the mark; "0" without a touch or a vega."""
    if not price or state.vega <= 0:
        return "0"
    points = (price / NANOS - float(state.mark)) / state.vega
    return float_text(max(state.iv + points / _PERCENT, 0.0), _GREEK_PLACES)


def _depth(engine: Engine, instrument: Instrument, mark: int, *, is_bid: bool) -> int:
    levels = engine.books[instrument.name].levels(is_bid=is_bid, depth=_WHOLE_BOOK, bucket=instrument.tick)
    reach = mark * _FIVE_PERCENT_NANOS // NANOS
    return sum(amount for price, amount in levels if abs(price - mark) <= reach)


def _open_interest(engine: Engine, instrument: Instrument) -> int:
    """Contracts held by accounts, long or short, whichever is more: the practice makers hold the other side."""
    held = [subaccount.amount_of(instrument.name) for subaccount in engine.subaccounts.values()]
    return max(sum(amount for amount in held if amount > 0), -sum(amount for amount in held if amount < 0))


def book_sides(engine: Engine, instrument: Instrument, *, depth: int, group: int) -> dict[str, list[list[str]]]:
    """{"bids": [[price, amount], …], "asks": …} best first; `group` ticks to a bucket."""
    book, bucket = engine.books[instrument.name], instrument.tick * group
    sides = {name: book.levels(is_bid=name == "bids", depth=depth, bucket=bucket) for name in ("bids", "asks")}
    return {
        name: [[nanos_text(price), nanos_text(amount)] for price, amount in levels] for name, levels in sides.items()
    }


def public_trade(trade: PublicTrade, dialect: Dialect) -> dict[str, Any]:
    shape = {
        "trade_id": trade.trade_id,
        "instrument_name": trade.instrument.name,
        "timestamp": trade.timestamp_ms,
        "trade_price": nanos_text(trade.price),
        "trade_amount": nanos_text(trade.amount),
        "mark_price": nanos_text(trade.mark),
        "index_price": nanos_text(trade.index),
        "direction": "buy" if trade.is_buy else "sell",
        "quote_id": trade.quote_id,
    }
    return {**shape, "rfq_id": trade.rfq_id} if dialect.is_v3 else shape


def spot_feed(engine: Engine, currency: str, now_ns: int) -> dict[str, Any]:
    """The feed knows no yesterday before the venue opened: the day-old price is then today's."""
    price = nanos_text(to_nanos(engine.market.spot(currency)))
    now_ms = now_ns // NS_PER_MS
    return {
        "timestamp": now_ms,
        "feeds": {
            currency: {
                "price": price,
                "confidence": "1",
                "price_prev_daily": price,
                "confidence_prev_daily": "1",
                "timestamp_prev_daily": now_ms,
            }
        },
    }


def currency_shape(engine: Engine, currency: str, dialect: Dialect) -> dict[str, Any]:
    spot = nanos_text(to_nanos(engine.market.spot(currency)))
    option, perp = dialect.assets[currency, "option"], dialect.assets[currency, "perp"]
    if dialect.is_v3:
        return {
            "currency": currency,
            "spot_price": spot,
            "spot_price_24h": None,
            "market_type": "ALL",
            "managers": [{"risk_universe_id": 1, "risk_universe_name": None, "sm": 1, "pm": None}],
            "option": {"address": option, "name": f"{currency} option", "universes": []},
            "perp": {"address": perp, "name": f"{currency} perp", "universes": []},
            "spot": [],
        }
    return {
        "currency": currency,
        "spot_price": spot,
        "spot_price_24h": None,
        "market_type": "SRM_OPTION_ONLY",
        "instrument_types": ["option", "perp"],
        "managers": [{"address": dialect.manager, "margin_type": "SM", "currency": None}],
        "protocol_asset_addresses": {"option": option, "perp": perp, "spot": None, "underlying_erc20": None},
        "borrow_apy": "0",
        "supply_apy": "0",
        "total_borrow": "0",
        "total_supply": "0",
        "srm_im_discount": "0",
        "srm_mm_discount": "0",
        "pm2_collateral_discounts": [],
        "asset_cap_and_supply_per_manager": {},
    }
