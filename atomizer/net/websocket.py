"""One WebSocket connection, client side: text in as borrowed memory, text out, and why it ended. No reconnecting."""

import asyncio
import contextlib
import ipaddress
import os
import socket
import ssl
from collections.abc import Callable
from enum import StrEnum
from typing import cast
from urllib.parse import urlsplit

from picows import (
    WSCloseCode,
    WSError,
    WSFrame,
    WSListener,
    WSMsgType,
    WSProtocolError,
    WSTransport,
    ws_connect,
)

from atomizer._core.socket_writer import SocketWriter
from atomizer._core.spinner import Spinner, SpunSocket, TextReader
from atomizer.errors import ConfigError, Disconnected

MAX_FRAME_BYTES = 16 * 1024 * 1024
PING_AFTER_IDLE_S = 5
PONG_WITHIN_S = 5
HANDSHAKE_WITHIN_S = 10
CONNECT_WITHIN_S = 15  # TCP, TLS and handshake together: left to itself, a lost SYN costs two minutes
CLOSE_WITHIN_S = 2

OnText = Callable[[memoryview], None]
TEXT = WSMsgType.TEXT  # looked up with every frame

# What reads the connections that are opened from now on in place of the event loop; None: nothing. TLS is the loop's.
spinner: Spinner | None = None


class CloseReason(StrEnum):
    """Why a connection ended; the value is the metric label."""

    OURS = "ours"
    PEER = "peer"  # a close frame, or the stream just ended
    SILENT = "silent"  # no answer to a ping
    OVERSIZED = "oversized"  # a message above MAX_FRAME_BYTES
    PROTOCOL = "protocol"  # not WebSocket, or binary where text was agreed
    HANDLER = "handler"  # our own callback raised


class WebSocket:
    """An open connection. Made by `connect`; ends once, and says why."""

    def __init__(self, transport: WSTransport, listener: "_Listener") -> None:
        self._transport = transport
        self._listener = listener

    @property
    def is_open(self) -> bool:
        """Not so from the moment that its stream closes, which is before we are told."""
        return not (self._transport.is_close_frame_sent or self._transport.underlying_transport.is_closing())

    def send_text(self, text: bytes | memoryview) -> None:
        """Send one text message. On a connection that is ending it is lost; the close callback tells of that."""
        self._transport.send(TEXT, text)

    def read_first(self, reader: TextReader) -> None:
        """Ask `reader` about each text from now on; what it did not read goes to `on_text`."""
        self._listener.read_first(reader)

    def lend(self, writer: SocketWriter) -> None:
        """Let frames that are built elsewhere be written here, until the writer is shut."""
        stream = self._transport.underlying_transport
        descriptor = -1 if self._transport.is_secure else stream.get_extra_info("socket").fileno()
        writer.open(self._transport, stream, descriptor)

    def close(self) -> None:
        """Say goodbye, flush, drop. Safe to call twice."""
        self._listener.end(CloseReason.OURS)
        self._transport.send_close(WSCloseCode.OK)
        self._transport.disconnect()

    async def wait_closed(self) -> CloseReason:
        """Wait for the end.

        Raises:
            Exception: whatever the text callback raised, when that is what ended the connection.
        """
        with contextlib.suppress(WSProtocolError):  # the reason says it
            await self._transport.wait_disconnected()
        if self._listener.failure is not None:
            raise self._listener.failure
        return self._listener.reason or CloseReason.PEER

    async def close_and_wait(self) -> None:
        """Close; a peer that does not take our goodbye within `CLOSE_WITHIN_S` is dropped."""
        self.close()
        try:
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await self.wait_closed()
        except TimeoutError:
            self._transport.disconnect(graceful=False)
            await self.wait_closed()


