"""What the gate says to a quote of several legs."""

import msgspec
import pytest
from books_at_risk import CALL, NOW_NS, OTHER, PERP, PUT, exposed, flight, limits, marks, proposal
from hypothesis import given
from hypothesis import strategies as st

from atomizer.domain.instruments import NANOS
from atomizer.domain.reasons import ALLOWED, Reason
from atomizer.domain.trading import Side, Signed
from atomizer.risk.exposure import InFlight, RunningExposure
from atomizer.risk.gate import Gate
from atomizer.risk.greeks import scaled
from atomizer.risk.structure import StructureLeg

names = st.sampled_from([CALL, PUT, PERP])
sides = st.sampled_from(list(Side))
positions = st.dictionaries(names, st.integers(-25 * NANOS, 25 * NANOS))
quotes = st.lists(st.builds(flight, names, sides, st.integers(1, 15 * NANOS), is_quote=st.just(True)), max_size=3)
TIGHT = {
    "max_exposure_nanos": 30 * NANOS,
    "max_gamma_nanos": NANOS // 40,
    "max_vega_nanos": 20 * NANOS,
    "max_order_notional_e18": 1500 * 10**18,
}


def check(*proposals, positions=None, in_flight=(), **changes):
    legs = [
        StructureLeg(each, marks()[each.instrument], exposed(each.instrument, positions, in_flight))
        for each in proposals
    ]
    return Gate(limits(**changes)).check_structure(legs, NOW_NS)


@given(
    positions,
    quotes,
    st.builds(
        proposal, sides, st.integers(1, 30 * NANOS), st.sampled_from([75 * NANOS, 100 * NANOS, 125 * NANOS]), names
    ),
)
def test_one_leg_is_judged_as_a_quote_of_it(held, open_quotes, quote):
    """A structure of one leg passes exactly where the quote would, and fails under the same reason."""
    gate = Gate(limits(**TIGHT))
    exposure = exposed(quote.instrument, held, open_quotes)
    alone = gate.check_quote(quote, marks()[quote.instrument], exposure, NOW_NS)
    assert check(quote, positions=held, in_flight=open_quotes, **TIGHT).reason is alone.reason


def test_what_the_legs_take_from_each_other_counts_net():
    """Each leg alone would go beyond the delta that is allowed; together they are hardly any."""
    long, short = proposal(Side.BUY, 15 * NANOS), proposal(Side.SELL, 7 * NANOS, name=PERP)
    changes = {"max_delta_nanos": NANOS}
    assert check(long, **changes).reason is Reason.MAX_DELTA
    assert check(short, **changes).reason is Reason.MAX_DELTA
    assert check(long, short, **changes) == ALLOWED


@pytest.mark.parametrize(
    ("legs", "reason"),
    [
        ((proposal(), proposal(Side.SELL, 21 * NANOS, name=PUT)), Reason.MAX_POSITION),
        ((proposal(), proposal(Side.SELL, 26 * NANOS, name=PUT)), Reason.MAX_SIZE),
        ((proposal(), proposal(Side.SELL, price_nanos=NANOS, name=PUT)), Reason.PRICE_BAND),
        ((proposal(), proposal(Side.SELL, price_nanos=0, name=PUT)), Reason.BELOW_MINIMUM),
        ((proposal(), proposal(Side.SELL, name=PUT, signed=Signed(life_ns=10**15))), Reason.MAX_LIFE),
        ((proposal(), proposal(amount_nanos=20 * NANOS, name=OTHER)), Reason.MAX_NOTIONAL),
    ],
)
def test_every_leg_must_be_sane_by_itself(legs, reason):
    """Size, price and position of each leg are held against the limits, and of all of them what they are worth."""
    assert (
        check(*legs, max_order_notional_e18=2050 * 10**18 if reason is Reason.MAX_NOTIONAL else 10**30).reason is reason
    )


def test_premium_is_what_the_whole_costs():
    """What one leg brings pays for another; only the rest comes out of the allowance."""
    long, short = proposal(Side.BUY, 10 * NANOS), proposal(Side.SELL, 9 * NANOS, name=PUT)
    assert check(long, short, max_premium_e18=100 * 10**18) == ALLOWED
    assert check(long, short, max_premium_e18=99 * 10**18).reason is Reason.MAX_PREMIUM


def test_a_leg_that_cannot_be_weighed_stops_the_whole():
    """Unknown Greeks of one leg are unknown Greeks of the structure."""
    known = marks() | {PUT: None}
    legs = [
        StructureLeg(proposal(), marks()[CALL], exposed(CALL)),
        StructureLeg(proposal(name=PUT), marks()[PUT], exposed(PUT, known=known)),
    ]
    assert Gate(limits()).check_structure(legs, NOW_NS).reason is Reason.NO_GREEKS


def test_a_shut_gate_is_shut_for_structures_too():
    """And each refusal is counted."""
    gate = Gate(limits())
    gate.shut("test")
    assert gate.check_structure([StructureLeg(proposal(), marks()[CALL], exposed())], NOW_NS).reason is Reason.GATE_SHUT
    assert gate.refusals == {Reason.GATE_SHUT: 1}


@given(
    st.lists(
        st.tuples(names, st.integers(-5 * NANOS, 5 * NANOS).filter(bool)),
        min_size=2,
        max_size=3,
        unique_by=lambda x: x[0],
    ),
    positions,
    st.floats(-1, 1),
)
def test_a_structure_in_flight_pushes_greeks_by_its_net_at_the_marks_of_now(legs, held, delta):
    """Whatever the marks were when it came; and nothing of it is left when it is gone."""
    running, without = RunningExposure(), RunningExposure()
    for each in (running, without):
        for name, amount in held.items():
            each.hold(name, amount)
        for known in marks().values():
            each.on_mark(known)
    flights = [InFlight(name, Side.BUY if amount > 0 else Side.SELL, abs(amount), NANOS) for name, amount in legs]
    running.put_quote("r", *flights)
    for each in (running, without):
        each.on_mark(msgspec.structs.replace(marks()[PUT], delta=delta))
    before, after = without.measure(CALL, 0), running.measure(CALL, 0)
    units = {name: running.measure(name, 0).unit_delta_nanos for name, _ in legs}
    net = sum(scaled(amount, units[name]) for name, amount in legs)
    assert (after.delta.low, after.delta.high) == (before.delta.now + min(net, 0), before.delta.now + max(net, 0))
    running.drop_quote("r")
    assert running.measure(CALL, 0) == before


def test_a_structure_in_flight_weighs_as_its_legs_and_costs_their_net():
    """All of it goes when it is dropped."""
    running = RunningExposure()
    for each in marks().values():
        running.on_mark(each)
    before = running.measure(CALL, 0)
    running.put_quote(
        "r", InFlight(CALL, Side.BUY, 2 * NANOS, 100 * NANOS), InFlight(PUT, Side.SELL, NANOS, 60 * NANOS)
    )
    exposure = running.measure(CALL, 0)
    assert exposure.premium_e18 == 140 * 10**18
    assert (exposure.delta.low, exposure.delta.high) == (0, NANOS + 3 * NANOS // 10)
    assert (exposure.gamma.low, exposure.gamma.high) == (0, 0)  # two calls' against the put's, which has twice as much
    assert exposure.position.high == 2 * NANOS
    running.drop_quote("r")
    assert running.measure(CALL, 0) == before
