"""Sockets read again and again instead of being waited for: no wake-up and no event loop before a frame is read."""

from asyncio import BufferedProtocol
from typing import Self, final

@final
class Spinner:
    """Up to 64 stream sockets and who reads them. One thread, which is the event loop's."""

    def __new__(cls) -> Self: ...
    def add(self, descriptor: int, reader: BufferedProtocol) -> bool:
        """Read this socket from now on; False when there are too many. The descriptor must stay open until `remove`."""

    def remove(self, reader: BufferedProtocol) -> None:
        """No longer; nothing for a reader that is not known."""

    def __len__(self) -> int: ...
    def spin(self, looks: int) -> bool:
        """Ask the sockets by turns, so often in all, until one has something: that is given to its reader.

        Whether there was any. The next call begins with the next socket, so none waits for a busy one.

        Raises:
            Exception: what the reader raised.
        """