async def connect(name: str, url: str, on_text: OnText, on_closed: Callable[[CloseReason], None]) -> WebSocket:
    """Open a connection to `url`; `name` is the peer's word in errors.

    `on_text` gets each whole text message as memory that is only valid during the call: copy what is kept. `on_closed`
    is called once, synchronously, when the connection is gone. TLS certificates and host names are always verified;
    redirects are not followed. Plain ws:// reaches loopback addresses only.

    Raises:
        ConfigError: not a ws:// or wss:// URL, or plaintext to another machine.
        Disconnected: no connection, no TLS, or no WebSocket there.
    """
    listener = _Listener(on_text, on_closed)
    is_plain = _is_plain(url)
    context = None if is_plain else ssl.create_default_context()
    loopback = await _loopback_address(name, url) if is_plain else None

    async def loopback_socket(_url: object) -> socket.socket | None:
        # The address that was checked is the address that is dialled: a name cannot be turned in between.
        return None if loopback is None else await _dial(loopback)

    try:
        async with asyncio.timeout(CONNECT_WITHIN_S):
            transport, _ = await ws_connect(
                lambda: listener,
                url,
                ssl_context=context,
                websocket_handshake_timeout=HANDSHAKE_WITHIN_S,
                enable_auto_ping=True,
                auto_ping_idle_timeout=PING_AFTER_IDLE_S,
                auto_ping_reply_timeout=PONG_WITHIN_S,
                max_frame_size=MAX_FRAME_BYTES,
                max_redirects=0,
                socket_factory=loopback_socket,
                use_aiofastnet=False,  # TLS stays the standard library's: its checks and its errors are known
            )
    except (OSError, WSError, TimeoutError) as error:
        why = str(error) or f"no connection within {CONNECT_WITHIN_S} s"
        raise Disconnected(name, f"cannot connect to {_spoken(url)}: {why}", retryable=True) from error
    if not listener.upgraded:  # picows takes a stream that just ends for a finished handshake
        raise Disconnected(name, f"cannot connect to {_spoken(url)}: closed before the upgrade", retryable=True)
    return WebSocket(transport, listener)


class _Listener(WSListener):
    """Turns picows' frames into whole text messages and its endings into one reason."""

    def __init__(self, on_text: OnText, on_closed: Callable[[CloseReason], None]) -> None:
        self._on_text = on_text
        self._on_closed = on_closed
        self._fragments: bytearray | None = None
        self._reader: TextReader | None = None
        self.reason: CloseReason | None = None
        self.failure: Exception | None = None
        self.upgraded = False
        self._spun: _Spun | None = None

    def read_first(self, reader: TextReader) -> None:
        self._reader = reader
        if self._spun is not None and self.reason is None:
            self._spun.socket.read_first(reader)

    def end(self, reason: CloseReason) -> None:
        """The first reason is the cause; later ones are its echoes."""
        if self.reason is None:
            self.reason = reason
            if self._spun is not None:
                self._spun.socket.read_first(None)

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.upgraded = True
        if spinner is not None and not transport.is_secure:
            self._spun = _Spun(spinner, transport, lambda failure: self._fail(transport, failure))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if self.reason is not None:
            return  # we are leaving: what still arrives was not promised to anyone
        if frame.payload_size > MAX_FRAME_BYTES:
            return  # the library has refused it from its head, and yet hands it on if all of it comes in time
        kind = frame.msg_type
        if kind is TEXT and frame.fin and self._fragments is None:
            if self._spun is not None:
                self._spun.socket.protocol_is_between_frames(frame.tail_size == 0)
            self._deliver(transport, frame.get_payload_as_memoryview())
        elif kind in (TEXT, WSMsgType.CONTINUATION):
            self._gather(transport, frame, is_first=kind is TEXT)
        elif kind == WSMsgType.CLOSE:
            if not transport.is_close_frame_sent:
                self.end(CloseReason.PEER)
            transport.send_close(WSCloseCode.OK)  # nothing, when theirs answers ours
            transport.disconnect()
        elif kind == WSMsgType.BINARY:
            self._leave(transport, CloseReason.PROTOCOL, WSCloseCode.UNSUPPORTED_DATA)

    def send_user_specific_ping(self, transport: WSTransport) -> None:
        """The library has heard nothing for a while. What the spinner has read since the last time is sign enough."""
        if self._spun is not None and self._spun.has_read():
            asyncio.get_running_loop().call_soon(transport.notify_user_specific_pong_received)
        else:
            transport.send_ping()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if self._spun is not None:
            self._spun.end()
            self._spun = None
        handshake = transport.close_handshake
        sent = handshake.sent.code if handshake is not None and handshake.sent is not None else None
        if sent == WSCloseCode.MESSAGE_TOO_BIG:
            self.end(CloseReason.OVERSIZED)
        elif sent in (WSCloseCode.PROTOCOL_ERROR, WSCloseCode.INVALID_TEXT):
            self.end(CloseReason.PROTOCOL)
        elif sent == WSCloseCode.GOING_AWAY:  # what picows says when a ping went unanswered
            self.end(CloseReason.SILENT)
        else:
            self.end(CloseReason.PEER)
        assert self.reason is not None  # noqa: S101  end() set it
        try:
            self._on_closed(self.reason)
        except Exception as failure:  # noqa: BLE001  as in _deliver; picows would only log it
            self.failure = self.failure or failure

    def _deliver(self, transport: WSTransport, text: memoryview) -> None:
        try:
            if self._reader is None or not self._reader.read(text):
                self._on_text(text)
        except Exception as failure:  # noqa: BLE001  kept, and raised from wait_closed to whoever supervises
            self._fail(transport, failure)

    def _fail(self, transport: WSTransport, failure: Exception) -> None:
        self.failure = failure
        self.end(CloseReason.HANDLER)
        transport.disconnect(graceful=False)

    def _gather(self, transport: WSTransport, frame: WSFrame, *, is_first: bool) -> None:
        if is_first == (self._fragments is not None):
            self._leave(transport, CloseReason.PROTOCOL, WSCloseCode.PROTOCOL_ERROR)
            return
        fragments = self._fragments = bytearray() if self._fragments is None else self._fragments
        if len(fragments) + frame.payload_size > MAX_FRAME_BYTES:
            self._leave(transport, CloseReason.OVERSIZED, WSCloseCode.MESSAGE_TOO_BIG)
            return
        fragments += frame.get_payload_as_memoryview()
        if frame.fin:
            self._fragments = None
            self._deliver(transport, memoryview(fragments))

    def _leave(self, transport: WSTransport, reason: CloseReason, code: WSCloseCode) -> None:
        self.end(reason)
        transport.send_close(code)
        transport.disconnect()


