"""A socket that nobody logs in on: how fast a venue answers there, and whether a channel speaks."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from atomizer.errors import BadFrame, OutcomeUnknown
from atomizer.net.channels import Notice
from atomizer.net.line import Line
from atomizer.net.rate import RateBudget
from atomizer.net.rpc import Answer, Rpc
from atomizer.net.websocket import CloseReason

FIRST_MESSAGE_WITHIN_S: Final = 10.0


class Speech(msgspec.Struct, frozen=True):
    """How a venue's JSON-RPC is spoken on its socket."""

    venue: str
    url: str
    build_request: Callable[[int, str, dict[str, object]], bytes]
    parse_message: Callable[[bytes | memoryview], Any]
    budget_of: Callable[[str, str], RateBudget]
    subscribe: Callable[[Rpc, list[str]], Awaitable[dict[str, str]]]
    ticker_channel: Callable[[str], str]  # of an instrument by our name
    ping: str  # a request that costs the venue nothing


class PublicSocket:
    """Open it, ask, listen, close it."""

    def __init__(self, speech: Speech) -> None:
        self._speech = speech
        self._line = Line(
            speech.venue,
            speech.url,
            build_request=speech.build_request,
            budget_of=speech.budget_of,
            on_open=self._nothing,
            on_text=self._on_text,
            on_lost=self._on_lost,
        )
        self._rpc = self._line.rpc
        self._heard: asyncio.Event = asyncio.Event()
        self._channels: set[str] = set()

    async def open(self) -> None:
        """Raises ConfigError or VenueError."""
        await self._line.start(asyncio.Event(), _nothing_to_flush)

    async def close(self) -> None:
        await self._line.stop()

    async def ping_ns(self) -> int:
        """How long an answer takes, there and back."""
        started_ns = time.perf_counter_ns()
        await self._rpc.ask(self._speech.ping, {})
        return time.perf_counter_ns() - started_ns

    async def listen(self, names: list[str]) -> int:
        """Subscribe to the tickers of these instruments; nanoseconds until each has spoken.

        Raises:
            Refused: the venue does not take one.
            OutcomeUnknown: one stayed silent.
        """
        self._channels = {self._speech.ticker_channel(name) for name in names}
        started_ns = time.perf_counter_ns()
        refused = await self._speech.subscribe(self._rpc, sorted(self._channels))
        self._channels -= refused.keys()
        try:
            async with asyncio.timeout(FIRST_MESSAGE_WITHIN_S):
                while self._channels:
                    self._heard.clear()
                    await self._heard.wait()
        except TimeoutError:
            silent = ", ".join(sorted(self._channels)[:3])
            words = f"{len(self._channels)} of {len(names)} channels stayed silent for {FIRST_MESSAGE_WITHIN_S:g} s"
            raise OutcomeUnknown(self._speech.venue, f"{words}: {silent}", request="subscribe") from None
        if refused:
            channel, words = next(iter(refused.items()))
            raise OutcomeUnknown(self._speech.venue, f"{channel}: {words}", request="subscribe")
        return time.perf_counter_ns() - started_ns

    def _on_text(self, text: memoryview) -> None:
        try:
            message = self._speech.parse_message(text)
        except BadFrame:
            return  # an answer that we cannot read is no answer: whoever waits is told so in time
        if isinstance(message, Notice):
            self._channels.discard(message.channel)
            self._heard.set()
        elif isinstance(message, Answer):
            self._rpc.on_answer(message)

    def _on_lost(self, _reason: CloseReason) -> None:
        self._rpc.cut_off()

    async def _nothing(self) -> None:
        """Nobody logs in here."""


def _nothing_to_flush() -> None:
    """Nothing is held back here."""
