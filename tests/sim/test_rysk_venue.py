"""Quotes, trades and money at practice Rysk, frame by frame, under a clock that the test holds."""

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rysk_maker import (
    KEY,
    MAKER,
    NOW_NS,
    OTHER_KEY,
    OTHER_MAKER,
    RFQ_ID,
    SECOND_NS,
    START_NS,
    TAKER,
    USDC,
    VECTORS,
    WETH,
    WIRE_EXAMPLE,
    Desk,
    arrival,
    call,
    code_of,
    e18,
    quote_params,
    rival,
    transfer_params,
)

from atomizer.sim.rysk.accounts import OPENING_USD
from atomizer.sim.rysk.chains import CHAINS

MS = 1_000_000


@pytest.fixture
def desk():
    return Desk()


def test_rfq_broadcast_has_the_published_shape(desk):
    """An RFQ goes to the sockets of its asset, id = rfqId, scaled as published, isTakerBuy left out when false."""
    desk.venue.on_market([arrival(desk.market)], START_NS)
    (frame,) = desk.sent(desk.rfqs)
    example = {
        "asset": WETH,
        "assetName": "WETH",
        "chainId": 84532,
        "expiry": 1751011200,
        "isPut": False,
        "quantity": "1000000000000000000",
        "strike": "260000000000",
        "taker": TAKER,
        "usd": USDC,
        "collateralAsset": WETH,
        "auctionDeadline": 1_750_000_002_000,
    }
    assert frame == {"jsonrpc": "2.0", "id": RFQ_ID, "result": example}


def test_rfq_reaches_only_the_exact_lower_case_asset(desk):
    """A socket for an unlisted or mixed-case address opens and never hears of an RFQ."""
    mixed = desk.venue.connect("/rfqs/0xB67bfa7b488df4f2efa874f4e59242e9130ae61f")
    unlisted = desk.venue.connect("/rfqs/0x0000000000000000000000000000000000000001")
    desk.venue.on_market([arrival(desk.market)], START_NS)
    assert {connection for connection, _ in desk.venue.drain()} == {desk.rfqs}
    assert mixed != unlisted


@pytest.mark.parametrize("path", ["/", "/maker/x", "/rfqs", "/rfqs/", "/rfq", "/admin"])
def test_unknown_path_has_no_socket(desk, path):
    """The venue has sockets for /rfqs/<asset>, /maker and /taker only."""
    assert desk.venue.connect(path) is None


def test_published_quote_is_accepted_and_best(desk):
    """The published quote, byte for byte, answers its RFQ with "OK"."""
    desk.open()
    assert desk.ask(desk.maker, WIRE_EXAMPLE) == {"jsonrpc": "2.0", "id": RFQ_ID, "result": "OK"}


