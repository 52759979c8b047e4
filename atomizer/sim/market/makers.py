"""The market makers: who quotes where, how wide, how large, and when they change their minds.

Each maker quotes round its own view of fair, moves only what has drifted from where it was quoted, and looks at the
market at its own pace. A new ladder is held back one tick from what the others show, as a post-only order would be, so
the ladders together are never crossed.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from atomizer.sim.market.black76 import Floats
from atomizer.sim.market.events import Level, MakerLadder
from atomizer.sim.market.figures import Figures
from atomizer.sim.market.listing import Listing
from atomizer.sim.market.valuation import Valuation

Integers = NDArray[np.int64]
LEVELS = 3


@dataclass(frozen=True, slots=True)
class _Maker:
    """How one maker behaves. `pace` is in steps; `width` in best half spreads; `coverage` its share of the board."""

    name: str
    pace: int
    width: float
    size: float
    coverage: float


_MAKERS = (
    _Maker("maker-amber", pace=1, width=1.0, size=1.0, coverage=0.9),
    _Maker("maker-birch", pace=1, width=1.15, size=1.4, coverage=0.85),
    _Maker("maker-cedar", pace=2, width=1.3, size=1.0, coverage=0.7),
    _Maker("maker-delft", pace=3, width=1.6, size=2.2, coverage=0.6),
    _Maker("maker-ember", pace=5, width=2.1, size=3.0, coverage=0.5),
)
_TOLERANCE = 0.07  # of the half spread: a smaller drift of fair is left alone
_LADDERS_A_STEP = 80  # all makers together; what is over waits for the next step, most urgent first
_REFRESH_STEPS = 240  # a ladder is renewed after this long on average, which also refills what was traded away
_LEAN_MEMORY, _LEAN_KICK = 0.7, 0.25  # a maker's view of fair against the market's, in half spreads
_NOTHING = 1 << 60


class _Wish(NamedTuple):
    """What one maker would show in one instrument: best prices in ticks, levels `gap` ticks apart, sizes in steps
    (bids, then asks).
    """

    maker: int
    instrument: int
    bid: int
    ask: int
    gap: int
    sizes: list[int]


class Makers:
    """All makers over all instruments. Ticks and steps are integers here and become money in the events."""

    def __init__(self, valuation: Valuation, figures: dict[str, Figures], seed: np.random.SeedSequence) -> None:
        self.valuation = valuation
        self._rng = np.random.Generator(np.random.PCG64(seed))
        listings = valuation.listings
        shape = (len(_MAKERS), len(listings))
        chance = np.array([maker.coverage for maker in _MAKERS])[:, None]
        self._quotes = self._rng.random(shape) < chance
        self._quotes[:2, :] = True  # somebody quotes everything
        self._quotes[:, valuation.option_count :] = True
        self._lean = self._rng.standard_normal(shape) * _LEAN_KICK
        self._anchor = np.full(shape, np.inf)
        self._due = np.zeros(shape, np.int64)
        self._width = np.array([maker.width for maker in _MAKERS])
        self._size = np.array([maker.size for maker in _MAKERS])
        self._median_steps = np.array(
            [figures[item.underlying].level_size["median"] / float(item.step) for item in listings]
        )
        self._size_log_sd = np.array([figures[item.underlying].level_size["log_sd"] for item in listings])
        self._minimum_steps = np.array([int(item.minimum / item.step) for item in listings])
        self._maximum_steps = np.array([int(item.maximum / item.step) for item in listings])
        self._best_bid = [[0] * len(_MAKERS) for _ in listings]  # ticks; 0 = none
        self._best_ask = [[_NOTHING] * len(_MAKERS) for _ in listings]
        self._shown: dict[tuple[int, int], MakerLadder] = {}
        self._live = np.ones(len(listings), np.bool_)

    def step(self, number: int, now_ns: int) -> list[MakerLadder]:
        """Ladders that change in step `number`."""
        events = self._withdraw_expired(now_ns)
        makers, instruments = self._changed(number)
        if makers.size:
            self._anchor[makers, instruments] = self.valuation.fair[instruments]
            pause = self._rng.integers(_REFRESH_STEPS // 2, _REFRESH_STEPS * 3 // 2, makers.size)
            self._due[makers, instruments] = number + pause
            events += self._ladders(now_ns, makers, instruments)
        return events

    def levels(self, instrument: int, *, is_bid: bool) -> list[Level]:
        """What all makers together show on one side of one instrument, best first."""
        shown = [self._shown.get((maker, instrument)) for maker in range(len(_MAKERS))]
        levels = [level for ladder in shown if ladder for level in (ladder.bids if is_bid else ladder.asks)]
        return sorted(levels, reverse=is_bid)

    def _withdraw_expired(self, now_ns: int) -> list[MakerLadder]:
        events = []
        for slot in self.valuation.slots:
            if now_ns < slot.expiry_s * 1_000_000_000 or not self._live[slot.first]:
                continue
            self._live[slot.first : slot.end] = False
            for instrument in range(slot.first, slot.end):
                name = self.valuation.listings[instrument].name
                for number, maker in enumerate(_MAKERS):
                    if self._shown.pop((number, instrument), None) is not None:
                        events.append(MakerLadder(now_ns, maker.name, name, (), ()))
        return events

    def _changed(self, number: int) -> tuple[Integers, Integers]:
        awake = np.array([number % maker.pace == 0 for maker in _MAKERS])[:, None]
        room = np.maximum(_TOLERANCE * self.valuation.half_spread, 0.5 * self.valuation.tick)
        drift = np.abs(self.valuation.fair - self._anchor) / room
        wanted = self._quotes & awake & self._live & ((drift > 1.0) | (self._due <= number))
        makers, instruments = np.nonzero(wanted)
        if number and makers.size > _LADDERS_A_STEP:  # the first step opens the whole market at once
            urgency = drift[makers, instruments]
            chosen = np.sort(np.argsort(-urgency, kind="stable")[:_LADDERS_A_STEP])
            makers, instruments = makers[chosen], instruments[chosen]
        return makers, instruments

    def _ladders(self, now_ns: int, makers: Integers, instruments: Integers) -> list[MakerLadder]:
        count = makers.size
        noise = self._rng.standard_normal((count, 1 + 2 * LEVELS))
        lean = _LEAN_MEMORY * self._lean[makers, instruments] + _LEAN_KICK * noise[:, 0]
        self._lean[makers, instruments] = lean
        half = self.valuation.half_spread[instruments]
        tick = self.valuation.tick[instruments]
        middle = self.valuation.fair[instruments] + np.clip(lean, -0.8, 0.8) * half
        width = half * self._width[makers]
        bids = np.floor((middle - width) / tick).astype(np.int64)
        asks = np.maximum(np.ceil((middle + width) / tick).astype(np.int64), np.maximum(bids, 0) + 1)
        gaps = np.maximum(np.rint(0.5 * width / tick), 1).astype(np.int64)
        sizes = self._sizes(makers, instruments, noise[:, 1:])
        rows = zip(
            makers.tolist(),
            instruments.tolist(),
            bids.tolist(),
            asks.tolist(),
            gaps.tolist(),
            sizes.tolist(),
            strict=True,
        )
        return [self._ladder(now_ns, _Wish(*row)) for row in rows]

    def _sizes(self, makers: Integers, instruments: Integers, noise: Floats) -> Integers:
        """Amounts in steps for each level: log-normal, larger behind the best."""
        depth = np.tile(1.0 + 0.5 * np.arange(LEVELS), 2)
        typical = self._median_steps[instruments] * self._size[makers]
        steps = np.rint(typical[:, None] * depth * np.exp(self._size_log_sd[instruments][:, None] * noise))
        low, high = self._minimum_steps[instruments][:, None], self._maximum_steps[instruments][:, None]
        result: Integers = np.clip(steps, low, high).astype(np.int64)
        return result

    def _ladder(self, now_ns: int, wish: _Wish) -> MakerLadder:
        maker, instrument = wish.maker, wish.instrument
        listing = self.valuation.listings[instrument]
        bids, asks = self._best_bid[instrument], self._best_ask[instrument]
        bids[maker], asks[maker] = 0, _NOTHING
        bid = min(wish.bid, min(asks) - 1)
        ask = max(wish.ask, max(bids) + 1)
        bids[maker], asks[maker] = max(bid, 0), ask
        ladder = MakerLadder(
            now_ns,
            _MAKERS[maker].name,
            listing.name,
            _levels(bid, -wish.gap, wish.sizes[:LEVELS], listing),
            _levels(ask, wish.gap, wish.sizes[LEVELS:], listing),
        )
        self._shown[maker, instrument] = ladder
        return ladder


def _levels(best: int, gap: int, sizes: list[int], listing: Listing) -> tuple[Level, ...]:
    """Levels from the best outwards; bids end where the price would not be positive."""
    prices = range(best, best + gap * len(sizes), gap)
    rows = zip(prices, sizes, strict=True)
    return tuple((price * listing.tick, size * listing.step) for price, size in rows if price > 0)
