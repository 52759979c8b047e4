"""Whether a private channel still speaks: what an answer said of an order must come over the channel, too. Pure.

The socket's own signs of life tell nothing of one channel, and silence alone means nothing where nothing happens. But
each order that rests is told twice by every venue that we know, in either order. One that only its answer told of is
proof: fills would not have come either.
"""

import time
from collections.abc import Callable
from typing import Final

from atomizer.net.rpc import NANOS_PER_S

WITHIN_NS: Final = 5 * NANOS_PER_S


class Echoes:
    """Of one connection after another; orders by their client id."""

    def __init__(self, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        """`clock_ns` must not be one that people set."""
        self._clock_ns = clock_ns
        self._owed: dict[str, int] = {}  # when the answer came, oldest first

    def owe(self, client_id: str) -> None:
        """An answer says that this order rests, and the channel has not spoken of it."""
        self._owed.setdefault(client_id, self._clock_ns())

    def hear(self, client_id: str) -> None:
        """The channel has spoken of this order."""
        self._owed.pop(client_id, None)

    def take_overdue(self) -> str:
        """The order for which it is too late, told once; empty while the channel can be believed."""
        client_id, owed_ns = next(iter(self._owed.items()), ("", 0))
        if not client_id or self._clock_ns() - owed_ns < WITHIN_NS:
            return ""
        self._owed.clear()
        return client_id

    def forget(self) -> None:
        """The connection is gone, and its subscriptions with it."""
        self._owed.clear()
