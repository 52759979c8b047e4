"""Latency recorder in fixed memory: 1 ns to 1 hour, relative error at most 1/64, no allocation when recording."""

from typing_extensions import disjoint_base

@disjoint_base
class Histogram:
    """About 19 kB of counters, linear inside an octave. Not locked: one thread records."""

    @property
    def count(self) -> int: ...
    @property
    def maximum_ns(self) -> int:
        """Largest recorded, exactly; 0 when empty."""

    def __init__(self) -> None: ...
    def record(self, nanoseconds: int) -> None:
        """Count one duration; below 1 counts as 1, above an hour as an hour."""

    def percentile(self, percent: float) -> int:
        """Nanoseconds that `percent` (0-100) of the records do not exceed, high by less than 1/64; 0 when empty.

        Raises:
            ValueError: `percent` is not in 0..100.
        """

    def reset(self) -> None: ...
