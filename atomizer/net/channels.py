"""Subscriptions of one connection: who takes which channel's data, and which channels have not spoken yet."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final, NamedTuple

from atomizer.errors import BadFrame, Disconnected

log = logging.getLogger(__name__)

CHANNELS_PER_CALL: Final = 100

Feed = Callable[[Any, int], None]  # (data, now_ns)


class Notice(NamedTuple):
    """Something that a channel told us."""

    channel: str
    data: Any


def _ignore(_data: object, _now_ns: int) -> None:
    """The feed of a channel that we are leaving."""


class Channels:
    """A subscription counts when its first message has come, not when it is acknowledged."""

    def __init__(
        self,
        venue: str,
        subscribe: Callable[[list[str]], Awaitable[dict[str, str]]],
        unsubscribe: Callable[[list[str]], Awaitable[None]],
        per_call: int = CHANNELS_PER_CALL,
    ) -> None:
        """`subscribe` answers the venue's words for each channel that it does not take. Both get `per_call` at most."""
        self._venue = venue
        self._subscribe = subscribe
        self._unsubscribe = unsubscribe
        self._feeds: dict[str, Feed] = {}
        self._silent: set[str] = set()
        self._refused: set[str] = set()
        self._per_call = per_call
        self._heard = asyncio.Event()
        self._losses = 0

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
        for at in range(0, len(channels), self._per_call):
            refused |= await self._subscribe(channels[at : at + self._per_call])
        for channel in refused:
            self._feeds.pop(channel, None)  # the connection may be gone meanwhile, and all feeds with it
            self._silent.discard(channel)
        self._refused = self._refused - feeds.keys() | refused.keys()
        return refused

    async def leave(self, channels: Collection[str]) -> None:
        """Unsubscribe. What was already on its way is ignored from now on."""
        for channel in channels:
            self._feeds[channel] = _ignore
        leaving = list(channels)
        for at in range(0, len(leaving), self._per_call):
            await self._unsubscribe(leaving[at : at + self._per_call])
        for channel in leaving:
            self._feeds.pop(channel, None)
            self._silent.discard(channel)
            self._refused.discard(channel)

    async def renew(self, channels: Collection[str]) -> dict[str, str]:
        """Leave these and listen again, for a feed that needs to be told everything anew; answers as `listen`."""
        feeds = {channel: self._feeds[channel] for channel in channels if channel in self._feeds}
        if not feeds:
            return {}
        unheard = self._silent & feeds.keys()
        await self.leave(feeds)
        self._silent |= unheard  # of these nothing has come yet, as before
        return await self.listen(feeds, speaks_first=False)

    async def all_heard(self, within_s: float) -> None:
        """Wait until every channel that speaks first has spoken, at most this long.

        Raises:
            Disconnected: the connection was lost meanwhile, and every subscription with it.
        """
        losses = self._losses
        try:
            async with asyncio.timeout(within_s):
                while self._silent and self._losses == losses:
                    self._heard.clear()
                    await self._heard.wait()
        except TimeoutError:
            log.warning("%s: nothing heard yet of %d of %d channels", self._venue, len(self._silent), len(self._feeds))
        if self._losses != losses:
            raise Disconnected(self._venue, "the connection was lost before its channels had spoken", retryable=True)

    def on_notice(self, notice: Notice, now_ns: int) -> None:
        """Hand a notice to its feed.

        Raises:
            BadFrame: from the feed, or for a channel that we did not subscribe to.
        """
        feed = self._feeds.get(notice.channel)
        if feed is None:
            raise BadFrame(f"channel {notice.channel[:80]!r} was not subscribed", reason="unknown_channel")
        feed(notice.data, now_ns)
        self.has_spoken(notice.channel)

    def has_spoken(self, channel: str) -> None:
        """Something good has come from this channel, by whatever way."""
        if channel in self._silent:
            self._silent.discard(channel)
            self._heard.set()

    def forget(self) -> None:
        """The connection is gone, and its subscriptions with it."""
        self._feeds.clear()
        self._silent.clear()
        self._refused.clear()
        self._losses += 1
        self._heard.set()  # whoever waits for them waits no more
