"""An order's life on practice Deribit, and every refusal on the way."""

import pytest
from deribit_trader import PERP, POOR_ACCOUNT, READER_ACCOUNT, Desk


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def trader(desk):
    return desk.trader()


@pytest.fixture
def maker(desk):
    """The counterparty, with two levels on each side of the perpetual: 2930/2920 bid, 2940/2950 offered."""
    maker = desk.other()
    for side, price in (("buy", 2930), ("buy", 2920), ("sell", 2940), ("sell", 2950)):
        maker.order(side, 5000, price)
    return maker


def test_resting_order_is_open_until_cancelled(trader):
    """A limit order away from the market rests; cancelled, it is gone, its state says so and so does its history."""
    order = trader.order("buy", 1000, 2900, label="mine")["order"]
    assert (order["order_state"], order["filled_amount"], order["label"]) == ("open", 0, "mine")
    assert trader.open_orders() == [order]
    gone = trader.ok("private/cancel", order_id=order["order_id"])
    assert (gone["order_state"], gone["cancel_reason"]) == ("cancelled", "user_request")
    assert trader.open_orders() == []
    assert trader.ok("private/get_order_state", order_id=order["order_id"]) == gone
    history = {"instrument_name": PERP, "include_unfilled": True}
    assert trader.ok("private/get_order_history_by_instrument", **history) == [gone]
    assert trader.code("private/cancel", order_id=order["order_id"]) == 11044
    assert trader.code("private/cancel", order_id="ETH-1") == 10004


def test_orders_of_others_are_not_to_be_touched(desk, trader):
    """Another account's order id opens nothing."""
    order = trader.order("buy", 1000, 2900)["order"]
    assert desk.other().code("private/cancel", order_id=order["order_id"]) == 10029


@pytest.mark.usefixtures("maker")
def test_marketable_order_trades_at_the_resting_prices(trader):
    """A crossing order trades best price first, oldest first, and all its channels and reports agree."""
    trader.subscribe("user.orders.ETH-PERPETUAL.raw", "user.trades.any.any.raw", "user.changes.future.ETH.raw")
    trader.subscribe("trades.ETH-PERPETUAL.raw")
    answer = trader.order("buy", 7000, 2945)
    order, trades = answer["order"], answer["trades"]
    assert [(row["price"], row["amount"]) for row in trades] == [(2940, 5000)]
    assert (order["order_state"], order["filled_amount"]) == ("open", 5000)
    assert trades[0]["fee"] == pytest.approx(0.00035 * 5000 / 2940, abs=1e-9)
    assert trader.heard("user.orders.ETH-PERPETUAL.raw") == [order]
    assert trader.heard("user.trades.any.any.raw") == [trades]
    (changes,) = trader.heard("user.changes.future.ETH.raw")
    assert (changes["orders"], changes["trades"]) == ([order], trades)
    assert changes["positions"][0]["size"] == 5000
    ((public,),) = trader.heard("trades.ETH-PERPETUAL.raw")
    assert (public["trade_id"], public["direction"]) == (trades[0]["trade_id"], "buy")
    found = trader.ok("private/get_user_trades_by_instrument", instrument_name=PERP)
    assert found == {"trades": trades, "has_more": False}
    assert trader.ok("private/get_user_trades_by_order", order_id=order["order_id"]) == trades
    assert trader.ok("public/get_last_trades_by_instrument", instrument_name=PERP)["trades"] == [public]


def test_first_in_first_out(trader, maker):
    """At one price the older order is served first."""
    maker.ok("private/cancel_all")
    first, second = (trader.order("sell", 1000, 2940, label=label)["order"] for label in ("a", "b"))
    maker.order("buy", 1500, 2940)
    left = {row["order_id"]: row["filled_amount"] for row in trader.open_orders()}
    assert first["order_id"] not in left
    assert left[second["order_id"]] == 500


