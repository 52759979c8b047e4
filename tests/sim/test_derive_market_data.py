"""What practice Derive shows of its market: instruments, tickers, books, the tape, and the ways to subscribe."""

from decimal import Decimal

import pytest
from derive_trader import MS, PERP, SECOND, Desk, text

from atomizer.sim.derive import V2, V3

NEVER = 2**63 - 1


@pytest.fixture(params=[V2, V3], ids=["v2", "v3"])
def dialect(request):
    return request.param


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def guest(desk, dialect):
    return desk.trader(dialect)


def test_every_listing_can_be_found(desk, dialect, guest):
    """All pages of all kinds together are the market's listings, each once."""
    names = []
    for kind in ("option", "perp", "erc20"):
        page, pages = 1, 1
        while page <= pages:
            result = guest.ok(
                "public/get_all_instruments", instrument_type=kind, expired=False, page=page, page_size=50
            )
            names += [row["instrument_name"] for row in result["instruments"]]
            page, pages = page + 1, result["pagination"]["num_pages"]
    assert sorted(names) == sorted(desk.market.listings)
    beyond = guest.ok("public/get_all_instruments", instrument_type="perp", expired=False, page=99)
    assert len(beyond["instruments"]) == 2
    if dialect is V3:
        assert guest.ok("public/get_all_live_instruments") == sorted(names)
    else:
        options = guest.ok("public/get_instruments", currency="BTC", instrument_type="option", expired=False)
        assert len(options) == sum(name.startswith("BTC-2") for name in names)


def test_generations_have_their_own_methods(guest, dialect):
    """v2 lists by currency, v3 lists all that is live; neither knows the other's method."""
    foreign = "public/get_instruments" if dialect is V3 else "public/get_all_live_instruments"
    assert guest.code(foreign) == -32601
    assert guest.code("private/set_fee", subaccount_id=30769) == -32601


def test_instrument_record_says_how_to_trade(desk, dialect, guest):
    """Increments, fees, blend and addresses are those that orders are held to."""
    option, perp = desk.option(), PERP
    record = guest.ok("public/get_instrument", instrument_name=option)
    listing = desk.market.listings[option]
    assert record["tick_size"] == str(listing.tick)
    assert record["base_asset_address"] == dialect.assets["ETH", "option"]
    assert record["option_details"]["expiry"] == record["scheduled_deactivation"] == listing.expiry_s
    assert int(record["base_asset_sub_id"]) % 2**32 == listing.expiry_s
    assert (record["mark_price_fee_rate_cap"], record["base_fee"]) == ("0.125", "0.5")
    assert (record["pro_rata_fraction"], record["fifo_min_allocation"]) == ("0.8", "10")
    record = guest.ok("public/get_instrument", instrument_name=perp)
    assert (record["base_asset_sub_id"], record["scheduled_deactivation"]) == ("0", NEVER)
    assert (record["option_details"], record["pro_rata_fraction"], record["base_fee"]) == (None, "0", "0.1")
    assert guest.code("public/get_instrument", instrument_name="ETH-20200101-1-C") == 12001


def test_tickers_show_the_market(desk, dialect, guest):
    """Full in v2, slim in v3, the same figures in both; an empty side is "0" and "0"."""
    name = desk.option()
    desk.ladder(bids=[(-3, 7)], name=name)
    ticker, state = guest.ok("public/get_ticker", instrument_name=name), desk.market.state(name)
    keys = ("b", "B", "a", "A", "M", "I", "minp", "maxp")
    if dialect is V2:
        full = ("best_bid_price", "best_bid_amount", "best_ask_price", "best_ask_amount", "mark_price", "index_price")
        keys = (*full, "min_price", "max_price")
    bid, bid_amount, ask, ask_amount, mark, index, low, high = (Decimal(ticker[key]) for key in keys)
    assert (bid, bid_amount, ask, ask_amount) == (desk.at(-3, name), 7, 0, 0)
    assert (mark, index) == (state.mark, state.index)
    assert 0 < low < mark < high
    greek, touch = ("delta", "bid_iv") if dialect is V2 else ("d", "bi")
    assert float(ticker["option_pricing"][greek]) == pytest.approx(state.delta, abs=1e-5)
    assert 0 < float(ticker["option_pricing"][touch]) < state.iv
    slim = guest.ok(
        "public/get_tickers",
        instrument_type="option",
        currency="ETH",
        expiry_date=int(name.split("-")[1]) if dialect is V3 else name.split("-")[1],
    )["tickers"]
    assert slim[name]["M"] == str(state.mark)
    assert all(other.split("-")[1] == name.split("-")[1] for other in slim)