@pytest.mark.parametrize(
    ("label", "answer"),
    [
        ("v3-base-sepolia-covered-call", {"result": "OK"}),
        ("v3-base-mainnet-taker-buy-call", {"result": "OK"}),
        ("v3-sdk-testQuote", {"error": -32003}),  # its maker is not its signer
        ("legacy-v2-quote", {"error": -32003}),
    ],
)
def test_published_quotes_are_judged_by_their_signer(desk, label, answer):
    """Published quotes of the current schema are accepted from their signer; others' and those of 2025 are refused."""
    message = {"usd": USDC, "collateralAsset": WETH} | VECTORS[label]["message"]
    chain_id, expiry_s, valid_until_s = (int(message[name]) for name in ("chainId", "expiry", "validUntil"))
    desk.open(
        chain_id=chain_id,
        asset=message["assetAddress"],
        expiry_s=expiry_s,
        strike=Decimal(message["strike"]) / 10**8,
        is_put=message["isPut"],
        quantity=Decimal(message["quantity"]) / 10**18,
        is_taker_buy=message["isTakerBuy"],
        usd=message["usd"],
        collateral=message["collateralAsset"],
    )
    numbers = {"chainId": chain_id, "expiry": expiry_s, "validUntil": valid_until_s}
    got = desk.quote(message | numbers | {"signature": VECTORS[label]["signature"]})
    assert ({"error": code_of(got)} if "error" in got else {"result": got["result"]}) == answer


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("assetAddress", USDC, -32011),
        ("assetAddress", "0xb67bfa7b488df4f2efa874f4e59242e9130ae61F", -32011),
        ("usd", WETH, -32011),
        ("usd", "0x98d56648c9b7f3cb49531F4135115b5000ab1733", -32011),
        ("collateralAsset", USDC, -32011),
        ("chainId", 8453, -32011),
        ("expiry", 1751011201, -32011),
        ("isPut", True, -32011),
        ("isTakerBuy", True, -32011),
        ("quantity", "2000000000000000000", -32011),
        ("strike", "260000000001", -32011),
        ("maker", "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23", -32003),
        ("maker", OTHER_MAKER, -32003),
        ("price", "12500000000000000001", -32003),
        ("nonce", "1750000000124", -32003),
        ("validUntil", 1750000031, -32003),
        ("validUntil", 1749999999, -32003),
        ("signature", VECTORS["legacy-v2-quote"]["signature"], -32003),
        ("signature", "0x00", -32003),
    ],
)
def test_any_single_field_changed_is_refused_with_its_code(desk, field, value, code):
    """An echoed field that differs is -32011 "asset mismatch"; anything else unsigned, late or mixed-case is -32003."""
    desk.open()
    frame = json.loads(WIRE_EXAMPLE)
    frame["params"][field] = value
    assert code_of(desk.ask(desk.maker, json.dumps(frame))) == code
    assert desk.ask(desk.maker, WIRE_EXAMPLE)["result"] == "OK"  # and it cost the maker nothing


def test_nonce_is_spent_for_ever(desk):
    """A second message with a nonce is refused, in another auction, a transfer, and for this maker only."""
    rfq = desk.open()
    assert desk.quote(quote_params(rfq, 10, 1))["result"] == "OK"
    assert code_of(desk.quote(quote_params(rfq, 11, 1))) == -32003
    desk.open(rfq_id="second")
    assert code_of(desk.quote(quote_params(rfq, 12, 1), rfq_id="second")) == -32003
    assert code_of(desk.ask(desk.maker, call("deposit", transfer_params(5, 1, is_deposit=True), "1"))) == -32003
    assert code_of(desk.quote(quote_params(rfq, 12, 1, key=OTHER_KEY), rfq_id="second")) == -32000  # its own, and poor


def test_quote_without_the_money_is_refused_by_text(desk):
    """A maker whose MMarket balance does not cover the premium is told so, and its nonce is spent."""
    rfq = desk.open()
    answer = desk.quote(quote_params(rfq, OPENING_USD, 1))
    assert answer["result"] == "OK"
    answer = desk.quote(quote_params(rfq, OPENING_USD + Decimal("0.0001"), 2))
    assert answer["error"]["message"] == "insufficient USDC balance"
    assert code_of(desk.quote(quote_params(rfq, 13, 2))) == -32003


def test_seller_needs_no_premium(desk):
    """When the taker buys, the maker receives the premium and needs no balance to quote."""
    rfq = desk.open(is_taker_buy=True, reserve=Decimal(100))
    assert rfq["isTakerBuy"] is True
    assert desk.quote(quote_params(rfq, 20, 1, key=OTHER_KEY))["result"] == "OK"


def test_quote_after_the_close_is_refused(desk):
    """The auction closes two seconds after its broadcast, and a quote for a closed or unknown RFQ is -32003."""
    rfq = desk.open()
    params = quote_params(rfq, 10, 1)
    assert code_of(desk.quote(params, now_ns=START_NS + 2 * SECOND_NS)) == -32003
    assert code_of(desk.quote(quote_params(rfq, 10, 2), rfq_id="unknown")) == -32003


