"""What a Rysk taker sends and reads: in the venue's scales, and odd answers refused by name."""

import contextlib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rysk_frames import WETH

from atomizer.domain.instruments import Contract, OptionType
from atomizer.errors import BadFrame
from atomizer.venues.rysk.taker import PriceRequest, build_price_request, parse_inventory, parse_priced

REQUEST = PriceRequest(
    asset=WETH,
    symbol="WETH",
    chain_id=84532,
    contract=Contract("ETH", 1_751_011_200, 2600 * 10**9, OptionType.CALL),
    quantity_nanos=10**9,
    taker="0x" + "ab" * 20,
)
ROW = {
    "expiry": "27JUN25",
    "expiration_timestamp": 1_751_011_200,
    "timeToExpiryDays": 11.5,
    "strike": 2600,
    "isPut": False,
    "delta": 0.4,
    "bid": 12.5,
    "ask": 9223372036.854776,
    "bidIv": 55.1,
    "askIv": 0,
    "index": 2500.5,
    "apy": 18.2,
    "timestamp": 1_750_000_000,
    "products": [],
}
PRICED = {"rfqId": "r", "maker": "0xab", "price": "12500000000000000001", "validUntil": 1_750_000_030, "apy": 18}


def inventory(**rows):
    return {"WETH": {"strikes": {}, "expiries": [], "combinations": rows}}


def test_a_request_is_in_the_venues_scales():
    """Strike in 10⁻⁸, quantity in 10⁻¹⁸, expiry in seconds."""
    frame = orjson.loads(build_price_request("request-1", REQUEST))
    assert (frame["id"], frame["method"]) == ("request-1", "request")
    params = frame["params"]
    assert (params["strike"], params["quantity"], params["expiry"]) == ("260000000000", "1" + "0" * 18, 1_751_011_200)
    assert (params["asset"], params["isPut"], params["chainId"]) == (WETH, False, 84532)


def test_a_price_is_rounded_down_to_nanos():
    """The taker's price in USD per unit, the maker, and until when."""
    priced = parse_priced(PRICED)
    assert (priced.price_nanos, priced.maker, priced.valid_until_s) == (12_500_000_000, "0xab", 1_750_000_030)
    for bad in ({"price": "-1"}, {"price": 12}, {"apy": "much"}, {"validUntil": "soon"}):
        with pytest.raises(BadFrame):
            parse_priced(PRICED | bad)


def test_the_inventory_knows_what_is_no_price():
    """The sentinel of a missing ask and a bid of nothing are 0; rows of strike 0 and unreadable ones are left out."""
    rows = {"a": ROW, "b": ROW | {"strike": 0}, "c": ROW | {"bid": "x"}, "d": "nonsense", "e": ROW | {"ask": 13.0}}
    first, second = parse_inventory(inventory(**rows))
    assert (first.bid_usd, first.ask_usd, first.strike, first.symbol) == (12.5, 0.0, 2600.0, "WETH")
    assert second.ask_usd == 13.0
    for bad in (None, [], {"WETH": []}, {"WETH": {}}):
        with pytest.raises(BadFrame):
            parse_inventory(bad)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@given(st.sampled_from(sorted(ROW) + sorted(PRICED)), anything)
def test_any_answer_is_read_or_refused_by_name(name, value):
    """Whatever stands in any field, there is a value or a BadFrame."""
    for parse, answer in (
        (parse_priced, PRICED | {name: value}),
        (parse_inventory, inventory(a=ROW | {name: value})),
        (parse_inventory, value),
    ):
        with contextlib.suppress(BadFrame):
            parse(answer)
