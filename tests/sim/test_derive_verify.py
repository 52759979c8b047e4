"""The venue's signature checks against the published vectors: every one accepted, every mutation refused."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from derive_trader import KEY, OTHER_WALLET, START_NS, Desk, e18
from eth_utils.crypto import keccak

from atomizer.sim.derive import V2, V3
from atomizer.sim.derive.codes import BAD_SIGNATURE, Rejection
from atomizer.sim.derive.instruments import FeeSchedule, Instrument
from atomizer.sim.derive.verify import (
    Action,
    Leg,
    Network,
    action_typehash,
    check_signed_by,
    digests,
    domain_separator,
    encode_execute,
    encode_legs,
    encode_quote,
    encode_trade,
    login_digest,
    recover,
)
from atomizer.sim.market import Listing

BOOK = json.loads((Path(__file__).parents[1] / "data/vectors/derive.json").read_text())
CONSTANTS = BOOK["constants"]
ORDERS = [vector for vector in BOOK["vectors"] if vector["kind"] == "order"]
RFQS = [vector for vector in BOOK["vectors"] if vector["kind"].startswith("rfq")]
LOGIN = next(vector for vector in BOOK["vectors"] if vector["kind"] == "login")
ORACLES = [oracle for oracle in BOOK["third_party_oracles"] if "signature" in oracle["expected"]]
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


def network(name):
    row = CONSTANTS["networks"][name]
    return Network(row["chain_id"], row["matching"], row["trade"], row["rfq"])


def trade_fields(vector):
    data = vector["inputs"]["module_data"]
    return {
        "asset": data["asset_address"],
        "sub_id": int(data["sub_id"]),
        "limit_price_e18": e18(data["limit_price"]),
        "amount_e18": e18(data["amount"]),
        "max_fee_e18": e18(data["max_fee"]),
        "recipient": data["recipient_id"],
        "is_bid": data["is_bid"],
    }


def legs_of(vector):
    data = vector["inputs"]["module_data"]
    sides = {"buy": 1, "sell": -1}
    flip = -1 if vector["kind"] == "rfq_execute" else 1
    own = sides[vector["request_params"]["direction"]] * flip
    return [
        Leg(
            leg["asset_address"],
            int(leg["sub_id"]),
            e18(leg["price"]),
            own * sides[leg["direction"]] * e18(leg["amount"]),
        )
        for leg in data["legs"]
    ]


def encoded(vector, legs=None):
    if vector["kind"] == "order":
        return encode_trade(**trade_fields(vector))
    fee_e18 = e18(vector["inputs"]["module_data"]["max_fee"])
    return (encode_quote if vector["kind"] == "rfq_quote" else encode_execute)(fee_e18, legs or legs_of(vector))


def action_of(vector, data=None):
    inputs = vector["inputs"]
    return Action(
        subaccount_id=inputs["subaccount_id"],
        nonce=int(inputs["nonce"]),
        module=inputs["module_address"],
        data=encoded(vector) if data is None else data,
        expiry_s=inputs["signature_expiry_sec"],
        owner=inputs["owner"],
        signer=inputs["signer"],
    )


def check(vector, action, where=None, signature=None):
    hashes = digests(where or network(vector["network"]), action)
    check_signed_by(hashes.typed_data_hash, signature or vector["expected"]["signature"], action.signer)


def refused(vector, action, **changes):
    with pytest.raises(Rejection) as caught:
        check(vector, action, **changes)
    return caught.value.code == BAD_SIGNATURE


def test_constants_come_out_of_first_principles():
    """The type hash and the four domains are those that the venue publishes."""
    assert "0x" + action_typehash().hex() == CONSTANTS["action_typehash"]
    for name, row in CONSTANTS["networks"].items():
        assert "0x" + domain_separator(network(name)).hex() == row["dom"]


@pytest.mark.parametrize("vector", ORDERS + RFQS, ids=lambda vector: vector["name"])
def test_every_vector_is_accepted(vector):
    """Encoded data, all three hashes and the signer are those of the vector."""
    action, expected = action_of(vector), vector["expected"]
    hashes = digests(network(vector["network"]), action)
    assert "0x" + action.data.hex() == expected["encoded_data"]
    assert "0x" + hashes.data_hash.hex() == expected["encoded_data_hash"]
    assert "0x" + hashes.action_hash.hex() == expected["action_hash"]
    assert "0x" + hashes.typed_data_hash.hex() == expected["typed_data_hash"]
    check(vector, action)


@pytest.mark.parametrize("vector", RFQS, ids=lambda vector: vector["name"])
def test_legs_hash_is_the_makers_on_both_sides(vector):
    """A taker signs the hash of the very legs that the maker signed."""
    assert "0x" + keccak(encode_legs(legs_of(vector))).hex() == vector["expected"]["legs_hash"]


@pytest.mark.parametrize("vector", ORDERS + RFQS, ids=lambda vector: vector["name"])
def test_any_mutation_of_the_envelope_is_refused(vector):
    """Subaccount, nonce, module, expiry, owner, signer, network and every byte of the data are signed."""
    action = action_of(vector)
    other = "0x000000000000000000000000000000000000dEaD"
    changes = [
        {"subaccount_id": action.subaccount_id + 1},
        {"nonce": action.nonce + 1},
        {"module": other},
        {"expiry_s": action.expiry_s + 1},
        {"owner": other},
        {"signer": other},
        {"data": action.data[:-1] + bytes([action.data[-1] ^ 1])},
    ]
    assert all(refused(vector, replace(action, **change)) for change in changes)
    own = network(vector["network"])
    others = [network(name) for name in CONSTANTS["networks"] if network(name) != own]
    assert all(refused(vector, action, where=where) for where in others)


@pytest.mark.parametrize("vector", ORDERS, ids=lambda vector: vector["name"])
def test_any_mutation_of_an_order_is_refused(vector):
    """Asset, sub id, price, amount, fee, recipient and side of an order are signed, to the last of 18 places."""
    fields = trade_fields(vector)
    for name, value in fields.items():
        mutated = {
            "asset": "0x000000000000000000000000000000000000dEaD",
            "is_bid": not fields["is_bid"],
        }.get(name, value + 1 if isinstance(value, int) else value)
        data = encode_trade(**(fields | {name: mutated}))
        assert refused(vector, action_of(vector, data)), name


@pytest.mark.parametrize("vector", RFQS, ids=lambda vector: vector["name"])
def test_any_mutation_of_an_rfq_is_refused(vector):
    """Asset, sub id, price and amount of every leg, their number, and the fee are signed."""
    legs = legs_of(vector)
    for number, leg in enumerate(legs):
        for change in (
            {"asset": "0x000000000000000000000000000000000000dEaD"},
            {"sub_id": leg.sub_id ^ 1},
            {"price_e18": leg.price_e18 + 1},
            {"amount_e18": -leg.amount_e18},
        ):
            mutated = [*legs[:number], replace(leg, **change), *legs[number + 1 :]]
            assert refused(vector, action_of(vector, encoded(vector, mutated)))
    assert refused(vector, action_of(vector, encoded(vector, [*legs, legs[0]])))


@pytest.mark.parametrize("oracle", ORACLES, ids=lambda oracle: oracle["name"])
def test_third_party_oracles_recover_to_their_signers(oracle):
    """Signatures that others pinned recover to the address that they pinned."""
    inputs, expected = oracle["inputs"], oracle["expected"]
    data = bytes.fromhex(inputs["encoded_data"][2:])
    assert "0x" + keccak(data).hex() == expected["encoded_data_hash"]
    signer = recover(bytes.fromhex(expected["typed_data_hash"][2:]), expected["signature"])
    assert signer == expected.get("recovers_to", inputs["signer"])


def test_login_vector_is_accepted():
    """A login signs the decimal timestamp alone."""
    digest = login_digest(LOGIN["inputs"]["timestamp_ms"])
    assert "0x" + digest.hex() == LOGIN["expected"]["eip191_hash"]
    assert recover(digest, LOGIN["expected"]["signature"]) == LOGIN["inputs"]["signer"]


def malleated(signature):
    """The same signature with n - s, which curves accept and contracts do not."""
    raw = bytes.fromhex(signature[2:])
    order = 2 * HALF_ORDER + 1
    high = (order - int.from_bytes(raw[32:64])).to_bytes(32)
    return "0x" + (raw[:32] + high + bytes([55 - raw[64]])).hex()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.removeprefix("0x"),
        lambda text: text[:-2],
        lambda text: text + "00",
        lambda text: text[:-2] + "00",
        lambda text: text[:-2] + ("1c" if text.endswith("1b") else "1b"),
        lambda text: "0xzz" + text[4:],
        lambda _text: "0x" + "00" * 64 + "1b",
        lambda _text: "0x" + "ff" * 64 + "1b",
        lambda _text: "",
        malleated,
    ],
)
def test_what_is_no_signature_is_refused(spoil):
    """No 0x, another length, another v, no hexadecimal, no curve point and a high s are all 14014."""
    vector = ORDERS[0]
    assert refused(vector, action_of(vector), signature=spoil(vector["expected"]["signature"]) or "0x")


@pytest.mark.parametrize("row", BOOK["sub_id_vectors"], ids=lambda row: row["instrument_name"])
def test_sub_ids_are_the_published_ones(row):
    """expiry + strike x 10⁸ << 32 + call << 95; nothing for a perpetual."""
    name = row["instrument_name"]
    underlying, *rest = name.split("-")
    if rest == ["PERP"]:
        listing = Listing(name, "perp", underlying, 0, Decimal(0), "", *[Decimal(1)] * 4)
    else:
        day, strike, kind = rest
        expiry_s = {"20240329": 1711699200, "20270625": 1813910400, "20261225": 1798185600}[day]
        listing = Listing(name, "option", underlying, expiry_s, Decimal(strike), kind, *[Decimal(1)] * 4)
    assert str(Instrument(listing, FeeSchedule(), START_NS).sub_id) == row["sub_id"]


def test_key_is_the_public_one():
    """The practice account's session key is the first public anvil key, and nothing else."""
    assert CONSTANTS["keys"]["K0"]["private_key"] == KEY


