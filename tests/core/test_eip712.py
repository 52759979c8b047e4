"""Digests against the official vectors, and against eth_abi and eth_account for everything the vectors leave out."""

import json
from fractions import Fraction
from pathlib import Path

import eth_abi
import eth_utils
import pytest
from eth_account.messages import SignableMessage, _hash_eip191_message, encode_defunct, encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from atomizer._core import eip712
from atomizer._core.eip712 import DeriveActions

VECTORS = Path(__file__).parent.parent / "data" / "vectors"
DERIVE = json.loads((VECTORS / "derive.json").read_text())
RYSK = json.loads((VECTORS / "rysk.json").read_text())
ACTION_TYPES = {
    "Action": [
        {"name": "subaccountId", "type": "uint256"},
        {"name": "nonce", "type": "uint256"},
        {"name": "module", "type": "address"},
        {"name": "data", "type": "bytes"},
        {"name": "expiry", "type": "uint256"},
        {"name": "owner", "type": "address"},
        {"name": "signer", "type": "address"},
    ]
}

addresses = st.binary(min_size=20, max_size=20)
uint256 = st.one_of(st.integers(0, 2**256 - 1), st.integers(0, 2**64))
int256 = st.one_of(st.integers(-(2**255), 2**255 - 1), st.integers(-(10**21), 10**21))
uint64 = st.integers(0, 2**64 - 1)
int64 = st.integers(-(2**63), 2**63 - 1)
legs = st.lists(st.tuples(addresses, uint256, uint256, int256), max_size=12)


def unhex(text):
    return bytes.fromhex(text.removeprefix("0x"))


def e18(text):
    scaled = Fraction(text) * 10**18
    assert scaled.denominator == 1
    return int(scaled)


def by_kind(kind):
    return [pytest.param(vector, id=vector["name"]) for vector in DERIVE["vectors"] if vector["kind"] == kind]


def actions_of(inputs, network=None):
    modules = DERIVE["constants"]["networks"].get(network, {"trade": inputs["module_address"]})
    return DeriveActions(
        unhex(inputs["domain_separator"]),
        unhex(modules["trade"]),
        unhex(modules.get("rfq", inputs["module_address"])),
        unhex(inputs["owner"]),
        unhex(inputs["signer"]),
        inputs["subaccount_id"],
    )


def legs_of(module_data, maker_side):
    """The maker's signed legs: `|amount|` with the sign of the leg and of the maker's own direction."""
    side = 1 if module_data["direction"] == maker_side else -1
    return [
        (
            unhex(leg["asset_address"]),
            int(leg["sub_id"]),
            e18(leg["price"]),
            e18(leg["amount"]) * side * (1 if leg["direction"] == "buy" else -1),
        )
        for leg in module_data["legs"]
    ]


def test_action_typehash_is_derives():
    """The action type hash is the one every Derive deployment verifies."""
    assert unhex(DERIVE["constants"]["action_typehash"]) == eip712.ACTION_TYPEHASH


@pytest.mark.parametrize("network", DERIVE["constants"]["networks"].values(), ids=DERIVE["constants"]["networks"])
def test_domain_of_each_derive_network(network):
    """The domain of each Derive network is the venue's published separator."""
    contract = unhex(network["matching"])
    assert eip712.domain_separator("Matching", "1.0", network["chain_id"], contract) == unhex(network["dom"])


@pytest.mark.parametrize("vector", by_kind("order"))
def test_order_digest_of_each_vector(vector):
    """An order's digest is the official SDK's, to 18 decimals and for negative amounts."""
    inputs, data = vector["inputs"], vector["inputs"]["module_data"]
    digest = actions_of(inputs, vector["network"]).order(
        unhex(data["asset_address"]),
        int(data["sub_id"]),
        e18(data["limit_price"]),
        e18(data["amount"]),
        e18(data["max_fee"]),
        data["is_bid"],
        int(inputs["nonce"]),
        inputs["signature_expiry_sec"],
    )
    assert digest == unhex(vector["expected"]["typed_data_hash"])


