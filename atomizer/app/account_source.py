"""Derive and Deribit as sources of RFQs, over the very session that prices are taken from and hedges are sent on."""

import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

import msgspec
import orjson

from atomizer._core.ecdsa import Signer
from atomizer.app.fused import FusedQuotes
from atomizer.app.rfq_source import (
    Nonces,
    QuoteSender,
    RfqSource,
    SessionNonces,
    SourceParts,
    StandingQuotes,
    Ways,
    protections_of,
)
from atomizer.config.settings import Settings
from atomizer.domain.session import VenueSession
from atomizer.domain.trading import Protection, QuoteSent
from atomizer.errors import ConfigError, UsageError
from atomizer.venues.deribit.session import DeribitSession
from atomizer.venues.derive.session import DeriveSession

UNDERLYINGS: Final = ("BTC", "ETH")


class AccountMaker(QuoteSender[Any], StandingQuotes[Any], Protocol):
    """A venue's maker of quotes that stand."""

    def prepare(self, request: Any, quote: QuoteSent) -> dict[str, object]:
        """Parameters of the request that sends this quote, signed where the venue wants that."""

    async def withdraw(self) -> None:
        """Take every quote back. Raises VenueError."""


class _Kind(msgspec.Struct, frozen=True):
    """In what the venues differ."""

    quote_method: str
    pays_coin: bool
    answer: Callable[[SourceParts, list[Protection]], Awaitable[AccountMaker]]


class AccountSource:
    """A maker there. Trades of quotes come with the account's other fills; the account's custody asks for them, too."""

    def __init__(self, parts: SourceParts, underlyings: Sequence[str], kind: _Kind) -> None:
        self._parts = parts
        self._underlyings = underlyings
        self._kind = kind
        self._maker: AccountMaker | None = None

    @property
    def ways(self) -> Ways:
        assert self._maker is not None  # noqa: S101  `start` comes first
        if self._parts.is_dry:
            return Ways(_Printer(self._maker, self._kind.quote_method))
        return Ways(self._maker, standing=self._maker)

    @property
    def is_open(self) -> bool:
        return self._parts.venue.is_open

    async def start(self) -> None:
        protections = [] if self._parts.is_dry else protections_of(self._parts.settings.rfq, self._underlyings)
        self._maker = await self._kind.answer(self._parts, protections)

    async def wait(self) -> None:
        await self._parts.venue.wait()

    async def stop(self) -> None:
        """The session goes on until our orders are gone; no quote is left to be taken."""
        if self.is_open:
            await self.withdraw()

    async def reconcile(self) -> None:
        """The custody of the account's orders sees these fills, too."""

    follow = reconcile

    async def withdraw(self) -> None:
        if self._maker is not None and not self._parts.is_dry:
            await self._maker.withdraw()


class _Printer:
    """Prepares as if to send, signature included, and prints."""

    def __init__(self, maker: AccountMaker, method: str) -> None:
        self._maker = maker
        self._method = method
        self.signed = maker.signed

    def barred(self) -> str:
        return ""

    def send_quote(self, request: Any, quote: QuoteSent) -> None:
        message = {"method": self._method, "params": self._maker.prepare(request, quote)}
        sys.stdout.write(f"would send: {orjson.dumps(message).decode()}\n")
        sys.stdout.flush()


class AccountSourceAccess(msgspec.Struct, frozen=True):
    """The account that hedges is the one that quotes."""

    name: str
    owner: str
    rfq_assets: tuple[str, ...]
    names_trades: bool = True

    @property
    def pays_coin(self) -> bool:
        return _KINDS[self.name].pays_coin

    @property
    def underlyings(self) -> tuple[str, ...]:
        return self.rfq_assets or UNDERLYINGS

    @property
    def signers(self) -> Sequence[Signer]:
        return ()  # the account's own

    def fused(self, _settings: Settings) -> FusedQuotes | None:
        return None

    def nonces(self, _last: int, venue: VenueSession) -> Nonces:
        return SessionNonces(venue)

    def open(self, parts: SourceParts) -> RfqSource:
        return AccountSource(parts, self.underlyings, _KINDS[self.name])


def account_source(name: str, settings: Settings, owner: str, *, hedges_elsewhere: bool) -> AccountSourceAccess:
    """Raises UsageError: the RFQs are not those of the account that hedges, or assets that are no underlyings."""
    if settings.exchange.name.venue != name or hedges_elsewhere:
        raise UsageError(
            f"--rfq-source {name} answers as the account that hedges, and that is not at {name.capitalize()} alone:"
            f" use --exchange {name} and no other for hedges"
        )
    for asset in settings.rfq.assets:
        if asset.startswith("0x"):
            raise UsageError(f"--rfq-assets {asset}: RFQs there are of underlyings: use names such as ETH")
    return AccountSourceAccess(name, owner, tuple(settings.rfq.assets))


async def _at_derive(parts: SourceParts, protections: list[Protection]) -> AccountMaker:
    if not isinstance(parts.venue, DeriveSession):
        raise ConfigError(f"RFQs of Derive are answered over a session there, not at {parts.venue.name}")
    return await parts.venue.answer_rfqs(parts.events, protections)


async def _at_deribit(parts: SourceParts, protections: list[Protection]) -> AccountMaker:
    if not isinstance(parts.venue, DeribitSession):
        raise ConfigError(f"block RFQs of Deribit are answered over a session there, not at {parts.venue.name}")
    return await parts.venue.answer_rfqs(parts.events, protections, only_listens=parts.is_dry)


_KINDS: Final = {
    "derive": _Kind("private/send_quote", pays_coin=False, answer=_at_derive),
    "deribit": _Kind("private/add_block_rfq_quote", pays_coin=True, answer=_at_deribit),
}
