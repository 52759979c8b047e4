"""The maker's side of RFQs: one-sided requests out of two-sided structures, quotes in, and what becomes of each.

A taker does not say whether it would buy or sell, so each RFQ is two requests, one for each side of ours, and each may
be quoted. A quote stands until its own end, not the RFQ's: then it is taken back, and while the RFQ goes on the request
comes again, to be priced anew. Its id tells side and time, for to everybody else it is another request.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol

import msgspec

from atomizer.domain.reasons import Reason
from atomizer.domain.trading import OrderState, QuoteAnswered, QuoteOutcome, QuoteSent, Rfq, Side
from atomizer.errors import BadFrame, Disconnected
from atomizer.net.rpc import Fault, Rpc
from atomizer.venues.derive.auth import Credentials
from atomizer.venues.derive.market import MarketData
from atomizer.venues.derive.profile import VENUE
from atomizer.venues.derive.rfq_codec import (
    DeriveQuote,
    DeriveRfq,
    build_quote,
    parse_quote,
    parse_quote_notice,
    parse_rfq_notice,
    parse_rfqs,
)
from atomizer.venues.derive.rfq_terms import RfqTerms

NANOS_PER_S: Final = 1_000_000_000
PAGE_SIZE: Final = 100
MOST_PAGES: Final = 20
SHORTEST_REST_NS: Final = 2 * NANOS_PER_S  # an RFQ that ends sooner is not worth another quote


class DeriveRequest(msgspec.Struct, frozen=True):
    """One of our sides of an RFQ of one leg, as something that can be answered with one price."""

    rfq: Rfq
    deadline_ns: int
    tick_nanos: int
    structure: DeriveRfq
    side: Side  # ours, of the structure


class MakerEvents(Protocol):
    """Who listens. Called from the socket's callback or from housekeeping: must not block."""

    def on_request(self, request: DeriveRequest) -> None: ...

    def on_answer(self, answer: QuoteAnswered) -> None: ...

    def on_bad_frame(self, error: BadFrame) -> None:
        """An RFQ that we cannot answer; `error.reason` is to be counted."""


class _Standing(msgspec.Struct):
    """A quote of ours that may be taken, as far as we know."""

    request: DeriveRequest
    quote: QuoteSent
    quote_id: str = ""  # empty until the venue has said it
    is_leaving: bool = False


