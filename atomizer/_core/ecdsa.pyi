"""secp256k1 signer over coincurve's libsecp256k1. Low-s, recoverable, deterministic (RFC 6979)."""

from typing import Self, final

@final
class Signer:
    """Holds one private key. It is copied at construction, wiped when the object dies, never printed or pickled."""

    @property
    def address(self) -> bytes:
        """20 bytes."""

    def __new__(cls, secret: bytes | bytearray) -> Self:
        """32 bytes, in 1..n-1, else ValueError (which does not name the value)."""

    def sign(self, digest: bytes) -> bytes:
        """65 bytes r ‖ s ‖ v, v 27 or 28. The GIL is released meanwhile. ValueError if the digest is not 32 bytes."""

def recover(digest: bytes, signature: bytes) -> bytes:
    """Address that made the signature (65 bytes, v 27/28 or 0/1), else ValueError. High s is recovered too."""

def checksum_address(address: bytes) -> str:
    """EIP-55 text with 0x."""

def parse_address(text: str) -> bytes:
    """0x + 40 hex digits of any case; mixed case must satisfy EIP-55. ValueError otherwise."""
