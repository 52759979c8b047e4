"""Room for quotes: whatever fills, in whatever order, no limit is passed; and what brings us home always has room."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atomizer._core.fixed import NANOS
from atomizer._core.room import REASONS, Line, RoomLimits, share_room
from atomizer.domain.reasons import Reason
from tests.reference import reference_room as reference

LOT = NANOS // 100
LEAST = NANOS // 10
SIZE = NANOS // 2
PRICE = 100 * NANOS
MOST = 2**63 - 1
MOST_PRODUCT = 10**34
LIMITS = {
    "max_position_nanos": 2 * NANOS,
    "max_exposure_nanos": 5 * NANOS,
    "max_delta_nanos": NANOS,
    "max_gamma_nanos": NANOS,
    "max_vega_nanos": 100 * NANOS,
    "max_order_notional_nanos": 10**6 * NANOS,
    "max_open_notional_nanos": 10**6 * NANOS,
    "max_open_orders": 1000,
}


def line(position=0, delta: int | None = 0, living=(0, 0), wanted=(SIZE, SIZE), *, gamma=0, vega=0, **changes):
    """Arguments of a line, ours and the reference's."""
    return {
        "underlying": "ETH",
        "greeks_nanos": None if delta is None else (delta, gamma, vega),
        "position_nanos": position,
        "lot_nanos": LOT,
        "min_amount_nanos": LEAST,
        "max_amount_nanos": 1000 * NANOS,
        "price_nanos": (PRICE, PRICE),
        "living_nanos": living,
        "wanted_nanos": wanted,
    } | changes


def room(*lines, greeks=None, limits=None, **held):
    """By line ((bid, reason), (ask, reason))."""
    limited = RoomLimits(**LIMITS | (limits or {}))
    return share_room([Line(**each) for each in lines], limited, greeks_nanos=greeks or {}, **held)


lots = st.integers(0, 120).map(lambda count: count * LOT)
positions = st.integers(-300, 300).map(lambda count: count * LOT)
deltas = st.integers(-NANOS, NANOS)
pairs = st.tuples(lots, lots)
books = st.lists(st.builds(line, position=positions, delta=deltas, living=pairs, wanted=pairs), min_size=1, max_size=6)
"""Lines whose positions and living orders may be anywhere, also beyond the limits."""


def test_every_reason_is_one_of_the_domain():
    """A side is cut for a member of Reason, and no name stands twice."""
    assert [Reason[name].name for name in REASONS] == list(REASONS)
    assert len(set(REASONS)) == len(REASONS)


def some(*values):
    """What matters, what is near to it, and anything from 0 to what 64 bits hold."""
    near = st.sampled_from((*values, MOST - 2)).flatmap(lambda value: st.integers(max(value - 2, 0), value + 2))
    return st.one_of(st.sampled_from(values), near, st.integers(0, MOST))


def either_way(sizes):
    return st.builds(lambda sign, size: sign * size, st.sampled_from((-1, 1)), sizes)


