"""What practice Deribit publishes: instruments, books that chain, tickers that agree with the formula, the tape."""

import math
import re

import pytest
from deribit_trader import MS, PERP, SECOND, Desk

NAME = re.compile(r"([A-Z]+)(?:_(USDC))?-(?:(PERPETUAL)|(\d{1,2})([A-Z]{3})(\d{2})(?:-(\d+)-([CP]))?)")


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def trader(desk):
    return desk.trader()


def test_every_name_says_what_the_instrument_is(desk):
    """Names follow the venue's grammar and agree with the record's fields."""
    rows = desk.instruments()
    assert {row["settlement_currency"] for row in rows} == {"BTC", "ETH", "USDC"}
    for row in rows:
        base, pair, perpetual, day, _, _, strike, kind = NAME.fullmatch(row["instrument_name"]).groups()
        assert row["base_currency"] == base
        assert row["instrument_type"] == ("linear" if pair else "reversed")
        assert row["price_index"] == f"{base}_{pair or 'USD'}".lower()
        assert (row["settlement_period"] == "perpetual") == (perpetual is not None)
        assert row["kind"] == ("option" if strike else "future")
        if strike:
            assert not day.startswith("0")
            assert (row["strike"], row["option_type"]) == (int(strike), "call" if kind == "C" else "put")
            assert row["expiration_timestamp"] % 86_400_000 == 8 * 3_600_000
    assert desk.trader(logged_in=False).ok("public/get_instrument", instrument_name=PERP) in rows


def test_instruments_are_chosen_by_currency_and_kind(desk, trader):
    """The list is what was asked for; expirations are its dates."""
    futures = trader.ok("public/get_instruments", currency="USDC", kind="future")
    assert {row["instrument_name"] for row in futures} == {"ETH_USDC-PERPETUAL", "BTC_USDC-PERPETUAL"}
    expirations = trader.ok("public/get_expirations", currency="ETH", kind="any")
    assert len(expirations["option"]) == 5
    assert expirations["future"][-1] == "PERPETUAL"
    in_ether = desk.instruments(settlement_currency="ETH")
    assert len(trader.ok("public/get_book_summary_by_currency", currency="ETH")) == len(in_ether)


class Replica:
    """A book rebuilt from its channel, as the venue's documents say."""

    def __init__(self):
        self.sides, self.change_id, self.messages = None, None, 0

    def apply(self, data):
        self.messages += 1
        if data["type"] == "snapshot":
            assert "prev_change_id" not in data
            self.sides = {"bids": {}, "asks": {}}
        else:
            assert data["prev_change_id"] == self.change_id
            assert data["change_id"] > self.change_id
        self.change_id = data["change_id"]
        for side, levels in self.sides.items():
            for action, price, amount in data[side]:
                assert (price in levels) == (action != "new")
                if action == "delete":
                    assert amount == 0
                    del levels[price]
                else:
                    levels[price] = amount

    def best_first(self):
        return {side: sorted(map(list, self.sides[side].items()), reverse=side == "bids") for side in self.sides}


@pytest.mark.parametrize("interval", ["raw", "100ms", "agg2"])
def test_book_channels_chain_without_a_gap(desk, trader, interval):
    """Snapshot and changes rebuild the book that the venue shows, at every step, also for one who came later."""
    names = [PERP, desk.option(), desk.option(currency="USDC"), "BTC-PERPETUAL"]
    trader.ok("public/subscribe", channels=[f"book.{name}.{interval}" for name in names])
    replicas = {name: Replica() for name in names}
    late = desk.trader()
    for step in range(12):
        desk.play(1)
        if step == 5:
            late.ok("public/subscribe", channels=[f"book.{PERP}.{interval}"])
        for name, replica in replicas.items():
            for data in trader.heard(f"book.{name}.{interval}"):
                assert data["instrument_name"] == name
                replica.apply(data)
            if interval != "agg2":
                shown = trader.ok("public/get_order_book", instrument_name=name, depth=10000)
                assert replica.best_first() == {side: shown[side] for side in ("bids", "asks")}
    follower = Replica()
    for data in late.heard(f"book.{PERP}.{interval}"):
        follower.apply(data)
    assert follower.messages > 1
    assert (follower.sides, follower.change_id) == (replicas[PERP].sides, replicas[PERP].change_id)


