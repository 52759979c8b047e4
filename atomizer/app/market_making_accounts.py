"""How the quotes do, written down: what contracts were worth after our trades, and how quotes stood in samples.

`desk.quality` says what becomes of it. A tenth of the instruments is looked at ten times a second, so that no look is
long enough to make a tick wait.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from atomizer._core.book import NO_PRICE
from atomizer.app.ledger import Ledger
from atomizer.app.market_making_lane import STRATEGY, QuoteLane
from atomizer.app.market_making_quoted import Quoted
from atomizer.desk.quality import HORIZONS_MS
from atomizer.domain.ports import MarketView
from atomizer.domain.quality import MarkedOut, QuotesSampled
from atomizer.domain.trading import Fill

SAMPLE_EVERY_S: Final = 0.1
PARTS: Final = 10  # of all instruments, one a look
WRITE_EVERY_S: Final = 60.0
NEWS_NS: Final = 3_000_000_000  # a trade that is heard of later has no mark of its time


class Stood(msgspec.Struct):
    """Samples of some quotes, as `QuotesSampled` has them."""

    samples: int = 0
    bids: int = 0
    asks: int = 0
    both: int = 0
    bid_touches: int = 0
    ask_touches: int = 0

    @property
    def uptime(self) -> float | None:
        return self.both / self.samples if self.samples else None

    @property
    def at_touch(self) -> float | None:
        return (self.bid_touches + self.ask_touches) / (2 * self.samples) if self.samples else None

    def add(self, *, bid: int, ask: int, bid_touch: int, ask_touch: int) -> None:
        self.samples += 1
        self.bids += bid
        self.asks += ask
        self.both += bid & ask
        self.bid_touches += bid_touch
        self.ask_touches += ask_touch


class Accounts:
    """Of one run at one venue."""

    def __init__(
        self, *, ledger: Ledger, lane: QuoteLane, market: MarketView, clock_ns: Callable[[], int], max_mark_age_ns: int
    ) -> None:
        self._ledger = ledger
        self._lane = lane
        self._market = market
        self._clock_ns = clock_ns
        self._max_mark_age_ns = max_mark_age_ns
        self._part = 0
        self._stood: dict[str, tuple[str, Stood]] = {}  # since they were last written, by instrument: its venue
        self._marks: set[asyncio.TimerHandle] = set()  # that are still to be written
        self.whole = Stood()  # of this run

    def on_fill(self, fill: Fill) -> None:
        """Write what it was worth, and come back for what it will be."""
        if self._clock_ns() - fill.venue_time_ns > NEWS_NS:
            return
        self._mark_out(fill, 0)
        loop = asyncio.get_running_loop()
        for after_ms in HORIZONS_MS:
            self._marks.add(loop.call_later(after_ms / 1000, self._mark_out, fill, after_ms))
        self._marks = {handle for handle in self._marks if handle.when() > loop.time()}

    def _mark_out(self, fill: Fill, after_ms: int) -> None:
        mark, now_ns = self._market.mark(fill.instrument), self._clock_ns()
        if mark is None or now_ns - mark.now_ns > self._max_mark_age_ns:
            return
        self._ledger.learn(
            MarkedOut(
                now_ns=now_ns,
                venue=fill.venue,
                trade_id=fill.trade_id,
                after_ms=after_ms,
                mark_nanos=mark.mark_nanos,
                index_nanos=mark.index_nanos,
            )
        )

    async def sample(self) -> None:
        """Look at the next part of the instruments."""
        for quoted in list(self._lane)[self._part :: PARTS]:
            _, stood = self._stood.setdefault(quoted.name, (quoted.instrument.venue, Stood()))
            bid, ask = (self._price(quoted, is_bid=is_bid) for is_bid in (True, False))
            book = quoted.slot.book
            others = (NO_PRICE, NO_PRICE) if book.dark else (book.best_bid(), book.best_ask())
            found = {
                "bid": bid is not None,
                "ask": ask is not None,
                "bid_touch": bid is not None and not book.dark and bid >= others[0],
                "ask_touch": ask is not None and not book.dark and (others[1] == NO_PRICE or ask <= others[1]),
            }
            stood.add(**found)
            self.whole.add(**found)
        self._part = (self._part + 1) % PARTS

    def _price(self, quoted: Quoted, *, is_bid: bool) -> int | None:
        order = self._lane.shown(quoted, is_bid=is_bid)
        return order.placed.price_nanos if order is not None and order.placed is not None else None

    async def write(self) -> None:
        """What was sampled since the last time."""
        for name, (venue, stood) in self._stood.items():
            counts = msgspec.structs.asdict(stood)
            self._ledger.learn(
                QuotesSampled(now_ns=self._clock_ns(), venue=venue, instrument=name, strategy=STRATEGY, **counts)
            )
        self._stood.clear()

    async def stop(self) -> None:
        """Write what there is; marks that are still to come stay unknown."""
        for handle in self._marks:
            handle.cancel()
        await self.write()
