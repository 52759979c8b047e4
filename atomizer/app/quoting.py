"""RFQ in, signed quote out: decision, gate, journal, send, in that order, and what is counted on the way."""

import logging
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any, Generic

import msgspec

from atomizer._core.fixed import ceil_to, floor_to, format_nanos
from atomizer._core.histogram import Histogram
from atomizer.app.fused import FusedQuotes
from atomizer.app.ledger import Ledger
from atomizer.app.rfq_source import Nonces, QuoteSender, Request, RfqRequest
from atomizer.domain.instruments import NANOS
from atomizer.domain.ports import MarketView
from atomizer.domain.reasons import ALLOWED, Reason, Verdict
from atomizer.domain.trading import Fill, QuoteAnswered, QuoteOutcome, QuoteSent, Side, Signed
from atomizer.errors import BadFrame, Disconnected, JournalError
from atomizer.risk.exposure import Exposure, InFlight, RunningExposure
from atomizer.risk.gate import Gate
from atomizer.risk.rules import Proposal
from atomizer.strategies.rfq_responder import QuotePlan, RfqResponder

log = logging.getLogger("atomizer.quotes")

KEPT_REQUESTS = 4096


Leave = Callable[[QuoteSender[Any], QuoteSent], None]  # how a quote that is in the journal goes out


