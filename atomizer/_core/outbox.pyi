"""Orders on their way out: named, signed if need be, in the journal, and as frames that leave in one write."""

from collections.abc import Callable
from typing import Final, Self, final

from atomizer._core.appender import Appender
from atomizer._core.nonces import Nonces
from atomizer._core.socket_writer import SocketWriter

ORDERS: Final[int]  # that one outbox holds
FIRST_REQUEST_ID: Final[int]  # the request id of an order is its number above this, and above those written elsewhere

@final
class Outbox:
    """Filled by a `Lane`, which also sends it. What is in it was journalled, and has not left. One thread."""

    allowance: int  # how many orders may still leave; 0: none at all
    count: int  # of orders that have not left
    frames: memoryview  # masked WebSocket frames, one an order; the first `frames_size` bytes have not left
    frames_size: int
    last_number: int  # which the last label ends in; each order takes the next
    written_ns: int  # when what has left last was ready to
    sent_ns: int  # when it had been handed to the socket, or, where that is encrypted, to the stream above it
    socket: SocketWriter

    def __new__(
        cls, venue: str, journal: Appender, nonces: Nonces, socket: SocketWriter, clock_ns: Callable[[], int]
    ) -> Self:
        """`venue`: whose orders they are, as records name it. Nothing may leave before there is an `allowance`.

        Raises:
            ValueError: a name that is too long or needs escaping.
        """

    def clear(self) -> None:
        """Give up what has not left. Whoever calls it accounts for these orders: the journal has them."""

    def next_number(self) -> int:
        """The number for the label of an order that is written elsewhere."""
