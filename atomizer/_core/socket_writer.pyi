"""The way of whole WebSocket frames into a connection's socket: one system call, and no copy where it is plaintext."""

import asyncio
from typing import Self, final

from picows import WSTransport

@final
class SocketWriter:
    """Belongs to a connection that is lost and made again, and is shut in between. One thread."""

    def __new__(cls) -> Self: ...
    def open(self, transport: WSTransport, stream: asyncio.Transport, descriptor: int) -> None:
        """Write to this connection from now on; `descriptor` is its socket's, or -1 when the stream encrypts."""

    def shut(self) -> None:
        """Its end: nothing is written until the next one is open."""

    @property
    def is_open(self) -> bool:
        """Not so from the moment that its stream closes, or that we say goodbye."""

    def write(self, frames: bytes | memoryview) -> bool:
        """Write frames, masked already, behind whatever was sent before. False, and nothing of it has left: not open.

        What then becomes of them is as with everything sent: the connection may be lost on the way.
        """
