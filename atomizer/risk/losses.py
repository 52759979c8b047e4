"""How much was lost today, and from the best that it ever was. A fold over the P&L of one book of account."""

from typing import Final

DAY_NS: Final = 86_400 * 10**9


class Losses:
    """Told of the P&L as it changes, also of what it was in earlier runs. Money in 10⁻¹⁸ USD."""

    def __init__(self) -> None:
        self._day = 0
        self._opening_e18 = 0  # P&L as the day began
        self._best_e18 = 0  # the P&L of a new book is 0
        self._last_e18 = 0

    def update(self, net_e18: int, now_ns: int) -> None:
        """The P&L, realized and unrealized, less fees, is so much at this time (wall clock)."""
        day = now_ns // DAY_NS
        if day > self._day:  # a clock that was set back begins no new day
            self._day, self._opening_e18 = day, self._last_e18
        self._last_e18 = net_e18
        self._best_e18 = max(self._best_e18, net_e18)

    def today_e18(self, now_ns: int) -> int:
        """Lost since 00:00 UTC; below 0 is a gain. The last word of an earlier day is where this one began."""
        return 0 if now_ns // DAY_NS > self._day else self._opening_e18 - self._last_e18

    @property
    def drawdown_e18(self) -> int:
        """How far the P&L is below its best."""
        return self._best_e18 - self._last_e18
