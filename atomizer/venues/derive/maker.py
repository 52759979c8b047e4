"""The maker's side of RFQs: what is asked comes out as requests, quotes go in, and what becomes of each is told.

A quote stands until it is replaced, in one message, or taken back. While the RFQ goes on its side may be quoted again,
unless the venue has ended a quote of ours there for good.
"""

import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol

import msgspec

from atomizer.domain.trading import OrderState, QuoteAnswered, QuoteLeg, QuoteOutcome, QuoteSent, Side, Signed
from atomizer.errors import BadFrame, Disconnected
from atomizer.net.rpc import Fault, Rpc
from atomizer.venues.derive.auth import Credentials
from atomizer.venues.derive.codes import MMP_FROZEN
from atomizer.venues.derive.market import MarketData
from atomizer.venues.derive.profile import VENUE
from atomizer.venues.derive.rfq_codec import (
    DeriveQuote,
    DeriveRfq,
    build_quote,
    parse_quote,
    parse_quote_notice,
    parse_replaced_quote,
    parse_rfq_notice,
    parse_rfqs,
)
from atomizer.venues.derive.rfq_requests import DeriveRequest, sided
from atomizer.venues.derive.rfq_terms import RfqTerms

log = logging.getLogger(__name__)

NANOS_PER_S: Final = 1_000_000_000
PAGE_SIZE: Final = 100
MOST_PAGES: Final = 20
MMP_TRIGGER: Final = "mmp_trigger"  # as the venue says why a quote ended


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
    is_replaced: bool = False  # a later quote stands in its place, or is on its way there: its end is no news
    must_go: bool = False
    is_leaving: bool = False  # a cancel is on its way


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
        pause_ns: int | None = None,
    ) -> None:
        """`pause_ns` is for how long the venue's protection pulls quotes when it trips; None for quotes without one."""
        self._credentials = credentials
        self._rpc = rpc
        self._market = market
        self._terms = terms
        self._events = events
        self._now_ns = now_ns
        self._is_protected = pause_ns is not None
        self._pause_ns = pause_ns or 0
        self._frozen_until_ns = 0
        self._is_listening = False
        self._open: dict[str, DeriveRfq] = {}  # as far as we know: over a loss they stay, until we have asked again
        self._done: set[tuple[str, Side]] = set()  # sides of these where a quote has ended for good
        self._standing: dict[int, _Standing] = {}
        self._current: dict[str, int] = {}  # by request: the nonce of the quote that stands for it
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
        """What was asked while we did not listen, and what of before is over. Raises VenueError or BadFrame."""
        self._tell_untold()
        before, found = list(self._open), dict[str, DeriveRfq]()
        params = self._subject() | {"status": "open", "page_size": PAGE_SIZE}
        page, page_count = 1, 1
        while page <= min(page_count, MOST_PAGES):
            rfqs, page_count = parse_rfqs(await self._rpc.ask("private/poll_rfqs", params | {"page": page}))
            found.update((rfq.rfq_id, rfq) for rfq in rfqs)
            page += 1
        for rfq_id in before:
            if rfq_id not in found:
                self._close(rfq_id)
        self._is_listening = True
        for rfq in found.values():
            self._hear(rfq)

    def forget(self) -> None:
        """The connection is gone, and our quotes with it (cancel on disconnect)."""
        self._is_listening = False
        for standing in self._standing.values():
            if not standing.is_replaced:
                self._untold.append(_answer(standing, QuoteOutcome.ENDED, self._now_ns(), "the connection was lost"))
        self._standing.clear()
        self._current.clear()

    # --- what we hear

    def on_rfqs(self, data: Any, _now_ns: int) -> None:
        """Data of the RFQ channel. Raises BadFrame."""
        for rfq in parse_rfq_notice(data):
            self._hear(rfq)

    def _hear(self, rfq: DeriveRfq) -> None:
        if rfq.state is not OrderState.OPEN:
            self._close(rfq.rfq_id)
        elif rfq.rfq_id not in self._open:
            self._open[rfq.rfq_id] = rfq
            self._offer(rfq)

    def _close(self, rfq_id: str) -> None:
        self._open.pop(rfq_id, None)
        self._done -= {(rfq_id, Side.BUY), (rfq_id, Side.SELL)}

    def _offer(self, rfq: DeriveRfq) -> None:
        """Ask whoever listens for a price on either side of ours of the structure."""
        try:
            requests = [sided(rfq, side, self._market, self._now_ns()) for side in (Side.BUY, Side.SELL)]
        except BadFrame as error:
            self._events.on_bad_frame(error)
            return
        for request in requests:
            self._events.on_request(request)

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
        if quote.detail == MMP_TRIGGER:
            self._freeze(now_ns)
        if quote.state is OrderState.FILLED:  # its trades say that it was taken
            self._drop(standing)
        else:
            self._end(standing, QuoteOutcome.ENDED, now_ns, quote.detail)

    def _drop(self, standing: _Standing) -> None:
        nonce = standing.quote.nonce
        self._standing.pop(nonce, None)
        if self._current.get(standing.request.rfq.rfq_id) == nonce:
            del self._current[standing.request.rfq.rfq_id]

    def _end(self, standing: _Standing, outcome: QuoteOutcome, now_ns: int, detail: str) -> None:
        """It cannot be taken. Unless we wanted it so, or the protection did, nor can another in its place."""
        self._drop(standing)
        if standing.is_replaced:
            return
        if not standing.must_go and detail != MMP_TRIGGER:
            self._done.add((standing.request.structure.rfq_id, standing.request.side))
        self._events.on_answer(_answer(standing, outcome, now_ns, detail))

    def _freeze(self, now_ns: int) -> None:
        if now_ns >= self._frozen_until_ns:
            log.warning(
                "%s: the market maker protection has tripped: no quotes for %d s", VENUE, self._pause_ns // NANOS_PER_S
            )
        self._frozen_until_ns = now_ns + self._pause_ns

    # --- what we send

    def prepare(self, request: DeriveRequest, quote: QuoteSent) -> dict[str, object]:
        """Parameters of private/send_quote, signed.

        Raises:
            Disconnected: the venue would not take it, and why.
        """
        prices = {leg.instrument: leg.price_nanos for leg in quote.legs}
        signed = self._terms.quote(
            request.structure.legs,
            [prices[leg.instrument] for leg in request.structure.legs],
            request.side,
            nonce=quote.nonce,
            valid_until_s=quote.valid_until_s,
            now_ns=self._now_ns(),
        )
        if isinstance(signed, str):
            raise Disconnected(VENUE, f"{signed}: nothing was sent", request="private/send_quote")
        mine = self._credentials
        params = build_quote(
            request.structure.rfq_id, mine.subaccount_id, mine.signer_address, signed, str(quote.nonce)
        )
        return params | {"mmp": True} if self._is_protected else params

    def signed(self, leg: QuoteLeg, valid_for_s: int) -> Signed:
        """What the signature of a quote with this leg would allow."""
        return self._terms.signed(leg, valid_for_s=valid_for_s, now_ns=self._now_ns())

    def barred(self) -> str:
        """Why no quote could leave now, in words; empty when one could."""
        if not self._is_listening:
            return "not connected"
        if self._now_ns() < self._frozen_until_ns:
            return "the protection has tripped"
        return "" if self._rpc.allowance("private/send_quote") else "rate budget is used up"

    def is_open(self, request: DeriveRequest) -> bool:
        """Whether another quote for this request may be shown."""
        structure = request.structure
        return structure.rfq_id in self._open and (structure.rfq_id, request.side) not in self._done

    def send_quote(self, request: DeriveRequest, quote: QuoteSent) -> None:
        """Sign and send, in place of the quote that stands for this request, in one message.

        The intent must be in the journal before; what becomes of it comes as `QuoteAnswered`.

        Raises:
            Disconnected: nothing was sent, and why; what stood stands.
        """
        nonce, params = quote.nonce, self.prepare(request, quote)
        old = self._standing.get(self._current.get(request.rfq.rfq_id, 0))
        method, on_word = "private/send_quote", partial(self._on_sent, nonce)
        if old is not None:
            params["nonce_to_cancel"] = old.quote.nonce
            method, on_word = "private/replace_quote", partial(self._on_replaced, old, nonce)
        if why := self.barred():
            raise Disconnected(VENUE, f"{why}: nothing was sent", request=method)
        self._rpc.may_send(method)  # there is room, and this takes it
        self._rpc.send(method, params, on_word)
        self._standing[nonce] = _Standing(request, quote)
        self._current[request.rfq.rfq_id] = nonce
        if old is not None:
            old.is_replaced = True

    def _on_sent(self, nonce: int, result: Any, fault: Fault | None) -> None:
        standing = self._standing.get(nonce)
        if standing is None:
            return  # over already, or a late answer
        if fault is None:
            try:
                self._learn(parse_quote(result), self._now_ns())
            except BadFrame:
                self._send_away(standing)  # it may stand: whatever it is, it is to go
        elif fault.is_unknown:
            self._send_away(standing)
        else:
            self._refuse(standing, fault)

    def _on_replaced(self, old: _Standing, nonce: int, result: Any, fault: Fault | None) -> None:
        """Both done, or the old quote gone and the new one refused; or neither, or who knows."""
        new, now_ns = self._standing.get(nonce), self._now_ns()
        if fault is None:
            try:
                replaced = parse_replaced_quote(result)
            except BadFrame as error:
                fault = Fault(None, str(error), is_unknown=True)
            else:
                self._learn(replaced.cancelled, now_ns)
                if replaced.quote is not None:
                    self._learn(replaced.quote, now_ns)
                elif new is not None and replaced.fault is not None:
                    new.must_go = True  # so that the side may be quoted again
                    self._refuse(new, replaced.fault)
                return
        if new is None:
            return
        if fault.is_unknown:
            self._send_away(new)
            self._send_away(old)
        elif old.quote.nonce in self._standing:  # nothing was done, and the old price is no longer ours
            log.warning("%s: a quote was not replaced: %s: it is taken back", VENUE, fault.words)
            self._drop(new)
            old.is_replaced = False
            self._current[old.request.rfq.rfq_id] = old.quote.nonce
            self._send_away(old)
        else:
            self._refuse(new, fault)

    def _refuse(self, standing: _Standing, fault: Fault) -> None:
        now_ns = self._now_ns()
        if fault.code == MMP_FROZEN:
            self._freeze(now_ns)
        if fault.code == MMP_FROZEN or fault.hold_ms:
            standing.must_go = True  # it is no answer to this quote: another may be shown later
        self._end(standing, QuoteOutcome.REFUSED, now_ns, fault.words)

    async def withdraw(self) -> None:
        """Take every quote of ours back. Raises VenueError; the outcomes come through the quotes channel."""
        await self._rpc.ask("private/cancel_batch_quotes", self._subject())

    def take_back(self, request: DeriveRequest) -> None:
        """Have the quote that stands for this request gone, as soon as the rate budget allows."""
        standing = self._standing.get(self._current.get(request.rfq.rfq_id, 0))
        if standing is not None:
            self._send_away(standing)

    def tick(self, now_ns: int) -> None:
        """Tell what a loss ended, and take back what has stood for as long as it should."""
        self._tell_untold()
        for standing in list(self._standing.values()):
            if standing.quote.valid_until_s * NANOS_PER_S <= now_ns or standing.must_go:
                self._send_away(standing)

    def _tell_untold(self) -> None:
        while self._untold:
            self._events.on_answer(self._untold.popleft())

    def _send_away(self, standing: _Standing) -> None:
        standing.must_go = True
        if standing.is_leaving or not self._rpc.may_send("private/cancel_batch_quotes", is_cancel=True):
            return  # the next tick tries again
        nonce = standing.quote.nonce
        params = self._subject() | {"nonce": nonce}
        try:
            self._rpc.send("private/cancel_batch_quotes", params, partial(self._on_sent_away, nonce))
        except Disconnected:
            return  # with the connection the quote goes, too
        standing.is_leaving = True

    def _on_sent_away(self, nonce: int, result: Any, fault: Fault | None) -> None:
        """The quotes channel has told of its end before this, unless there was no such quote."""
        standing = self._standing.get(nonce)
        if standing is None:
            return
        if fault is not None:
            standing.is_leaving = False  # the next tick tries again
        elif result == {"cancelled_ids": []}:
            self._end(standing, QuoteOutcome.ENDED, self._now_ns(), "never reached the venue")

    def _subject(self) -> dict[str, object]:
        return {"subaccount_id": self._credentials.subaccount_id}


def _answer(standing: _Standing, outcome: QuoteOutcome, now_ns: int, detail: str) -> QuoteAnswered:
    rfq_id = standing.request.rfq.rfq_id
    return QuoteAnswered(now_ns=now_ns, source=VENUE, rfq_id=rfq_id, outcome=outcome, detail=detail)