class Quoting(Generic[Request]):
    """Listens to the RFQ venue. Holds the RFQs in play and the counters of the picture."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        gate: Gate,
        responder: RfqResponder,
        fused: FusedQuotes | None,
        exposure: RunningExposure,
        market: MarketView,
        source: str,
        nonces: Nonces,
        valid_for_s: int,
        clock_ns: Callable[[], int],
    ) -> None:
        self._ledger = ledger
        self._gate = gate
        self._responder = responder
        self._fused = fused
        self._settled: tuple[QuotePlan, Verdict] | None = None  # of the frame that waits for `on_settled`
        self._exposure = exposure
        self._market = market
        self._source = source
        self._nonces = nonces
        self._valid_for_s = valid_for_s
        self._signed = Signed(life_ns=valid_for_s * NANOS)
        self._clock_ns = clock_ns
        self._requests: OrderedDict[str, Request] = OrderedDict()
        self._in_play: dict[str, QuoteSent] = {}  # by RFQ: our last quote, while it may still be taken; oldest first
        self.sender: QuoteSender[Request] | None = None  # None: not quoting, every RFQ is declined
        self.measure: Callable[[str, int], Exposure | Verdict] = _unmeasured
        self.on_won: Callable[[Fill], None] = _unheard
        self.on_maker_open: Callable[[], None] = _unnoticed
        self.hedges_back_to_back = False  # then a quote is only given when its hedge would pass the gate
        self.seen = 0
        self.quoted = 0
        self.quoted_fused = 0  # of `quoted`: answered by the compiled path
        self.requotes = 0
        self.won = 0
        self.declines: Counter[str] = Counter()
        self.latency = Histogram()

    def on_rfq_frame(self, frame: memoryview, now_ns: int) -> bool:
        """A new RFQ as it came: the same quote or counted reason as `on_request` gives, where the fused path knows it.

        What re-quotes and the books need follows in `on_settled`, once the answer has left.
        """
        plan = self._fused.price(frame, now_ns) if self._fused is not None else None
        if plan is None or self._is_known(plan.rfq_id):
            return False
        verdict = self._send(plan, now_ns, self._leave_fused)
        if verdict.allowed:
            self.latency.record(self._clock_ns() - now_ns)
            self.quoted_fused += 1
        self._settled = plan, verdict
        return True

    def on_settled(self, request: Request) -> None:
        """The request behind the frame that `on_rfq_frame` settled just now."""
        if self._settled is not None:
            (plan, verdict), self._settled = self._settled, None
            self._responder.remember(request.rfq, request.deadline_ns, plan.price_nanos, request.rfq.now_ns)
            self._conclude(request, verdict)

    def on_request(self, request: Request) -> None:
        """A new RFQ: one quote or one counted reason."""
        rfq = request.rfq
        now_ns = self._clock_ns()
        if self._ledger.state.has_rfq(self._source, rfq.rfq_id):
            self._conclude(request, Verdict(Reason.DUPLICATE, "seen before"))
            return
        plan = self._responder.on_rfq(rfq, request.deadline_ns, now_ns)
        verdict = (
            plan if isinstance(plan, Verdict) else self._send(_on_tick(plan, request), now_ns, _leave_for(request))
        )
        if verdict.allowed:
            self.latency.record(self._clock_ns() - rfq.now_ns)
        self._conclude(request, verdict)

    def on_answer(self, answer: QuoteAnswered) -> None:
        """The venue's word on a quote of ours: re-quote while the edge allows, or leave it."""
        request = self._requests.get(answer.rfq_id)
        if request is None:
            log.info("rfq %s: answer %s to a quote that is not in play", answer.rfq_id, answer.outcome)
            return
        self._ledger.learn(answer)
        if answer.outcome is QuoteOutcome.REFUSED:
            self._withdraw(answer.rfq_id)
            log.warning("rfq %s: quote failed: %s", answer.rfq_id, answer.detail)
            return
        if answer.outcome is QuoteOutcome.ENDED:
            self._withdraw(answer.rfq_id)
            log.info("rfq %s: quote ended: %s", answer.rfq_id, answer.detail)
            return
        now_ns = self._clock_ns()
        plan = self._responder.on_answer(answer, now_ns)
        if isinstance(plan, Verdict):
            if not plan.allowed:
                self._withdraw(answer.rfq_id)
                log.info("rfq %s: not re-quoted: %s: %s", answer.rfq_id, plan.reason, plan.detail)
            return
        verdict = self._send(_on_tick(plan, request), now_ns, _leave_for(request))
        if verdict.allowed:
            self.requotes += 1
            self._tell(answer.rfq_id)
        else:
            log.info("rfq %s: not re-quoted: %s: %s", answer.rfq_id, verdict.reason, verdict.detail)

    def on_fill(self, fill: Fill) -> None:
        """A trade notice. Only one that agrees with a quote of ours is booked; any other is told and not guessed at."""
        quote = self._ledger.state.quote(self._source, fill.client_id)
        if quote is None:
            log.error("trade %s names no quote of ours: not booked, ask the venue", fill.trade_id)
            return
        try:
            verify_fill(fill, quote)
        except BadFrame as error:
            log.error("trade %s: %s: not booked, ask the venue", fill.trade_id, error)  # noqa: TRY400  one line, no trace
            return
        if self._ledger.learn(fill):
            self.won += 1
            self._withdraw(quote.rfq_id)
            self.on_won(fill)

    def on_bad_frame(self, error: BadFrame) -> None:
        """Bytes that are no request: counted by reason."""
        self.seen += 1
        self._decline("unreadable", Verdict(Reason(error.reason), str(error)))

    def forget_expired(self, now_ns: int) -> None:
        """Quotes that cannot be taken any more no longer weigh in the exposure."""
        now_s = now_ns // NANOS
        while self._in_play:
            rfq_id, quote = next(iter(self._in_play.items()))
            if quote.valid_until_s >= now_s:
                return
            self._withdraw(rfq_id)

    def auctions_open(self, now_ns: int, settling_ns: int) -> int:
        """Quotes of ours whose auction has not ended, or ended less than `settling_ns` ago."""
        return sum(
            self._requests[rfq_id].deadline_ns + settling_ns > now_ns
            for rfq_id in self._in_play
            if rfq_id in self._requests
        )

    def _is_known(self, rfq_id: str) -> bool:
        return self._ledger.state.has_rfq(self._source, rfq_id) or self._responder.knows(rfq_id)

    def _conclude(self, request: Request, verdict: Verdict) -> None:
        """Count and keep what became of a new RFQ."""
        self.seen += 1
        rfq_id = request.rfq.rfq_id
        if not verdict.allowed:
            self._decline(rfq_id, verdict)
            return
        self.quoted += 1
        self._tell(rfq_id)
        self._ledger.learn(request.rfq)
        self._requests[rfq_id] = request
        if len(self._requests) > KEPT_REQUESTS:
            self._requests.popitem(last=False)

    def _send(self, plan: QuotePlan, now_ns: int, leave: Leave) -> Verdict:
        if self.sender is None:
            return Verdict(Reason.GATE_SHUT, "not quoting")
        if venue := self._ledger.state.doubting(plan.instrument):
            return Verdict(Reason.POSITION_MISMATCH, f"{plan.instrument}: {venue} holds another amount than we booked")
        if self.hedges_back_to_back and not (verdict := self._check_hedge(plan, now_ns)).allowed:
            return verdict
        self._exposure.drop_quote(plan.rfq_id)  # the new quote stands instead of an earlier one, not beside it
        words = plan.instrument, plan.side, plan.price_nanos, plan.quantity_nanos
        proposal = Proposal(*words, signed=self._signed)
        exposure = self.measure(plan.instrument, now_ns)
        verdict = self._gate.check_quote(proposal, self._market.mark(plan.instrument), exposure, now_ns)
        if (in_play := self._in_play.get(plan.rfq_id)) is not None:
            self._exposure.put_quote(plan.rfq_id, _flight(in_play))
        if not verdict.allowed:
            return verdict
        quote = QuoteSent(
            now_ns=now_ns,
            source=self._source,
            rfq_id=plan.rfq_id,
            nonce=self._nonces.next(now_ns),
            instrument=plan.instrument,
            side=plan.side,
            price_nanos=plan.price_nanos,
            quantity_nanos=plan.quantity_nanos,
            valid_until_s=now_ns // NANOS + self._valid_for_s,
            fair_nanos=plan.fair_nanos,
        )
        return self._write_and_send(quote, self.sender, leave)

    def _check_hedge(self, plan: QuotePlan, now_ns: int) -> Verdict:
        instrument = self._market.instrument(plan.instrument)
        if instrument is None:
            return Verdict(Reason.UNLISTED, f"{plan.instrument} is not listed at the hedge venue")
        hedge = Proposal(plan.instrument, Side(-plan.side), plan.fair_nanos, plan.quantity_nanos)
        return self._gate.check_price(hedge, instrument, self._market.mark(plan.instrument), now_ns)

    def _write_and_send(self, quote: QuoteSent, sender: QuoteSender[Request], leave: Leave) -> Verdict:
        try:
            self._ledger.write(quote)
        except JournalError as error:
            self._gate.shut(str(error))
            return Verdict(Reason.JOURNAL_FAILED, str(error))
        self._in_play.pop(quote.rfq_id, None)  # so that the oldest stands first
        self._in_play[quote.rfq_id] = quote
        self._exposure.put_quote(quote.rfq_id, _flight(quote))
        try:
            leave(sender, quote)
        except Disconnected as error:
            self._withdraw(quote.rfq_id)
            return Verdict(Reason.NOT_CONNECTED, str(error))
        return ALLOWED

    def _withdraw(self, rfq_id: str) -> None:
        """Our last quote for this RFQ cannot be taken any more."""
        if self._in_play.pop(rfq_id, None) is not None:
            self._exposure.drop_quote(rfq_id)

    def _leave_fused(self, sender: QuoteSender[Request], quote: QuoteSent) -> None:
        assert self._fused is not None  # noqa: S101  it gave the plan
        sender.send_frame(self._fused.build_quote(quote.nonce, quote.valid_until_s))

    def _tell(self, rfq_id: str) -> None:
        """The quote that just left, in words: after the answer, for words take longer than the answer."""
        if log.isEnabledFor(logging.INFO):
            quote = self._in_play[rfq_id]
            words = (
                quote.side.word,
                format_nanos(quote.quantity_nanos),
                quote.instrument,
                format_nanos(quote.price_nanos),
            )
            log.info("rfq %s: quote %s %s %s at %s", quote.rfq_id, *words)

    def _decline(self, rfq_id: str, verdict: Verdict) -> None:
        self.declines[verdict.reason] += 1
        log.info("rfq %s: declined: %s: %s", rfq_id, verdict.reason, verdict.detail)


