"""Who wins a practice auction."""

from hypothesis import given
from hypothesis import strategies as st

from atomizer.sim.rysk.auction import AUCTION_NS, Auction, RivalPlan
from atomizer.sim.rysk.wire import Quote, Terms

MS = 1_000_000
OPENED_NS = 1_750_000_000_000_000_000
FOR_EVER_S = 2_000_000_000
ZERO = "0x" + "0" * 40

prices = st.integers(1, 1000)
rival_plans = st.lists(
    st.builds(
        lambda delay, price, room, reaction: (delay, price, room, reaction),
        st.integers(0, 2500),
        prices,
        st.integers(0, 300),
        st.integers(1, 900),
    ),
    max_size=4,
)


def make_terms(*, is_taker_buy):
    return Terms(
        chain_id=84532,
        asset=ZERO,
        symbol="WETH",
        underlying="ETH",
        expiry_s=1,
        is_put=False,
        is_taker_buy=is_taker_buy,
        strike_e8=1,
        quantity_e18=1,
        taker=ZERO,
        usd=ZERO,
        collateral=ZERO,
    )


def make_quote(maker, price, *, nonce=1, valid_until_s=FOR_EVER_S):
    return Quote(
        asset=ZERO,
        chain_id=84532,
        is_put=False,
        strike_e8=1,
        expiry_s=1,
        maker=maker,
        nonce=nonce,
        price_e18=price,
        quantity_e18=1,
        is_taker_buy=False,
        valid_until_s=valid_until_s,
        usd=ZERO,
        collateral=ZERO,
        signature="",
    )


def make_auction(*, is_taker_buy=False, rivals=(), reserve=1):
    return Auction("id", make_terms(is_taker_buy=is_taker_buy), OPENED_NS, rivals=rivals, reserve_e18=reserve)


def plans_of(drawn, *, is_taker_buy):
    sign = -1 if is_taker_buy else 1
    return [
        RivalPlan(f"rival-{number}", delay * MS, price, max(1, price + sign * room), reaction * MS)
        for number, (delay, price, room, reaction) in enumerate(drawn)
    ]


@given(st.booleans(), rival_plans, st.lists(st.tuples(st.integers(0, 1999), prices), max_size=8))
def test_winner_has_the_best_price_and_rivals_keep_their_limits(is_taker_buy, drawn, quotes):
    """At the close nobody stands at a better price than the winner, and no rival went beyond its limit."""
    plans = plans_of(drawn, is_taker_buy=is_taker_buy)
    auction = make_auction(is_taker_buy=is_taker_buy, rivals=plans)
    for nonce, (at_ms, price) in enumerate(sorted(quotes)):
        auction.advance(OPENED_NS + at_ms * MS)
        auction.submit(make_quote(f"maker-{nonce}", price), OPENED_NS + at_ms * MS)
    auction.advance(auction.closes_ns)
    ranked = auction.ranked(auction.closes_ns)
    limits = {plan.maker: plan.limit_e18 for plan in plans}
    best = (min if is_taker_buy else max)([bid.price_e18 for bid in ranked], default=None)
    assert [bid.price_e18 for bid in ranked[:1]] == ([] if best is None else [best])
    assert not [bid for bid in ranked if bid.maker in limits and auction.is_better(bid.price_e18, limits[bid.maker])]


@given(st.booleans(), rival_plans, st.integers(0, 1999), prices)
def test_outcome_does_not_depend_on_how_often_the_clock_is_looked_at(is_taker_buy, drawn, at_ms, price):
    """Advancing in one stride or in many gives the same ranking."""
    plans = plans_of(drawn, is_taker_buy=is_taker_buy)
    outcomes = []
    for step_ms in (1, 50, 2000):
        auction = make_auction(is_taker_buy=is_taker_buy, rivals=plans)
        for now_ms in sorted({*range(0, 2001, step_ms), at_ms}):
            auction.advance(OPENED_NS + now_ms * MS)
            if now_ms == at_ms:
                auction.submit(make_quote("maker", price), OPENED_NS + now_ms * MS)
        outcomes.append([(bid.maker, bid.price_e18) for bid in auction.ranked(auction.closes_ns)])
    assert outcomes[0] == outcomes[1] == outcomes[2]


def test_earlier_of_equal_prices_is_best():
    """A quote that only equals the best is not best."""
    auction = make_auction()
    assert auction.submit(make_quote("first", 10), OPENED_NS)
    assert not auction.submit(make_quote("second", 10), OPENED_NS + 1)
    assert [bid.maker for bid in auction.ranked(OPENED_NS + 2)] == ["first", "second"]


def test_outbid_rival_answers_after_its_reaction_time_up_to_its_limit():
    """An outbid rival improves by a little once its reaction time has passed, and stays silent beyond its limit."""
    auction = make_auction(rivals=[RivalPlan("rival", 100 * MS, 1000, 1100, 200 * MS)])
    assert auction.advance(OPENED_NS + 100 * MS)
    assert auction.submit(make_quote("maker", 1050), OPENED_NS + 150 * MS)
    assert not auction.advance(OPENED_NS + 349 * MS)
    assert auction.next_wake_ns() == OPENED_NS + 350 * MS
    assert auction.advance(OPENED_NS + 350 * MS)
    best = auction.best(OPENED_NS + 350 * MS)
    assert (best.maker, best.price_e18) == ("rival", 1052)
    assert auction.submit(make_quote("maker", 1100, nonce=2), OPENED_NS + 400 * MS)
    assert not auction.advance(auction.closes_ns)
    assert auction.best(auction.closes_ns).maker == "maker"


def test_worse_second_quote_does_not_withdraw_the_first():
    """A quote cannot be cancelled: a worse one after it changes nothing."""
    auction = make_auction()
    auction.submit(make_quote("maker", 10), OPENED_NS)
    assert not auction.submit(make_quote("maker", 5, nonce=2), OPENED_NS + 1)
    assert auction.best(OPENED_NS + 2).price_e18 == 10


def test_quote_that_expires_before_the_close_does_not_win():
    """A quote stands until its validUntil and not a nanosecond longer."""
    auction = make_auction()
    valid_until_s = OPENED_NS // 1_000_000_000 + 1
    auction.submit(make_quote("short", 20, valid_until_s=valid_until_s), OPENED_NS)
    auction.submit(make_quote("long", 10), OPENED_NS)
    assert auction.best(valid_until_s * 1_000_000_000 - 1).maker == "short"
    assert auction.best(auction.closes_ns).maker == "long"


@given(st.booleans(), prices, prices)
def test_taker_trades_at_its_reserve_or_better_only(is_taker_buy, price, reserve):
    """The reserve is met by an equal or, for the taker, better price; an auction without one never trades."""
    auction = make_auction(is_taker_buy=is_taker_buy, reserve=reserve)
    assert auction.meets_reserve(price) == (price <= reserve if is_taker_buy else price >= reserve)
    assert not make_auction(is_taker_buy=is_taker_buy, reserve=None).meets_reserve(price)


def test_auction_lasts_two_seconds():
    """An auction closes two seconds after it opened."""
    assert make_auction().closes_ns - OPENED_NS == AUCTION_NS == 2_000_000_000
