"""Answers requests for quote: what to show first, and how far to follow when others show more."""

from collections import OrderedDict

import msgspec

from atomizer.domain.instruments import NANOS
from atomizer.domain.reasons import ALLOWED, Reason, Verdict
from atomizer.domain.trading import QuoteAnswered, QuoteOutcome, Rfq, Side
from atomizer.strategies.pricing import Price, Pricer


class QuotePlan(msgspec.Struct, frozen=True):
    """A quote we want to show. Prices in nanos USD per unit; `limit_nanos` is where the minimum edge ends."""

    rfq_id: str
    instrument: str
    side: Side
    price_nanos: int
    quantity_nanos: int
    fair_nanos: int
    limit_nanos: int


class ResponderParams(msgspec.Struct, frozen=True):
    """How far one answer to an outbid notice goes past the best, and how much is remembered."""

    step_nanos: int  # USD per unit
    memory_ns: int = 60_000_000_000  # an RFQ id that comes again within this time is a duplicate
    max_remembered: int = 4096


class _Auction(msgspec.Struct):
    rfq: Rfq
    deadline_ns: int
    shown_nanos: int  # our last price; 0 while none was given


class RfqResponder:
    """One decision an event; remembers the RFQs of the last minute, so that memory is bounded."""

    def __init__(self, params: ResponderParams, pricer: Pricer) -> None:
        if params.step_nanos <= 0:
            raise ValueError(f"step_nanos must be above 0, not {params.step_nanos}")
        self._params = params
        self._pricer = pricer
        self._auctions: OrderedDict[str, _Auction] = OrderedDict()

    def on_rfq(self, rfq: Rfq, deadline_ns: int, now_ns: int) -> QuotePlan | Verdict:
        """First price for an RFQ, at the target edge; no quote may leave after `deadline_ns`."""
        self._forget(now_ns)
        if rfq.rfq_id in self._auctions:
            return Verdict(Reason.DUPLICATE, f"rfq {rfq.rfq_id} was answered already")
        auction = self._auctions[rfq.rfq_id] = _auction(rfq, deadline_ns, 0)
        price = self._price(auction, now_ns)
        if isinstance(price, Verdict):
            return price
        return _plan(auction, price, price.target_nanos)

    def knows(self, rfq_id: str) -> bool:
        """Whether an RFQ of this id came within the time that is remembered."""
        return rfq_id in self._auctions

    def remember(self, rfq: Rfq, deadline_ns: int, shown_nanos: int, now_ns: int) -> None:
        """An RFQ for which `shown_nanos` was decided elsewhere, so that `on_answer` can follow it."""
        self._forget(now_ns)
        self._auctions[rfq.rfq_id] = _auction(rfq, deadline_ns, shown_nanos)

    def on_answer(self, answer: QuoteAnswered, now_ns: int) -> QuotePlan | Verdict:
        """What to do about the venue's word on our last quote; ALLOWED when nothing.

        Outbid: one step past the best, priced anew from the book of now, and never past the minimum edge.
        """
        if answer.outcome is not QuoteOutcome.OUTBID:
            return ALLOWED
        auction = self._auctions.get(answer.rfq_id)
        if auction is None or auction.shown_nanos == 0:
            return Verdict(Reason.EXPIRED, f"rfq {answer.rfq_id} is not one we quote")
        toward = auction.rfq.side.value  # a better bid is higher, a better offer lower
        best = answer.best_nanos or auction.shown_nanos
        if (auction.shown_nanos - best) * toward > 0:
            return ALLOWED  # the notice speaks of an earlier quote of ours
        price = self._price(auction, now_ns)
        if isinstance(price, Verdict):
            return price
        if (price.limit_nanos - best) * toward <= 0:
            return Verdict(
                Reason.EDGE_EXHAUSTED, f"rfq {answer.rfq_id} best {best}, our limit {price.limit_nanos} nanos"
            )
        step = min(self._params.step_nanos, abs(price.limit_nanos - best))
        return _plan(auction, price, best + step * toward)

    def _price(self, auction: _Auction, now_ns: int) -> Price | Verdict:
        if now_ns >= auction.deadline_ns:
            return Verdict(Reason.EXPIRED, f"rfq {auction.rfq.rfq_id} auction has ended")
        return self._pricer.price(auction.rfq, now_ns)

    def _forget(self, now_ns: int) -> None:
        while self._auctions:
            oldest = next(iter(self._auctions.values()))
            is_past = now_ns - oldest.rfq.now_ns > self._params.memory_ns
            if not is_past and len(self._auctions) < self._params.max_remembered:
                return
            self._auctions.popitem(last=False)


def _auction(rfq: Rfq, deadline_ns: int, shown_nanos: int) -> _Auction:
    return _Auction(rfq, min(deadline_ns, rfq.contract.expiry_s * NANOS), shown_nanos)


def _plan(auction: _Auction, price: Price, price_nanos: int) -> QuotePlan:
    auction.shown_nanos = price_nanos
    rfq = auction.rfq
    return QuotePlan(
        rfq_id=rfq.rfq_id,
        instrument=rfq.contract.name,
        side=rfq.side,
        price_nanos=price_nanos,
        quantity_nanos=rfq.quantity_nanos,
        fair_nanos=price.hedge_nanos,
        limit_nanos=price.limit_nanos,
    )
