"""Nonces that lie ready before a message needs one: a signature then costs 0.1 µs, and else 25 µs.

All that fit are prepared before trading begins. What was taken comes back one at a time, on the trader's own loop: a
frame that arrives meanwhile waits 35 µs at most, and while nonces are missing one frame in 30 may. A thread would be no
better on a CPU of its own, where the kernel would let it run for milliseconds.

The market maker's digests (`_core.slot_writer`) are made ahead in the same pauses.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable

from atomizer._core.ecdsa import NONCE_CAPACITY, Signer

log = logging.getLogger("atomizer")

EVERY_S = 0.01
MISSING_EVERY_S = 0.001  # while nonces are missing: a market maker at Derive may send 500 orders a second, and bursts


class NonceKeeper:
    """Keeps the pools of some signers full; several of them may be one.

    `make_ahead` does some other work of as little time, and says how much of it there was.
    """

    def __init__(self, signers: Iterable[Signer], make_ahead: Callable[[], int] = lambda: 0) -> None:
        self._signers = list({signer.address: signer for signer in signers}.values())
        self._make_ahead = make_ahead

    @property
    def missed_count(self) -> int:
        """Signatures so far that found no nonce ready."""
        return sum(signer.unprepared_count for signer in self._signers)

    def fill(self) -> None:
        for signer in list(self._signers):
            self._prepare(signer, NONCE_CAPACITY)

    def top_up(self) -> float:
        """One for the signer that has fewest, or other work while that has plenty; in how many seconds to go on."""
        poorest = min(self._signers, key=lambda signer: signer.prepared_count, default=None)
        has_plenty = poorest is None or 2 * poorest.prepared_count >= NONCE_CAPACITY
        added = has_plenty and self._make_ahead()
        if not added and poorest is not None:
            added = self._prepare(poorest, 1)
        return MISSING_EVERY_S if added else EVERY_S

    def keep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Top up for as long as the loop runs."""

        def again() -> None:
            loop.call_later(self.top_up(), again)

        loop.call_later(EVERY_S, again)

    def _prepare(self, signer: Signer, count: int) -> int:
        try:
            return signer.prepare(count)
        except OSError as error:  # signing goes on as the error says, only slower
            log.warning("%s: %s", signer, error)
            self._signers.remove(signer)
            return 0
