"""How much we may send: a budget per time window, with a part that only cancels may use."""

from collections import deque


class RateBudget:
    """At most `limit` requests in *any* window of `window_ns`; the last `reserve` of them are for cancels alone.

    A sliding window is the strictest reading of every scheme that venues use: what it lets through also passes fixed
    windows (Derive, "Rate limits") and token buckets of the same size, wherever their edges lie.
    """

    def __init__(self, limit: int, window_ns: int, *, reserve: int = 0) -> None:
        if not 0 <= reserve < limit or window_ns <= 0:
            raise ValueError(f"a budget of {limit} in {window_ns} ns cannot keep {reserve} in reserve")
        self._limit = limit
        self._window_ns = window_ns
        self._reserve = reserve
        self._sent_ns: deque[int] = deque()
        self._held_until_ns = 0

    def try_take(self, now_ns: int, *, is_cancel: bool = False) -> bool:
        """Take one request out of the budget, or say no and take nothing."""
        if self.free_at_ns(now_ns, is_cancel=is_cancel) > now_ns:
            return False
        self._sent_ns.append(now_ns)
        return True

    def take(self, now_ns: int) -> None:
        """Count one request that has left."""
        self._sent_ns.append(now_ns)

    def allowance(self, now_ns: int) -> int:
        """How many requests that are no cancels may leave now."""
        if self.free_at_ns(now_ns) > now_ns:
            return 0
        return self._limit - self._reserve - len(self._sent_ns)

    def free_at_ns(self, now_ns: int, *, is_cancel: bool = False) -> int:
        """When the next `try_take` of this kind can succeed; `now_ns` when it can at once."""
        sent_ns = self._sent_ns
        while sent_ns and sent_ns[0] <= now_ns - self._window_ns:
            sent_ns.popleft()
        free_ns = max(now_ns, self._held_until_ns)
        allowed = self._limit if is_cancel else self._limit - self._reserve
        over = len(sent_ns) - allowed
        return max(free_ns, sent_ns[over] + self._window_ns) if over >= 0 else free_ns

    def hold_until(self, at_ns: int) -> None:
        """Send nothing before `at_ns`, cancels included: the venue said so."""
        self._held_until_ns = max(self._held_until_ns, at_ns)
