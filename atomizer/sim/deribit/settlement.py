"""Delivery prices: the average of the index over the half hour before 08:00 UTC, one sample a second."""

from dataclasses import dataclass

from atomizer.sim.deribit.instruments import OPTION_FEE_CAP_NANOS, Instrument
from atomizer.sim.deribit.units import DAY_NS, NANOS, NS_PER_S

EXPIRY_NS = 8 * 3600 * NS_PER_S  # after midnight UTC
_WINDOW_NS = 1800 * NS_PER_S
_DELIVERY_FEE_NANOS = 150_000  # of the coin, for options; at most 12.5 % of what they pay


@dataclass(slots=True, eq=False)
class Average:
    """The running average of one index in today's window; empty outside it."""

    _sum: int = 0
    _count: int = 0
    _last_s: int = 0

    def sample(self, now_ns: int, index: int) -> None:
        into_day_ns = now_ns % DAY_NS
        if not EXPIRY_NS - _WINDOW_NS <= into_day_ns < EXPIRY_NS:
            if into_day_ns >= EXPIRY_NS:  # kept for those that expire at the end of the window, then forgotten
                return
            self._sum = self._count = 0
            return
        if now_ns // NS_PER_S != self._last_s:
            self._last_s = now_ns // NS_PER_S
            self._sum += index
            self._count += 1

    def price(self, index: int) -> int:
        """The average so far, the index itself before there is one."""
        return self._sum // self._count if self._count else index


def trading_day(now_ns: int) -> int:
    """Days since the epoch, each from 08:00 UTC to the next."""
    return (now_ns - EXPIRY_NS) // DAY_NS


def delivery_fee_e18(instrument: Instrument, price: int, amount: int, index: int) -> int:
    if not instrument.is_option:
        return 0
    unit = index if instrument.is_linear else NANOS
    return min(_DELIVERY_FEE_NANOS * unit, OPTION_FEE_CAP_NANOS * price) * amount // NANOS