def test_get_tickers_wants_what_its_kind_has(guest, dialect):
    """Options need currency and expiry, perpetuals have no expiry, a currency must exist."""
    date = 20261225 if dialect is V3 else "20261225"
    assert set(guest.ok("public/get_tickers", instrument_type="perp")["tickers"]) == {PERP, "BTC-PERP"}
    assert guest.code("public/get_tickers", instrument_type="option", currency="ETH") == -32602
    assert guest.code("public/get_tickers", instrument_type="option", expiry_date=date) == -32602
    assert guest.code("public/get_tickers", instrument_type="perp", expiry_date=date) == -32602
    assert guest.code("public/get_tickers", instrument_type="perp", currency="DOGE") == 12002


def test_time_and_currencies(desk, guest):
    """The time is the venue's in milliseconds; the currencies are those that have instruments."""
    assert guest.ok("public/get_time") == desk.now_ns // MS
    rows = guest.ok("public/get_all_currencies")
    assert [row["currency"] for row in rows] == ["BTC", "ETH"]
    assert Decimal(rows[1]["spot_price"]) == desk.market.spot("ETH")


def test_subscribe_answers_for_each_channel(guest, dialect):
    """Good names are "ok", bad ones say why, and all that is subscribed is listed."""
    good = ["orderbook.ETH-PERP.1.10", "ticker_slim.ETH-PERP.100", "trades.option.ETH", "spot_feed.BTC", "30769.orders"]
    bad = [
        "orderbook.ETH-PERP.2.10",
        "orderbook.DOGE-PERP.1.10",
        "ticker_slim.ETH-PERP.500",
        "trades.spot.ETH",
        "trades.option.DOGE",
        "30770.orders",
        "30769.positions",
        "nonsense",
    ]
    result = guest.ok("subscribe", channels=good + bad)
    assert [name for name, status in result["status"].items() if status == "ok"] == good
    assert result["current_subscriptions"] == good
    full = guest.send("subscribe", {"channels": ["ticker.ETH-PERP.100"]})
    assert ("result" in full) == (dialect is V2)
    guest.send("unsubscribe", {"channels": ["ticker.ETH-PERP.100"]})
    gone = guest.ok("unsubscribe", channels=[good[0], "nonsense"])
    assert (gone["status"][good[0]], gone["remaining_subscriptions"]) == ("ok", good[1:])
    assert gone["status"]["nonsense"] != "ok"
    assert guest.ok("unsubscribe")["remaining_subscriptions"] == []


def test_subscribing_to_nothing_good_is_an_error(desk, dialect, guest):
    """All bad is 13000; without a login a private channel is bad and its reason names 14022."""
    assert guest.code("subscribe", channels=["nonsense"]) == 13000
    refusal = desk.trader(dialect, logged_in=False).refused("subscribe", channels=["30769.orders"])
    assert (refusal["code"], "14022" in refusal["data"]["30769.orders"]) == (13000, True)