def test_outbid_maker_is_notified_and_can_improve(desk):
    """A maker that another overtakes gets newBest and yours, may re-quote, and the other is notified in turn."""
    desk = Desk(opening_usd={MAKER: 100, OTHER_MAKER: 100})
    rfq = desk.open()
    assert desk.quote(quote_params(rfq, 10, 1))["result"] == "OK"
    desk.venue.receive(desk.other, call("quote", quote_params(rfq, 11, 1, key=OTHER_KEY), RFQ_ID), NOW_NS)
    pushed = {}
    for connection, frame in desk.venue.drain():
        pushed.setdefault(connection, []).append(json.loads(frame))
    notice = {"rfqId": RFQ_ID, "assetAddress": WETH, "chainId": 84532, "newBest": e18(11), "yours": e18(10)}
    assert pushed[desk.other] == [{"jsonrpc": "2.0", "id": RFQ_ID, "result": "OK"}]
    assert pushed[desk.maker] == [{"jsonrpc": "2.0", "id": RFQ_ID, "result": notice}]
    assert desk.quote(quote_params(rfq, 10.5, 2))["result"] == notice | {"yours": e18("10.5")}
    assert desk.quote(quote_params(rfq, 12, 3))["result"] == "OK"


def test_lowest_price_is_best_when_the_taker_buys(desk):
    """With isTakerBuy the lower quote wins, and a higher one is told so."""
    rfq = desk.open(is_taker_buy=True, reserve=Decimal(100), rivals=(rival(15),))
    desk.venue.tick(START_NS + 100 * MS)
    later_ns = START_NS + 150 * MS
    assert desk.quote(quote_params(rfq, 16, 1), now_ns=later_ns)["result"]["newBest"] == e18(15)
    assert desk.quote(quote_params(rfq, 14, 2), now_ns=later_ns)["result"] == "OK"


def test_rivals_outbid_by_themselves(desk):
    """A rival's improvement reaches the maker without the maker asking."""
    rfq = desk.open(rivals=(rival(10, limit=20, delay_ms=100, reaction_ms=200),))
    desk.venue.tick(START_NS + 100 * MS)
    assert desk.quote(quote_params(rfq, 12, 1), now_ns=START_NS + 150 * MS)["result"] == "OK"
    assert desk.venue.next_wake_ns() == START_NS + 350 * MS
    desk.venue.tick(START_NS + 350 * MS)
    (notice,) = desk.sent(desk.maker)
    assert notice["result"]["newBest"] == e18("12.024")
    assert notice["result"]["yours"] == e18(12)


def test_won_auction_is_a_trade_and_moves_the_money(desk):
    """The trade notice carries every published field, matched by quoteNonce; premium is debited, oTokens credited."""
    rfq = desk.open(quantity=Decimal("2.5"))
    params = quote_params(rfq, "12.5", 77)
    assert desk.quote(params)["result"] == "OK"
    desk.venue.tick(START_NS + 2 * SECOND_NS)
    (notice,) = desk.sent(desk.maker)
    trade = notice["result"]
    assert notice["id"] == "trade"
    assert {
        "maker": MAKER,
        "taker": TAKER,
        "assetAddress": WETH,
        "chainId": 84532,
        "expiry": 1751011200,
        "isPut": False,
        "isTakerBuy": False,
        "strike": "260000000000",
        "quantity": e18("2.5"),
        "price": e18("12.5"),
        "quoteNonce": "77",
        "quoteValidUntil": params["validUntil"],
        "quoteSignature": params["signature"],
        "createdAt": 1_750_000_002,
        "usd": USDC,
        "collateralAsset": WETH,
    }.items() <= trade.items()
    assert {"nonce", "signature", "validUntil", "apr", "txHash", "mark", "fees"} <= trade.keys()
    assert "rfqId" not in trade
    assert desk.balance_e18() == OPENING_USD * 10**18 - int(e18("31.25"))
    (position,) = desk.ask(desk.maker, call("positions", {"account": MAKER}, "positions"))["result"]
    assert (position["balance"], position["premium"]) == (e18("2.5"), e18("31.25"))
    assert position["strike"] == e18(2600)
    balances = desk.ask(desk.maker, call("balances", {"account": MAKER}, "balances"))["result"]
    assert balances[USDC] == str(OPENING_USD * 10**6 - 31_250_000)
    assert desk.venue.trades == [trade]


