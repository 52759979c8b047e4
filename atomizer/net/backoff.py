"""How long to wait before trying again: exponential with jitter, seeded from outside."""

from random import Random

FIRST_NS = 250_000_000
CEILING_NS = 30_000_000_000
ORDERS_CEILING_NS = 5_000_000_000  # where orders may rest, a stop must find us trying while it waits for proof


class Backoff:
    """Delays that double up to a ceiling, each drawn from the upper half of its range.

    The jitter keeps a fleet from coming back in step after a venue's restart; the lower half is left out so that a
    wait is never close to zero.
    """

    def __init__(self, random: Random, *, first_ns: int = FIRST_NS, ceiling_ns: int = CEILING_NS) -> None:
        self._random = random
        self._first_ns = first_ns
        self._ceiling_ns = ceiling_ns
        self._limit_ns = first_ns

    def next_ns(self, at_least_ns: int = 0) -> int:
        """The next delay in nanoseconds; never below `at_least_ns`, which is the venue's own hint."""
        limit_ns = self._limit_ns
        self._limit_ns = min(limit_ns * 2, self._ceiling_ns)
        return max(at_least_ns, self._random.randint(limit_ns // 2, limit_ns))

    def reset(self) -> None:
        """Start over: what we waited for has proven itself."""
        self._limit_ns = self._first_ns
