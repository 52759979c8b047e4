"""Funding of the perpetuals: longs pay shorts while they trade above the index, by the second, in cash by the hour.

The rate of an hour is an eighth of the premium of the mark over the index plus a static interest, within bounds. What a
unit has cost its holder so far is the perpetual's aggregate; a position owes its amount times what that has grown by.
It waits as pending, which no margin counts, until the full hour moves it into cash.
"""

from collections.abc import Iterable

from atomizer.sim.derive.accounts import CASH, Subaccount
from atomizer.sim.derive.instruments import Instrument
from atomizer.sim.derive.ledger import FundingEvent
from atomizer.sim.derive.margin import Prices
from atomizer.sim.derive.orders import BalanceChange
from atomizer.sim.derive.units import E18, NANOS, NS_PER_MS, NS_PER_S, div_toward_zero

HOUR_NS = 3600 * NS_PER_S
STATIC_RATE_E18 = 12_500_000_000_000  # of an hour; 0.01 % of eight
MOST_RATE_E18 = 4_000_000_000_000_000  # of an hour, either way
_PREMIUM_HOURS = 8


def rate_e18(prices: Prices) -> int:
    """Of an hour, in 10⁻¹⁸ of the index value; above 0 longs pay."""
    premium_e18 = div_toward_zero((prices.mark - prices.index) * E18, prices.index * _PREMIUM_HOURS)
    return max(-MOST_RATE_E18, min(premium_e18 + STATIC_RATE_E18, MOST_RATE_E18))


class FundingClock:
    """What time does to the perpetuals of one venue."""

    def __init__(self, now_ns: int) -> None:
        self._grown_ns = now_ns
        self._hour = now_ns // HOUR_NS

    def is_due(self, now_ns: int) -> bool:
        return now_ns // HOUR_NS != self._hour

    def grow(self, perpetuals: Iterable[tuple[Instrument, Prices]], now_ns: int) -> None:
        """Bring every aggregate up to now."""
        passed_ns, self._grown_ns = max(now_ns - self._grown_ns, 0), max(now_ns, self._grown_ns)
        for instrument, prices in perpetuals:
            instrument.funding_rate_e18 = rate_e18(prices)
            per_hour_e18 = div_toward_zero(instrument.funding_rate_e18 * prices.index, NANOS)
            instrument.aggregate_funding_e18 += div_toward_zero(per_hour_e18 * passed_ns, HOUR_NS)

    def pay(self, subaccount: Subaccount, batch_id: str, now_ns: int) -> list[BalanceChange]:
        """Move what is pending into cash; the aggregates must be of now."""
        self._hour = now_ns // HOUR_NS
        changes = []
        for name, position in subaccount.positions.items():
            instrument = subaccount.instruments[name]
            if instrument.is_option:
                continue
            paid_e18 = position.take_funding(instrument.aggregate_funding_e18)
            if paid_e18:
                before_e18 = subaccount.cash_e18
                subaccount.cash_e18 += paid_e18
                subaccount.funding.append(FundingEvent(name, paid_e18, now_ns // NS_PER_MS, batch_id))
                changes.append(
                    BalanceChange(subaccount.subaccount_id, CASH, before_e18, subaccount.cash_e18, "perp_settlement")
                )
        return changes
