"""The one risk gate: after the decision, before the signature. It says no with a reason that is counted.

What reduces a position or a delta is never stopped by the limit on it, as long as the order itself is sane: on tick
and lot, inside the instrument's and our own size, not far worse than the mark, and within the order rate.
"""

from collections import Counter, deque
from typing import Final

import msgspec

from atomizer._core.fixed import format_e18, is_multiple
from atomizer.domain.instruments import NANOS, Instrument
from atomizer.domain.reasons import ALLOWED, Reason, Verdict
from atomizer.domain.trading import Mark, Side
from atomizer.risk.exposure import Exposure, Span, scaled
from atomizer.risk.limits import Limits

BAND_TICKS: Final = 5  # the price band is never narrower: a share of a tiny premium is less than a tick


class Proposal(msgspec.Struct, frozen=True):
    """What is about to be sent. Price and amount in nanos."""

    instrument: str
    side: Side
    price_nanos: int
    amount_nanos: int

    def __str__(self) -> str:
        return f"{self.instrument} {self.side.word} {_shown(self.amount_nanos)} at {_shown(self.price_nanos)}"


class Gate:
    """Holds the limits, the order rate and whether anything may leave at all."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._shut_because = ""
        self._sent_ns: deque[int] = deque(maxlen=limits.max_orders_per_second)
        self.refusals: Counter[Reason] = Counter()

    @property
    def is_shut(self) -> bool:
        return bool(self._shut_because)

    def shut(self, because: str) -> None:
        """Let nothing through from now on; the first cause is kept. There is no way to open it but a new run."""
        self._shut_because = self._shut_because or because

    def check_order(
        self,
        order: Proposal,
        instrument: Instrument,
        mark: Mark | None,
        exposure: Exposure | Verdict,
        now_ns: int,
    ) -> Verdict:
        """Whether an order may leave; one that may counts towards the order rate.

        `exposure` is measured for the order's instrument and does not hold the order itself yet.
        """
        refusal = (
            self._check_open()
            or _check_listing(order, instrument)
            or self._check_size(order)
            or self._check_band(order, mark, BAND_TICKS * instrument.tick_nanos, now_ns)
            or self._check_exposure(order, exposure)
            or self._check_rate(now_ns)
        )
        if refusal is None:
            self._sent_ns.append(now_ns)
        return self._counted(refusal)

    def check_quote(self, quote: Proposal, mark: Mark | None, exposure: Exposure | Verdict, now_ns: int) -> Verdict:
        """Whether a quote for an RFQ may leave.

        `exposure` is measured for the quote's instrument and holds every other quote that may still be taken.
        """
        refusal = (
            self._check_open()
            or self._check_size(quote)
            or self._check_band(quote, mark, 0, now_ns)
            or self._check_exposure(quote, exposure)
            or self._check_premium(quote, exposure)
        )
        return self._counted(refusal)

    def check_price(self, order: Proposal, instrument: Instrument, mark: Mark | None, now_ns: int) -> Verdict:
        """Whether an order at this price would pass the band: asked before promising something that it must hedge."""
        return self._counted(self._check_band(order, mark, BAND_TICKS * instrument.tick_nanos, now_ns))

    def _counted(self, refusal: Verdict | None) -> Verdict:
        if refusal is None:
            return ALLOWED
        self.refusals[refusal.reason] += 1
        return refusal

    def _check_open(self) -> Verdict | None:
        if self._shut_because:
            return Verdict(Reason.GATE_SHUT, f"the gate is shut: {self._shut_because}")
        return None

    def _check_size(self, proposal: Proposal) -> Verdict | None:
        if proposal.price_nanos <= 0 or proposal.amount_nanos <= 0:
            return Verdict(Reason.BELOW_MINIMUM, f"price and amount must be above 0 ({proposal})")
        if proposal.amount_nanos > self._limits.max_order_size_nanos:
            return _exceeded(
                Reason.MAX_SIZE, "max_order_size", self._limits.max_order_size_nanos, proposal.amount_nanos, proposal
            )
        return None

    def _check_band(self, proposal: Proposal, mark: Mark | None, least_nanos: int, now_ns: int) -> Verdict | None:
        """Only the side that costs us: a bid far below the mark may rest, one far above it is a mistake."""
        if mark is None or mark.mark_nanos <= 0 or now_ns - mark.now_ns > self._limits.max_mark_age_ns:
            return Verdict(Reason.NO_GREEKS, f"{proposal.instrument} has no recent mark to hold a price against")
        band = max(mark.mark_nanos * self._limits.price_band_nanos // NANOS, least_nanos)
        worst = mark.mark_nanos + proposal.side * band
        if (proposal.price_nanos - worst) * proposal.side <= 0:
            return None
        return Verdict(
            Reason.PRICE_BAND,
            f"price band: worst allowed is {_shown(worst)} at mark {_shown(mark.mark_nanos)} ({proposal}): "
            "check the price or raise risk.price_band_bps",
        )

    def _check_exposure(self, proposal: Proposal, exposure: Exposure | Verdict) -> Verdict | None:
        if isinstance(exposure, Verdict):
            return exposure
        limits = self._limits
        change = proposal.side * proposal.amount_nanos
        if not _fits(exposure.position, change, limits.max_position_nanos):
            would_be = exposure.position.after(change)
            return _exceeded(Reason.MAX_POSITION, "max_position", limits.max_position_nanos, would_be, proposal)
        delta_change = scaled(change, exposure.unit_delta_nanos)
        if not _fits(exposure.delta, delta_change, limits.max_delta_nanos):
            would_be = exposure.delta.after(delta_change)
            return _exceeded(Reason.MAX_DELTA, "max_delta", limits.max_delta_nanos, would_be, proposal)
        return None

    def _check_premium(self, quote: Proposal, exposure: Exposure | Verdict) -> Verdict | None:
        if isinstance(exposure, Verdict) or quote.side is Side.SELL:
            return None
        would_be = exposure.premium_e18 + quote.price_nanos * quote.amount_nanos
        if would_be <= self._limits.max_premium_e18:
            return None
        return Verdict(
            Reason.MAX_PREMIUM,
            f"max_premium {format_e18(self._limits.max_premium_e18)} exceeded, would be {format_e18(would_be)} "
            f"({quote}): quote fewer RFQs at once or raise risk.max_premium",
        )

    def _check_rate(self, now_ns: int) -> Verdict | None:
        sent = self._sent_ns
        # A clock that was set back makes the age negative; that must not stop trading.
        if len(sent) == sent.maxlen and 0 <= now_ns - sent[0] < NANOS:
            return Verdict(Reason.RATE, f"max_orders_per_second {sent.maxlen} reached: wait or raise it in risk")
        return None


def _shown(nanos: int) -> str:
    return format_e18(nanos * 10**9)  # what a refused order would lead to may not fit 64 bits


def _fits(span: Span, change: int, limit: int) -> bool:
    return abs(span.after(change)) <= limit or span.shrinks(change)


def _check_listing(order: Proposal, instrument: Instrument) -> Verdict | None:
    if instrument.name != order.instrument or not instrument.is_active:
        return Verdict(Reason.UNLISTED, f"{order.instrument} is not listed for trading")
    if not is_multiple(order.price_nanos, instrument.tick_nanos):
        return Verdict(Reason.OFF_TICK, f"price is off the tick {_shown(instrument.tick_nanos)} ({order})")
    if not is_multiple(order.amount_nanos, instrument.lot_nanos):
        return Verdict(Reason.OFF_LOT, f"amount is off the lot {_shown(instrument.lot_nanos)} ({order})")
    if order.amount_nanos < instrument.min_amount_nanos:
        least = _shown(instrument.min_amount_nanos)
        return Verdict(Reason.BELOW_MINIMUM, f"the venue's smallest order is {least} ({order})")
    if order.amount_nanos > instrument.max_amount_nanos:
        most = _shown(instrument.max_amount_nanos)
        return Verdict(Reason.ABOVE_MAXIMUM, f"the venue's largest order is {most} ({order})")
    return None


def _exceeded(reason: Reason, limit: str, value: int, would_be: int, proposal: Proposal) -> Verdict:
    return Verdict(
        reason,
        f"{limit} {_shown(value)} exceeded, would be {_shown(would_be)} ({proposal}): "
        f"lower --size or raise risk.{limit}",
    )
