"""Prices from one venue, hedges at another, over real sockets."""

import re
from decimal import Decimal

import pytest
from running import desk, finish, held


@pytest.mark.parametrize("venue", ["deribit", "ccxt:deribit"])
def test_wins_are_hedged_in_the_perpetual_of_another_venue(tmp_path, venue):
    """Options are priced at Derive; their delta is hedged at the other venue, and no order is left there."""
    with desk(tmp_path) as running:
        running_trader = running.trader("--hedge-exchange", venue, "--enable-cross-hedge", "--for", "12s")
        code, out, err = finish(running_trader, within_s=180)
        assert code == 0, out + err
        assert "none of ours left at the venue, verified" in out
        rows = running.inventory()["positions"]
    won, hedges = held(rows, "rysk"), held(rows, venue)
    assert won
    assert hedges
    assert all(re.fullmatch(r"[A-Z]+_USDC-PERP", name) for name in hedges)
    for name, row in hedges.items():
        coin = name.partition("_")[0]
        options = sum(Decimal(str(each["delta"])) for key, each in won.items() if key.startswith(f"{coin}-"))
        assert abs(options + Decimal(row["position"])) < Decimal("0.2")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--hedge-exchange", "deribit"), "add --enable-cross-hedge"),
        (("--enable-cross-hedge",), "say where to hedge"),
        (("--hedge-exchange", "deribit", "--enable-cross-hedge", "--hedge-mode", "option"), "perpetual"),
    ],
)
def test_flags_that_contradict_each_other_are_refused(tmp_path, flags, said):
    """Another hedge venue must be allowed, named, and hedged by delta; else exit code 4 with what to add."""
    with desk(tmp_path) as running:
        code, _, err = finish(running.trader(*flags, "--for", "1s"))
    assert code == 4
    assert said in err
