"""The comparison of our books with the venue's own ledger."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atomizer.app.tie import tie
from atomizer.domain.session import LedgerPosition
from atomizer.domain.trading import Fill, Side
from atomizer.portfolio.positions import Position

NANOS = 10**9


def position(*fills, at=None):
    """A position after fills of (side, price nanos, amount nanos), traded in that order or `at` these times."""
    held = Position("derive", "ETH-PERP")
    for number, (side, price, amount) in enumerate(fills):
        held.book(
            Fill(
                now_ns=0,
                venue="derive",
                trade_id=str(number),
                client_id="hedge.run.1",
                instrument="ETH-PERP",
                side=side,
                price_nanos=price,
                amount_nanos=amount,
                fee_e18=12345,
                is_maker=False,
                venue_time_ns=number if at is None else at[number],
            )
        )
    return held


def ledger_of(held, mark_nanos):
    """What a venue that books as we do would say of this position."""
    return LedgerPosition(
        instrument=held.instrument,
        amount_e18=held.amount_nanos * NANOS,
        average_price_e18=held.average_e18 or 0,
        mark_price_e18=mark_nanos * NANOS,
        realized_pnl_e18=held.realized_e18,
        unrealized_pnl_e18=held.unrealized_e18(mark_nanos),
        total_fees_e18=held.fees_e18,
    )


FILLS = st.lists(
    st.tuples(st.sampled_from(Side), st.integers(1, 10**14), st.integers(1, 10**12)), min_size=1, max_size=6
)


@given(FILLS, st.integers(1, 10**14))
def test_books_that_agree_tie(fills, mark_nanos):
    """Equal figures tie, whatever was traded; flat positions are not compared."""
    held = position(*fills)
    theirs = [ledger_of(held, mark_nanos)] if held.amount_nanos else []
    found = tie([held], theirs)
    assert found.holds
    assert found.positions == len(theirs)


@pytest.mark.parametrize(
    ("field", "figure"),
    [
        ("amount_e18", "position"),
        ("average_price_e18", "average price"),
        ("realized_pnl_e18", "realized"),
        ("unrealized_pnl_e18", "unrealized"),
        ("total_fees_e18", "fees"),
    ],
)
def test_one_digit_off_is_a_named_difference(field, figure):
    """The smallest difference in any figure is told with both values."""
    held = position((Side.BUY, 3000 * NANOS, NANOS))
    theirs = ledger_of(held, 3001 * NANOS)
    found = tie([held], [msgspec.structs.replace(theirs, **{field: getattr(theirs, field) + 1})])
    profit = [("ETH-PERP", "profit")] if field in {"realized_pnl_e18", "unrealized_pnl_e18"} else []
    assert [(each.instrument, each.figure) for each in found.differences] == [*profit, ("ETH-PERP", figure)]
    assert found.differences[0].ours != found.differences[0].venue


@given(FILLS, st.integers(1, 10**14), st.randoms())
def test_trades_booked_in_any_order_tie(fills, mark_nanos, random):
    """Whatever the order of booking, books tie with those of who booked as it came; what was late is told."""
    order = list(range(len(fills)))
    random.shuffle(order)
    ours = position(*(fills[number] for number in order), at=order)
    theirs = position(*fills)
    found = tie([ours], [ledger_of(theirs, mark_nanos)] if theirs.amount_nanos else [])
    assert found.holds, found
    assert not found.as_a_whole or order != sorted(order)


def test_a_loss_of_money_shows_whatever_the_order():
    """A position whose trades were booked late still differs when the money does."""
    late = position((Side.BUY, 3000 * NANOS, NANOS), (Side.SELL, 3100 * NANOS, NANOS // 2), at=[2, 1])
    theirs = ledger_of(late, 3001 * NANOS)
    found = tie([late], [msgspec.structs.replace(theirs, realized_pnl_e18=theirs.realized_pnl_e18 - 1)])
    assert [each.figure for each in found.differences] == ["profit"]


def test_a_position_that_only_one_side_has_is_a_difference():
    """What we hold and the venue does not know, or the other way round, is told."""
    held = position((Side.SELL, 3000 * NANOS, NANOS))
    assert [each.ours for each in tie([held], []).differences] == ["-1"]
    assert [each.venue for each in tie([], [ledger_of(held, NANOS)]).differences] == ["-1"]
