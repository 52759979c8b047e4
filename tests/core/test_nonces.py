"""Prepared nonces: each rule that keeps a nonce from being used twice, shown one by one, and their arithmetic.

With a known key every nonce can be computed back from its signature, up to its sign: k = (z + r*d) / s mod n.
"""

import copy
import importlib.util
import itertools
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from eth_keys import keys
from hypothesis import given
from hypothesis import strategies as st

from atomizer._core.ecdsa import NONCE_CAPACITY, Signer, recover

ROOT = Path(__file__).parent.parent.parent
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # order of the group; SEC 2, section 2.4.1
KEY = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")  # public anvil key #0
DIGEST = bytes(range(32))

secrets = st.integers(1, N - 1).map(lambda number: number.to_bytes(32, "big"))
digests = st.binary(min_size=32, max_size=32)


def scalars():
    """Any 256 bits, with the limbs and neighbourhoods where carries happen well represented."""
    limbs = st.sampled_from([0, 1, 2**63, 2**64 - 1, 2**64 - 2])
    corners = st.tuples(limbs, limbs, limbs, limbs).map(
        lambda limb: sum(value << 64 * index for index, value in enumerate(limb))
    )
    near_order = st.integers(-5, 5).map(lambda offset: (N + offset) % 2**256)
    near_half = st.integers(-5, 5).map(lambda offset: N // 2 + offset)
    return st.one_of(st.integers(0, 2**256 - 1), corners, near_order, near_half)


@pytest.fixture(scope="module")
def probe(tmp_path_factory):
    """The compiled probe beside this file, built against the room's own header."""
    folder = tmp_path_factory.mktemp("probe")
    for source in (Path(__file__).with_name("nonce_probe.pyx"), ROOT / "atomizer" / "_core" / "scalar.h"):
        shutil.copy(source, folder)
    subprocess.run(
        [sys.executable, "-m", "Cython.Build.Cythonize", "--quiet", "--inplace", folder / "nonce_probe.pyx"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (compiled,) = folder.glob("nonce_probe*.so")
    spec = importlib.util.spec_from_file_location("nonce_probe", compiled)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def signer():
    return Signer(KEY)


def prepared(count, secret=KEY):
    signer = Signer(secret)
    assert signer.prepare(count) == count
    return signer


def r_of(signature):
    return signature[:32]


def nonce_of(signature, digest=DIGEST, secret=KEY):
    z, d = int.from_bytes(digest, "big"), int.from_bytes(secret, "big")
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    return (z + r * d) * pow(s, -1, N) % N


def deterministic(digest, secret=KEY):
    v, r, s = keys.PrivateKey(secret).sign_msg_hash(digest).vrs
    return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([27 + v])


def sign_together(probe, signer, threads, each):
    """Signatures of `threads` threads that start at the same instant and sign `each` times without the GIL."""
    made = []
    probe.expect(threads)
    run_together([lambda: made.extend(probe.sign_together(signer, DIGEST, each))] * threads)
    return made


def run_together(jobs):
    hands = [threading.Thread(target=job) for job in jobs]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()


# Arithmetic modulo n


@given(a=scalars(), b=scalars(), c=scalars())
def test_product_and_sum_are_those_of_integers(probe, a, b, c):
    """a*b + c mod n is Python's for all 256-bit values, reduced or not."""
    assert probe.multiply_add(a, b, c) == (a * b + c) % N


@given(scalars().filter(lambda value: 0 < value < N))
def test_inverse_is_that_of_integers(probe, value):
    """1/a mod n is Python's for every valid a."""
    assert probe.invert(value) == pow(value, -1, N)


@given(scalars())
def test_valid_is_between_one_and_the_order(probe, value):
    """A scalar is valid exactly from 1 to n-1."""
    assert probe.is_valid(value) == (0 < value < N)


@given(scalars().filter(lambda value: value < N))
def test_low_half_is_ethereums(probe, value):
    """s above n/2 becomes n - s, and says so; s up to n/2 stays."""
    high = value > N // 2
    assert probe.make_low(value) == (N - value if high else value, high)


# Signatures


@given(secrets, digests)
def test_prepared_signature_recovers_to_its_maker(secret, digest):
    """Any key signs any digest from a prepared nonce: low s, v 27 or 28, recovered to the signer's address."""
    signer = prepared(2, secret)
    for _ in range(2):
        signature = signer.sign(digest)
        assert recover(digest, signature) == signer.address
        assert int.from_bytes(signature[32:64], "big") <= N // 2
        assert signature[64] in {27, 28}


@pytest.mark.parametrize("digest", [1, 2, N // 2, N // 2 + 1, N - 1])
@pytest.mark.parametrize("secret", [1, 2, N // 2, N - 1])
def test_prepared_signature_at_the_edges(secret, digest):
    """The smallest and largest keys and digests are signed as any other."""
    secret, digest = secret.to_bytes(32, "big"), digest.to_bytes(32, "big")
    signer = prepared(1, secret)
    assert recover(digest, signer.sign(digest)) == signer.address
    assert signer.unprepared_count == 0


def test_prepared_signature_is_accepted_by_an_independent_verifier():
    """eth_keys verifies a signature from a prepared nonce against the public key."""
    signature = prepared(1).sign(DIGEST)
    independent = keys.Signature(signature[:64] + bytes([signature[64] - 27]))
    assert keys.PrivateKey(KEY).public_key.verify_msg_hash(DIGEST, independent)


# Single use


def test_each_signature_spends_one_nonce():
    """Every signature takes one entry, oldest first, and never the same one again."""
    signer = prepared(5)
    counts, signatures = [], []
    for _ in range(5):
        signatures.append(signer.sign(DIGEST))
        counts.append(signer.prepared_count)
    assert counts == [4, 3, 2, 1, 0]
    assert len({r_of(signature) for signature in signatures}) == 5


def test_pool_is_bounded_and_wraps_round():
    """A pool holds NONCE_CAPACITY entries, refuses more, and repeats none when its places are used again."""
    signer = prepared(NONCE_CAPACITY)
    assert signer.prepare(1) == 0
    seen = set()
    for taken in (1, 700, NONCE_CAPACITY, 24):
        seen.update(r_of(signer.sign(DIGEST)) for _ in range(taken))
        assert signer.prepare(10 * NONCE_CAPACITY) == taken
        assert signer.prepared_count == NONCE_CAPACITY
    assert len(seen) == 1 + 700 + NONCE_CAPACITY + 24
    assert signer.unprepared_count == 0


def test_empty_pool_falls_back_and_is_counted():
    """With no entry ready a signature is RFC 6979's, and is counted; entries prepared later are used again."""
    signer = prepared(1)
    assert signer.sign(DIGEST) != deterministic(DIGEST)
    assert [signer.sign(DIGEST) for _ in range(3)] == [deterministic(DIGEST)] * 3
    assert signer.unprepared_count == 3
    signer.prepare(1)
    assert signer.sign(DIGEST) != deterministic(DIGEST)
    assert signer.unprepared_count == 3


def test_signer_that_never_prepared_is_deterministic_and_counts():
    """Without prepare() every signature is RFC 6979's and counted as unprepared."""
    signer = Signer(KEY)
    assert signer.sign(DIGEST) == deterministic(DIGEST)
    assert (signer.prepared_count, signer.unprepared_count) == (0, 1)


@pytest.mark.parametrize("digest", [0, N, N + 1, 2**256 - 1], ids=["0", "n", "n+1", "2^256-1"])
def test_digest_outside_the_group_order_takes_the_deterministic_path(digest):
    """A digest of zero or not below n is signed by RFC 6979, is counted and spends no entry."""
    signer, digest = prepared(3), digest.to_bytes(32, "big")
    assert signer.sign(digest) == deterministic(digest)
    assert (signer.prepared_count, signer.unprepared_count) == (3, 1)


@pytest.mark.parametrize("wrong", [b"", b"\x01" * 31, b"\x01" * 33, "text", None])
def test_refused_digest_spends_nothing(wrong):
    """A call that raises takes no entry."""
    signer = prepared(3)
    with pytest.raises((ValueError, TypeError)):
        signer.sign(wrong)
    assert (signer.prepared_count, signer.unprepared_count) == (3, 0)


@pytest.mark.parametrize("count", [0, -1])
def test_preparing_nothing_adds_nothing(signer, count):
    """A count of zero or below prepares nothing."""
    assert signer.prepare(count) == 0
    assert signer.prepared_count == 0


def test_threads_never_share_a_nonce(probe):
    """Threads that sign at the same instant, without the GIL, while another refills, share no nonce; none is lost."""
    signer, made, stop = Signer(KEY), [], threading.Event()

    def refill():
        while not stop.is_set():
            signer.prepare(40)

    refiller = threading.Thread(target=refill)
    refiller.start()
    for _ in range(12):
        made += sign_together(probe, signer, threads=3, each=150)
    stop.set()
    refiller.join()
    # The deterministic signature of one digest is one signature; every other r must be new.
    from_pool = [signature for signature in made if signature != deterministic(DIGEST)]
    assert len(made) == 12 * 3 * 150
    assert len({r_of(signature) for signature in from_pool}) == len(from_pool) > 500
    assert len(made) - len(from_pool) == signer.unprepared_count
    assert all(recover(DIGEST, signature) == signer.address for signature in from_pool)


def test_threads_that_drain_a_pool_together_share_no_nonce(probe):
    """Threads that empty one pool together take each entry once."""
    for _ in range(4):
        signer = prepared(NONCE_CAPACITY)
        made = sign_together(probe, signer, threads=4, each=NONCE_CAPACITY // 4)
        assert len({r_of(signature) for signature in made}) == NONCE_CAPACITY
        assert (signer.prepared_count, signer.unprepared_count) == (0, 0)


def test_two_threads_never_fill_at_once():
    """Threads that prepare at once add each entry once, and never more than the pool holds."""
    signer, added = Signer(KEY), []
    run_together([lambda: added.append(signer.prepare(200))] * 4)
    assert sum(added) == signer.prepared_count
    assert len({r_of(signer.sign(DIGEST)) for _ in range(sum(added))}) == sum(added)


def in_child(work):
    """What `work` answers in a forked child, as JSON through a pipe."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, json.dumps(work()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        answer = json.load(stream)
    assert os.waitpid(child, 0)[1] == 0
    return answer


def test_forked_child_has_none_of_its_parents_nonces():
    """A child begins with an empty pool, falls back, and shares no nonce with its parent, even after a grandchild."""
    signer = prepared(20)

    def sign_in_child():
        found = signer.prepared_count
        fallback = signer.sign(DIGEST).hex()
        added = signer.prepare(10)
        own = [signer.sign(DIGEST)[:32].hex() for _ in range(5)]
        grandchild = in_child(lambda: [signer.prepared_count, signer.sign(DIGEST).hex()])
        own += [signer.sign(DIGEST)[:32].hex() for _ in range(5)]
        return {"found": found, "fallback": fallback, "added": added, "own": own, "grandchild": grandchild}

    child = in_child(sign_in_child)
    ours = {r_of(signer.sign(DIGEST)).hex() for _ in range(20)}
    assert child["found"] == 0
    assert child["fallback"] == deterministic(DIGEST).hex()
    assert child["added"] == 10
    assert child["grandchild"] == [0, deterministic(DIGEST).hex()]
    assert len(ours | set(child["own"])) == 20 + 10


def test_signal_handler_that_signs_takes_its_own_nonces():
    """A handler that signs while its process is signing and preparing never gets a nonce that was used."""
    signer, made = Signer(KEY), []

    def handle(_number, _frame):
        made.append(signer.sign(DIGEST))

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
    try:
        for _ in range(300):
            signer.prepare(8)
            made.extend(signer.sign(DIGEST) for _ in range(4))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    from_pool = [signature for signature in made if signature != deterministic(DIGEST)]
    assert len(made) > 1_250
    assert len({r_of(signature) for signature in from_pool}) == len(from_pool) > 1_000
    assert all(recover(DIGEST, signature) == signer.address for signature in from_pool)


def test_exception_between_signatures_never_brings_a_nonce_back():
    """An exception thrown into signing code at any moment may lose an entry, and never returns one."""
    signer, made = prepared(NONCE_CAPACITY), []

    class Interrupted(Exception):
        pass

    def interrupt(_number, _frame):
        raise Interrupted

    def sign_until_interrupted():
        signal.setitimer(signal.ITIMER_REAL, 0.00002)
        while signer.prepared_count:
            made.append(signer.sign(DIGEST))
        signal.setitimer(signal.ITIMER_REAL, 0)

    before = signal.signal(signal.SIGALRM, interrupt)
    interruptions = 0
    try:
        while signer.prepared_count:
            try:
                sign_until_interrupted()
            except Interrupted:
                interruptions += 1
    finally:
        signal.signal(signal.SIGALRM, before)
    assert len({r_of(signature) for signature in made}) == len(made)
    assert len(made) + interruptions >= NONCE_CAPACITY


# Secrecy


def secret_pages(*flags):
    """Addresses of this process's pages that the kernel holds with these flags: wf wipes on fork, dd does not dump."""
    pages, bounds = set(), range(0)
    for line in Path("/proc/self/smaps").read_text().splitlines():
        first, *rest = line.split()
        if not first.endswith(":"):
            start, end = (int(bound, 16) for bound in first.split("-"))
            bounds = range(start, end, os.sysconf("SC_PAGE_SIZE"))
        elif first == "VmFlags:" and {*flags} <= {*rest}:
            pages.update(bounds)
    return pages


def memory_of(pages):
    with Path("/proc/self/mem").open("rb", buffering=0) as memory:
        return b"".join(os.pread(memory.fileno(), os.sysconf("SC_PAGE_SIZE"), page) for page in sorted(pages))


def limbs(value):
    return value.to_bytes(32, "little")


def test_entry_is_wiped_as_it_is_taken():
    """A spent entry's inverse and share are gone from the pool's memory at once; an entry still to come is there."""
    others = secret_pages("wf")
    signer = prepared(2)
    pool = secret_pages("wf") - others
    before, first = memory_of(pool), signer.sign(DIGEST)
    between, second = memory_of(pool), signer.sign(DIGEST)
    after = memory_of(pool)

    def holds(memory, signature):
        inverse = pow(nonce_of(signature), -1, N)
        r, d = int.from_bytes(r_of(signature), "big"), int.from_bytes(KEY, "big")
        entries = [sign * inverse % N for sign in (1, -1)] + [sign * inverse * r * d % N for sign in (1, -1)]
        return any(limbs(entry) in memory for entry in entries) or r_of(signature) in memory

    assert [holds(before, first), holds(before, second)] == [True, True]
    assert [holds(between, first), holds(between, second)] == [False, True]
    assert [holds(after, first), holds(after, second)] == [False, False]
    assert after.count(0) >= len(after) - 4  # two counters is all that is left


def test_key_and_nonces_are_not_in_the_pools_memory():
    """The pool holds inverses and shares, never the key nor a nonce itself."""
    others = secret_pages("wf")
    signer = prepared(1)
    memory = memory_of(secret_pages("wf") - others)
    nonce = nonce_of(signer.sign(DIGEST))
    for secret in (int.from_bytes(KEY, "big"), nonce, N - nonce):
        assert limbs(secret) not in memory
        assert secret.to_bytes(32, "big") not in memory


def test_pool_is_emptied_on_fork_and_left_out_of_core_dumps():
    """The kernel holds every page of a pool as wipe-on-fork and do-not-dump, and none once its signer is gone."""
    before = secret_pages("wf", "dd")
    signer = prepared(8)
    pool = secret_pages("wf", "dd") - before
    assert len(pool) * os.sysconf("SC_PAGE_SIZE") > NONCE_CAPACITY * 96
    assert secret_pages("wf") - before == pool
    del signer
    assert secret_pages("wf") & pool == set()


def test_pool_is_never_serialised_nor_shown():
    """A signer with prepared nonces cannot be pickled or copied, and its repr is its address alone."""
    signer = prepared(4)
    for serialise in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled or copied"):
            serialise(signer)
    assert repr(signer) == repr(Signer(KEY))
    assert signer.prepared_count == 4


# Soundness of the draw


def test_nonces_are_statistically_sound():
    """Nonces are spread evenly over the whole range: by bit, by byte, between neighbours, and far from each other."""
    others = secret_pages("wf")
    signer = prepared(NONCE_CAPACITY)
    memory = memory_of(secret_pages("wf") - others)

    def drawn(nonce):
        """Which of k and n-k was drawn: the inverse that lay in the pool tells, the signature does not."""
        return nonce if limbs(pow(nonce, -1, N)) in memory else N - nonce

    nonces = [drawn(nonce_of(signer.sign(DIGEST))) for _ in range(NONCE_CAPACITY)]
    count = len(nonces)
    five_sigma = 5 * (count / 4) ** 0.5
    neighbours = [first ^ second for first, second in itertools.pairwise(nonces)]
    for sample in (nonces, neighbours):
        for bit in range(256):
            ones = sum(value >> bit & 1 for value in sample)
            assert abs(ones - len(sample) / 2) < five_sigma, f"bit {bit}"
    octets = b"".join(nonce.to_bytes(32, "big") for nonce in nonces)
    expected = len(octets) / 256
    chi_square = sum((octets.count(value) - expected) ** 2 / expected for value in range(256))
    assert abs(chi_square - 255) < 6 * (2 * 255) ** 0.5
    apart = [second - first for first, second in itertools.pairwise(sorted(nonces))]
    assert min(apart) > 2**200  # 2^236 is usual for a thousand draws


def test_two_signers_of_one_key_share_no_nonce():
    """The same key prepared twice gives different nonces."""
    first, second = prepared(200), prepared(200)
    rs = {r_of(signer.sign(DIGEST)) for signer in (first, second) for _ in range(200)}
    assert len(rs) == 400


RANDOMNESS = """
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>
ssize_t getrandom(void *memory, size_t size, unsigned flags) {
    if (size != 64) return syscall(SYS_getrandom, memory, size, flags); /* 64 bytes are asked for a nonce only */
    %s
}
"""
SIGN_SOME = """
import sys
from atomizer._core.ecdsa import Signer
signer = Signer(bytes.fromhex(sys.argv[1]))
try:
    signer.prepare(50)
except OSError as refused:
    print(refused)
print(*[signer.sign(bytes(range(32))).hex() for _ in range(50)], signer.unprepared_count)
"""


@pytest.fixture(scope="module")
def with_randomness(tmp_path_factory):
    """Run a process in which the system's randomness does as told."""
    folder = tmp_path_factory.mktemp("randomness")

    def run(body):
        source, library = folder / "shim.c", folder / "shim.so"
        source.write_text(RANDOMNESS % body)
        subprocess.run([shutil.which("gcc"), "-shared", "-fPIC", "-o", library, source], check=True)
        environment = {**os.environ, "LD_PRELOAD": str(library), "PYTHONPATH": str(ROOT)}
        answer = subprocess.run(
            [sys.executable, "-c", SIGN_SOME, KEY.hex()],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
        *said, result = answer.stdout.splitlines()
        *signatures, unprepared = result.split()
        return said, [bytes.fromhex(signature) for signature in signatures], int(unprepared)

    return run


def test_stuck_randomness_repeats_no_nonce(with_randomness):
    """If the system's randomness is stuck at one value, the counter, clock and process still keep nonces apart."""
    runs = [with_randomness("memset(memory, 0x5a, size); return 64;") for _ in range(2)]
    nonces = {nonce_of(signature) for _, signatures, _ in runs for signature in signatures}
    assert [unprepared for _, _, unprepared in runs] == [0, 0]
    assert len(nonces | {N - nonce for nonce in nonces}) == 200


@pytest.mark.parametrize(
    "body",
    ["return -1;", "return 32;", "memset(memory, 0, size); return 64;"],
    ids=["refused", "short", "all zero"],
)
def test_missing_randomness_prepares_nothing(with_randomness, body):
    """Without randomness prepare() says so, and signing goes on by RFC 6979."""
    said, signatures, unprepared = with_randomness(body)
    assert said == ["the system gave no usable randomness: signing stays on RFC 6979"]
    assert signatures == [deterministic(DIGEST)] * 50
    assert unprepared == 50
