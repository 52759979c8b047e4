"""Keeps our Rysk positions and the venue's own in agreement: books the trades that nobody told us of.

A trade notice that comes while the maker's socket is down, or while the trader is dead, is never sent again, and a
quote cannot be taken back. So the venue is asked what it holds, and where that is not what our books say, the quotes
that must have traded are worked out. What cannot be concluded beyond doubt is told, not booked, and not quoted.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from typing import Protocol

from atomizer._core.fixed import format_e18, format_nanos
from atomizer.app.ledger import Ledger
from atomizer.domain.instruments import NANOS, parse_name
from atomizer.domain.trading import Fill, PositionsCompared, QuoteSent
from atomizer.portfolio.missed_trades import E18_PER_NANO, NOTHING, Doubt, Holding, missed_trades
from atomizer.venues.rysk.account import RyskPosition
from atomizer.venues.rysk.profile import VENUE

log = logging.getLogger("atomizer.trades")

GRACE_S = 1.0  # for the notice of a trade that the venue's answer has already
LOOK_EVERY_S = 2.0
# Trades settle on a chain before they are positions; how long that takes is not documented. Until then a trade may be
# in our books and not in theirs, and a quote may trade that seemed to have ended untraded.
SHOWN_WITHIN_NS = 30 * NANOS


class PositionVenue(Protocol):
    """A venue that can be asked what it holds for us."""

    async def positions(self) -> list[RyskPosition]: ...


class RyskCustody:
    """Of the positions at Rysk."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        venue: PositionVenue,
        valid_for_s: int,
        clock_ns: Callable[[], int],
        on_fill: Callable[[Fill], None],
        grace_s: float = GRACE_S,
    ) -> None:
        self._ledger = ledger
        self._venue = venue
        self._valid_for_s = valid_for_s
        self._clock_ns = clock_ns
        self._on_fill = on_fill
        self._grace_s = grace_s
        self._turn = asyncio.Lock()
        self._look_until_ns = 0
        self._is_looking = False
        self._told: dict[str, str] = {}  # by instrument or token: what people were told, so that it is told once

    async def reconcile(self) -> None:
        """Make the positions agree: trades that we missed are booked once, what is in doubt is told and not quoted.

        Raises:
            VenueError: the venue did not answer; nothing was changed.
            BadFrame: its answer could not be read; nothing was changed.
        """
        async with self._turn:
            asked_ns = self._clock_ns()
            rows = await self._venue.positions()
            held = _by_instrument(rows, asked_ns // NANOS)
            if self._differing(held):
                await asyncio.sleep(self._grace_s)
            lines = {row.otoken: _unmapped(row) for row in rows if row.contract is None and row.balance_e18}
            in_doubt = []
            for name, quotes in self._ledger.state.quotes_on(VENUE, self._differing(held)).items():
                theirs, ours = held.get(name, NOTHING), self._booked(name)
                found = self._explain(name, theirs, quotes, asked_ns)
                if not isinstance(found, Doubt):
                    self._book(found)
                    continue
                whose = "" if quotes else ", and this journal never quoted it: another's trades, or an older journal's"
                lines[name] = f"{name}: {_difference(theirs, ours)}: {found}{whose}"
                # When only the premium differs we hold what we think we hold: a question of accounts, not of risk.
                if theirs.amount_e18 != ours.amount_e18:
                    in_doubt.append(name)
            self._ledger.learn(PositionsCompared(now_ns=asked_ns, venue=VENUE, differing=tuple(in_doubt)))
            self._tell(lines)

    async def follow(self) -> None:
        """Reconcile again and again until no quote that was sent before now can trade any more.

        For after a start or a reconnect: what trades now may be told to the connection that is gone.

        Raises:
            VenueError, BadFrame: as `reconcile`.
        """
        self._look_until_ns = self._clock_ns() + self._valid_for_s * NANOS
        if self._is_looking:
            return
        self._is_looking = True
        try:
            while self._clock_ns() < self._look_until_ns:
                await self.reconcile()
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            self._is_looking = False

    def _differing(self, held: dict[str, Holding]) -> list[str]:
        """Instruments of which the venue holds something else than our books; one that is flat it need not mention."""
        now_s = self._clock_ns() // NANOS
        booked = {
            position.instrument
            for position in self._ledger.state.portfolio.positions()
            if position.venue == VENUE and position.amount_nanos and parse_name(position.instrument).expiry_s > now_s
        }
        return [name for name in sorted(held.keys() | booked) if held.get(name, NOTHING) != self._booked(name)]

    def _booked(self, name: str) -> Holding:
        position = self._ledger.state.portfolio.position(VENUE, name)
        if position is None:
            return NOTHING
        return Holding(position.amount_nanos * E18_PER_NANO, position.cost_e18 - position.realized_e18)

    def _explain(
        self, name: str, held: Holding, quotes: list[QuoteSent], asked_ns: int
    ) -> tuple[QuoteSent, ...] | Doubt:
        state = self._ledger.state
        traded = [quote for quote in quotes if state.orders.has_fill(VENUE, str(quote.nonce))]
        won = {quote.rfq_id for quote in traded}
        told = [quote for quote in traded if _ended_since(quote, asked_ns - SHOWN_WITHIN_NS)]
        since_ns = state.agreed_ns(VENUE, name) - SHOWN_WITHIN_NS
        untold = [
            quote
            for quote in quotes
            if quote.rfq_id not in won and quote.now_ns <= asked_ns and _ended_since(quote, since_ns)
        ]
        return missed_trades(held, self._booked(name), told, untold)

    def _book(self, quotes: tuple[QuoteSent, ...]) -> None:
        """As if the notice had come. If it still does, it is a fill that we have."""
        for quote in quotes:
            words = quote.side.word, format_nanos(quote.quantity_nanos), quote.instrument
            price = format_nanos(quote.price_nanos)
            log.warning("trade %s was missed: the venue's positions say %s %s %s at %s", quote.nonce, *words, price)
            self._on_fill(_fill(quote, self._clock_ns()))

    def _tell(self, lines: dict[str, str]) -> None:
        """A line each time that something changes, not one each look."""
        for key, line in lines.items():
            if self._told.get(key) != line:
                log.error("%s", line)
        for key in self._told.keys() - lines.keys():
            log.warning("%s: our books and Rysk's positions agree again", key)
        self._told = lines


def _by_instrument(rows: list[RyskPosition], now_s: int) -> dict[str, Holding]:
    """One contract may be several option tokens: of each chain, each underlying token and each collateral.

    Without what has expired: it is settled within hours and then gone from the rows, and nobody can hedge it.
    """
    sums: defaultdict[str, Holding] = defaultdict(lambda: NOTHING)
    for row in rows:
        if row.contract is not None and row.contract.expiry_s > now_s:
            amount_e18, premium_e18 = sums[row.contract.name]
            sums[row.contract.name] = Holding(amount_e18 + row.balance_e18, premium_e18 + row.premium_e18)
    return dict(sums)


def _ended_since(quote: QuoteSent, since_ns: int) -> bool:
    return quote.valid_until_s * NANOS >= since_ns


def _fill(quote: QuoteSent, now_ns: int) -> Fill:
    """The trade of a quote. Its fee is not in the venue's positions, and its time is between the quote's and now."""
    nonce = str(quote.nonce)
    return Fill(
        now_ns=now_ns,
        venue=VENUE,
        trade_id=nonce,
        client_id=nonce,
        instrument=quote.instrument,
        side=quote.side,
        price_nanos=quote.price_nanos,
        amount_nanos=quote.quantity_nanos,
        fee_e18=0,
        is_maker=True,
        venue_time_ns=now_ns,
    )


def _difference(theirs: Holding, ours: Holding) -> str:
    what = "the premium differs" if theirs.amount_e18 == ours.amount_e18 else "not quoted until they agree"
    return f"Rysk holds {_shown(theirs)}, our books {_shown(ours)}; nothing booked, {what}"


def _shown(holding: Holding) -> str:
    return f"{format_e18(holding.amount_e18)} for {format_e18(holding.premium_e18)} USD"


def _unmapped(row: RyskPosition) -> str:
    amount = format_e18(row.balance_e18)
    return (
        f"{row.otoken}: Rysk holds {amount} of an option on {row.asset}, which has no symbol: not compared, not booked"
    )
