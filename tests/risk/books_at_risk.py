"""Marks, orders in flight and limits for the tests of risk."""

from atomizer.domain.instruments import NANOS, Instrument, parse_name
from atomizer.domain.trading import Mark, Side
from atomizer.risk.exposure import InFlight, RunningExposure
from atomizer.risk.limits import Limits
from atomizer.risk.rules import Proposal
from tests.reference.whole_exposure import Flight

NOW_NS = 1_750_000_000 * 10**9
OLDEST_NS = NOW_NS - 30 * 10**9
CALL = "ETH-20250627-2600-C"
PUT = "ETH-20250627-2400-P"
PERP = "ETH-PERP"
OTHER = "BTC-20250627-100000-C"

LIMITS = {
    "max_order_size_nanos": 25 * NANOS,
    "max_order_notional_e18": 100_000 * 10**18,
    "price_band_nanos": NANOS // 5,
    "fair_band_nanos": NANOS // 10,
    "max_fee_nanos": NANOS // 100,
    "max_signature_life_ns": 600 * 10**9,
    "max_position_nanos": 20 * NANOS,
    "max_exposure_nanos": 10**6 * NANOS,
    "max_delta_nanos": 10 * NANOS,
    "max_gamma_nanos": 10**6 * NANOS,
    "max_vega_nanos": 10**6 * NANOS,
    "max_premium_e18": 5000 * 10**18,
    "max_open_orders": 1000,
    "max_open_notional_e18": 10**9 * 10**18,
    "max_orders_per_second": 5,
    "max_book_age_ns": 5 * 10**9,
    "max_mark_age_ns": 30 * 10**9,
    "max_daily_loss_e18": 1000 * 10**18,
    "max_drawdown_e18": 3000 * 10**18,
}


def limits(**changes):
    return Limits(**(LIMITS | changes))


def instrument(name=CALL, **changes):
    fields = {
        "venue": "derive",
        "contract": parse_name(name),
        "tick_nanos": NANOS // 10,
        "lot_nanos": NANOS // 100,
        "min_amount_nanos": NANOS // 10,
        "max_amount_nanos": 1000 * NANOS,
        "maker_fee_nanos": 100_000,
        "taker_fee_nanos": 300_000,
        "base_fee_nanos": NANOS // 2,
        "fee_cap_nanos": 125_000_000,
    }
    return Instrument(**(fields | changes))


def mark(name=CALL, **changes):
    fields = {
        "now_ns": NOW_NS,
        "venue": "derive",
        "instrument": name,
        "mark_nanos": 100 * NANOS,
        "index_nanos": 2500 * NANOS,
        "forward_nanos": 2505 * NANOS,
        "iv": 0.6,
        "delta": 0.5,
        "gamma": 0.001,
        "vega": 1.5,
        "theta": -2.0,
        "venue_time_ns": NOW_NS,
    }
    return Mark(**(fields | changes))


def marks():
    return {
        CALL: mark(),
        PUT: mark(PUT, delta=-0.3, gamma=0.002, vega=1.25, theta=-1.75),
        PERP: mark(PERP, delta=1.0, gamma=0.0, vega=0.0, theta=0.0),
        OTHER: mark(OTHER, delta=0.4),
    }


def flight(name, side, amount_nanos, *, is_quote=False, price_nanos=100 * NANOS):
    return Flight(name, side, amount_nanos, price_nanos, is_quote)


def exposed(name=CALL, positions=None, in_flight=(), known=None, replaced=None):
    """What the running exposure says that was told all this."""
    running = RunningExposure()
    for each in (known or marks()).values():
        if each is not None:
            running.on_mark(each)
    for held, amount in (positions or {}).items():
        running.hold(held, amount)
    for number, each in enumerate(in_flight):
        if each.is_quote:
            running.put_quote(str(number), as_in_flight(each))
        else:
            running.put_order("derive", str(number), as_in_flight(each))
    return running.measure(name, OLDEST_NS, replaced)


def as_in_flight(each):
    return InFlight(each.instrument, each.side, each.amount_nanos, each.price_nanos)


def proposal(side=Side.BUY, amount_nanos=NANOS, price_nanos=100 * NANOS, name=CALL, **more):
    return Proposal(instrument=name, side=side, price_nanos=price_nanos, amount_nanos=amount_nanos, **more)