def _flight(quote: QuoteSent) -> InFlight:
    return InFlight(quote.instrument, quote.side, quote.quantity_nanos, quote.price_nanos)


def verify_fill(fill: Fill, quote: QuoteSent) -> None:
    """Hold a fill against the quote that it names.

    Raises:
        BadFrame: nonce, instrument, side, price or quantity is not what we signed; names both values.
    """
    pairs = (
        ("nonce", fill.client_id, str(quote.nonce)),
        ("instrument", fill.instrument, quote.instrument),
        ("side", fill.side.word, quote.side.word),
        ("price_nanos", fill.price_nanos, quote.price_nanos),
        ("quantity_nanos", fill.amount_nanos, quote.quantity_nanos),
    )
    for name, traded, signed in pairs:
        if traded != signed:
            raise BadFrame(f"{name} is {traded}, we signed {signed}", reason=Reason.MALFORMED)


def _on_tick(plan: QuotePlan, request: RfqRequest) -> QuotePlan:
    """The price where the source's grid allows one, to our good."""
    round_to = floor_to if plan.side is Side.BUY else ceil_to
    return msgspec.structs.replace(plan, price_nanos=round_to(plan.price_nanos, request.tick_nanos))


def _leave_for(request: RfqRequest) -> Leave:
    return lambda sender, quote: sender.send_quote(request, quote)


def _unmeasured(instrument: str, _now_ns: int) -> Verdict:
    return Verdict(Reason.NO_GREEKS, f"{instrument}: the exposure is not measured yet")


def _unheard(_fill: Fill) -> None:
    """Without hedging, a won RFQ is booked and nothing else."""


def _unnoticed() -> None:
    """The first time, whoever starts the session knows."""
