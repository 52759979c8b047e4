"""Room for quotes: whatever fills, in whatever order, no limit is passed; and what brings us home always has room."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atomizer._core.fixed import NANOS
from atomizer.domain.instruments import Instrument, parse_name
from atomizer.domain.reasons import Reason
from atomizer.domain.trading import Side
from atomizer.strategies.market_maker_room import Held, Line, RoomLimits, share_room

LOT = NANOS // 100
LEAST = NANOS // 10
SIZE = NANOS // 2
PRICE = 100 * NANOS
LIMITS = RoomLimits(
    max_position_nanos=2 * NANOS,
    max_exposure_nanos=5 * NANOS,
    max_delta_nanos=NANOS,
    max_gamma_nanos=NANOS,
    max_vega_nanos=100 * NANOS,
    max_order_notional_e18=10**6 * 10**18,
    max_open_orders=1000,
    max_open_notional_e18=10**6 * 10**18,
)


def limited(**changes) -> RoomLimits:
    return msgspec.structs.replace(LIMITS, **changes)


def instrument(strike: int) -> Instrument:
    return Instrument(
        venue="derive",
        contract=parse_name(f"ETH-20271231-{strike}-C"),
        tick_nanos=LEAST,
        lot_nanos=LOT,
        min_amount_nanos=LEAST,
        max_amount_nanos=1000 * NANOS,
        maker_fee_nanos=0,
        taker_fee_nanos=0,
        base_fee_nanos=0,
        fee_cap_nanos=0,
    )


def line(strike=3000, position=0, delta: int | None = 0, living=(0, 0), wanted=(SIZE, SIZE), **greeks) -> Line:
    """Living and wanted are (bid, ask)."""
    return Line(
        name=instrument(strike).name,
        instrument=instrument(strike),
        position_nanos=position,
        units=None if delta is None else (delta, greeks.get("gamma", 0), greeks.get("vega", 0)),
        price_nanos=dict.fromkeys(Side, PRICE),
        living_nanos=dict(zip((Side.BUY, Side.SELL), living, strict=True)),
        wanted_nanos=dict(zip((Side.BUY, Side.SELL), wanted, strict=True)),
    )


def room(lines, held=None, limits=LIMITS):
    """{(strike, side word): Room}."""
    shared = share_room(lines, held or Held(), limits)
    return {(int(name.split("-")[2]), side.word): found for (name, side), found in shared.items()}


lots = st.integers(0, 120).map(lambda count: count * LOT)
positions = st.integers(-300, 300).map(lambda count: count * LOT)
deltas = st.integers(-NANOS, NANOS)


@st.composite
def books(draw):
    """Lines whose positions and living orders may be anywhere, also beyond the limits."""
    count = draw(st.integers(1, 6))
    return [
        line(
            strike=1000 + at,
            position=draw(positions),
            delta=draw(deltas),
            living=(draw(lots), draw(lots)),
            wanted=(draw(lots), draw(lots)),
        )
        for at in range(count)
    ]


def reach(lines, sizes):
    """(exposure, lowest net delta, highest net delta) when the worst of these sizes fills on every line."""
    exposure = sum(
        max(abs(each.position_nanos + bid), abs(each.position_nanos - ask))
        for each, (bid, ask) in zip(lines, sizes, strict=True)
    )
    low = high = 0
    for each, (bid, ask) in zip(lines, sizes, strict=True):
        delta = each.units[0] / NANOS
        pushes = (bid * delta, -ask * delta)
        low += each.position_nanos * delta + sum(push for push in pushes if push < 0)
        high += each.position_nanos * delta + sum(push for push in pushes if push > 0)
    return exposure, low, high


@given(books())
def test_what_is_shown_never_leads_beyond_a_limit_that_held_before(lines):
    """With every order filled on the side that hurts, each limit holds, or is passed no further than it was already."""
    shared = room(lines)
    living = [(each.living_nanos[Side.BUY], each.living_nanos[Side.SELL]) for each in lines]
    shown = []
    for each, lives in zip(lines, living, strict=True):
        strike = each.instrument.contract.strike_nanos // NANOS
        sizes = tuple(max(shared[strike, word].size_nanos, lives[at]) for at, word in enumerate(("buy", "sell")))
        shown.append(sizes)
    before, after = reach(lines, living), reach(lines, shown)
    dust = 100  # nanos: each line rounds its delta
    assert after[0] <= max(before[0], LIMITS.max_exposure_nanos)
    assert after[1] >= min(before[1], -LIMITS.max_delta_nanos) - dust
    assert after[2] <= max(before[2], LIMITS.max_delta_nanos) + dust
    for each, sizes, lives in zip(lines, shown, living, strict=True):
        for side, size, lived in zip((Side.BUY, Side.SELL), sizes, lives, strict=True):
            assert size <= max(LIMITS.max_position_nanos - side * each.position_nanos, lived)


@given(books())
def test_a_side_shows_whole_lots_that_the_venue_takes_or_nothing(lines):
    """A size is 0, or at least the venue's smallest order, on the lot, and never more than is wanted."""
    for (strike, word), found in room(lines).items():
        wanted = next(
            each.wanted_nanos[Side.BUY if word == "buy" else Side.SELL]
            for each in lines
            if each.instrument.contract.strike_nanos == strike * NANOS
        )
        assert found.size_nanos <= wanted
        if wanted >= LEAST:
            assert found.size_nanos == 0 or found.size_nanos >= LEAST
            assert found.size_nanos % LOT == 0


