"""Block RFQs over the session's connection: what is asked for, and our quotes on it."""

from collections.abc import Callable, Mapping
from typing import Any

from atomizer.domain.trading import Fill, Protection, Side
from atomizer.net.rpc import Rpc
from atomizer.venues.deribit.account_codec import MmpConfig
from atomizer.venues.deribit.block_codec import (
    BlockQuote,
    BlockRfq,
    build_quote,
    build_quote_edit,
    parse_block_rfq,
    parse_block_rfqs,
    parse_quote,
    parse_quotes,
)
from atomizer.venues.deribit.block_maker import BlockMaker, MakerEvents
from atomizer.venues.deribit.codec import parse_count
from atomizer.venues.deribit.market import MarketData
from atomizer.venues.deribit.profile import NANOS_PER_MS
from atomizer.venues.deribit.quoting import MS_PER_S, QuoteDesk


class BlockDesk:
    """The maker's side of block RFQs: those that are open, and our quotes on them, as the venue said last."""

    def __init__(self, rpc: Rpc, market: MarketData, quotes: QuoteDesk, now_ns: Callable[[], int]) -> None:
        self._rpc = rpc
        self._market = market
        self._quotes = quotes
        self._now_ns = now_ns
        self._protections: list[MmpConfig] = []
        self._only_listens = False
        self._maker: BlockMaker | None = None
        self.rfqs: dict[int, BlockRfq] = {}
        self.quotes: dict[int, BlockQuote] = {}

    async def answer(
        self, events: MakerEvents, protections: Mapping[str, Protection], *, only_listens: bool
    ) -> BlockMaker:
        """Answer block RFQs from now on, also after a loss; those first that are open already.

        `protections` by the venue's index, for block RFQs alone: set, and read back before any quote leaves. Whoever
        `only_listens` has no quotes there, and leaves those of the account alone.

        Raises:
            Refused: a protection cannot be had, or reads back otherwise.
            VenueError, BadFrame: the venue said no, or could not be understood.
        """
        self._protections = [_config(index_name, wanted) for index_name, wanted in protections.items()]
        pauses_ms = [wanted.frozen_ms for wanted in protections.values()]
        pause_ns = max(pauses_ms, default=0) * NANOS_PER_MS
        self._only_listens = only_listens
        self._maker = BlockMaker(self._rpc, self._market, events=events, now_ns=self._now_ns, pause_ns=pause_ns)
        await self.on_open()
        return self._maker

    async def on_open(self) -> None:
        """The session is logged in and knows its market. Quotes of an earlier connection are cancelled first."""
        if self._maker is None:
            return
        for wanted in self._protections:
            await self._quotes.configure(wanted)
        if not self._only_listens:
            await self.cancel_all()
        self._maker.catch_up(await self.fetch())

    def on_lost(self) -> None:
        if self._maker is not None:
            self._maker.forget()

    def tick(self, now_ns: int) -> None:
        if self._maker is not None:
            self._maker.tick(now_ns)

    def named(self, fill: Fill) -> Fill:
        """See `BlockMaker.named`."""
        return self._maker.named(fill) if self._maker is not None else fill

    def on_rfq(self, data: Any, _now_ns: int) -> None:
        """Data of the maker channel. Raises BadFrame."""
        rfq = parse_block_rfq(data)
        self._keep(rfq)
        if self._maker is not None:
            self._maker.hear(rfq)

    def on_quotes(self, data: Any, _now_ns: int) -> None:
        """Data of our quotes' channel. Raises BadFrame."""
        for quote in parse_quotes(data):
            self.quotes[quote.quote_id] = quote
            if self._maker is not None:
                self._maker.learn(quote)

    def _keep(self, rfq: BlockRfq) -> None:
        if rfq.state == "open":
            self.rfqs[rfq.rfq_id] = rfq
        else:
            self.rfqs.pop(rfq.rfq_id, None)
            self.quotes = {key: quote for key, quote in self.quotes.items() if quote.rfq_id != rfq.rfq_id}

    async def fetch(self, currency: str = "any") -> list[BlockRfq]:
        """Open RFQs that makers may quote."""
        params: dict[str, object] = {"state": "open", "role": "maker", "currency": currency}
        found = parse_block_rfqs(await self._rpc.ask("private/get_block_rfqs", params))
        for rfq in found:
            self._keep(rfq)
        return found

    async def quote(
        self,
        rfq: BlockRfq,
        side: Side,
        amount_nanos: int,
        leg_prices_nanos: tuple[int, ...],
        *,
        label: str,
        expires_ms: int,
    ) -> BlockQuote:
        """Quote our side of the whole structure, with a price for each leg.

        Raises:
            Refused, OutcomeUnknown: not taken, or not answered: `cancel_all` ends the doubt.
        """
        params = build_quote(rfq, side, amount_nanos, leg_prices_nanos, label=label, expires_ms=expires_ms)
        return self._note(await self._rpc.ask("private/add_block_rfq_quote", params))

    async def edit(
        self, rfq: BlockRfq, quote_id: int, amount_nanos: int, leg_prices_nanos: tuple[int, ...]
    ) -> BlockQuote:
        params = build_quote_edit(rfq, quote_id, amount_nanos, leg_prices_nanos)
        return self._note(await self._rpc.ask("private/edit_block_rfq_quote", params))

    async def cancel(self, quote_id: int) -> BlockQuote:
        return self._note(await self._rpc.ask("private/cancel_block_rfq_quote", {"block_rfq_quote_id": quote_id}))

    async def cancel_all(self, rfq_id: int | None = None) -> int:
        """Cancel our quotes on one RFQ, or on all; how many."""
        params: dict[str, object] = {} if rfq_id is None else {"block_rfq_id": rfq_id}
        return parse_count(await self._rpc.ask("private/cancel_all_block_rfq_quotes", params))

    async def fetch_quotes(self, rfq_id: int) -> list[BlockQuote]:
        """Our quotes on one RFQ, as the venue has them."""
        return parse_quotes(await self._rpc.ask("private/get_block_rfq_quotes", {"block_rfq_id": rfq_id}))

    def _note(self, result: Any) -> BlockQuote:
        quote = parse_quote(result)
        self.quotes[quote.quote_id] = quote
        return quote


def _config(index_name: str, wanted: Protection) -> MmpConfig:
    return MmpConfig(
        index_name=index_name,
        interval_s=wanted.window_ms // MS_PER_S,
        frozen_s=wanted.frozen_ms // MS_PER_S,
        max_quote_nanos=wanted.amount_limit_nanos,
        quantity_nanos=wanted.amount_limit_nanos,
        delta_nanos=wanted.delta_limit_nanos,
        is_block_rfq=True,
    )
