"""Which instruments a run quotes: chosen when it begins, and followed as the venue's list changes."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from atomizer._core.book import Book
from atomizer.app.market_making_lane import QuoteLane
from atomizer.app.market_making_parts import build_limits, keep_nanos
from atomizer.app.market_making_selection import near_the_money, refresh, select
from atomizer.config.settings import Chain, Settings
from atomizer.domain.instruments import NANOS, Instrument
from atomizer.domain.session import QuoteSession
from atomizer.errors import UsageError, VenueError


class Choice:
    """Puts instruments into the lane. `chains` name them; with none, those near the money of `underlying` are taken."""

    def __init__(
        self,
        settings: Settings,
        venue: QuoteSession,
        lane: QuoteLane,
        *,
        chains: Sequence[Chain],
        underlying: str,
        is_dry: bool,
    ) -> None:
        self._settings = settings
        self._venue = venue
        self._lane = lane
        self._chains = tuple(chains)
        self._underlying = underlying
        self._is_dry = is_dry

    def use(self, settings: Settings) -> None:
        """These limits from now on."""
        self._settings = settings
        for quoted in self._lane:
            quoted.slot.set_limits(build_limits(settings, quoted.instrument))

    def begin(self, now_ns: int) -> None:
        """Choose.

        Raises:
            UsageError: what was asked for is not listed, or the size is below what the venue takes.
            VenueError: the venue has not told what is near the money.
        """
        listed = [found for name in self._venue.names if (found := self._venue.instrument(name)) is not None]
        now_s = now_ns // NANOS
        if self._chains:
            chosen = select(self._chains, listed, now_s)
        else:
            chosen = near_the_money(listed, self._underlying, self._index_nanos(), now_s)
        self._check_size(chosen)
        books = {each.name: book for each in chosen if (book := self._venue.book(each.name)) is not None}
        self._take_in(chosen, books)

    def follow(self, listed: Iterable[tuple[Instrument, Book]], now_ns: int) -> None:
        """Take in what appeared of the chains, the ticks and lots of what changed, and what is traded no more."""
        found = list(listed)
        instruments = {instrument.name: instrument for instrument, _ in found}
        for quoted in self._lane:
            instrument = instruments.get(quoted.name)
            if instrument is None:
                instrument = msgspec.structs.replace(quoted.instrument, is_active=False)
            if instrument != quoted.instrument:
                quoted.instrument = instrument
                quoted.slot.set_limits(build_limits(self._settings, instrument))
        books = {instrument.name: book for instrument, book in found}
        self._take_in(refresh(self._chains, instruments.values(), now_ns // NANOS), books)

    def _check_size(self, chosen: Iterable[Instrument]) -> None:
        size = self._settings.market_maker.size
        for each in chosen:
            if not self._is_dry and size.nanos < each.min_amount_nanos:
                raise UsageError(
                    f"size {size} is below the venue's smallest order of {each.name}, "
                    f"{each.min_amount_nanos / NANOS:g}: raise --size or market_maker.size"
                )

    def _index_nanos(self) -> int:
        marks = (self._venue.mark(name) for name in self._venue.names if name.startswith(f"{self._underlying}-"))
        found = next((mark.index_nanos for mark in marks if mark is not None), 0)
        if not found:
            words = f"no index of {self._underlying} is known: name --expiry and --strikes"
            raise VenueError(self._venue.name, words, retryable=True)
        return found

    def _take_in(self, instruments: Iterable[Instrument], books: Mapping[str, Book]) -> None:
        for instrument in instruments:
            if self._lane.get(instrument.name) is None and instrument.name in books:
                limits, keep = build_limits(self._settings, instrument), keep_nanos(self._settings, instrument)
                self._lane.add(instrument, books[instrument.name], limits, keep)
                if mark := self._venue.mark(instrument.name):
                    self._lane.on_mark(mark)
