"""Keccak-256 against pycryptodome (through eth_utils' backend) and published digests."""

import eth_utils
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atomizer._core.keccak import INSTRUCTION_SETS, keccak256, use_instructions


def digests(message):
    """By every set of instructions, the fastest last."""
    for name in INSTRUCTION_SETS:
        use_instructions(name)
        yield keccak256(message)


def test_keccak_of_nothing_is_the_published_digest():
    """The digest of the empty string is Ethereum's empty code hash, not SHA3-256's."""
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


@pytest.mark.parametrize("length", [*range(131, 141), *range(267, 277), 1_000_003])
def test_keccak_holds_at_every_edge_of_a_block(length):
    """A message that ends just before, on or after a 136-byte block is padded as the specification says."""
    message = bytes(index * 7 & 0xFF for index in range(length))
    assert set(digests(message)) == {eth_utils.keccak(message)}


@given(st.binary(max_size=600))
def test_keccak_equals_the_independent_one(message):
    """Every message has the digest that an independent implementation gives."""
    assert set(digests(message)) == {eth_utils.keccak(message)}


@given(st.binary(max_size=300))
def test_keccak_takes_any_contiguous_bytes(message):
    """bytes, bytearray and a view of either have one digest."""
    assert keccak256(message) == keccak256(bytearray(message)) == keccak256(memoryview(message))


def test_keccak_refuses_what_is_not_contiguous_bytes():
    """Text and strided views are refused rather than hashed as something else."""
    with pytest.raises(TypeError):
        keccak256("text")
    with pytest.raises(BufferError):
        keccak256(memoryview(b"abcdef")[::2])


def test_only_what_the_machine_has_can_be_used():
    """Every machine can do with the plain instructions, and an unknown name is refused."""
    assert INSTRUCTION_SETS[0] == "plain"
    with pytest.raises(ValueError, match="no 'mmx' instructions"):
        use_instructions("mmx")
