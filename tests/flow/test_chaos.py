"""A short walk over the places at which `scripts/chaos` kills a trader."""

import pytest
from flow import chaos
from flow.victim import PLACES

PLAN = [
    ("after writing PositionsCompared", 1),
    ("after sending quote", 3),
    ("before hearing trade notice", 1),
    ("after writing OrderPlaced", 1),
    ("after sending order", 2),
    ("before writing Fill", 2),
    (None, 1),
]


def test_no_kill_loses_or_doubles_an_order_or_a_fill(tmp_path):
    """Killed between intent, send, answer and fill, each restart knows every order and fill of the venues, once."""
    assert {place for place, _ in PLAN if place} <= set(PLACES["rfq-responder"])
    found = chaos.run(tmp_path / "chaos", PLAN, print)
    assert [recovery.difference for recovery in found] == [""] * len(PLAN)
    assert found[-1].trades > 0


def test_no_kill_of_a_market_maker_loses_or_doubles_an_order(tmp_path):
    """Killed round quotes that are replaced and hit, on a rough day, each restart knows every order and fill, once."""
    plan = [
        ("before sending orders", 2),
        ("after sending orders", 3),
        ("before hearing trades notice", 1),
        ("after writing Fill", 2),
        ("before new limits", 1),
        ("before new file", 1),
        (None, 1),
    ]
    found = chaos.run(tmp_path / "chaos", plan, print, command="market-maker", fault="rough")
    assert [recovery.difference for recovery in found] == [""] * len(plan)
    assert found[-1].orders > 0
    assert found[-1].trades > 0


@pytest.mark.parametrize("kills", [1, 70, 300])
def test_a_plan_walks_the_places_and_then_comes_at_random(kills):
    """Half of the kills walk the places in turn, so that seventy pass each once, and three hundred four times."""
    places = [place for place, _ in chaos.plan_of(kills) if place]
    assert len(chaos.plan_of(kills)) == kills
    assert len(places) == kills // 2
    assert kills < 70 or set(places) == set(PLACES["rfq-responder"])
