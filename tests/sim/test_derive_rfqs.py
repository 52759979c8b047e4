"""The RFQ system of practice Derive: asked, quoted, replaced, taken and ended, by both generations' clients."""

import uuid
from decimal import Decimal

import pytest
from derive_trader import KEY, SECOND, Desk, Trader, e18, sign_action, text
from eth_abi.abi import encode
from eth_account import Account as EthAccount
from eth_utils import keccak

from atomizer.sim.derive import PRACTICE_ACCOUNT, V2, V3
from atomizer.sim.derive.rfq_takers import DECIDES_AFTER_NS
from atomizer.sim.market import RfqArrival, Rival

WINDOW_S = 600
LEGS_TYPE = "(address,uint256,uint256,int256)[]"


@pytest.fixture(params=[V2, V3], ids=["v2", "v3"])
def dialect(request):
    return request.param


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def maker(desk, dialect):
    trader = desk.trader(dialect)
    assert trader.ok("private/get_account", wallet=PRACTICE_ACCOUNT.wallet)["is_rfq_maker"]
    wallet = PRACTICE_ACCOUNT.wallet
    trader.ok("subscribe", channels=[f"{wallet}.rfqs", f"{trader.subaccount_id}.quotes"])
    return trader


@pytest.fixture
def taker(desk, dialect):
    return desk.other(dialect)


def spread(desk, amount="2"):
    """Buy the call nearest to the money, sell the put of the same strike: two legs, sorted by name."""
    call = desk.option()
    put = call[:-1] + "P"
    return [
        {"instrument_name": call, "direction": "buy", "amount": amount},
        {"instrument_name": put, "direction": "sell", "amount": amount},
    ]


def single(desk, amount="2"):
    return spread(desk, amount)[:1]


def priced(desk, legs, ticks=0):
    return [leg | {"price": text(desk.at(ticks, leg["instrument_name"]))} for leg in legs]


def encoded_legs(trader, legs, maker_direction):
    """As the module has them: address, sub_id, price, and the amount with both signs."""
    rows = []
    for leg in legs:
        record = trader.desk.record(leg["instrument_name"], trader.dialect)
        sign = (1 if leg["direction"] == "buy" else -1) * (1 if maker_direction == "buy" else -1)
        amount = sign * e18(leg["amount"])
        rows.append((record["base_asset_address"], int(record["base_asset_sub_id"]), e18(leg["price"]), amount))
    return rows


def signed(trader, params, data):
    return params | {"signature": sign_action(params, data, trader, trader.dialect.network.rfq_module)}


def common(trader, rfq, direction, legs, changes):
    trader.desk.nonces += 1
    nonce = trader.desk.now_ns + trader.desk.nonces if trader.dialect.nonce_is_text else trader.desk.ms_nonce()
    return {
        "subaccount_id": trader.subaccount_id,
        "rfq_id": rfq["rfq_id"],
        "direction": direction,
        "legs": legs,
        "max_fee": "100",
        "nonce": nonce,
        "signer": trader.signer,
        "signature_expiry_sec": trader.desk.now_ns // SECOND + 700,
    } | changes


def quote_params(maker, rfq, direction, legs, **changes):
    params = common(maker, rfq, direction, legs, changes)
    rows = encoded_legs(maker, params["legs"], direction)
    return signed(maker, params, encode([f"(uint256,{LEGS_TYPE})"], [(e18(params["max_fee"]), rows)]))


def execute_params(taker, rfq, quote, **changes):
    direction = "sell" if quote["direction"] == "buy" else "buy"
    params = common(taker, rfq, direction, quote["legs"], {"quote_id": quote["quote_id"]} | changes)
    rows = encoded_legs(taker, params["legs"], quote["direction"])
    data = encode(["bytes32", "uint256"], [keccak(encode([LEGS_TYPE], [rows])), e18(params["max_fee"])])
    return signed(taker, params, data)


def asked(taker, legs, **changes):
    return taker.own("private/send_rfq", legs=legs, **changes)