def test_own_order_is_in_the_book_before_its_answer(trader):
    """A raw book tells of an order that its own request has placed, before the request is answered."""
    trader.subscribe(f"book.{PERP}.raw")
    trader.heard(f"book.{PERP}.raw")
    trader.order("buy", 1000, 2900)
    (change,) = trader.heard(f"book.{PERP}.raw")
    assert (change["bids"], change["asks"]) == ([["new", 2900, 1000]], [])


def test_grouped_book_is_whole_each_time(desk, trader):
    """A grouped book gathers prices into buckets and shows the best ones, only when something has changed."""
    channel = f"book.{PERP}.10.1.100ms"
    trader.subscribe(channel)
    trader.order("buy", 1000, 2900.3)
    trader.order("buy", 2000, 2900.1)
    desk.wait(100 * MS)
    (data,) = trader.heard(channel)
    assert (data["bids"], data["asks"]) == ([[2900, 3000]], [])
    desk.wait(100 * MS)
    assert trader.heard(channel) == []


def test_raw_channels_need_a_login(desk):
    """Who is not logged in gets aggregated books only, and no private channel at all."""
    stranger = desk.trader(logged_in=False)
    assert stranger.code("public/subscribe", channels=[f"book.{PERP}.raw"]) == 13778
    stranger.subscribe(f"book.{PERP}.100ms")
    assert stranger.ok("public/subscribe", channels=["user.orders.any.any.raw"]) == []
    assert stranger.code("private/subscribe", channels=["user.orders.any.any.raw"]) == 13009


def test_unknown_channels_are_left_out(trader):
    """The answer lists what was subscribed; what is no channel is missing in it."""
    good = [f"ticker.{PERP}.100ms", "deribit_price_index.eth_usd", "platform_state", "instrument.state.any.any"]
    bad = ["ticker.NOPE.100ms", "nonsense", "book.ETH-PERPETUAL.7ms", "trades.option.XRP.raw", "book.ETH-PERPETUAL"]
    assert trader.ok("public/subscribe", channels=[*good, *bad]) == good
    assert trader.ok("public/unsubscribe", channels=[good[0], "nonsense"]) == [good[0]]
    assert trader.ok("public/unsubscribe_all") == "ok"


def cdf(x):
    return 0.5 * math.erfc(-x / math.sqrt(2))


def test_marks_and_greeks_follow_the_formula(desk, trader):
    """Mark, delta and touch volatilities are Black-76 of the published forward and volatility, in coin or in USDC."""
    desk.play(1)
    for row in desk.instruments(kind="option")[::7]:
        ticker = trader.ok("public/ticker", instrument_name=row["instrument_name"])
        forward, strike, iv = ticker["underlying_price"], row["strike"], ticker["mark_iv"] / 100
        years = (row["expiration_timestamp"] - ticker["timestamp"]) / (365 * 86_400_000)
        sign = 1 if row["option_type"] == "call" else -1

        def price(iv, forward=forward, strike=strike, years=years, sign=sign):
            sd = iv * math.sqrt(years)
            d1 = math.log(forward / strike) / sd + sd / 2
            return sign * (forward * cdf(sign * d1) - strike * cdf(sign * (d1 - sd))), sign * cdf(sign * d1)

        unit = forward if row["instrument_type"] == "reversed" else 1
        vega = max(ticker["greeks"]["vega"], 0.01)
        fair, delta = price(iv)
        assert ticker["mark_price"] * unit == pytest.approx(fair, abs=0.02 * vega + 1e-6 * forward)
        assert ticker["greeks"]["delta"] == pytest.approx(delta, abs=2e-3)
        for side in ("bid", "ask"):
            if ticker[f"{side}_iv"] > 0 and vega > 0.5:
                touch, _ = price(ticker[f"{side}_iv"] / 100)
                assert touch == pytest.approx(ticker[f"best_{side}_price"] * unit, abs=0.02 * vega)


def test_both_currencies_and_both_venues_price_the_same_world(desk, trader):
    """The option in coin times the index is the option in USDC, to spread and ticks: it can be hedged across."""
    desk.play(2)
    inverse, linear = desk.option(), desk.option(currency="USDC")
    coin, usdc = (trader.ok("public/ticker", instrument_name=name) for name in (inverse, linear))
    assert coin["mark_price"] * coin["underlying_price"] == pytest.approx(usdc["mark_price"], rel=1e-3)
    assert coin["best_bid_price"] * coin["underlying_price"] < usdc["best_ask_price"]
    assert usdc["best_bid_price"] < coin["best_ask_price"] * coin["underlying_price"]
    for name in ("ETH-PERPETUAL", "BTC-PERPETUAL", "ETH_USDC-PERPETUAL"):
        ticker = trader.ok("public/ticker", instrument_name=name)
        assert ticker["best_bid_price"] < ticker["best_ask_price"]
        assert ticker["mark_price"] == pytest.approx(ticker["index_price"], rel=2e-3)


