"""How much we may send: a budget per time window, with a part that only cancels may use."""

from collections import deque
from collections.abc import Callable


class RateBudget:
    """At most `limit` requests in *any* window of `window_ns`; the last `reserve` of them are for cancels alone.

    A sliding window is the strictest reading of every scheme that venues use: what it lets through also passes fixed
    windows (Derive, "Rate limits") and token buckets of the same size, wherever their edges lie.
    """

    def __init__(self, limit: int, window_ns: int, *, reserve: int = 0, whole: "RateBudget | None" = None) -> None:
        """What is taken from a part is taken from the `whole`, too, and must find room in both."""
        if not 0 <= reserve < limit or window_ns <= 0:
            raise ValueError(f"a budget of {limit} in {window_ns} ns cannot keep {reserve} in reserve")
        self._limit = limit
        self._window_ns = window_ns
        self._reserve = reserve
        self._sent_ns: deque[int] = deque()
        self._held_until_ns = 0
        self._whole = whole
        self.on_taken: Callable[[], None] = _unnoticed

    def try_take(self, now_ns: int, *, is_cancel: bool = False) -> bool:
        """Take one request out of the budget, or say no and take nothing."""
        if self.free_at_ns(now_ns, is_cancel=is_cancel) > now_ns:
            return False
        self.take(now_ns)
        return True

    def take(self, now_ns: int) -> None:
        """Count one request that has left."""
        self._sent_ns.append(now_ns)
        if self._whole is not None:
            self._whole.take(now_ns)
        self.on_taken()

    def allowance(self, now_ns: int) -> int:
        """How many requests that are no cancels may leave now."""
        if self.free_at_ns(now_ns) > now_ns:
            return 0
        left = self._limit - self._reserve - len(self._sent_ns)
        return left if self._whole is None else min(left, self._whole.allowance(now_ns))

    def free_at_ns(self, now_ns: int, *, is_cancel: bool = False, count: int = 1) -> int:
        """When the next `count` of this kind can be taken at once; `now_ns` when they can now.

        `count` is at most what the budget has for them when nothing was sent.
        """
        sent_ns = self._sent_ns
        while sent_ns and sent_ns[0] <= now_ns - self._window_ns:
            sent_ns.popleft()
        free_ns = max(now_ns, self._held_until_ns)
        if self._whole is not None:
            free_ns = max(free_ns, self._whole.free_at_ns(now_ns, is_cancel=is_cancel, count=count))
        allowed = self._limit if is_cancel else self._limit - self._reserve
        over = len(sent_ns) + count - 1 - allowed
        return max(free_ns, sent_ns[over] + self._window_ns) if over >= 0 else free_ns

    def hold_until(self, at_ns: int) -> None:
        """Send nothing before `at_ns`, cancels included: the venue said so."""
        self._held_until_ns = max(self._held_until_ns, at_ns)


def _unnoticed() -> None:
    """Most of what is taken is of interest to nobody."""
