"""What the gate lets through, what it refuses, and in which words."""

import pytest
from books_at_risk import (
    CALL,
    LIMITS,
    NOW_NS,
    OLDEST_NS,
    PERP,
    PUT,
    exposed,
    flight,
    instrument,
    limits,
    mark,
    proposal,
)
from hypothesis import given
from hypothesis import strategies as st

from atomizer.domain.instruments import NANOS
from atomizer.domain.reasons import ALLOWED, Reason, Verdict
from atomizer.domain.trading import Side
from atomizer.errors import ConfigError
from atomizer.risk.gate import Gate

LOT = NANOS // 100


def check_order(order, positions=None, in_flight=(), gate=None, **changes):
    gate = gate or Gate(limits())
    exposure = exposed(order.instrument, positions, in_flight)
    return gate.check_order(order, instrument(order.instrument, **changes), mark(order.instrument), exposure, NOW_NS)


def check_quote(quote, positions=None, in_flight=(), gate=None):
    gate = gate or Gate(limits())
    return gate.check_quote(quote, mark(quote.instrument), exposed(quote.instrument, positions, in_flight), NOW_NS)


def test_sane_order_within_limits_is_allowed():
    """An order and a quote that break nothing pass, and nothing is counted."""
    gate = Gate(limits())
    assert check_order(proposal(), gate=gate) == ALLOWED
    assert check_quote(proposal(), gate=gate) == ALLOWED
    assert not gate.refusals


@pytest.mark.parametrize(
    ("order", "reason", "detail"),
    [
        (proposal(price_nanos=100_050_000_000), Reason.OFF_TICK, "tick 0.1"),
        (proposal(amount_nanos=NANOS + 1), Reason.OFF_LOT, "lot 0.01"),
        (proposal(amount_nanos=5 * LOT), Reason.BELOW_MINIMUM, "smallest order is 0.1"),
        (proposal(amount_nanos=0), Reason.BELOW_MINIMUM, "smallest order is 0.1"),
        (proposal(amount_nanos=1001 * NANOS), Reason.ABOVE_MAXIMUM, "largest order is 1000"),
        (proposal(price_nanos=0), Reason.BELOW_MINIMUM, "above 0"),
        (proposal(price_nanos=-NANOS), Reason.BELOW_MINIMUM, "above 0"),
        (proposal(amount_nanos=26 * NANOS), Reason.MAX_SIZE, "max_order_size 25 exceeded, would be 26"),
        (proposal(price_nanos=121 * NANOS), Reason.PRICE_BAND, "worst allowed is 120 at mark 100"),
        (proposal(Side.SELL, price_nanos=79 * NANOS), Reason.PRICE_BAND, "worst allowed is 80 at mark 100"),
    ],
)
def test_order_that_is_not_sane_is_refused(order, reason, detail):
    """Off tick, off lot, too small, too large or too far from the mark: refused by name, with limit and value."""
    gate = Gate(limits())
    verdict = check_order(order, gate=gate)
    assert verdict.reason is reason
    assert detail in verdict.detail
    assert gate.refusals == {reason: 1}


@pytest.mark.parametrize("changes", [{"is_active": False}, {"contract": instrument(PUT).contract}])
def test_order_for_what_is_not_listed_is_refused(changes):
    """An inactive instrument, or another one than the order's, takes no order."""
    assert check_order(proposal(), **changes).reason is Reason.UNLISTED


def test_limit_is_told_with_value_and_remedy():
    """The words of a refusal name the limit, its value, what it would become, the order and what to do."""
    verdict = check_order(proposal(amount_nanos=5 * NANOS), {PERP: 9_900_000_000})
    assert verdict == Verdict(
        Reason.MAX_DELTA,
        "max_delta 10 exceeded, would be 12.4 (ETH-20250627-2600-C buy 5 at 100): lower --size or raise risk.max_delta",
    )


@pytest.mark.parametrize(("held", "reason"), [(19 * NANOS, Reason.OK), (19 * NANOS + LOT, Reason.MAX_POSITION)])
def test_position_limit_binds_at_its_value(held, reason):
    """A position may be exactly as large as the limit and not a lot larger."""
    positions = {CALL: held, PERP: -10 * NANOS}
    assert check_order(proposal(), positions).reason is reason


