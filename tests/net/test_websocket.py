import asyncio
import contextlib
import socket
import ssl
import struct
import subprocess
from random import Random

import picows
import pytest
from picows import WSCloseCode, WSListener, WSMsgType

from atomizer._core.fixed import NANOS
from atomizer._core.lane import TickReader
from atomizer._core.socket_writer import SocketWriter
from atomizer._core.spinner import Spinner
from atomizer.errors import ConfigError, Disconnected
from atomizer.net import websocket
from atomizer.net.websocket import CloseReason, connect
from tests.core.test_lane import NOW_NS, lane_of
from tests.reference.book_frames import DERIVE, derive


class Echo(WSListener):
    """Sends back what it gets, and keeps its transport for the test to drive."""

    transport = None

    def on_ws_connected(self, transport):
        self.transport = transport

    def on_ws_frame(self, transport, frame):
        if frame.msg_type == WSMsgType.TEXT:
            transport.send(WSMsgType.TEXT, frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()


class Client:
    """What one connection delivered."""

    def __init__(self):
        self.texts = asyncio.Queue()
        self.closed = []

    def on_text(self, text):
        self.texts.put_nowait(bytes(text))


@contextlib.asynccontextmanager
async def serving(**options):
    echo = Echo()
    server = await picows.ws_create_server(
        lambda _request: echo, "127.0.0.1", 0, max_frame_size=2**26, use_aiofastnet=False, **options
    )
    async with server:
        yield echo, server.sockets[0].getsockname()[1]
        if echo.transport is not None:
            if not echo.transport.is_disconnected:  # asyncio trips over one that ended by itself while it was flushing
                echo.transport.disconnect(graceful=False)
            await echo.transport.wait_disconnected()


@pytest.fixture(params=["waited for", "spun on"], autouse=True)
async def reading(request, monkeypatch):
    """Everything holds whether the event loop waits for the sockets or a spinner reads them."""
    if request.param == "waited for":
        yield
        return
    spinner = Spinner()
    monkeypatch.setattr(websocket, "spinner", spinner)
    loop = asyncio.get_running_loop()

    def again():
        nonlocal due
        due = loop.call_soon(again)
        spinner.spin(3)

    due = loop.call_soon(again)
    yield
    due.cancel()
    assert not len(spinner)


@contextlib.asynccontextmanager
async def connected(client):
    async with serving() as (echo, port):
        ws = await connect("sim", f"ws://127.0.0.1:{port}/ws", client.on_text, client.closed.append)
        yield ws, echo
        await ws.close_and_wait()


async def test_text_goes_out_and_comes_back_whole():
    """Every text message is delivered whole and in order, whatever its size below the limit."""
    client = Client()
    messages = [b"", b"a", b"x" * 125, b"y" * 70_000, b"z" * (2**21)]
    async with connected(client) as (ws, _):
        for message in messages:
            ws.send_text(message)
        assert [await client.texts.get() for _ in messages] == messages
    assert client.closed == [CloseReason.OURS]


class Ticks:
    """What a lane read, and what it left, in one order."""

    def __init__(self):
        self.heard, self.closed = [], []
        self.lane = lane_of(DERIVE, per_second=2_000)
        self.came = asyncio.Event()
        self.reader = TickReader(self.lane, lambda: NOW_NS, self.on_rows, print)

    def on_text(self, text):
        self.heard.append(bytes(text))
        self.came.set()

    def on_rows(self, _count, _now_ns):
        slot = self.lane.slot(DERIVE.encode())
        self.heard.append(slot.book.levels(True)[0][1] * 2 // NANOS)
        slot.settle(True, 0, 0)  # nothing came of it: the next one leads to something again
        slot.settle(False, 0, 0)
        self.came.set()

    async def has(self, count):
        async with asyncio.timeout(60):
            while len(self.heard) < count:
                self.came.clear()
                await self.came.wait()
        return self.heard


def book(number):
    """A frame that moves the touch, with the number as the size of its bid, in halves."""
    return derive(DERIVE, number, [(200 + number % 2, number)], [(208, 8)])


async def test_a_reader_is_asked_about_each_text_first():
    """What it reads goes nowhere else, in one piece or in fragments; what it does not read is delivered as ever."""
    ticks = Ticks()
    async with connected(ticks) as (ws, echo):
        ws.read_first(ticks.reader)
        for message in (book(101), b"answer 1", book(102)):
            ws.send_text(message)
        assert await ticks.has(3) == [101, b"answer 1", 102]
        echo.transport.send(WSMsgType.TEXT, book(103)[:40], fin=False)
        echo.transport.send(WSMsgType.CONTINUATION, book(103)[40:])
        ws.send_text(b"answer 2")
        assert (await ticks.has(5))[3:] == [103, b"answer 2"]


def server_frames(chance, count):
    """Frames of a server that speaks of books and of other things, and what is heard of them."""
    data, heard = [], []
    for number in range(1, count + 1):
        match chance.choice(("book", "book", "book", "answer", "large", "ping", "fragments", "split book")):
            case "book":
                data.append(server_frame(0x81, book(number)))
                heard.append(number)
            case "split book":
                cut = chance.randrange(len(book(number)))
                data += [server_frame(0x01, book(number)[:cut]), server_frame(0x80, book(number)[cut:])]
                heard.append(number)
            case "ping":
                data.append(server_frame(0x89, b"are you there"))
            case "fragments":
                data += [server_frame(0x01, b"%d:" % number), server_frame(0x89, b""), server_frame(0x80, b"end")]
                heard.append(b"%d:end" % number)
            case kind:
                text = b"%d" % number * (1 if kind == "answer" else 30_000)
                data.append(server_frame(0x81, text))
                heard.append(text)
    return b"".join(data), heard


def server_frame(first, payload):
    size = len(payload)
    if size < 126:
        return bytes([first, size]) + payload
    return bytes([first]) + (b"\x7e" + size.to_bytes(2) if size < 65_536 else b"\x7f" + size.to_bytes(8)) + payload


@pytest.mark.parametrize("seed", range(5))
async def test_a_stream_is_heard_the_same_however_it_is_cut(seed):
    """Books, other texts, fragments, pings and large messages, in pieces of any size, are heard once and in order."""
    chance, ticks = Random(seed), Ticks()  # noqa: S311  test data
    data, heard = server_frames(chance, 290)
    async with connected(ticks) as (ws, echo):
        ws.read_first(ticks.reader)
        at = 0
        while at < len(data):
            size = chance.choice((1, 3, 200, 700, 70_000))
            echo.transport.underlying_transport.write(data[at : at + size])
            at += size
            if chance.random() < 0.5:
                await asyncio.sleep(0)
        assert await ticks.has(len(heard)) == heard


@pytest.mark.parametrize("has_spoken", [False, True])
async def test_a_text_that_holds_what_looks_like_a_frame_is_not_taken_for_one(has_spoken):
    """Wherever a text is cut, its rest is its rest, also when that begins as a book would."""
    ticks = Ticks()
    inner = server_frame(0x81, book(7))
    text = b"x" * 200 + inner + b"y" * 200
    whole = server_frame(0x81, text)
    async with connected(ticks) as (ws, echo):
        ws.read_first(ticks.reader)
        stream = echo.transport.underlying_transport
        if has_spoken:
            stream.write(server_frame(0x81, b"hello"))
            await ticks.has(1)
        at = whole.index(inner)
        for piece in (server_frame(0x81, b"first") + whole[:at], inner, whole[at + len(inner) :]):
            stream.write(piece)
            await asyncio.sleep(0.05)  # so that it is read by itself
        heard = await ticks.has(2 + has_spoken)
        assert heard[-2:] == [b"first", text]


async def test_a_text_is_not_split_where_the_library_s_memory_ends():
    """A read that is given in two parts, of which the first ends with a frame, leaves nobody between frames."""
    ticks = Ticks()
    async with connected(ticks) as (ws, echo):
        ws.read_first(ticks.reader)
        room = len(ws._transport.underlying_transport.get_protocol().get_buffer(0))
        first = b"a" * (room - 4)
        text = b"x" * 200 + server_frame(0x81, book(7)) + b"y" * 200
        whole, stream = server_frame(0x81, text), echo.transport.underlying_transport
        for piece in (server_frame(0x81, first) + whole[:204], whole[204:-200], whole[-200:]):
            stream.write(piece)
            await asyncio.sleep(0.05)  # so that it is read by itself
        assert await ticks.has(2) == [first, text]


async def test_ticks_are_a_sign_of_life(monkeypatch):
    """A peer that speaks is not silent, whoever reads it and though it answers no ping; one that then stops is."""
    monkeypatch.setattr(websocket, "PING_AFTER_IDLE_S", 1)
    monkeypatch.setattr(websocket, "PONG_WITHIN_S", 1)
    ticks = Ticks()
    async with serving(enable_auto_pong=False) as (echo, port):
        ws = await connect("sim", f"ws://127.0.0.1:{port}/ws", ticks.on_text, ticks.closed.append)
        ws.read_first(ticks.reader)
        for number in range(1, 161):
            echo.transport.send(WSMsgType.TEXT, book(number))
            await asyncio.sleep(0.02)
        assert not ticks.closed
        assert await ws.wait_closed() is CloseReason.SILENT
    assert ticks.heard == list(range(1, 161))


async def test_what_a_reader_raises_ends_the_connection_and_is_not_lost():
    """It comes out of wait_closed, and nothing is read after it."""

    def broken():
        raise ZeroDivisionError

    ticks = Ticks()
    async with serving() as (echo, port):
        ws = await connect("sim", f"ws://127.0.0.1:{port}/ws", ticks.on_text, ticks.closed.append)
        ws.send_text(b"first")
        await ticks.has(1)
        ws.read_first(TickReader(ticks.lane, broken, ticks.on_rows, print))
        echo.transport.underlying_transport.write(server_frame(0x81, book(1)) + server_frame(0x81, b"more"))
        with pytest.raises(ZeroDivisionError):
            await ws.wait_closed()
    assert (ticks.heard, ticks.closed) == ([b"first"], [CloseReason.HANDLER])


def masked(text):
    """A client's frame around a text of at least 126 bytes."""
    mask = b"\x01\x02\x03\x04"
    return b"\x81\xfe" + len(text).to_bytes(2) + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(text))


async def test_frames_that_were_built_elsewhere_go_out_as_they_are():
    """Many at once arrive as so many messages, in order, also behind a text that the socket has not taken yet."""
    client = Client()
    messages = [b"%04d" % number * 50 for number in range(300)]
    async with connected(client) as (ws, _):
        writer = SocketWriter()
        assert not writer.write(masked(messages[0]))
        ws.lend(writer)
        assert writer.write(b"".join(map(masked, messages)))
        assert [await client.texts.get() for _ in messages] == messages
        large = b"z" * (2**22)
        ws.send_text(large)
        assert writer.write(memoryview(b"".join(map(masked, messages))))
        assert [await client.texts.get() for _ in range(301)] == [large, *messages]
        writer.shut()
        assert not writer.write(masked(messages[0]))


async def test_a_stream_that_closes_is_not_open_any_more_before_it_is_told():
    """Whatever closed it: nothing may be written to a descriptor that the next connection can have by then."""
    client, writer = Client(), SocketWriter()
    async with connected(client) as (ws, _):
        ws.lend(writer)
        assert (ws.is_open, writer.is_open) == (True, True)
        ws._transport.underlying_transport.abort()
        assert (ws.is_open, writer.is_open) == (False, False)
        assert not writer.write(masked(b"x" * 126))
        assert not client.closed
        await ws.wait_closed()


async def test_fragments_are_joined():
    """A message that comes in fragments is delivered once, joined."""
    client = Client()
    async with connected(client) as (_, echo):
        echo.transport.send(WSMsgType.TEXT, b"one ", fin=False)
        echo.transport.send(WSMsgType.CONTINUATION, b"two ", fin=False)
        echo.transport.send(WSMsgType.CONTINUATION, b"three")
        echo.transport.send(WSMsgType.TEXT, b"four")
        assert await client.texts.get() == b"one two three"
        assert await client.texts.get() == b"four"


async def end_of(provoke):
    client = Client()
    async with serving() as (echo, port):
        ws = await connect("sim", f"ws://127.0.0.1:{port}/ws", client.on_text, client.closed.append)
        provoke(echo.transport)
        reason = await ws.wait_closed()
        assert client.closed == [reason]
        assert not ws.is_open
        return reason, client


def fragments_beyond_the_limit(transport):
    half = b"x" * (websocket.MAX_FRAME_BYTES // 2 + 1)
    transport.send(WSMsgType.TEXT, half, fin=False)
    transport.send(WSMsgType.CONTINUATION, half)


@pytest.mark.parametrize(
    ("provoke", "reason"),
    [
        (lambda transport: transport.send(WSMsgType.TEXT, b"x" * (20 * 2**20)), CloseReason.OVERSIZED),
        (fragments_beyond_the_limit, CloseReason.OVERSIZED),
        (lambda transport: transport.send(WSMsgType.BINARY, b"\x00"), CloseReason.PROTOCOL),
        (lambda transport: transport.send(WSMsgType.CONTINUATION, b"of nothing"), CloseReason.PROTOCOL),
        (lambda transport: transport.underlying_transport.write(b"\xff\xff nonsense"), CloseReason.PROTOCOL),
        (lambda transport: transport.disconnect(graceful=False), CloseReason.PEER),
        (lambda transport: transport.send_close(WSCloseCode.GOING_AWAY), CloseReason.PEER),
    ],
    ids=["20MiB", "fragments", "binary", "stray continuation", "not websocket", "dropped", "close frame"],
)
async def test_every_ending_has_its_reason(provoke, reason):
    """A connection that ends says why, once: too much, not the protocol, or the peer's own choice."""
    ended, client = await end_of(provoke)
    assert ended is reason
    assert client.texts.empty()


async def test_a_message_that_is_too_large_is_not_heard_however_fast_it_comes(monkeypatch):
    """The library refuses it from its head and drops the connection a little later: by then all of it may be there."""
    monkeypatch.setattr(websocket, "MAX_FRAME_BYTES", 1_000)
    client = Client()
    async with serving() as (echo, port):
        ws = await connect("sim", f"ws://127.0.0.1:{port}/ws", client.on_text, client.closed.append)
        stream = echo.transport.underlying_transport
        stream.write(server_frame(0x81, b"x" * 2_000))  # and the answer to our goodbye has the library look again
        assert await ws.wait_closed() is CloseReason.OVERSIZED
    assert client.texts.empty()


async def test_a_peer_that_stops_answering_is_given_up(monkeypatch):
    """A peer that answers no ping is dropped as silent."""
    monkeypatch.setattr(websocket, "PING_AFTER_IDLE_S", 0.05)
    monkeypatch.setattr(websocket, "PONG_WITHIN_S", 0.05)
    client = Client()
    async with serving(enable_auto_pong=False) as (_, port):
        ws = await connect("sim", f"ws://127.0.0.1:{port}/ws", client.on_text, client.closed.append)
        assert await ws.wait_closed() is CloseReason.SILENT


async def test_what_the_callback_raises_ends_the_connection_and_is_not_lost():
    """An exception in the text callback drops the connection and comes out of wait_closed."""

    def broken(_text):
        raise ZeroDivisionError

    closed = []
    async with serving() as (_, port):
        ws = await connect("sim", f"ws://127.0.0.1:{port}/ws", broken, closed.append)
        ws.send_text(b"boom")
        ws.send_text(b"boom")
        with pytest.raises(ZeroDivisionError):
            await ws.wait_closed()
    assert closed == [CloseReason.HANDLER]


async def test_what_the_close_callback_raises_is_not_lost_either():
    """An exception in the close callback comes out of wait_closed."""

    def broken(_reason):
        raise ZeroDivisionError

    async with serving() as (echo, port):
        ws = await connect("sim", f"ws://127.0.0.1:{port}/ws", print, broken)
        echo.transport.disconnect(graceful=False)
        with pytest.raises(ZeroDivisionError):
            await ws.wait_closed()


async def test_a_peer_that_does_not_take_our_goodbye_is_dropped(monkeypatch):
    """Closing ends in bounded time even when the peer reads nothing."""
    monkeypatch.setattr(websocket, "CLOSE_WITHIN_S", 0.05)
    client = Client()
    async with serving() as (echo, port):
        ws = await connect("sim", f"ws://127.0.0.1:{port}/ws", client.on_text, client.closed.append)
        echo.transport.underlying_transport.pause_reading()
        ws.send_text(b"x" * (2**24))
        await ws.close_and_wait()
    assert client.closed == [CloseReason.OURS]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/ws",
        "ws://",
        "wss:///path",
        "127.0.0.1:80",
        "ws://127.0.0.1:99999/ws",
        "ws://h/ws#f",
        "ws://[::1/",
    ],
)
async def test_what_is_not_a_websocket_url_is_refused(url):
    """Anything but ws:// or wss:// with a host is a configuration error that names it."""
    with pytest.raises(ConfigError, match="not a WebSocket URL"):
        await connect("sim", url, print, print)


