"""A market that strategies can look at, and the cost of a hedge in exact fractions as a slow oracle."""

from fractions import Fraction

from hypothesis import strategies as st

from atomizer._core.book import Book
from atomizer.domain.instruments import NANOS, Instrument, parse_name
from atomizer.domain.trading import Fill, Mark, Rfq, Side

NOW_NS = 1_750_000_000 * 10**9
CALL = "ETH-20250627-2600-C"
PERP = "ETH-PERP"
SECOND = 10**9


def instrument(name, **changes):
    """As Derive lists ETH: 3 bp and 0.50 USD a taker order, the option's fee capped at 12.5 % of the premium."""
    contract = parse_name(name)
    fields = {
        "venue": "derive",
        "contract": contract,
        "tick_nanos": NANOS // 10,
        "lot_nanos": NANOS // 100,
        "min_amount_nanos": NANOS // 10,
        "max_amount_nanos": 1000 * NANOS,
        "maker_fee_nanos": 100_000,
        "taker_fee_nanos": 300_000,
        "base_fee_nanos": NANOS // 2,
        "fee_cap_nanos": 125_000_000 if contract.is_option else 0,
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
        "delta": 0.45,
        "gamma": 0.001,
        "vega": 1.5,
        "theta": -2.0,
        "venue_time_ns": NOW_NS,
    }
    return Mark(**(fields | changes))


def book(bids, asks, received_ns=NOW_NS):
    """Levels as (price, size) in nanos, best first."""
    made = Book()
    assert made.apply_snapshot(bids, asks, 1, received_ns, received_ns)
    return made


class Resident:
    """A market view over three dictionaries."""

    def __init__(self, instruments=(), books=None, marks=()):
        self.instruments = {each.name: each for each in instruments}
        self.books = dict(books or {})
        self.marks = {each.instrument: each for each in marks}

    def instrument(self, name):
        return self.instruments.get(name)

    def book(self, name):
        return self.books.get(name)

    def mark(self, name):
        return self.marks.get(name)


def rfq(quantity_nanos, *, taker_buys=False, rfq_id="r-1", name=CALL, now_ns=NOW_NS):
    return Rfq(
        now_ns=now_ns,
        source="rysk",
        rfq_id=rfq_id,
        contract=parse_name(name),
        quantity_nanos=quantity_nanos,
        taker_buys=taker_buys,
        taker="",
    )


def fill(amount_nanos, *, side=Side.BUY, name=CALL, trade_id="t-1"):
    return Fill(
        now_ns=NOW_NS,
        venue="rysk",
        trade_id=trade_id,
        client_id=trade_id,
        instrument=name,
        side=side,
        price_nanos=90 * NANOS,
        amount_nanos=amount_nanos,
        fee_e18=0,
        is_maker=True,
        venue_time_ns=NOW_NS,
    )


sizes = st.integers(1, 50 * NANOS)


@st.composite
def ladders(draw):
    """Both sides of a book: (bids, asks), best first, never crossed."""
    mid = draw(st.integers(NANOS, 3000 * NANOS))
    steps = st.lists(st.tuples(st.integers(1, NANOS // 20), sizes), min_size=1, max_size=6)
    bids, asks = [], []
    price = mid
    for step, size in draw(steps):
        price -= step
        bids.append((price, size))
    price = mid
    for step, size in draw(steps):
        price += step
        asks.append((price, size))
    return bids, asks


def exact_vwap(levels, quantity_nanos):
    """Average price of taking the quantity, None when the levels hold less."""
    left, paid = quantity_nanos, 0
    for price, size in levels:
        taken = min(left, size)
        paid += taken * price
        left -= taken
    return None if left else Fraction(paid, quantity_nanos)


def exact_fee(listed, vwap, index_nanos, quantity_nanos):
    """Fee per unit of one taker order, in nanos."""
    rate = Fraction(listed.taker_fee_nanos * index_nanos, NANOS)
    if listed.fee_cap_nanos:
        rate = min(rate, Fraction(listed.fee_cap_nanos, NANOS) * vwap)
    return rate + Fraction(listed.base_fee_nanos * NANOS, quantity_nanos)


def exact_edge(edge, vwap, vega):
    """Least edge per unit, in nanos."""
    return max(
        Fraction(edge.usd_nanos),
        Fraction(edge.premium_bps, 10_000) * vwap,
        Fraction(edge.vol_points) * Fraction(vega) * NANOS,
    )
