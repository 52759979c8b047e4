"""Hypothesis strategies for the money records of a few contracts, in the order in which a trader would write them."""

from hypothesis import strategies as st

from atomizer.domain.instruments import NANOS
from atomizer.domain.trading import Fill, FundingPaid, Mark, Settled, Side

CALL = "ETH-20300628-3000-C"
PUT = "ETH-20300628-2000-P"
PERP = "ETH-PERP"
NAMES = (CALL, PUT, PERP)
START_NS = 1_900_000_000 * NANOS
E18 = 10**18

names = st.sampled_from(NAMES)
prices = st.integers(1, 10**12)
steps = st.integers(0, 40_000 * NANOS)  # between two records


def fill(name, side, price, amount, *, fee=0, venue="derive", client_id="hedge.r1.1", trade_id="t", now_ns=START_NS):
    return Fill(
        now_ns=now_ns,
        venue=venue,
        trade_id=trade_id,
        client_id=client_id,
        instrument=name,
        side=side,
        price_nanos=price,
        amount_nanos=amount,
        fee_e18=fee,
        is_maker=False,
        venue_time_ns=now_ns,
    )


def mark(name, price, *, forward=2500 * NANOS, iv=0.6, venue="derive", now_ns=START_NS):
    greeks = {"delta": 0.5, "gamma": 0.001, "vega": 2.0, "theta": -3.0}
    return Mark(
        now_ns=now_ns,
        venue=venue,
        instrument=name,
        mark_nanos=price,
        index_nanos=forward,
        forward_nanos=forward,
        iv=iv,
        venue_time_ns=now_ns,
        **greeks,
    )


def _fill(number, now_ns, *words):
    name, side, price, amount, fee, venue, client_id = words
    return fill(
        name, side, price, amount, fee=fee, venue=venue, client_id=client_id, trade_id=str(number), now_ns=now_ns
    )


fills = st.tuples(
    st.just(_fill),
    names,
    st.sampled_from(Side),
    prices,
    st.integers(1, 10**11),
    st.integers(-(10**18), 10**20),
    st.sampled_from(["derive", "rysk"]),
    st.sampled_from(["hedge.r1.1", "mm.r1.7", "1750000000123", "by hand"]),
)
marks = st.tuples(
    st.just(lambda _, now_ns, name, price, forward, iv: mark(name, price, forward=forward, iv=iv, now_ns=now_ns)),
    names,
    prices,
    st.integers(10**12, 4 * 10**12),
    st.floats(0.1, 2.0) | st.just(0.0),
)
payments = st.tuples(
    st.just(
        lambda number, now_ns, amount: FundingPaid(
            now_ns=now_ns,
            venue="derive",
            payment_id=str(number % 7),
            instrument=PERP,
            amount_e18=amount,
            venue_time_ns=now_ns,
        )
    ),
    st.integers(-(10**20), 10**20),
)
settlements = st.tuples(
    st.just(
        lambda _, now_ns, name, venue, price: Settled(now_ns=now_ns, venue=venue, instrument=name, price_nanos=price)
    ),
    st.sampled_from([CALL, PUT]),
    st.sampled_from(["derive", "rysk"]),
    st.integers(10**12, 4 * 10**12),
)


@st.composite
def days(draw, most=40):
    """Some records of some days. Trade ids and payment ids of one stretch repeat now and then."""
    kinds = st.one_of(fills, fills, marks, marks, marks, payments, settlements)
    now_ns, records = START_NS, []
    for number, (make, *words) in enumerate(draw(st.lists(kinds, max_size=most))):
        now_ns += draw(steps)
        records.append(make(number, now_ns, *words))
    return records