@pytest.mark.parametrize(
    "addresses", [["192.0.2.7"], ["127.0.0.1", "192.0.2.7"], ["2001:db8::1"], ["10.0.0.1"]], ids="+".join
)
async def test_plaintext_leaves_this_machine_under_no_name(monkeypatch, addresses):
    """ws:// is refused when any address of the name is not loopback, even one called localhost."""
    loop = asyncio.get_running_loop()

    async def resolve(_host, port, **_options):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(loop, "getaddrinfo", resolve)
    with pytest.raises(ConfigError, match="use wss://"):
        await connect("sim", "ws://localhost:9/ws?token=secret", print, print)


async def test_a_peer_that_ends_its_side_only_is_gone():
    """Nothing will ever be answered there, so half a connection is none, without waiting for a ping's answer."""
    client = Client()
    async with serving() as (echo, port):
        ws = await connect("sim", f"ws://127.0.0.1:{port}/ws", client.on_text, client.closed.append)
        ws.send_text(b"hello")
        await client.texts.get()
        echo.transport.underlying_transport.write_eof()
        assert await ws.wait_closed() is CloseReason.PEER
        assert client.closed == [CloseReason.PEER]
        assert not ws.is_open


async def test_a_connect_that_hangs_is_given_up(monkeypatch):
    """A machine that takes no connection and refuses none is a retryable disconnect, not a wait."""
    loop = asyncio.get_running_loop()

    async def dial(_socket, _address):
        await asyncio.Event().wait()

    monkeypatch.setattr(websocket, "CONNECT_WITHIN_S", 0.01)
    monkeypatch.setattr(loop, "sock_connect", dial)
    with pytest.raises(Disconnected, match="no connection within") as caught:
        await connect("sim", "ws://127.0.0.1:9/ws", print, print)
    assert caught.value.retryable


