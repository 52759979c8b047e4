"""Signatures against the official vectors, eth_keys and eth_account; the key's secrecy; addresses."""

import copy
import gc
import json
import pickle
import threading
from pathlib import Path

import eth_account
import eth_utils
import pytest
from eth_keys import keys
from hypothesis import given
from hypothesis import strategies as st

from atomizer._core.ecdsa import Signer, checksum_address, parse_address, recover

VECTORS = Path(__file__).parent.parent / "data" / "vectors"
DERIVE = json.loads((VECTORS / "derive.json").read_text())
RYSK = json.loads((VECTORS / "rysk.json").read_text())
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # of the group; SEC 2, section 2.4.1
ANVIL_KEY = bytes.fromhex(DERIVE["constants"]["keys"]["K0"]["private_key"][2:])  # public test key #0

secrets = st.integers(1, ORDER - 1).map(lambda number: number.to_bytes(32, "big"))
digests = st.binary(min_size=32, max_size=32)


def unhex(text):
    return bytes.fromhex(text.removeprefix("0x"))


def signed_vectors():
    for vector in DERIVE["vectors"]:
        digest = vector["expected"].get("typed_data_hash") or vector["expected"]["eip191_hash"]
        key = vector["inputs"]["signer_private_key"]
        yield pytest.param(key, digest, vector["expected"]["signature"], id=vector["name"])
    for vector in RYSK["vectors"]:
        yield pytest.param(vector["private_key"], vector["digest"], vector["signature"], id=vector["label"])


@pytest.mark.parametrize(("secret", "digest", "signature"), [*signed_vectors()])
def test_signature_of_each_vector(secret, digest, signature):
    """Each official vector's signature is reproduced to the byte."""
    assert Signer(unhex(secret)).sign(unhex(digest)) == unhex(signature)


@pytest.mark.parametrize(
    "oracle",
    [
        pytest.param(oracle, id=oracle["name"])
        for oracle in DERIVE["third_party_oracles"]
        if "signature" in oracle["expected"]
    ],
)
def test_third_party_signature_recovers(oracle):
    """Signatures of the venue's other SDKs recover to the signer that they name."""
    expected = oracle["expected"]
    assert recover(unhex(expected["typed_data_hash"]), unhex(expected["signature"])) == unhex(expected["recovers_to"])


@given(secrets, digests)
def test_signature_is_the_deterministic_one(secret, digest):
    """Any key signs any digest as eth_keys does: RFC 6979, low s, v 27 or 28."""
    signature = Signer(secret).sign(digest)
    v, r, s = keys.PrivateKey(secret).sign_msg_hash(digest).vrs
    assert signature == r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([27 + v])
    assert s <= ORDER // 2


@given(secrets, digests)
def test_signature_recovers_to_its_maker(secret, digest):
    """Any signature recovers to the signer's address, with v as 27/28 or as 0/1, here and in eth_account."""
    signer = Signer(secret)
    signature = signer.sign(digest)
    assert signer.address == unhex(eth_account.Account.from_key(secret).address)
    assert recover(digest, signature) == signer.address
    assert recover(digest, signature[:64] + bytes([signature[64] - 27])) == signer.address
    assert unhex(eth_account.Account._recover_hash(digest, signature=signature)) == signer.address


@given(digests, digests)
def test_signature_does_not_recover_for_another_digest(digest, other):
    """A signature of one digest does not name its maker for another."""
    signer = Signer(ANVIL_KEY)
    if digest == other:
        other = bytes(byte ^ 1 for byte in other)
    assert recover(other, signer.sign(digest)) != signer.address


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_recover_answers_an_address_or_value_error(digest, signature):
    """Bytes from outside are an address or a ValueError, never a crash."""
    try:
        assert len(recover(digest, signature)) == 20
    except ValueError:
        return


@pytest.mark.parametrize("v", [2, 3, 26, 29, 30, 255])
def test_recover_refuses_another_v(v):
    """Only Ethereum's two recovery ids are accepted."""
    signature = Signer(ANVIL_KEY).sign(b"\x01" * 32)
    with pytest.raises(ValueError, match="v must be"):
        recover(b"\x01" * 32, signature[:64] + bytes([v]))


@pytest.mark.parametrize(
    "scalars",
    [(0, 1), (1, 0), (ORDER, 1), (1, ORDER), (2**256 - 1, 2**256 - 1), (5, 1)],
    ids=["r=0", "s=0", "r=n", "s=n", "both too large", "no such point"],
)
def test_recover_refuses_impossible_scalars(scalars):
    """r or s of zero or not below the group order, and an r that is no point, recover to nobody."""
    compact = b"".join(scalar.to_bytes(32, "big") for scalar in scalars)
    with pytest.raises(ValueError, match="no public key"):
        recover(b"\x01" * 32, compact + b"\x1b")


@pytest.mark.parametrize("size", [0, 31, 33])
def test_sign_refuses_another_length(size):
    """Only 32 bytes are a digest."""
    with pytest.raises(ValueError, match="digest"):
        Signer(ANVIL_KEY).sign(b"\x01" * size)


