"""Orders on their way out: named, signed, in the journal, and as WebSocket frames that leave in one write."""

from typing import Final, Self, final

from atomizer._core.appender import Appender
from atomizer._core.socket_writer import SocketWriter

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
    """Filled by a `Lane`, which also sends it. What is in it was journalled, and has not left. One thread."""

    allowance: int  # how many orders may still leave; 0: none at all
    count: int  # of orders that have not left
    frames: memoryview  # masked WebSocket frames, one an order; the first `frames_size` bytes have not left
    frames_size: int
    last_number: int  # which the last label ends in; each order takes the next
    last_request_id: int  # each order takes the next; far above those of requests that are written elsewhere
    written_ns: int  # when the last order was ready to leave, by the machine's clock
    sent_ns: int  # when the last order had left
    socket: SocketWriter

    def __new__(cls, venue: str, journal: Appender, nonces: Nonces, socket: SocketWriter) -> Self:
        """`venue`: whose orders they are, as records name it. Nothing may leave before there is an `allowance`.

        Raises:
            ValueError: a name that is too long or needs escaping.
        """

    def clear(self) -> None:
        """Give up what has not left. Whoever calls it accounts for these orders: the journal has them."""

    def next_number(self) -> int:
        """The number for the label of an order that is written elsewhere."""
