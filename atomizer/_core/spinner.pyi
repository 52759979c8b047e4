"""Sockets read again and again instead of being waited for: no wake-up and no event loop before a frame is read.

A whole text frame is first offered to the connection's reader, which is compiled too. All else goes to the connection's
protocol as it came, so that there is one judge of what a WebSocket may say. The event loop does not read meanwhile.
"""

from asyncio import BufferedProtocol
from collections.abc import Callable
from typing import Self, final

from typing_extensions import disjoint_base

@disjoint_base
class TextReader:
    """Who is asked about each whole text of a connection before anything else hears of it. Written in compiled code."""

    def read(self, text: bytes | bytearray | memoryview) -> bool:
        """Whether it was read.

        Raises:
            NotImplementedError: by the base, which reads nothing.
            Exception: what reading it led to.
        """

@final
class SpunSocket:
    """A stream socket after its WebSocket handshake, and who has what it brings.

    The descriptor must stay open until it is removed from its spinner. `on_end` is called once the stream has ended or
    failed and is no longer read: its event loop finds out how. `on_failure` has what the reader raised, which is not
    asked again, or the protocol, after which the socket is no longer read: the connection cannot go on.
    """

    read_count: int  # texts that the reader has read, of which the protocol has not heard

    def __new__(
        cls,
        descriptor: int,
        protocol: BufferedProtocol,
        on_end: Callable[[], None],
        on_failure: Callable[[Exception], None],
    ) -> Self: ...
    def read_first(self, reader: TextReader | None) -> None:
        """Ask `reader` about each whole text from now on; None: nobody."""

    def protocol_is_between_frames(self, is_between_frames: bool) -> None:
        """Whether the protocol has had whole frames only and waits for no fragment, as of this call.

        Until it says so, and after anything that it was given, everything is the protocol's.
        """

@final
class Spinner:
    """Up to 64 sockets. One thread, which is the event loop's."""

    def __new__(cls) -> Self: ...
    def add(self, socket: SpunSocket) -> bool:
        """Read this socket from now on; False when there are too many."""

    def remove(self, socket: SpunSocket) -> None:
        """No longer; nothing for a socket that is not known."""

    def __len__(self) -> int: ...
    def spin(self, looks: int) -> bool:
        """Ask the sockets by turns, so often in all, until one has something: that is delivered.

        Whether there was any. The next call begins with the next socket, so none waits for a busy one.

        Raises:
            Exception: what `on_end` or `on_failure` raised.
        """
