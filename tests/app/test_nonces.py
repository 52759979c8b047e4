"""The pools of prepared nonces: full before trading, and full again soon after."""

import asyncio

from atomizer._core.ecdsa import NONCE_CAPACITY, Signer
from atomizer.app.nonces import EVERY_S, MISSING_EVERY_S, NonceKeeper

DIGEST = bytes(range(32))
KEYS = [bytes.fromhex(text * 32) for text in ("11", "22")]  # public test keys


def signers():
    return [Signer(key) for key in KEYS]


def test_all_pools_are_full_before_trading():
    """Every signer has all the nonces that it can hold, and none of its signatures was without one."""
    ours = signers()
    keeper = NonceKeeper(ours)
    keeper.fill()
    for signer in ours:
        signer.sign(DIGEST)
    assert [signer.prepared_count for signer in ours] == [NONCE_CAPACITY - 1] * 2
    assert keeper.missed_count == 0


def test_what_was_taken_comes_back_one_at_a_time():
    """A top-up prepares a nonce for the signer that has fewest, and is due again soon unless nothing was missing."""
    first, second = signers()
    keeper = NonceKeeper([first, second])
    keeper.fill()
    for _ in range(2):
        second.sign(DIGEST)
    for missing, due_s in ((1, MISSING_EVERY_S), (0, MISSING_EVERY_S), (0, EVERY_S)):
        assert keeper.top_up() == due_s
        assert (first.prepared_count, second.prepared_count) == (NONCE_CAPACITY, NONCE_CAPACITY - missing)


def test_other_work_is_done_while_there_are_plenty():
    """With half of its nonces ready a signer can wait while there is work to do ahead; with fewer it cannot."""
    (signer, _), left = signers(), [3, 0]
    keeper = NonceKeeper([signer], lambda: left.pop(0))
    signer.prepare(NONCE_CAPACITY // 2 - 1)
    for prepared, still_left in ((0, [3, 0]), (0, [0]), (1, [])):
        assert keeper.top_up() == MISSING_EVERY_S
        assert (signer.prepared_count, left) == (NONCE_CAPACITY // 2 + prepared, still_left)


def test_signer_of_several_jobs_is_kept_once():
    """A signer that quotes and hedges has one pool, and its misses count once."""
    signer = Signer(KEYS[0])
    keeper = NonceKeeper([signer, signer])
    signer.sign(DIGEST)
    keeper.fill()
    signer.sign(DIGEST)
    assert keeper.missed_count == 1
    assert signer.prepared_count == NONCE_CAPACITY - 1


async def test_pools_fill_while_the_loop_runs():
    """Beside everything else that a loop does, its pools fill up."""
    (signer, _) = signers()
    keeper = NonceKeeper([signer])
    keeper.keep(asyncio.get_running_loop())
    await asyncio.sleep(5 * EVERY_S)
    assert signer.prepared_count > 0


async def test_nobody_to_prepare_for_is_nothing_to_do():
    """A run without a key of its own keeps nothing."""
    keeper = NonceKeeper([])
    keeper.fill()
    keeper.top_up()
    assert keeper.missed_count == 0
