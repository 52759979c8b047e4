"""Subscriptions of one connection: who takes which channel's data, and which channels have not spoken yet."""

import asyncio
import logging
from collections.abc import Collection, Mapping
from typing import Final

from atomizer.errors import BadFrame, Refused
from atomizer.venues.derive.codec import Notice, parse_subscribed
from atomizer.venues.derive.codes import CHANNELS
from atomizer.venues.derive.market import Feed
from atomizer.venues.derive.profile import VENUE
from atomizer.venues.derive.rpc import Rpc

log = logging.getLogger(__name__)

CHANNELS_PER_CALL: Final = 100


def _ignore(_data: object, _now_ns: int) -> None:
    """The feed of a channel that we are leaving."""


class Channels:
    """A subscription counts when its first message has come, not when it is acknowledged."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        self._feeds: dict[str, Feed] = {}
        self._silent: set[str] = set()
        self._refused: set[str] = set()
        self._heard = asyncio.Event()

    @property
    def names(self) -> Collection[str]:
        """What we are subscribed to."""
        return self._feeds.keys()

    @property
    def silent_count(self) -> int:
        """Channels that we want and that nothing has come from, refused ones included."""
        return len(self._silent) + len(self._refused)

    async def listen(self, feeds: Mapping[str, Feed], *, speaks_first: bool) -> dict[str, str]:
        """Subscribe; answers the venue's words for each channel that it does not take.

        `speaks_first` channels send their state by themselves, so silence there means something.
        """
        self._feeds |= feeds
        if speaks_first:
            self._silent |= feeds.keys()
        channels = list(feeds)
        refused: dict[str, str] = {}
        for at in range(0, len(channels), CHANNELS_PER_CALL):
            refused |= await self._subscribe(channels[at : at + CHANNELS_PER_CALL])
        for channel in refused:
            del self._feeds[channel]
            self._silent.discard(channel)
        self._refused = self._refused - feeds.keys() | refused.keys()
        return refused

    async def leave(self, channels: Collection[str]) -> None:
        """Unsubscribe. What was already on its way is ignored from now on."""
        for channel in channels:
            self._feeds[channel] = _ignore
            self._silent.discard(channel)
            self._refused.discard(channel)
        leaving = list(channels)
        for at in range(0, len(leaving), CHANNELS_PER_CALL):
            await self._rpc.ask("unsubscribe", {"channels": leaving[at : at + CHANNELS_PER_CALL]})
        for channel in leaving:
            self._feeds.pop(channel, None)

    async def all_heard(self, within_s: float) -> None:
        """Wait until every channel that speaks first has spoken, at most this long."""
        try:
            async with asyncio.timeout(within_s):
                while self._silent:
                    self._heard.clear()
                    await self._heard.wait()
        except TimeoutError:
            log.warning("%s: nothing heard yet of %d of %d channels", VENUE, len(self._silent), len(self._feeds))

    def on_notice(self, notice: Notice, now_ns: int) -> None:
        """Hand a notice to its feed.

        Raises:
            BadFrame: from the feed, or for a channel that we did not subscribe to.
        """
        feed = self._feeds.get(notice.channel)
        if feed is None:
            raise BadFrame(f"channel {notice.channel[:80]!r} was not subscribed", reason="unknown_channel")
        feed(notice.data, now_ns)
        if notice.channel in self._silent:
            self._silent.discard(notice.channel)
            self._heard.set()

    def forget(self) -> None:
        """The connection is gone, and its subscriptions with it."""
        self._feeds.clear()
        self._silent.clear()
        self._refused.clear()

    async def _subscribe(self, channels: list[str]) -> dict[str, str]:
        """One bad name can get a whole batch refused: then by halves."""
        try:
            return parse_subscribed(await self._rpc.ask("subscribe", {"channels": channels}), channels)
        except Refused as error:
            if error.code != CHANNELS:
                raise
            if len(channels) == 1:
                return {channels[0]: str(error)}
            half = len(channels) // 2
            return await self._subscribe(channels[:half]) | await self._subscribe(channels[half:])
