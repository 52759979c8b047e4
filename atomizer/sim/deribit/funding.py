"""Funding of the perpetuals: longs pay shorts while they trade above the index, second by second.

The rate of eight hours is the premium of the mark over the index; the practice venue has no band in which it is
nothing, so that there is always something to pay. What a unit of amount has cost its holder so far is the perpetual's
aggregate; a position owes its amount times what that has grown by. It is realized with each trade of the perpetual and
with the daily settlement, and the transaction log says how much of each entry it was.
"""

from collections.abc import Iterable

from atomizer.sim.deribit.instruments import Instrument
from atomizer.sim.deribit.quotation import View
from atomizer.sim.deribit.units import E18, NANOS, NS_PER_S, div_toward_zero

PERIOD_NS = 8 * 3600 * NS_PER_S
MOST_RATE_E18 = 5_000_000_000_000_000  # of eight hours, either way


def rate_e18(view: View) -> int:
    """Of eight hours, in 10⁻¹⁸ of the position's value; above 0 longs pay."""
    premium_e18 = div_toward_zero((view.mark - view.index) * E18, view.index)
    return max(-MOST_RATE_E18, min(premium_e18, MOST_RATE_E18))


class FundingClock:
    """Brings the aggregates of one venue's perpetuals up to now."""

    def __init__(self, now_ns: int) -> None:
        self._grown_ns = now_ns

    def grow(self, perpetuals: Iterable[tuple[Instrument, View]], now_ns: int) -> None:
        passed_ns, self._grown_ns = max(now_ns - self._grown_ns, 0), max(now_ns, self._grown_ns)
        for instrument, view in perpetuals:
            instrument.funding_rate_e18 = rate_e18(view)
            unit_e18 = instrument.value_e18(view.index, NANOS)  # in its currency, of one unit of amount
            grown_e36 = instrument.funding_rate_e18 * unit_e18 * passed_ns
            instrument.aggregate_funding_e18 += div_toward_zero(grown_e36, PERIOD_NS * E18)
