"""The market itself: one step after the other, each moving the paths, then the makers, the takers and the RFQs."""

from dataclasses import replace
from decimal import Decimal

import numpy as np

from atomizer.sim.market.events import Event
from atomizer.sim.market.figures import UNDERLYINGS, load_figures, load_rysk_assets
from atomizer.sim.market.listing import Listing, MarketState, RyskAsset
from atomizer.sim.market.makers import Makers
from atomizer.sim.market.paths import STEP_NS, Paths
from atomizer.sim.market.rfqs import Rfqs
from atomizer.sim.market.takers import Takers
from atomizer.sim.market.valuation import Valuation


class Market:
    """A seeded market from `start_ns` (unix nanoseconds) on.

    Before the first `advance` it has its state but no quotes; the step at `start_ns` itself opens all books. An option
    past its expiry stays listed, without quotes.
    """

    def __init__(self, seed: int, start_ns: int, *, rfq_interval_s: float = 2.0) -> None:
        self.seed = seed
        self.start_ns = start_ns
        self.now_ns = start_ns
        self._next_step = 0
        path_seed, maker_seed, taker_seed, rfq_seed = np.random.SeedSequence(seed).spawn(4)
        figures = {underlying: load_figures(underlying) for underlying in UNDERLYINGS}
        self._paths = Paths(figures, path_seed)
        self._valuation = Valuation(figures, start_ns)
        self._valuation.update(start_ns, self._paths)
        self.listings: dict[str, Listing] = {listing.name: listing for listing in self._valuation.listings}
        self._index = {name: index for index, name in enumerate(self.listings)}
        self._states: dict[str, MarketState] = {}  # of this step; a venue asks for the same ones with every order
        self.rysk_assets: tuple[RyskAsset, ...] = tuple(
            replace(asset, price=self.spot(asset.underlying)) if asset.underlying in figures else asset
            for asset in load_rysk_assets()
        )
        self._makers = Makers(self._valuation, figures, maker_seed)
        self._takers = Takers(self._valuation, figures, taker_seed)
        self._rfqs = Rfqs(self._makers, self.rysk_assets, rfq_seed, interval_s=rfq_interval_s)

    def advance(self, now_ns: int) -> list[Event]:
        """Everything that happens in the whole steps up to `now_ns`, in order; a time already passed gives nothing."""
        events: list[Event] = []
        while (step_ns := self.start_ns + self._next_step * STEP_NS) <= now_ns:
            if self._next_step:
                self._paths.step()
                self._valuation.update(step_ns, self._paths)
                self._states.clear()
            events += self._makers.step(self._next_step, step_ns)
            events += self._takers.step(step_ns)
            events += self._rfqs.step(step_ns)
            self.now_ns = step_ns
            self._next_step += 1
        return events

    def state(self, name: str) -> MarketState:
        """The venue's view of one listed instrument at `now_ns`.

        Raises:
            KeyError: not listed.
        """
        state = self._states.get(name)
        if state is None:
            state = self._states[name] = self._valuation.state(self._index[name])
        return state

    def spot(self, underlying: str) -> Decimal:
        """Index price in USD.

        Raises:
            KeyError: neither ETH nor BTC.
        """
        return self._valuation.spot(underlying)
