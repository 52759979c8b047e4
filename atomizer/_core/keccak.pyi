"""Keccak-256 as Ethereum uses it (original padding, not SHA-3's)."""

from typing import Final

def keccak256(data: bytes | bytearray | memoryview) -> bytes:
    """32-byte digest. A view must be contiguous (BufferError otherwise)."""

INSTRUCTION_SETS: Final[tuple[str, ...]]  # of this machine, slowest first: plain, bmi

def use_instructions(name: str) -> None:
    """Use one of INSTRUCTION_SETS instead of the fastest, to compare them. ValueError on any other."""