def test_the_tape_is_gap_free(desk, trader):
    """Trade numbers of an instrument count up by one, on the channel and in history."""
    trader.subscribe("trades.future.any.100ms")
    desk.play(30)
    rows = [row for rows in trader.heard("trades.future.any.100ms") for row in rows]
    by_name = {}
    for row in rows:
        by_name.setdefault(row["instrument_name"], []).append(row)
    assert len(by_name) >= 4
    for name, mine in by_name.items():
        assert [row["trade_seq"] for row in mine] == list(range(1, len(mine) + 1))
        page = trader.ok("public/get_last_trades_by_instrument", instrument_name=name, count=1000, sorting="asc")
        assert page == {"trades": mine, "has_more": False}


def test_periodic_channels(desk, trader):
    """Index, volatility, mark prices and the incremental ticker come about once a second."""
    channels = [
        "deribit_price_index.btc_usd",
        "deribit_volatility_index.eth_usd",
        "markprice.options.eth_usd",
        "estimated_expiration_price.btc_usd",
        f"incremental_ticker.{PERP}",
        f"quote.{PERP}",
    ]
    trader.subscribe(*channels)
    desk.play(3)
    index, volatility, marks, expiration, incremental, quotes = (trader.heard(name) for name in channels)
    assert 3 <= len(index) <= 4
    assert 20 < volatility[-1]["volatility"] < 200
    assert 0.2 < marks[-1][0]["iv"] < 2
    assert expiration[-1]["seconds"] > 0
    assert [row["type"] for row in incremental[:2]] == ["snapshot", "change"]
    assert len(incremental[0]) > len(incremental[1])
    assert all(quotes[i] != quotes[i + 1] for i in range(len(quotes) - 1))


def test_an_expiry_is_delivered_at_the_average_of_its_last_half_hour(desk, trader):
    """At 08:00 UTC the option's book closes, the position is paid its intrinsic value, and all is told."""
    rows = desk.instruments(kind="option", settlement_currency="ETH", option_type="call")
    first = min(row["expiration_timestamp"] for row in rows)
    name = min((row for row in rows if row["expiration_timestamp"] == first), key=lambda row: row["strike"])
    name, strike = name["instrument_name"], name["strike"]
    trader.subscribe("instrument.state.option.ETH")
    maker = desk.other()
    price = round(trader.ok("public/ticker", instrument_name=name)["mark_price"] / 0.0005) * 0.0005
    maker.order("sell", 2, price, name)
    trader.order("buy", 2, price, name)
    trader.order("buy", 1, 0.0005, name)
    before = trader.summary()["balance"]
    desk.wait(first * MS - desk.now_ns - 1000 * SECOND)
    desk.wait(first * MS - desk.now_ns)
    trader.login()
    ticker = trader.ok("public/ticker", instrument_name=name)
    assert (ticker["state"], ticker["estimated_delivery_price"]) == ("delivered", "expired")
    paid = (ticker["delivery_price"] - strike) / ticker["delivery_price"]
    fee = min(0.00015, paid / 8)
    assert trader.summary()["balance"] == pytest.approx(before + 2 * (paid - fee))
    assert trader.open_orders() == []
    assert name in [row["instrument_name"] for row in trader.heard("instrument.state.option.ETH")]
    assert trader.order_code("buy", 1, 0.0005, name) == 10012
    assert name not in [row["instrument_name"] for row in trader.ok("public/get_instruments", currency="ETH")]
    assert trader.ok("public/get_delivery_prices", index_name="eth_usd")["records_total"] == 1


def test_the_same_seed_is_the_same_day():
    """Everything a socket receives is the same to the byte for the same seed and the same requests."""

    def day():
        desk = Desk()
        trader = desk.trader()
        trader.ok("private/subscribe", channels=[f"book.{PERP}.raw", "trades.any.any.raw", "user.changes.any.any.raw"])
        desk.play(1)
        trader.order("buy", 1000, trader.ok("public/ticker", instrument_name=PERP)["best_ask_price"])
        desk.play(2)
        return trader.notes + trader.read()

    assert day() == day()