amounts = st.one_of(lots, lots, some(0, LEAST, SIZE, NANOS))
units = either_way(st.one_of(st.integers(0, NANOS), some(1, 7, NANOS // 2, NANOS)))
greeks = st.one_of(*[st.tuples(units, st.just(0), units)] * 3, st.tuples(units, units, units), st.none())
whole = some(1, LOT, NANOS, PRICE, 1000 * NANOS).map(lambda value: max(value, 1))
limits = st.fixed_dictionaries(
    {name: st.one_of(st.just(value), whole) for name, value in LIMITS.items()} | {"max_open_orders": st.integers(1, 9)}
)
lines = st.fixed_dictionaries(
    {
        "underlying": st.sampled_from(("ETH", "BTC")),
        "greeks_nanos": greeks,
        "position_nanos": either_way(amounts),
        "lot_nanos": st.one_of(st.just(LOT), whole),
        "min_amount_nanos": st.one_of(st.just(LEAST), amounts),
        "max_amount_nanos": st.one_of(st.just(1000 * NANOS), amounts),
        "price_nanos": st.tuples(whole, whole),
        "living_nanos": st.tuples(amounts, amounts),
        "wanted_nanos": st.tuples(amounts, amounts),
    }
)
books_at_large = st.lists(
    st.one_of(lines, st.builds(line, position=positions, delta=deltas, living=pairs, wanted=pairs)), max_size=5
)


def fits(each):
    largest = max(abs(each["position_nanos"]), *each["living_nanos"], *each["wanted_nanos"])
    dearest = max(*each["price_nanos"], *(abs(unit) for unit in each["greeks_nanos"] or (0,)))
    return largest * dearest <= MOST_PRODUCT


@settings(max_examples=500)
@given(
    books_at_large,
    limits,
    amounts,
    st.dictionaries(st.sampled_from(("SOL", "BTC", "ETH")), greeks),
    st.sampled_from(("OK", "OK", "MAX_DAILY_LOSS", "MAX_DRAWDOWN")),
)
def test_room_is_what_it_is_meant_to_be(all_lines, limited, exposure, held, lost):
    """Sizes and reasons are the reference's, whatever 64 bits hold; a line that no sum could take is refused."""
    args = {"exposure_nanos": exposure, "greeks_nanos": held, "lost": lost}
    for each in all_lines:
        if not fits(each):
            with pytest.raises(OverflowError, match="too much"):
                Line(**each)
    fitting = [each for each in all_lines if fits(each)]
    meant = reference.share_room([reference.Line(**each) for each in fitting], reference.RoomLimits(**limited), **args)
    assert share_room([Line(**each) for each in fitting], RoomLimits(**limited), **args) == meant


def test_no_sum_wraps_when_everything_is_as_large_as_it_may_be():
    """With all the lines that there may be, each as large as one may be, room is what it is meant to be."""
    amount, unit = 10**17, 10**17
    full = [
        line(sign * amount, sign * unit, living, (amount, amount), gamma=-unit, vega=unit, price_nanos=(unit, unit))
        for sign in (-1, 1)
        for living in ((0, 0), (amount, amount), (amount, 0), (0, amount))
    ]
    limited = dict.fromkeys(LIMITS, MOST)
    for each in full:
        args = {"exposure_nanos": MOST, "greeks_nanos": {"ETH": (MOST, -MOST, MOST)}}
        meant = reference.share_room([reference.Line(**each)] * 2_048, reference.RoomLimits(**limited), **args)
        assert share_room([Line(**each)] * 2_048, RoomLimits(**limited), **args) == meant


@pytest.mark.parametrize(
    ("error", "named", "changes"),
    [
        (OverflowError, "position_nanos", {"position_nanos": 2**63}),
        (OverflowError, "too much", {"wanted_nanos": (MOST, 0), "price_nanos": (1, MOST)}),
        (ValueError, "greeks_nanos", {"greeks_nanos": (0, 0)}),
        (ValueError, "lot_nanos", {"lot_nanos": 0}),
        (ValueError, "min_amount_nanos", {"min_amount_nanos": -1}),
        (ValueError, "max_amount_nanos", {"max_amount_nanos": -1}),
        (ValueError, "price_nanos", {"price_nanos": (PRICE, 0)}),
        (ValueError, "price_nanos", {"price_nanos": (PRICE,)}),
        (ValueError, "living_nanos", {"living_nanos": (-1, 0)}),
        (ValueError, "wanted_nanos", {"wanted_nanos": (0, -1)}),
    ],
)
def test_a_line_that_cannot_be_is_refused_by_name(error, named, changes):
    """What does not fit or cannot be meant is refused as it comes in, with its name."""
    with pytest.raises(error, match=named):
        Line(**line(**changes))


def test_what_else_cannot_be_is_refused_by_name():
    """Limits, what is held beside the lines, the word for a loss and how many lines there are are checked alike."""
    for name in LIMITS:
        with pytest.raises(ValueError, match=name):
            RoomLimits(**LIMITS | {name: 0})
        with pytest.raises(OverflowError, match=name):
            RoomLimits(**LIMITS | {name: 2**63})
    with pytest.raises(ValueError, match="exposure_nanos"):
        room(line(), exposure_nanos=-1)
    with pytest.raises(OverflowError, match="exposure_nanos"):
        room(line(), exposure_nanos=2**63)
    with pytest.raises(ValueError, match="MAX_DELTA"):
        room(line(), lost="MAX_DELTA")
    with pytest.raises(ValueError, match="2049"):
        room(*[line()] * 2_049)


def reach(all_lines, sizes):
    """(exposure, lowest net delta, highest net delta) when the worst of these sizes fills on every line."""
    exposure = sum(
        max(abs(each["position_nanos"] + bid), abs(each["position_nanos"] - ask))
        for each, (bid, ask) in zip(all_lines, sizes, strict=True)
    )
    low = high = 0
    for each, (bid, ask) in zip(all_lines, sizes, strict=True):
        delta = each["greeks_nanos"][0] / NANOS
        pushes = (bid * delta, -ask * delta)
        low += each["position_nanos"] * delta + sum(push for push in pushes if push < 0)
        high += each["position_nanos"] * delta + sum(push for push in pushes if push > 0)
    return exposure, low, high


@given(books)
def test_what_is_shown_never_leads_beyond_a_limit_that_held_before(all_lines):
    """With every order filled on the side that hurts, each limit holds, or is passed no further than it was already."""
    living = [each["living_nanos"] for each in all_lines]
    shown = [
        tuple(max(size, lives) for (size, _), lives in zip(sides, lived, strict=True))
        for sides, lived in zip(room(*all_lines), living, strict=True)
    ]
    before, after = reach(all_lines, living), reach(all_lines, shown)
    dust = 100  # nanos: each line rounds its delta
    assert after[0] <= max(before[0], LIMITS["max_exposure_nanos"])
    assert after[1] >= min(before[1], -LIMITS["max_delta_nanos"]) - dust
    assert after[2] <= max(before[2], LIMITS["max_delta_nanos"]) + dust
    for each, (bid, ask), (living_bid, living_ask) in zip(all_lines, shown, living, strict=True):
        assert bid <= max(LIMITS["max_position_nanos"] - each["position_nanos"], living_bid)
        assert ask <= max(LIMITS["max_position_nanos"] + each["position_nanos"], living_ask)


@given(books)
def test_a_side_shows_whole_lots_that_the_venue_takes_or_nothing(all_lines):
    """A size is 0, or at least the venue's smallest order, on the lot, and never more than is wanted."""
    for each, sides in zip(all_lines, room(*all_lines), strict=True):
        for (size, _), wanted in zip(sides, each["wanted_nanos"], strict=True):
            assert size <= wanted
            if wanted >= LEAST:
                assert size == 0 or size >= LEAST
                assert size % LOT == 0


def test_at_the_limit_only_the_side_that_leads_home_shows():
    """A position at its limit silences the side that would enlarge it, with the reason, and pulls what rests there."""
    [(bid, ask)] = room(line(position=2 * NANOS, living=(SIZE, 0)))
    assert bid == (0, "MAX_POSITION")
    assert ask == (SIZE, "OK")


def test_sizes_taper_towards_a_limit():
    """With less room than is wanted, what there is room for is shown."""
    [(bid, _)] = room(line(position=2 * NANOS - 3 * LEAST))
    assert bid == (3 * LEAST, "MAX_POSITION")


def test_living_orders_keep_their_room_and_others_wait():
    """Room that a living order may still take is nobody else's until the venue says that it is gone."""
    tight = {"max_position_nanos": NANOS, "max_exposure_nanos": SIZE}
    waits, keeps = room(line(wanted=(SIZE, 0)), line(living=(SIZE, 0)), limits=tight)
    assert (waits[0], keeps[0][0]) == ((0, "MAX_EXPOSURE"), SIZE)
    waits, pulled = room(line(), line(living=(SIZE, 0), wanted=(0, 0)), limits=tight)
    assert waits[0][0] == pulled[0][0] == 0


def test_net_delta_silences_what_would_push_it_further():
    """At the delta limit, bids of calls and asks of puts are silent, the others show."""
    call, put = room(line(delta=NANOS // 2), line(delta=-NANOS // 2), greeks={"ETH": (NANOS, 0, 0)})
    assert call == ((0, "MAX_DELTA"), (SIZE, "OK"))
    assert put == ((SIZE, "OK"), (0, "MAX_DELTA"))


def test_an_unknown_delta_shows_nothing():
    """Without a delta of the instrument, or of anything held of its underlying, no side shows."""
    nothing = ((0, "NO_GREEKS"), (0, "NO_GREEKS"))
    assert room(line(delta=None)) == [nothing]
    assert room(line(), greeks={"ETH": None}) == [nothing]
    assert room(line(), line(delta=None, position=1)) == [nothing, nothing]
    assert room(line(), greeks={"BTC": None}) == [((SIZE, "OK"), (SIZE, "OK"))]


@pytest.mark.parametrize("beyond", [2**63, -(2**63), 10**300])
def test_a_greek_that_64_bits_do_not_hold_is_not_known(beyond):
    """A Greek so large is none: nothing shows, and nobody computes with it."""
    nothing = ((0, "NO_GREEKS"), (0, "NO_GREEKS"))
    assert room(line(gamma=NANOS, vega=beyond, wanted=(MOST, MOST))) == [nothing]
    assert room(line(), greeks={"ETH": (NANOS, beyond, 0)}) == [nothing]


def test_net_gamma_and_vega_silence_what_would_push_them_further():
    """At the limit on either, bids are silent with its name and asks, which bring it down, show."""
    for greeks, limit in (((0, NANOS, 0), "MAX_GAMMA"), ((0, 0, 100 * NANOS), "MAX_VEGA")):
        assert room(line(gamma=NANOS // 100, vega=NANOS), greeks={"ETH": greeks}) == [((0, limit), (SIZE, "OK"))]


def test_no_more_sides_show_than_orders_may_live():
    """The first sides get the orders that may live; one that makes a position smaller is shown beyond that."""
    first, second, third = room(line(), line(), line(position=SIZE), limits={"max_open_orders": 3})
    assert first == ((SIZE, "OK"), (SIZE, "OK"))
    assert second == ((SIZE, "OK"), (0, "MAX_OPEN_ORDERS"))
    assert third == ((0, "MAX_OPEN_ORDERS"), (SIZE, "OK"))


def test_notional_tapers_what_shows():
    """No side is worth more than one order may be, and all of them not more than may be open."""
    assert room(line(), limits={"max_open_notional_nanos": 70 * NANOS}) == [
        ((SIZE, "OK"), (2 * LEAST, "MAX_OPEN_NOTIONAL"))
    ]
    tapered = (2 * LEAST, "MAX_NOTIONAL")
    assert room(line(), limits={"max_order_notional_nanos": 20 * NANOS}) == [(tapered, tapered)]


@pytest.mark.parametrize("lost", ["MAX_DAILY_LOSS", "MAX_DRAWDOWN"])
def test_after_a_loss_only_what_reduces_shows(lost):
    """Beyond a limit on losses a side shows as much as is held the other way, and what rests beyond that is pulled."""
    held, flat = room(line(position=3 * LEAST), line(living=(SIZE, 0)), lost=lost)
    assert held == ((0, lost), (3 * LEAST, lost))
    assert flat == ((0, lost), (0, lost))