def test_an_rfq_is_shown_to_makers_without_what_is_the_takers_own(desk, maker, taker):
    """Makers hear of it at once and can poll it: legs and window, not label, limits or direction."""
    rfq = asked(taker, spread(desk), label="mine", max_total_cost="500")
    [[shown]] = maker.heard(f"{PRACTICE_ACCOUNT.wallet}.rfqs")
    assert maker.own("private/poll_rfqs", status="open")["rfqs"] == [shown]
    assert (shown["rfq_id"], shown["legs"], shown["status"]) == (rfq["rfq_id"], spread(desk), "open")
    assert shown["valid_until"] == rfq["creation_timestamp"] + WINDOW_S * 1000
    assert not {"label", "max_total_cost", "mark_total_cost", "counterparties"} & shown.keys()
    assert (rfq["label"], rfq["max_total_cost"]) == ("mine", "500")
    assert taker.code("private/poll_rfqs", subaccount_id=taker.subaccount_id) == 14027
    assert maker.own("private/poll_rfqs", rfq_id=str(uuid.uuid4()))["rfqs"] == []


def test_an_rfq_can_be_for_some_makers_only(desk, maker, taker):
    """Whoever is not named sees nothing and may not quote."""
    rfq = asked(taker, spread(desk), counterparties=["0x" + "ab" * 20])
    assert maker.heard(f"{PRACTICE_ACCOUNT.wallet}.rfqs") == []
    assert maker.own("private/poll_rfqs")["rfqs"] == []
    params = quote_params(maker, rfq, "buy", priced(desk, spread(desk)))
    assert maker.code("private/send_quote", **params) == 11106


@pytest.mark.parametrize(
    ("bend", "code"),
    [
        (lambda legs: legs[::-1], -32602),
        (lambda legs: [legs[0], legs[0]], 11100),
        (lambda legs: legs[:0], -32602),
        (lambda legs: [legs[0] | {"amount": "0.001"}], 11012),
        (lambda legs: [legs[0] | {"instrument_name": "ETH-20200101-100-C"}], 12001),
        (lambda legs: [{"instrument_name": "BTC-PERP", "direction": "buy", "amount": "1"}, legs[0]], 14028),
    ],
)
def test_a_structure_that_cannot_be_is_refused(desk, taker, bend, code):
    """Unsorted, doubled, empty, off the lot, unknown, or of two currencies."""
    assert taker.code("private/send_rfq", subaccount_id=taker.subaccount_id, legs=bend(spread(desk))) == code


@pytest.mark.parametrize("direction", ["buy", "sell"])
def test_a_quote_is_taken_and_both_sides_hold_the_legs(desk, maker, taker, direction):
    """The maker's direction flips or keeps every leg; cash moves by the prices, fees are each side's own."""
    rfq = asked(taker, spread(desk))
    quote = maker.ok("private/send_quote", **quote_params(maker, rfq, direction, priced(desk, spread(desk))))
    assert (quote["status"], quote["liquidity_role"], quote["legs"]) == ("open", "maker", priced(desk, spread(desk)))
    [polled] = taker.own("private/poll_quotes", rfq_id=rfq["rfq_id"])["quotes"]
    assert polled["wallet"] == PRACTICE_ACCOUNT.wallet
    assert not {"max_fee", "signature", "label", "nonce"} & polled.keys()
    done = taker.ok("private/execute_quote", **execute_params(taker, rfq, polled))
    assert (done["status"], done["liquidity_role"], done["legs_hash"]) == ("filled", "taker", quote["legs_hash"])
    told = [row for rows in maker.heard(f"{maker.subaccount_id}.quotes") for row in rows]
    assert [row["status"] for row in told] == ["open", "filled"]
    sign = 1 if direction == "buy" else -1
    for trader, way in ((maker, sign), (taker, -sign)):
        held = {leg["instrument_name"]: trader.position(leg["instrument_name"])["amount"] for leg in spread(desk)}
        assert [Decimal(amount) for amount in held.values()] == [2 * way, -2 * way]
        trades = trader.own("private/get_trade_history", quote_id="is_quote")["trades"]
        assert {Decimal(trade["trade_amount"]) for trade in trades} == {2}
        assert {trade["liquidity_role"] for trade in trades} == {"maker" if trader is maker else "taker"}
        [own] = trader.own("private/get_quotes", rfq_id=rfq["rfq_id"])["quotes"]
        assert sum(Decimal(trade["trade_fee"]) for trade in trades) == Decimal(own["fee"])
        assert {trade["quote_id"] for trade in trades} == {own["quote_id"]}
    assert taker.own("private/get_rfqs")["rfqs"][0]["filled_direction"] == ("sell" if direction == "buy" else "buy")
    assert taker.own("private/get_trade_history", quote_id="is_not_quote")["trades"] == []
    assert taker.code("private/execute_quote", **execute_params(taker, rfq, polled)) == 11104