async def test_nobody_there_is_a_retryable_disconnect_without_the_query():
    """A refused connection names the venue and URL, not the query that may carry a token."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(Disconnected) as caught:
        await connect("derive", f"ws://localhost:{port}/ws?token=secret", print, print)
    assert caught.value.retryable
    assert "secret" not in str(caught.value)


async def answering(reply):
    """A server that answers any first bytes with `reply`."""

    async def serve(reader, writer):
        await reader.read(65536)
        writer.write(reply)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    return await asyncio.start_server(serve, "127.0.0.1", 0)


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: ws://192.0.2.7/ws\r\nContent-Length: 0\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
        struct.pack(">Q", 0) * 4096,
    ],
    ids=["429", "redirect", "ssh", "nothing", "zeros"],
)
async def test_a_server_that_does_not_upgrade_is_a_disconnect(reply):
    """Whatever answers instead of a WebSocket upgrade, a redirect included, the connect fails as Disconnected."""
    server = await answering(reply)
    async with server:
        with pytest.raises(Disconnected, match="cannot connect"):
            await connect("derive", f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/", print, print)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A self-signed certificate for localhost only."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "2", "-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


@contextlib.asynccontextmanager
async def serving_tls(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    async with serving(ssl=context) as (echo, port):
        yield echo, port


async def test_an_unknown_certificate_is_refused(certificate):
    """A certificate that no trusted authority signed ends the connect."""
    async with serving_tls(certificate) as (_, port):
        with pytest.raises(Disconnected, match="certificate verify failed"):
            await connect("derive", f"wss://localhost:{port}/ws", print, print)


async def test_a_trusted_certificate_for_another_name_is_refused(certificate, monkeypatch):
    """With the authority trusted, localhost connects and the same server under another name does not."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    client = Client()
    async with serving_tls(certificate) as (_, port):
        ws = await connect("derive", f"wss://localhost:{port}/ws", client.on_text, client.closed.append)
        ws.send_text(b"over TLS")
        assert await client.texts.get() == b"over TLS"
        ws.lend(writer := SocketWriter())
        assert writer.write(masked(b"built elsewhere" * 10))
        assert await client.texts.get() == b"built elsewhere" * 10
        await ws.close_and_wait()
        with pytest.raises(Disconnected, match="certificate verify failed"):
            await connect("derive", f"wss://127.0.0.1:{port}/ws", print, print)
