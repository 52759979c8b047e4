"""The maker's side of block RFQs: what is asked comes out as requests, quotes go in, and what becomes of each is told.

Quotes are all or none and go by their nonce, which is their label. An edited quote would keep its label, so that trades
of its two prices could not be told apart: a new price is a new quote, right behind the cancel of the old one. Only one
of them could trade, since each is for all that is asked.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final, Protocol

import msgspec

from atomizer.domain.trading import Fill, QuoteAnswered, QuoteLeg, QuoteOutcome, QuoteSent, Side, Signed
from atomizer.errors import BadFrame, Disconnected
from atomizer.net.rpc import Fault, Rpc
from atomizer.venues.deribit.block_codec import BlockQuote, BlockRfq, build_quote, parse_quote
from atomizer.venues.deribit.block_requests import BlockRequest, sided
from atomizer.venues.deribit.codec import BLOCK_LABEL
from atomizer.venues.deribit.market import MarketData
from atomizer.venues.deribit.profile import NANOS_PER_MS, VENUE

log = logging.getLogger(__name__)

NANOS_PER_S: Final = 1_000_000_000
MS_PER_S: Final = 1_000
KEPT_QUOTES: Final = 4_096
MMP_TRIGGER: Final = "mmp_trigger"  # as the venue says why a quote ended
ADD: Final = "private/add_block_rfq_quote"
CANCEL: Final = "private/cancel_block_rfq_quote"


class MakerEvents(Protocol):
    """Who listens. Called from the socket's callback or from housekeeping: must not block."""

    def on_request(self, request: BlockRequest) -> None: ...

    def on_answer(self, answer: QuoteAnswered) -> None: ...

    def on_bad_frame(self, error: BadFrame) -> None:
        """A block RFQ that we cannot answer; `error.reason` is to be counted."""


class _Standing(msgspec.Struct):
    """A quote of ours that may be taken, as far as we know."""

    request: BlockRequest
    quote: QuoteSent
    is_told: bool = False
    is_replaced: bool = False  # a later quote stands in its place: its end is no news
    must_go: bool = False
    is_leaving: bool = False  # a cancel is on its way


