"""What protects on practice Derive: maker protection, cancel on disconnect, rate limits; and what its books say."""

from decimal import Decimal

import pytest
from derive_trader import KEY, MS, OTHER_KEY, PERP, POOR_ACCOUNT, SECOND, Desk, login_params

from atomizer.sim.derive import PRACTICE_ACCOUNT, V2, V3, RateLimits

NEVER = 2**63 - 1


@pytest.fixture(params=[V2, V3], ids=["v2", "v3"])
def dialect(request):
    return request.param


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def trader(desk, dialect):
    return desk.trader(dialect)


def protect(trader, **changes):
    config = {"currency": "ETH", "mmp_interval": 1000, "mmp_frozen_time": 5000, "mmp_amount_limit": "3"}
    return trader.own("private/set_mmp_config", **(config | changes))


def frozen(trader):
    (config,) = trader.own("private/get_mmp_config", currency="ETH")
    return config["is_frozen"]


def test_protection_trips_on_the_amount_of_both_sides(desk, trader):
    """Bid 2 and ask 2 make 4, over 3: tagged orders go, new ones are refused until the freeze is over."""
    protect(trader)
    trader.order("buy", "2", desk.at(-5), mmp=True)
    trader.order("sell", "2", desk.at(5), mmp=True)
    trader.order("sell", "1", desk.at(9), mmp=True)
    untagged = trader.order("sell", "1", desk.at(8))["order"]
    desk.take(is_buy=False, amount="2", ticks=-9)
    assert not frozen(trader)
    desk.take(is_buy=True, amount="2", ticks=6)
    assert frozen(trader)
    assert trader.open_orders() == [untagged]
    assert trader.own("private/get_order_history")["orders"][0]["cancel_reason"] == "mmp_trigger"
    assert trader.order_code("buy", "1", desk.at(-5), mmp=True) == 11015
    trader.order("buy", "1", desk.at(-5))
    desk.wait(5 * SECOND)
    assert not frozen(trader)
    trader.order("buy", "1", desk.at(-5), mmp=True)


def test_protection_nets_deltas(desk, trader):
    """+2 and -2 deltas are none; +4 is over 3. The fill that trips it stands, however large."""
    protect(trader, mmp_amount_limit="0", mmp_delta_limit="3")
    for direction, is_buy, ticks in (("buy", False, -5), ("sell", True, 5)):
        trader.order(direction, "2", desk.at(ticks), mmp=True)
        desk.take(is_buy=is_buy, amount="2", ticks=2 * ticks)
    assert not frozen(trader)
    trader.order("buy", "4", desk.at(-5), mmp=True)
    desk.take(is_buy=False, amount="4", ticks=-9)
    assert frozen(trader)
    assert trader.position()["amount"] == "4"


def test_protection_forgets_after_its_interval(desk, trader):
    """Only fills inside the rolling window count."""
    protect(trader)
    for _ in range(4):
        trader.order("buy", "2", desk.at(-5), mmp=True)
        desk.take(is_buy=False, amount="2", ticks=-9)
        desk.wait(SECOND)
    assert not frozen(trader)


def test_protection_that_is_off_never_trips(desk, trader):
    """An interval of 0 is off, and fills of untagged orders do not count."""
    protect(trader, mmp_interval=0)
    trader.order("buy", "9", desk.at(-5), mmp=True)
    desk.take(is_buy=False, amount="9", ticks=-9)
    assert not frozen(trader)
    protect(trader)
    trader.order("buy", "9", desk.at(-5))
    desk.take(is_buy=False, amount="9", ticks=-9)
    assert not frozen(trader)


def test_frozen_time_of_nothing_lasts_until_reset(desk, trader):
    """Without a frozen time only reset_mmp ends the freeze; a new configuration does not."""
    protect(trader, mmp_frozen_time=0)
    trader.order("buy", "4", desk.at(-5), mmp=True)
    desk.take(is_buy=False, amount="4", ticks=-9)
    desk.wait(3600 * SECOND)
    protect(trader, mmp_frozen_time=0)
    (config,) = trader.own("private/get_mmp_config")
    assert (config["is_frozen"], config["mmp_unfreeze_time"]) == (True, NEVER)
    assert trader.own("private/reset_mmp", currency="ETH") == "ok"
    assert not frozen(trader)


