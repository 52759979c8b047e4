"""Deribit as the source of RFQs: its block RFQs, over the session that prices are taken from and hedges are sent on."""

import sys
from collections.abc import Sequence

import msgspec
import orjson

from atomizer._core.ecdsa import Signer
from atomizer.app.fused import FusedQuotes
from atomizer.app.rfq_source import Nonces, RfqSource, SessionNonces, SourceParts, Ways, protections_of
from atomizer.config.settings import Settings
from atomizer.domain.session import VenueSession
from atomizer.domain.trading import QuoteSent
from atomizer.errors import ConfigError, UsageError
from atomizer.venues.deribit.block_maker import BlockMaker
from atomizer.venues.deribit.block_requests import BlockRequest
from atomizer.venues.deribit.profile import VENUE
from atomizer.venues.deribit.session import DeribitSession

UNDERLYINGS = ("BTC", "ETH")


class DeribitSource:
    """A maker there. Trades of quotes come with the account's other fills; the account's custody asks for them, too."""

    def __init__(self, parts: SourceParts, underlyings: Sequence[str]) -> None:
        self._session = _deribit(parts.venue)
        self._parts = parts
        self._underlyings = underlyings
        self._maker: BlockMaker | None = None

    @property
    def ways(self) -> Ways:
        assert self._maker is not None  # noqa: S101  `start` comes first
        return Ways(_Printer(self._maker)) if self._parts.is_dry else Ways(self._maker, standing=self._maker)

    @property
    def is_open(self) -> bool:
        return self._session.is_open

    async def start(self) -> None:
        protections = [] if self._parts.is_dry else protections_of(self._parts.settings.rfq, self._underlyings)
        self._maker = await self._session.answer_rfqs(self._parts.events, protections, only_listens=self._parts.is_dry)

    async def wait(self) -> None:
        await self._session.wait()

    async def stop(self) -> None:
        """The session goes on until our orders are gone; no quote is left to be taken."""
        if self._session.is_open:
            await self.withdraw()

    async def reconcile(self) -> None:
        """The custody of the account's orders sees these fills, too."""

    follow = reconcile

    async def withdraw(self) -> None:
        if self._maker is not None and not self._parts.is_dry:
            await self._session.blocks.cancel_all()


class _Printer:
    """Prints what would be sent; there is nothing to sign."""

    def __init__(self, maker: BlockMaker) -> None:
        self._maker = maker
        self.signed = maker.signed

    def send_quote(self, request: BlockRequest, quote: QuoteSent) -> None:
        message = {"method": "private/add_block_rfq_quote", "params": self._maker.prepare(request, quote)}
        sys.stdout.write(f"would send: {orjson.dumps(message).decode()}\n")
        sys.stdout.flush()


class DeribitSourceAccess(msgspec.Struct, frozen=True):
    """The account that hedges is the one that quotes."""

    owner: str
    rfq_assets: tuple[str, ...]
    pays_coin: bool = True
    names_trades: bool = True

    @property
    def name(self) -> str:
        return VENUE

    @property
    def underlyings(self) -> tuple[str, ...]:
        return self.rfq_assets or UNDERLYINGS

    @property
    def signers(self) -> Sequence[Signer]:
        return ()

    def fused(self, _settings: Settings) -> FusedQuotes | None:
        return None

    def nonces(self, _last: int, venue: VenueSession) -> Nonces:
        return SessionNonces(venue)

    def open(self, parts: SourceParts) -> RfqSource:
        return DeribitSource(parts, self.underlyings)


def deribit_access(settings: Settings, owner: str, *, hedges_elsewhere: bool) -> DeribitSourceAccess:
    """Raises UsageError: the RFQs are not those of the account that hedges, or assets that are no underlyings."""
    if settings.exchange.name.venue != VENUE or hedges_elsewhere:
        raise UsageError(
            "--rfq-source deribit answers as the account that hedges, and that is not at Deribit alone:"
            " use --exchange deribit and no other for hedges"
        )
    for name in settings.rfq.assets:
        if name.startswith("0x"):
            raise UsageError(f"--rfq-assets {name}: block RFQs are of underlyings: use names such as ETH")
    return DeribitSourceAccess(owner, tuple(settings.rfq.assets))


def _deribit(venue: VenueSession) -> DeribitSession:
    if not isinstance(venue, DeribitSession):
        raise ConfigError(f"block RFQs of Deribit are answered over a session there, not at {venue.name}")
    return venue
