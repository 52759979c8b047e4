"""Keccak-256 as Ethereum uses it (original padding, not SHA-3's)."""

def keccak256(data: bytes | bytearray | memoryview) -> bytes:
    """32-byte digest. A view must be contiguous (BufferError otherwise)."""
