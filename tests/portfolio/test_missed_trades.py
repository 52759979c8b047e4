"""From the venue's position to the trades that nobody told us of."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reference.every_choice import explanations, plus, sums

from atomizer.domain.trading import QuoteSent, Side
from atomizer.portfolio.missed_trades import NOTHING, Doubt, Holding, missed_trades, traded

ONE = 10**9


def quote(nonce, price_nanos=10 * ONE, quantity_nanos=ONE, side=Side.BUY, rfq_id=None):
    return QuoteSent(
        now_ns=nonce,
        source="rysk",
        rfq_id=f"rfq-{nonce}" if rfq_id is None else rfq_id,
        nonce=nonce,
        instrument="ETH-20300628-3000-C",
        side=side,
        price_nanos=price_nanos,
        quantity_nanos=quantity_nanos,
        valid_until_s=30,
        fair_nanos=price_nanos,
    )


def holding(*quotes):
    return Holding(*sums(quotes))


def nonces(found):
    return found if isinstance(found, Doubt) else [each.nonce for each in found]


# Few prices, sizes and RFQs, so that choices collide often; in `VARIED` they hardly ever do.
def quotes_of(prices, sizes, rfqs, most):
    draw = st.tuples(prices, sizes, st.sampled_from(Side), rfqs)
    return st.lists(draw, max_size=most).map(
        lambda rows: [quote(i + 1, price, size, side, f"r{rfq}") for i, (price, size, side, rfq) in enumerate(rows)]
    )


CROWDED = quotes_of(st.integers(1, 3), st.integers(1, 2), st.integers(0, 3), 7)
VARIED = quotes_of(st.integers(1, 10**14), st.integers(1, 10**12), st.integers(0, 9), 12)


@given(CROWDED, CROWDED, st.data())
@settings(max_examples=400)
def test_a_choice_is_found_if_and_only_if_it_is_the_only_one(known, unknown, data):
    """Exactly the choices that an exhaustive search finds alone are concluded; two or none are named so, not booked."""
    told = [quote(100 + each.nonce, each.price_nanos, each.quantity_nanos, each.side) for each in known[:4]]
    shown = data.draw(st.lists(st.sampled_from(told), unique_by=id) if told else st.just([]))
    traded_unheard = data.draw(st.lists(st.sampled_from(unknown), unique_by=id) if unknown else st.just([]))
    noise = data.draw(st.sampled_from([(0, 0), (0, 0), (0, 1), (ONE, 5)]))
    older = data.draw(st.sampled_from([(0, 0), (-3 * ONE * ONE, 7)]))
    held = plus(plus(plus(older, sums(shown)), sums(traded_unheard)), noise)
    found = missed_trades(Holding(*held), Holding(*plus(older, sums(told))), told, unknown)
    wanted = explanations(held, older, told, unknown)
    if frozenset() in wanted:
        assert found == ()
    elif len(wanted) == 1:
        assert frozenset(nonces(found)) == next(iter(wanted))
    else:
        assert found is (Doubt.AMBIGUOUS if wanted else Doubt.UNEXPLAINED)


@given(VARIED, st.data())
def test_what_traded_unheard_is_what_is_found(unknown, data):
    """Of quotes as they are in life, exactly those that traded are recovered."""
    one_of_each = list({each.rfq_id: each for each in unknown}.values())
    missed = data.draw(st.lists(st.sampled_from(one_of_each), unique_by=id) if one_of_each else st.just([]))
    assume(len(explanations(sums(missed), (0, 0), [], unknown)) == 1)
    assume(sums(missed) != (0, 0) or not missed)
    found = missed_trades(holding(*missed), NOTHING, [], unknown)
    assert {each.nonce for each in found} == {each.nonce for each in missed}


def test_books_that_agree_need_nothing():
    """Where the venue holds what we booked nothing is concluded, however many quotes are unheard of."""
    assert missed_trades(holding(quote(1)), holding(quote(1)), [quote(1)], [quote(n) for n in range(2, 900)]) == ()


def test_a_trade_that_the_venue_does_not_show_yet_is_not_missed():
    """A trade of ours that is not in the venue's position yet is no reason to book or to doubt anything."""
    late = quote(1)
    assert missed_trades(NOTHING, traded(late), [late], [quote(2)]) == ()


def test_a_missed_trade_is_found_beside_one_that_is_not_shown_yet():
    """The venue shows a trade that we missed, and not yet one that we know of."""
    late, missed = quote(1), quote(2, price_nanos=11 * ONE)
    assert nonces(missed_trades(traded(missed), traded(late), [late], [missed, quote(3)])) == [2]


def test_twins_are_not_told_apart():
    """Of two quotes of the same side, price and quantity one traded: which one is not known, so none is booked."""
    twins = [quote(1), quote(2)]
    assert missed_trades(holding(twins[0]), NOTHING, [], twins) is Doubt.AMBIGUOUS
    assert nonces(missed_trades(holding(*twins), NOTHING, [], twins)) == [1, 2]


def test_an_rfq_trades_once():
    """Two quotes for one RFQ never both trade, even where only both would add up."""
    first, second = quote(1, rfq_id="r"), quote(2, price_nanos=11 * ONE, rfq_id="r")
    assert missed_trades(holding(first, second), NOTHING, [], [first, second]) is Doubt.UNEXPLAINED
    assert nonces(missed_trades(holding(second), NOTHING, [], [first, second])) == [2]


def test_the_premium_must_be_right_to_the_last_digit():
    """A position of the right amount at another premium is not the quote's trade."""
    missed = holding(quote(1))
    for held in (missed._replace(premium_e18=missed.premium_e18 + 1), Holding(-missed[0], -missed[1])):
        assert missed_trades(held, NOTHING, [], [quote(1)]) is Doubt.UNEXPLAINED


def test_a_search_that_would_take_too_long_is_given_up():
    """Where hundreds of quotes could explain a difference, none is concluded, and at once."""
    many = [quote(n, price_nanos=ONE * n * n, side=Side(1 - n % 2 * 2)) for n in range(1, 300)]
    assert missed_trades(holding(*many[::3]), NOTHING, [], many) is Doubt.TOO_MANY


@given(st.sets(st.integers(0, 7)), st.data())
def test_a_busy_contract_is_found_all_the_same(rfqs, data):
    """Eight RFQs for one contract, each quoted six times as rivals outbid us, are five million choices."""
    many = [
        quote(6 * rfq + n, ONE * 60 + 7919 ** (6 * rfq + n) % 10**9, ONE * (1 + rfq), rfq_id=f"r{rfq}")
        for rfq in range(8)
        for n in range(1, 7)
    ]
    missed = [many[6 * rfq + data.draw(st.integers(0, 5))] for rfq in sorted(rfqs)]
    assert nonces(missed_trades(holding(*missed), NOTHING, [], many)) == [each.nonce for each in missed]


@given(st.integers(0, 9), st.integers(2, 3))
def test_a_few_among_many_are_found(start, count):
    """A few trades among dozens of quotes of one size are found by what they cost."""
    many = [quote(n, price_nanos=ONE * 100 + 7919**n % 10**10) for n in range(1, 26)]
    missed = many[start::5][:count]
    assert nonces(missed_trades(holding(*missed), NOTHING, [], many)) == [each.nonce for each in missed]