def test_book_is_a_whole_snapshot_on_change(desk, guest):
    """Each push is the whole book to its depth, coalesced to ten a second, with a rising publish id."""
    channel = "orderbook.ETH-PERP.1.10"
    guest.ok("subscribe", channels=[channel])
    desk.wait(100 * MS)
    (first,) = guest.heard(channel)
    assert (first["bids"], first["asks"], first["instrument_name"]) == ([], [], PERP)
    for amount in (1, 2, 3):
        desk.ladder(bids=[(-1, amount), (-2, 1)], asks=[(1, 4)])
    desk.wait(50 * MS)
    assert guest.heard(channel) == []
    desk.wait(50 * MS)
    (second,) = guest.heard(channel)
    assert second["bids"] == [[text(desk.at(-1)), "3"], [text(desk.at(-2)), "1"]]
    assert second["asks"] == [[text(desk.at(1)), "4"]]
    assert second["publish_id"] > first["publish_id"]
    desk.wait(100 * MS)
    assert guest.heard(channel) == []
    desk.wait(900 * MS)
    (again,) = guest.heard(channel)
    assert again["bids"] == second["bids"]


def test_book_has_depth_and_group(desk, guest):
    """Group ten gathers ten ticks, bids down and asks up; depth one is the best bucket."""
    desk.ladder(bids=[(-1, 1), (-2, 1), (-25, 1)], asks=[(1, 1), (14, 1)])
    guest.ok("subscribe", channels=["orderbook.ETH-PERP.10.1"])
    desk.wait(100 * MS)
    (book,) = guest.heard("orderbook.ETH-PERP.10.1")
    (bid, ask) = (Decimal(book[side][0][0]) for side in ("bids", "asks"))
    assert (bid % Decimal("0.1"), ask % Decimal("0.1")) == (0, 0)
    assert bid <= desk.at(-1) < desk.at(1) <= ask
    assert (len(book["bids"]), len(book["asks"])) == (1, 1)


def test_own_orders_are_in_the_book(desk, guest):
    """The book shows everybody's orders, the listener's own included."""
    guest.order("buy", "1.5", desk.at(-30))
    guest.ok("subscribe", channels=["orderbook.ETH-PERP.1.1"])
    desk.wait(100 * MS)
    assert guest.heard("orderbook.ETH-PERP.1.1")[0]["bids"] == [[text(desk.at(-30)), "1.5"]]


def test_tickers_come_at_their_interval(desk, dialect, guest):
    """Every hundred milliseconds or every second, and spot every second."""
    channels = ["ticker_slim.ETH-PERP.100", "ticker_slim.ETH-PERP.1000", "spot_feed.ETH"]
    if dialect is V2:
        channels.append("ticker.ETH-PERP.1000")
    guest.ok("subscribe", channels=channels)
    for _ in range(30):
        desk.wait(100 * MS)
    counts = [len(guest.heard(channel)) for channel in channels]
    assert counts[0] == 30
    assert all(3 <= count <= 4 for count in counts[1:])  # at once, then on a grid of its own


def test_tape_tells_every_trade(desk, guest):
    """A trade is on the instrument's tape and on its kind's, with the taker's side."""
    desk.ladder(bids=[(-1, 5)], asks=[(1, 5)])
    guest.ok("subscribe", channels=["trades.ETH-PERP", "trades.perp.ETH", "trades.perp.BTC"])
    desk.take(is_buy=False, amount="2", ticks=-5)
    ((trade,),) = guest.heard("trades.ETH-PERP")
    assert (trade["direction"], trade["trade_amount"], trade["trade_price"]) == ("sell", "2", text(desk.at(-1)))
    assert guest.heard("trades.perp.ETH") == [[trade]]
    assert guest.heard("trades.perp.BTC") == []
    stats = guest.ok("public/get_tickers", instrument_type="perp")["tickers"][PERP]["stats"]
    assert (stats["n"], stats["c"], stats["h"]) == (1, "2", text(desk.at(-1)))
    desk.now_ns += 86_400 * SECOND
    stats = guest.ok("public/get_tickers", instrument_type="perp")["tickers"][PERP]["stats"]
    assert (stats["n"], stats["c"], stats["h"], stats["l"]) == (0, "0", "0", "0")


def test_a_maker_keeps_its_place_while_it_does_not_grow(desk, guest):
    """A ladder repeated at the same price or smaller stays ahead of a later order, a larger one goes behind it."""
    desk.ladder(bids=[(-5, 10)])
    guest.order("buy", "1", desk.at(-5))
    desk.ladder(bids=[(-5, 8)])
    desk.take(is_buy=False, amount="8", ticks=-10)
    assert guest.position() is None
    desk.ladder(bids=[(-5, 9)])
    desk.take(is_buy=False, amount="1", ticks=-10)
    assert guest.position()["amount"] == "1"


