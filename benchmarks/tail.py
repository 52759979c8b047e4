"""What a median hides."""

from typing import Any

NS_PER_S = 1e9


def note_tail(benchmark: Any) -> None:
    """The 99th percentile of the rounds, in nanoseconds, among the extra info; nothing where timing is off."""
    if benchmark.stats is None:
        return
    times = sorted(benchmark.stats.stats.data)
    benchmark.extra_info["p99"] = times[len(times) * 99 // 100] * NS_PER_S
