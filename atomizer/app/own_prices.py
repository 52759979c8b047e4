"""Prices that no other quote of ours has, where a trade that nobody told us of can only be concluded from positions.

Two quotes for the same contract, side and size at one price look alike in a position: which of them traded, nobody can
say then. So the second moves by a nano of a dollar, to our good, the third by two, the next by four: every sum of some
of them is a sum of its own.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

import msgspec

from atomizer.domain.instruments import NANOS
from atomizer.domain.trading import QuoteSent, Side
from atomizer.strategies.rfq_responder import QuotePlan

KEPT: Final = 4_096  # kinds of quotes
IN_DOUBT_S: Final = 120  # after a quote's end, until what it traded is in the venue's positions

_Kind = tuple[str, Side, int]  # instrument, side and quantity


class OwnPrices:
    """Of the quotes at one source. Where it names every trade there is nothing to do."""

    def __init__(self, quotes: Iterable[QuoteSent], *, are_needed: bool) -> None:
        """`quotes`: those of earlier runs, which may still be in doubt."""
        self._are_needed = are_needed
        self._ends_s: OrderedDict[_Kind, dict[int, int]] = OrderedDict()  # by price, until when it may be in doubt
        for quote in quotes:
            self.note(quote)

    def note(self, quote: QuoteSent) -> None:
        """It is about to leave."""
        if not self._are_needed:
            return
        kind = quote.instrument, quote.side, quote.quantity_nanos
        ends_s = self._ends_s.setdefault(kind, {})
        self._ends_s.move_to_end(kind)
        ends_s[quote.price_nanos] = quote.valid_until_s + IN_DOUBT_S
        if len(self._ends_s) > KEPT:
            self._ends_s.popitem(last=False)

    def is_taken(self, plan: QuotePlan, now_ns: int) -> bool:
        """Whether another quote that may still be in doubt looks like this one."""
        return plan.price_nanos in self._live(plan, now_ns)

    def own(self, plan: QuotePlan, now_ns: int) -> QuotePlan:
        """The plan, at the next price to our good that is its own."""
        taken, away, price_nanos = self._live(plan, now_ns), 1, plan.price_nanos
        while price_nanos in taken and away < plan.price_nanos:
            price_nanos = plan.price_nanos - plan.side * away
            away *= 2
        return plan if price_nanos == plan.price_nanos else msgspec.structs.replace(plan, price_nanos=price_nanos)

    def _live(self, plan: QuotePlan, now_ns: int) -> dict[int, int]:
        ends_s = self._ends_s.get((plan.instrument, plan.side, plan.quantity_nanos), {})
        now_s = now_ns // NANOS
        for price_nanos in [price for price, end_s in ends_s.items() if end_s < now_s]:
            del ends_s[price_nanos]
        return ends_s
