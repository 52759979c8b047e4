"""What we listen to at Deribit, and keeping it so: new listings, gone ones, and books that lost their sequence."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
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
        self._lost_a_book = asyncio.Event()
        self.market = MarketData(self._on_book_lost, listeners, books)
        self.channels = Channels(VENUE, partial(subscribe, rpc), partial(unsubscribe, rpc), CHANNELS_PER_CALL)

    def forget(self) -> None:
        """The connection is gone: every book is dark."""
        self.market.darken()
        self.channels.forget()
        self._lost_books.clear()

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
        await self.listen_to_new(feeds, speaks_first=True)
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
        channel = self.market.book_channel(name)
        feed = self.market.book_feed(channel)
        if feed is not None and not feed.is_shut:
            self._on_book_lost(channel)

    async def keep_books(self, drop: Callable[[], None]) -> None:
        """Ask anew for each book that lost its sequence, and for no other."""
        while True:
            await self._lost_a_book.wait()
            self._lost_a_book.clear()
            lost = sorted(self._lost_books)
            self._lost_books.clear()
            try:
                await self.channels.renew(lost)
            except (VenueError, BadFrame) as error:
                log.warning("%s: %d books could not be asked for again: %s", VENUE, len(lost), error)
                drop()
            await asyncio.sleep(AGAIN_AFTER_S)

    def _on_book_lost(self, channel: str) -> None:
        self._lost_books.add(channel)
        self._lost_a_book.set()


def _warn(refused: Mapping[str, str]) -> None:
    for channel, words in refused.items():
        log.warning("%s: not subscribed to %s: %s", VENUE, channel, words)
