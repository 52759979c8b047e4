"""How often we may ask Deribit for what (protocol sheet §8, "Rate limits").

The venue counts credits: a pool of so many, so many more a second, and each request costs some of a pool. In requests
that is a burst and a rate, which is how it states an account's own limits too.
"""

from typing import Final

from atomizer.net.rate import RateBudget
from atomizer.venues.deribit.account_codec import Limit, Limits

NANOS_PER_S: Final = 1_000_000_000
CANCEL_SHARE: Final = 5  # one part in five of the matching budget is kept for cancels

MATCHING: Final = Limit(20, 5.0)  # of the lowest tier of accounts
OTHER: Final = Limit(50_000 // 500, 10_000 / 500)  # capacity and refill over cost, in credits
SUBSCRIBING: Final = Limit(30_000 // 3_000, 10_000 / 3_000)
LISTING: Final = Limit(500_000 // 10_000, 10_000 / 10_000)
CANCELLING_ALL: Final = MATCHING
LOG: Final = Limit(8, 1.0)

_MATCHING: Final = frozenset(
    {
        "private/buy",
        "private/sell",
        "private/edit",
        "private/edit_by_label",
        "private/cancel",
        "private/cancel_by_label",  # with its currency, as we send it
        "private/close_position",
        "private/add_block_rfq_quote",
        "private/edit_block_rfq_quote",
        "private/cancel_block_rfq_quote",
        "private/cancel_all_block_rfq_quotes",
    }
)
_QUOTES: Final = frozenset({"private/mass_quote", "private/cancel_quotes"})
_SUBSCRIBING: Final = frozenset(
    {
        "public/subscribe",
        "private/subscribe",
        "public/unsubscribe",
        "private/unsubscribe",
    }
)
_LISTING: Final = frozenset({"public/get_instruments"})
_LOG: Final = frozenset({"private/get_transaction_log"})


class Budgets:
    """One for each pool of the venue's."""

    def __init__(self) -> None:
        self._limits: Limits | None = None
        self._matching = _budget(MATCHING, CANCEL_SHARE)
        self._quotes = _budget(MATCHING, CANCEL_SHARE)
        self._cancel_all = _budget(CANCELLING_ALL)
        self._other = _budget(OTHER)
        self._subscribing = _budget(SUBSCRIBING)
        self._listing = _budget(LISTING)
        self._log = _budget(LOG)

    def adopt(self, limits: Limits) -> None:
        """Use the rates that the venue grants this account. The same as before: what was used of them still counts."""
        if limits == self._limits:
            return
        self._limits = limits
        if limits.matching is not None:
            self._matching = _budget(limits.matching, CANCEL_SHARE)
        if limits.quotes is not None:
            self._quotes = _budget(limits.quotes, CANCEL_SHARE)
        if limits.cancel_all is not None:
            self._cancel_all = _budget(limits.cancel_all)
        if limits.other is not None:
            self._other = _budget(limits.other)

    def of(self, method: str, _instrument: str = "") -> RateBudget:
        if method in _MATCHING:
            return self._matching
        if method in _QUOTES:
            return self._quotes
        if method in _SUBSCRIBING:
            return self._subscribing
        if method in _LISTING:
            return self._listing
        if method in _LOG:
            return self._log
        return self._cancel_all if method.startswith("private/cancel_") else self._other


def _budget(limit: Limit, shares: int = 0) -> RateBudget:
    """A burst in the time that it takes to refill: the strictest reading of the pool, see `RateBudget`."""
    window_ns = max(round(limit.burst / limit.rate * NANOS_PER_S), 1)
    reserve = min(limit.burst // shares, limit.burst - 1) if shares else 0
    return RateBudget(limit.burst, window_ns, reserve=reserve)