@pytest.mark.parametrize("vector", by_kind("rfq_quote"))
def test_quote_digest_of_each_vector(vector):
    """A maker's quote has the official SDK's digest and legs hash."""
    inputs, data = vector["inputs"], vector["inputs"]["module_data"]
    signed_legs = legs_of(data, maker_side="buy")
    digest = actions_of(inputs, vector["network"]).quote(
        signed_legs, e18(data["max_fee"]), int(inputs["nonce"]), inputs["signature_expiry_sec"]
    )
    assert digest == unhex(vector["expected"]["typed_data_hash"])
    assert eip712.legs_hash(signed_legs) == unhex(vector["expected"]["legs_hash"])


@pytest.mark.parametrize("vector", by_kind("rfq_execute"))
def test_execute_digest_of_each_vector(vector):
    """A taker's execution has the official SDK's digest, over the maker's legs."""
    inputs, data = vector["inputs"], vector["inputs"]["module_data"]
    digest = actions_of(inputs, vector["network"]).execute(
        legs_of(data, maker_side="sell"), e18(data["max_fee"]), int(inputs["nonce"]), inputs["signature_expiry_sec"]
    )
    assert digest == unhex(vector["expected"]["typed_data_hash"])


@pytest.mark.parametrize("vector", by_kind("login"))
def test_login_digest(vector):
    """A login signs the EIP-191 digest of the decimal timestamp."""
    timestamp = vector["inputs"]["timestamp_ms"].encode()
    assert eip712.personal_digest(timestamp) == unhex(vector["expected"]["eip191_hash"])


@pytest.mark.parametrize(
    "oracle",
    [
        pytest.param(oracle, id=oracle["name"])
        for oracle in DERIVE["third_party_oracles"]
        if "nonce" in oracle["inputs"]
    ],
)
def test_action_digest_of_third_parties(oracle):
    """Encoded data of the venue's own servers and of its other SDKs has their digest."""
    inputs = oracle["inputs"]
    digest = actions_of(inputs).action(
        unhex(inputs["module_address"]),
        unhex(inputs["encoded_data"]),
        int(inputs["nonce"]),
        inputs["signature_expiry_sec"],
    )
    assert digest == unhex(oracle["expected"]["typed_data_hash"])


@pytest.mark.parametrize(
    "oracle",
    [pytest.param(o, id=o["name"]) for o in DERIVE["third_party_oracles"] if "encoded_data" in o["expected"]],
)
def test_quote_encoding_is_the_servers(oracle):
    """A quote hashes as the very bytes that the venue's debug call answered."""
    inputs = DERIVE["vectors"][0]["inputs"]
    actions = actions_of(inputs, DERIVE["vectors"][0]["network"])
    data = oracle["inputs"]["module_data"]
    rfq_module = unhex(DERIVE["constants"]["networks"][DERIVE["vectors"][0]["network"]]["rfq"])
    ours = actions.quote(legs_of(data, maker_side="buy"), e18(data["max_fee"]), 7, 9)
    assert ours == actions.action(rfq_module, unhex(oracle["expected"]["encoded_data"]), 7, 9)


@pytest.mark.parametrize(
    "vector", [pytest.param(v, id=v["instrument_name"]) for v in DERIVE["sub_id_vectors"] if v["sub_id"] != "0"]
)
def test_sub_id_of_published_instruments(vector):
    """An option's id is made of its expiry at 08:00 UTC, its strike and its kind."""
    _, date, strike, kind = vector["instrument_name"].split("-")
    expiry_s = {"20240329": 1711699200, "20270625": 1813910400, "20261225": 1798185600}[date]
    assert eip712.option_sub_id(expiry_s, int(strike) * 10**9, kind == "C") == int(vector["sub_id"])


@given(st.integers(1, 2**32 - 1), st.integers(1, (2**63 - 1)), st.booleans())
def test_sub_id_gives_its_parts_back(expiry_s, strike_e8, is_call):
    """Expiry, strike and kind can be read back from an id, so no two options share one."""
    sub_id = eip712.option_sub_id(expiry_s, strike_e8 * 10, is_call)
    assert (sub_id & 0xFFFFFFFF, sub_id >> 32 & (1 << 63) - 1, sub_id >> 95) == (expiry_s, strike_e8, is_call)


@pytest.mark.parametrize(
    ("expiry_s", "strike_nanos"), [(0, 10), (2**32, 10), (1, 0), (1, -10), (1, 2**63 * 10), (1, 15)]
)
def test_sub_id_refuses_what_does_not_fit(expiry_s, strike_nanos):
    """An expiry beyond 32 bits, or a strike that is not a positive multiple of 10⁻⁸, is refused."""
    with pytest.raises(ValueError, match=r"expiry|strike"):
        eip712.option_sub_id(expiry_s, strike_nanos, True)