@pytest.mark.parametrize(
    ("amount", "price", "extra", "code"),
    [
        (1000, 2900.01, {}, -32602),
        (1000.5, 2900, {}, -32602),
        (0, 2900, {}, -32602),
        (-1000, 2900, {}, -32602),
        (1000, -2900, {}, -32602),
        (1000, 0, {}, -32602),
        ("1000", 2900, {}, -32602),
        (1000, True, {}, -32602),
        (1000, 1e300, {}, -32602),
        (1000, 2900.0000000001, {}, -32602),
        (1000, 4000, {}, 10007),
        (1000, 2900, {"time_in_force": "tomorrow"}, -32602),
        (1000, 2900, {"label": "x" * 65}, -32602),
        (1000, 2900, {"reduce_only": True}, 11030),
        (1000, 2900, {"reject_post_only": True}, -32602),
        (1000, 2900, {"post_only": True, "time_in_force": "immediate_or_cancel"}, 11055),
        (1000, 2900, {"trigger": "index_price", "trigger_price": 1}, 10033),
        (1000, 2900, {"type": "stop_limit"}, 10033),
        (1000, 2900, {"valid_until": 1}, 13888),
        (1000, 2900, {"contracts": 999}, -32602),
        (100_000_000, 2900, {}, 10009),
    ],
)
def test_refusals(trader, amount, price, extra, code):
    """What cannot be meant is refused with the venue's code, and nothing rests."""
    assert trader.order_code("buy", amount, price, **extra) == code
    assert trader.open_orders() == []


def test_refusal_names_the_parameter_and_the_reason(trader):
    """An off-tick price is an invalid parameter, and says which and why; a price beyond the limits says the limit."""
    error = trader.refused("private/buy", instrument_name=PERP, amount=1000, price=2900.01)
    assert error["data"] == {"param": "price", "reason": "must conform to tick size"}
    limit = trader.ok("public/ticker", instrument_name=PERP)["max_price"]
    error = trader.refused("private/buy", instrument_name=PERP, amount=1000, price=5000)
    assert error["message"] == f"price_too_high {limit:.10g}"
    error = trader.refused("private/buy", instrument_name="ETH-1JAN99-1-C", amount=1, price=1)
    assert error["data"]["reason"] == "instrument not found"
    assert trader.refused("private/buy", amount=1, price=1)["data"]["param"] == "instrument_name"


def test_tick_steps_of_an_option(desk, trader):
    """Below 0.005 an option is priced in steps of 0.0001, above in steps of 0.0005; 0.005 lies on both."""
    name = desk.option()
    for price, is_taken in ((0.0001, True), (0.0049, True), (0.005, True), (0.0055, True), (0.0051, False)):
        answer = trader.send("private/buy", {"instrument_name": name, "amount": 1, "price": price})
        assert ("result" in answer) == is_taken, price


@pytest.mark.usefixtures("maker")
def test_post_only(trader):
    """Post-only alone moves to just inside the spread; with reject_post_only it is refused; it never trades."""
    moved = trader.order("buy", 1000, 2945, post_only=True)
    assert (moved["order"]["price"], moved["trades"]) == (2939.95, [])
    assert trader.order_code("buy", 1000, 2945, post_only=True, reject_post_only=True) == 11054


@pytest.mark.usefixtures("maker")
def test_immediate_orders(trader):
    """IOC cancels what it does not find, FOK finds all or is refused, a market order stays within the limits."""
    ioc = trader.order("buy", 7000, 2940, time_in_force="immediate_or_cancel")["order"]
    assert (ioc["order_state"], ioc["filled_amount"]) == ("cancelled", 5000)
    assert trader.order_code("buy", 7000, 2950, time_in_force="fill_or_kill") == 11030
    market = trader.ok("private/buy", instrument_name=PERP, amount=5000, type="market")["order"]
    assert (market["order_state"], market["price"]) == ("filled", "market_price")
    assert trader.open_orders() == []


@pytest.mark.usefixtures("maker")
def test_reduce_only_takes_no_more_than_is_held(trader):
    """A reduce-only order is cut to the position."""
    trader.order("buy", 1000, 2940)
    sold = trader.order("sell", 3000, 2930, reduce_only=True)["order"]
    assert (sold["amount"], sold["order_state"]) == (1000, "filled")
    assert trader.position()["direction"] == "zero"


def test_own_orders_never_meet(trader):
    """An order that would trade with the account's own is refused."""
    trader.order("sell", 1000, 2940)
    assert trader.order_code("buy", 1000, 2940) == 10003