def test_what_is_in_flight_counts_on_the_side_that_hurts():
    """Open quotes and orders that would add to a position or delta use up its limit; those that would not, do not."""
    bids = [flight(CALL, Side.BUY, 19 * NANOS, is_quote=True, price_nanos=NANOS)]
    assert check_quote(proposal(amount_nanos=NANOS), {}, bids).allowed
    assert check_quote(proposal(amount_nanos=2 * NANOS), {}, bids).reason is Reason.MAX_POSITION
    assert check_quote(proposal(Side.SELL, amount_nanos=19 * NANOS), {}, bids).allowed
    perps = [flight(PERP, Side.BUY, 10 * NANOS)]
    assert check_quote(proposal(), {}, perps).reason is Reason.MAX_DELTA
    assert check_quote(proposal(name=PUT), {}, perps).allowed


def test_premium_of_open_bids_shares_one_balance():
    """Quotes with which we buy share the balance at the RFQ venue; quotes with which we sell cost nothing."""
    bids = [flight(CALL, Side.BUY, 4 * NANOS, is_quote=True, price_nanos=1200 * NANOS)]
    assert check_quote(proposal(amount_nanos=2 * NANOS), {}, bids).allowed
    refused = check_quote(proposal(amount_nanos=3 * NANOS), {}, bids)
    assert refused.reason is Reason.MAX_PREMIUM
    assert "max_premium 5000 exceeded, would be 5100" in refused.detail
    assert check_quote(proposal(Side.SELL, amount_nanos=3 * NANOS), {}, bids).allowed


def test_hedge_does_not_wait_for_open_quotes():
    """What brings a position back is allowed even while open quotes on the same side fill the limit."""
    offers = [flight(PERP, Side.SELL, 13 * NANOS, is_quote=True)]
    assert check_order(proposal(Side.SELL, 3 * NANOS, name=PERP), {PERP: 3 * NANOS}, offers).allowed
    assert (
        check_order(proposal(Side.SELL, 3 * NANOS + LOT, name=PERP), {PERP: 3 * NANOS}, offers).reason
        is Reason.MAX_DELTA
    )


def test_second_hedge_of_the_same_position_is_not_a_hedge():
    """An order in flight that already brings the position to zero leaves nothing to reduce."""
    sent = [flight(PERP, Side.SELL, 3 * NANOS), flight(PERP, Side.SELL, 10 * NANOS, is_quote=True)]
    assert check_order(proposal(Side.SELL, 3 * NANOS, name=PERP), {PERP: 3 * NANOS}, sent).reason is Reason.MAX_DELTA


positions = st.dictionaries(
    st.sampled_from([CALL, PUT, PERP]), st.integers(-(10**5), 10**5).map(lambda lots: lots * LOT)
)
quotes = st.lists(
    st.builds(
        flight,
        st.sampled_from([CALL, PUT, PERP]),
        st.sampled_from(list(Side)),
        st.integers(1, 10**4).map(lambda lots: lots * LOT),
        is_quote=st.just(True),
    ),
    max_size=4,
)


@given(
    st.dictionaries(st.sampled_from([CALL, PUT, PERP]), st.integers(10, 10**5), min_size=1),
    st.sampled_from([1, -1]),
    quotes,
    st.data(),
)
def test_reducing_risk_is_always_allowed(lots_held, sign, open_quotes, data):
    """A sane order that brings both its position and the delta nearer to zero passes, whatever is held or quoted."""
    held = {name: (-sign if name == PUT else sign) * lots * LOT for name, lots in lots_held.items()}
    name = data.draw(st.sampled_from(list(held)))
    lots = data.draw(st.integers(10, min(lots_held[name], 2500)))
    order = proposal(Side.SELL if held[name] > 0 else Side.BUY, lots * LOT, name=name)
    assert check_order(order, held, open_quotes) == ALLOWED


