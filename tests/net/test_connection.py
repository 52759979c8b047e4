import asyncio
import contextlib
from random import Random

import picows
import pytest
from picows import WSListener, WSMsgType

from atomizer.errors import BadFrame, Disconnected, OutcomeUnknown, Refused
from atomizer.net.backoff import Backoff
from atomizer.net.connection import Connection
from atomizer.net.websocket import CloseReason


class Peer(WSListener):
    """A server's end: says hello on connect and echoes."""

    def on_ws_connected(self, transport):
        self.transport = transport
        transport.send(WSMsgType.TEXT, b"hello")

    def on_ws_frame(self, transport, frame):
        if frame.msg_type == WSMsgType.TEXT:
            transport.send(WSMsgType.TEXT, frame.get_payload_as_bytes())
        else:
            transport.disconnect()


class Owner:
    """Records what its connection tells it, in order; `open_with` are the outcomes of on_open, first to last."""

    def __init__(self, port, *open_with):
        self.events = asyncio.Queue()
        self.outcomes = list(open_with)
        self.connection = Connection(
            "sim",
            f"ws://127.0.0.1:{port}/",
            on_open=self.on_open,
            on_text=lambda text: self.events.put_nowait(bytes(text).decode()),
            on_lost=self.events.put_nowait,
            backoff=Backoff(Random(7), first_ns=1_000_000, ceiling_ns=4_000_000),  # noqa: S311  jitter, not a secret
        )

    async def on_open(self):
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if outcome is not None:
            raise outcome
        self.events.put_nowait("open")

    async def until(self, *events):
        """Wait for all of these, in whatever order."""
        missing = set(events)
        async with asyncio.timeout(60):
            while missing:
                missing.discard(await self.events.get())


@contextlib.asynccontextmanager
async def serving(make_peer=Peer):
    peers = []

    def accept(_request):
        peers.append(make_peer())
        return peers[-1]

    server = await picows.ws_create_server(accept, "127.0.0.1", 0, use_aiofastnet=False)
    async with server:
        yield peers, server.sockets[0].getsockname()[1]
        for peer in peers:
            if not peer.transport.is_disconnected:  # asyncio trips over one that ended by itself while it was flushing
                peer.transport.disconnect(graceful=False)
            await peer.transport.wait_disconnected()


async def test_a_lost_connection_is_made_again_and_opened_again():
    """After a loss the owner is told, and connect and on_open happen again, each loss counted by its reason."""
    async with serving() as (peers, port):
        owner = Owner(port)
        await owner.connection.start()
        await owner.until("hello", "open")
        for _ in range(3):
            peers[-1].transport.disconnect(graceful=False)
            await owner.until(CloseReason.PEER)
            assert not owner.connection.is_open
            await owner.until("hello", "open")
        assert owner.connection.losses == {CloseReason.PEER: 3}
        owner.connection.send_text(b"still here")
        await owner.until("still here")
        await owner.connection.stop()
        await owner.until(CloseReason.OURS)
        await owner.connection.wait()


async def test_a_dropped_connection_is_made_again():
    """`drop` gives up the present connection, not the supervision."""
    async with serving() as (_, port):
        owner = Owner(port)
        await owner.connection.start()
        await owner.until("hello")
        owner.connection.drop()
        await owner.until(CloseReason.OURS)
        await owner.until("hello")
        await owner.connection.stop()


async def test_errors_that_may_pass_are_tried_again_and_a_refusal_ends_it():
    """On a reconnect, unreadable or unknown answers and retryable refusals back off; a final refusal is raised."""
    passing = [
        BadFrame("maintenance page"),
        OutcomeUnknown("sim", "no answer"),
        Refused("sim", "slow down", retryable=True),
    ]
    async with serving() as (peers, port):
        owner = Owner(port, None, *passing, None, Refused("sim", "key expired", code=14030))
        await owner.connection.start()
        await owner.until("open")
        peers[-1].transport.disconnect(graceful=False)
        await owner.until("open")
        assert len(peers) == len(passing) + 2
        peers[-1].transport.disconnect(graceful=False)
        with pytest.raises(Refused, match="key expired"):
            await owner.connection.wait()
        assert not owner.connection.is_open
        with pytest.raises(Disconnected) as caught:
            owner.connection.send_text(b"late")
        assert not caught.value.retryable
        await owner.connection.stop()


@pytest.mark.parametrize("error", [Refused("sim", "no"), BadFrame("what"), OutcomeUnknown("sim", "?")], ids=repr)
async def test_the_first_open_fails_loudly(error):
    """Errors of the first connect are raised by start, and nothing is left running or open."""
    async with serving() as (_, port):
        owner = Owner(port, error)
        with pytest.raises(type(error)):
            await owner.connection.start()
        await owner.until(CloseReason.OURS)
        with pytest.raises(Disconnected, match="nothing was sent"):
            owner.connection.send_text(b"late")


async def test_a_broken_promise_in_the_callback_comes_out_of_wait():
    """What on_text raises ends the supervision and is raised by wait."""
    async with serving() as (_, port):
        connection = Connection(
            "sim",
            f"ws://127.0.0.1:{port}/",
            on_open=nothing_to_do,
            on_text=lambda _text: 1 / 0,
            on_lost=lambda _reason: None,
            backoff=Backoff(Random(7)),  # noqa: S311  jitter, not a secret
        )
        await connection.start()
        with pytest.raises(ZeroDivisionError):
            await connection.wait()
        await connection.stop()


async def nothing_to_do():
    """An on_open with nothing to do."""


async def test_stop_ends_a_back_off():
    """A stop while waiting to reconnect returns, and no further connection is made."""
    async with serving() as (peers, port):
        owner = Owner(port)
        await owner.connection.start()
        await owner.until("hello")
        peers[-1].transport.disconnect(graceful=False)
        await owner.until(CloseReason.PEER)
        await owner.connection.stop()
        assert len(peers) == 1
