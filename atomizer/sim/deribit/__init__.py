"""The Deribit practice venue: JSON-RPC 2.0 over WebSocket and HTTP.

`Venue` is the state machine, `serve` its shell. Whoever runs it feeds it the market, each hundred milliseconds:

    if not venue.frozen:
        venue.on_market(market.advance(now_ns), now_ns)
    venue.publish(now_ns)
"""

from atomizer.sim.deribit.accounts import COUNTERPARTY_ACCOUNT, PRACTICE_ACCOUNT, Account, ApiKey
from atomizer.sim.deribit.limits import Bucket, RateLimits
from atomizer.sim.deribit.server import REST_PATH, SOCKET_PATH, serve
from atomizer.sim.deribit.venue import Venue

__all__ = [
    "COUNTERPARTY_ACCOUNT",
    "PRACTICE_ACCOUNT",
    "REST_PATH",
    "SOCKET_PATH",
    "Account",
    "ApiKey",
    "Bucket",
    "RateLimits",
    "Venue",
    "serve",
]
