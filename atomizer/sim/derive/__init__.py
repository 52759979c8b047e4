"""The Derive practice venue: both generations of its protocol, v2 and v3, over one engine.

`Venue` is the state machine, `serve` its shell. Whoever runs it feeds it the market, each hundred milliseconds:

    if not venue.frozen:
        venue.on_market(market.advance(now_ns), now_ns)
    venue.publish(now_ns)
"""

from atomizer.sim.derive.accounts import PRACTICE_ACCOUNT, Account, SessionKey
from atomizer.sim.derive.dialect import V2, V3
from atomizer.sim.derive.instruments import FeeSchedule
from atomizer.sim.derive.limits import RateLimits
from atomizer.sim.derive.server import serve
from atomizer.sim.derive.venue import Venue

__all__ = ["PRACTICE_ACCOUNT", "V2", "V3", "Account", "FeeSchedule", "RateLimits", "SessionKey", "Venue", "serve"]
