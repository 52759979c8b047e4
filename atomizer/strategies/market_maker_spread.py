"""How much wider than the plain formula quotes stand when the market is dangerous: a factor of 1 or more.

    factor = 1 + iv · max(IV / calm IV - 1, 0)          IV: implied volatility, a fraction a year: the mark's, or the
                                                            venue's index of the coin's where that is higher
               + move · 100 · move                       move: range of the index within the window, over its lowest
               + thin · max(1 - depth / deep, 0)         depth: all levels of both sides that the book shows, in units
               + short · max(1 - time left / near, 0)    time left until expiry
    1 ≤ factor ≤ widest

Each weight is a plain number and 0 switches its term off; with all of them 0 the plain formula stands. The factor
stretches the finished quote round its own middle (`widen_nanos` of a rule). What is not known (no mark, no book) adds
nothing here: an instrument without a mark or a book is not quoted at all.
"""

from collections import deque
from collections.abc import Mapping
from typing import Final

import msgspec

from atomizer.domain.instruments import NANOS

SAMPLE_EVERY_NS: Final = 1_000_000_000
NS_PER_S: Final = 1_000_000_000
WIDEST: Final = 3.0  # `_core.quote` holds no more


class SpreadParams(msgspec.Struct, frozen=True, kw_only=True):
    """Weights and what they are measured against; see the formula above."""

    iv: float = 0.0
    calm_iv: float = 0.5
    move: float = 0.0
    thin: float = 0.0
    deep_nanos: int = 50 * NANOS
    short: float = 0.0
    near_s: float = 172_800.0
    widest: float = WIDEST


class Conditions(msgspec.Struct, frozen=True):
    """What the factor of one instrument is made of."""

    iv: float
    move: float  # a share
    depth_nanos: int
    left_s: float


def widening(params: SpreadParams, now: Conditions) -> float:
    """The factor."""
    factor = (
        1.0
        + params.iv * max(now.iv / params.calm_iv - 1.0, 0.0)
        + params.move * 100.0 * now.move
        + params.thin * max(1.0 - now.depth_nanos / params.deep_nanos, 0.0)
        + params.short * max(1.0 - max(now.left_s, 0.0) / params.near_s, 0.0)
    )
    return min(max(factor, 1.0), params.widest, WIDEST)


class Moves:
    """How far the index of each underlying has moved within a window; one sample a second is kept."""

    def __init__(self, window_ns: int) -> None:
        self._window_ns = window_ns
        self._samples: dict[str, deque[tuple[int, int]]] = {}

    def note(self, underlying: str, index_nanos: int, now_ns: int) -> None:
        samples = self._samples.setdefault(underlying, deque())
        if not samples or now_ns - samples[-1][0] >= SAMPLE_EVERY_NS:
            samples.append((now_ns, index_nanos))
        while samples[0][0] < now_ns - self._window_ns:
            samples.popleft()

    def shares(self) -> Mapping[str, float]:
        """By underlying the range of the window, as a share of its lowest index."""
        found = {}
        for underlying, samples in self._samples.items():
            prices = [price for _, price in samples if price > 0]
            found[underlying] = (max(prices) - min(prices)) / min(prices) if prices else 0.0
        return found