@given(positions, quotes, st.sampled_from([CALL, PUT, PERP]), st.sampled_from(list(Side)), st.integers(10, 2500))
def test_what_passes_never_worsens_a_breach(held, open_quotes, name, side, lots):
    """After any order that passes, position and delta are within their limits or nearer to zero than before."""
    order = proposal(side, lots * LOT, name=name)
    if not check_order(order, held, open_quotes).allowed:
        return
    before = exposed(name, held)
    after = exposed(name, held | {name: held.get(name, 0) + order.side * order.amount_nanos})
    for was, now, limit in (
        (before.position.now, after.position.now, LIMITS["max_position_nanos"]),
        (before.delta.now, after.delta.now, LIMITS["max_delta_nanos"]),
    ):
        assert abs(now) <= limit + 5 or abs(now) < abs(was)


@pytest.mark.parametrize("known", [None, mark(mark_nanos=0), mark(now_ns=OLDEST_NS - 1)])
def test_price_without_a_mark_is_refused(known):
    """No recent mark means that no price can be held against it."""
    gate = Gate(limits())
    assert gate.check_order(proposal(), instrument(), known, exposed(), NOW_NS).reason is Reason.NO_GREEKS
    assert gate.check_quote(proposal(), known, exposed(), NOW_NS).reason is Reason.NO_GREEKS


def test_unknown_exposure_is_passed_on():
    """A verdict in place of an exposure is the gate's answer."""
    unknown = Verdict(Reason.NO_GREEKS, "not known")
    gate = Gate(limits())
    assert gate.check_order(proposal(), instrument(), mark(), unknown, NOW_NS) == unknown
    assert gate.check_quote(proposal(), mark(), unknown, NOW_NS) == unknown


def test_band_of_a_tiny_premium_is_some_ticks():
    """Where a share of the mark is less than a tick, an order may still be five ticks worse."""
    cheap = mark(mark_nanos=NANOS // 10)
    gate = Gate(limits())
    order = proposal(price_nanos=600_000_000)
    assert gate.check_order(order, instrument(), cheap, exposed(), NOW_NS).allowed
    assert (
        gate.check_order(proposal(price_nanos=700_000_000), instrument(), cheap, exposed(), NOW_NS).reason
        is Reason.PRICE_BAND
    )


@given(st.lists(st.integers(0, 400_000_000), max_size=40))
def test_order_rate_holds_in_every_second(pauses):
    """In any window of one second no more orders pass than allowed, and refused ones do not count."""
    gate, now_ns, passed = Gate(limits()), NOW_NS, []
    for pause in pauses:
        now_ns += pause
        verdict = gate.check_order(proposal(), instrument(), mark(now_ns=now_ns), exposed(), now_ns)
        recent = [sent for sent in passed if now_ns - sent < NANOS]
        assert verdict.allowed is (len(recent) < LIMITS["max_orders_per_second"])
        if verdict.allowed:
            passed.append(now_ns)
        else:
            assert verdict.reason is Reason.RATE


def test_clock_set_back_does_not_stop_trading():
    """The order rate does not wait for a future that the old clock promised."""
    gate = Gate(limits())
    for _ in range(5):
        assert gate.check_order(proposal(), instrument(), mark(), exposed(), NOW_NS).allowed
    past = NOW_NS - 3600 * NANOS
    assert gate.check_order(proposal(), instrument(), mark(now_ns=past), exposed(), past).allowed


def test_shut_gate_lets_nothing_through():
    """Once shut, nothing passes, not even what reduces risk, and the first cause is told."""
    gate = Gate(limits())
    assert not gate.is_shut
    gate.shut("journal lost")
    gate.shut("operator")
    assert gate.is_shut
    verdict = check_order(proposal(Side.SELL), {CALL: NANOS}, gate=gate)
    assert verdict == Verdict(Reason.GATE_SHUT, "the gate is shut: journal lost")
    assert check_quote(proposal(), gate=gate).reason is Reason.GATE_SHUT
    assert gate.refusals == {Reason.GATE_SHUT: 2}


@pytest.mark.parametrize("name", list(LIMITS))
def test_limit_must_be_above_zero(name):
    """A limit of nothing is a mistake in the configuration, and named."""
    with pytest.raises(ConfigError, match=name):
        limits(**{name: 0})


@given(st.integers(10**18, 10**30), st.sampled_from(list(Side)))
def test_figures_beyond_64_bits_are_refused_in_words(amount, side):
    """An absurd size is refused like any other, not an overflow."""
    assert check_quote(proposal(side, amount)).reason is Reason.MAX_SIZE