def test_one_sweep_through_protected_quotes_is_booked_whole(desk, trader):
    """A taker that sweeps two tagged orders at once fills both: protection acts after the trade, not in it."""
    protect(trader)
    trader.order("sell", "4", desk.at(5), mmp=True)
    trader.order("sell", "4", desk.at(6), mmp=True)
    trader.order("sell", "4", desk.at(7), mmp=True)
    desk.take(is_buy=True, amount="9", ticks=8)
    assert trader.position()["amount"] == "-9"
    reasons = [order["cancel_reason"] for order in trader.own("private/get_order_history")["orders"]]
    assert sorted(reasons) == ["", "", "mmp_trigger"]


def test_protection_needs_a_currency_that_exists(trader):
    """12002 for an unknown currency; negative limits and wrong types are refused."""
    base = {"subaccount_id": trader.subaccount_id, "mmp_interval": 1, "mmp_frozen_time": 1}
    assert trader.code("private/set_mmp_config", **base, currency="DOGE") == 12002
    assert trader.code("private/set_mmp_config", **base, currency="ETH", mmp_amount_limit="-1") == -32602
    assert trader.code("private/set_mmp_config", **(base | {"mmp_interval": "1"}), currency="ETH") == -32602


def wish(trader, *, enabled):
    extra = {} if trader.dialect is V3 else {"wallet": trader.account.wallet}
    assert trader.ok("private/set_cancel_on_disconnect", enabled=enabled, **extra) == "ok"


def test_dropped_socket_takes_the_orders_with_it(desk, dialect):
    """With the wish set before login a drop cancels all of the wallet's orders, and another socket hears of it."""
    setter, watcher = desk.trader(dialect), desk.trader(dialect)
    wish(setter, enabled=True)
    watcher.ok("subscribe", channels=["30769.orders"])
    victim = desk.trader(dialect)
    victim.order("buy", "1", desk.at(-5))
    desk.venue.disconnect(victim.connection, desk.now_ns)
    assert watcher.heard("30769.orders")[-1][0]["cancel_reason"] == "cancel_on_disconnect"
    assert watcher.open_orders() == []
    account = watcher.ok("private/get_account", wallet=PRACTICE_ACCOUNT.wallet)
    assert account["cancel_on_disconnect"] is True


def test_orders_outlive_a_socket_without_the_wish(desk, dialect, trader):
    """Without the wish, or before a login, a drop cancels nothing."""
    trader.order("buy", "1", desk.at(-5))
    desk.venue.disconnect(trader.connection, desk.now_ns)
    assert len(desk.trader(dialect).open_orders()) == 1
    wish(desk.trader(dialect), enabled=True)
    guest = desk.trader(dialect, logged_in=False)
    desk.venue.disconnect(guest.connection, desk.now_ns)
    assert len(desk.trader(dialect).open_orders()) == 1


def test_wish_counts_when_the_generation_says(desk, dialect, trader):
    """v2 looks at the wish when the socket drops, v3 when it logged in."""
    wish(trader, enabled=True)
    trader.order("buy", "1", desk.at(-5))
    desk.venue.disconnect(trader.connection, desk.now_ns)
    assert len(desk.trader(dialect).open_orders()) == (1 if dialect is V3 else 0)


def test_matching_budget_is_five_seconds_worth(desk, trader):
    """Five seconds' worth of requests in a window, then -32000 with how long to wait, then a new window."""
    params = {"subaccount_id": trader.subaccount_id, "instrument_name": "BTC-PERP"}
    codes = [trader.send("private/cancel_by_instrument", params).get("error", {}).get("code") for _ in range(51)]
    assert codes == [None] * 50 + [-32000]
    params["instrument_name"] = PERP
    codes = [trader.send("private/cancel_by_instrument", params).get("error", {}).get("code") for _ in range(50)]
    assert codes == [None] * 49 + [-32000]
    desk.wait(4 * SECOND)
    refusal = trader.refused("private/cancel_by_instrument", **params)
    assert (refusal["message"], refusal["data"]) == ("Rate limit exceeded", "Retry after 1000 ms")
    desk.wait(SECOND)
    trader.ok("private/cancel_by_instrument", **params)