@pytest.mark.parametrize("vector", RYSK["vectors"], ids=lambda vector: vector["label"])
def test_domain_of_each_rysk_vector(vector):
    """A Rysk domain has the official SDK's separator."""
    domain = vector["domain"]
    separator = eip712.domain_separator(
        domain["name"], domain["version"], domain["chainId"], unhex(domain["verifyingContract"])
    )
    assert separator == unhex(vector["domainSeparator"])


def rysk_vectors(primary_type):
    return [
        pytest.param(vector, id=vector["label"])
        for vector in RYSK["vectors"]
        if vector["primaryType"] == primary_type and vector["label"].startswith("v3-")
    ]


@pytest.mark.parametrize("vector", rysk_vectors("Quote"))
def test_rysk_quote_digest_of_each_vector(vector):
    """A Rysk quote of the current schema has the official SDK's digest."""
    message = vector["message"]
    digest = eip712.rysk_quote_digest(
        unhex(vector["domainSeparator"]),
        unhex(message["assetAddress"]),
        int(message["chainId"]),
        message["isPut"],
        int(message["strike"]),
        int(message["expiry"]),
        unhex(message["maker"]),
        int(message["nonce"]),
        int(message["price"]),
        int(message["quantity"]),
        message["isTakerBuy"],
        int(message["validUntil"]),
        unhex(message["usd"]),
        unhex(message["collateralAsset"]),
    )
    assert unhex(vector["typeHash"]) == eip712.QUOTE_TYPEHASH
    assert digest == unhex(vector["digest"])


@pytest.mark.parametrize("vector", rysk_vectors("Transfer"))
def test_rysk_transfer_digest_of_each_vector(vector):
    """A Rysk deposit of the current schema has the official SDK's digest."""
    message = vector["message"]
    digest = eip712.rysk_transfer_digest(
        unhex(vector["domainSeparator"]),
        unhex(message["user"]),
        unhex(message["asset"]),
        int(message["chainId"]),
        int(message["amount"]),
        message["isDeposit"],
        int(message["nonce"]),
    )
    assert digest == unhex(vector["digest"])


def typed_digest(domain, types, message):
    signable: SignableMessage = encode_typed_data(domain, types, message)
    return bytes(_hash_eip191_message(signable))


domains = st.fixed_dictionaries(
    {"name": st.text(max_size=40), "version": st.text(max_size=10), "chainId": uint256, "verifyingContract": addresses}
)
action_messages = st.fixed_dictionaries(
    {
        "subaccountId": uint256,
        "nonce": uint256,
        "module": addresses,
        "data": st.binary(max_size=300),
        "expiry": uint256,
        "owner": addresses,
        "signer": addresses,
    }
)


@given(domains, action_messages)
def test_any_action_is_typed_data(domain, message):
    """The digest of any action in any domain is eth_account's digest of the same typed data."""
    separator = eip712.domain_separator(
        domain["name"], domain["version"], domain["chainId"], domain["verifyingContract"]
    )
    module = message["module"]
    actions = DeriveActions(separator, module, module, message["owner"], message["signer"], message["subaccountId"])
    ours = actions.action(module, message["data"], message["nonce"], message["expiry"])
    assert ours == typed_digest(domain, ACTION_TYPES, message)


DOMAIN = eth_utils.keccak(b"any domain")
TRADE, RFQ, OWNER, SIGNER = (bytes([number]) * 20 for number in (0x11, 0x22, 0x33, 0x44))
SUBACCOUNT = 30_769
ACTIONS = DeriveActions(DOMAIN, TRADE, RFQ, OWNER, SIGNER, SUBACCOUNT)
INSTRUMENT = eip712.encode_instrument(OWNER, 0)


orders = st.fixed_dictionaries(
    {
        "asset": addresses,
        "sub_id": uint256,
        "price_e18": int256,
        "amount_e18": int256,
        "max_fee_e18": uint256,
        "is_bid": st.booleans(),
        "nonce": uint256,
        "expiry_s": uint256,
    }
)
nano_orders = st.fixed_dictionaries(
    {
        "asset": addresses,
        "sub_id": uint256,
        "price_nanos": int64,
        "amount_nanos": int64,
        "max_fee_nanos": st.integers(0, 2**63 - 1),
        "is_bid": st.booleans(),
        "nonce": uint64,
        "expiry_s": uint64,
    }
)


