"""Signatures: what a signer must have signed, rebuilt with eth-abi, and who did sign it.

Sources: protocol sheet §1 (login) and §2 (action signing). Nothing here is shared with the clients.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from atomizer.sim.derive import codes
from atomizer.sim.derive.codes import Rejection
from atomizer.sim.derive.ethereum import encode, keccak, recover_address

_ACTION_TYPE = (
    b"Action(uint256 subaccountId,uint256 nonce,address module,bytes data,uint256 expiry,address owner,address signer)"
)
_DOMAIN_TYPE = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_SIGNATURE_LENGTH = 65
_V_OFFSET = 27
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0  # secp256k1 n // 2; above it malleable


@dataclass(frozen=True, slots=True)
class Network:
    """One deployment: the chain in the domain, and the contracts that a signature names."""

    chain_id: int
    matching: str
    trade_module: str
    rfq_module: str


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg of an RFQ as the module sees it: price in e18, amount in e18 with the maker's sign."""

    asset: str
    sub_id: int
    price_e18: int
    amount_e18: int


@dataclass(frozen=True, slots=True)
class Action:
    """What is signed: `data` for `module`, in the name of `owner`."""

    subaccount_id: int
    nonce: int
    module: str
    data: bytes
    expiry_s: int
    owner: str
    signer: str


@dataclass(frozen=True, slots=True)
class Digests:
    data_hash: bytes
    action_hash: bytes
    typed_data_hash: bytes


@cache
def action_typehash() -> bytes:
    return keccak(_ACTION_TYPE)


@cache
def domain_separator(network: Network) -> bytes:
    words = ["bytes32", "bytes32", "bytes32", "uint256", "address"]
    values = [keccak(_DOMAIN_TYPE), keccak(b"Matching"), keccak(b"1.0"), network.chain_id, network.matching]
    return keccak(encode(words, values))


def encode_trade(
    *, asset: str, sub_id: int, limit_price_e18: int, amount_e18: int, max_fee_e18: int, recipient: int, is_bid: bool
) -> bytes:
    words = ["address", "uint256", "int256", "int256", "uint256", "uint256", "bool"]
    return encode(words, [asset, sub_id, limit_price_e18, amount_e18, max_fee_e18, recipient, is_bid])


def encode_quote(max_fee_e18: int, legs: Sequence[Leg]) -> bytes:
    """An RFQ maker's data."""
    return encode(["(uint256,(address,uint256,uint256,int256)[])"], [(max_fee_e18, _rows(legs))])


def encode_legs(legs: Sequence[Leg]) -> bytes:
    return encode(["(address,uint256,uint256,int256)[]"], [_rows(legs)])


def encode_execute(max_fee_e18: int, legs: Sequence[Leg]) -> bytes:
    """An RFQ taker's data: the hash of the maker's legs, and the taker's own fee."""
    return encode(["bytes32", "uint256"], [keccak(encode_legs(legs)), max_fee_e18])


def _rows(legs: Sequence[Leg]) -> list[tuple[str, int, int, int]]:
    return [(leg.asset, leg.sub_id, leg.price_e18, leg.amount_e18) for leg in legs]


def digests(network: Network, action: Action) -> Digests:
    data_hash = keccak(action.data)
    words = ["bytes32", "uint256", "uint256", "address", "bytes32", "uint256", "address", "address"]
    values = [
        action_typehash(),
        action.subaccount_id,
        action.nonce,
        action.module,
        data_hash,
        action.expiry_s,
        action.owner,
        action.signer,
    ]
    action_hash = keccak(encode(words, values))
    return Digests(data_hash, action_hash, keccak(b"\x19\x01" + domain_separator(network) + action_hash))


def login_digest(timestamp: str) -> bytes:
    """EIP-191 hash of the decimal millisecond timestamp, which is all that a login signs."""
    message = timestamp.encode()
    return keccak(b"\x19Ethereum Signed Message:\n" + str(len(message)).encode() + message)


def recover(digest: bytes, signature: str) -> str:
    """Checksummed address that signed `digest`.

    Raises:
        Rejection: 14014, when this is no signature (0x, 65 bytes r‖s‖v, v 27 or 28, low s) at all.
    """
    try:
        raw = bytes.fromhex(signature.removeprefix("0x"))
    except ValueError:
        raise Rejection(codes.BAD_SIGNATURE, "Signature is not hexadecimal") from None
    if len(raw) != _SIGNATURE_LENGTH or not signature.startswith("0x"):
        raise Rejection(codes.BAD_SIGNATURE, "Signature is not 65 bytes of hexadecimal with 0x")
    r, s, v = int.from_bytes(raw[:32]), int.from_bytes(raw[32:64]), raw[64] - _V_OFFSET
    if v not in (0, 1) or s > _HALF_ORDER:
        raise Rejection(codes.BAD_SIGNATURE, "Signature is not canonical")
    address = recover_address(digest, r, s, v)
    if address is None:
        raise Rejection(codes.BAD_SIGNATURE, "Signature recovers to no key")
    return address


def check_signed_by(digest: bytes, signature: str, signer: str) -> None:
    """Raises Rejection 14014 unless `signer` signed `digest`."""
    if recover(digest, signature).lower() != signer.lower():
        raise Rejection(codes.BAD_SIGNATURE, "Signature does not match data")