def test_sold_option_credits_the_premium_and_is_a_negative_position(desk):
    """When the taker buys, the maker's balance grows by the premium and its position and premium are negative."""
    rfq = desk.open(is_taker_buy=True, reserve=Decimal(100))
    desk.quote(quote_params(rfq, 20, 1))
    desk.venue.tick(START_NS + 2 * SECOND_NS)
    (row,) = desk.venue.accounts.positions(MAKER)
    assert (row["balance"], row["premium"]) == (e18(-1), e18(-20))
    assert desk.balance_e18() == OPENING_USD * 10**18 + int(e18(20))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(1, 10**21), st.integers(1, 10**20), st.integers(2000, 2003)), max_size=6
    )
)
def test_ledger_is_the_sum_of_its_trades(drawn):
    """Balances and positions always equal what the trade notices add up to, to the last digit, cents never lost."""
    desk = Desk()
    for number, (is_taker_buy, price_e18, quantity_e18, strike) in enumerate(drawn):
        rfq = desk.open(
            rfq_id=f"rfq-{number}",
            is_taker_buy=is_taker_buy,
            quantity=Decimal(quantity_e18) / 10**18,
            strike=Decimal(strike),
            reserve=Decimal(10**6) if is_taker_buy else Decimal(0),
        )
        desk.quote(quote_params(rfq, Decimal(price_e18) / 10**18, number), rfq_id=f"rfq-{number}")
    desk.venue.tick(START_NS + 2 * SECOND_NS)
    quantities, premium = {}, 0
    for trade in desk.venue.trades:
        series = trade["strike"] + "0" * 10
        exact = int(trade["price"]) * int(trade["quantity"])
        paid = -(exact // 10**18) if trade["isTakerBuy"] else -(-exact // 10**18)
        premium += paid
        quantities[series] = quantities.get(series, 0) + (-1 if trade["isTakerBuy"] else 1) * int(trade["quantity"])
    held = {row["strike"]: int(row["balance"]) for row in desk.venue.accounts.positions(MAKER)}
    assert len(desk.venue.trades) == len(drawn)
    assert held == quantities
    assert desk.balance_e18() == OPENING_USD * 10**18 - premium
    assert sum(int(row["premium"]) for row in desk.venue.accounts.positions(MAKER)) == premium


@pytest.mark.parametrize(("price", "trades"), [("11.99", 0), ("12", 1)])
def test_taker_walks_away_below_its_reserve(desk, price, trades):
    """The best quote trades only at the taker's reserve or better."""
    rfq = desk.open(reserve=Decimal(12))
    desk.quote(quote_params(rfq, price, 1))
    desk.venue.tick(START_NS + 2 * SECOND_NS)
    assert len(desk.venue.trades) == trades


def test_best_maker_out_of_money_at_the_close_loses_to_the_next(desk):
    """Balance is looked at again at the close: a maker that two wins would overdraw gets the first only."""
    desk = Desk(opening_usd={MAKER: 15, OTHER_MAKER: 100})
    for rfq_id in ("first", "second"):
        rfq = desk.open(rfq_id=rfq_id)
        assert desk.quote(quote_params(rfq, 11, len(rfq_id)), rfq_id=rfq_id)["result"] == "OK"
        desk.quote(quote_params(rfq, 10, len(rfq_id), key=OTHER_KEY), rfq_id=rfq_id, connection=desk.other)
    desk.venue.tick(START_NS + 2 * SECOND_NS)
    assert [trade["maker"] for trade in desk.venue.trades] == [MAKER, OTHER_MAKER]
    assert desk.balance_e18() == int(e18(4))


def test_trade_notice_is_not_replayed_but_the_position_is_there(desk):
    """A maker away at the close misses the notice for good and finds the position by asking."""
    rfq = desk.open()
    desk.quote(quote_params(rfq, 10, 1))
    desk.venue.disconnect(desk.maker)
    desk.venue.tick(START_NS + 2 * SECOND_NS)
    back = desk.venue.connect("/maker")
    assert [row["balance"] for row in desk.ask(back, call("positions", {"account": MAKER}, "p"))["result"]] == [e18(1)]


def test_deposit_and_withdrawal_move_token_units(desk):
    """A signed transfer moves token units; more than the balance cannot be withdrawn."""
    answer = desk.ask(desk.maker, call("deposit", transfer_params(1_500_000, 1, is_deposit=True), "1"))
    assert answer["result"] == "OK"
    assert desk.balance_e18() == (OPENING_USD * 10**6 + 1_500_000) * 10**12
    too_much = OPENING_USD * 10**6 + 1_500_001
    answer = desk.ask(desk.maker, call("withdraw", transfer_params(too_much, 2, is_deposit=False), "2"))
    assert answer["error"]["message"] == "insufficient USDC balance"
    answer = desk.ask(desk.maker, call("withdraw", transfer_params(too_much - 1, 3, is_deposit=False), "3"))
    assert answer["result"] == "OK"
    assert desk.balance_e18() == 0


@pytest.mark.parametrize(
    ("method", "changes", "code"),
    [
        ("deposit", {"is_deposit": False}, -32600),
        ("withdraw", {"is_deposit": True}, -32600),
        ("deposit", {"is_deposit": True, "asset": WETH}, -32011),
        ("deposit", {"is_deposit": True, "chainId": 5}, -32011),
        ("deposit", {"is_deposit": True, "user": OTHER_MAKER}, -32003),
        ("deposit", {"is_deposit": True, "user": "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"}, -32003),
    ],
)
def test_transfer_that_is_not_the_users_own_is_refused(desk, method, changes, code):
    """A transfer of another kind, asset, chain or signer is refused and moves nothing."""
    params = transfer_params(5, 1, key=KEY, **changes)
    assert code_of(desk.ask(desk.maker, call(method, params, "1"))) == code
    assert desk.balance_e18() == OPENING_USD * 10**18


def test_every_chain_of_the_market_can_sign_and_pay(desk):
    """Each chain with RFQ assets has a verifying contract, and the strike asset its makers hold."""
    assert {(asset.chain_id, asset.usd) for asset in desk.market.rysk_assets} <= {
        (chain_id, chain.usd) for chain_id, chain in CHAINS.items()
    }


def test_blank_frames_come_now_and_then(desk):
    """Every few seconds each socket gets a blank frame, empty and newline by turns."""
    blanks = []
    for second in range(60):
        desk.venue.tick(START_NS + second * SECOND_NS)
        blanks += [frame for connection, frame in desk.venue.drain() if connection == desk.maker]
    assert set(blanks) == {"", "\n"}
    assert len(blanks) > 5


@pytest.mark.parametrize("frame", ["", "\n", "  ", b"\n"])
def test_blank_frame_from_a_client_is_ignored(desk, frame):
    """A blank frame needs no answer."""
    desk.venue.receive(desk.maker, frame, NOW_NS)
    assert desk.venue.drain() == []


def test_latency_counts_the_first_quote_of_each_maker(desk):
    """The answer time of a maker is from the broadcast to its first signed quote; later quotes do not count."""
    for number, elapsed_ms in enumerate((1, 2, 40)):
        rfq = desk.open(rfq_id=f"rfq-{number}")
        quoted_ns = START_NS + elapsed_ms * MS
        desk.quote(quote_params(rfq, 10, 2 * number), rfq_id=f"rfq-{number}", now_ns=quoted_ns)
        desk.quote(quote_params(rfq, 11, 2 * number + 1), rfq_id=f"rfq-{number}", now_ns=quoted_ns + 500 * MS)
    report = desk.venue.latencies.report()
    assert report == {MAKER: {"count": 3, "p50": 2.0, "p99": 40.0, "max": 40.0}}
