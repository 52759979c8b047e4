"""Rate limits: fixed five-second windows with five seconds' worth of requests each (protocol sheet §5, "Rate limits").

A window opens with the first request in it. Refused requests count, so hammering does not help.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from atomizer.sim.derive.units import NS_PER_MS, NS_PER_S

_WINDOW_S = 5
CANCEL_ALL_TPS = 1
CANCEL_BY_LABEL_TPS = 10  # without an instrument


class Rate(StrEnum):
    """Which budget a method draws on."""

    MATCHING = "matching"
    NON_MATCHING = "non_matching"
    CANCEL_ALL = "cancel_all"
    CANCEL_BY_LABEL = "cancel_by_label"


@dataclass(frozen=True, slots=True)
class RateLimits:
    """Requests a second. The venue gives a trader 1, 1, 5 and 4 connections, a market maker 500, 10, 500 and 64."""

    matching_tps: int = 20
    instrument_tps: int = 10  # matching requests for one instrument
    non_matching_tps: int = 20
    unauthenticated_tps: int = 5  # per socket before login
    rest_tps: int = 10  # per address
    connections: int = 64  # per address

    def of(self, rate: Rate) -> int:
        return {
            Rate.MATCHING: self.matching_tps,
            Rate.NON_MATCHING: self.non_matching_tps,
            Rate.CANCEL_ALL: CANCEL_ALL_TPS,
            Rate.CANCEL_BY_LABEL: CANCEL_BY_LABEL_TPS,
        }[rate]


MARKET_MAKER = RateLimits(matching_tps=500, non_matching_tps=500)


@dataclass(slots=True, eq=False)
class Windows:
    """The open windows of one wallet, socket or address: name to (opened at, requests in it)."""

    _open: dict[str, tuple[int, int]] = field(default_factory=dict)

    def take(self, name: str, tps: int, now_ns: int) -> int:
        """Count one request; milliseconds to wait if it is one too many, else 0."""
        opened_ns, count = self._open.get(name, (now_ns, 0))
        if now_ns - opened_ns >= _WINDOW_S * NS_PER_S:
            opened_ns, count = now_ns, 0
        self._open[name] = opened_ns, count + 1
        if count < tps * _WINDOW_S:
            return 0
        return max(-(-(opened_ns + _WINDOW_S * NS_PER_S - now_ns) // NS_PER_MS), 1)
