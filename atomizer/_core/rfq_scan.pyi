"""A Rysk request for quote, bytes to a struct; anything but the frame that the venue sends is refused."""

def scan_rfq(frame: bytes | bytearray | memoryview, now_ns: int) -> dict[str, str | int | bool | bytes] | None:
    """Fields of `Request` (see the .pxd) by name, or None: take the slow path, which says what is wrong if anything is.

    Raises:
        ValueError: `now_ns` is no time.
    """
