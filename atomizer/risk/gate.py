"""The one risk gate: after the decision, before the signature. It says no with a reason that is counted.

What reduces a position or a Greek is never stopped by the limit on it, as long as the order itself is sane: on tick
and lot, inside the instrument's and our own size, priced by a fresh book, not far worse than the mark, not against an
order of our own, and within the order rate. The rules themselves are in `atomizer.risk.rules`.
"""

from collections import Counter, deque
from collections.abc import Sequence

from atomizer._core.book import Book
from atomizer.domain.instruments import NANOS, Instrument
from atomizer.domain.reasons import ALLOWED, Reason, Verdict
from atomizer.domain.trading import Mark
from atomizer.risk import rules
from atomizer.risk.exposure import Exposure
from atomizer.risk.limits import Limits
from atomizer.risk.losses import Losses
from atomizer.risk.rules import BAND_TICKS, Flight, Proposal
from atomizer.risk.structure import StructureLeg, check_structure


class Gate:
    """Holds the limits, the order rate and whether anything may leave at all."""

    def __init__(self, limits: Limits, losses: Losses | None = None) -> None:
        """`losses` is kept up by whoever folds the journal; without it nothing was lost."""
        self._limits = limits
        self._losses = losses or Losses()
        self._shut_because = ""
        self._sent_ns: deque[int] = deque(maxlen=limits.max_orders_per_second)
        self.refusals: Counter[Reason] = Counter()

    @property
    def is_shut(self) -> bool:
        return bool(self._shut_because)

    @property
    def limits(self) -> Limits:
        return self._limits

    def shut(self, because: str) -> None:
        """Let nothing through from now on; the first cause is kept. There is no way to open it but a new run."""
        self._shut_because = self._shut_because or because

    def use(self, limits: Limits) -> None:
        """Hold everything against these limits from now on, what was sent in the last second too."""
        self._limits = limits
        self._sent_ns = deque(self._sent_ns, maxlen=limits.max_orders_per_second)

    def check_order(
        self,
        order: Proposal,
        instrument: Instrument,
        mark: Mark | None,
        exposure: Exposure | Verdict,
        now_ns: int,
        *,
        book: Book | None = None,
    ) -> Verdict:
        """Whether an order may leave; one that may counts towards the order rate.

        `exposure` is measured for the order's instrument and does not hold the order itself yet, nor one that it
        replaces. `book` is what the price was made from; None for one that was made without.
        """
        limits, ticks_nanos = self._limits, BAND_TICKS * instrument.tick_at(order.price_nanos)
        flight = rules.flight_of(order, mark)
        refusal = (
            self._check_open()
            or rules.check_listing(order, instrument)
            or rules.check_size(limits, order, flight)
            or rules.check_book(limits, order, book, now_ns)
            or rules.check_band(limits, order, mark, ticks_nanos, now_ns)
            or rules.check_fair(limits, order, ticks_nanos, now_ns)
            or rules.check_signature(limits, order, mark)
            or self._weigh_order(order, flight, exposure, now_ns)
            or self._check_rate(now_ns)
        )
        if refusal is None:
            self._sent_ns.append(now_ns)
        return self._counted(refusal)

    def check_quote(self, quote: Proposal, mark: Mark | None, exposure: Exposure | Verdict, now_ns: int) -> Verdict:
        """Whether a quote for an RFQ may leave.

        `exposure` is measured for the quote's instrument and holds every other quote that may still be taken.
        """
        limits = self._limits
        flight = rules.flight_of(quote, mark)
        refusal = (
            self._check_open()
            or rules.check_size(limits, quote, flight)
            or rules.check_band(limits, quote, mark, 0, now_ns)
            or rules.check_fair(limits, quote, 0, now_ns)
            or rules.check_signature(limits, quote, mark)
            or self._weigh_quote(quote, flight, exposure, now_ns)
        )
        return self._counted(refusal)

    def check_structure(self, legs: Sequence[StructureLeg], now_ns: int) -> Verdict:
        """Whether a quote of several legs may leave, which trade all together."""
        return self._counted(self._check_open() or check_structure(self._limits, legs, self._losses, now_ns))

    def check_price(self, order: Proposal, instrument: Instrument, mark: Mark | None, now_ns: int) -> Verdict:
        """Whether an order at this price would pass the band: asked before promising something that it must hedge."""
        ticks_nanos = BAND_TICKS * instrument.tick_at(order.price_nanos)
        return self._counted(rules.check_band(self._limits, order, mark, ticks_nanos, now_ns))

    def _weigh_order(
        self, order: Proposal, flight: Flight, exposure: Exposure | Verdict, now_ns: int
    ) -> Verdict | None:
        if isinstance(exposure, Verdict):
            return exposure
        limits = self._limits
        return (
            rules.check_exposure(limits, order, flight, exposure)
            or rules.check_self_cross(order, flight, exposure)
            or rules.check_open(limits, order, flight, exposure)
            or rules.check_losses(limits, order, flight, exposure, self._losses, now_ns=now_ns)
        )

    def _weigh_quote(
        self, quote: Proposal, flight: Flight, exposure: Exposure | Verdict, now_ns: int
    ) -> Verdict | None:
        if isinstance(exposure, Verdict):
            return exposure
        limits = self._limits
        return (
            rules.check_exposure(limits, quote, flight, exposure)
            or rules.check_premium(limits, quote, flight, exposure)
            or rules.check_losses(limits, quote, flight, exposure, self._losses, now_ns=now_ns)
        )

    def _counted(self, refusal: Verdict | None) -> Verdict:
        if refusal is None:
            return ALLOWED
        self.refusals[refusal.reason] += 1
        return refusal

    def _check_open(self) -> Verdict | None:
        if self._shut_because:
            return Verdict(Reason.GATE_SHUT, f"the gate is shut: {self._shut_because}")
        return None

    def _check_rate(self, now_ns: int) -> Verdict | None:
        sent = self._sent_ns
        # A clock that was set back makes the age negative; that must not stop trading.
        if len(sent) == sent.maxlen and 0 <= now_ns - sent[0] < NANOS:
            return Verdict(Reason.RATE, f"max_orders_per_second {sent.maxlen} reached: wait or raise it in risk")
        return None
