"""How often we may ask Derive for what, as requests of its account class (protocol sheet §5, "Rate limits")."""

from typing import Final

from atomizer.net.rate import RateBudget
from atomizer.venues.derive.account_codec import Account

WINDOW_S: Final = 5  # limits are a second's rate with a burst of five seconds' worth
WINDOW_NS: Final = WINDOW_S * 1_000_000_000
TRADER_MATCHING_TPS: Final = 1
TRADER_OTHER_TPS: Final = 5
CANCEL_SHARE: Final = 5  # one part in five of a budget is kept for cancels
_MATCHING: Final = frozenset(
    {
        "private/order",
        "private/replace",
        "private/cancel",
        "private/cancel_by_nonce",
        "private/cancel_by_instrument",
        "private/cancel_by_label",
    }
)


class Budgets:
    """One for requests to the matching engine, one for all others."""

    def __init__(self) -> None:
        self._matching = _budget(TRADER_MATCHING_TPS, CANCEL_SHARE)
        self._other = _budget(TRADER_OTHER_TPS, CANCEL_SHARE)  # quotes and their cancels are among these

    def adopt(self, account: Account) -> None:
        """Use the rates that the venue grants this account."""
        self._matching = _budget(account.matching_tps, CANCEL_SHARE)
        self._other = _budget(account.non_matching_tps, CANCEL_SHARE)

    def of(self, method: str) -> RateBudget:
        return self._matching if method in _MATCHING else self._other


def _budget(tps: int, shares: int) -> RateBudget:
    limit = max(tps, 1) * WINDOW_S
    return RateBudget(limit, WINDOW_NS, reserve=limit // shares)
