"""One instrument that we quote: its slot, its rule, the orders that may live there, and how long a side must wait."""

import logging
from typing import Final, NamedTuple

from atomizer._core.fixed import format_nanos
from atomizer._core.quote import QuoteParams
from atomizer._core.slot import Slot
from atomizer.domain.instruments import Instrument
from atomizer.orders.table import Order
from atomizer.strategies.market_maker import Rule

log = logging.getLogger("atomizer.quotes")

FIRST_HOLD_NS: Final = 250_000_000
LONGEST_HOLD_NS: Final = 60_000_000_000


class Living(NamedTuple):
    """What may still trade on a side."""

    nanos: int  # at most: a replacement comes instead of what it replaces
    highest_nanos: int  # price; 0 where nothing lives


class Row(NamedTuple):
    """One row of the lane: see `_core.lane.ROW`."""

    slot: int
    action: int
    is_bid: int
    reason: int
    unused: int
    price_nanos: int
    size_nanos: int
    number: int
    nonce: int


class Quoted:
    """One instrument that we quote: its slot, its rule, and the orders that may live on each side."""

    def __init__(self, instrument: Instrument, slot: Slot) -> None:
        self.instrument = instrument
        self.name = instrument.name
        self.slot = slot
        self.rule: Rule | None = None
        self.position_nanos = 0  # as the slot was told
        self.orders: dict[bool, list[str]] = {True: [], False: []}  # client ids by `is_bid`, oldest first
        self.living: dict[bool, Living | None] = {True: None, False: None}  # None: to be looked up anew
        self.leaving: set[str] = set()  # of these, what another order is to replace
        self.filled: set[bool] = set()  # sides, by `is_bid`, that have traded since the rules were renewed
        self.refused = {True: 0, False: 0}  # orders that the venue refused, one after the other
        self.held_until_ns = {True: 0, False: 0}  # after which a side may be tried again

    def is_leaving(self, order: Order) -> bool:
        """Whether we have asked the venue to end it."""
        return bool(order.cancel_sent_ns) or order.client_id in self.leaving

    def hold(self, is_bid: bool, order: Order, now_ns: int) -> None:
        """What was refused would be refused again: each time in a row the side waits twice as long."""
        times = self.refused[is_bid] = self.refused[is_bid] + 1
        self.held_until_ns[is_bid] = now_ns + min(FIRST_HOLD_NS << min(times - 1, 10), LONGEST_HOLD_NS)
        self.slot.hold(is_bid, self.held_until_ns[is_bid])
        code = f" (code {order.code})" if order.code is not None else ""
        log.warning("%s: order refused: %s%s", self.name, order.detail, code)

    def explain(self, what: str, reason: str) -> None:
        """One decision in one line, for people."""
        book, why = self.slot.book, "" if reason == "OK" else f" because {reason.lower()}"
        market = " / ".join(
            format_nanos(price) if price > 0 else "none" for price in (book.best_bid(), book.best_ask())
        )
        log.debug("%s: %s%s; market without us %s", self.name, what, why, market)


def params_of(rule: Rule) -> QuoteParams:
    """A rule as the lane holds it. ValueError names what cannot be meant."""
    return QuoteParams(
        aggression_nanos=rule.aggression_nanos,
        improvement_nanos=rule.improvement_nanos,
        reference_size_nanos=rule.reference_size_nanos,
        spread_share_nanos=rule.spread_share_nanos,
        min_spread_share_nanos=rule.min_spread_share_nanos,
        bid_size_nanos=rule.bid_size_nanos,
        ask_size_nanos=rule.ask_size_nanos,
        widen_nanos=rule.widen_nanos,
        skew_nanos=rule.skew_nanos,
        is_round_fair=rule.is_round_fair,
    )


SILENT: Final = Rule(
    aggression_nanos=0,
    improvement_nanos=0,
    reference_size_nanos=0,
    spread_share_nanos=0,
    min_spread_share_nanos=0,
    bid_size_nanos=0,
    ask_size_nanos=0,
)
