"""The room that quotes are cut to, held against the gate that every other order must pass."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from atomizer._core.room import Line, share_room
from atomizer.app.market_making_parts import build_room_limits
from atomizer.app.parts import build_limits
from atomizer.config.settings import MarketMaker, Risk, Settings
from atomizer.config.units import Positive
from atomizer.domain.instruments import NANOS
from atomizer.domain.reasons import Reason
from atomizer.domain.trading import Side
from atomizer.risk import rules
from atomizer.risk.exposure import InFlight, RunningExposure
from atomizer.risk.greeks import units_of
from atomizer.risk.losses import Losses
from tests.risk.books_at_risk import NOW_NS, OLDEST_NS, PERP, instrument, mark, proposal

LOT = NANOS // 100
SIDES = (Side.BUY, Side.SELL)
SETTINGS = Settings(
    market_maker=MarketMaker(max_position=Positive(2), max_exposure=Positive(6)),
    risk=Risk(
        max_position=Positive(2),
        max_exposure=Positive(6),
        max_delta=Positive(1),
        max_gamma=Positive("0.004"),
        max_vega=Positive(4),
        max_order_notional=Positive(120),
        max_open_orders=5,
        max_open_notional=Positive(300),
        max_daily_loss=Positive(10),
        max_drawdown=Positive(10),
    ),
)
LIMITS, ROOM = build_limits(SETTINGS.risk), build_room_limits(SETTINGS)
lots = st.integers(0, 120).map(lambda count: count * LOT)
positions = st.integers(-250, 250).map(lambda count: count * LOT)
greeks = st.fixed_dictionaries(
    {"delta": st.floats(-1, 1), "gamma": st.floats(0, 0.003), "vega": st.floats(0, 3), "theta": st.just(-1.0)}
)


class Orders(msgspec.Struct):
    """Of one instrument: what is held, and of bid and ask the price, how much lives and how much is wanted."""

    name: str
    position_nanos: int
    price_nanos: tuple[int, int]
    living_nanos: tuple[int, int]
    wanted_nanos: tuple[int, int]


@st.composite
def books(draw):
    """(marks by name, orders, what is held of the perpetual): positions and orders also beyond the limits."""
    marks, orders = {}, []
    prices = st.integers(1, 2000).map(lambda tenths: tenths * NANOS // 10)
    for at in range(draw(st.integers(1, 4))):
        name = f"ETH-20250627-{2000 + at}-C"
        marks[name] = mark(name, **draw(greeks))
        orders.append(
            Orders(
                name=name,
                position_nanos=draw(st.sampled_from((0, 0, 1))) * draw(positions),
                price_nanos=draw(st.tuples(prices, prices)),
                living_nanos=draw(st.tuples(*[st.one_of(st.just(0), lots)] * 2)),
                wanted_nanos=draw(st.tuples(lots, lots)),
            )
        )
    return marks, orders, draw(positions)


def share(marks, orders, hedge_nanos, lost):
    """Sizes of bid and ask by line."""
    lines = []
    for each in orders:
        listed = instrument(each.name)
        lines.append(
            Line(
                underlying="ETH",
                greeks_nanos=units_of(marks[each.name]),
                position_nanos=each.position_nanos,
                lot_nanos=listed.lot_nanos,
                min_amount_nanos=listed.min_amount_nanos,
                max_amount_nanos=listed.max_amount_nanos,
                price_nanos=each.price_nanos,
                living_nanos=each.living_nanos,
                wanted_nanos=each.wanted_nanos,
            )
        )
    shared = share_room(lines, ROOM, greeks_nanos={"ETH": (hedge_nanos, 0, 0)}, lost=lost.name)
    return [(bid, ask) for (bid, _), (ask, _) in shared]


@given(books(), st.sampled_from((0, 0, 20)))
def test_the_gate_of_all_other_orders_would_let_through_what_there_is_room_for(book, lost_usd):
    """Sent one after the other beside all that lives, no rule refuses any of them, whatever is held already."""
    marks, orders, hedge_nanos = book
    losses = Losses()
    losses.update(-lost_usd * 10**18, NOW_NS)
    lost = rules.lost_beyond(LIMITS, losses, NOW_NS)
    assert (lost is Reason.OK) == (lost_usd == 0)
    running = RunningExposure()
    for each in marks.values():
        running.on_mark(each)
    running.hold(PERP, hedge_nanos)
    for each in orders:
        running.hold(each.name, each.position_nanos)
        for side, price, living in zip(SIDES, each.price_nanos, each.living_nanos, strict=True):
            running.put_order("derive", f"{each.name}{side}", InFlight(each.name, side, living, price))
    for each, sizes in zip(orders, share(marks, orders, hedge_nanos, lost), strict=True):
        for side, price, living, size in zip(SIDES, each.price_nanos, each.living_nanos, sizes, strict=True):
            if size <= living:
                continue
            order, key = proposal(side, size, price, each.name), ("derive", f"{each.name}{side}")
            exposure = running.measure(each.name, OLDEST_NS, key)
            assert rules.check_size(LIMITS, order, order) is None
            assert rules.check_exposure(LIMITS, order, order, exposure) is None
            assert rules.check_open(LIMITS, order, order, exposure) is None
            assert rules.check_losses(LIMITS, order, order, exposure, losses, now_ns=NOW_NS) is None
            running.put_order(*key, InFlight(each.name, side, size, price))
