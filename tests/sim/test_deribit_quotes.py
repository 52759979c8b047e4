"""Market maker protection, mass quotes and block RFQs of practice Deribit."""

from decimal import Decimal

import pytest
from deribit_trader import MS, PERP, SECOND, Desk

from atomizer.sim.market import RfqArrival

MMP = {"index_name": "eth_usd", "interval": 10, "frozen_time": 5, "quantity_limit": 3, "max_quote_quantity": 10}


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def trader(desk):
    return desk.trader()


@pytest.fixture
def other(desk):
    return desk.other()


def priced(trader, name, steps=0):
    """A price on the grid near the mark, so many steps above it."""
    mark = trader.ok("public/ticker", instrument_name=name)["mark_price"]
    return round(round(mark / 0.0005 + steps) * 0.0005, 4)


def test_protection_is_set_read_and_ended(trader):
    """A configuration is replaced whole; an interval of 0 ends it; a delta limit lies below the quantity limit."""
    (config,) = trader.ok("private/set_mmp_config", **MMP, delta_limit=1.5)
    assert (config["quantity_limit"], config["delta_limit"], config["block_rfq"]) == (3, 1.5, False)
    trader.ok("private/set_mmp_config", **MMP)
    (config,) = trader.ok("private/get_mmp_config", index_name="eth_usd")
    assert "delta_limit" not in config
    assert trader.code("private/set_mmp_config", **MMP, delta_limit=3) == -32602
    assert trader.code("private/set_mmp_config", **(MMP | {"quantity_limit": 1.00001})) == -32602
    assert trader.ok("private/set_mmp_config", **(MMP | {"interval": 0})) == []
    assert trader.ok("private/get_mmp_config") == []
    assert trader.code("private/reset_mmp", index_name="eth_usd") == 13020


