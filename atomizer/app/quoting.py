"""RFQ in, signed quote out: decision, gate, journal, send, in that order, and what is counted on the way.

Where quotes stand until they are taken, they are held against the books that they were priced from, again and again:
`look` prices them anew, or has them taken back. So is what was declined for a reason that may pass, while it goes on.
"""

import logging
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from typing import Final, Generic

from atomizer._core.histogram import Histogram
from atomizer.app.fused import FusedQuotes
from atomizer.app.in_play import InPlay, QuotesInPlay
from atomizer.app.ledger import Ledger
from atomizer.app.own_prices import OwnPrices
from atomizer.app.quote_terms import fit, told, verify_fill
from atomizer.app.rfq_source import Nonces, Request, StandingQuotes, Ways
from atomizer.app.unquoted import PASSING, Case, Unquoted
from atomizer.domain.instruments import NANOS
from atomizer.domain.ports import MarketView
from atomizer.domain.reasons import ALLOWED, Reason, Verdict
from atomizer.domain.trading import Fill, Mark, QuoteAnswered, QuoteLeg, QuoteOutcome, QuoteSent, Side
from atomizer.errors import BadFrame, Disconnected, JournalError
from atomizer.risk.exposure import Exposure, RunningExposure
from atomizer.risk.gate import Gate
from atomizer.risk.rules import Proposal
from atomizer.risk.structure import StructureLeg
from atomizer.strategies.rfq_responder import QuotePlan, RfqResponder

log = logging.getLogger("atomizer.quotes")

KEPT_REQUESTS: Final = 4096
RENEW_BEFORE_NS: Final = 2 * NANOS  # the end of a quote's life, or a quarter of it, if that is less

