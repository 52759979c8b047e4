"""EIP-712 digests for Derive actions, Rysk quotes and transfers, and EIP-191 for logins.

Addresses are 20 bytes, digests 32 bytes. Amounts named `_e18` are Python ints of 10⁻¹⁸. Field order and types are those
of Derive's Trade and RFQ modules (`ITradeModule.TradeData`, `IRfqModule`) and of Rysk's maker page, "EIP-712". A field
of another length, or outside its uint256, int256 or uint64, is a ValueError that names field and value.
"""

from collections.abc import Sequence
from typing import Self, final

ACTION_TYPEHASH: bytes
QUOTE_TYPEHASH: bytes

def domain_separator(name: str, version: str, chain_id: int, contract: bytes) -> bytes:
    """Hash of EIP712Domain(name, version, chainId, verifyingContract)."""

def personal_digest(message: bytes) -> bytes:
    """EIP-191 personal_sign digest."""

def option_sub_id(expiry_s: int, strike_nanos: int, is_call: bool) -> int:
    """Derive's 96-bit option id: expiry | strike*10⁸ << 32 | call << 95. Strike must be a multiple of 10⁻⁸."""

def encode_instrument(asset: bytes, sub_id: int) -> bytes:
    """Asset and sub_id as an order signs them, 64 bytes: encode once, sign often."""

@final
class DeriveActions:
    """Digests of signed actions for one (domain, owner, signer, subaccount). Immutable; holds no secret."""

    def __new__(
        cls,
        domain_separator: bytes,
        trade_module: bytes,
        rfq_module: bytes,
        owner: bytes,
        signer: bytes,
        subaccount_id: int,
    ) -> Self: ...
    def order(
        self,
        asset: bytes,
        sub_id: int,
        price_e18: int,
        amount_e18: int,
        max_fee_e18: int,
        is_bid: bool,
        nonce: int,
        expiry_s: int,
    ) -> bytes:
        """Digest of a Trade-module action; the recipient is our own subaccount. Amount may be negative (int256)."""

    def order_nanos(
        self,
        instrument: bytes,
        price_nanos: int,
        amount_nanos: int,
        max_fee_nanos: int,
        is_bid: bool,
        nonce: int,
        expiry_s: int,
    ) -> bytes:
        """As `order`, from `encode_instrument` and int64 nanos (10⁻⁹): the digest that the hot lane makes.

        OverflowError outside int64.
        """

    def quote(
        self,
        legs: Sequence[tuple[bytes, int, int, int]],
        max_fee_e18: int,
        nonce: int,
        expiry_s: int,
    ) -> bytes:
        """Digest of a maker's RFQ quote; legs are (asset, sub_id, price_e18, signed amount_e18) in the order sent."""

    def execute(
        self,
        legs: Sequence[tuple[bytes, int, int, int]],
        max_fee_e18: int,
        nonce: int,
        expiry_s: int,
    ) -> bytes:
        """Digest of a taker's execution; legs are the maker's signed legs, unchanged."""

    def action(self, module: bytes, data: bytes, nonce: int, expiry_s: int) -> bytes:
        """Digest of any module's action from its encoded data."""

def legs_hash(legs: Sequence[tuple[bytes, int, int, int]]) -> bytes:
    """Keccak of the ABI-encoded legs, which a taker signs in place of the legs."""

def rysk_quote_digest(
    domain_separator: bytes,
    asset: bytes,
    chain_id: int,
    is_put: bool,
    strike: int,
    expiry_s: int,
    maker: bytes,
    nonce: int,
    price_e18: int,
    quantity_e18: int,
    is_taker_buy: bool,
    valid_until_s: int,
    usd: bytes,
    collateral: bytes,
) -> bytes:
    """`strike` in 10⁻⁸ as on the wire."""

def rysk_transfer_digest(
    domain_separator: bytes,
    user: bytes,
    asset: bytes,
    chain_id: int,
    amount: int,
    is_deposit: bool,
    nonce: int,
) -> bytes:
    """Digest of a deposit into, or a withdrawal from, the maker's margin balance; `amount` in token units."""
