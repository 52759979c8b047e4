"""Market maker protection: too much traded within a window freezes an index for the orders under it.

The window is fixed: the first trade opens it, later ones do not extend it, and a trade after its end opens the next.
Sizes of both sides add up, deltas and vegas net; the trade that trips a limit stands (protocol sheet §4).
"""

from dataclasses import dataclass

from atomizer.sim.deribit.units import NS_PER_S

FOREVER_NS = 2**63 - 1  # until it is reset


@dataclass(frozen=True, slots=True)
class MmpConfig:
    """A limit of None is none. Sizes in nanos of coins, deltas in coins, vega in USD."""

    index_name: str
    group: str
    is_block_rfq: bool
    interval_s: int
    frozen_s: int
    quantity_limit: int | None
    delta_limit: float | None
    vega_limit: float | None
    max_quote_quantity: int
    trade_count_limit: int | None


@dataclass(slots=True, eq=False)
class Protection:
    """One configuration and what has happened under it."""

    config: MmpConfig
    frozen_until_ns: int = 0
    _opened_ns: int = 0
    _count: int = 0
    _size: int = 0
    _delta: float = 0.0
    _vega: float = 0.0

    def is_frozen(self, now_ns: int) -> bool:
        return now_ns < self.frozen_until_ns

    def reset(self) -> None:
        self.frozen_until_ns = 0
        self._open(0)

    def on_trade(self, now_ns: int, size: int, delta: float, vega: float) -> bool:
        """Count one trade; True when it trips the protection. `delta` and `vega` carry the trade's sign."""
        if self.is_frozen(now_ns):
            return False
        if now_ns - self._opened_ns >= self.config.interval_s * NS_PER_S:
            self._open(now_ns)
        self._count += 1
        self._size += size
        self._delta += delta
        self._vega += vega
        if not self._is_over():
            return False
        self._open(0)
        self.frozen_until_ns = now_ns + self.config.frozen_s * NS_PER_S if self.config.frozen_s else FOREVER_NS
        return True

    def _is_over(self) -> bool:
        """Strictly over a limit, except for the count, which trips when it is reached."""
        config = self.config
        measured = (
            (self._size, config.quantity_limit),
            (abs(self._delta), config.delta_limit),
            (abs(self._vega), config.vega_limit),
        )
        over = any(limit is not None and value > limit for value, limit in measured)
        return over or (config.trade_count_limit is not None and self._count >= config.trade_count_limit)

    def _open(self, now_ns: int) -> None:
        self._opened_ns, self._count, self._size, self._delta, self._vega = now_ns, 0, 0, 0.0, 0.0
