"""Token addresses and symbols."""

import orjson
import pytest

from atomizer.errors import BadFrame, ConfigError
from atomizer.venues.rysk.assets import AssetMap, map_assets, parse_assets, parse_mapping, underlying_of

WETH = "0x7b79995e5f793a07bc00c21412e50ecae098e7f9"
MIXED = "0x7b79995e5f793A07Bc00c21412e50Ecae098E7f9"

ROW = {
    "active": True,
    "address": MIXED,
    "chainId": 84532,
    "decimals": 18,
    "maxTradeSize": "10000000000000000000",
    "minTradeSize": "1000000000000000000",
    "multipliers": [{"name": "Points", "value": "4x"}],
    "price": "2514120847112500000000",
    "symbol": "weETH",
    "underlying": "ETH",
    "underlyingAssetAddress": "0xb67bfa7b488df4f2efa874f4e59242e9130ae61f",
}


def test_mapping_is_compared_without_case():
    """The guide's mixed-case file maps the lower-case address of an RFQ."""
    assets = parse_mapping(orjson.dumps({MIXED: "ETH"}))
    assert assets.underlying(WETH) == "ETH"
    assert assets.addresses == (WETH,)
    assert assets.underlying("0x" + "00" * 20) is None


@pytest.mark.parametrize(
    ("symbol", "underlying"),
    [
        ("WETH", "ETH"),
        ("weETH", "ETH"),
        ("WSTETH", "ETH"),
        ("cbBTC", "BTC"),
        ("WBTC", "BTC"),
        ("whype", "HYPE"),
        ("sol", "SOL"),
    ],
)
def test_wrapped_and_staked_tokens_are_their_underlying(symbol, underlying):
    """A wrapped or staked token is priced as what it wraps, in any case; anything else is itself."""
    assert underlying_of(symbol) == underlying


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b'{"WETH": "ETH"}',
        b'{"0x12": "ETH"}',
        b'{"' + WETH.encode() + b'": 5}',
        b'{"' + WETH.encode() + b'": ""}',
    ],
)
def test_mapping_that_cannot_be_meant_is_a_configuration_error(text):
    """A broken mapping file stops the start and says which entry."""
    with pytest.raises(ConfigError, match="asset mapping"):
        parse_mapping(text)


def test_one_address_with_two_underlyings_is_refused():
    """Two spellings of one address may not disagree."""
    with pytest.raises(ConfigError, match="both ETH and BTC"):
        AssetMap({WETH: "ETH", MIXED: "BTC"})
    assert AssetMap({WETH: "ETH", MIXED: "WETH"}).underlying(WETH) == "ETH"


def test_venue_list_is_read_and_mapped_by_chain():
    """Only active tokens of the chain asked for are mapped, under their underlying."""
    inactive = ROW | {"address": "0x" + "11" * 20, "active": False}
    elsewhere = ROW | {"address": "0x" + "22" * 20, "chainId": 999}
    rows = parse_assets(orjson.dumps({"84532": [ROW, inactive], "999": [elsewhere]}))
    assert [row.symbol for row in rows] == ["weETH"] * 3
    assert (rows[0].address, rows[0].minimum_e18, rows[0].maximum_e18) == (WETH, 10**18, 10**19)
    assert map_assets(rows, 84532).addresses == (WETH,)
    assert map_assets(rows, 84532).underlying(WETH) == "ETH"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"1": [{}]}',
        *(orjson.dumps({"1": [ROW | change]}) for change in ({"address": "x"}, {"minTradeSize": "-1"}, {"active": 1})),
    ],
)
def test_venue_list_that_cannot_be_read_is_refused(body):
    """A list with a missing or impossible field is a named refusal."""
    with pytest.raises(BadFrame, match="/api/assets"):
        parse_assets(body)