def test_real_market_keeps_every_book_in_order(desk, guest):
    """After twenty seconds of the practice market the books are full, uncrossed, and takers have traded."""
    names = [PERP, "BTC-PERP", desk.option(), desk.option("BTC", "P")]
    guest.ok("subscribe", channels=[f"orderbook.{name}.1.10" for name in names] + ["trades.perp.ETH"])
    desk.play(20)
    for name in names:
        for book in guest.heard(f"orderbook.{name}.1.10")[5:]:
            assert book["bids"]
            assert book["asks"]
            assert Decimal(book["bids"][0][0]) < Decimal(book["asks"][0][0])
    assert guest.heard("trades.perp.ETH")


def test_expired_options_settle_at_the_index(desk, guest):
    """At expiry positions are paid their intrinsic value, orders end, and the instrument is no longer live."""
    listed = [item for item in desk.market.listings.values() if item.underlying == "ETH" and item.expiry_s]
    expiry_s = min(item.expiry_s for item in listed)
    in_the_money = min((i for i in listed if i.expiry_s == expiry_s and i.option_type == "C"), key=lambda i: i.strike)
    name = in_the_money.name
    desk.ladder(bids=[(-2, 5)], asks=[(2, 5)], name=name)
    guest.order("buy", "2", desk.at(5, name), name)
    resting = guest.order("buy", "1", desk.at(-20, name), name)["order"]
    cash = Decimal(guest.own("private/get_collaterals")["collaterals"][0]["amount"])
    guest.ok("subscribe", channels=["30769.balances", "30769.orders"])
    desk.now_ns = expiry_s * SECOND
    desk.venue.publish(desk.now_ns)
    value = (desk.index(name) - in_the_money.strike) * 2
    changes = guest.heard("30769.balances")[-1]
    assert {row["update_type"] for row in changes} == {"option_settlement"}
    assert Decimal(guest.own("private/get_collaterals")["collaterals"][0]["amount"]) == cash + value
    assert guest.heard("30769.orders")[-1][0]["order_id"] == resting["order_id"]
    assert (guest.position(name), guest.open_orders()) == (None, [])
    record = guest.ok("public/get_instrument", instrument_name=name)
    assert record["is_active"] is False
    assert Decimal(record["option_details"]["settlement_price"]) == desk.index(name)
    assert guest.order_code("buy", "1", 1, name) == 11021
    counts = [
        guest.ok("public/get_all_instruments", instrument_type="option", expired=expired)["pagination"]["count"]
        for expired in (False, True)
    ]
    assert counts[0] < counts[1]


def test_the_tape_can_be_read_back(desk, guest):
    """What has traded is in the public history and in its candles; expiries are listed with no price yet."""
    desk.ladder(asks=[(1, 5), (2, 5)])
    desk.take(is_buy=True, amount="7", ticks=3)
    history = guest.ok("public/get_trade_history", instrument_name=PERP)
    assert [row["trade_amount"] for row in history["trades"]] == ["2", "5"]
    assert history["pagination"] == {"count": 2, "num_pages": 1}
    assert guest.ok("public/get_trade_history", currency="BTC")["trades"] == []
    window = {"start_timestamp": 0, "end_timestamp": desk.now_ns // SECOND, "period": 60}
    (candle,) = guest.ok("public/get_tradingview_chart_data", instrument_name=PERP, **window)
    low, high = text(desk.at(1)), text(desk.at(2))
    assert (candle["open_price"], candle["high_price"], candle["low_price"]) == (low, high, low)
    assert (candle["close_price"], candle["volume_contracts"]) == (high, "7")
    expiries = guest.ok("public/get_option_settlement_prices", currency="ETH")["expiries"]
    assert [row["price"] for row in expiries] == [None] * 5
