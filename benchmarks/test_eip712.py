"""Digest of one Derive order (five Keccak permutations), beside an encoder by hand and the official SDK.

All start from what a trading program holds: atomizer's from integers, the SDK from its own Decimal and text fields.
"""

import warnings
from decimal import Decimal

import pytest
from Crypto.Hash import keccak as pycryptodome

from atomizer._core.ecdsa import parse_address
from atomizer._core.eip712 import ACTION_TYPEHASH, DeriveActions, domain_separator, encode_instrument

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # web3 imports the old half of websockets
    from derive_action_signing.module_data.trade import TradeModuleData
    from derive_action_signing.signed_action import SignedAction

MATCHING = "0xeB8d770ec18DB98Db922E9D83260A585b9F0DeAD"
TRADE_MODULE = "0xB8D20c2B7a1Ad2EE33Bc50eF10876eD3035b5e7b"
RFQ_MODULE = "0x9371352CCef6f5b36EfDFE90942fFE622Ab77F1D"
OWNER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"  # public anvil accounts
SIGNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
ASSET = "0x4BB4C3CDc7562f08e9910A0C7D8bB7e108861eB4"
SUB_ID = 39614083834112546398585885568
SUBACCOUNT = 75_723
PRICE, AMOUNT, MAX_FEE = Decimal("215.3"), Decimal("1.5"), Decimal("12.75")
NONCE, EXPIRY_S = 1761000000123456789, 1761003600
DOMAIN = domain_separator("Matching", "1.0", 1, parse_address(MATCHING))

actions = DeriveActions(
    DOMAIN,
    parse_address(TRADE_MODULE),
    parse_address(RFQ_MODULE),
    parse_address(OWNER),
    parse_address(SIGNER),
    SUBACCOUNT,
)
asset = parse_address(ASSET)
instrument = encode_instrument(asset, SUB_ID)


def to(scale, value):
    return int(value * scale)


NANOS = [to(10**9, value) for value in (PRICE, AMOUNT, MAX_FEE)]
E18 = [to(10**18, value) for value in (PRICE, AMOUNT, MAX_FEE)]


def from_nanos():
    return actions.order_nanos(instrument, *NANOS, True, NONCE, EXPIRY_S)


def from_e18():
    return actions.order(asset, SUB_ID, *E18, True, NONCE, EXPIRY_S)


def keccak(data):
    return pycryptodome.new(data=data, digest_bits=256).digest()


def word(value):
    return value.to_bytes(32, "big")


CONSTANT = [word(int(address, 16)) for address in (ASSET, TRADE_MODULE, OWNER, SIGNER)]


def by_hand():
    """What a careful engineer writes with pycryptodome: constants padded once, the rest joined."""
    asset_word, module, owner, signer = CONSTANT
    data = b"".join([asset_word, word(SUB_ID), *map(word, E18), word(SUBACCOUNT), word(1)])
    action = b"".join(
        [ACTION_TYPEHASH, word(SUBACCOUNT), word(NONCE), module, keccak(data), word(EXPIRY_S), owner, signer]
    )
    return keccak(b"\x19\x01" + DOMAIN + keccak(action))


def official_sdk():
    trade = TradeModuleData(ASSET, SUB_ID, PRICE, AMOUNT, MAX_FEE, SUBACCOUNT, True)
    action = SignedAction(
        SUBACCOUNT,
        OWNER,
        SIGNER,
        EXPIRY_S,
        NONCE,
        TRADE_MODULE,
        trade,
        "0x" + DOMAIN.hex(),
        "0x" + ACTION_TYPEHASH.hex(),
    )
    return bytes(action._to_typed_data_hash())  # noqa: SLF001  the SDK has no public step before the signature


@pytest.mark.parametrize(
    "digest",
    [from_nanos, from_e18, by_hand, official_sdk],
    ids=["atomizer nanos", "atomizer e18", "pycryptodome by hand", "derive-action-signing"],
)
def test_derive_order_digest(benchmark, digest):
    benchmark.group = "Derive order digest"
    assert benchmark(digest) == from_nanos()
