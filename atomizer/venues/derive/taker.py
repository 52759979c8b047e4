"""The taker's side of RFQs: ask makers for a structure, look at their quotes, take one."""

from collections.abc import Callable, Sequence

from atomizer.domain.trading import Side
from atomizer.errors import Refused
from atomizer.net.rpc import Rpc
from atomizer.venues.derive.auth import Credentials
from atomizer.venues.derive.profile import VENUE
from atomizer.venues.derive.rfq_codec import (
    DeriveQuote,
    DeriveRfq,
    Leg,
    build_quote,
    build_rfq,
    parse_best_quote,
    parse_quote,
    parse_quotes,
    parse_rfq,
)
from atomizer.venues.derive.rfq_terms import RfqTerms

PAGE_SIZE = 100
MOST_PAGES = 50


class Taker:
    """Of one subaccount. Every call asks and waits; see `Rpc.ask` for what it raises."""

    def __init__(self, credentials: Credentials, rpc: Rpc, terms: RfqTerms, next_nonce: Callable[[int], int]) -> None:
        self._credentials = credentials
        self._rpc = rpc
        self._terms = terms
        self._next_nonce = next_nonce

    async def ask(
        self,
        legs: Sequence[Leg],
        *,
        label: str = "",
        most_cost_e18: int | None = None,
        least_cost_e18: int | None = None,
    ) -> DeriveRfq:
        """Send an RFQ; makers see its legs, and not on which side we are. The costs are limits that stay with us."""
        params = build_rfq(
            self._credentials.subaccount_id,
            legs,
            label=label,
            most_cost_e18=most_cost_e18,
            least_cost_e18=least_cost_e18,
        )
        return parse_rfq(await self._rpc.ask("private/send_rfq", params))

    async def quotes(self, rfq: DeriveRfq) -> list[DeriveQuote]:
        """Every maker's open quotes for it."""
        params = self._subject(rfq) | {"status": "open", "page_size": PAGE_SIZE}
        found: list[DeriveQuote] = []
        page, page_count = 1, 1
        while page <= min(page_count, MOST_PAGES):
            quotes, page_count = parse_quotes(await self._rpc.ask("private/poll_quotes", params | {"page": page}))
            found += quotes
            page += 1
        return found

    async def best(self, rfq: DeriveRfq, side: Side) -> DeriveQuote | None:
        """The best quote for us on this side of the structure, within our limits."""
        params = self._subject(rfq) | {"direction": side.word, "legs": []}
        return parse_best_quote(await self._rpc.ask("private/rfq_get_best_quote", params))

    async def execute(self, quote: DeriveQuote, now_ns: int, *, label: str = "") -> DeriveQuote:
        """Take a maker's quote, whole. Our side is the other one of it.

        Raises:
            Refused: the venue said no, or we know that it would.
            OutcomeUnknown: `quotes` of the RFQ and our trades tell what became of it.
        """
        signed = self._terms.execution(quote, nonce=self._next_nonce(now_ns), now_ns=now_ns)
        if isinstance(signed, str):
            raise Refused(VENUE, signed, request="private/execute_quote")
        mine = self._credentials
        params = build_quote(quote.rfq_id, mine.subaccount_id, mine.signer_address, signed, label)
        params["quote_id"] = quote.quote_id
        return parse_quote(await self._rpc.ask("private/execute_quote", params))

    async def withdraw(self, rfq: DeriveRfq) -> None:
        """Take an RFQ back."""
        await self._rpc.ask("private/cancel_rfq", self._subject(rfq))

    def _subject(self, rfq: DeriveRfq) -> dict[str, object]:
        return {"subaccount_id": self._credentials.subaccount_id, "rfq_id": rfq.rfq_id}
