"""Fills in, hedge orders out, one at a time, each to a known outcome; the journal knows of every step first."""

import logging
from collections.abc import Callable
from typing import Protocol

from atomizer._core.fixed import format_nanos
from atomizer.app.ledger import Ledger
from atomizer.domain.ports import MarketView, OrderVenue
from atomizer.domain.reasons import Reason, Verdict
from atomizer.domain.trading import Fill, HedgeClosed, HedgeOpened, OrderPlaced, OrderUpdate
from atomizer.errors import Disconnected, JournalError
from atomizer.orders.client_ids import ClientIds
from atomizer.risk.exposure import Exposure
from atomizer.risk.gate import Gate
from atomizer.risk.rules import Proposal
from atomizer.strategies.hedger import Hedger, OrderPlan

log = logging.getLogger("atomizer.trades")

STRATEGY = "hedge"


class HedgeVenue(MarketView, OrderVenue, Protocol):
    """Where hedges go: prices to look at, and somewhere to send."""


class Hedging:
    """Works the open hedges of the state. Has no memory of its own: what must be hedged is in the journal."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        gate: Gate,
        hedger: Hedger,
        venue: HedgeVenue,
        run: str,
        measure: Callable[[str, int], Exposure | Verdict],
        clock_ns: Callable[[], int],
    ) -> None:
        self._ledger = ledger
        self._gate = gate
        self._hedger = hedger
        self._venue = venue
        self._ids = ClientIds(STRATEGY, run)
        self._measure = measure
        self._clock_ns = clock_ns
        self._waiting: dict[str, Reason] = {}  # by trade: why its hedge waits, so that it is told once
        self.done = 0

    def on_won(self, fill: Fill) -> None:
        """Open the hedge of a won RFQ and send its first order."""
        now_ns = self._clock_ns()
        gamma_nanos = 0
        if self._hedger.limits_gamma:
            exposure = self._measure(fill.instrument, now_ns)  # with the fill, which is booked
            if isinstance(exposure, Verdict):
                self._tell_waiting(fill.trade_id, exposure)
                return
            gamma_nanos = exposure.gamma.now
        opened = self._hedger.on_fill(fill, now_ns, gamma_nanos)
        if isinstance(opened, Verdict):
            self._tell_waiting(fill.trade_id, opened)
            return
        if not self._decide(opened):
            return
        words = opened.side.word, format_nanos(opened.amount_nanos), opened.instrument
        log.info("hedge of trade %s: %s %s %s", fill.trade_id, *words)
        self._step(opened, now_ns)

    def on_update(self, update: OrderUpdate) -> None:
        """News of an order of ours; when it is the end of a hedge's order, the hedge goes on."""
        if self._ledger.learn(update):
            self._go_on(update.client_id)

    def on_fill(self, fill: Fill) -> None:
        """A trade of a hedge order."""
        if self._ledger.learn(fill):
            words = fill.side.word, format_nanos(fill.amount_nanos), fill.instrument, format_nanos(fill.price_nanos)
            log.info("hedge order %s: filled %s %s %s at %s", fill.client_id, *words)
            self._go_on(fill.client_id)

    def tick(self) -> None:
        """Look again at what waits: won RFQs without a hedge, hedges without a price."""
        for fill in self._ledger.state.unhedged_wins():
            self.on_won(fill)
        now_ns = self._clock_ns()
        for hedge in self._ledger.state.open_hedges():
            self._step(hedge, now_ns)

    def _go_on(self, client_id: str) -> None:
        order = self._ledger.state.orders.get(self._venue.name, client_id)
        if order is None or order.placed is None or not order.placed.hedge_of:
            return
        trade_id = order.placed.hedge_of
        for hedge in self._ledger.state.open_hedges():
            if hedge.trade_id == trade_id:
                self._step(hedge, self._clock_ns())

    def _step(self, hedge: HedgeOpened, now_ns: int) -> None:
        """The next decision, once every order of this hedge has ended and its fills are booked."""
        orders = self._ledger.state.orders.hedges_of(hedge.trade_id)
        if any(not order.state.is_final or order.booked_nanos < order.reported_nanos for order in orders):
            return
        filled_nanos = self._ledger.state.orders.hedged_nanos(hedge.trade_id)
        step = self._hedger.next_order(hedge, filled_nanos, len(orders), now_ns)
        if isinstance(step, HedgeClosed):
            if not self._decide(step):
                return
            self._waiting.pop(hedge.trade_id, None)
            self.done += 1
            log.info("hedge of trade %s: %s", hedge.trade_id, step.detail)
        elif isinstance(step, Verdict):
            self._tell_waiting(hedge.trade_id, step)
        else:
            verdict = self._place(step, now_ns)
            if not verdict.allowed:
                self._tell_waiting(hedge.trade_id, verdict)

    def _decide(self, record: HedgeOpened | HedgeClosed) -> bool:
        """Write a decision down; one that cannot be written is not taken, and the next start takes it."""
        try:
            self._ledger.write(record)
        except JournalError as error:
            self._gate.shut(str(error))
            return False
        return True

    def _place(self, plan: OrderPlan, now_ns: int) -> Verdict:
        instrument = self._venue.instrument(plan.instrument)
        if instrument is None:
            return Verdict(Reason.UNLISTED, f"{plan.instrument} is not listed")
        signed = self._venue.signed(plan.instrument)
        proposal = Proposal(plan.instrument, plan.side, plan.price_nanos, plan.amount_nanos, signed=signed)
        exposure = self._measure(plan.instrument, now_ns)
        mark, book = self._venue.mark(plan.instrument), self._venue.book(plan.instrument)
        verdict = self._gate.check_order(proposal, instrument, mark, exposure, now_ns, book=book)
        if not verdict.allowed:
            return verdict
        order = OrderPlaced(
            now_ns=now_ns,
            venue=self._venue.name,
            client_id=self._ids.next(),
            nonce=self._venue.next_nonce(now_ns),
            instrument=plan.instrument,
            side=plan.side,
            price_nanos=plan.price_nanos,
            amount_nanos=plan.amount_nanos,
            time_in_force=plan.time_in_force,
            hedge_of=plan.hedge_of,
        )
        try:
            self._ledger.write(order)
        except JournalError as error:
            self._gate.shut(str(error))
            return Verdict(Reason.JOURNAL_FAILED, str(error))
        words = order.client_id, order.side.word, format_nanos(order.amount_nanos), order.instrument
        log.info("hedge order %s: %s %s %s, limit %s", *words, format_nanos(order.price_nanos))
        try:
            self._venue.place(order, now_ns)
        except Disconnected as error:
            return Verdict(Reason.NOT_CONNECTED, str(error))
        return Verdict()

    def _tell_waiting(self, trade_id: str, verdict: Verdict) -> None:
        """One line each time the reason changes, not one each look."""
        if self._waiting.get(trade_id) is not verdict.reason:
            self._waiting[trade_id] = verdict.reason
            log.warning("hedge of trade %s waits: %s: %s", trade_id, verdict.reason, verdict.detail)