def test_edit_keeps_the_id_and_loses_the_place_unless_it_only_shrinks(trader, maker):
    """An edit's amount is the new total; more, or another price, goes to the end of the queue; less keeps its place."""
    maker.ok("private/cancel_all")
    first = trader.order("sell", 3000, 2940, label="first")["order"]
    trader.order("sell", 1000, 2940, label="second")
    less = trader.ok("private/edit", order_id=first["order_id"], amount=2000, price=2940)["order"]
    assert (less["order_id"], less["replaced"], less["amount"]) == (first["order_id"], True, 2000)
    maker.order("buy", 500, 2940)
    assert {row["label"]: row["filled_amount"] for row in trader.open_orders()} == {"first": 500, "second": 0}
    trader.ok("private/edit_by_label", label="first", instrument_name=PERP, amount=4000, price=2940)
    maker.order("buy", 1200, 2940)
    assert {row["label"]: row["filled_amount"] for row in trader.open_orders()} == {"first": 700}
    assert trader.code("private/edit", order_id=first["order_id"], amount=700, price=2940) == 11008


def test_edit_may_trade(trader, maker):
    """An edit to a price that crosses trades there and reports it."""
    order = trader.order("buy", 1000, 2900)["order"]
    answer = trader.ok("private/edit", order_id=order["order_id"], amount=1000, price=2940)
    assert [row["order_id"] for row in answer["trades"]] == [order["order_id"]]
    assert answer["order"]["order_state"] == "filled"
    assert trader.code("private/edit", order_id=order["order_id"], amount=2000, price=2940) == 11044
    assert maker.position()["size"] == -1000


def test_edit_by_label_needs_one_order(trader):
    """No order, or several with the label, are refused."""
    params = {"label": "twin", "instrument_name": PERP, "amount": 1000, "price": 2900}
    assert trader.code("private/edit_by_label", **params) == 10004
    for _ in range(2):
        trader.order("buy", 1000, 2900, label="twin")
    assert trader.code("private/edit_by_label", **params) == 13032


def test_cancels_by_everything(desk, trader):
    """Cancels take exactly what they name, and count it."""
    option = desk.option()
    trader.order("buy", 1000, 2900, label="a")
    trader.order("buy", 1000, 2900, label="b")
    trader.order("buy", 1, 0.0001, option, label="b")
    trader.order("buy", 0.1, 0.1, desk.option(currency="USDC"), label="c")
    assert trader.ok("private/cancel_by_label", label="b") == 2
    assert trader.ok("private/cancel_all_by_currency", currency="USDC", kind="option") == 1
    assert trader.ok("private/cancel_all_by_instrument", instrument_name=option) == 0
    (report,) = trader.ok("private/cancel_all", detailed=True)
    assert [row["label"] for row in report["result"]] == ["a"]
    assert trader.open_orders() == []


def test_open_orders_are_found_by_everything(desk, trader):
    """Open orders can be asked for by currency, kind, instrument and label."""
    name = desk.option()
    wanted = trader.order("buy", 1, 0.0001, name, label="x")["order"]
    trader.order("buy", 1000, 2900, label="y")
    trader.order("buy", 0.1, 0.1, desk.option(currency="USDC"))
    for method, params in (
        ("get_open_orders", {"kind": "option"}),
        ("get_open_orders_by_currency", {"currency": "ETH", "kind": "option"}),
        ("get_open_orders_by_instrument", {"instrument_name": name}),
        ("get_open_orders_by_label", {"currency": "ETH", "label": "x"}),
        ("get_order_state_by_label", {"currency": "ETH", "label": "x"}),
    ):
        rows = trader.ok(f"private/{method}", **params)
        assert wanted in rows
        assert "y" not in [row["label"] for row in rows]


def test_premium_and_fee_of_an_inverse_option_are_coins(desk, trader, maker):
    """Buying an option pays price x amount in coin and 0.0003 a coin, at most an eighth of the price."""
    name = desk.option()
    mark = trader.ok("public/ticker", instrument_name=name)["mark_price"]
    price = round(mark / 0.0005) * 0.0005
    maker.order("sell", 4, price, name)
    before = trader.summary()["balance"]
    (trade,) = trader.order("buy", 3, price, name)["trades"]
    assert trade["fee"] == pytest.approx(min(0.0003, price / 8) * 3)
    assert trader.summary()["balance"] == pytest.approx(before - 3 * price - trade["fee"])
    assert trader.summary()["options_value"] == pytest.approx(3 * mark)
    assert maker.position(name)["size"] == -3