def test_protection_trips_freezes_and_thaws(desk, trader, other):
    """Over the limit all protected orders of the index go and new ones are refused until the time is over."""
    name = desk.option()
    trader.ok("private/set_mmp_config", **MMP)
    trader.subscribe("user.mmp_trigger.eth_usd", "user.orders.any.any.raw")
    price = priced(trader, name)
    for label in ("first", "second"):
        trader.order("sell", 4, price, name, mmp=True, label=label)
    trader.order("sell", 1000, 2990, label="unprotected")
    trader.heard("user.orders.any.any.raw")
    other.order("buy", 3, price, name)
    assert trader.heard("user.mmp_trigger.eth_usd") == []
    other.order("buy", 1, price, name)
    (trigger,) = trader.heard("user.mmp_trigger.eth_usd")
    assert trigger == {"index_name": "eth_usd", "frozen_until": (desk.now_ns + 5 * SECOND) // MS}
    gone = trader.heard("user.orders.any.any.raw")[-1]
    assert (gone["label"], gone["cancel_reason"], gone["mmp_cancelled"]) == ("second", "mmp_trigger", True)
    assert [row["label"] for row in trader.open_orders()] == ["unprotected"]
    assert trader.order_code("sell", 1, price, name, mmp=True) == 13030
    assert trader.ok("private/get_mmp_status") == [trigger]
    trader.order("sell", 1, price, name)
    desk.now_ns += 5 * SECOND
    trader.order("sell", 1, price, name, mmp=True)


def test_the_window_is_fixed(desk, trader, other):
    """It opens with its first trade and is not extended; a trade after its end opens a new one."""
    name = desk.option()
    trader.ok("private/set_mmp_config", **MMP)
    price = priced(trader, name)
    trader.order("sell", 20, price, name, mmp=True)
    for wait_s, is_open in ((0, True), (9, True), (1, True), (9, True), (0, False)):
        desk.now_ns += wait_s * SECOND
        other.order("buy", 2 if is_open and wait_s != 9 else 1, price, name)
        assert bool(trader.open_orders()) == is_open


def test_reset_ends_a_freeze_without_an_end(desk, trader, other):
    """A frozen time of 0 lasts until it is reset."""
    name = desk.option()
    trader.ok("private/set_mmp_config", **(MMP | {"frozen_time": 0}))
    price = priced(trader, name)
    trader.order("sell", 5, price, name, mmp=True)
    other.order("buy", 4, price, name)
    desk.now_ns += 100 * SECOND
    assert trader.order_code("sell", 1, price, name, mmp=True) == 13030
    assert trader.ok("private/get_mmp_status")[0]["frozen_until"] == 0
    assert trader.ok("private/reset_mmp", index_name="eth_usd") == "ok"
    trader.order("sell", 1, price, name, mmp=True)


# Mass quotes


def quoting(trader):
    trader.ok("private/enable_cancel_on_disconnect")
    trader.ok("private/set_mmp_config", **MMP, mmp_group="mine")


def mass(trader, *quotes, quote_id="1", **extra):
    params = {"quote_id": quote_id, "mmp_group": "mine", "quotes": list(quotes), "detailed": True}
    return trader.ok("private/mass_quote", **params, **extra)


def two_sided(name, bid, ask, set_id="s"):
    return {
        "instrument_name": name,
        "quote_set_id": set_id,
        "bid": {"price": bid[0], "amount": bid[1]},
        "ask": {"price": ask[0], "amount": ask[1]},
    }


def test_mass_quote_needs_its_conditions(desk, trader):
    """Cancel on disconnect, then a protection group, then sane quotes."""
    name = desk.option()
    params = {"quote_id": "1", "mmp_group": "mine", "quotes": [two_sided(name, (0.001, 1), (0.2, 1))]}
    assert trader.code("private/mass_quote", **params) == 13042
    trader.ok("private/enable_cancel_on_disconnect")
    assert trader.code("private/mass_quote", **params) == 13040
    quoting(trader)
    assert trader.ok("private/mass_quote", **params) == {"errors_count": 0, "pending_requests_count": 0}
    twice = params | {"quotes": params["quotes"] * 2}
    assert trader.code("private/mass_quote", **twice) == -32602
    other_index = desk.option(currency="USDC")
    mixed = params | {"quotes": [*params["quotes"], two_sided(other_index, (1, 1), (900, 1))]}
    assert trader.code("private/mass_quote", **mixed) == -32602


def test_mass_quotes_rest_amend_and_go(desk, trader, other):
    """Quotes rest as protected orders; an amendment keeps the id; amount 0 cancels one side; errors name their side."""
    call, put = desk.option("call"), desk.option("put")
    quoting(trader)
    placed = mass(trader, two_sided(call, (0.001, 2), (0.2, 2)), two_sided(put, (0.001, 2), (0.2, 2), "t"))
    assert placed["errors"] == []
    assert len(placed["orders"]) == 4
    assert all(row["quote"] and row["mmp"] and row["mmp_group"] == "mine" for row in placed["orders"])
    amended = mass(trader, two_sided(call, (0.0015, 2), (0.2, 0)), quote_id="2")
    assert amended["orders"][0]["order_id"] == placed["orders"][0]["order_id"]
    assert amended["orders"][1]["order_state"] == "cancelled"
    (resting,) = trader.ok("private/get_open_orders_by_instrument", instrument_name=call)
    assert (resting["price"], resting["quote_id"]) == (0.0015, "2")
    failed = mass(trader, two_sided(call, (0.00151, 2), (0.2, 11)), quote_id="3")
    assert [(row["side"], row["error"]["code"]) for row in failed["errors"]] == [("bid", -32602), ("ask", 11049)]
    assert trader.ok("private/get_open_orders_by_instrument", instrument_name=call) == []
    assert trader.code("private/edit", order_id=placed["orders"][2]["order_id"], amount=1, price=0.001) == 11044
    other.order("sell", 1, 0.001, put)
    trades = trader.ok("private/get_user_trades_by_instrument", instrument_name=put)["trades"]
    assert (trades[0]["quote_set_id"], trades[0]["liquidity"]) == ("t", "M")


def test_quotes_are_cancelled_by_what_they_are(desk, trader):
    """cancel_quotes takes quotes only, by set, instrument, delta or all; a freeze keeps new ones out for a second."""
    call, put = desk.option("call"), desk.option("put")
    quoting(trader)

    def again():
        mass(trader, two_sided(call, (0.001, 2), (0.2, 2)), two_sided(put, (0.001, 2), (0.2, 2), "t"))

    again()
    trader.order("buy", 1000, 2000, label="an order")
    assert trader.ok("private/cancel_quotes", cancel_type="quote_set_id", quote_set_id="t") == 2
    assert trader.ok("private/cancel_quotes", cancel_type="instrument", instrument_name=call) == 2
    again()
    assert trader.ok("private/cancel_quotes", cancel_type="delta", min_delta=0.9, max_delta=1) == 0
    assert trader.code("private/cancel_quotes", cancel_type="delta", min_delta=0.9) == -32602
    assert trader.ok("private/cancel_quotes", cancel_type="all", freeze_quotes=True) == 4
    assert [row["label"] for row in trader.open_orders()] == ["an order"]
    params = {"quote_id": "9", "mmp_group": "mine", "quotes": [two_sided(call, (0.001, 2), (0.2, 2))]}
    assert trader.code("private/mass_quote", **params) == 13043
    desk.now_ns += SECOND
    again()


def test_a_group_that_trips_takes_its_quotes_along(desk, trader, other):
    """Quotes of the group that traded too much go; orders outside the group stay."""
    call, put = desk.option("call"), desk.option("put")
    quoting(trader)
    price = priced(trader, call)
    mass(trader, two_sided(call, (0.001, 4), (price, 4)), two_sided(put, (0.001, 2), (0.2, 2)))
    trader.order("buy", 1, 0.001, put, mmp=True, label="other group")
    other.order("buy", 4, price, call)
    assert [row["label"] for row in trader.open_orders()] == ["other group"]


# Block RFQs


def legs_of(rfq, *prices):
    return [leg | {"price": price} for leg, price in zip(rfq["legs"], prices, strict=True)]


@pytest.fixture
def spread(desk, other):
    """A spread of two calls that the counterparty asks for: buys one, sells two of the other."""
    rows = desk.instruments(kind="option", settlement_currency="ETH", option_type="call")
    first, second = (row["instrument_name"] for row in rows[20:22])
    legs = [
        {"instrument_name": first, "amount": 250, "direction": "buy"},
        {"instrument_name": second, "amount": 500, "direction": "sell"},
    ]
    return other.ok("private/create_block_rfq", legs=legs, label="mine")


def test_a_block_from_request_to_trade(desk, trader, other, spread):
    """Asked, quoted, seen, taken at the best price: both sides, both legs, once each."""
    trader.subscribe("block_rfq.maker.any", "block_rfq.maker.quotes.ETH", "block_rfq.trades.eth")
    other.subscribe("block_rfq.taker.any")
    assert [(leg["direction"], leg["ratio"]) for leg in spread["legs"]] == [("buy", 1), ("sell", 2)]
    assert (spread["role"], spread["amount"]) == ("taker", 250)
    (seen,) = trader.ok("private/get_block_rfqs", state="open", role="maker")["block_rfqs"]
    assert (seen["block_rfq_id"], seen["role"], "label" in seen) == (spread["block_rfq_id"], "maker", False)
    terms = {"block_rfq_id": spread["block_rfq_id"], "amount": 250, "direction": "sell"}
    dear = trader.ok("private/add_block_rfq_quote", **terms, legs=legs_of(spread, 0.06, 0.01), label="dear")
    good = trader.ok("private/add_block_rfq_quote", **terms, legs=legs_of(spread, 0.055, 0.01))
    assert (dear["price"], good["price"], good["quote_state"]) == (0.04, 0.035, "open")
    better = legs_of(spread, 0.0545, 0.01)
    edited = trader.ok(
        "private/edit_block_rfq_quote", block_rfq_quote_id=good["block_rfq_quote_id"], amount=250, legs=better
    )
    assert (edited["price"], edited["replaced"]) == (0.0345, True)
    assert [quote["price"] for quote in other.heard("block_rfq.taker.any")[-1]["asks"]] == [0.0345, 0.04]
    take = {
        "block_rfq_id": spread["block_rfq_id"],
        "price": 0.0345,
        "amount": 250,
        "direction": "buy",
        "legs": spread["legs"],
        "time_in_force": "fill_or_kill",
    }
    assert other.code("private/accept_block_rfq", **take) == 11030
    desk.now_ns += 5 * SECOND
    assert other.code("private/accept_block_rfq", **(take | {"price": 0.034})) == 11030
    assert trader.code("private/accept_block_rfq", **take) == 13021
    (block,) = other.ok("private/accept_block_rfq", **take)["block_trades"]
    got = [(row["direction"], row["amount"], row["price"]) for row in block["trades"]]
    assert got == [("buy", 250, 0.0545), ("sell", 500, 0.01)]
    assert [trader.position(leg["instrument_name"])["size"] for leg in spread["legs"]] == [-250, 500]
    assert [other.position(leg["instrument_name"])["size"] for leg in spread["legs"]] == [250, -500]
    assert trader.heard("block_rfq.maker.any")[-1]["state"] == "filled"
    states = {
        quote["block_rfq_quote_id"]: quote["quote_state"]
        for quotes in trader.heard("block_rfq.maker.quotes.ETH")
        for quote in quotes
    }
    assert states == {dear["block_rfq_quote_id"]: "cancelled", good["block_rfq_quote_id"]: "filled"}
    (told,) = trader.heard("block_rfq.trades.eth")
    (public,) = trader.ok("public/get_block_rfq_trades", currency="ETH")["block_rfqs"]
    assert told == public
    assert public["trades"] == [{"price": 0.0345, "amount": 250, "direction": "buy"}]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": 251}, -32602),
        ({"amount": 100, "execution_instruction": "all_or_none"}, -32602),
        ({"block_rfq_id": 1}, 13020),
        ({"expires_at": 1}, 13888),
        ({"hedge": "{}"}, 10033),
        ({"legs": []}, -32602),
        ({"direction": "both"}, -32602),
    ],
)
def test_quotes_that_cannot_be_meant(trader, spread, changes, code):
    """Each is refused with its code, and no quote stands."""
    terms = {"block_rfq_id": spread["block_rfq_id"], "amount": 250, "direction": "sell"}
    terms |= {"legs": legs_of(spread, 0.06, 0.01)}
    assert trader.code("private/add_block_rfq_quote", **(terms | changes)) == code
    assert trader.ok("private/get_block_rfq_quotes") == []


