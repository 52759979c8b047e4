"""One recoverable signature of a digest, and one recovery, beside the libraries people sign with."""

import coincurve
import eth_account
import pytest
from eth_keys import keys

from atomizer._core.ecdsa import Signer, recover

KEY = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")  # public anvil key #0
DIGEST = bytes(range(32))

signer = Signer(KEY)
coincurve_key = coincurve.PrivateKey(KEY)
account = eth_account.Account.from_key(KEY)
SIGNATURE = signer.sign(DIGEST)


def with_coincurve():
    return coincurve_key.sign_recoverable(DIGEST, hasher=None)


def with_eth_account():
    return account.unsafe_sign_hash(DIGEST).signature


@pytest.mark.parametrize(
    "sign",
    [lambda: signer.sign(DIGEST), with_coincurve, with_eth_account],
    ids=["atomizer", "coincurve", "eth-account"],
)
def test_sign(benchmark, sign):
    benchmark.group = "signature of a digest"
    assert benchmark(sign)[:64] == SIGNATURE[:64]


def recover_with_coincurve():
    signature = SIGNATURE[:64] + bytes([SIGNATURE[64] - 27])
    public_key = coincurve.PublicKey.from_signature_and_message(signature, DIGEST, hasher=None)
    return keys.PublicKey(public_key.format(compressed=False)[1:]).to_canonical_address()


def recover_with_eth_account():
    text = eth_account.Account._recover_hash(DIGEST, signature=SIGNATURE)  # noqa: SLF001  recovery of a bare digest
    return bytes.fromhex(text[2:])


@pytest.mark.parametrize(
    "recovery",
    [lambda: recover(DIGEST, SIGNATURE), recover_with_coincurve, recover_with_eth_account],
    ids=["atomizer", "coincurve", "eth-account"],
)
def test_recover(benchmark, recovery):
    benchmark.group = "address from a signature"
    assert benchmark(recovery) == signer.address
