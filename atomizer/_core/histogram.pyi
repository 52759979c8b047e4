"""Latency recorder in fixed memory: 1 ns to 1 hour, relative error at most 1/64, no allocation when recording."""

class Histogram:
    count: int
    maximum_ns: int

    def record(self, nanoseconds: int) -> None:
        """Count one duration; below 1 counts as 1, above an hour as an hour."""

    def percentile(self, percent: float) -> int:
        """Nanoseconds that `percent` (0-100) of the records do not exceed; 0 when empty."""

    def reset(self) -> None: ...
