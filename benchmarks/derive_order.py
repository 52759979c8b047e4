"""One Derive order in every form that a library wants it, for all benchmarks of digests, signatures and messages."""

import warnings
from decimal import Decimal
from typing import Final

from Crypto.Hash import keccak as pycryptodome

from atomizer._core.ecdsa import parse_address
from atomizer._core.eip712 import ACTION_TYPEHASH, DeriveActions, domain_separator, encode_instrument

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # web3 imports the old half of websockets
    from derive_action_signing.module_data.trade import TradeModuleData
    from derive_action_signing.signed_action import SignedAction

MATCHING: Final = "0xeB8d770ec18DB98Db922E9D83260A585b9F0DeAD"
TRADE_MODULE: Final = "0xB8D20c2B7a1Ad2EE33Bc50eF10876eD3035b5e7b"
RFQ_MODULE: Final = "0x9371352CCef6f5b36EfDFE90942fFE622Ab77F1D"
OWNER: Final = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"  # public anvil accounts
SIGNER: Final = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
KEY: Final = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")  # public anvil key #0
INSTRUMENT: Final = "ETH-20270625-6000-C"
ASSET: Final = "0x4BB4C3CDc7562f08e9910A0C7D8bB7e108861eB4"
SUB_ID: Final = 39614083834112546398585885568
SUBACCOUNT: Final = 75_723
PRICE, AMOUNT, MAX_FEE = Decimal("215.3"), Decimal("1.5"), Decimal("12.75")
NONCE, EXPIRY_S = 1761000000123456789, 1761003600
DOMAIN: Final = domain_separator("Matching", "1.0", 1, parse_address(MATCHING))

NANOS: Final = tuple(int(value * 10**9) for value in (PRICE, AMOUNT, MAX_FEE))
E18: Final = tuple(int(value * 10**18) for value in (PRICE, AMOUNT, MAX_FEE))

ACTIONS: Final = DeriveActions(
    DOMAIN,
    parse_address(TRADE_MODULE),
    parse_address(RFQ_MODULE),
    parse_address(OWNER),
    parse_address(SIGNER),
    SUBACCOUNT,
)
ENCODED: Final = encode_instrument(parse_address(ASSET), SUB_ID)


def keccak(data: bytes) -> bytes:
    return pycryptodome.new(data=data, digest_bits=256).digest()


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


ASSET_WORD, MODULE_WORD, OWNER_WORD, SIGNER_WORD = (
    word(int(address, 16)) for address in (ASSET, TRADE_MODULE, OWNER, SIGNER)
)


def digest_by_hand(price_e18: int, amount_e18: int, max_fee_e18: int) -> bytes:
    """What a careful engineer writes with pycryptodome: constants padded once, the rest joined."""
    values = (price_e18, amount_e18, max_fee_e18, SUBACCOUNT, 1)
    data = b"".join([ASSET_WORD, word(SUB_ID), *map(word, values)])
    action = (ACTION_TYPEHASH, word(SUBACCOUNT), word(NONCE), MODULE_WORD, keccak(data), word(EXPIRY_S))
    return keccak(b"\x19\x01" + DOMAIN + keccak(b"".join([*action, OWNER_WORD, SIGNER_WORD])))


def official_action() -> SignedAction:
    """The order as the venue's own SDK has it, from Decimal and text."""
    trade = TradeModuleData(ASSET, SUB_ID, PRICE, AMOUNT, MAX_FEE, SUBACCOUNT, is_bid=True)
    domain, typehash = "0x" + DOMAIN.hex(), "0x" + ACTION_TYPEHASH.hex()
    return SignedAction(SUBACCOUNT, OWNER, SIGNER, EXPIRY_S, NONCE, TRADE_MODULE, trade, domain, typehash)
