"""Answers requests for quote: what to show first, and how far to follow when others show more."""

from collections import OrderedDict
from typing import Final

import msgspec

from atomizer.domain.instruments import NANOS
from atomizer.domain.reasons import ALLOWED, Reason, Verdict
from atomizer.domain.trading import QuoteAnswered, QuoteLeg, QuoteOutcome, Rfq, Side
from atomizer.strategies.pricing import Price, Pricer

_BPS: Final = 10_000


class QuotePlan(msgspec.Struct, frozen=True):
    """A quote we want to show. Prices in nanos USD per unit; `limit_nanos` is where the minimum edge ends.

    A structure has `more` legs than the first one, which the limit is of.
    """

    rfq_id: str
    instrument: str
    side: Side
    price_nanos: int
    quantity_nanos: int
    fair_nanos: int
    limit_nanos: int
    more: tuple[QuoteLeg, ...] = ()

    @property
    def legs(self) -> tuple[QuoteLeg, ...]:
        first = QuoteLeg(self.instrument, self.side, self.price_nanos, self.quantity_nanos, self.fair_nanos)
        return (first, *self.more)


class ResponderParams(msgspec.Struct, frozen=True):
    """How far one answer to an outbid notice goes past the best, and how much is remembered."""

    step_nanos: int  # USD per unit
    memory_ns: int = 60_000_000_000  # an RFQ id that comes again within this time, or before its end, is a duplicate
    max_remembered: int = 4096
    reprice_bps: int = 50  # a standing quote is given up when what its legs are worth has moved by more than this share


class _Auction(msgspec.Struct):
    rfq: Rfq
    deadline_ns: int
    shown_nanos: int  # our last price; 0 while none was given
    fairs_nanos: tuple[int, ...] = ()  # of its legs, when it was made


class RfqResponder:
    """One decision an event; remembers the RFQs of the last minute and those that go on, so that memory is bounded."""

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
        prices = self._prices(auction, now_ns)
        return prices if isinstance(prices, Verdict) else _plan(auction, prices, prices[0].target_nanos)

    def on_look(self, rfq_id: str, now_ns: int, *, is_due: bool) -> QuotePlan | Verdict:
        """Whether a quote that stands may stay: ALLOWED, the quote to show instead, or why there must be none.

        It stays while what its legs are worth has moved by no more than the threshold, all moves added up, and is shown
        anew when it `is_due`, because its life ends, or because there is none.
        """
        auction = self._auctions.get(rfq_id)
        if auction is None:
            return Verdict(Reason.EXPIRED, f"rfq {rfq_id} is not one that is remembered here")
        prices = self._prices(auction, now_ns)
        if isinstance(prices, Verdict):
            return prices
        if is_due or not auction.fairs_nanos:
            return _plan(auction, prices, prices[0].target_nanos)
        quantities = [leg.quantity_nanos for leg in auction.rfq.legs]
        fairs = auction.fairs_nanos
        moved = sum(
            abs(price.hedge_nanos - fair) * size for price, fair, size in zip(prices, fairs, quantities, strict=True)
        )
        worth = sum(fair * size for fair, size in zip(fairs, quantities, strict=True))
        if moved * _BPS <= worth * self._params.reprice_bps:
            return ALLOWED
        return _plan(auction, prices, prices[0].target_nanos)

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
        prices = self._prices(auction, now_ns)
        if isinstance(prices, Verdict):
            return prices
        price = prices[0]
        if (price.limit_nanos - best) * toward <= 0:
            return Verdict(
                Reason.EDGE_EXHAUSTED, f"rfq {answer.rfq_id} best {best}, our limit {price.limit_nanos} nanos"
            )
        step = min(self._params.step_nanos, abs(price.limit_nanos - best))
        return _plan(auction, prices, best + step * toward)

    def _prices(self, auction: _Auction, now_ns: int) -> list[Price] | Verdict:
        """A price for each leg, or why one of them has none."""
        rfq = auction.rfq
        if now_ns >= auction.deadline_ns:
            return Verdict(Reason.EXPIRED, f"rfq {rfq.rfq_id} auction has ended")
        prices: list[Price] = []
        for leg in rfq.legs if rfq.more else (rfq,):
            price = self._pricer.price(leg, now_ns)
            if isinstance(price, Verdict):
                return price
            prices.append(price)
        return prices

    def _forget(self, now_ns: int) -> None:
        while self._auctions:
            oldest = next(iter(self._auctions.values()))
            is_past = now_ns - oldest.rfq.now_ns > self._params.memory_ns and now_ns >= oldest.deadline_ns
            if not is_past and len(self._auctions) < self._params.max_remembered:
                return
            self._auctions.popitem(last=False)


def _auction(rfq: Rfq, deadline_ns: int, shown_nanos: int) -> _Auction:
    ends_ns = [leg.contract.expiry_s * NANOS for leg in rfq.legs if not leg.contract.is_perpetual]
    return _Auction(rfq, min([deadline_ns, *ends_ns]), shown_nanos)


def _plan(auction: _Auction, prices: list[Price], price_nanos: int) -> QuotePlan:
    """`price_nanos` for the first leg, the target for every other."""
    auction.shown_nanos = price_nanos
    auction.fairs_nanos = tuple(price.hedge_nanos for price in prices)
    rfq = auction.rfq
    return QuotePlan(
        rfq_id=rfq.rfq_id,
        instrument=rfq.contract.name,
        side=rfq.side,
        price_nanos=price_nanos,
        quantity_nanos=rfq.quantity_nanos,
        fair_nanos=prices[0].hedge_nanos,
        limit_nanos=prices[0].limit_nanos,
        more=tuple(
            QuoteLeg(leg.contract.name, leg.side, price.target_nanos, leg.quantity_nanos, price.hedge_nanos)
            for leg, price in zip(rfq.more, prices[1:], strict=True)
        ),
    )
