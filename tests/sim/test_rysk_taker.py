"""What practice Rysk tells takers: requests, inventory, assets."""

import pytest
from rysk_maker import MAKER, SECOND_NS, START_NS, TAKER, USDC, WETH, Desk, call, code_of, e18, quote_params


@pytest.fixture
def desk():
    return Desk()


def price_request(desk, **changes):
    option = next(
        listing
        for listing in desk.market.listings.values()
        if listing.underlying == "ETH" and listing.kind == "option" and listing.option_type == "C"
    )
    request = {
        "asset": WETH,
        "assetName": "WETH",
        "chainId": 84532,
        "expiry": option.expiry_s,
        "isPut": False,
        "quantity": e18(1),
        "strike": str(int(option.strike * 10**8)),
        "taker": TAKER,
    } | changes
    return call("request", request, "r1")


def test_taker_request_runs_an_auction_and_answers_its_best_quote(desk):
    """A request is broadcast like any RFQ, makers compete, and the best quote with its apy answers; nothing trades."""
    desk.venue.receive(desk.taker, price_request(desk), START_NS)
    (frame,) = desk.sent(desk.rfqs)
    rfq, rfq_id = frame["result"], frame["id"]
    assert desk.quote(quote_params(rfq, 4000, 1), rfq_id=rfq_id)["result"] == "OK"
    desk.venue.tick(START_NS + 2 * SECOND_NS)
    (answer,) = desk.sent(desk.taker)
    assert answer["id"] == "r1"
    assert (answer["result"]["maker"], answer["result"]["price"]) == (MAKER, e18(4000))
    assert answer["result"]["apy"] > 0
    assert desk.venue.trades == []


def test_taker_request_is_answered_by_rivals_alone(desk):
    """Without a maker connected, a listed series still gets a practice maker's price, below the mark."""
    desk.venue.receive(desk.taker, price_request(desk), START_NS)
    rfq_id = desk.sent(desk.rfqs)[0]["id"]
    desk.venue.tick(START_NS + 2 * SECOND_NS)
    (answer,) = desk.sent(desk.taker)
    assert answer["result"]["rfqId"] == rfq_id
    assert int(answer["result"]["price"]) > 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"asset": USDC}, -32600),
        ({"asset": WETH.upper().replace("0X", "0x")}, -32600),
        ({"chainId": 1}, -32600),
        ({"expiry": 1_749_999_999}, -32003),
        ({"quantity": "1"}, -32600),
        ({"quantity": e18(10**6)}, -32600),
        ({"strike": "0"}, -32600),
        ({"strike": 260000000000}, -32600),
    ],
)
def test_taker_request_for_nothing_listed_is_refused(desk, changes, code):
    """A request for an unlisted asset, a past expiry or a size outside the asset's bounds is refused."""
    assert code_of(desk.ask(desk.taker, price_request(desk, **changes))) == code


def test_taker_request_that_nobody_prices_is_answered(desk):
    """A request for a series with no market and no maker is answered with an error, not with silence."""
    desk.venue.receive(desk.taker, price_request(desk, strike="12345"), START_NS)
    desk.venue.drain()
    desk.venue.tick(START_NS + 2 * SECOND_NS)
    (answer,) = desk.sent(desk.taker)
    assert (answer["id"], answer["error"]["message"]) == ("r1", "no quotes")


def test_inventory_lists_what_the_market_lists(desk):
    """The taker's inventory has a row for each series out of the money, with bid below ask and an annual yield."""
    inventory = desk.ask(desk.taker, call("inventory", {}, "i"))["result"]
    rows = inventory["WETH"]["combinations"].values()
    assert rows
    assert set(inventory["WETH"]["expiries"]) == set(inventory["WETH"]["strikes"]) == {row["expiry"] for row in rows}
    for row in rows:
        assert 0 <= row["bid"] <= row["ask"]
        assert row["apy"] >= 0
        assert (row["strike"] < row["index"] * 1.1) if row["isPut"] else (row["strike"] > row["index"] * 0.9)
        assert {"asset": WETH, "strikeAsset": USDC, "collateralAsset": USDC if row["isPut"] else WETH} in row[
            "products"
        ]


def test_assets_are_the_markets_assets(desk):
    """/api/assets gives each chain's assets with addresses in lower case and sizes in 1e-18."""
    assets = desk.venue.catalog.assets()
    weth = next(asset for asset in assets["84532"] if asset["symbol"] == "WETH")
    assert weth["address"] == WETH
    assert weth["price"] == str(int(desk.market.spot("ETH") * 10**18))
    listed = {asset["address"] for chain in assets.values() for asset in chain}
    assert listed == {address.lower() for address in listed}
