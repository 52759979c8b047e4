"""Nonces that lie ready before a message needs one: a signature then costs 0.1 µs, and else 25 µs.

All that fit are prepared before trading begins. What was taken comes back a little at a time, on the trader's own loop:
a frame that arrives meanwhile waits 70 µs at most, and while nonces are missing one frame in 150 may. A thread would be
no better on a CPU of its own, where the kernel would let it run for milliseconds.
"""

import asyncio
import logging
from collections.abc import Iterable

from atomizer._core.ecdsa import NONCE_CAPACITY, Signer

log = logging.getLogger("atomizer")

EVERY_S = 0.01
AT_ONCE = 2  # 200 a second, more than any venue lets one account send


class NonceKeeper:
    """Keeps the pools of some signers full; several of them may be one."""

    def __init__(self, signers: Iterable[Signer]) -> None:
        self._signers = list({signer.address: signer for signer in signers}.values())

    @property
    def missed_count(self) -> int:
        """Signatures so far that found no nonce ready."""
        return sum(signer.unprepared_count for signer in self._signers)

    def fill(self) -> None:
        for signer in list(self._signers):
            self._prepare(signer, NONCE_CAPACITY)

    def top_up(self) -> None:
        """A few for the signer that has fewest."""
        if self._signers:
            self._prepare(min(self._signers, key=lambda signer: signer.prepared_count), AT_ONCE)

    def keep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Top up for as long as the loop runs."""

        def again() -> None:
            self.top_up()
            loop.call_later(EVERY_S, again)

        loop.call_later(EVERY_S, again)

    def _prepare(self, signer: Signer, count: int) -> None:
        try:
            signer.prepare(count)
        except OSError as error:  # signing goes on as the error says, only slower
            log.warning("%s: %s", signer, error)
            self._signers.remove(signer)
