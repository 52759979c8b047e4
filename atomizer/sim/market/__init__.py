"""The market behind the practice venues: seeded, pure, no clock, no sockets.

`Market(seed, start_ns)` is a whole day that can be played again: the same seed and start give the same events to the
byte on the same machine, whatever the sizes of the steps in which `advance` is asked for them.
"""

from atomizer.sim.market.engine import Market
from atomizer.sim.market.events import Event, MakerLadder, RfqArrival, Rival, TakerOrder
from atomizer.sim.market.listing import Listing, MarketState, RyskAsset
from atomizer.sim.market.paths import STEP_NS

__all__ = [
    "STEP_NS",
    "Event",
    "Listing",
    "MakerLadder",
    "Market",
    "MarketState",
    "RfqArrival",
    "Rival",
    "RyskAsset",
    "TakerOrder",
]
