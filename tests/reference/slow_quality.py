"""How quotes did, the slow way: every figure by walking through all records again, in fractions."""

from collections import defaultdict
from fractions import Fraction

from atomizer.domain.quality import MarkedOut, QuotesSampled
from atomizer.domain.trading import Fill, OrderPlaced, OrderState, OrderUpdate

DAY_NS = 86_400 * 10**9
TAKEN = {OrderState.OPEN, OrderState.FILLED}


def of_kind(records, kind):
    return [each for each in records if isinstance(each, kind)]


def usd(fill, price, index):
    worth = Fraction(price * fill.amount_nanos)
    return worth if fill.currency == "USD" else worth * index / 10**9


def was_taken(placed, updates, traded):
    heard = [each for each in updates if each.client_id == placed.client_id]
    return traded or any(each.state in TAKEN or (each.order_id and each.state != "refused") for each in heard)


def slow_quality(records):
    """{(day, venue, instrument, strategy): {figure: value}} of records whose trades and marks are told once."""
    lines = defaultdict(lambda: defaultdict(int))
    fills, updates = of_kind(records, Fill), of_kind(records, OrderUpdate)
    quotes = {each.client_id: each for each in of_kind(records, OrderPlaced) if each.time_in_force != "ioc"}
    filled = {each.client_id for each in updates if each.filled_nanos} | {each.client_id for each in fills}
    for placed in quotes.values():
        if was_taken(placed, updates, placed.client_id in filled):
            found = lines[placed.now_ns // DAY_NS, placed.venue, placed.instrument, placed.strategy]
            found["orders"] += 1
            found["filled_orders"] += placed.client_id in filled
    for fill in fills:
        if fill.client_id in quotes:
            found = lines[fill.venue_time_ns // DAY_NS, fill.venue, fill.instrument, fill.strategy]
            add_trade(found, fill, [each for each in of_kind(records, MarkedOut) if each.trade_id == fill.trade_id])
    for sampled in of_kind(records, QuotesSampled):
        found = lines[sampled.now_ns // DAY_NS, sampled.venue, sampled.instrument, sampled.strategy]
        for name in ("samples", "bids", "asks", "both", "bid_touches", "ask_touches"):
            found[name] += getattr(sampled, name)
    return lines


def add_trade(found, fill, marks):
    paid = usd(fill, fill.price_nanos, fill.index_nanos)
    worth = {each.after_ms: usd(fill, each.mark_nanos, each.index_nanos) for each in marks}
    found["trades"] += 1
    found["amount_nanos"] += fill.amount_nanos
    found["notional_e18"] += paid
    if 0 in worth:
        found["captured_e18"] += fill.side * (worth[0] - paid)
        found["captured_trades"] += 1
        for after in (1_000, 10_000, 60_000):
            if after in worth:
                found[f"adverse {after}"] += fill.side * (worth[0] - worth[after])
                found[f"adverse trades {after}"] += 1
