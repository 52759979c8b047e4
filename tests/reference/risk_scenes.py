"""One order against one set of limits, worded for the compiled gate and for risk's gate alike."""

from typing import NamedTuple

from hypothesis import strategies as st

from atomizer._core.book import NO_PRICE
from atomizer._core.gate import Gate as CompiledGate
from atomizer._core.gate import InstrumentLimits
from atomizer.domain.instruments import NANOS, Contract, Instrument
from atomizer.domain.trading import Mark, Side
from atomizer.risk.exposure import InFlight, RunningExposure
from atomizer.risk.gate import Gate
from atomizer.risk.limits import Limits
from atomizer.risk.rules import Fair, Proposal

INSTRUMENT = "ETH-PERP"  # its delta is 1, so that the delta limit, kept wide, never speaks
SECOND_NS = 1_000_000_000

# Most draws pass most rules, so that the later rules are reached too; every range has its far ends beside it.
amounts = st.one_of(st.integers(8, 40), st.integers(8, 40), st.integers(-5, 2**62))
ceilings = st.one_of(st.integers(20, 80), st.integers(20, 80), st.integers(1, 2**62))
steps = st.sampled_from([1, 1, 1, 1, 2, 3])
limits = st.fixed_dictionaries(
    {
        "tick_nanos": steps,
        "lot_nanos": steps,
        "min_amount_nanos": st.integers(1, 10),
        "max_amount_nanos": ceilings,
        "max_order_size_nanos": ceilings,
        "max_position_nanos": ceilings,
        "mark_band_share_nanos": st.one_of(st.integers(1, NANOS), st.integers(1, 2**62)),
        "max_mark_age_ns": st.integers(20, 50),
        "max_book_age_ns": st.integers(20, 50),
        "fair_band_share_nanos": st.one_of(st.none(), st.integers(1, NANOS), st.integers(1, 2**62)),
    }
)
orders = st.fixed_dictionaries(
    {
        "is_bid": st.booleans(),
        "price_nanos": amounts,
        "size_nanos": amounts,
        "now_ns": st.integers(0, 100),
        "mark_nanos": st.one_of(st.integers(5, 60), st.integers(5, 60), st.integers(-1, 2**62), st.just(NO_PRICE)),
        "mark_ns": st.integers(40, 110),
        "position_nanos": st.one_of(st.integers(-40, 40), st.integers(-40, 40), st.integers(-(2**62), 2**62)),
        "open_bids_nanos": st.integers(0, 30),
        "open_asks_nanos": st.integers(0, 30),
        "book_dark": st.sampled_from([False, False, False, True]),
        "book_received_ns": st.integers(40, 110),
        "fair_nanos": st.one_of(st.integers(5, 60), st.integers(-1, 2**62), st.just(NO_PRICE)),
        "fair_ns": st.integers(40, 110),
        "own_nanos": st.one_of(st.just(NO_PRICE), st.integers(1, 60)),
    }
)


class Book(NamedTuple):
    """All that the gate asks of a book."""

    dark: bool
    received_ns: int


def ask_compiled(chosen, order, per_second=100):
    gate = CompiledGate(per_second)
    asked = {name: value for name, value in order.items() if name != "own_nanos"}
    own = _other_side(order, "own_ask_nanos", "own_bid_nanos")
    return gate.check(InstrumentLimits(**chosen), **asked, **{own: order["own_nanos"]})


def ask_risk(chosen, order):
    """The reason that risk's gate gives, as the name of its member."""
    gate = Gate(Limits(**WIDE | _limits_of(chosen)))
    steps_of = {name: chosen[name] for name in ("tick_nanos", "lot_nanos", "min_amount_nanos", "max_amount_nanos")}
    fees = dict.fromkeys(("maker_fee_nanos", "taker_fee_nanos", "base_fee_nanos", "fee_cap_nanos"), 0)
    instrument = Instrument(venue="derive", contract=Contract("ETH"), **steps_of, **fees)
    running = RunningExposure()
    running.hold(INSTRUMENT, order["position_nanos"])
    # Our own orders stand where the scene says, or else too far away for anyone to meet them.
    own, other = order["own_nanos"], _other_side(order, Side.SELL, Side.BUY)
    prices = {Side.BUY: 1 - 2**80, Side.SELL: 2**80} | ({other: own} if own != NO_PRICE else {})
    for side, amount in ((Side.BUY, order["open_bids_nanos"]), (Side.SELL, order["open_asks_nanos"])):
        size = max(amount, 1) if side is other and own != NO_PRICE else amount
        running.put_order("derive", side.word, InFlight(INSTRUMENT, side, size, prices[side]))
    fair = None if chosen["fair_band_share_nanos"] is None else Fair(order["fair_nanos"], order["fair_ns"])
    side = Side.BUY if order["is_bid"] else Side.SELL
    proposal = Proposal(INSTRUMENT, side, order["price_nanos"], order["size_nanos"], fair=fair)
    book = Book(order["book_dark"], order["book_received_ns"])
    exposure = running.measure(INSTRUMENT, 0)
    return gate.check_order(proposal, instrument, _mark(order), exposure, order["now_ns"], book=book).reason.name


def _other_side(order, of_bid, of_ask):
    return of_bid if order["is_bid"] else of_ask


# Limits that the compiled gate does not know, so wide that they never speak.
WIDE = {
    name: 10**60 for name in Limits.__struct_fields__ if name not in {"max_orders_per_second", "max_open_orders"}
} | {"max_orders_per_second": 100, "max_open_orders": 100}


def _limits_of(chosen):
    same = {name: chosen[name] for name in ("max_position_nanos", "max_order_size_nanos", "max_mark_age_ns")}
    return same | {
        "price_band_nanos": chosen["mark_band_share_nanos"],
        "fair_band_nanos": chosen["fair_band_share_nanos"] or NANOS,
        "max_book_age_ns": chosen["max_book_age_ns"],
    }


def _mark(order):
    if order["mark_nanos"] == NO_PRICE:
        return None
    return Mark(
        now_ns=order["mark_ns"],
        venue="derive",
        instrument=INSTRUMENT,
        mark_nanos=order["mark_nanos"],
        index_nanos=1,
        forward_nanos=1,
        iv=1.0,
        delta=1.0,
        gamma=0.0,
        vega=0.0,
        theta=0.0,
        venue_time_ns=0,
    )
