"""eth-abi, eth-keys and eth-utils, imported at their first use: half a second that start-up need not wait for."""

# ruff: noqa: PLC0415  that is what this module is for

from collections.abc import Sequence


def keccak(data: bytes) -> bytes:
    """Keccak-256."""
    from eth_utils.crypto import keccak as digest

    return digest(data)


def encode(words: Sequence[str], values: Sequence[object]) -> bytes:
    """ABI encoding of values as these types."""
    from eth_abi.abi import encode as encoding

    return encoding(words, values)


def recover_address(digest: bytes, r: int, s: int, parity: int) -> str | None:
    """Checksummed address of the key that made this signature, None when no key did."""
    from eth_keys.datatypes import Signature
    from eth_keys.exceptions import BadSignature
    from eth_utils.exceptions import ValidationError

    try:
        return Signature(vrs=(parity, r, s)).recover_public_key_from_msg_hash(digest).to_checksum_address()
    except (BadSignature, ValidationError):
        return None
