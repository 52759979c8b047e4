"""What traded in one instrument in the last 24 hours, for its ticker. Totals are kept as trades come and go."""

from collections import deque
from dataclasses import dataclass, field

from atomizer.sim.derive.units import NS_PER_S

_DAY_NS = 86_400 * NS_PER_S


@dataclass(slots=True, eq=False)
class Stats:
    """Contracts in nanos, volumes in e18 USD, prices in nanos."""

    contracts: int = 0
    premium_e18: int = 0
    notional_e18: int = 0
    _trades: deque[tuple[int, int, int, int]] = field(default_factory=deque)  # (now_ns, price, amount, index)
    _highs: deque[tuple[int, int]] = field(default_factory=deque)  # (now_ns, price), prices strictly falling
    _lows: deque[tuple[int, int]] = field(default_factory=deque)  # rising

    @property
    def count(self) -> int:
        return len(self._trades)

    @property
    def high(self) -> int:
        """0 without a trade."""
        return self._highs[0][1] if self._highs else 0

    @property
    def low(self) -> int:
        return self._lows[0][1] if self._lows else 0

    def add(self, now_ns: int, price: int, amount: int, index: int) -> None:
        self.forget(now_ns)
        self._trades.append((now_ns, price, amount, index))
        self._count(price, amount, index)
        while self._highs and self._highs[-1][1] <= price:
            self._highs.pop()
        while self._lows and self._lows[-1][1] >= price:
            self._lows.pop()
        self._highs.append((now_ns, price))
        self._lows.append((now_ns, price))

    def forget(self, now_ns: int) -> None:
        """Drop what is older than a day."""
        since = now_ns - _DAY_NS
        while self._trades and self._trades[0][0] <= since:
            _, price, amount, index = self._trades.popleft()
            self._count(price, -amount, index)
        for extremes in (self._highs, self._lows):
            while extremes and extremes[0][0] <= since:
                extremes.popleft()

    def _count(self, price: int, amount: int, index: int) -> None:
        self.contracts += amount
        self.premium_e18 += price * amount
        self.notional_e18 += index * amount
