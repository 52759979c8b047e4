"""What we listen to at Deribit, and keeping it so: new listings, gone ones, and books that lost their sequence."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from atomizer.domain.ports import MarketListener
from atomizer.domain.session import PublicTrade
from atomizer.errors import BadFrame, ConfigError, Refused, VenueError
from atomizer.net.channels import Channels, Feed
from atomizer.net.rpc import Rpc
from atomizer.venues.deribit.market import BookKind, MarketData
from atomizer.venues.deribit.market_codec import parse_public_trades, trades_channel
from atomizer.venues.deribit.opening import INSTRUMENT_KINDS, currencies_of, fetch_listings, subscribe, unsubscribe
from atomizer.venues.deribit.profile import VENUE

log = logging.getLogger(__name__)

CHANNELS_PER_CALL: Final = 500  # a call costs the same however many it names (protocol sheet §8)
LISTINGS_EVERY_S: Final = 300  # new expiries and strikes appear while we run
AGAIN_AFTER_S: Final = 0.5  # at the least, between two snapshots of one book
SNAPSHOT_WITHIN_S: Final = 5.0  # of asking for a book; one that is dark after that is asked for again
SNAPSHOT_MOST_S: Final = 80.0  # and each time it is given twice as long, up to this


class Listening:
    """Market data and its channels, of one connection after another."""

    def __init__(
        self,
        rpc: Rpc,
        underlyings: Sequence[str],
        listeners: Sequence[MarketListener],
        books: BookKind,
        on_trade: Callable[[PublicTrade], None] | None,
    ) -> None:
        self._rpc = rpc
        self._underlyings = underlyings
        self._on_trade = on_trade
        self._lost_books: set[str] = set()
        self._asked: dict[str, tuple[float, float]] = {}  # dark books: when to ask again, and how long that was to wait
        self._must_look = asyncio.Event()  # one of the two has changed
        self.market = MarketData(self._on_book_lost, listeners, books)
        self.channels = Channels(VENUE, partial(subscribe, rpc), partial(unsubscribe, rpc), CHANNELS_PER_CALL)

    def forget(self) -> None:
        """The connection is gone: every book is dark."""
        self.market.darken()
        self.channels.forget()
        self._lost_books.clear()
        self._asked.clear()

    async def listen_privately(self, needed: str, feeds: Mapping[str, Feed]) -> None:
        """Subscribe to all of them. Raises Refused when the `needed` one is not to be had; another one is a warning."""
        refused = await self.channels.listen(feeds, speaks_first=False)
        if needed in refused:
            raise Refused(VENUE, f"{needed}: {refused[needed]}: no order may rest unheard", request="subscribe")
        _warn(refused)

    async def listen_to_new(self, feeds: Mapping[str, Feed], *, speaks_first: bool) -> None:
        """Subscribe to those that we do not listen to yet; one that is not to be had is a warning."""
        new = {channel: feed for channel, feed in feeds.items() if channel not in self.channels.names}
        if new:
            _warn(await self.channels.listen(new, speaks_first=speaks_first))

    async def refresh(self) -> None:
        """Ask what is listed; subscribe to what is new of it, and leave what is gone."""
        before = self.market.feeds().keys()
        self.market.replace_listings(await fetch_listings(self._rpc, self._underlyings))
        feeds = self.market.feeds()
        gone = [channel for channel in before - feeds.keys() if channel in self.channels.names]
        if gone:
            await self.channels.leave(gone)
        try:
            await self.listen_to_new(feeds, speaks_first=True)
        finally:
            self._note_asked(map(self.market.book_channel, self.market.names))
            self._must_look.set()
        await self.listen_to_new(self.market.volatility_feeds() | self._tapes(), speaks_first=False)

    def _tapes(self) -> dict[str, Feed]:
        """Only where somebody hears them."""
        kinds = INSTRUMENT_KINDS if self._on_trade is not None else ()
        currencies = currencies_of(self._underlyings)
        return dict.fromkeys((trades_channel(kind, each) for kind in kinds for each in currencies), self._on_tape)

    def _on_tape(self, data: Any, now_ns: int) -> None:
        for trade in parse_public_trades(data, now_ns):
            if self._on_trade is not None and self.market.listing(trade.instrument) is not None:
                self._on_trade(trade)

    async def keep_listings(self, is_open: Callable[[], bool]) -> None:
        while True:
            await asyncio.sleep(LISTINGS_EVERY_S)
            if is_open():  # else the next opening refreshes
                try:
                    await self.refresh()
                except (VenueError, BadFrame, ConfigError) as error:
                    log.warning("%s: the list of instruments stays as it was: %s", VENUE, error)

    def renew_book(self, name: str) -> None:
        """This book cannot be trusted until its next snapshot. One that is shut is asked for when it opens again."""
        if self.market.listing(name) is None:
            return  # it has expired, and its book with it
        channel = self.market.book_channel(name)
        feed = self.market.book_feed(channel)
        if feed is not None and not feed.is_shut:
            self._on_book_lost(channel)

    async def keep_books(self, drop: Callable[[], None]) -> None:
        """Ask anew for each book that lost its sequence or whose snapshot has not come, and for no other."""
        while True:
            due_s = min((due_s for due_s, _ in self._asked.values()), default=None)
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due_s):
                    await self._must_look.wait()
            self._must_look.clear()
            lost = sorted(self._lost_books | self._unanswered())
            self._lost_books.clear()
            try:
                _warn(await self.channels.renew(lost))
            except (VenueError, BadFrame) as error:
                log.warning("%s: %d books could not be asked for again: %s", VENUE, len(lost), error)
                drop()
            else:
                self._note_asked(lost)
            await asyncio.sleep(AGAIN_AFTER_S)

    def _note_asked(self, channels: Iterable[str]) -> None:
        now_s = asyncio.get_running_loop().time()
        for channel in filter(self._is_awaited, channels):
            _, waited_s = self._asked.get(channel, (0.0, 0.0))
            wait_s = min(2 * waited_s, SNAPSHOT_MOST_S) if waited_s else SNAPSHOT_WITHIN_S
            self._asked[channel] = now_s + wait_s, wait_s

    def _unanswered(self) -> set[str]:
        """Books that were asked for and are dark all the same. Changes alone never light one again."""
        self._asked = {channel: asked for channel, asked in self._asked.items() if self._is_awaited(channel)}
        now_s = asyncio.get_running_loop().time()
        unanswered = {channel for channel, (due_s, _) in self._asked.items() if due_s <= now_s}
        if unanswered:
            some = ", ".join(sorted(unanswered)[:3])
            log.warning("%s: no snapshot yet, asking again: %d books (%s)", VENUE, len(unanswered), some)
        return unanswered

    def _is_awaited(self, channel: str) -> bool:
        """Whether a snapshot of this book would help, and can come: one that is shut is asked for when it opens."""
        feed = self.market.book_feed(channel)
        return feed is not None and feed.book.dark and not feed.is_shut and channel in self.channels.names

    def _on_book_lost(self, channel: str) -> None:
        self._lost_books.add(channel)
        self._asked.pop(channel, None)  # it had come to light
        self._must_look.set()


def _warn(refused: Mapping[str, str]) -> None:
    for channel, words in refused.items():
        log.warning("%s: not subscribed to %s: %s", VENUE, channel, words)
