"""The takers of the hedge venue: orders that come at random and cross the spread when they like the price."""

import numpy as np

from atomizer.sim.market.events import TakerOrder
from atomizer.sim.market.figures import Figures
from atomizer.sim.market.paths import STEP_NS
from atomizer.sim.market.valuation import Valuation

_ORDERS_A_SECOND = 1.2
_PERP_SHARE = 0.6
_TAKERS = 12
_SIZE_SHARE = 0.35  # of a maker's typical level
_SIZE_LOG_SD = 0.8
_PATIENCE = (0.4, 3.5)  # how many half spreads past fair a taker pays, from the choosiest to the most eager


class Takers:
    """Orders for one instrument each, drawn step by step."""

    def __init__(self, valuation: Valuation, figures: dict[str, Figures], seed: np.random.SeedSequence) -> None:
        self._valuation = valuation
        self._figures = figures
        self._rng = np.random.Generator(np.random.PCG64(seed))

    def step(self, now_ns: int) -> list[TakerOrder]:
        count = int(self._rng.poisson(_ORDERS_A_SECOND * STEP_NS / 1e9))
        orders = (self._order(now_ns) for _ in range(count))
        return [order for order in orders if order is not None]

    def _order(self, now_ns: int) -> TakerOrder | None:
        """One order, or none where the instrument drawn is dead or the price would not be positive."""
        rng, valuation = self._rng, self._valuation
        is_perp, which, side, patience = rng.random(4).tolist()
        noise, taker = float(rng.standard_normal()), int(rng.integers(_TAKERS))
        options, total = valuation.option_count, len(valuation.listings)
        first, end = (options, total) if is_perp < _PERP_SHARE else (0, options)
        index = first + int(which * (end - first))
        listing = valuation.listings[index]
        if listing.kind == "option" and listing.expiry_s * 1_000_000_000 <= now_ns:
            return None
        is_buy = side < 0.5  # noqa: PLR2004  a fair coin
        low, high = _PATIENCE
        reach = (low + (high - low) * patience) * float(valuation.half_spread[index])
        price = float(valuation.fair[index]) + (reach if is_buy else -reach)
        ticks = round(price / float(listing.tick))
        typical = self._figures[listing.underlying].level_size["median"] * _SIZE_SHARE
        steps = round(typical * float(np.exp(_SIZE_LOG_SD * noise)) / float(listing.step))
        amount = min(max(steps * listing.step, listing.minimum), listing.maximum)
        if ticks <= 0:
            return None
        return TakerOrder(now_ns, f"taker-{taker:02d}", listing.name, is_buy, amount, ticks * listing.tick)