def test_fees_are_the_takers_rate_and_grouped(desk, maker, taker):
    """Of two groups the dearer pays in full and the other nothing; the base fee is the taker's."""
    rfq = asked(taker, spread(desk))
    quote = maker.ok("private/send_quote", **quote_params(maker, rfq, "sell", priced(desk, spread(desk))))
    done = taker.ok("private/execute_quote", **execute_params(taker, rfq, quote))
    [own] = maker.own("private/get_quotes")["quotes"]
    each = [
        min(Decimal("0.0003") * desk.index() * 2, Decimal("0.125") * Decimal(leg["price"]) * 2)
        for leg in priced(desk, spread(desk))
    ]
    assert Decimal(own["fee"]) == max(each)
    assert Decimal(done["fee"]) == max(each) + Decimal("0.5")


@pytest.mark.parametrize(
    ("bend", "code"),
    [
        (lambda legs: legs[:1], 11103),
        (lambda legs: legs[::-1], 11103),
        (lambda legs: [legs[0] | {"amount": "3"}, legs[1]], 11103),
        (lambda legs: [legs[0] | {"direction": "sell"}, legs[1]], 11103),
        (lambda legs: [legs[0] | {"price": "1.00001"}, legs[1]], 11013),
        (lambda legs: [legs[0] | {"price": "0"}, legs[1]], 11013),
        (lambda legs: [legs[0] | {"price": "99999"}, legs[1]], 11107),
    ],
)
def test_a_quote_must_repeat_the_structure_at_possible_prices(desk, maker, taker, bend, code):
    """Legs as asked, directions unflipped, prices on the tick and within the band."""
    rfq = asked(taker, spread(desk))
    params = quote_params(maker, rfq, "buy", bend(priced(desk, spread(desk))))
    assert maker.code("private/send_quote", **params) == code


def test_a_quote_that_was_tampered_with_is_refused(desk, maker, taker):
    """Each signed field is part of the signature: direction, price, amount, fee, nonce, expiry."""
    rfq = asked(taker, single(desk))
    legs = priced(desk, single(desk))
    params = quote_params(maker, rfq, "sell", legs)
    for change in (
        {"direction": "buy"},
        {"legs": priced(desk, single(desk), ticks=1)},
        {"max_fee": "99"},
        {"nonce": params["nonce"] + 1},
        {"signature_expiry_sec": params["signature_expiry_sec"] + 1},
    ):
        assert maker.code("private/send_quote", **(params | change)) == 14014
    maker.ok("private/send_quote", **params)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"max_fee": "0.01"}, 11023),
        ({"rfq_id": str(uuid.UUID(int=1))}, 11101),
    ],
)
def test_a_quote_with_wrong_terms_is_refused(desk, maker, taker, change, code):
    """Too low a fee, or an RFQ that is not there."""
    rfq = asked(taker, single(desk))
    params = quote_params(maker, rfq | change, "sell", priced(desk, single(desk)), **change)
    assert maker.code("private/send_quote", **params) == code


