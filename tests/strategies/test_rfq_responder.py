"""What is shown first, how far an outbid quote follows, and what is remembered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from resident import (
    CALL,
    NOW_NS,
    SECOND,
    Resident,
    book,
    exact_edge,
    exact_fee,
    exact_vwap,
    instrument,
    ladders,
    mark,
    rfq,
    sizes,
)

from atomizer.domain.instruments import NANOS, parse_name
from atomizer.domain.reasons import ALLOWED, Reason
from atomizer.domain.trading import QuoteAnswered, QuoteOutcome, RfqLeg, Side
from atomizer.strategies.pricing import BookPricer, BookPricerParams, Edge, FixedPricer
from atomizer.strategies.rfq_responder import QuotePlan, ResponderParams, RfqResponder

MINIMUM = Edge(usd_nanos=NANOS)
PARAMS = BookPricerParams(
    target=Edge(usd_nanos=5 * NANOS), minimum=MINIMUM, max_book_age_ns=5 * SECOND, max_mark_age_ns=30 * SECOND
)
DEADLINE_NS = NOW_NS + 2 * SECOND
FREE = instrument(CALL, taker_fee_nanos=0, base_fee_nanos=0)


def responder(levels=None, **params):
    levels = levels or ([(90 * NANOS, 10 * NANOS)], [(100 * NANOS, 10 * NANOS)])
    resident = Resident([FREE], {CALL: book(*levels)}, [mark()])
    step = {"step_nanos": NANOS // 10} | params
    return RfqResponder(ResponderParams(**step), BookPricer(PARAMS, resident)), resident


def outbid(best_nanos, rfq_id="r-1"):
    return QuoteAnswered(
        now_ns=NOW_NS, source="rysk", rfq_id=rfq_id, outcome=QuoteOutcome.OUTBID, best_nanos=best_nanos
    )


def test_first_quote_shows_the_target_edge():
    """The first quote is at the target edge and carries where the minimum edge ends."""
    quoting, _ = responder()
    assert quoting.on_rfq(rfq(NANOS), DEADLINE_NS, NOW_NS) == QuotePlan(
        rfq_id="r-1",
        instrument=CALL,
        side=Side.BUY,
        price_nanos=85 * NANOS,
        quantity_nanos=NANOS,
        fair_nanos=90 * NANOS,
        limit_nanos=89 * NANOS,
    )


@pytest.mark.parametrize(
    ("taker_buys", "best", "ours"),
    [
        (False, 86 * NANOS, 86_100_000_000),
        (False, 88_990_000_000, 89 * NANOS),
        (True, 104 * NANOS, 103_900_000_000),
        (True, 101_050_000_000, 101 * NANOS),
    ],
)
def test_outbid_quote_goes_one_step_past_the_best(taker_buys, best, ours):
    """We answer a better quote with a step past it, shortened where the minimum edge ends."""
    quoting, _ = responder()
    quoting.on_rfq(rfq(NANOS, taker_buys=taker_buys), DEADLINE_NS, NOW_NS)
    assert quoting.on_answer(outbid(best), NOW_NS).price_nanos == ours


@pytest.mark.parametrize(("taker_buys", "best"), [(False, 89 * NANOS), (False, 95 * NANOS), (True, 101 * NANOS)])
def test_best_at_our_limit_or_beyond_is_let_go(taker_buys, best):
    """Where the minimum edge leaves nothing to improve with, the RFQ is let go by name."""
    quoting, _ = responder()
    quoting.on_rfq(rfq(NANOS, taker_buys=taker_buys), DEADLINE_NS, NOW_NS)
    assert quoting.on_answer(outbid(best), NOW_NS).reason is Reason.EDGE_EXHAUSTED


def test_tie_that_came_first_is_beaten():
    """A rival at our very price was earlier, so we step past it."""
    quoting, _ = responder()
    quoting.on_rfq(rfq(NANOS), DEADLINE_NS, NOW_NS)
    assert quoting.on_answer(outbid(85 * NANOS), NOW_NS).price_nanos == 85_100_000_000


def test_late_notice_of_an_earlier_quote_is_ignored():
    """A notice whose best is worse than what we show by now asks for nothing."""
    quoting, _ = responder()
    quoting.on_rfq(rfq(NANOS), DEADLINE_NS, NOW_NS)
    quoting.on_answer(outbid(87 * NANOS), NOW_NS)
    assert quoting.on_answer(outbid(86 * NANOS), NOW_NS) == ALLOWED


def test_notice_without_a_best_price_is_answered_from_our_own():
    """When the notice does not say what is best, the step is taken from what we showed."""
    quoting, _ = responder()
    quoting.on_rfq(rfq(NANOS), DEADLINE_NS, NOW_NS)
    assert quoting.on_answer(outbid(0), NOW_NS).price_nanos == 85_100_000_000


@pytest.mark.parametrize("outcome", [QuoteOutcome.BEST, QuoteOutcome.REFUSED])
def test_other_answers_ask_for_nothing(outcome):
    """Being best, or refused, needs no new quote."""
    quoting, _ = responder()
    quoting.on_rfq(rfq(NANOS), DEADLINE_NS, NOW_NS)
    answer = QuoteAnswered(now_ns=NOW_NS, source="rysk", rfq_id="r-1", outcome=outcome)
    assert quoting.on_answer(answer, NOW_NS) == ALLOWED


def test_nothing_is_quoted_after_the_deadline():
    """Neither a first nor a following quote leaves at or after the auction's end, nor after the option's."""
    quoting, _ = responder()
    assert quoting.on_rfq(rfq(NANOS), DEADLINE_NS, DEADLINE_NS).reason is Reason.EXPIRED
    quoting.on_rfq(rfq(NANOS, rfq_id="r-2"), DEADLINE_NS, NOW_NS)
    assert quoting.on_answer(outbid(86 * NANOS, "r-2"), DEADLINE_NS).reason is Reason.EXPIRED
    over = rfq(NANOS, rfq_id="r-3", name="ETH-20250615-2600-C")
    assert quoting.on_rfq(over, NOW_NS + 10**18, NOW_NS + SECOND * 86400).reason is Reason.EXPIRED


def test_rfq_id_is_answered_once():
    """A second RFQ under an id that is still remembered is a duplicate, also when the first was declined."""
    quoting, resident = responder()
    resident.books.clear()
    assert quoting.on_rfq(rfq(NANOS), DEADLINE_NS, NOW_NS).reason is Reason.NO_BOOK
    assert quoting.on_rfq(rfq(NANOS), DEADLINE_NS, NOW_NS).reason is Reason.DUPLICATE


def test_answer_to_a_declined_or_unknown_rfq_is_no_reason_to_quote():
    """What we never quoted is not improved."""
    quoting, resident = responder()
    resident.books.clear()
    quoting.on_rfq(rfq(NANOS), DEADLINE_NS, NOW_NS)
    assert quoting.on_answer(outbid(86 * NANOS), NOW_NS).reason is Reason.EXPIRED
    assert quoting.on_answer(outbid(86 * NANOS, "never"), NOW_NS).reason is Reason.EXPIRED


@given(st.lists(st.integers(0, 10 * SECOND), max_size=60))
def test_memory_is_bounded_in_number_and_time(pauses):
    """However many RFQs come, no more than allowed are remembered and none for longer."""
    quoting, _ = responder(memory_ns=20 * SECOND, max_remembered=8)
    now_ns = NOW_NS
    for number, pause in enumerate(pauses):
        now_ns += pause
        quoting.on_rfq(rfq(NANOS, rfq_id=f"r-{number}", now_ns=now_ns), now_ns + SECOND, now_ns)
        kept = [auction.rfq.now_ns for auction in quoting._auctions.values()]
        assert len(kept) <= 8
        assert min(kept) >= now_ns - 20 * SECOND


def test_fixed_price_never_follows():
    """A dummy price is shown once and let go when it is beaten."""
    quoting = RfqResponder(ResponderParams(step_nanos=NANOS // 10), FixedPricer(100 * NANOS))
    assert quoting.on_rfq(rfq(NANOS), DEADLINE_NS, NOW_NS).price_nanos == 100 * NANOS
    assert quoting.on_answer(outbid(101 * NANOS), NOW_NS).reason is Reason.EDGE_EXHAUSTED


@given(
    st.lists(st.tuples(ladders(), st.integers(1, 3200 * NANOS)), min_size=1, max_size=6),
    sizes,
    st.booleans(),
    st.integers(1, 100 * NANOS),
)
def test_no_quote_of_an_auction_goes_past_the_floor(moves, quantity, taker_buys, step):
    """Through any moves of book and rivals, each quote keeps the minimum edge on the book of its moment."""
    quoting, resident = responder(moves[0][0], step_nanos=step)
    plan = quoting.on_rfq(rfq(quantity, taker_buys=taker_buys), DEADLINE_NS, NOW_NS)
    toward = -1 if taker_buys else 1
    for levels, best in moves:
        if isinstance(plan, QuotePlan):
            vwap = exact_vwap(resident.books[CALL].levels(not taker_buys), quantity)
            floor = vwap - toward * (exact_fee(FREE, vwap, 2500 * NANOS, quantity) + exact_edge(MINIMUM, vwap, 1.5))
            assert plan.price_nanos > 0
            assert (floor - plan.price_nanos) * toward >= 0
            assert (plan.limit_nanos - plan.price_nanos) * toward >= 0
        resident.books[CALL] = book(*levels)
        plan = quoting.on_answer(outbid(best), NOW_NS)
        if isinstance(plan, QuotePlan):
            assert (plan.price_nanos - best) * toward > 0


PUT = "ETH-20250627-2400-P"
PERP = "ETH-PERP"


def priced_structure(**params):
    """A responder with books for a call, a put and the perpetual, and a structure of all three."""
    listed = [FREE, *(instrument(name, taker_fee_nanos=0, base_fee_nanos=0) for name in (PUT, PERP))]
    books = {
        CALL: book([(90 * NANOS, 10 * NANOS)], [(100 * NANOS, 10 * NANOS)]),
        PUT: book([(40 * NANOS, 10 * NANOS)], [(50 * NANOS, 10 * NANOS)]),
        PERP: book([(2500 * NANOS, 10 * NANOS)], [(2501 * NANOS, 10 * NANOS)]),
    }
    resident = Resident(listed, books, [mark(), mark(PUT), mark(PERP, delta=1.0, gamma=0.0, vega=0.0)])
    more = (RfqLeg(parse_name(PUT), 2 * NANOS, taker_buys=True), RfqLeg(parse_name(PERP), NANOS, taker_buys=False))
    structure = replace(rfq(NANOS), more=more)
    responder = RfqResponder(ResponderParams(step_nanos=NANOS // 10, **params), BookPricer(PARAMS, resident))
    return responder, resident, structure


def test_a_structure_is_priced_leg_by_leg():
    """Each option at its own target edge from its own book, a future at what it costs."""
    quoting, _, structure = priced_structure()
    plan = quoting.on_rfq(structure, DEADLINE_NS, NOW_NS)
    assert [(leg.instrument, leg.side, leg.price_nanos // NANOS, leg.quantity_nanos) for leg in plan.legs] == [
        (CALL, Side.BUY, 85, NANOS),
        (PUT, Side.SELL, 55, 2 * NANOS),
        (PERP, Side.BUY, 2500, NANOS),
    ]


@pytest.mark.parametrize("missing", [CALL, PUT, PERP])
def test_a_leg_without_a_price_declines_the_structure(missing):
    """Under that leg's own reason, and naming it."""
    quoting, resident, structure = priced_structure()
    del resident.books[missing]
    verdict = quoting.on_rfq(structure, DEADLINE_NS, NOW_NS)
    assert (verdict.reason, missing in verdict.detail) == (Reason.NO_BOOK, True)