class Maker:
    """Of one subaccount. Quotes go by their nonce, which is their label, too: that is what their trades will name."""

    def __init__(
        self,
        credentials: Credentials,
        rpc: Rpc,
        market: MarketData,
        terms: RfqTerms,
        *,
        events: MakerEvents,
        now_ns: Callable[[], int],
    ) -> None:
        self._credentials = credentials
        self._rpc = rpc
        self._market = market
        self._terms = terms
        self._events = events
        self._now_ns = now_ns
        self._open: dict[str, DeriveRfq] = {}
        self._standing: dict[int, _Standing] = {}
        self._untold: deque[QuoteAnswered] = deque()

    @property
    def rfq_channel(self) -> str:
        """Its data are for `on_rfqs`."""
        return f"{self._credentials.wallet}.rfqs"

    @property
    def quote_channel(self) -> str:
        """Its data are for `on_quotes`."""
        return f"{self._credentials.subaccount_id}.quotes"

    async def catch_up(self) -> None:
        """What was asked before we listened. Raises VenueError or BadFrame."""
        params = self._subject() | {"status": "open", "page_size": PAGE_SIZE}
        page, page_count = 1, 1
        while page <= min(page_count, MOST_PAGES):
            rfqs, page_count = parse_rfqs(await self._rpc.ask("private/poll_rfqs", params | {"page": page}))
            for rfq in rfqs:
                self._hear(rfq)
            page += 1

    def forget(self) -> None:
        """The connection is gone, and our quotes with it (cancel on disconnect)."""
        self._open.clear()
        for standing in self._standing.values():
            self._untold.append(_answer(standing, QuoteOutcome.ENDED, self._now_ns(), "the connection was lost"))
        self._standing.clear()

    # --- what we hear

    def on_rfqs(self, data: Any, _now_ns: int) -> None:
        """Data of the RFQ channel. Raises BadFrame."""
        for rfq in parse_rfq_notice(data):
            self._hear(rfq)

    def _hear(self, rfq: DeriveRfq) -> None:
        if rfq.state is not OrderState.OPEN:
            self._open.pop(rfq.rfq_id, None)
        elif rfq.rfq_id not in self._open:
            self._open[rfq.rfq_id] = rfq
            self._offer(rfq, (Side.BUY, Side.SELL))

    def _offer(self, rfq: DeriveRfq, sides: tuple[Side, ...]) -> None:
        """Ask whoever listens for a price on these sides of ours of the structure."""
        try:
            requests = [self._request(rfq, side) for side in sides]
        except BadFrame as error:
            self._events.on_bad_frame(error)
            return
        for request in requests:
            self._events.on_request(request)

    def _request(self, rfq: DeriveRfq, side: Side) -> DeriveRequest:
        if len(rfq.legs) > 1:
            raise BadFrame(f"rfq {rfq.rfq_id} has {len(rfq.legs)} legs", reason=Reason.MULTI_LEG)
        [leg] = rfq.legs
        listing = self._market.listing(leg.instrument)
        if listing is None:
            raise BadFrame(f"rfq {rfq.rfq_id}: {leg.instrument} is not listed here", reason=Reason.UNLISTED)
        contract, now_ns = listing.instrument.contract, self._now_ns()
        if not contract.is_option:
            raise BadFrame(f"rfq {rfq.rfq_id}: {leg.instrument} is no option", reason=Reason.UNKNOWN_KIND)
        return DeriveRequest(
            rfq=Rfq(
                now_ns=now_ns,
                source=VENUE,
                rfq_id=f"{rfq.rfq_id}/{side.word}/{now_ns // NANOS_PER_S}",
                contract=contract,
                quantity_nanos=leg.amount_nanos,
                taker_buys=leg.side * side < 0,
                taker="",
            ),
            deadline_ns=rfq.valid_until_ns,
            tick_nanos=listing.instrument.tick_nanos,
            structure=rfq,
            side=side,
        )

    def on_quotes(self, data: Any, now_ns: int) -> None:
        """Data of our quotes channel. Raises BadFrame."""
        for quote in parse_quote_notice(data):
            if quote.is_maker:
                self._learn(quote, now_ns)

    def _learn(self, quote: DeriveQuote, now_ns: int) -> None:
        standing = self._standing.get(quote.nonce)
        if standing is None:
            return
        if quote.state is OrderState.OPEN:
            if not standing.quote_id:
                standing.quote_id = quote.quote_id
                self._events.on_answer(_answer(standing, QuoteOutcome.STANDS, now_ns, ""))
            return
        del self._standing[quote.nonce]
        if quote.state is not OrderState.FILLED:  # its trades say that it was taken
            self._events.on_answer(_answer(standing, QuoteOutcome.ENDED, now_ns, quote.detail))
            rfq = self._open.get(quote.rfq_id)
            if rfq is not None and standing.is_leaving and rfq.valid_until_ns - now_ns > SHORTEST_REST_NS:
                self._offer(rfq, (standing.request.side,))

    # --- what we send

    def send_quote(self, request: DeriveRequest, quote: QuoteSent) -> None:
        """Sign and send. The intent must be in the journal before; what becomes of it comes as `QuoteAnswered`.

        Raises:
            Disconnected: nothing was sent, and why.
        """
        legs, now_ns = request.structure.legs, self._now_ns()
        signed = self._terms.quote(
            legs,
            (quote.price_nanos,),
            request.side,
            nonce=quote.nonce,
            valid_until_s=quote.valid_until_s,
            now_ns=now_ns,
        )
        if isinstance(signed, str):
            raise Disconnected(VENUE, f"{signed}: nothing was sent", request="private/send_quote")
        if not self._rpc.may_send("private/send_quote"):
            raise Disconnected(VENUE, "rate budget is used up: nothing was sent", request="private/send_quote")
        mine = self._credentials
        params = build_quote(
            request.structure.rfq_id, mine.subaccount_id, mine.signer_address, signed, str(quote.nonce)
        )
        self._rpc.send("private/send_quote", params, partial(self._on_sent, quote.nonce))
        self._standing[quote.nonce] = _Standing(request, quote)

    def _on_sent(self, nonce: int, result: Any, fault: Fault | None) -> None:
        now_ns, standing = self._now_ns(), self._standing.get(nonce)
        if standing is None:
            return  # over already, or a late answer
        if fault is None:
            try:
                self._learn(parse_quote(result), now_ns)
            except BadFrame:
                self._take_back(standing)  # it may stand: whatever it is, it is to go
        elif fault.is_unknown:
            self._take_back(standing)
        else:
            del self._standing[nonce]
            self._events.on_answer(_answer(standing, QuoteOutcome.REFUSED, now_ns, fault.words))

    async def withdraw(self) -> None:
        """Take every quote of ours back. Raises VenueError; the outcomes come through the quotes channel."""
        await self._rpc.ask("private/cancel_batch_quotes", self._subject())

    def tick(self, now_ns: int) -> None:
        """Tell what a loss ended, and take back what has stood for as long as it should."""
        while self._untold:
            self._events.on_answer(self._untold.popleft())
        for standing in list(self._standing.values()):
            if standing.quote.valid_until_s * NANOS_PER_S <= now_ns and not standing.is_leaving:
                self._take_back(standing)

    def _take_back(self, standing: _Standing) -> None:
        if not self._rpc.may_send("private/cancel_batch_quotes", is_cancel=True):
            return  # the next tick tries again
        params = self._subject() | {"nonce": standing.quote.nonce}
        try:
            self._rpc.send("private/cancel_batch_quotes", params, partial(self._on_taken_back, standing.quote.nonce))
        except Disconnected:
            return  # with the connection the quote goes, too
        standing.is_leaving = True

    def _on_taken_back(self, nonce: int, result: Any, fault: Fault | None) -> None:
        """The quotes channel has told of its end before this, unless there was no such quote."""
        standing = self._standing.get(nonce)
        if standing is None:
            return
        if fault is not None:
            standing.is_leaving = False  # the next tick tries again
        elif result == {"cancelled_ids": []}:
            del self._standing[nonce]
            self._events.on_answer(_answer(standing, QuoteOutcome.ENDED, self._now_ns(), "never reached the venue"))

    def _subject(self) -> dict[str, object]:
        return {"subaccount_id": self._credentials.subaccount_id}


def _answer(standing: _Standing, outcome: QuoteOutcome, now_ns: int, detail: str) -> QuoteAnswered:
    rfq_id = standing.request.rfq.rfq_id
    return QuoteAnswered(now_ns=now_ns, source=VENUE, rfq_id=rfq_id, outcome=outcome, detail=detail)