def test_quotes_are_withdrawn_and_expire(desk, trader, spread):
    """By id, by label, all of them, with their own time, or with the RFQ."""
    terms = {"block_rfq_id": spread["block_rfq_id"], "amount": 250, "direction": "buy"}
    terms |= {"legs": legs_of(spread, 0.03, 0.01)}
    add = "private/add_block_rfq_quote"
    first = trader.ok(add, **terms)
    trader.ok(add, **terms, label="second")
    gone = trader.ok("private/cancel_block_rfq_quote", block_rfq_quote_id=first["block_rfq_quote_id"])
    assert (gone["quote_state"], gone["quote_state_reason"]) == ("cancelled", "user_request")
    trader.ok("private/cancel_block_rfq_quote", block_rfq_id=spread["block_rfq_id"], label="second")
    trader.ok(add, **terms)
    assert trader.ok("private/cancel_all_block_rfq_quotes") == 1
    trader.ok(add, **terms, expires_at=desk.now_ns // MS + 1000)
    desk.wait(SECOND)
    assert trader.ok("private/get_block_rfq_quotes") == []
    desk.wait(300 * SECOND)
    assert [row["state"] for row in trader.ok("private/get_block_rfqs")["block_rfqs"]] == ["expired"]
    assert trader.code(add, **terms) == 11030


def test_protection_of_block_rfqs_is_its_own(desk, trader, other, spread):
    """A block that trips it takes the maker's other quotes along, and keeps new ones out."""
    trader.ok("private/set_mmp_config", **(MMP | {"block_rfq": True, "quantity_limit": 100}))
    trader.subscribe("user.mmp_trigger.eth_usd")
    terms = {"block_rfq_id": spread["block_rfq_id"], "amount": 250, "direction": "sell"}
    terms |= {"legs": legs_of(spread, 0.06, 0.01)}
    name = spread["legs"][0]["instrument_name"]
    single = [{"instrument_name": name, "amount": 250, "direction": "buy"}]
    second = other.ok("private/create_block_rfq", legs=single)
    other_terms = {"block_rfq_id": second["block_rfq_id"], "amount": 250, "direction": "sell"}
    trader.ok("private/add_block_rfq_quote", **terms)
    trader.ok("private/add_block_rfq_quote", **other_terms, legs=legs_of(second, 0.06))
    desk.now_ns += 5 * SECOND
    take = {"price": 0.04, "amount": 250, "direction": "buy", "time_in_force": "fill_or_kill"}
    other.ok("private/accept_block_rfq", block_rfq_id=spread["block_rfq_id"], legs=spread["legs"], **take)
    (trigger,) = trader.heard("user.mmp_trigger.eth_usd")
    assert trigger["block_rfq"] is True
    assert trader.ok("private/get_block_rfq_quotes") == []
    assert trader.code("private/add_block_rfq_quote", **other_terms, legs=legs_of(second, 0.06)) == 13030


def test_practice_takers_ask_and_take(desk, trader):
    """The market's takers ask for blocks of listed options and take the best quote that is good enough."""
    option = next(item for item in desk.market.listings.values() if item.kind == "option" and item.underlying == "ETH")
    fair = desk.market.state(option.name).mark
    asked = {
        "now_ns": desk.now_ns,
        "rfq_id": "r",
        "chain_id": 1,
        "asset": "",
        "symbol": "",
        "underlying": "ETH",
        "expiry_s": option.expiry_s,
        "strike": option.strike,
        "is_put": option.option_type == "P",
        "quantity": Decimal(1),
        "is_taker_buy": True,
        "taker": "",
        "usd": "",
        "collateral": "",
        "rivals": (),
    }
    trader.subscribe("block_rfq.maker.ETH")
    desk.venue.on_market([RfqArrival(**asked, reserve=fair * 2)], desk.now_ns)
    (rfq,) = trader.heard("block_rfq.maker.ETH")
    name = rfq["legs"][0]["instrument_name"]
    terms = {"block_rfq_id": rfq["block_rfq_id"], "amount": rfq["amount"], "direction": "sell"}
    trader.ok("private/add_block_rfq_quote", **terms, legs=legs_of(rfq, priced(trader, name, 1)))
    desk.wait(9 * SECOND)
    assert trader.position(name)["size"] == 0
    desk.wait(SECOND)
    assert trader.position(name)["size"] == -rfq["amount"]
    assert trader.heard("block_rfq.maker.ETH")[-1]["state"] == "filled"
    desk.venue.on_market([RfqArrival(**asked, reserve=fair / 2)], desk.now_ns)
    desk.wait(10 * SECOND)
    assert trader.heard("block_rfq.maker.ETH")[-1]["state"] == "expired"


def test_the_protected_perpetual_counts_coins(trader, other):
    """A perpetual's dollars count as the coins that they are."""
    trader.ok("private/set_mmp_config", **MMP)
    trader.order("sell", 20_000, 2940, mmp=True)
    other.order("buy", 8000, 2940)
    assert len(trader.open_orders()) == 1
    other.order("buy", 1000, 2940)
    assert trader.ok("private/get_open_orders_by_instrument", instrument_name=PERP) == []
