"""Block RFQs over the session's connection: what is asked for, and our quotes on it."""

from typing import Any

from atomizer.domain.trading import Side
from atomizer.net.rpc import Rpc
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
from atomizer.venues.deribit.codec import parse_count


class BlockDesk:
    """The maker's side of block RFQs: those that are open, and our quotes on them, as the venue said last."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        self.rfqs: dict[int, BlockRfq] = {}
        self.quotes: dict[int, BlockQuote] = {}

    def on_rfq(self, data: Any, _now_ns: int) -> None:
        """Data of the maker channel. Raises BadFrame."""
        self._keep(parse_block_rfq(data))

    def on_quotes(self, data: Any, _now_ns: int) -> None:
        """Data of our quotes' channel. Raises BadFrame."""
        self.quotes.update((quote.quote_id, quote) for quote in parse_quotes(data))

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
