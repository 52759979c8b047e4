"""Rysk as the source of RFQs: its session, and custody of what it holds for us."""

import random
from collections.abc import Sequence

import msgspec

from atomizer._core.ecdsa import Signer
from atomizer.app.dry_run import PrintingSender
from atomizer.app.fused import FusedQuotes
from atomizer.app.parts import build_fused
from atomizer.app.reach_rysk import RyskAccess
from atomizer.app.rfq_source import Nonces, RfqSource, SourceParts, Ways
from atomizer.app.rysk_custody import RyskCustody
from atomizer.config.settings import Settings
from atomizer.domain.session import VenueSession
from atomizer.venues.rysk.auth import NonceClock
from atomizer.venues.rysk.profile import VENUE
from atomizer.venues.rysk.session import RyskSession


class RyskSource:
    """A maker there. A quote cannot be taken back: only its end limits it."""

    def __init__(self, access: RyskAccess, parts: SourceParts) -> None:
        session = RyskSession(
            access.url,
            access.rfq_assets,
            assets=access.assets,
            key=access.maker,
            events=parts.events,
            clock_ns=parts.clock_ns,
            random=random.Random(),  # noqa: S311  spreads reconnects, guards nothing
        )
        custody = RyskCustody(
            ledger=parts.ledger,
            venue=session,
            valid_for_s=max(int(parts.settings.rfq.quote_duration), 1),
            clock_ns=parts.clock_ns,
            on_fill=parts.events.on_fill,
        )
        self._session = session
        printer = PrintingSender(access.maker)
        self.ways = Ways(printer, printer) if parts.is_dry else Ways(session, session)
        self.start, self.wait, self.stop = session.start, session.wait, session.stop
        # In a dry run nothing there can be ours.
        self.reconcile = _nothing if parts.is_dry else custody.reconcile
        self.follow = _nothing if parts.is_dry else custody.follow

    @property
    def is_open(self) -> bool:
        return self._session.is_open

    async def withdraw(self) -> None:
        """There is no way."""


class RyskSourceAccess(msgspec.Struct, frozen=True):
    """The way to Rysk, as its maker."""

    rysk: RyskAccess
    pays_coin: bool = False
    names_trades: bool = False

    @property
    def name(self) -> str:
        return VENUE

    @property
    def owner(self) -> str:
        return f"Rysk maker {self.rysk.maker.maker}"

    @property
    def underlyings(self) -> tuple[str, ...]:
        return self.rysk.underlyings

    @property
    def signers(self) -> Sequence[Signer]:
        return [self.rysk.maker.signer]

    def fused(self, settings: Settings) -> FusedQuotes | None:
        return build_fused(settings, self.rysk)

    def nonces(self, last: int, _venue: VenueSession) -> Nonces:
        return NonceClock(last)

    def open(self, parts: SourceParts) -> RfqSource:
        return RyskSource(self.rysk, parts)


async def _nothing() -> None:
    """What a dry run has there."""
