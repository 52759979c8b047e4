"""`atomizer` whose practice Derive has a market maker's budget for the account and a trader's for each instrument."""

from atomizer.cli import main
from atomizer.sim.derive import RateLimits, limits, venue

LIMITS = RateLimits(matching_tps=500, instrument_tps=1, non_matching_tps=500)
# A window is four seconds instead of five: a venue that stalls for one still counts what was sent in time.
SECOND_NS = 800_000_000

if __name__ == "__main__":
    venue.RateLimits = lambda: LIMITS
    limits.NS_PER_S = SECOND_NS
    main()