class BlockMaker:
    """Of one account."""

    def __init__(
        self, rpc: Rpc, market: MarketData, *, events: MakerEvents, now_ns: Callable[[], int], pause_ns: int
    ) -> None:
        """`pause_ns` is for how long the venue's protection pulls quotes when it trips."""
        self._rpc = rpc
        self._market = market
        self._events = events
        self._now_ns = now_ns
        self._pause_ns = pause_ns
        self._frozen_until_ns = 0
        self._is_listening = False
        self._open: dict[int, BlockRfq] = {}  # as far as we know: over a loss they stay, until we have asked again
        self._done: set[tuple[int, Side]] = set()  # sides of these where a quote has ended for good
        self._standing: dict[str, _Standing] = {}  # by label
        self._current: dict[str, str] = {}  # by request: the label of the quote that stands for it
        self._orphans: list[_Standing] = []  # of a connection that is gone: they stand until they were cancelled
        self._sent: OrderedDict[str, tuple[int, QuoteSent]] = OrderedDict()  # by label, with the RFQ's id

    # --- what we hear

    def hear(self, rfq: BlockRfq) -> None:
        if rfq.state != "open":
            self._close(rfq.rfq_id)
        elif rfq.rfq_id not in self._open:
            self._open[rfq.rfq_id] = rfq
            self._offer(rfq)

    def _close(self, rfq_id: int) -> None:
        self._open.pop(rfq_id, None)
        self._done -= {(rfq_id, Side.BUY), (rfq_id, Side.SELL)}

    def _offer(self, rfq: BlockRfq) -> None:
        try:
            requests = [sided(rfq, side, self._market, self._now_ns()) for side in (Side.BUY, Side.SELL)]
        except BadFrame as error:
            self._events.on_bad_frame(error)
            return
        for request in requests:
            self._events.on_request(request)

    def learn(self, quote: BlockQuote) -> None:
        """What the venue says of a quote of ours."""
        standing, now_ns = self._standing.get(quote.label), self._now_ns()
        if standing is None:
            return
        if quote.state == "open":
            if not standing.is_told:
                standing.is_told = True
                self._answer(standing, QuoteOutcome.STANDS, "")
            return
        if quote.reason == MMP_TRIGGER:
            self._freeze(now_ns)
        if quote.state == "filled":  # its trades say that it was taken
            self._drop(standing)
        else:
            self._end(standing, QuoteOutcome.ENDED, quote.reason or quote.state)

    def named(self, fill: Fill) -> Fill:
        """A trade of a block that does not say the label of our quote, under it."""
        rfq_id = fill.client_id.removeprefix(BLOCK_LABEL)
        if rfq_id == fill.client_id:
            return fill
        for label, (structure_id, quote) in reversed(self._sent.items()):
            legs = [(leg.instrument, leg.side, leg.price_nanos) for leg in quote.legs]
            if str(structure_id) == rfq_id and (fill.instrument, fill.side, fill.price_nanos) in legs:
                return msgspec.structs.replace(fill, client_id=label)
        return fill

    def _drop(self, standing: _Standing) -> None:
        label, request_id = _label(standing.quote), standing.request.rfq.rfq_id
        self._standing.pop(label, None)
        if self._current.get(request_id) == label:
            del self._current[request_id]

    def _end(self, standing: _Standing, outcome: QuoteOutcome, detail: str) -> None:
        """It cannot be taken. Unless we wanted it so, or the protection did, nor can another in its place."""
        self._drop(standing)
        if standing.is_replaced:
            return
        if not standing.must_go and detail != MMP_TRIGGER:
            self._done.add((standing.request.structure.rfq_id, standing.request.side))
        self._answer(standing, outcome, detail)

    def _answer(self, standing: _Standing, outcome: QuoteOutcome, detail: str) -> None:
        rfq_id, now_ns = standing.request.rfq.rfq_id, self._now_ns()
        self._events.on_answer(
            QuoteAnswered(now_ns=now_ns, source=VENUE, rfq_id=rfq_id, outcome=outcome, detail=detail)
        )

    def _freeze(self, now_ns: int) -> None:
        if now_ns >= self._frozen_until_ns:
            log.warning(
                "%s: the block RFQ protection has tripped: no quotes for %d s", VENUE, self._pause_ns // NANOS_PER_S
            )
        self._frozen_until_ns = now_ns + self._pause_ns

    # --- what we send

    def prepare(self, request: BlockRequest, quote: QuoteSent) -> dict[str, object]:
        """Parameters of private/add_block_rfq_quote."""
        structure = request.structure
        prices = {leg.instrument: leg.price_nanos for leg in quote.legs}
        return build_quote(
            structure,
            request.side,
            structure.amount_nanos,
            tuple(prices[leg.contract.name] for leg in structure.legs),
            label=_label(quote),
            expires_ms=min(quote.valid_until_s * MS_PER_S, structure.expires_ns // NANOS_PER_MS),
        ) | {"execution_instruction": "all_or_none"}

    def signed(self, _leg: QuoteLeg, _valid_for_s: int) -> Signed:
        """Nothing is signed here."""
        return Signed()

    def barred(self) -> str:
        """Why no quote could leave now, in words; empty when one could."""
        if not self._is_listening:
            return "not connected"
        if self._now_ns() < self._frozen_until_ns:
            return "the protection has tripped"
        return "" if self._rpc.allowance(ADD) else "rate budget is used up"

    def is_open(self, request: BlockRequest) -> bool:
        """Whether another quote for this request may be shown."""
        structure = request.structure
        return structure.rfq_id in self._open and (structure.rfq_id, request.side) not in self._done

    def send_quote(self, request: BlockRequest, quote: QuoteSent) -> None:
        """Send, behind the cancel of the quote that stands for this request.

        The intent must be in the journal before; what becomes of it comes as `QuoteAnswered`.

        Raises:
            Disconnected: nothing was sent, and why; what stood stands.
        """
        label, old = _label(quote), self._standing.get(self._current.get(request.rfq.rfq_id, ""))
        if why := self.barred():
            raise Disconnected(VENUE, f"{why}: nothing was sent", request=ADD)
        self._rpc.may_send(ADD)  # there is room, and this takes it
        if old is not None:
            self._send_away(old)
            if not old.is_leaving:
                raise Disconnected(VENUE, "the quote before could not be cancelled: nothing was sent", request=ADD)
        self._rpc.send(ADD, self.prepare(request, quote), partial(self._on_sent, label))
        self._standing[label] = _Standing(request, quote)
        self._current[request.rfq.rfq_id] = label
        self._sent[label] = request.structure.rfq_id, quote
        if len(self._sent) > KEPT_QUOTES:
            self._sent.popitem(last=False)
        if old is not None:
            old.is_replaced = True

    def _on_sent(self, label: str, result: Any, fault: Fault | None) -> None:
        standing = self._standing.get(label)
        if standing is None:
            return  # over already, or a late answer
        if fault is None:
            try:
                self.learn(parse_quote(result))
            except BadFrame:
                self._send_away(standing)  # it may stand: whatever it is, it is to go
        elif fault.is_unknown:
            self._send_away(standing)
        else:
            standing.must_go = True  # so that the side may be quoted again
            self._end(standing, QuoteOutcome.REFUSED, fault.words)

    async def withdraw(self) -> None:
        """Cancel every quote of the account. Raises VenueError; the outcomes come through the quotes channel."""
        await self._rpc.ask("private/cancel_all_block_rfq_quotes", {})

    def take_back(self, request: BlockRequest) -> None:
        """Have the quote that stands for this request gone, as soon as the rate budget allows."""
        standing = self._standing.get(self._current.get(request.rfq.rfq_id, ""))
        if standing is not None:
            self._send_away(standing)

    def _send_away(self, standing: _Standing) -> None:
        standing.must_go = True
        if standing.is_leaving or not self._rpc.may_send(CANCEL, is_cancel=True):
            return  # the next tick tries again
        label = _label(standing.quote)
        params: dict[str, object] = {"label": label, "block_rfq_id": standing.request.structure.rfq_id}
        try:
            self._rpc.send(CANCEL, params, partial(self._on_sent_away, label))
        except Disconnected:
            return
        standing.is_leaving = True

    def _on_sent_away(self, label: str, _result: Any, fault: Fault | None) -> None:
        """The quotes channel tells of its end, unless there was no such quote."""
        standing = self._standing.get(label)
        if standing is None:
            return
        if fault is not None and (fault.is_unknown or fault.hold_ms):
            standing.is_leaving = False  # the next tick tries again
        else:
            self._end(standing, QuoteOutcome.ENDED, fault.words if fault is not None else "taken back")

    # --- as time goes

    def tick(self, now_ns: int) -> None:
        """Take back what must go or has stood for as long as it should."""
        for standing in list(self._standing.values()):
            if standing.must_go or standing.quote.valid_until_s * NANOS_PER_S <= now_ns:
                self._send_away(standing)

    def forget(self) -> None:
        """The connection is gone. Whether our quotes went with it nobody says: they are cancelled by the next one."""
        self._is_listening = False
        self._orphans += [each for each in self._standing.values() if not each.is_replaced]
        self._standing.clear()
        self._current.clear()

    def catch_up(self, rfqs: Iterable[BlockRfq]) -> None:
        """Every quote of ours was cancelled, and this is what is asked."""
        rfqs = list(rfqs)
        for rfq_id in self._open.keys() - {rfq.rfq_id for rfq in rfqs}:
            self._close(rfq_id)
        self._is_listening = True
        while self._orphans:
            self._answer(self._orphans.pop(0), QuoteOutcome.ENDED, "the connection was lost")
        for rfq in rfqs:
            self.hear(rfq)


def _label(quote: QuoteSent) -> str:
    return str(quote.nonce)