@given(orders)
def test_any_order_is_abi_encoded(order):
    """An order signs eth_abi's encoding of the Trade module's seven fields, whatever their size."""
    fields = ["asset", "sub_id", "price_e18", "amount_e18", "max_fee_e18"]
    data = eth_abi.encode(
        ["address", "uint256", "int256", "int256", "uint256", "uint256", "bool"],
        [*(order[field] for field in fields), SUBACCOUNT, order["is_bid"]],
    )
    assert ACTIONS.order(**order) == ACTIONS.action(TRADE, data, order["nonce"], order["expiry_s"])


@given(nano_orders)
def test_order_from_nanos_is_the_same_order(order):
    """The hot lane's digest from int64 nanos equals the general one from 10⁻¹⁸."""
    widened = {
        field.replace("_nanos", "_e18"): value * 10**9 if field.endswith("_nanos") else value
        for field, value in order.items()
    }
    instrument = eip712.encode_instrument(order.pop("asset"), order.pop("sub_id"))
    assert ACTIONS.order_nanos(instrument, **order) == ACTIONS.order(**widened)


@given(legs, uint256, uint256, uint256)
def test_any_quote_is_abi_encoded(signed_legs, max_fee, nonce, expiry_s):
    """A quote signs eth_abi's encoding of its one dynamic tuple, for any number of legs."""
    data = eth_abi.encode(["(uint256,(address,uint256,uint256,int256)[])"], [(max_fee, signed_legs)])
    assert ACTIONS.quote(signed_legs, max_fee, nonce, expiry_s) == ACTIONS.action(RFQ, data, nonce, expiry_s)


@given(legs, uint256, uint256, uint256)
def test_any_execution_signs_the_hash_of_the_legs(signed_legs, max_fee, nonce, expiry_s):
    """An execution signs the hash of eth_abi's encoding of the legs, then the fee."""
    hashed = eth_utils.keccak(eth_abi.encode(["(address,uint256,uint256,int256)[]"], [signed_legs]))
    data = hashed + max_fee.to_bytes(32, "big")
    assert eip712.legs_hash(signed_legs) == hashed
    assert ACTIONS.execute(signed_legs, max_fee, nonce, expiry_s) == ACTIONS.action(RFQ, data, nonce, expiry_s)


@given(st.binary(max_size=300))
def test_any_personal_message(message):
    """The digest of any personal message is eth_account's."""
    assert eip712.personal_digest(message) == bytes(_hash_eip191_message(encode_defunct(message)))


rysk_quotes = st.fixed_dictionaries(
    {
        "assetAddress": addresses,
        "chainId": uint256,
        "isPut": st.booleans(),
        "strike": uint256,
        "expiry": uint64,
        "maker": addresses,
        "nonce": uint64,
        "price": uint256,
        "quantity": uint256,
        "isTakerBuy": st.booleans(),
        "validUntil": uint64,
        "usd": addresses,
        "collateralAsset": addresses,
    }
)
rysk_transfers = st.fixed_dictionaries(
    {
        "user": addresses,
        "asset": addresses,
        "chainId": uint256,
        "amount": uint256,
        "isDeposit": st.booleans(),
        "nonce": uint64,
    }
)


def in_order(vector, message):
    """The message's values in the order of the struct's fields, which is the order of our arguments."""
    return [message[field["name"]] for field in vector["types"][vector["primaryType"]]]


@given(rysk_quotes)
def test_any_rysk_quote_is_typed_data(message):
    """Any Rysk quote has eth_account's digest of the same typed data."""
    vector = rysk_vectors("Quote")[0].values[0]
    ours = eip712.rysk_quote_digest(unhex(vector["domainSeparator"]), *in_order(vector, message))
    assert ours == typed_digest(vector["domain"], vector["types"], message)


@given(rysk_transfers)
def test_any_rysk_transfer_is_typed_data(message):
    """Any Rysk transfer has eth_account's digest of the same typed data."""
    vector = rysk_vectors("Transfer")[0].values[0]
    ours = eip712.rysk_transfer_digest(unhex(vector["domainSeparator"]), *in_order(vector, message))
    assert ours == typed_digest(vector["domain"], vector["types"], message)