@pytest.mark.parametrize("dialect", [V2, V3], ids=["v2", "v3"])
def test_debug_calls_show_a_quote_and_its_execution(dialect):
    """A taker that names the maker's legs with the opposite side is shown the very legs that the maker signs."""
    desk = Desk()
    guest = desk.trader(dialect, logged_in=False)
    names = sorted([desk.option(option_type="C"), desk.option(option_type="P")])
    legs = [{"instrument_name": name, "direction": "buy", "amount": "2", "price": "10.5"} for name in names]
    nonce = str(desk.now_ns) if dialect is V3 else desk.now_ns // 1000
    params = {
        "subaccount_id": 30769,
        "nonce": nonce,
        "signer": OTHER_WALLET,
        "signature_expiry_sec": 1_800_000_000,
        "max_fee": "50",
        "legs": legs,
        "rfq_id": "r",
    }
    quote = guest.ok("public/send_quote_debug", **params, direction="sell")
    execute = guest.ok("public/execute_quote_debug", **params, direction="buy", quote_id="q")
    assert quote["encoded_data"].endswith(execute["encoded_legs"][2 + 64 :])  # behind the head word of the array
    assert execute["encoded_data"][2:66] == execute["legs_hash"][2:]
    assert len({quote["typed_data_hash"], execute["typed_data_hash"], execute["action_hash"]}) == 3
    bought = guest.ok("public/send_quote_debug", **params, direction="buy")
    assert bought["encoded_data"] != quote["encoded_data"]
    assert guest.code("public/send_quote_debug", **(params | {"max_fee": "-1"}), direction="buy") == -32602
    spoiled = params | {"legs": [legs[0] | {"instrument_name": "ETH-1"}]}
    assert guest.code("public/send_quote_debug", **spoiled, direction="buy") == 12001
