"""A wire between a client and a venue that a test can listen to, bend, hold still and cut. Whole WebSocket messages."""

import asyncio
import contextlib

import orjson
import picows
from picows import WSListener, WSMsgType


def passed(text):
    """What every message does unless a test says otherwise."""
    return text


def abort(transport):
    """Drop a connection that still stands: asyncio trips over one that ended by itself while it was flushing."""
    if not transport.is_disconnected:
        transport.disconnect(graceful=False)


class Wire:
    """`to_venue` and `to_client` see each message and answer what goes on, or None for nothing."""

    def __init__(self, venue_url):
        self.venue_url = venue_url
        self.to_venue = passed
        self.to_client = passed
        self.sent = []  # what the client sent, decoded
        self.ends = []
        self.url = ""

    @contextlib.asynccontextmanager
    async def listening(self):
        server = await picows.ws_create_server(lambda _request: ClientEnd(self), "127.0.0.1", 0, use_aiofastnet=False)
        path = "/" + self.venue_url.split("/", 3)[3]
        self.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}{path}"
        async with server:
            yield self
            for end in self.ends:
                await end.finished()

    def cut(self):
        """Both sides lose the connection at once, without a goodbye."""
        for end in self.ends:
            end.cut()

    def tell_client(self, message):
        """A message of our own making."""
        self.ends[-1].transport.send(WSMsgType.TEXT, message if isinstance(message, bytes) else orjson.dumps(message))

    def requests(self, method):
        return [request for request in self.sent if request.get("method") == method]


class VenueEnd(WSListener):
    def __init__(self, client_end):
        self.client_end = client_end

    def on_ws_frame(self, transport, frame):
        if frame.msg_type == WSMsgType.TEXT:
            text = self.client_end.wire.to_client(frame.get_payload_as_bytes())
            if text is not None:
                self.client_end.transport.send(WSMsgType.TEXT, text)
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()

    def on_ws_disconnected(self, _transport):
        self.client_end.transport.disconnect()


class ClientEnd(WSListener):
    def __init__(self, wire):
        self.wire = wire
        self.venue = None
        self.early = []

    def on_ws_connected(self, transport):
        self.transport = transport
        self.wire.ends.append(self)
        self.dialling = asyncio.ensure_future(self.dial())

    async def dial(self):
        self.venue, _ = await picows.ws_connect(lambda: VenueEnd(self), self.wire.venue_url, use_aiofastnet=False)
        for text in self.early:
            self.forward(text)

    def forward(self, text):
        self.wire.sent.append(orjson.loads(text))
        bent = self.wire.to_venue(text)
        if bent is not None:
            self.venue.send(WSMsgType.TEXT, bent)

    def on_ws_frame(self, transport, frame):
        if frame.msg_type == WSMsgType.TEXT:
            if self.venue is None:
                self.early.append(frame.get_payload_as_bytes())
            else:
                self.forward(frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()

    def on_ws_disconnected(self, _transport):
        if self.venue is not None:
            abort(self.venue)

    def cut(self):
        abort(self.transport)

    async def finished(self):
        self.cut()
        await self.dialling
        abort(self.venue)
        await self.transport.wait_disconnected()
        await self.venue.wait_disconnected()
