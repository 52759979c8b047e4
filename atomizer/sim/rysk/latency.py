"""How long each maker took from an RFQ's broadcast to its first quote, as the venue sees it."""

from collections import defaultdict, deque

KEPT = 10_000  # answers remembered for each maker
_MILLISECOND_NS = 1_000_000


class Latencies:
    """Answer times by maker. `count` is of all answers; the percentiles are of the last `KEPT`."""

    def __init__(self) -> None:
        self._recent_ns: defaultdict[str, deque[int]] = defaultdict(lambda: deque(maxlen=KEPT))
        self._counts: defaultdict[str, int] = defaultdict(int)

    def record(self, maker: str, elapsed_ns: int) -> None:
        self._recent_ns[maker].append(elapsed_ns)
        self._counts[maker] += 1

    def report(self) -> dict[str, dict[str, float]]:
        """Milliseconds: {maker: {count, p50, p99, max}}."""
        rows: dict[str, dict[str, float]] = {}
        for maker, recent in self._recent_ns.items():
            ordered = sorted(recent)
            rows[maker] = {
                "count": self._counts[maker],
                "p50": _quantile_ms(ordered, 50),
                "p99": _quantile_ms(ordered, 99),
                "max": ordered[-1] / _MILLISECOND_NS,
            }
        return rows


def _quantile_ms(ordered_ns: list[int], percent: int) -> float:
    """Nearest rank: the smallest value that at least `percent` of them do not exceed."""
    rank = -(-len(ordered_ns) * percent // 100)
    return ordered_ns[max(rank, 1) - 1] / _MILLISECOND_NS
