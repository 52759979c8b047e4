"""Digest of one Derive order (five Keccak permutations), beside an encoder by hand and the official SDK.

Each starts from what its user holds: atomizer from integers, the SDK from Decimal and text.
"""

import pytest
from derive_order import (
    ACTIONS,
    ASSET,
    E18,
    ENCODED,
    EXPIRY_S,
    NANOS,
    NONCE,
    SUB_ID,
    digest_by_hand,
    official_action,
)
from probe import core_probe

from atomizer._core.ecdsa import parse_address

TIMES = 100
DIGEST = ACTIONS.order_nanos(ENCODED, *NANOS, True, NONCE, EXPIRY_S)


def by_official_sdk():
    return bytes(official_action()._to_typed_data_hash())  # noqa: SLF001  the SDK has no public step before the signature


CALLS = {
    "atomizer nanos": (ACTIONS.order_nanos, (ENCODED, *NANOS, True, NONCE, EXPIRY_S)),
    "atomizer e18": (ACTIONS.order, (parse_address(ASSET), SUB_ID, *E18, True, NONCE, EXPIRY_S)),
    "pycryptodome by hand": (digest_by_hand, E18),
    "derive-action-signing": (by_official_sdk, ()),
}


@pytest.mark.parametrize("name", CALLS)
def test_derive_order_digest(benchmark, name):
    benchmark.group = "Derive order digest, from Python"
    digest, arguments = CALLS[name]
    assert benchmark(digest, *arguments) == DIGEST


def test_derive_order_digests(benchmark):
    """As the hot lane makes them: no call from Python between them."""
    benchmark.group = f"{TIMES} Derive order digests"
    arguments = (ACTIONS, ENCODED, *NANOS, NONCE, EXPIRY_S, TIMES)
    assert benchmark(core_probe().digests, *arguments) == DIGEST


def test_derive_order_digests_by_hand(benchmark):
    benchmark.group = f"{TIMES} Derive order digests"
    assert benchmark(lambda: [digest_by_hand(*E18) for _ in range(TIMES)])[-1] == DIGEST


def test_derive_order_digests_by_official_sdk(benchmark):
    benchmark.group = f"{TIMES} Derive order digests"
    assert benchmark(lambda: [by_official_sdk() for _ in range(TIMES)])[-1] == DIGEST
