"""What the gate lets through, what it refuses, and in which words."""

import pytest
from books_at_risk import (
    CALL,
    LIMITS,
    NOW_NS,
    OLDEST_NS,
    OTHER,
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

from atomizer.domain.instruments import NANOS, TickStep
from atomizer.domain.reasons import ALLOWED, Reason, Verdict
from atomizer.domain.trading import Side, Signed
from atomizer.errors import ConfigError
from atomizer.risk.gate import Gate
from atomizer.risk.losses import DAY_NS, Losses
from atomizer.risk.rules import Fair

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


def within(**changes):
    return Gate(limits(**changes))


@pytest.mark.parametrize(
    ("changes", "order", "positions", "in_flight", "words"),
    [
        (
            {"max_order_notional_e18": 150 * 10**18},
            proposal(amount_nanos=2 * NANOS),
            {},
            [],
            "max_order_notional 150 exceeded, would be 200",
        ),
        ({"max_gamma_nanos": 4_000_000}, proposal(), {PUT: 2 * NANOS}, [], "max_gamma 0.004 exceeded, would be 0.005"),
        ({"max_gamma_nanos": 1_500_000}, proposal(), {}, [flight(CALL, Side.BUY, NANOS)], "would be 0.002"),
        ({"max_vega_nanos": 3 * NANOS}, proposal(), {PUT: 2 * NANOS}, [], "max_vega 3 exceeded, would be 4"),
        (
            {"max_vega_nanos": 2 * NANOS},
            proposal(Side.SELL),
            {},
            [flight(CALL, Side.SELL, NANOS, is_quote=True)],
            "max_vega 2 exceeded, would be -3",
        ),
        (
            {"max_exposure_nanos": 6 * NANOS},
            proposal(),
            {PUT: -3 * NANOS, PERP: 5 * NANOS},
            [flight(PUT, Side.SELL, NANOS), flight(CALL, Side.SELL, NANOS * 5 // 2)],
            "max_exposure 6 exceeded, would be 6.5",
        ),
        (
            {"max_open_orders": 2},
            proposal(),
            {},
            [flight(OTHER, Side.BUY, NANOS), flight(PERP, Side.SELL, NANOS)],
            "max_open_orders 2 exceeded, would be 3",
        ),
        (
            {"max_open_notional_e18": 250 * 10**18},
            proposal(),
            {},
            [flight(OTHER, Side.SELL, 2 * NANOS)],
            "max_open_notional 250 exceeded, would be 300",
        ),
        (
            {},
            proposal(),
            {},
            [flight(CALL, Side.SELL, NANOS, price_nanos=99 * NANOS), flight(CALL, Side.SELL, NANOS)],
            "our own sell at 99 USD would trade with it",
        ),
        ({}, proposal(Side.SELL), {}, [flight(CALL, Side.BUY, NANOS)], "our own buy at 100 USD would trade with it"),
        ({}, proposal(fair=Fair(90 * NANOS, NOW_NS)), {}, [], "worst allowed is 99 at fair 90"),
        ({}, proposal(fair=Fair(100 * NANOS, OLDEST_NS - 1)), {}, [], "no recent fair value"),
        ({}, proposal(fair=Fair(0, NOW_NS)), {}, [], "no recent fair value"),
        ({}, proposal(signed=Signed(25 * NANOS + 1)), {}, [], "allows 25 USD per unit at index 2500"),
        ({}, proposal(signed=Signed(life_ns=601 * NANOS)), {}, [], "max_signature_life 600 s exceeded, would be 601 s"),
    ],
)
def test_every_limit_is_told_in_words(changes, order, positions, in_flight, words):
    """What is held and in flight counts at its worst for each limit, and the refusal says limit and value."""
    gate = within(**changes)
    verdict = check_order(order, positions, in_flight, gate)
    assert words in verdict.detail
    assert gate.refusals == {verdict.reason: 1}


@pytest.mark.parametrize(
    ("order", "in_flight"),
    [
        (proposal(), [flight(PUT, Side.SELL, NANOS)]),
        (proposal(fair=Fair(100 * NANOS, NOW_NS), signed=Signed(25 * NANOS, 600 * NANOS)), []),
        (proposal(), [flight(CALL, Side.SELL, NANOS, price_nanos=101 * NANOS)]),
        (proposal(), [flight(CALL, Side.SELL, NANOS, is_quote=True)]),
    ],
)
def test_limits_bind_at_their_value(order, in_flight):
    """What lies exactly at a limit passes, and a quote that may be taken is no order that we could trade with."""
    tight = {
        "max_order_notional_e18": 100 * 10**18,
        "max_gamma_nanos": NANOS // 1000,
        "max_vega_nanos": NANOS * 3 // 2,
        "max_exposure_nanos": 2 * NANOS,
        "max_open_orders": 2,
        "max_open_notional_e18": 201 * 10**18,
    }
    assert check_order(order, {}, in_flight, within(**tight)) == ALLOWED


class Shown:
    """A book as far as the gate looks at it."""

    def __init__(self, *, dark=False, age_ns=0):
        self.dark = dark
        self.received_ns = NOW_NS - age_ns


@pytest.mark.parametrize(
    ("book", "reason"),
    [
        (None, Reason.OK),
        (Shown(age_ns=5 * NANOS), Reason.OK),
        (Shown(age_ns=5 * NANOS + 1), Reason.STALE_BOOK),
        (Shown(dark=True), Reason.NO_BOOK),
    ],
)
def test_a_price_made_from_an_old_book_is_refused(book, reason):
    """An order that was priced by a book needs it fresh and whole; one that was not does not."""
    gate = Gate(limits())
    assert gate.check_order(proposal(), instrument(), mark(), exposed(), NOW_NS, book=book).reason is reason


def lost(day_e18=0, drawdown_e18=0):
    """Losses of a book that was once `drawdown_e18` better, and lost `day_e18` today."""
    losses = Losses()
    losses.update(drawdown_e18, NOW_NS - 3 * DAY_NS)
    losses.update(day_e18, NOW_NS - DAY_NS)
    losses.update(0, NOW_NS)
    return losses


@pytest.mark.parametrize(
    ("losses", "reason", "words"),
    [
        (lost(day_e18=1000 * 10**18), Reason.OK, ""),
        (lost(day_e18=1001 * 10**18), Reason.MAX_DAILY_LOSS, "max_daily_loss 1000 exceeded, is 1001"),
        (lost(drawdown_e18=3000 * 10**18), Reason.OK, ""),
        (lost(drawdown_e18=3001 * 10**18), Reason.MAX_DRAWDOWN, "max_drawdown 3000 exceeded, is 3001"),
    ],
)
def test_losses_stop_everything_but_what_reduces_risk(losses, reason, words):
    """Beyond the day's loss or the drawdown only what reduces a position, or the delta by a future, may leave."""
    for check in (check_order, check_quote):
        verdict = check(proposal(), gate=Gate(limits(), losses))
        assert verdict.reason is reason
        assert words in verdict.detail
        assert check(proposal(Side.SELL), {CALL: NANOS}, gate=Gate(limits(), losses)) == ALLOWED
    hedge = proposal(Side.SELL, NANOS // 2, name=PERP)
    assert check_order(hedge, {CALL: NANOS}, gate=Gate(limits(), losses)) == ALLOWED
    assert check_order(proposal(Side.SELL), {PERP: NANOS}, gate=Gate(limits(), losses)).reason is reason


@given(st.lists(st.tuples(st.integers(0, 2 * DAY_NS), st.integers(-(10**24), 10**24)), min_size=1, max_size=30))
def test_losses_are_counted_from_midnight_and_from_the_best(steps):
    """Today's loss is from the last P&L of an earlier day, the drawdown from the best ever, at first 0."""
    losses, now_ns, history = Losses(), NOW_NS, []
    for pause, net_e18 in steps:
        now_ns += pause
        losses.update(net_e18, now_ns)
        history.append((now_ns // DAY_NS, net_e18))
    today, net_e18 = history[-1]
    earlier = [net for day, net in history if day < today]
    best = max(0, *(net for _, net in history)) if history else 0
    assert losses.today_e18(now_ns) == (earlier[-1] if earlier else 0) - net_e18
    assert losses.drawdown_e18 == best - net_e18
    assert losses.today_e18(now_ns + DAY_NS) == 0


def test_new_limits_hold_at_once():
    """Other limits hold from the next order on, what was sent before counts, and what a replaced order ties up not."""
    gate = Gate(limits())
    for _ in range(3):
        assert check_order(proposal(), gate=gate) == ALLOWED
    gate.use(limits(max_orders_per_second=3))
    assert check_order(proposal(), gate=gate).reason is Reason.RATE
    gate.use(limits(max_orders_per_second=4, max_order_size_nanos=NANOS // 2))
    assert check_order(proposal(), gate=gate).reason is Reason.MAX_SIZE
    gate.use(limits(max_open_orders=1))
    in_flight = [flight(CALL, Side.BUY, NANOS)]
    assert check_order(proposal(), {}, in_flight, gate).reason is Reason.MAX_OPEN_ORDERS
    exposure = exposed(CALL, {}, in_flight, replaced=("derive", "0"))
    assert gate.check_order(proposal(), instrument(), mark(), exposure, NOW_NS) == ALLOWED


def test_ticks_grow_with_the_price():
    """Where a listing has steps, a price is held against the tick of its own height."""
    stepped = {"tick_nanos": NANOS // 10, "tick_steps": (TickStep(50 * NANOS, NANOS // 2),)}
    assert check_order(proposal(price_nanos=100 * NANOS + NANOS // 2), **stepped) == ALLOWED
    assert check_order(proposal(price_nanos=100 * NANOS + NANOS // 10), **stepped).reason is Reason.OFF_TICK


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
    """A sane order that brings its position and every Greek nearer to zero passes, whatever is held, quoted or lost."""
    held = {name: (-sign if name == PUT else sign) * lots * LOT for name, lots in lots_held.items()}
    if PUT in held:
        held.pop(CALL, None)  # it is held the other way, so that closing one adds to the gamma
    name = data.draw(st.sampled_from(list(held)))
    lots = data.draw(st.integers(10, min(lots_held[name], 2500)))
    order = proposal(Side.SELL if held[name] > 0 else Side.BUY, lots * LOT, name=name)
    narrow = dict.fromkeys(("max_position_nanos", "max_exposure_nanos", "max_delta_nanos", "max_gamma_nanos"), 1)
    gate = Gate(limits(**narrow, max_vega_nanos=1, max_open_orders=1, max_open_notional_e18=1), lost(10**24, 10**24))
    assert check_order(order, held, open_quotes, gate) == ALLOWED


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
