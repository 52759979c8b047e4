"""Derive order: its message alone, its signature from its fields, and both, beside what one would otherwise use.

A hundred at a time, so that the shortest stage is not drowned by the clock.
"""

import json

import coincurve
import orjson
import pytest
from derive_order import (
    ACTIONS,
    ASSET,
    E18,
    EXPIRY_S,
    INSTRUMENT,
    KEY,
    NANOS,
    NONCE,
    SIGNER,
    SUB_ID,
    SUBACCOUNT,
    digest_by_hand,
    official_action,
)
from probe import core_probe

from atomizer._core.ecdsa import Signer, parse_address, recover
from atomizer._core.fixed import format_nanos
from atomizer._core.frame import GTC, DeriveOrders

TIMES = 100
ROUNDS = 200
SLOW_ROUNDS = 5

signer = Signer(KEY)
coincurve_key = coincurve.PrivateKey(KEY)
writer = DeriveOrders(signer, ACTIONS, label_prefix="mm.3.", nonces_as_text=True)
writer.add_instrument(INSTRUMENT, parse_address(ASSET), SUB_ID)
ORDER = (*NANOS, NONCE, EXPIRY_S)
DIGEST = digest_by_hand(*E18)
SIGNATURE = Signer(KEY).sign(DIGEST)


def request(signature):
    """The message as a dictionary, its decimals printed from the integers that were signed."""
    price_nanos, amount_nanos, max_fee_nanos = NANOS
    params = {
        "instrument_name": INSTRUMENT,
        "subaccount_id": SUBACCOUNT,
        "direction": "buy",
        "order_type": "limit",
        "time_in_force": "gtc",
        "limit_price": format_nanos(price_nanos),
        "amount": format_nanos(amount_nanos),
        "max_fee": format_nanos(max_fee_nanos),
        "nonce": str(NONCE),
        "signature_expiry_sec": EXPIRY_S,
        "signer": SIGNER,
        "signature": "0x" + signature.hex(),
        "reduce_only": False,
        "mmp": False,
        "label": "mm.3.17",
    }
    return {"id": 7, "method": "private/order", "params": params}


def times(call):
    return lambda: [call() for _ in range(TIMES)][-1]


MESSAGES = {
    "atomizer lane": lambda: core_probe().messages(writer, *ORDER, SIGNATURE, TIMES),
    "orjson": times(lambda: orjson.dumps(request(SIGNATURE))),
    "json": times(lambda: json.dumps(request(SIGNATURE), separators=(",", ":")).encode()),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_order_message(benchmark, name):
    benchmark.group = f"{TIMES} order messages"
    core_probe()  # builds it before the clock starts
    assert benchmark(MESSAGES[name]) == orjson.dumps(request(SIGNATURE))


def by_hand():
    signature = coincurve_key.sign_recoverable(digest_by_hand(*E18), hasher=None)
    return signature[:64] + bytes([signature[64] + 27])


def by_official_sdk():
    return bytes.fromhex(official_action().sign(KEY))


SIGNATURES = {
    "atomizer lane": lambda: core_probe().signed_orders(writer, *ORDER, TIMES),
    "pycryptodome and coincurve by hand": times(by_hand),
    "derive-action-signing": times(by_official_sdk),
}


def prepare():
    signer.prepare(TIMES)


@pytest.mark.parametrize("name", SIGNATURES)
def test_order_signature(benchmark, name):
    benchmark.group = f"{TIMES} order signatures from fields"
    core_probe()
    rounds = SLOW_ROUNDS if name == "derive-action-signing" else ROUNDS
    signature = benchmark.pedantic(SIGNATURES[name], setup=prepare, rounds=rounds)
    assert recover(DIGEST, signature) == signer.address


def write():
    return writer.write(0, True, *NANOS, GTC, False, NONCE, EXPIRY_S, 17, 7)


SIGNED = {
    "atomizer": times(write),
    "by hand": times(lambda: orjson.dumps(request(by_hand()))),
    "usual libraries": times(lambda: json.dumps(request(by_official_sdk())).encode()),
}


@pytest.mark.parametrize("name", SIGNED)
def test_signed_order_message(benchmark, name):
    """From fields to the bytes that leave, called from Python."""
    benchmark.group = f"{TIMES} signed order messages, from Python"
    rounds = SLOW_ROUNDS if name == "usual libraries" else ROUNDS
    message = json.loads(bytes(benchmark.pedantic(SIGNED[name], setup=prepare, rounds=rounds)))
    signature = bytes.fromhex(message["params"].pop("signature")[2:])
    assert recover(DIGEST, signature) == signer.address
    assert message["params"].items() <= request(b"")["params"].items()
