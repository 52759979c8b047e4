"""How an inventory is shown."""

import csv
import io
import json

import pytest
from msgspec import structs

from atomizer.cli.inventory_view import render_csv, render_json, render_summary, render_table
from atomizer.domain.instruments import NANOS
from atomizer.portfolio.exposure import UNKNOWN, Greeks
from atomizer.portfolio.inventory import InventoryRow, inventory_summary

E18 = 10**18
ROW = InventoryRow(
    venue="derive",
    instrument="ETH-20300628-3000-C",
    underlying="ETH",
    amount_nanos=3 * NANOS,
    average_e18=100 * E18 + 1,
    mark_nanos=110 * NANOS,
    mark_venue="derive",
    mark_age_ns=1_500_000_000,
    greeks=Greeks(1.5, 0.003, 6.0, -9.0),
    venue_greeks=Greeks(1.5, 0.003, 6.0, -9.0),
    realized_e18=-1_234_567 * E18 - 5 * 10**15,
    unrealized_e18=30 * E18,
    fees_e18=1_234_567_890_123_456_789,
    funding_e18=0,
    cash_e18=-5,
    currency="USD",
    own_average_e18=100 * E18 + 1,
    own_cash_e18=-5,
)
BTC = structs.replace(
    ROW,
    instrument="BTC-PERP",
    underlying="BTC",
    amount_nanos=-250_000_000,
    greeks=Greeks(-0.25),
    venue_greeks=Greeks(-0.25),
)
UNMARKED = structs.replace(
    ROW, instrument="SOL-20300628-200-P", underlying="SOL", mark_nanos=None, mark_venue="", mark_age_ns=None,
    greeks=UNKNOWN, venue_greeks=UNKNOWN, unrealized_e18=None,
)  # fmt: skip
ROWS = [BTC, ROW, UNMARKED]


def cells(line):
    return line.split()


def test_the_table_has_a_line_for_each_position_and_totals():
    """Each position, each underlying and the whole have a line; money is rounded to the cent, half to even."""
    lines = render_table(ROWS, inventory_summary(ROWS)).splitlines()
    assert "average USD" in lines[0]
    assert "vega USD/pt" in lines[0]
    call = next(line for line in lines if line.startswith(ROW.instrument))
    assert cells(call) == [
        "ETH-20300628-3000-C", "derive", "3.00", "100.0000", "110.0000", "1.5000", "0.003000", "6.00", "-9.00",
        "-1,234,567.00", "30.00", "1.23", "-1,234,538.24", "1.5",
    ]  # fmt: skip
    assert [cells(line)[0] for line in lines if line][2:] == [
        "BTC-PERP", "ETH-20300628-3000-C", "SOL-20300628-200-P", "BTC", "ETH", "SOL", "total", "?",
    ]  # fmt: skip


def test_figures_stand_under_each_other():
    """Every figure of a column ends where its header ends."""
    lines = render_table([BTC, ROW], inventory_summary([BTC, ROW])).splitlines()
    for header in ("position", "mark USD", "theta USD/day", "net USD"):
        end = lines[0].index(header) + len(header)
        assert all(line[end - 1].isdigit() and line[end : end + 1] in ("", " ") for line in lines[2:4])


def test_what_is_unknown_is_named_and_never_a_number():
    """Without a mark a position shows question marks, and so do the totals that would need it, and its name is told."""
    text = render_table(ROWS, inventory_summary(ROWS))
    line = next(line for line in text.splitlines() if line.startswith(UNMARKED.instrument))
    assert cells(line)[4:9] == ["?"] * 5
    assert cells(line)[10::2] == ["?", "?"]
    assert text.splitlines()[-1] == f"? unknown: {UNMARKED.instrument}"


def test_greeks_that_differ_from_the_venue_are_told():
    """Where the venue's Greeks are others than ours by more than a little, both stand below the table."""
    rows = [BTC, structs.replace(ROW, venue_greeks=Greeks(1.6, 0.003, 6.0, -8.9))]
    text = render_table(rows, inventory_summary(rows))
    assert text.splitlines()[-1] == "ETH: delta 1.5 by us, 1.6 by the venue"
    document = json.loads(render_json(rows, inventory_summary(rows)))
    assert document["by_underlying"][1]["venue_delta"] == 1.6


def test_deltas_of_two_underlyings_are_not_added():
    """Over several underlyings the total has no delta and no gamma, but vega and theta in USD."""
    lines = render_summary(inventory_summary([BTC, ROW])).splitlines()
    total = next(line for line in lines if line.startswith("total"))
    assert cells(total) == ["total", "2", "-", "-", "6.00", "-9.00"]


@pytest.mark.parametrize("count", [0, 1, 5, 40])
def test_the_summary_fits_one_screen(count):
    """However much is held, the summary stays within 80 x 24, with two lines left for `watch`."""
    rows = [
        structs.replace(UNMARKED, underlying=f"COIN{n}", instrument=f"COIN{n}-20300628-200000-P") for n in range(count)
    ]
    lines = render_summary(inventory_summary(rows)).splitlines()
    assert len(lines) <= 22
    assert max(map(len, lines)) <= 80
    assert ("more underlyings" in "".join(lines)) == (count == 40)


def test_csv_is_exact():
    """CSV holds every digit, unknown figures empty."""
    first, second, third = csv.DictReader(io.StringIO(render_csv(ROWS)))
    assert (first["position"], first["delta"]) == ("-0.25", "-0.25")
    assert second["average_price_usd"] == "100.000000000000000001"
    assert (second["fees_usd"], second["cash_usd"]) == ("1.234567890123456789", "-0.000000000000000005")
    assert (third["mark_usd"], third["unrealized_usd"], third["delta"]) == ("", "", "")


def test_json_is_exact():
    """JSON holds money and amounts as exact text, Greeks as numbers and unknown figures as null."""
    document = json.loads(render_json(ROWS, inventory_summary(ROWS)))
    assert document["positions"][1]["realized_usd"] == "-1234567.005"
    assert document["positions"][1]["gamma_per_usd"] == 0.003
    assert document["positions"][2]["net_usd"] is None
    assert [total["label"] for total in document["by_underlying"]] == ["BTC", "ETH", "SOL"]
    assert document["total"]["fees_usd"] == "3.703703670370370367"
    assert document["total"]["unknown"] == [UNMARKED.instrument]


def test_an_empty_book_is_shown_as_such():
    """Without positions every format still renders."""
    summary = inventory_summary([])
    assert "total" in render_table([], summary)
    assert "total" in render_summary(summary)
    assert render_csv([]).count("\n") == 1
    assert json.loads(render_json([], summary))["positions"] == []
