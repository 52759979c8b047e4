"""Funding through real sockets: what venues pay for the perpetuals that hedge us, booked once, also of while away."""

from decimal import Decimal

import pytest
from flow.running import desk, finish, held, wait_for


def told(venues, venue):
    """What the venue's own ledger says it paid us, by instrument of ours."""
    if venue == "derive":
        rows = venues.derive_ledger()["positions"]
        return {row["instrument_name"]: Decimal(row["cumulative_funding"]) for row in rows}
    rows = venues.deribit_ledger()["positions"]
    paid = {row["instrument_name"]: row.get("realized_funding", 0) for row in rows}
    return {name.replace("PERPETUAL", "PERP"): Decimal(repr(amount)) for name, amount in paid.items()}


def booked(venues, venue):
    rows = [row for row in venues.pnl("venue,instrument")["rows"] if row["venue"] == venue]
    return {row["instrument"]: Decimal(row["funding_usd"]) for row in rows if Decimal(row["funding_usd"])}


@pytest.mark.parametrize(
    ("venue", "flags"),
    [
        ("derive", ("--enable-hedging", "--hedge-mode", "perpetual")),
        ("deribit", ("--hedge-exchange", "deribit", "--enable-cross-hedge")),
    ],
)
def test_funding_is_booked_once_also_when_it_was_paid_while_we_were_away(tmp_path, venue, flags):
    """After two payments, one while no trader ran, `reports pnl` says what the venue's ledger says, and goes on to."""
    with desk(tmp_path) as venues:
        running = venues.trader(*flags)
        wait_for(lambda: any(name.endswith("-PERP") for name in told(venues, venue)))
        running.terminate()
        code, _, err = finish(running)
        assert code == 0, err
        venues.freeze(settle=False)  # so that no hedge realizes more of it between two readings
        wait_for(lambda: (venues.pay_funding(venue), any(told(venues, venue).values()))[1])
        for _ in range(2):
            running = venues.trader(*flags)
            wait_for(lambda: booked(venues, venue) == {k: v for k, v in told(venues, venue).items() if v})
            running.terminate()
            assert finish(running)[0] == 0
        assert booked(venues, venue)
        inventory = held(venues.inventory()["positions"], venue)
        funding = {name: Decimal(row["funding_usd"]) for name, row in inventory.items() if Decimal(row["funding_usd"])}
        assert funding.items() <= booked(venues, venue).items()
