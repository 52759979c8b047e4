"""Recoverable signatures of a digest, and recoveries, beside the libraries people sign with."""

import coincurve
import eth_account
import pytest
from eth_keys import keys
from probe import core_probe

from atomizer._core.ecdsa import Signer, recover

KEY = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")  # public anvil key #0
DIGEST = bytes(range(32))
TIMES = 100
ROUNDS = 200
SLOW_ROUNDS = 20

signer = Signer(KEY)
coincurve_key = coincurve.PrivateKey(KEY)
account = eth_account.Account.from_key(KEY)
SIGNATURE = Signer(KEY).sign(DIGEST)


def with_coincurve():
    return coincurve_key.sign_recoverable(DIGEST, hasher=None)


def with_eth_account():
    return bytes(account.unsafe_sign_hash(DIGEST).signature)


@pytest.mark.parametrize(
    "sign",
    [lambda: Signer.sign(signer, DIGEST), with_coincurve, with_eth_account],
    ids=["atomizer", "coincurve", "eth-account"],
)
def test_sign(benchmark, sign):
    """By RFC 6979: no nonce is prepared."""
    benchmark.group = "signature of a digest, no nonce prepared"
    assert benchmark(sign)[:64] == SIGNATURE[:64]


def in_the_lane():
    return core_probe().signatures(signer, DIGEST, TIMES)


def from_python():
    sign = signer.sign
    for _ in range(TIMES):
        signature = sign(DIGEST)
    return signature


def prepare():
    signer.prepare(TIMES)


def many_with_coincurve():
    return [with_coincurve() for _ in range(TIMES)][-1]


def many_with_eth_account():
    return [with_eth_account() for _ in range(TIMES)][-1]


@pytest.mark.parametrize(
    "sign_many",
    [in_the_lane, from_python, many_with_coincurve, many_with_eth_account],
    ids=["atomizer lane", "atomizer", "coincurve", "eth-account"],
)
def test_sign_prepared(benchmark, sign_many):
    """A hundred at a time, each from a nonce that was prepared in idle time."""
    benchmark.group = f"{TIMES} signatures of a digest, nonces prepared"
    core_probe()  # builds it before the clock starts
    unprepared = signer.unprepared_count
    rounds = SLOW_ROUNDS if sign_many is many_with_eth_account else ROUNDS
    signature = benchmark.pedantic(sign_many, setup=prepare, rounds=rounds)
    assert recover(DIGEST, signature) == signer.address
    assert signer.unprepared_count == unprepared


def test_prepare(benchmark):
    """What idle time pays for a hundred nonces."""
    benchmark.group = f"{TIMES} nonces prepared"

    def spend():
        while signer.prepared_count:
            signer.sign(DIGEST)

    assert benchmark.pedantic(signer.prepare, (TIMES,), setup=spend, rounds=ROUNDS) == TIMES


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