def test_at_the_limit_only_the_side_that_leads_home_shows():
    """A position at its limit silences the side that would enlarge it, with the reason, and pulls what rests there."""
    shared = room([line(position=2 * NANOS, living=(SIZE, 0))])
    assert shared[3000, "buy"].size_nanos == 0
    assert shared[3000, "buy"].reason is Reason.MAX_POSITION
    assert shared[3000, "sell"].size_nanos == SIZE


def test_sizes_taper_towards_a_limit():
    """With less room than is wanted, what there is room for is shown."""
    found = room([line(position=2 * NANOS - 3 * LEAST)])[3000, "buy"]
    assert (found.size_nanos, found.reason) == (3 * LEAST, Reason.MAX_POSITION)


def test_living_orders_keep_their_room_and_others_wait():
    """Room that a living order may still take is nobody else's until the venue says that it is gone."""
    tight = limited(max_position_nanos=NANOS, max_exposure_nanos=SIZE)
    shared = room([line(strike=1000, wanted=(SIZE, 0)), line(strike=1001, living=(SIZE, 0))], limits=tight)
    assert shared[1001, "buy"].size_nanos == SIZE
    assert (shared[1000, "buy"].size_nanos, shared[1000, "buy"].reason) == (0, Reason.MAX_EXPOSURE)
    pulled = room([line(strike=1000), line(strike=1001, living=(SIZE, 0), wanted=(0, 0))], limits=tight)
    assert pulled[1001, "buy"].size_nanos == pulled[1000, "buy"].size_nanos == 0


def test_net_delta_silences_what_would_push_it_further():
    """At the delta limit, bids of calls and asks of puts are silent, the others show."""
    shared = room(
        [line(strike=1000, delta=NANOS // 2), line(strike=1001, delta=-NANOS // 2)], Held(0, {"ETH": (NANOS, 0, 0)})
    )
    assert shared[1000, "buy"].reason is shared[1001, "sell"].reason is Reason.MAX_DELTA
    assert shared[1000, "sell"].size_nanos == shared[1001, "buy"].size_nanos == SIZE


def test_an_unknown_delta_shows_nothing():
    """Without a delta of the instrument, or of anything held of its underlying, no side shows."""
    assert room([line(delta=None)])[3000, "buy"].reason is Reason.NO_GREEKS
    assert room([line()], Held(0, {"ETH": None}))[3000, "sell"].reason is Reason.NO_GREEKS
    assert room([line()], Held(0, {"BTC": None}))[3000, "sell"].size_nanos == SIZE


def test_net_gamma_and_vega_silence_what_would_push_them_further():
    """At the limit on either, bids are silent with its name and asks, which bring it down, show."""
    for greeks, limit in (((0, NANOS, 0), Reason.MAX_GAMMA), ((0, 0, 100 * NANOS), Reason.MAX_VEGA)):
        shared = room([line(gamma=NANOS // 100, vega=NANOS)], Held(0, {"ETH": greeks}))
        assert (shared[3000, "buy"].size_nanos, shared[3000, "buy"].reason) == (0, limit)
        assert shared[3000, "sell"].size_nanos == SIZE


def test_no_more_sides_show_than_orders_may_live():
    """The first sides get the orders that may live; one that makes a position smaller is shown beyond that."""
    lines = [line(strike=1000), line(strike=1001), line(strike=1002, position=SIZE)]
    shared = room(lines, limits=limited(max_open_orders=3))
    assert {key for key, found in shared.items() if found.size_nanos} == {
        (1000, "buy"),
        (1000, "sell"),
        (1001, "buy"),
        (1002, "sell"),
    }
    assert shared[1001, "sell"].reason is shared[1002, "buy"].reason is Reason.MAX_OPEN_ORDERS


def test_notional_tapers_what_shows():
    """No side is worth more than one order may be, and all of them not more than may be open."""
    shared = room([line()], limits=limited(max_open_notional_e18=70 * 10**18))
    assert shared[3000, "buy"].size_nanos == SIZE
    assert (shared[3000, "sell"].size_nanos, shared[3000, "sell"].reason) == (2 * LEAST, Reason.MAX_OPEN_NOTIONAL)
    shared = room([line()], limits=limited(max_order_notional_e18=20 * 10**18))
    assert {(each.size_nanos, each.reason) for each in shared.values()} == {(2 * LEAST, Reason.MAX_NOTIONAL)}


@pytest.mark.parametrize("lost", [Reason.MAX_DAILY_LOSS, Reason.MAX_DRAWDOWN])
def test_after_a_loss_only_what_reduces_shows(lost):
    """Beyond a limit on losses a side shows as much as is held the other way, and what rests beyond that is pulled."""
    shared = room([line(position=3 * LEAST), line(strike=1000, living=(SIZE, 0))], Held(lost=lost))
    assert (shared[3000, "sell"].size_nanos, shared[3000, "sell"].reason) == (3 * LEAST, lost)
    assert {shared[key].size_nanos for key in ((3000, "buy"), (1000, "buy"), (1000, "sell"))} == {0}
    assert shared[1000, "buy"].reason is lost
