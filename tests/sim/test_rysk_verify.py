"""Whose signature practice Rysk accepts."""

import pytest
from eth_account import Account
from rysk_maker import CALL, KEY, MAKER, OTHER_KEY, VECTORS, quote_params, sign

from atomizer.sim.rysk.verify import quote_signer, refuse_transfer, transfer_signer
from atomizer.sim.rysk.wire import Quote, Refusal, parse_quote, parse_transfer

V3_QUOTES = ["v3-base-sepolia-covered-call", "v3-base-mainnet-taker-buy-call", "v3-sdk-testQuote"]
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def wire_params(vector):
    """A vector's message as the socket carries it."""
    numbers = {"chainId", "expiry", "validUntil"}
    message = {name: int(value) if name in numbers else value for name, value in vector["message"].items()}
    return message | {"signature": vector["signature"]}


def parsed(params):
    quote = parse_quote(params)
    assert isinstance(quote, Quote)
    return quote


@pytest.mark.parametrize("label", V3_QUOTES)
def test_published_quotes_recover_to_their_signer(label):
    """Each published quote of the current schema recovers to the key that signed it."""
    vector = VECTORS[label]
    assert quote_signer(parsed(wire_params(vector))) == vector["signer"].lower()


@pytest.mark.parametrize(
    "change",
    [
        {"assetAddress": "0xb67bfa7b488df4f2efa874f4e59242e9130ae61e"},
        {"chainId": 8453},
        {"isPut": True},
        {"strike": "260000000001"},
        {"expiry": 1751011201},
        {"maker": "0x2c7536e3605d9c16a7a3d7b1898e529396a65c24"},
        {"nonce": "1750000000124"},
        {"price": "12500000000000000001"},
        {"quantity": "1000000000000000001"},
        {"isTakerBuy": True},
        {"validUntil": 1750000031},
        {"usd": "0x98d56648c9b7f3cb49531f4135115b5000ab1734"},
        {"collateralAsset": "0xb67bfa7b488df4f2efa874f4e59242e9130ae61e"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_signature_covers_every_field(change):
    """A published quote with any one field changed no longer recovers to its signer."""
    assert quote_signer(parsed(wire_params(CALL) | change)) != MAKER


def test_signatures_of_2025_recover_to_strangers():
    """A quote or transfer signed by a schema of 2025 (text address and nonce, zero contract) is not the maker's."""
    quote = VECTORS["legacy-v2-quote"]
    params = wire_params(CALL) | {"signature": quote["signature"]}
    assert quote_signer(parsed(params)) not in {None, MAKER}
    transfer = parse_transfer(
        {
            **{name: value for name, value in VECTORS["v3-transfer-deposit"]["message"].items() if name != "chainId"},
            "chainId": 84532,
            "signature": VECTORS["legacy-v1-transfer"]["signature"],
        }
    )
    assert transfer_signer(transfer) not in {None, MAKER}
    assert isinstance(refuse_transfer(transfer, is_deposit=True), Refusal)


def test_published_transfer_is_the_users():
    """The published deposit recovers to its user and nothing refuses it."""
    vector = VECTORS["v3-transfer-deposit"]
    transfer = parse_transfer(wire_params(vector))
    assert transfer_signer(transfer) == MAKER
    assert refuse_transfer(transfer, is_deposit=True) is None


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "0x",
        CALL["signature"][2:],
        CALL["signature"][:-2],
        CALL["signature"] + "00",
        CALL["signature"][:-2] + "00",
        CALL["signature"][:-2] + "1d",
        "0x" + "00" * 64 + "1b",
        "0x" + "ff" * 64 + "1b",
        CALL["signature"][:-1] + "g",
    ],
)
def test_malformed_signature_recovers_to_nobody(signature):
    """A signature of another length, recovery byte or range recovers to nobody, and raises nothing."""
    assert quote_signer(parsed(wire_params(CALL) | {"signature": signature})) is None


def test_high_s_twin_of_a_good_signature_is_refused():
    """The other signature with the same meaning (s negated) is refused, as the contracts do."""
    raw = bytes.fromhex(CALL["signature"][2:])
    low_s = int.from_bytes(raw[32:64])
    assert low_s <= HALF_ORDER
    twin = "0x" + (raw[:32] + (ORDER - low_s).to_bytes(32) + bytes([55 - raw[64]])).hex()
    assert quote_signer(parsed(wire_params(CALL) | {"signature": twin})) is None


def test_foreign_key_does_not_sign_for_the_maker():
    """A well-formed signature by another key recovers to that key's address."""
    params = {name: value for name, value in wire_params(CALL).items() if name != "signature"}
    signature = sign(CALL, params, OTHER_KEY)
    signer = quote_signer(parsed(params | {"signature": signature}))
    assert signer == Account.from_key(OTHER_KEY).address.lower() != MAKER


def test_chain_without_a_contract_has_no_signers():
    """A quote for a chain that Rysk is not on recovers to nobody."""
    rfq = wire_params(CALL) | {"asset": CALL["message"]["assetAddress"], "chainId": 5}
    assert quote_signer(parsed(quote_params(rfq, "12.5", 1, key=KEY))) is None