@given(st.integers(-3 * NANOS, 3 * NANOS), st.integers(-3 * NANOS, 3 * NANOS), st.integers(0, 500))
def test_a_standing_quote_stays_until_its_legs_have_moved_too_far(call_move, put_move, bps):
    """All moves of what the legs are worth are added up, so that two which cancel out do not hide each other."""
    quoting, resident, structure = priced_structure(reprice_bps=bps)
    quoting.on_rfq(structure, DEADLINE_NS, NOW_NS)
    resident.books[CALL] = book([(90 * NANOS + call_move, 10 * NANOS)], [])
    resident.books[PUT] = book([], [(50 * NANOS + put_move, 10 * NANOS)])
    worth = 90 + 2 * 50 + 2500
    is_within = (abs(call_move) + 2 * abs(put_move)) * 10_000 <= worth * NANOS * bps
    plan = quoting.on_look("r-1", NOW_NS, is_due=False)
    assert (plan == ALLOWED) == is_within
    if not is_within:
        assert plan.legs[0].price_nanos == 85 * NANOS + call_move
        assert quoting.on_look("r-1", NOW_NS, is_due=False) == ALLOWED  # the new price is the one to compare with


def test_a_standing_quote_is_shown_anew_when_its_life_ends():
    """Even if nothing moved."""
    quoting, _ = responder()
    first = quoting.on_rfq(rfq(NANOS), DEADLINE_NS, NOW_NS)
    assert quoting.on_look("r-1", NOW_NS, is_due=True) == first


def test_a_standing_quote_must_go_when_it_cannot_be_priced_any_more():
    """Without a book, after the end, or when it is not one of ours: the reason says so."""
    quoting, resident = responder()
    quoting.on_rfq(rfq(NANOS), DEADLINE_NS, NOW_NS)
    assert quoting.on_look("r-1", DEADLINE_NS, is_due=False).reason is Reason.EXPIRED
    resident.books.clear()
    assert quoting.on_look("r-1", NOW_NS, is_due=False).reason is Reason.NO_BOOK
    assert quoting.on_look("never", NOW_NS, is_due=False).reason is Reason.EXPIRED


def test_step_must_be_above_zero():
    """A step of nothing would tie for ever and is refused at start."""
    with pytest.raises(ValueError, match="step_nanos"):
        responder(step_nanos=0)