class _Spun:
    """A connection that a spinner reads instead of the loop.

    By a descriptor of its own: the loop may close its own any time.
    """

    def __init__(self, spinner: Spinner, transport: WSTransport, on_failure: Callable[[Exception], None]) -> None:
        self._spinner = spinner
        self._stream = transport.underlying_transport
        self._descriptor = os.dup(self._stream.get_extra_info("socket").fileno())
        protocol = cast(asyncio.BufferedProtocol, self._stream.get_protocol())
        self.socket = SpunSocket(self._descriptor, protocol, self._leave_to_loop, on_failure)
        self._read_before = 0
        if spinner.add(self.socket):
            self._stream.pause_reading()

    def has_read(self) -> bool:
        """Whether anything was read here since this was last asked."""
        before, self._read_before = self._read_before, self.socket.read_count
        return self._read_before > before

    def _leave_to_loop(self) -> None:
        if not self._stream.is_closing():
            self._stream.resume_reading()

    def end(self) -> None:
        self._spinner.remove(self.socket)
        os.close(self._descriptor)


def _is_plain(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme not in ("ws", "wss") or not parts.hostname or port == 0 or parts.fragment:
        raise ConfigError(f"{_spoken(url)!r} is not a WebSocket URL: expected wss://host/path")
    return parts.scheme == "ws"


def _spoken(url: str) -> str:
    """The URL for people: without its query, which may carry a token."""
    return url.partition("?")[0]


async def _loopback_address(name: str, url: str) -> tuple[socket.AddressFamily, tuple[object, ...]]:
    parts = urlsplit(url)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Disconnected(name, f"cannot find {parts.hostname}: {error}", retryable=True) from error
    for _, _, _, _, address in found:
        if not ipaddress.ip_address(address[0]).is_loopback:
            raise ConfigError(
                f"{_spoken(url)}: plaintext ws:// is for this machine only and {parts.hostname} is {address[0]}: use wss://"
            )
    family, _, _, _, address = found[0]
    return family, address


async def _dial(loopback: tuple[socket.AddressFamily, tuple[object, ...]]) -> socket.socket:
    family, address = loopback
    dialled = socket.socket(family, socket.SOCK_STREAM)
    dialled.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(dialled, address)
    except BaseException:
        dialled.close()
        raise
    return dialled
