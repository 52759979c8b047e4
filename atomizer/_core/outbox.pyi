"""Orders on their way out: named, signed, in the journal, and as WebSocket frames that leave in one write."""

from typing import Final, Self, final

from atomizer._core.appender import Appender

ORDERS: Final[int]  # that one outbox holds

@final
class Nonces:
    """Numbers that rise and are never used twice, also when the clock stands still or steps back."""

    last: int

    def __new__(cls, *, unit_ns: int, per_unit: int, last: int) -> Self:
        """In each `unit_ns` of unix time there are `per_unit` of them; all are above `last`.

        Raises:
            ValueError: they would not rise.
        """

    def next(self, now_ns: int) -> int:
        """One more.

        Raises:
            ValueError: a time before 1970.
        """

@final
class Outbox:
    """Filled by a `Lane`. What is in it was journalled, and must be sent: `frames`, then `clear`. One thread."""

    allowance: int  # how many orders may still leave; 0: none at all
    count: int  # of orders since `clear`
    frames: memoryview  # masked WebSocket frames, one an order; the first `frames_size` bytes are written
    frames_size: int
    last_number: int  # which the last label ends in; each order takes the next
    last_request_id: int  # each order takes the next; far above those of requests that are written elsewhere

    def __new__(cls, venue: str, journal: Appender, nonces: Nonces) -> Self:
        """`venue`: whose orders they are, as records name it. Nothing may leave before there is an `allowance`.

        Raises:
            ValueError: a name that is too long or needs escaping.
        """

    def clear(self) -> None: ...
    def next_number(self) -> int:
        """The number for the label of an order that is written elsewhere."""