def test_a_signature_must_outlive_its_use(desk, maker, taker, dialect):
    """A quote or an execution below the least life is refused; a quote ends three hundred seconds before its life."""
    rfq = asked(taker, single(desk))
    least = desk.now_ns // SECOND + dialect.quote_life_s
    legs = priced(desk, single(desk))
    short = quote_params(maker, rfq, "sell", legs, signature_expiry_sec=least - 1)
    assert maker.code("private/send_quote", **short) == 11011
    quote = maker.ok("private/send_quote", **quote_params(maker, rfq, "sell", legs, signature_expiry_sec=least))
    short = execute_params(taker, rfq, quote, signature_expiry_sec=least - 1)
    assert taker.code("private/execute_quote", **short) == 11011
    desk.wait((dialect.quote_life_s - 300) * SECOND)
    assert taker.code("private/execute_quote", **execute_params(taker, rfq, quote)) == 11104
    assert maker.own("private/get_quotes")["quotes"][0]["status"] == "expired"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda quote: {"direction": quote["direction"]}, 11105),
        (lambda quote: {"legs": [quote["legs"][0] | {"price": "1"}]}, 11103),
        (lambda _quote: {"quote_id": str(uuid.UUID(int=2))}, 11102),
        (lambda _quote: {"max_fee": "0.5"}, 11023),
    ],
)
def test_an_execution_must_face_its_quote(desk, maker, taker, change, code):
    """Opposite direction, the quote's own legs and prices, a quote that is there, and a fee that suffices."""
    rfq = asked(taker, single(desk))
    quote = maker.ok("private/send_quote", **quote_params(maker, rfq, "sell", priced(desk, single(desk))))
    params = execute_params(taker, rfq, quote, **change(quote))
    assert taker.code("private/execute_quote", **params) == code


def test_a_quote_of_another_rfq_cannot_be_taken_for_this_one(desk, maker, taker):
    """The quote's RFQ must be the one that is named."""
    first, second = asked(taker, single(desk)), asked(taker, single(desk))
    quote = maker.ok("private/send_quote", **quote_params(maker, first, "sell", priced(desk, single(desk))))
    assert taker.code("private/execute_quote", **execute_params(taker, second, quote)) == 11105


def test_one_quote_a_direction_which_is_replaced_not_repeated(desk, maker, taker):
    """A buy and a sell stand side by side; another sell only in place of the first, by id or by nonce."""
    rfq = asked(taker, single(desk))
    legs = [priced(desk, single(desk), ticks) for ticks in range(4)]
    maker.ok("private/send_quote", **quote_params(maker, rfq, "buy", legs[0]))
    old = maker.ok("private/send_quote", **quote_params(maker, rfq, "sell", legs[3]))
    assert maker.code("private/send_quote", **quote_params(maker, rfq, "sell", legs[2])) == -32602
    params = quote_params(maker, rfq, "sell", legs[2]) | {"quote_id_to_cancel": old["quote_id"]}
    done = maker.ok("private/replace_quote", **params)
    assert (done["cancelled_quote"]["quote_id"], done["cancelled_quote"]["status"]) == (old["quote_id"], "cancelled")
    assert done["quote"]["legs"] == legs[2]
    nonce = int(done["quote"]["nonce"])
    again = maker.ok(
        "private/replace_quote", **(quote_params(maker, rfq, "sell", legs[1]) | {"nonce_to_cancel": nonce})
    )
    best = taker.own("private/rfq_get_best_quote", legs=single(desk), rfq_id=rfq["rfq_id"], direction="buy")
    assert best["best_quote"]["quote_id"] == again["quote"]["quote_id"]
    assert maker.code("private/replace_quote", **params) == 11104


