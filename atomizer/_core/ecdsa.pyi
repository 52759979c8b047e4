"""secp256k1 signer over coincurve's libsecp256k1: low-s, recoverable.

From a nonce prepared ahead where one is ready, else deterministic (RFC 6979).
"""

from typing import Final, Self, final

NONCE_CAPACITY: Final[int]  # nonces that one signer can hold ready

@final
class Signer:
    """Holds one private key. It is copied at construction, wiped when the object dies, never printed or pickled."""

    @property
    def address(self) -> bytes:
        """20 bytes."""

    def __new__(cls, secret: bytes | bytearray) -> Self:
        """32 bytes, in 1..n-1, else ValueError (which does not name the value)."""

    @property
    def prepared_count(self) -> int:
        """Nonces that lie ready."""

    @property
    def unprepared_count(self) -> int:
        """Signatures so far that found no nonce ready, or a digest unfit for one, and took the RFC 6979 path."""

    def prepare(self, count: int) -> int:
        """Prepare up to `count` nonces; how many were added. For idle time: some 35 µs each, without the GIL.

        Adds nothing when the signer holds NONCE_CAPACITY, or while another thread prepares. A nonce is used once and
        wiped; a forked child begins with none. Never resume one running process twice from a snapshot of its machine:
        that copies the nonces too, and one nonce under two messages gives the key away.

        Raises:
            OSError: the kernel cannot keep nonces from a forked child, or has no randomness; signing goes on by
                RFC 6979.
        """

    def sign(self, digest: bytes) -> bytes:
        """65 bytes r ‖ s ‖ v, v 27 or 28. ValueError if the digest is not 32 bytes.

        About 0.1 µs from a prepared nonce; else deterministic (RFC 6979), about 25 µs without the GIL.
        """

def recover(digest: bytes, signature: bytes) -> bytes:
    """Address that made the signature (65 bytes, v 27/28 or 0/1), else ValueError. High s is recovered too."""

def checksum_address(address: bytes) -> str:
    """EIP-55 text with 0x."""

def parse_address(text: str) -> bytes:
    """0x + 40 hex digits of any case; mixed case must satisfy EIP-55. ValueError otherwise."""
