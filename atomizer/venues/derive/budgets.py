"""How often we may ask Derive for what, as requests of its account class (protocol sheet §5, "Rate limits")."""

from collections.abc import Callable
from functools import partial
from typing import Final

from atomizer.net.rate import RateBudget
from atomizer.venues.derive.account_codec import Account

WINDOW_S: Final = 5  # limits are a second's rate with a burst of five seconds' worth
TRAVEL_NS: Final = 250_000_000  # by which one request may be longer on its way than another: the venue counts arrivals
WINDOW_NS: Final = WINDOW_S * 1_000_000_000 + TRAVEL_NS
TRADER_MATCHING_TPS: Final = 1
TRADER_OTHER_TPS: Final = 5
TRADER_INSTRUMENT_TPS: Final = 1  # requests to the matching engine about one instrument
PERPETUAL: Final = "-PERP"  # how the names of those end
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
    """One for requests to the matching engine, in it one for each instrument, and one for all other requests."""

    def __init__(self) -> None:
        self._other = _budget(TRADER_OTHER_TPS)  # quotes and their cancels are among these
        self._matching = _budget(TRADER_MATCHING_TPS)
        self._perpetual_tps = self._option_tps = TRADER_INSTRUMENT_TPS
        self._rates = (TRADER_OTHER_TPS, TRADER_MATCHING_TPS, TRADER_INSTRUMENT_TPS, TRADER_INSTRUMENT_TPS)
        self._of_instrument: dict[str, RateBudget] = {}
        self.on_taken: Callable[[str], None] = _unnoticed  # of an instrument

    def adopt(self, account: Account) -> None:
        """Use the rates that the venue grants this account. The same as before: what was used of them still counts."""
        rates = (account.non_matching_tps, account.matching_tps, account.perpetual_tps, account.option_tps)
        if rates == self._rates:
            return
        self._rates = rates
        self._other = _budget(account.non_matching_tps)
        self._matching = _budget(account.matching_tps)
        self._perpetual_tps, self._option_tps = account.perpetual_tps, account.option_tps
        self._of_instrument.clear()

    def of(self, method: str, instrument: str = "") -> RateBudget:
        if method not in _MATCHING:
            return self._other
        if not instrument:
            return self._matching
        budget = self._of_instrument.get(instrument)
        if budget is None:
            tps = self._perpetual_tps if instrument.endswith(PERPETUAL) else self._option_tps
            budget = self._of_instrument[instrument] = _budget(tps, self._matching)
            budget.on_taken = partial(self._tell, instrument)
        return budget

    def _tell(self, instrument: str) -> None:
        self.on_taken(instrument)


def _budget(tps: int, whole: RateBudget | None = None) -> RateBudget:
    limit = max(tps, 1) * WINDOW_S
    return RateBudget(limit, WINDOW_NS, reserve=limit // CANCEL_SHARE, whole=whole)


def _unnoticed(_instrument: str) -> None:
    """Who writes no orders elsewhere need not know."""