ORDER = {
    "asset": OWNER,
    "sub_id": 0,
    "price_e18": 1,
    "amount_e18": 1,
    "max_fee_e18": 1,
    "is_bid": True,
    "nonce": 1,
    "expiry_s": 1,
}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("asset", b"\x01" * 19),
        ("asset", b"\x01" * 21),
        ("sub_id", -1),
        ("sub_id", 2**256),
        ("price_e18", 2**255),
        ("amount_e18", -(2**255) - 1),
        ("max_fee_e18", -1),
        ("nonce", -1),
        ("expiry_s", 2**256),
    ],
)
def test_order_refuses_a_field_that_does_not_fit(field, value):
    """A field outside its type is refused by name, never signed as something else."""
    with pytest.raises(ValueError, match=field.removesuffix("_e18")):
        ACTIONS.order(**{**ORDER, field: value})


@pytest.mark.parametrize(
    ("field", "value"), [("price_e18", 1.0), ("amount_e18", "1"), ("nonce", None), ("asset", "0x")]
)
def test_order_refuses_another_type(field, value):
    """A float or a text is refused: money is an integer here."""
    with pytest.raises(TypeError):
        ACTIONS.order(**{**ORDER, field: value})


@pytest.mark.parametrize(("field", "value"), [("price_nanos", 2**63), ("amount_nanos", -(2**63) - 1), ("nonce", 2**64)])
def test_order_from_nanos_refuses_more_than_int64(field, value):
    """A value beyond the hot lane's integers is an error, never a wrapped one."""
    fields = {
        "price_nanos": 1,
        "amount_nanos": 1,
        "max_fee_nanos": 1,
        "is_bid": True,
        "nonce": 1,
        "expiry_s": 1,
    }
    with pytest.raises(OverflowError):
        ACTIONS.order_nanos(INSTRUMENT, **{**fields, field: value})


def test_order_from_nanos_refuses_a_negative_fee():
    """A negative fee has no uint256."""
    with pytest.raises(ValueError, match="max_fee"):
        ACTIONS.order_nanos(INSTRUMENT, 1, 1, -1, True, 1, 1)


@pytest.mark.parametrize("size", [0, 63, 65])
def test_order_from_nanos_refuses_another_instrument(size):
    """Only what encode_instrument made is an instrument."""
    with pytest.raises(ValueError, match="instrument"):
        ACTIONS.order_nanos(bytes(size), 1, 1, 1, True, 1, 1)


@pytest.mark.parametrize(("asset", "sub_id"), [(b"\x01" * 19, 0), (None, 0), (OWNER, -1), (OWNER, 2**256)])
def test_instrument_refuses_what_does_not_fit(asset, sub_id):
    """An address of another length, or an id beyond uint256, makes no instrument."""
    with pytest.raises(ValueError, match=r"asset|sub_id"):
        eip712.encode_instrument(asset, sub_id)


@pytest.mark.parametrize("position", range(5))
def test_actions_refuse_a_wrong_length(position):
    """A domain that is not 32 bytes, or an address that is not 20, is refused when the object is made."""
    arguments = [DOMAIN, TRADE, RFQ, OWNER, SIGNER]
    arguments[position] += b"\x00"
    with pytest.raises(ValueError, match="must be"):
        DeriveActions(*arguments, SUBACCOUNT)


@pytest.mark.parametrize("leg", [(OWNER, 0, -1, 0), (OWNER, 0, 0, 2**255), (b"", 0, 0, 0), (OWNER, 2**256, 0, 0)])
def test_legs_refuse_what_does_not_fit(leg):
    """A leg with a negative price, an amount beyond int256 or a wrong address is refused."""
    with pytest.raises(ValueError, match=r"price|amount|asset|sub_id"):
        ACTIONS.quote([leg], 0, 0, 0)


def test_digests_do_not_disturb_each_other():
    """The same call answers the same digest after any other call: templates are never written."""
    before = ACTIONS.order(**ORDER)
    ACTIONS.quote([(OWNER, 1, 2, -3)], 4, 5, 6)
    ACTIONS.action(OWNER, b"data", 7, 8)
    assert ACTIONS.order(**ORDER) == before