@pytest.mark.parametrize(
    "secret",
    [b"", b"\x01" * 31, b"\x01" * 33, bytes(32), ORDER.to_bytes(32, "big"), b"\xff" * 32],
    ids=["empty", "short", "long", "zero", "order", "above order"],
)
def test_signer_refuses_what_is_no_key(secret):
    """A key of another length, zero or not below the group order is refused without naming its value."""
    with pytest.raises(ValueError, match="secret key") as refused:
        Signer(secret)
    assert not secret or secret.hex()[:8] not in str(refused.value)


@pytest.mark.parametrize("secret", [ANVIL_KEY.hex(), int.from_bytes(ANVIL_KEY, "big"), None, list(ANVIL_KEY)])
def test_signer_refuses_another_type_without_naming_it(secret):
    """Text and numbers are refused, and a key given as text does not appear in the message."""
    with pytest.raises(TypeError) as refused:
        Signer(secret)
    assert str(secret) not in str(refused.value) or secret is None


def test_signer_holds_the_smallest_and_the_largest_key():
    """1 and n-1 are keys."""
    for number in (1, ORDER - 1):
        secret = number.to_bytes(32, "big")
        assert Signer(secret).address == keys.PrivateKey(secret).public_key.to_canonical_address()


def test_signer_keeps_its_own_copy_of_the_key():
    """Wiping the caller's buffer after construction changes nothing."""
    buffer = bytearray(ANVIL_KEY)
    signer = Signer(buffer)
    buffer[:] = bytes(32)
    assert signer.sign(b"\x02" * 32) == Signer(ANVIL_KEY).sign(b"\x02" * 32)


def test_secret_is_in_no_text_of_the_signer():
    """Neither repr, str, format nor any attribute shows the key."""
    signer = Signer(ANVIL_KEY)
    shown = [repr(signer), str(signer), f"{signer}", *(repr(getattr(signer, name)) for name in dir(signer))]
    assert not hasattr(signer, "__dict__")
    assert not hasattr(signer, "secret")
    for text in shown:
        assert ANVIL_KEY.hex()[:8] not in text.lower()
        assert repr(ANVIL_KEY)[2:20] not in text


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_signer_is_never_pickled(protocol):
    """A signer cannot be serialised."""
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(Signer(ANVIL_KEY), protocol)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_signer_is_never_copied(duplicate):
    """A signer cannot be copied."""
    with pytest.raises(TypeError, match="cannot be pickled or copied"):
        duplicate(Signer(ANVIL_KEY))


def test_signer_cannot_be_extended_or_rewritten():
    """A signer has no subclass, and its address cannot be replaced."""
    with pytest.raises(TypeError):
        type("Leaky", (Signer,), {})
    with pytest.raises(AttributeError):
        Signer(ANVIL_KEY).address = b"\x00" * 20


def test_key_is_wiped_with_its_signer():
    """No memory that a dead signer held still has the key."""
    secret = bytes(range(1, 33))
    signer = Signer(secret)
    start, size = id(signer), Signer.__basicsize__
    del signer
    gc.collect()
    with Path("/proc/self/mem").open("rb", buffering=0) as memory:
        memory.seek(start)
        held = memory.read(size)
    assert not any(secret[at : at + 8] in held for at in range(24))


def test_threads_share_a_signer():
    """Signatures made at once by several threads are each the right one."""
    signer = Signer(ANVIL_KEY)
    made = {}

    def sign_some(first):
        for number in range(first, first + 50):
            digest = number.to_bytes(32, "big")
            made[digest] = signer.sign(digest)

    threads = [threading.Thread(target=sign_some, args=(1 + 50 * index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 200
    assert all(recover(digest, signature) == signer.address for digest, signature in made.items())


@given(st.binary(min_size=20, max_size=20))
def test_address_text_is_eip55_and_comes_back(address):
    """Any address is written with eth_utils' checksum, and read back from checked, lower and upper case."""
    text = checksum_address(address)
    assert text == eth_utils.to_checksum_address(address)
    assert parse_address(text) == address
    assert parse_address(text.lower()) == address
    assert parse_address("0x" + text[2:].upper()) == address


@given(st.binary(min_size=20, max_size=20), st.integers(2, 41))
def test_address_with_one_wrong_case_is_refused(address, position):
    """One letter in the wrong case fails the checksum, unless all letters are then of one case."""
    text = checksum_address(address)
    swapped = text[:position] + text[position].swapcase() + text[position + 1 :]
    if swapped == text or swapped[2:] in (text[2:].lower(), text[2:].upper()):
        assert parse_address(swapped) == address
        return
    with pytest.raises(ValueError, match="checksum"):
        parse_address(swapped)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0x",
        "0x" + "a" * 39,
        "0x" + "a" * 41,
        "a" * 42,
        "0X" + "a" * 40,
        "0x" + "g" * 40,
        "0x" + " a" * 20,
        "0x" + "é" * 40,
    ],
)
def test_address_of_another_shape_is_refused(text):
    """Anything but 0x and forty hex digits is refused."""
    with pytest.raises(ValueError, match="not an address"):
        parse_address(text)


@pytest.mark.parametrize("size", [0, 19, 21])
def test_checksum_refuses_another_length(size):
    """Only 20 bytes are an address."""
    with pytest.raises(ValueError, match="20 bytes"):
        checksum_address(b"\x01" * size)