def test_linear_option_is_paid_in_usdc(desk, trader, maker):
    """An option of a USDC pair costs USDC, its fee a share of the index."""
    name = desk.option(currency="USDC")
    ticker = trader.ok("public/ticker", instrument_name=name)
    price = round(ticker["mark_price"] / 0.5) * 0.5
    maker.order("sell", 2, price, name)
    before = trader.summary("USDC")["balance"]
    (trade,) = trader.order("buy", 2, price, name)["trades"]
    assert trade["fee"] == pytest.approx(min(0.0003 * ticker["index_price"], price / 8) * 2)
    assert trade["fee_currency"] == "USDC"
    assert trader.summary("USDC")["balance"] == pytest.approx(before - 2 * price - trade["fee"])


def test_inverse_perpetual_profits_in_coins(trader, maker):
    """Dollars bought at one price and sold at a higher one leave amount x (1/p - 1/q) coins."""
    trader.order("buy", 5000, 2940)
    maker.ok("private/cancel_all")
    maker.order("buy", 5000, 2960)
    before = trader.summary()["balance"]
    (trade,) = trader.order("sell", 5000, 2960)["trades"]
    profit = 5000 * (1 / 2940 - 1 / 2960)
    assert trade["profit_loss"] == pytest.approx(profit)
    assert trader.summary()["balance"] == pytest.approx(before + profit - trade["fee"])
    assert trader.position()["size"] == 0


def test_account_without_funds_trades_nothing(desk):
    """Margin is looked at currency by currency."""
    assert desk.trader(POOR_ACCOUNT).order_code("buy", 1000, 2900) == 10009


def test_scope_is_needed(desk):
    """A key that may only read reads, and is refused everything else."""
    reader = desk.trader(READER_ACCOUNT)
    assert reader.open_orders() == []
    assert reader.order_code("buy", 1000, 2900) == 13403


def test_good_til_day_ends_at_eight(desk, trader):
    """A good-til-day order is cancelled at 08:00 UTC; a good-til-cancelled one stays."""
    trader.order("buy", 1000, 2900, time_in_force="good_til_day", label="day")
    trader.order("buy", 1000, 2900, label="stays")
    desk.wait(86_400 * 10**9)
    trader.login()
    assert [row["label"] for row in trader.open_orders()] == ["stays"]


def test_a_locked_index_takes_no_order_and_lets_cancels_through(desk, trader):
    """Orders and edits are refused with 10019 while their index is locked; listeners and status say so."""
    trader.subscribe("platform_state")
    resting = trader.order("buy", 1000, 2900)["order"]["order_id"]
    locked = {"price_index": "eth_usd", "locked": True}
    assert desk.venue.set_platform(locked)
    assert trader.heard("platform_state") == [locked]
    assert trader.ok("public/status") == {"locked": "partial", "locked_indices": ["eth_usd"]}
    assert trader.order_code("buy", 1000, 2900) == 10019
    assert trader.code("private/edit", order_id=resting, amount=2000, price=2900) == 10019
    assert trader.order("buy", 1, 2900, name="ETH_USDC-PERPETUAL")["order"]["order_state"] == "open"
    assert trader.ok("private/cancel", order_id=resting)["order_state"] == "cancelled"
    desk.venue.set_platform(locked | {"locked": False})
    assert trader.order("buy", 1000, 2900)["order"]["order_state"] == "open"


def test_maintenance_refuses_everybody(desk, trader):
    """Every request but a login's is refused with 11051 until it is over."""
    assert desk.venue.set_platform({"maintenance": True})
    assert trader.order_code("buy", 1000, 2900) == 11051
    assert trader.code("public/get_time") == 11051
    trader.login()
    assert desk.venue.set_platform({"maintenance": False})
    assert trader.ok("public/get_time")


@pytest.mark.parametrize("state", [None, {}, {"maintenance": 1}, {"locked": True}, {"price_index": 3, "locked": True}])
def test_what_is_no_state_of_the_platform_changes_nothing(desk, trader, state):
    """It is refused, and orders are taken as before."""
    assert not desk.venue.set_platform(state)
    assert trader.order("buy", 1000, 2900)["order"]["order_state"] == "open"
