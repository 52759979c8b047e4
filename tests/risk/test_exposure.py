"""Net delta, and what everything in flight could make of it."""

import math

import pytest
from books_at_risk import (
    CALL,
    NOW_NS,
    OLDEST_NS,
    OTHER,
    PERP,
    PUT,
    as_in_flight,
    exposed,
    flight,
    instrument,
    mark,
    marks,
)
from hypothesis import given
from hypothesis import strategies as st

from atomizer.domain.instruments import NANOS
from atomizer.domain.reasons import Reason
from atomizer.domain.trading import Side
from atomizer.risk.exposure import Exposure, InFlight, RunningExposure, Span, as_flight
from tests.reference.whole_exposure import whole_exposure

names = st.sampled_from([CALL, PUT, PERP, OTHER])
amounts = st.integers(-50 * NANOS, 50 * NANOS)
flights = st.lists(
    st.builds(flight, names, st.sampled_from(list(Side)), st.integers(1, 20 * NANOS), is_quote=st.booleans()),
    max_size=6,
)


def at(positions, in_flight=(), known=None, instrument=CALL):
    return exposed(instrument, positions, in_flight, known)


def test_delta_is_netted_by_underlying():
    """Options count with their delta, a perpetual with one, and another underlying not at all."""
    exposure = at({CALL: 4 * NANOS, PUT: -2 * NANOS, PERP: -NANOS, OTHER: 7 * NANOS})
    assert exposure.delta.now == int((4 * 0.5 + 2 * 0.3 - 1) * NANOS)
    assert exposure.unit_delta_nanos == NANOS // 2
    assert exposure.position.now == 4 * NANOS
    assert at({}).position == Span()


@given(st.dictionaries(names, amounts), flights)
def test_every_outcome_lies_inside_the_span(positions, in_flight):
    """Whatever fills, position and delta end within their spans; with orders alone, within the inner ones."""
    exposure = at(positions, in_flight)
    for only_orders in (False, True):
        subset = [each for each in in_flight if not (only_orders and each.is_quote)]
        for taken in (subset, subset[::2], subset[1::2], [each for each in subset if each.side is Side.BUY]):
            ended = dict(positions)
            for each in taken:
                ended[each.instrument] = ended.get(each.instrument, 0) + each.side * each.amount_nanos
            delta = at(ended).delta.now
            slack = 2 * (len(taken) + len(ended))  # each product is rounded away from zero by under a nano
            for span, value in ((exposure.delta, delta), (exposure.position, ended.get(CALL, 0))):
                low, high = (span.orders_low, span.orders_high) if only_orders else (span.low, span.high)
                assert low - slack <= value <= high + slack


@given(flights)
def test_premium_is_what_taken_bids_would_cost(in_flight):
    """Open premium counts the quotes with which we buy, of any underlying, and nothing else."""
    paid = sum(each.price_nanos * each.amount_nanos for each in in_flight if each.is_quote and each.side is Side.BUY)
    assert at({}, in_flight).premium_e18 == paid


@pytest.mark.parametrize("place", ["held", "in flight", "asked about"])
@pytest.mark.parametrize(
    "known",
    [
        None,
        mark(PUT, delta=math.nan),
        mark(PUT, gamma=math.inf),
        mark(PUT, vega=-math.inf),
        mark(PUT, theta=math.nan),
        mark(PUT, now_ns=OLDEST_NS - 1),
    ],
)
def test_unknown_greek_makes_the_exposure_unknown(place, known):
    """An option without a recent, finite mark is a refusal, wherever it stands in the book."""
    resident = marks() | {PUT: known}
    in_flight = [flight(PUT, Side.BUY, NANOS)] if place == "in flight" else []
    exposure = at({PUT: NANOS} if place == "held" else {}, in_flight, resident, PUT if place == "asked about" else CALL)
    assert exposure.reason is Reason.NO_GREEKS
    assert PUT in exposure.detail


def test_unknown_greeks_of_other_underlyings_and_closed_positions_do_not_matter():
    """Only what is held or in flight in this underlying must be known."""
    resident = marks() | {PUT: None, OTHER: None}
    assert isinstance(at({PUT: 0, OTHER: NANOS}, [flight(OTHER, Side.SELL, NANOS)], resident), Exposure)


def test_underlyings_that_share_letters_are_told_apart():
    """A name is matched by its whole underlying."""
    assert at({"ETHFI-PERP": 5 * NANOS, PERP: NANOS}).delta.now == NANOS


