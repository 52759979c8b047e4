"""What trips the kill latch by itself: losses, a storm of refusals, silence, a clock that jumps. Pure.

Each look answers why to stop, in words, or nothing. What a single order does wrong is the gate's; this is about a
whole that has gone wrong, where every further order is a guess.
"""

from collections import deque
from collections.abc import Mapping
from typing import Final

import msgspec

NANOS_PER_S: Final = 1_000_000_000
STORM_NS: Final = 60 * NANOS_PER_S
LOSSES: Final = frozenset({"max_daily_loss", "max_drawdown"})  # reasons of the gate's that are no matter of one order


class BreakerLimits(msgspec.Struct, frozen=True):
    max_rejects: int  # orders that venues refuse, in any minute
    max_silence_ns: int  # without a word from the venue whose books we price from
    max_clock_step_ns: int  # by which the wall clock may move against the steady one between two looks


class Breaker:
    """Of one run. Look several times a second; times are the caller's."""

    def __init__(self, limits: BreakerLimits) -> None:
        self._limits = limits
        self._rejected_ns: deque[int] = deque(maxlen=limits.max_rejects)
        self._clocks_ns: tuple[int, int] | None = None
        self._silent_since_ns: int | None = None

    def on_reject(self, steady_ns: int) -> None:
        """A venue refused an order of ours."""
        self._rejected_ns.append(steady_ns)

    def look(self, *, wall_ns: int, steady_ns: int, is_hearing: bool, refusals: Mapping[str, int]) -> str:
        """Why to stop for good, or nothing.

        `steady_ns` is a clock that nobody sets and that goes on while the machine sleeps; `is_hearing` whether the
        venue has spoken since the last look or is known to be well; `refusals` are the gate's, by reason.
        """
        return (
            self._look_at_losses(refusals)
            or self._look_at_rejects(steady_ns)
            or self._look_at_silence(steady_ns, is_hearing=is_hearing)
            or self._look_at_clock(wall_ns, steady_ns)
        )

    def _look_at_losses(self, refusals: Mapping[str, int]) -> str:
        lost = sorted(LOSSES & refusals.keys())
        return f"loss: risk.{lost[0]} is reached" if lost else ""

    def _look_at_rejects(self, steady_ns: int) -> str:
        rejected = self._rejected_ns
        if len(rejected) == rejected.maxlen and steady_ns - rejected[0] < STORM_NS:
            return f"reject storm: venues refused {len(rejected)} orders within a minute (risk.max_rejects)"
        return ""

    def _look_at_silence(self, steady_ns: int, *, is_hearing: bool) -> str:
        if is_hearing or self._silent_since_ns is None:
            self._silent_since_ns = None if is_hearing else steady_ns
            return ""
        silent_ns = steady_ns - self._silent_since_ns
        if silent_ns <= self._limits.max_silence_ns:
            return ""
        return f"silence: nothing from the venue for {silent_ns // NANOS_PER_S} s (risk.max_silence)"

    def _look_at_clock(self, wall_ns: int, steady_ns: int) -> str:
        before, self._clocks_ns = self._clocks_ns, (wall_ns, steady_ns)
        if before is None:
            return ""
        step_ns = (wall_ns - before[0]) - (steady_ns - before[1])
        if abs(step_ns) <= self._limits.max_clock_step_ns:
            return ""
        way = "forward" if step_ns > 0 else "back"
        return f"clock: it was set {way} by {abs(step_ns) / NANOS_PER_S:.3f} s (risk.max_clock_offset)"
