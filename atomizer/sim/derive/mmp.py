"""Market maker protection: too much traded in a rolling window freezes a currency for the orders tagged with it.

Amounts of both sides add up, deltas net. "Over the limit" is read as strictly over; the trade that trips it stands.
"""

from collections import deque
from dataclasses import dataclass, field

from atomizer.sim.derive.units import MAX_INT64, NS_PER_MS


@dataclass(slots=True, eq=False)
class Protection:
    """Configuration and state of one subaccount in one currency. A limit of 0 is none; an interval of 0 is off."""

    currency: str
    interval_ms: int
    frozen_time_ms: int
    amount_limit_e18: int
    delta_limit_e18: int
    unfreeze_ms: int = 0  # 0 = not frozen; MAX_INT64 = until it is reset
    _fills: deque[tuple[int, int, int]] = field(default_factory=deque)  # (now_ns, amount_e18, signed delta_e18)

    def is_frozen(self, now_ns: int) -> bool:
        return now_ns < self.unfreeze_ms * NS_PER_MS

    def reset(self) -> None:
        self.unfreeze_ms = 0
        self._fills.clear()

    def on_fill(self, now_ns: int, amount_e18: int, delta_e18: int) -> bool:
        """Count one tagged fill; True when it trips the protection."""
        if not self.interval_ms or self.is_frozen(now_ns):
            return False
        self._fills.append((now_ns, amount_e18, delta_e18))
        while self._fills[0][0] <= now_ns - self.interval_ms * NS_PER_MS:
            self._fills.popleft()
        amount = sum(fill[1] for fill in self._fills)
        delta = abs(sum(fill[2] for fill in self._fills))
        over_amount = 0 < self.amount_limit_e18 < amount
        over_delta = 0 < self.delta_limit_e18 < delta
        if not (over_amount or over_delta):
            return False
        self._fills.clear()
        self.unfreeze_ms = now_ns // NS_PER_MS + self.frozen_time_ms if self.frozen_time_ms else MAX_INT64
        return True
