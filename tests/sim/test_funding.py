"""Funding at the practice venues: who pays, how much by an independent sum, and what their records say of it."""

from decimal import Decimal

import pytest
from deribit_trader import Desk as DeribitDesk
from derive_trader import PERP, SECOND, Desk

from atomizer.sim.derive import V2, V3

HOUR = 3600 * SECOND


@pytest.mark.parametrize("dialect", [V2, V3], ids=["v2", "v3"])
def test_derive_pays_by_the_hour_what_the_rate_makes_of_a_position(dialect):
    """Long and short net to nothing, the sum is rate x index x amount x hours, the history has each payment once."""
    desk = Desk()
    trader, other = desk.trader(dialect), desk.other(dialect)
    other.order("sell", 2, desk.at(0))
    trader.order("buy", 2, desk.at(0), time_in_force="ioc")
    start_ns = desk.now_ns
    details = trader.ok("public/get_instrument", instrument_name=PERP)["perp_details"]
    before = {
        each: Decimal(each.own("private/get_collaterals")["collaterals"][0]["amount"]) for each in (trader, other)
    }
    for _ in range(3):
        desk.wait(HOUR)
    paid = {each: Decimal(each.own("private/get_collaterals")["collaterals"][0]["amount"]) for each in (trader, other)}
    events = trader.own("private/get_funding_history")["events"]
    assert paid[trader] - before[trader] == sum(Decimal(event["funding"]) for event in events)
    assert paid[trader] + paid[other] == before[trader] + before[other]
    assert [event["timestamp"] for event in events] == sorted((e["timestamp"] for e in events), reverse=True)
    hours = Decimal(desk.now_ns - start_ns) / HOUR
    expected = -Decimal(details["funding_rate"]) * desk.index() * 2 * hours
    assert sum(Decimal(event["funding"]) for event in events) == pytest.approx(expected, rel=Decimal("1e-9"))
    position = trader.position()
    assert Decimal(position["cumulative_funding"]) == sum(Decimal(event["funding"]) for event in events)
    period = {"start_timestamp": events[1]["timestamp"], "end_timestamp": events[1]["timestamp"]}
    assert trader.own("private/get_funding_history", **period)["events"] == [events[1]]
    first = trader.own("private/get_funding_history", page=1, page_size=2)
    assert (first["events"], first["pagination"]) == (events[:2], {"count": 3, "num_pages": 2})


def test_derive_owes_what_came_before_a_trade_changed_the_position():
    """What is pending when the position is closed is paid all the same, and nothing accrues after."""
    desk = Desk()
    trader, other = desk.trader(), desk.other()
    for side, theirs in (("buy", "sell"), ("sell", "buy")):
        other.order(theirs, 1, desk.at(0))
        trader.order(side, 1, desk.at(0), time_in_force="ioc")
        desk.wait(600 * SECOND)
    desk.wait(HOUR)
    events = trader.own("private/get_funding_history")["events"]
    details = trader.ok("public/get_instrument", instrument_name=PERP)["perp_details"]
    expected = -Decimal(details["funding_rate"]) * desk.index() / 6
    assert Decimal(events[0]["funding"]) == pytest.approx(expected, rel=Decimal("0.01"))
    desk.wait(HOUR)
    assert trader.own("private/get_funding_history")["events"] == events


@pytest.mark.parametrize("name", ["ETH-PERPETUAL", "ETH_USDC-PERPETUAL"])
def test_deribit_realizes_funding_with_trades_and_settlements(name):
    """The transaction log's changes make the balance, its funding the position's, and its search and pages find all."""
    desk = DeribitDesk()
    trader = desk.trader()
    while not trader.ok("public/ticker", instrument_name=name)["current_funding"]:  # until the mark is off the index
        desk.play(1)
    amount, currency = (1000, "ETH") if name == "ETH-PERPETUAL" else (1, "USDC")
    start = trader.summary(currency)["balance"]
    for side in ("buy", "buy", "sell"):
        order = trader.ok(f"private/{side}", instrument_name=name, amount=amount, type="market")["order"]
        assert order["filled_amount"] == amount
        desk.wait(1800 * SECOND)
        trader.login()
    desk.wait(24 * HOUR)
    trader.login()
    period = {"currency": currency, "start_timestamp": 0, "end_timestamp": desk.now_ns // 10**6}
    rows = trader.ok("private/get_transaction_log", **period)["logs"]
    assert [row["type"] for row in rows[:2]] == ["settlement", "trade"]
    assert list(dict.fromkeys(row["side"] for row in rows)) == ["long", "close sell", "open buy"]
    funding = sum(row["interest_pl"] for row in rows)
    assert funding
    assert rows[-1]["interest_pl"] == 0
    assert trader.position(name)["realized_funding"] == pytest.approx(funding, abs=1e-12)
    assert trader.summary(currency)["balance"] - start == pytest.approx(sum(row["change"] for row in rows), abs=1e-9)
    assert rows[0]["change"] == rows[0]["interest_pl"]
    found, more = [], {}
    while True:
        page = trader.ok("private/get_transaction_log", **period, count=1, **more)
        found += page["logs"]
        if page["continuation"] is None:
            break
        more = {"continuation": page["continuation"]}
        desk.wait(SECOND)
    assert found == rows
    assert trader.ok("private/get_transaction_log", **period, query="settlement")["logs"] == rows[:1]
    assert trader.code("private/get_transaction_log", currency=currency, start_timestamp=0) == -32602


def test_deribit_limits_how_often_the_log_is_asked_for():
    """Eight at once, then one a second, as the venue says."""
    desk = DeribitDesk()
    trader = desk.trader()
    period = {"currency": "ETH", "start_timestamp": 0, "end_timestamp": 1}
    for _ in range(8):
        trader.ok("private/get_transaction_log", **period)
    assert trader.code("private/get_transaction_log", **period) == 10028
