"""Where the P&L came from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from reference.reference_black76 import greeks
from reference.trading_days import CALL, E18, NAMES, PERP, START_NS, days, fill, mark

from atomizer.domain.instruments import NANOS, parse_name
from atomizer.domain.trading import Fill, Settled, Side
from atomizer.portfolio.attribution import DAY_NS, YEAR_NS, Attribution, Causes
from atomizer.portfolio.portfolio import Portfolio

EXPIRY_NS = parse_name(CALL).expiry_s * NANOS


def attribute(*records):
    attribution = Attribution()
    for record in records:
        attribution.apply(record)
    return attribution


def total(attribution):
    causes = Causes()
    for each in attribution.days.values():
        causes.add(each)
    return causes


@given(days())
def test_causes_add_up_to_the_profit_of_the_books(records):
    """Over any days of trading the causes of all lines add up to the books' P&L, digit for digit."""
    last_ns = max((record.now_ns for record in records), default=START_NS) + 1
    portfolio, attribution = Portfolio(), Attribution()
    for record in [*records, *(mark(name, 10**11, now_ns=last_ns) for name in NAMES)]:
        if portfolio.apply(record):
            attribution.apply(record)
    assert total(attribution).total_e18 == portfolio.net_e18
    assert total(attribution).trades == sum(isinstance(record, Fill) for record in records)


@given(days(), st.integers(0, 40))
def test_what_a_day_earned_does_not_change_later(records, cut):
    """Records of later days change no line of a day before the last."""
    today = max((record.now_ns for record in records[:cut]), default=START_NS) // DAY_NS
    before = {key: replace(causes) for key, causes in attribute(*records[:cut]).days.items() if key.day < today}
    later = [record for record in records[cut:] if not isinstance(record, Settled)]  # it belongs to the expiry's day
    after = attribute(*records[:cut], *later).days
    assert {key: after[key] for key in before} == before


def priced(forward, iv, left_ns, now_ns):
    """A mark whose price is Black-76 to the nano."""
    contract = parse_name(CALL)
    value = float(greeks(True, forward, contract.strike_nanos / NANOS, left_ns / YEAR_NS, iv).price)
    return replace(
        mark(CALL, round(value * NANOS), forward=round(forward * NANOS), iv=iv), now_ns=now_ns, venue_time_ns=now_ns
    )


@pytest.mark.parametrize(
    ("forward", "iv", "days_later", "cause", "others"),
    [
        (2501.0, 0.6, 0.0, "delta_e18", 1e-2),
        (2560.0, 0.6, 0.0, "gamma_e18", None),
        (2500.0, 0.61, 0.0, "vega_e18", 1e-2),
        (2500.0, 0.6, 1.0, "theta_e18", 1e-2),
    ],
)
def test_each_cause_takes_what_it_caused(forward, iv, days_later, cause, others):
    """When one thing moves, its cause takes it, and what is left over is of higher order."""
    began_ns = EXPIRY_NS - 60 * DAY_NS
    now_ns = began_ns + round(days_later * DAY_NS)
    before = priced(2500.0, 0.6, 60 * DAY_NS, began_ns)
    after = priced(forward, iv, EXPIRY_NS - now_ns, max(now_ns, began_ns + 1))
    bought = fill(CALL, Side.BUY, before.mark_nanos, 10 * NANOS, now_ns=began_ns)
    causes = total(attribute(before, bought, after))
    moved = (after.mark_nanos - before.mark_nanos) * 10 * NANOS
    assert causes.total_e18 == moved
    assert causes.edge_e18 == causes.fees_e18 == 0
    if others is None:  # a large move: delta and gamma together explain it
        assert abs(causes.delta_e18 + causes.gamma_e18 - moved) < abs(moved) * 0.02
        assert causes.gamma_e18 > abs(moved) * 0.05
    else:
        assert abs(getattr(causes, cause) - moved) < abs(moved) * others


def test_edge_is_what_a_fill_was_worth_less_what_it_cost():
    """Bought below the mark is an edge, and so is sold above it; the fee is its own cause."""
    causes = total(
        attribute(
            mark(CALL, 100 * NANOS),
            fill(CALL, Side.BUY, 98 * NANOS, 2 * NANOS, fee=E18),
            fill(CALL, Side.SELL, 103 * NANOS, NANOS, venue="rysk", client_id="1750000000123", trade_id="u"),
        )
    )
    assert (causes.edge_e18, causes.fees_e18, causes.total_e18) == (7 * E18, -E18, 6 * E18)


def test_a_fill_waits_for_a_mark_of_its_time():
    """A fill whose contract has no mark, or one of long ago, is valued at the next; nothing of it moved before."""
    old, late = mark(CALL, 50 * NANOS), START_NS + 3600 * NANOS
    attribution = attribute(old, fill(CALL, Side.BUY, 98 * NANOS, NANOS, now_ns=late))
    assert total(attribution).total_e18 == 0
    attribution.apply(mark(CALL, 100 * NANOS, now_ns=late + NANOS))
    assert total(attribution) == Causes(edge_e18=2 * E18, trades=1)


def test_a_future_earns_by_its_delta_alone():
    """What a future's price moves by is delta, whole."""
    causes = total(
        attribute(
            mark(PERP, 2500 * NANOS),
            fill(PERP, Side.SELL, 2500 * NANOS, NANOS),
            mark(PERP, 2600 * NANOS, now_ns=START_NS + 1),
        )
    )
    assert causes == Causes(delta_e18=-100 * E18, trades=1)


def test_an_expiry_belongs_to_its_day_and_splits_its_last_move():
    """The way from the last mark to the delivery price is split like any other, on the day of the expiry."""
    began_ns = EXPIRY_NS - 2 * DAY_NS
    before = priced(3000.0, 0.6, 2 * DAY_NS, began_ns)
    bought = fill(CALL, Side.BUY, before.mark_nanos, NANOS, now_ns=began_ns)
    settled = Settled(now_ns=EXPIRY_NS + 3600 * NANOS, venue="derive", instrument=CALL, price_nanos=3000 * NANOS)
    attribution = attribute(before, bought, settled)
    (key,) = [key for key in attribution.days if key.day == EXPIRY_NS // DAY_NS]
    causes = attribution.days[key]
    assert causes.total_e18 == -before.mark_nanos * NANOS
    assert (causes.delta_e18, causes.vega_e18) == (0, 0)
    assert causes.theta_e18 < 0


def test_lines_are_told_apart_by_strategy():
    """The strategy of a line is its orders', `rfq` for a quote's fill, and `foreign` for what nobody of ours traded."""
    attribution = attribute(
        *(
            fill(CALL, Side.BUY, NANOS, NANOS, client_id=client_id, trade_id=client_id)
            for client_id in ("mm.r1.7", "1750000000123", "by hand", "")
        )
    )
    assert sorted(key.strategy for key in attribution.days) == ["foreign", "mm", "rfq"]


def test_marks_of_what_is_not_held_leave_no_lines():
    """A mark of a contract that is flat is no news of the day."""
    attribution = attribute(
        mark(CALL, 100 * NANOS),
        fill(CALL, Side.BUY, 98 * NANOS, NANOS),
        fill(CALL, Side.SELL, 99 * NANOS, NANOS, trade_id="u"),
        *(mark(CALL, 10**11 + day, now_ns=START_NS + day * DAY_NS) for day in range(1, 5)),
    )
    assert [key.day for key in attribution.days] == [START_NS // DAY_NS]
    assert total(attribution).total_e18 == E18