def test_a_replacement_that_cannot_be_created_is_a_result(desk, maker, taker):
    """The old quote stays cancelled, and the answer says why there is no new one."""
    rfq = asked(taker, single(desk))
    old = maker.ok("private/send_quote", **quote_params(maker, rfq, "sell", priced(desk, single(desk))))
    params = quote_params(maker, rfq, "sell", priced(desk, single(desk)), max_fee="0")
    done = maker.ok("private/replace_quote", **(params | {"quote_id_to_cancel": old["quote_id"]}))
    assert (done["cancelled_quote"]["status"], done["quote"]) == ("cancelled", None)
    assert done["create_quote_error"]["code"] == 11023
    assert maker.own("private/get_quotes", status="open")["quotes"] == []


def test_limits_of_the_taker_hide_quotes(desk, maker, taker):
    """A quote dearer than the taker pays is neither polled nor best."""
    rfq = asked(taker, single(desk), max_total_cost="1")
    maker.ok("private/send_quote", **quote_params(maker, rfq, "sell", priced(desk, single(desk))))
    assert taker.own("private/poll_quotes")["quotes"] == []
    best = taker.own("private/rfq_get_best_quote", legs=[], rfq_id=rfq["rfq_id"])
    assert (best["best_quote"], best["is_valid"]) == (None, False)


def test_the_best_quote_is_the_cheapest_for_that_side(desk, maker, taker):
    """What it would cost, and a fee cap that suffices for it."""
    rfq = asked(taker, single(desk))
    for direction, ticks in (("buy", -2), ("sell", 2)):
        maker.ok("private/send_quote", **quote_params(maker, rfq, direction, priced(desk, single(desk), ticks)))
    for direction, ticks in (("buy", 2), ("sell", -2)):
        best = taker.own("private/rfq_get_best_quote", legs=[], rfq_id=rfq["rfq_id"], direction=direction)
        [leg] = best["best_quote"]["legs"]
        assert leg == priced(desk, single(desk), ticks)[0]
        sign = 1 if direction == "buy" else -1
        assert Decimal(best["estimated_total_cost"]) == sign * 2 * Decimal(leg["price"])
        assert Decimal(best["suggested_max_fee"]) > Decimal(best["estimated_fee"]) > 0


def test_quotes_are_cancelled_one_by_one_or_by_what_they_share(desk, maker, taker):
    """By id; by RFQ, label or nonce; or all."""
    rfqs = [asked(taker, single(desk)) for _ in range(2)]
    legs = priced(desk, single(desk))
    quotes = [
        maker.ok("private/send_quote", **quote_params(maker, rfq, way, legs, label=f"{way}s"))
        for rfq in rfqs
        for way in ("buy", "sell")
    ]
    ids = [quote["quote_id"] for quote in quotes]
    assert maker.own("private/cancel_quote", quote_id=ids[0])["status"] == "cancelled"
    assert maker.code("private/cancel_quote", subaccount_id=maker.subaccount_id, quote_id=ids[0]) == 11104
    assert maker.code("private/cancel_quote", subaccount_id=maker.subaccount_id, quote_id="none") == 11102
    cancelled = maker.own("private/cancel_batch_quotes", label="sells", rfq_id=rfqs[0]["rfq_id"])
    assert cancelled == {"cancelled_ids": [ids[1]]}
    assert maker.own("private/cancel_batch_quotes", nonce=int(quotes[2]["nonce"])) == {"cancelled_ids": [ids[2]]}
    assert maker.own("private/cancel_batch_quotes") == {"cancelled_ids": [ids[3]]}


