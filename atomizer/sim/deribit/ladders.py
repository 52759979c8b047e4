"""The market's makers in this venue's books: which instruments an event means, and what of a ladder changes."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from atomizer.sim.deribit.instruments import Instrument
from atomizer.sim.deribit.quotation import Quotation
from atomizer.sim.market import MakerLadder
from atomizer.sim.matching import Book

Side = tuple[bool, int]  # is_bid, price in nanos


class Ladders:
    """What every maker shows: per maker and instrument, the book's key of each level."""

    def __init__(self, instruments: Mapping[str, Instrument], quotation: Quotation) -> None:
        self._quotation = quotation
        self._instruments: dict[str, list[Instrument]] = {}
        for instrument in instruments.values():
            self._instruments.setdefault(instrument.listing.name, []).append(instrument)
        self._shown: dict[tuple[str, str], dict[Side, str]] = {}
        self._count = 0
        self._turn = 0

    def instruments_of(self, listing: str) -> Sequence[Instrument]:
        """Everything that is priced from one listing of the market."""
        return self._instruments[listing]

    def next_of(self, listing: str) -> Instrument:
        """The takers of a listing visit its instruments in turn."""
        self._turn += 1
        choice = self._instruments[listing]
        return choice[self._turn % len(choice)]

    def new_key(self, maker: str) -> str:
        self._count += 1
        return f"{maker}#{self._count}"

    def changes(
        self, event: MakerLadder, instrument: Instrument, book: Book
    ) -> tuple[dict[Side, str], dict[Side, int]]:
        """Takes out of the book what the maker no longer shows; returns what it shows and what it wants besides.

        A level of the same price and no larger amount keeps its place in the queue.
        """
        wanted = self._wanted(event, instrument)
        shown = self._shown.setdefault((event.maker, instrument.name), {})
        for level, key in list(shown.items()):
            remaining = book.get(key).remaining if key in book else 0
            if remaining and wanted.get(level, remaining + 1) <= remaining:
                if wanted[level] < remaining:
                    book.reduce(key, wanted[level])
                del wanted[level]
                continue
            if remaining:
                book.remove(key)
            del shown[level]
        return shown, wanted

    def _wanted(self, event: MakerLadder, instrument: Instrument) -> dict[Side, int]:
        wanted: dict[Side, int] = {}
        for is_bid, levels in ((True, event.bids), (False, event.asks)):
            for usd, coins in levels:
                self._want(wanted, instrument, usd, coins, is_bid=is_bid)
        return wanted

    def _want(
        self, wanted: dict[Side, int], instrument: Instrument, usd: Decimal, coins: Decimal, *, is_bid: bool
    ) -> None:
        """Bids are rounded down, asks up: two levels may meet in one, and a bid may come to nothing."""
        price = self._quotation.price(instrument, usd, up=not is_bid)
        if price > 0:
            wanted[is_bid, price] = wanted.get((is_bid, price), 0) + self._quotation.amount(instrument, coins, usd)