Leave = Callable[[Ways, QuoteSent], None]  # how a quote that is in the journal goes out


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
        pays_coin: bool,
        own_prices: OwnPrices,
        nonces: Nonces,
        valid_for_s: int,
        at_once: int,
        clock_ns: Callable[[], int],
    ) -> None:
        self._ledger = ledger
        self._gate = gate
        self._responder = responder
        self._fused = fused
        self._settled: tuple[QuotePlan, Verdict] | None = None  # of the frame that waits for `on_settled`
        self._market = market
        self._source = source
        self._pays_coin = pays_coin
        self._own_prices = own_prices
        self._nonces = nonces
        self._valid_for_s = valid_for_s
        self._at_once = at_once
        self._clock_ns = clock_ns
        self._requests: OrderedDict[str, Request] = OrderedDict()
        self._in_play = QuotesInPlay(exposure, self._mark)
        self._unquoted: Unquoted[Request] = Unquoted()
        self._turns: OrderedDict[str, None] = OrderedDict()  # RFQs whose quotes stand, the next to be looked at first
        self._waiting: deque[Request] | None = deque(maxlen=KEPT_REQUESTS)  # None once there is no waiting any more
        self._ways: Ways | None = None  # None: not quoting, every RFQ is declined
        self.measure: Callable[[str, int], Exposure | Verdict] = _unmeasured
        self.on_won: Callable[[Fill], None] = _unheard
        self.on_maker_open: Callable[[], None] = _unnoticed
        self.hedges_back_to_back = False  # then a quote is only given when its hedge would pass the gate
        self.seen = 0  # RFQs, each once; of them:
        self.quoted = 0
        self.quoted_fused = 0  # of `quoted`: answered by the compiled path
        self.requotes = 0  # quotes that took the place of an earlier one of ours
        self.won = 0
        self.declines: Counter[str] = Counter()  # by the last reason
        self.latency = Histogram()

    def begin(self, ways: Ways) -> None:
        """Quote from now on. What was asked for before is answered as `look` is called."""
        self._ways = ways

    def end(self) -> None:
        """No more quotes."""
        self._ways = self._waiting = None

    def look(self, now_ns: int) -> None:
        """Answer what waits, and hold quotes that stand against the books of now, so many of them at once as we may."""
        if self._ways is None:
            return
        left = self._at_once
        while self._waiting and left:
            left -= 1
            self._answer(self._waiting.popleft())
        if not self._waiting:
            self._waiting = None
        if (standing := self._ways.standing) is not None:
            for _ in range(min(left, len(self._turns))):
                rfq_id, _ = self._turns.popitem(last=False)
                if rfq_id in self._in_play:
                    self._turns[rfq_id] = None
                    self._look_at(rfq_id, standing, now_ns)
        if not self._ways.quotes.barred():
            for case in self._unquoted.due(self._at_once, now_ns):
                if standing is None or standing.is_open(case.request):
                    self._look_again(case, now_ns)
                else:
                    self._unquoted.drop(case.request)

    def on_rfq_frame(self, frame: memoryview, now_ns: int) -> bool:
        """A new RFQ as it came: the same quote or counted reason as `on_request` gives, where the fused path knows it.

        What re-quotes and the books need follows in `on_settled`, once the answer has left.
        """
        plan = self._fused.price(frame, now_ns) if self._fused is not None and not self._is_early else None
        if plan is None or self._is_known(plan.rfq_id) or self._own_prices.is_taken(plan, now_ns):
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
        """A new RFQ: one quote or one counted reason; it waits while we are getting ready."""
        if self._waiting is not None and self._is_early:
            self._waiting.append(request)
        elif self._answer(request).allowed:
            self.latency.record(self._clock_ns() - request.rfq.now_ns)

    def _answer(self, request: Request) -> Verdict:
        rfq = request.rfq
        now_ns = self._clock_ns()
        if self._ledger.state.has_rfq(self._source, rfq.rfq_id):
            verdict = Verdict(Reason.DUPLICATE, "seen before")
        else:
            plan = self._responder.on_rfq(rfq, request.deadline_ns, now_ns)
            verdict = plan if isinstance(plan, Verdict) else self._offer(plan, request, now_ns)
        self._conclude(request, verdict)
        return verdict

    def _offer(self, plan: QuotePlan, request: Request, now_ns: int) -> Verdict:
        own = self._own_prices.own(fit(plan, request, self._market, pays_coin=self._pays_coin), now_ns)
        return self._send(own, now_ns, lambda ways, quote: ways.quotes.send_quote(request, quote))

    def _look_at(self, rfq_id: str, standing: StandingQuotes[Request], now_ns: int) -> None:
        """Leave the quote that stands there, show another instead, or have it taken back."""
        request, in_play = self._requests.get(rfq_id), self._in_play[rfq_id]
        if request is None or in_play.is_leaving:
            return
        life_left_ns = in_play.quote.valid_until_s * NANOS - now_ns
        is_due = life_left_ns <= min(RENEW_BEFORE_NS, self._valid_for_s * NANOS // 4)
        plan = self._responder.on_look(rfq_id, now_ns, is_due=is_due)
        verdict = plan if isinstance(plan, Verdict) else self._offer(plan, request, now_ns)
        if not verdict.allowed:
            log.info("rfq %s: quote taken back: %s: %s", rfq_id, verdict.reason, verdict.detail)
            in_play.is_leaving = True
            standing.take_back(request)
        elif not isinstance(plan, Verdict):
            self.requotes += 1
            self._tell(rfq_id)

    def _look_again(self, case: Case[Request], now_ns: int) -> None:
        """A quote for what has none, or another last word on it."""
        request, rfq_id = case.request, case.request.rfq.rfq_id
        plan = self._responder.on_look(rfq_id, now_ns, is_due=True)
        verdict = plan if isinstance(plan, Verdict) else self._offer(plan, request, now_ns)
        if case.declined is None and verdict.allowed:
            self.requotes += 1
            self._tell(rfq_id)
        elif case.declined not in {None, verdict.reason}:
            self.declines -= Counter([case.declined])
            self._decide(request, verdict)
        if verdict.reason in PASSING:
            self._unquoted.keep(request, verdict.reason if case.declined else None, now_ns)
        else:
            self._unquoted.drop(request)

    def on_answer(self, answer: QuoteAnswered) -> None:
        """The venue's word on a quote of ours: re-quote while the edge allows, or leave it."""
        request = self._requests.get(answer.rfq_id)
        if request is None:
            log.info("rfq %s: answer %s to a quote that is not in play", answer.rfq_id, answer.outcome)
            return
        self._ledger.learn(answer)
        now_ns = self._clock_ns()
        if answer.outcome in {QuoteOutcome.REFUSED, QuoteOutcome.ENDED}:
            is_refused = answer.outcome is QuoteOutcome.REFUSED
            level, what = (logging.WARNING, "failed") if is_refused else (logging.INFO, "ended")
            log.log(level, "rfq %s: quote %s: %s", answer.rfq_id, what, answer.detail)
            self._in_play.drop(answer.rfq_id)
            if self._ways is not None and self._ways.standing is not None and self._ways.standing.is_open(request):
                self._unquoted.keep(request, None, now_ns)
            return
        plan = self._responder.on_answer(answer, now_ns)
        if isinstance(plan, Verdict):
            if not plan.allowed:
                self._in_play.drop(answer.rfq_id)
                log.info("rfq %s: not re-quoted: %s: %s", answer.rfq_id, plan.reason, plan.detail)
            return
        verdict = self._offer(plan, request, now_ns)
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
            self.won += fill.instrument == quote.instrument  # once for a structure
            self._in_play.book(quote.rfq_id, fill.instrument)
            self.on_won(fill)

    def on_bad_frame(self, error: BadFrame) -> None:
        """Bytes that are no request: counted by reason."""
        self.seen += 1
        self._decline("unreadable", Verdict(Reason(error.reason), str(error)))

    def forget_expired(self, now_ns: int) -> None:
        """Quotes that cannot be taken any more no longer weigh in the exposure."""
        self._in_play.forget_expired(now_ns)

    def auctions_open(self, now_ns: int, settling_ns: int) -> int:
        """Quotes of ours whose auction has not ended, or ended less than `settling_ns` ago."""
        return sum(
            self._requests[rfq_id].deadline_ns + settling_ns > now_ns
            for rfq_id in self._in_play
            if rfq_id in self._requests
        )

    @property
    def _is_early(self) -> bool:
        """Whether what comes now must wait, because we are getting ready."""
        return self._ways is None and self._waiting is not None

    def _is_known(self, rfq_id: str) -> bool:
        return self._ledger.state.has_rfq(self._source, rfq_id) or self._responder.knows(rfq_id)

    def _conclude(self, request: Request, verdict: Verdict) -> None:
        """Count and keep what became of a new RFQ."""
        self.seen += 1
        self._decide(request, verdict)
        if verdict.reason in PASSING:
            self._unquoted.keep(request, verdict.reason, self._clock_ns())

    def _decide(self, request: Request, verdict: Verdict) -> None:
        """The last word on an RFQ, so far."""
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
        if self._ways is None:
            return Verdict(Reason.GATE_SHUT, "not quoting")
        if why := self._ways.quotes.barred():
            return Verdict(Reason.NOT_CONNECTED, f"{why}: nothing was sent")
        legs = plan.legs
        for leg in legs:
            if venue := self._ledger.state.doubting(leg.instrument):
                detail = f"{leg.instrument}: {venue} holds another amount than we booked"
                return Verdict(Reason.POSITION_MISMATCH, detail)
            if self.hedges_back_to_back and not (verdict := self._check_hedge(leg, now_ns)).allowed:
                return verdict
        self._in_play.set_aside(plan.rfq_id)
        verdict = self._check(legs, self._ways, now_ns)
        self._in_play.weigh(plan.rfq_id)
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
            more=plan.more,
        )
        return self._write_and_send(InPlay(quote, legs), self._ways, leave)

    def _check(self, legs: tuple[QuoteLeg, ...], ways: Ways, now_ns: int) -> Verdict:
        """What the gate says: of a structure, of its legs and of the whole."""
        proposals = [
            Proposal(
                leg.instrument,
                leg.side,
                leg.price_nanos,
                leg.quantity_nanos,
                signed=ways.quotes.signed(leg, self._valid_for_s),
            )
            for leg in legs
        ]
        if len(legs) == 1:
            name = legs[0].instrument
            return self._gate.check_quote(proposals[0], self._mark(name), self.measure(name, now_ns), now_ns)
        return self._gate.check_structure(
            [
                StructureLeg(proposal, self._mark(proposal.instrument), self.measure(proposal.instrument, now_ns))
                for proposal in proposals
            ],
            now_ns,
        )

    def _mark(self, name: str) -> Mark | None:
        """In what our quotes are paid in."""
        mark = self._market.mark(name)
        return mark if mark is None or self._pays_coin else mark.in_usd

    def _check_hedge(self, leg: QuoteLeg, now_ns: int) -> Verdict:
        instrument = self._market.instrument(leg.instrument)
        if instrument is None:
            return Verdict(Reason.UNLISTED, f"{leg.instrument} is not listed at the hedge venue")
        hedge = Proposal(leg.instrument, Side(-leg.side), leg.fair_nanos, leg.quantity_nanos)
        return self._gate.check_price(hedge, instrument, self._mark(leg.instrument), now_ns)

    def _write_and_send(self, in_play: InPlay, ways: Ways, leave: Leave) -> Verdict:
        quote = in_play.quote
        try:
            self._ledger.write(quote)
        except JournalError as error:
            self._gate.shut(str(error))
            return Verdict(Reason.JOURNAL_FAILED, str(error))
        self._own_prices.note(quote)
        earlier = self._in_play.put(in_play)
        try:
            leave(ways, quote)
        except Disconnected as error:
            self._in_play.drop(quote.rfq_id)
            if earlier is not None:  # it may be taken as before
                self._in_play.put(earlier)
            return Verdict(Reason.NOT_CONNECTED, str(error))
        if earlier is None and ways.standing is not None:
            self._turns[quote.rfq_id] = None
        return ALLOWED

    def _leave_fused(self, ways: Ways, quote: QuoteSent) -> None:
        assert self._fused is not None and ways.frames is not None  # noqa: S101, PT018  it gave the plan
        ways.frames.send_frame(self._fused.build_quote(quote.nonce, quote.valid_until_s))

    def _tell(self, rfq_id: str) -> None:
        """The quote that just left, in words: after the answer, for words take longer than the answer."""
        if log.isEnabledFor(logging.INFO):
            quote = self._in_play[rfq_id].quote
            log.info("rfq %s: quote %s", quote.rfq_id, ", ".join(map(told, quote.legs)))

    def _decline(self, rfq_id: str, verdict: Verdict) -> None:
        self.declines[verdict.reason] += 1
        log.info("rfq %s: declined: %s: %s", rfq_id, verdict.reason, verdict.detail)


def _unmeasured(instrument: str, _now_ns: int) -> Verdict:
    return Verdict(Reason.NO_GREEKS, f"{instrument}: the exposure is not measured yet")


def _unheard(_fill: Fill) -> None:
    """Without hedging, a won RFQ is booked and nothing else."""


def _unnoticed() -> None:
    """The first time, whoever starts the session knows."""