def test_each_class_has_its_own_budget(dialect):
    """Reads, cancel_all and cancel_by_label draw on budgets of their own; sockets of a wallet share them."""
    desk = Desk(limits=RateLimits(matching_tps=1, instrument_tps=1, non_matching_tps=2))
    trader, second = desk.trader(dialect), desk.trader(dialect)
    assert [("error" in trader.send("public/get_time", {})) for _ in range(11)] == [False] * 10 + [True]
    label = {"subaccount_id": trader.subaccount_id, "label": "x"}
    one = {"subaccount_id": trader.subaccount_id}
    assert [("error" in trader.send("private/cancel_all", one)) for _ in range(6)] == [False] * 5 + [True]
    assert [("error" in trader.send("private/cancel_by_label", label)) for _ in range(51)] == [False] * 50 + [True]
    named = label | {"instrument_name": PERP}
    assert [("error" in second.send("private/cancel_by_label", named)) for _ in range(6)] == [False] * 5 + [True]
    assert trader.code("private/cancel_by_label", **named) == -32000


def test_stranger_gets_less(desk, dialect):
    """A socket without login has twenty-five requests in a window, a login lifts it to its wallet's."""
    guest = desk.trader(dialect, logged_in=False)
    answers = [guest.send("public/get_time", {}) for _ in range(26)]
    assert ["error" in answer for answer in answers] == [False] * 25 + [True]
    assert guest.code("public/login", **login_params(PRACTICE_ACCOUNT.wallet, KEY, desk.now_ns // MS)) == -32000
    desk.wait(5 * SECOND)
    guest.ok("public/login", **login_params(PRACTICE_ACCOUNT.wallet, KEY, desk.now_ns // MS))
    assert all("result" in guest.send("public/get_time", {}) for _ in range(60))


def test_account_says_its_limits(desk, dialect, trader):
    """get_account carries the rate limits and the fee overrides that a client is to respect."""
    account = trader.ok("private/get_account", wallet=PRACTICE_ACCOUNT.wallet)
    assert (account["websocket_matching_tps"], account["websocket_option_tps"]) == (20, 10)
    assert (account["subaccount_ids"], account["fee_info"]["base_fee_discount"]) == ([30769], "0")
    assert trader.code("private/get_account", wallet=POOR_ACCOUNT.wallet) == 14020
    assert trader.code("private/get_account") == 14025
    both = desk.other(dialect).ok("private/get_subaccounts", wallet=POOR_ACCOUNT.wallet)
    assert both["subaccount_ids"] == [30770, 30771]


def test_trades_are_paged_latest_first(desk, trader):
    """Every own trade is in the history once, latest first, in pages; the last page answers for those behind it."""
    desk.ladder(bids=[(-5, 100)], asks=[(5, 100)])
    for _ in range(5):
        desk.wait(SECOND)
        trader.order("buy", "1", desk.at(6))
    one_page = trader.own("private/get_trade_history")["trades"]
    assert [row["timestamp"] for row in one_page] == sorted((row["timestamp"] for row in one_page), reverse=True)
    pages = [trader.own("private/get_trade_history", page=page, page_size=2) for page in (1, 2, 3, 9)]
    assert [row for page in pages[:3] for row in page["trades"]] == one_page
    assert pages[3]["trades"] == pages[2]["trades"]
    assert pages[0]["pagination"] == {"count": 5, "num_pages": 3}
    middle = one_page[2]
    same = trader.own("private/get_trade_history", order_id=middle["order_id"], instrument_name=PERP)
    assert same["trades"] == [middle]
    since = trader.own("private/get_trade_history", from_timestamp=middle["timestamp"])
    assert since["trades"] == one_page[:3]
    assert trader.own("private/get_trade_history", quote_id="is_quote")["trades"] == []
    assert trader.ok("private/get_trade_history", wallet=trader.account.wallet)["trades"] == one_page


def test_cash_and_positions_tie(desk, trader):
    """Deposit less cash is what was paid for options and fees less what perpetuals realized, to the last digit."""
    option = desk.option()
    for name in (PERP, option):
        desk.ladder(bids=[(-5, 20)], asks=[(5, 20)], name=name)
    trader.order("buy", "3.33", desk.at(5, option), option)
    trader.order("sell", "1.11", desk.at(-5, option), option)
    trader.order("sell", "2.5", desk.at(-5))
    trader.order("buy", "4", desk.at(5))
    (account,) = [row for row in desk.venue.ledger(desk.now_ns)["accounts"] if row["subaccount_id"] == 30769]
    rows = {row["instrument_name"]: row for row in account["positions"]}
    fees = sum(Decimal(row["total_fees"]) for row in rows.values())
    premium = desk.at(5, option) * Decimal("3.33") - desk.at(-5, option) * Decimal("1.11")
    assert Decimal(account["cash"]) == 1_000_000 - premium - fees + Decimal(rows[PERP]["realized_pnl_excl_fees"])
    assert (account["trades"], rows[PERP]["amount"], rows[option]["amount"]) == (4, "1.5", "2.22")
    for name, row in rows.items():
        assert trader.position(name) == row
        unrealized = Decimal(row["mark_price"]) * Decimal(row["amount"]) - Decimal(
            row["average_price_excl_fees"]
        ) * Decimal(row["amount"])
        assert Decimal(row["unrealized_pnl_excl_fees"]) == pytest.approx(unrealized, abs=Decimal("1e-12"))
    traded = sum(Decimal(row["trade_fee"]) for row in trader.own("private/get_trade_history")["trades"])
    assert traded == fees
    value = trader.own("private/get_subaccount")
    whole = Decimal(account["cash"]) + sum(Decimal(row["mark_value"]) for row in rows.values())
    assert Decimal(value["subaccount_value"]) == whole


def test_ledger_keeps_what_is_closed(desk, trader):
    """A closed position leaves get_positions but stays in the practice ledger with what it realized."""
    desk.ladder(bids=[(-5, 20)], asks=[(5, 20)])
    trader.order("buy", "1", desk.at(5))
    trader.order("sell", "1", desk.at(-5))
    assert trader.own("private/get_positions")["positions"] == []
    (account,) = [row for row in desk.venue.ledger(desk.now_ns)["accounts"] if row["subaccount_id"] == 30769]
    (row,) = account["positions"]
    assert (row["amount"], row["realized_pnl_excl_fees"]) == ("0", "-0.1")


def test_frozen_venue_ignores_its_market(desk, trader):
    """While frozen nothing of the market reaches the books, so that two readings can be compared."""
    desk.ladder(bids=[(-5, 20)])
    desk.venue.frozen = True
    desk.ladder()
    desk.take(is_buy=False, amount="1", ticks=-9)
    ticker = trader.ok("public/get_tickers", instrument_type="perp")["tickers"][PERP]
    assert (ticker["B"], ticker["stats"]["n"]) == ("20", 0)


def test_same_seed_names_the_same_orders():
    """Order and trade ids come from the venue's seed: the same day has the same ids."""

    def ids(seed):
        desk = Desk(seed=seed)
        trader = desk.trader(V2)
        return [trader.order("buy", "1", desk.at(-30))["order"]["order_id"] for _ in range(3)]

    assert ids(1) == ids(1)
    assert not set(ids(1)) & set(ids(2))


def test_poor_wallets_are_apart(desk, dialect):
    """What one subaccount does is not seen on the channels of another."""
    rich, poor = desk.other(dialect), desk.trader(dialect, POOR_ACCOUNT, OTHER_KEY)
    poor.ok("subscribe", channels=["30771.orders"])
    rich.order("buy", "1", desk.at(-30))
    assert poor.heard("30771.orders") == []
    assert poor.open_orders() == []
