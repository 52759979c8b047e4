"""The room that quotes are cut to, held against the gate that every other order must pass."""

from hypothesis import given
from hypothesis import strategies as st

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
from atomizer.strategies.market_maker_room import Held, Line, share_room
from tests.risk.books_at_risk import NOW_NS, OLDEST_NS, PERP, instrument, mark, proposal

LOT = NANOS // 100
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


@st.composite
def books(draw):
    """(marks by name, lines, what is held of the perpetual): positions and orders also beyond the limits."""
    marks, lines = {}, []
    for at in range(draw(st.integers(1, 4))):
        name = f"ETH-20250627-{2000 + at}-C"
        marks[name] = mark(name, **draw(greeks))
        lines.append(
            Line(
                name=name,
                instrument=instrument(name),
                position_nanos=draw(st.sampled_from((0, 0, 1))) * draw(positions),
                units=units_of(marks[name]),
                price_nanos={side: draw(st.integers(1, 2000)) * NANOS // 10 for side in Side},
                living_nanos={side: draw(st.sampled_from((0, 1))) * draw(lots) for side in Side},
                wanted_nanos={side: draw(lots) for side in Side},
            )
        )
    return marks, lines, draw(positions)


def grown(lines, shared):
    """(name, side, size, price) of each side that shows more than lives there, in the order of the lines."""
    for line in lines:
        name = line.instrument.name
        for side in (Side.BUY, Side.SELL):
            if (size := shared[name, side].size_nanos) > line.living_nanos[side]:
                yield name, side, size, line.price_nanos[side]


@given(books(), st.sampled_from((0, 0, 20)))
def test_the_gate_of_all_other_orders_would_let_through_what_there_is_room_for(book, lost_usd):
    """Sent one after the other beside all that lives, no rule refuses any of them, whatever is held already."""
    marks, lines, hedge_nanos = book
    losses = Losses()
    losses.update(-lost_usd * 10**18, NOW_NS)
    lost = rules.lost_beyond(LIMITS, losses, NOW_NS)
    assert (lost is Reason.OK) == (lost_usd == 0)
    shared = share_room(lines, Held(0, {"ETH": (hedge_nanos, 0, 0)}, lost), ROOM)
    running = RunningExposure()
    for each in marks.values():
        running.on_mark(each)
    running.hold(PERP, hedge_nanos)
    for line in lines:
        name = line.instrument.name
        running.hold(name, line.position_nanos)
        for side, living_nanos in line.living_nanos.items():
            running.put_order("derive", f"{name}{side}", InFlight(name, side, living_nanos, line.price_nanos[side]))
    for name, side, size, price in grown(lines, shared):
        order, key = proposal(side, size, price, name), ("derive", f"{name}{side}")
        exposure = running.measure(name, OLDEST_NS, key)
        assert rules.check_size(LIMITS, order, order) is None
        assert rules.check_exposure(LIMITS, order, order, exposure) is None
        assert rules.check_open(LIMITS, order, order, exposure) is None
        assert rules.check_losses(LIMITS, order, order, exposure, losses, now_ns=NOW_NS) is None
        running.put_order(*key, InFlight(name, side, size, price))
