"""Keccak-256 of one block (32 and 135 bytes) and of eight, beside what Python programs usually hash with."""

import eth_utils
import pytest
from Crypto.Hash import keccak as pycryptodome

from atomizer._core.keccak import keccak256


def by_hand(message):
    return pycryptodome.new(data=message, digest_bits=256).digest()


@pytest.mark.parametrize("size", [32, 135, 1_080])
@pytest.mark.parametrize(
    "digest", [keccak256, by_hand, eth_utils.keccak], ids=["atomizer", "pycryptodome", "eth-utils"]
)
def test_keccak(benchmark, digest, size):
    benchmark.group = f"keccak256 of {size} bytes"
    message = bytes(size)
    assert benchmark(digest, message) == keccak256(message)
