"""`atomizer` whose practice Derive has a market maker's budget for the account and a trader's for each instrument."""

from atomizer.cli import main
from atomizer.sim.derive import RateLimits, venue

LIMITS = RateLimits(matching_tps=500, instrument_tps=1, non_matching_tps=500)

if __name__ == "__main__":
    venue.RateLimits = lambda: LIMITS
    main()