def test_an_rfq_that_ends_takes_its_quotes_along(desk, maker, taker):
    """Taken back by its taker, or after its window."""
    rfqs = [asked(taker, single(desk)) for _ in range(2)]
    for rfq in rfqs:
        maker.ok("private/send_quote", **quote_params(maker, rfq, "sell", priced(desk, single(desk))))
    assert taker.own("private/cancel_rfq", rfq_id=rfqs[0]["rfq_id"]) == "ok"
    assert taker.code("private/cancel_rfq", subaccount_id=taker.subaccount_id, rfq_id=rfqs[0]["rfq_id"]) == 11104
    reasons = [quote["cancel_reason"] for quote in maker.own("private/get_quotes")["quotes"]]
    assert reasons == ["", "rfq_no_longer_open"]
    desk.wait(WINDOW_S * SECOND)
    assert [rfq["status"] for rfq in taker.own("private/get_rfqs")["rfqs"]] == ["expired", "cancelled"]
    assert maker.code("private/send_quote", **quote_params(maker, rfqs[1], "sell", priced(desk, single(desk)))) == 11104
    assert taker.own("private/cancel_batch_rfqs") == {"cancelled_ids": []}


def test_a_maker_that_cannot_pay_loses_its_quote(desk, taker, dialect):
    """Margin is looked at when the quote comes, and again when it is taken."""
    maker = desk.trader(dialect)
    rfq = asked(taker, single(desk, "100"))
    quote = maker.ok("private/send_quote", **quote_params(maker, rfq, "sell", priced(desk, single(desk, "100"))))
    name = single(desk)[0]["instrument_name"]
    desk.ladder(bids=[(0, "5000")], name=name)
    for amount in ("1000", "100", "50"):  # until there is no room for a hundred more
        while "result" in maker.send("private/order", maker.params("sell", amount, desk.at(0, name), name)):
            desk.now_ns += SECOND
    assert taker.code("private/execute_quote", **execute_params(taker, rfq, quote)) == 11104
    assert maker.own("private/get_quotes")["quotes"][0]["cancel_reason"] == "insufficient_margin"
    again = quote_params(maker, asked(taker, single(desk, "100")), "sell", priced(desk, single(desk, "100")))
    assert maker.code("private/send_quote", **again) == 11000


def test_protection_and_disconnect_take_quotes_away(desk, maker, taker):
    """A protected quote counts when it trades and goes when protection trips; a lost socket takes the rest."""
    maker.own("private/set_mmp_config", currency="ETH", mmp_interval=1000, mmp_frozen_time=0, mmp_amount_limit="1")
    rfqs = [asked(taker, single(desk)) for _ in range(3)]
    legs = priced(desk, single(desk))
    quotes = [
        maker.ok("private/send_quote", **quote_params(maker, rfq, "sell", legs, mmp=is_protected))
        for rfq, is_protected in zip(rfqs, [True, True, False], strict=True)
    ]
    taker.ok("private/execute_quote", **execute_params(taker, rfqs[0], quotes[0]))
    reasons = [quote["cancel_reason"] for quote in maker.own("private/get_quotes")["quotes"]]
    assert reasons == ["", "mmp_trigger", ""]
    assert maker.code("private/send_quote", **quote_params(maker, rfqs[1], "sell", legs, mmp=True)) == 11015
    wallet = {} if maker.dialect.is_v3 else {"wallet": PRACTICE_ACCOUNT.wallet}
    maker.ok("private/set_cancel_on_disconnect", enabled=True, **wallet)
    again = Trader(desk, maker.dialect, PRACTICE_ACCOUNT, KEY)
    desk.venue.disconnect(again.connection, desk.now_ns)
    assert maker.own("private/get_quotes")["quotes"][0]["cancel_reason"] == "cancel_on_disconnect"


def test_the_debug_methods_say_what_should_have_been_signed(desk, maker, taker):
    """Their digests are what eth-account makes of the same quote and execution."""
    rfq = asked(taker, spread(desk))
    params = quote_params(maker, rfq, "sell", priced(desk, spread(desk)))
    digest = maker.ok("public/send_quote_debug", **params)["typed_data_hash"]
    assert EthAccount._recover_hash(digest, signature=params["signature"]) == maker.signer
    quote = maker.ok("private/send_quote", **params)
    params = execute_params(taker, rfq, quote)
    made = taker.ok("public/execute_quote_debug", **params)
    assert EthAccount._recover_hash(made["typed_data_hash"], signature=params["signature"]) == taker.signer
    assert made["legs_hash"] == quote["legs_hash"]