@given(st.integers(-(10**12), 10**12), flights, st.integers(-(10**12), 10**12))
def test_shrinking_never_crosses_zero(now, in_flight, change):
    """A change that shrinks brings the quantity nearer to zero even after all our orders, and never past it."""
    up = sum(each.amount_nanos for each in in_flight if each.side is Side.BUY)
    down = sum(each.amount_nanos for each in in_flight if each.side is Side.SELL)
    span = Span(now, now - down, now + up, now - down, now + up)
    if change and span.shrinks(change):
        worst = span.orders_low if change < 0 else span.orders_high
        assert abs(worst + change) < abs(worst)
        assert (worst + change) * worst >= 0
        assert abs(now + change) < abs(now)


keys = st.sampled_from("abcdef")
sides = st.sampled_from(list(Side))
prices = st.integers(90, 110).map(lambda dollars: dollars * NANOS)
news = st.one_of(
    st.tuples(st.just("hold"), names, amounts),
    st.tuples(st.just("quote"), keys, names, sides, st.integers(1, 20 * NANOS)),
    st.tuples(st.just("drop"), keys),
    st.tuples(st.just("order"), keys, names, sides, st.integers(0, 20 * NANOS), prices),
    st.tuples(
        st.just("mark"),
        st.sampled_from([CALL, PUT, OTHER]),
        st.one_of(st.floats(-1, 1), st.floats(-1, 1), st.sampled_from([0.0, math.nan])),
        st.sampled_from([NOW_NS, NOW_NS, NOW_NS, OLDEST_NS, OLDEST_NS - 1]),
    ),
    st.tuples(st.just("dark")),
    st.tuples(st.just("listed"), st.sets(names)),
)


class Desk:
    """Tells a running exposure what happens, and remembers all of it."""

    def __init__(self):
        self.running = RunningExposure()
        self.positions, self.quotes, self.orders, self.known = {}, {}, {}, {}

    def hold(self, name, amount):
        self.positions[name] = amount
        self.running.hold(name, amount)

    def quote(self, key, *words):
        self.quotes[key] = flight(*words, is_quote=True)
        self.running.put_quote(key, as_in_flight(self.quotes[key]))

    def drop(self, key):
        self.quotes.pop(key, None)
        self.running.drop_quote(key)

    def order(self, key, name, side, amount, price):
        self.orders[key] = flight(name, side, amount, price_nanos=price)
        self.running.put_order("derive", key, as_in_flight(self.orders[key]))
        if not amount:
            del self.orders[key]

    def mark(self, name, delta, now_ns):
        self.known[name] = mark(name, delta=delta, gamma=delta / 1000, vega=delta * 3, now_ns=now_ns)
        self.running.on_mark(self.known[name])

    def dark(self):
        self.known.clear()
        self.running.on_dark()

    def listed(self, names):
        self.known = {name: each for name, each in self.known.items() if name in names}
        self.running.on_listings([(instrument(name), None) for name in names])

    def check(self, replaced=""):
        orders = [each for key, each in self.orders.items() if key != replaced]
        for name in (CALL, PUT, PERP, OTHER):
            found = self.running.measure(name, OLDEST_NS, ("derive", replaced) if replaced else None)
            wanted = whole_exposure(name, self.positions, [*self.quotes.values(), *orders], self.known.get, OLDEST_NS)
            if isinstance(found, Exposure):
                assert found == wanted
            else:
                assert found.detail.split()[0] in wanted


@given(st.lists(news, max_size=40), st.sampled_from(["", "a", "b"]))
def test_running_sums_are_what_adding_up_gives(stream, replaced):
    """After any stream of fills, orders, quotes, marks, losses and listings the exposure is the one added up anew; of
    an order that is to be replaced nothing is in it, and everything again afterwards.
    """
    desk = Desk()
    for what, *words in [("mark", name, 0.5, NOW_NS) for name in (CALL, PUT, OTHER)] + stream:
        getattr(desk, what)(*words)
        desk.check()
    desk.check(replaced)
    desk.check()


def test_what_a_coin_priced_order_ties_up_is_counted_in_usd():
    """An inverse option's price becomes USD by the index, an inverse future's amount coins by its mark."""
    option = mark(mark_nanos=NANOS // 20, currency="ETH")
    assert as_flight(CALL, Side.BUY, 2 * NANOS, NANOS // 20, option) == InFlight(CALL, Side.BUY, 2 * NANOS, 125 * NANOS)
    future = mark(PERP, mark_nanos=2500 * NANOS, currency="ETH")
    assert as_flight(PERP, Side.SELL, 5000 * NANOS, 2510 * NANOS, future) == InFlight(
        PERP, Side.SELL, 2 * NANOS, 2510 * NANOS
    )
