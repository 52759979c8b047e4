"""A tick out of a venue over TCP and WebSocket, a signed order back: the whole way, with sockets that are spun on.

The venue is C and times each answer; it stays the same, the trader changes: ours (picows on uvloop, polled, the fused
lane), an all-C one that spins on its socket, the best Python libraries behind our socket, and a bare echo, which is
what the sockets alone cost. Each last order is checked: its signature must be our key's over the terms that it states.
The target is a median of at most 1.35 of the all-C trader's in the same run. It takes two CPUs of one's own. Since a
virtual machine's may be lent to others at any moment, the traders take turns, and every tick of all turns counts.
"""

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import coincurve
import pytest
from derive_order import (
    ACTIONS,
    ASSET,
    DOMAIN,
    EXPIRY_S,
    INSTRUMENT,
    KEY,
    MODULE_WORD,
    OWNER_WORD,
    SIGNER_WORD,
    SUB_ID,
    SUBACCOUNT,
    word,
)
from feeds import Deribit
from test_lane import MAX_FEE, NANOS, RESTING_NONCE, SIZE, signed_terms

from atomizer._core.ecdsa import Signer, parse_address
from atomizer._core.eip712 import ACTION_TYPEHASH, encode_instrument
from atomizer._core.frame import POST_ONLY, DeriveOrders

HERE = Path(__file__).parent
TICKS = 2_500
TURNS = 7  # of each trader
WARM_UP = 2_000
FIRST_NONCE = 1_761_000_000_000_000_001
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # of secp256k1 (SEC 2, section 2.4.1)
CPUS = sorted(os.sched_getaffinity(1))  # of the machine: our own process may be held to one

COMPILER = shutil.which("gcc")

pytestmark = pytest.mark.skipif(len(CPUS) < 2 or COMPILER is None, reason="needs two CPUs and gcc")


def prepared_nonces(count):
    """Records of 97 bytes: 1/k, r*d/k, r and the parity of y, of fresh k for the public test key."""
    d = int.from_bytes(KEY)
    records = []
    for _ in range(count):
        k = secrets.randbelow(ORDER - 1) + 1
        point = coincurve.PublicKey.from_secret(k.to_bytes(32)).format(compressed=True)
        r, inverse = int.from_bytes(point[1:]) % ORDER, pow(k, -1, ORDER)
        records.append(
            inverse.to_bytes(32) + (r * d * inverse % ORDER).to_bytes(32) + point[1:] + bytes([point[0] - 2])
        )
    return b"".join(records)


def c_bytes(data):
    return "{" + ",".join(map(str, data)) + "}"


def c_text(text):
    return '"' + text.replace('"', '\\"') + '"'


def constants():
    """What never changes in an order, for the C trader: taken from a message and a digest of ours."""
    writer = DeriveOrders(Signer(KEY), ACTIONS, label_prefix="mm.r1.", nonces_as_text=True)
    index = writer.add_instrument(INSTRUMENT, parse_address(ASSET), SUB_ID)
    fields = (123_456_789, SIZE, MAX_FEE, POST_ONLY, False, 9_876_543_210, EXPIRY_S, 1, 5_555, RESTING_NONCE)
    message = bytes(writer.write(index, True, *fields)).decode()
    pieces = re.fullmatch(r"(.*:)5555(,.*\")0\.123456789(\".*\")9876543210(\".*0x)[0-9a-f]{130}(\".*)", message)
    parts = dict(
        zip(("PART_ID", "PART_PRICE", "PART_NONCE", "PART_SIGNATURE", "PART_END"), pieces.groups(), strict=True)
    )
    order = encode_instrument(parse_address(ASSET), SUB_ID)
    order += b"".join(map(word, (0, SIZE * NANOS, MAX_FEE * NANOS, SUBACCOUNT, 1)))
    action = (
        ACTION_TYPEHASH + word(SUBACCOUNT) + word(0) + MODULE_WORD + word(0) + word(EXPIRY_S) + OWNER_WORD + SIGNER_WORD
    )
    sealed = b"\x19\x01" + DOMAIN + word(0)
    lines = [f"#define {name} {c_text(text)}" for name, text in parts.items()]
    lines += [
        f"#define ORDER_WORDS {c_bytes(order)}",
        f"#define ACTION_WORDS {c_bytes(action)}",
        f"#define SEALED {c_bytes(sealed)}",
        f"#define FIRST_NONCE {FIRST_NONCE}ULL",
        f"#define CHANNEL {c_text(Deribit.channel)}",
        f"#define INSTRUMENT {c_text(Deribit.channel.split('.')[1])}",
    ]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def peer(tmp_path_factory):
    """The compiled peer, and the nonces of its trader."""
    folder = tmp_path_factory.mktemp("loopback")
    (folder / "loopback_order.h").write_text(constants())
    (folder / "nonces").write_bytes(prepared_nonces(WARM_UP + TICKS))
    binary = folder / "loopback_peer"
    headers = HERE.parent / "atomizer" / "_core"
    flags = ["-O3", "-march=native", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", f"-I{folder}", f"-I{headers}"]
    subprocess.run([COMPILER, *flags, HERE / "loopback_peer.c", "-o", binary], check=True)  # noqa: S603  our own file
    return binary


def start(command, cpu, **pipes):
    process = subprocess.Popen(command, text=True, **pipes)  # noqa: S603  our own programs
    os.sched_setaffinity(process.pid, {cpu})
    return process


def trade(peer, command):
    """Answer times in nanoseconds, rising, and the last answer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    venue = start([peer, "venue", port, str(TICKS)], CPUS[0], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert venue.stderr.readline() == "listening\n"
    trader = start([word.replace("PORT", port) for word in command], CPUS[-1])
    try:
        printed, complaint = venue.communicate(timeout=120)
        assert (venue.returncode, trader.wait(timeout=10)) == (0, 0), complaint  # which lets the trader say why
        *times, answer = printed.splitlines()
    finally:
        for process in (venue, trader):
            process.kill()
            process.wait()
    assert len(times) == TICKS
    return sorted(map(int, times)), answer


def commands(peer):
    ours = [sys.executable, str(HERE / "loopback_trader.py"), "PORT"]
    return {
        "echo in C": [str(peer), "echo", "PORT"],
        "all C": [str(peer), "trader", "PORT", str(peer.parent / "nonces")],
        "atomizer": [*ours, "lane"],
        "best Python libraries": [*ours, "libraries"],
    }


@pytest.fixture(scope="module")
def sessions(peer):
    """Of each trader the answer times of all its turns, rising, and the last answer."""
    found = {name: ([], None) for name in commands(peer)}
    for _ in range(TURNS):
        for name, command in commands(peer).items():
            times, answer = trade(peer, command)
            found[name] = (found[name][0] + times, answer)
    return {name: (sorted(times), answer) for name, (times, answer) in found.items()}


@pytest.mark.parametrize("trader", ["atomizer", "all C", "echo in C", "best Python libraries"])
@pytest.mark.benchmark(group="tick out over TCP, signed order back (p50 and p99 in the extra info, nanoseconds)")
def test_loopback(benchmark, peer, sessions, trader):
    """Sessions of some thousand ticks; their percentiles stand in the extra info."""
    benchmark.pedantic(trade, args=(peer, commands(peer)[trader]), rounds=1)
    times, answer = sessions[trader]
    benchmark.extra_info |= {"p50": times[len(times) // 2], "p99": times[len(times) * 99 // 100], "least": times[0]}
    if trader != "echo in C":
        terms, signer = signed_terms(answer.encode())
        assert signer == Signer(KEY).address
        assert terms[:2] == [102.5 * NANOS, SIZE]