def arrival(desk, rfq_id, *, is_taker_buy, reserve, limit):
    listing = desk.market.listings[desk.option()]
    price = {"price": limit, "limit": limit}
    return RfqArrival(
        now_ns=desk.now_ns,
        rfq_id=rfq_id,
        chain_id=1,
        asset="0x" + "00" * 20,
        symbol="WETH",
        underlying=listing.underlying,
        expiry_s=listing.expiry_s,
        strike=listing.strike,
        is_put=False,
        quantity=Decimal("2.0004"),
        is_taker_buy=is_taker_buy,
        taker="0x" + "ee" * 20,
        usd="0x" + "00" * 20,
        collateral="0x" + "00" * 20,
        rivals=(Rival(maker="rival", delay_ms=100, reaction_ms=100, **price),),
        reserve=reserve,
    )


@pytest.mark.parametrize(("ticks", "is_taken"), [(-1, True), (0, True), (1, False)])
@pytest.mark.parametrize("is_taker_buy", [True, False])
def test_a_practice_taker_trades_with_whoever_beats_the_others(desk, maker, ticks, is_taken, is_taker_buy):
    """It asks without saying its side, waits, and takes the best quote if no other maker would come to that price."""
    option, way = desk.option(), 1 if is_taker_buy else -1
    limit, reserve = desk.at(way, option), desk.at(5 * way, option)
    event = arrival(desk, f"{uuid.UUID(int=1)}", is_taker_buy=is_taker_buy, reserve=reserve, limit=limit)
    desk.venue.on_market([event], desk.now_ns)
    [[rfq]] = maker.heard(f"{PRACTICE_ACCOUNT.wallet}.rfqs")
    assert rfq["legs"] == single(desk)
    legs = priced(desk, rfq["legs"], ticks=way * (ticks + 1))
    quote = maker.ok("private/send_quote", **quote_params(maker, rfq, "sell" if is_taker_buy else "buy", legs))
    desk.wait(DECIDES_AFTER_NS)
    told = [row["status"] for rows in maker.heard(f"{maker.subaccount_id}.quotes") for row in rows]
    assert told == ["open", "filled" if is_taken else "cancelled"]
    if is_taken:
        [trade] = maker.own("private/get_trade_history", quote_id=quote["quote_id"])["trades"]
        assert (trade["trade_price"], trade["direction"]) == (legs[0]["price"], quote["direction"])


def test_a_practice_taker_may_ask_for_a_spread(desk, maker):
    """Two strikes of one series, one bought and one sold, and the whole is priced."""
    option = desk.option()
    event = arrival(
        desk, f"{uuid.UUID(int=4)}", is_taker_buy=True, reserve=desk.at(9, option), limit=desk.at(9, option)
    )
    desk.venue.on_market([event], desk.now_ns)
    [[rfq]] = maker.heard(f"{PRACTICE_ACCOUNT.wallet}.rfqs")
    names = [leg["instrument_name"] for leg in rfq["legs"]]
    assert names == sorted(names)
    assert {leg["direction"] for leg in rfq["legs"]} == {"buy", "sell"}
    maker.ok("private/send_quote", **quote_params(maker, rfq, "sell", priced(desk, rfq["legs"])))
    desk.wait(DECIDES_AFTER_NS)
    assert [position["amount"] for position in maker.own("private/get_positions")["positions"]] != []


def test_a_practice_taker_wants_only_what_is_listed(desk, maker):
    """An RFQ for what this venue does not list is not asked here."""
    event = arrival(desk, f"{uuid.UUID(int=1)}", is_taker_buy=True, reserve=Decimal(1), limit=Decimal(1))
    object.__setattr__(event, "strike", Decimal("1234.5"))
    desk.venue.on_market([event], desk.now_ns)
    assert maker.heard(f"{PRACTICE_ACCOUNT.wallet}.rfqs") == []
