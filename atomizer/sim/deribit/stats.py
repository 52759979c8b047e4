"""What traded in one instrument: its tape, and the figures of the last 24 hours, kept as trades come and go."""

from collections import deque
from dataclasses import dataclass, field

from atomizer.sim.deribit.orders import PublicTrade
from atomizer.sim.deribit.units import DAY_NS, NANOS, NS_PER_MS

_LONGEST_TAPE = 10_000  # trades; older ones are forgotten
_UP, _UP_AGAIN, _DOWN, _DOWN_AGAIN = 0, 1, 2, 3


@dataclass(slots=True, eq=False)
class Tape:
    """Prices and amounts in nanos, as the instrument has them; `coins` and `usd` of the last 24 hours in nanos."""

    trades: deque[PublicTrade] = field(default_factory=lambda: deque(maxlen=_LONGEST_TAPE))
    last_seq: int = 0
    coins: int = 0
    usd: int = 0
    _last_tick: int = _UP_AGAIN
    _day: deque[tuple[int, int, int, int]] = field(default_factory=deque)  # (ms, price, coins, usd)
    _highs: deque[tuple[int, int]] = field(default_factory=deque)  # (ms, price), prices strictly falling
    _lows: deque[tuple[int, int]] = field(default_factory=deque)  # rising

    @property
    def last_price(self) -> int | None:
        return self.trades[-1].price if self.trades else None

    @property
    def high(self) -> int | None:
        return self._highs[0][1] if self._highs else None

    @property
    def low(self) -> int | None:
        return self._lows[0][1] if self._lows else None

    @property
    def change_percent(self) -> float | None:
        """Against the first price of the last 24 hours."""
        if not self._day or self.last_price is None:
            return None
        first = self._day[0][1]
        return round(100 * (self.last_price - first) / first, 4)

    def tick_direction(self, price: int) -> int:
        """Against the trade before; an equal price goes on in its direction."""
        last = self.last_price
        if last is None or price == last:
            return _UP_AGAIN if self._last_tick in {_UP, _UP_AGAIN} else _DOWN_AGAIN
        return _UP if price > last else _DOWN

    def add(self, trade: PublicTrade) -> None:
        now_ms, price = trade.timestamp_ms, trade.price
        self.forget(now_ms * NS_PER_MS)
        self._last_tick, self.last_seq = trade.tick_direction, trade.trade_seq
        self.trades.append(trade)
        coins, usd = _volume(trade)
        self._day.append((now_ms, price, coins, usd))
        self._count(coins, usd)
        while self._highs and self._highs[-1][1] <= price:
            self._highs.pop()
        while self._lows and self._lows[-1][1] >= price:
            self._lows.pop()
        self._highs.append((now_ms, price))
        self._lows.append((now_ms, price))

    def forget(self, now_ns: int) -> None:
        """Drop what is older than a day."""
        since_ms = (now_ns - DAY_NS) // NS_PER_MS
        while self._day and self._day[0][0] <= since_ms:
            _, _, coins, usd = self._day.popleft()
            self._count(-coins, -usd)
        for extremes in (self._highs, self._lows):
            while extremes and extremes[0][0] <= since_ms:
                extremes.popleft()

    def _count(self, coins: int, usd: int) -> None:
        self.coins += coins
        self.usd += usd


def _volume(trade: PublicTrade) -> tuple[int, int]:
    """Coins and USD."""
    instrument, amount = trade.instrument, trade.amount
    if instrument.is_in_usd:
        return amount * NANOS // trade.price, amount
    unit = trade.price * trade.index // NANOS if instrument.is_option and not instrument.is_linear else trade.price
    return amount, amount * unit // NANOS
