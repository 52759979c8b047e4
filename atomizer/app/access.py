"""Which venues an RFQ responder reaches, as whom, and where its books lie. Opens nothing but what it must read."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from atomizer.app import practice, reach_rysk
from atomizer.app.account_source import account_source
from atomizer.app.cross import cross_account
from atomizer.app.persistence import persist
from atomizer.app.rfq_source import SourceAccess
from atomizer.app.rysk_source import RyskSourceAccess
from atomizer.app.venues import VenueAccount, account_at, missing_at, require
from atomizer.config.mode import Mode, mode_of, rfq_source_of
from atomizer.config.settings import Settings
from atomizer.config.units import VenueName
from atomizer.errors import ConfigError
from atomizer.journal.frames import Identity


class Access(msgspec.Struct, frozen=True):
    """Everything a run needs to reach its venues. Holds signers, which never show their keys."""

    mode: Mode
    venue: VenueAccount
    source: SourceAccess
    directory: Path


async def responder_access(
    settings: Settings, endpoints: practice.Endpoints | None, say: Callable[[str], None]
) -> Access:
    """Access of an RFQ responder: to the practice venues at `endpoints`, else by the credentials of the environment.

    Raises:
        ConfigError: something is missing (all of it is listed), or an address contradicts the mode.
    """
    name, hedge_name = settings.exchange.name, _hedge_name(settings)
    rfq_source = rfq_source_of(settings)
    wants_rysk = rfq_source == "rysk"
    if endpoints is None:
        if wants_rysk:
            reach_rysk.websocket_url(settings, None)  # an address that will not do is told before any key is taken
        elsewhere = missing_at(hedge_name, settings) if hedge_name is not None else []
        require(missing_at(name, settings) + elsewhere + (reach_rysk.missing(settings) if wants_rysk else []))
    venue = account_at(name, settings, endpoints)
    source: SourceAccess
    if wants_rysk:

        def get(url: str) -> Awaitable[bytes]:
            return persist(lambda: reach_rysk.get_once(url), say)

        source = RyskSourceAccess(await reach_rysk.maker_access(settings, endpoints, get))
    else:
        owner, hedges_elsewhere = "the same account as RFQ maker", hedge_name is not None
        source = account_source(rfq_source, settings, owner, hedges_elsewhere=hedges_elsewhere)
    if hedge_name is not None:
        venue = cross_account(venue, account_at(hedge_name, settings, endpoints))
    return Access(
        mode=mode_of(settings),
        venue=venue,
        source=source,
        directory=book_directory(settings, venue, endpoints),
    )


def _hedge_name(settings: Settings) -> VenueName | None:
    """The venue to hedge at, when it is another than where prices come from.

    Raises:
        ConfigError: another venue without `cross`, `cross` without another, or hedges that go where prices come from.
    """
    hedging, name = settings.hedging, settings.exchange.name
    wanted = hedging.venue
    is_other = wanted is not None and (wanted.venue, wanted.variant) != (name.venue, name.variant)
    if not is_other and not hedging.cross:
        return None
    if wanted is None or not is_other:
        raise ConfigError("hedging.cross: say where to hedge: --hedge-exchange, another than the one that prices")
    if not hedging.cross:
        raise ConfigError(f"hedging.venue {wanted} is not {name}, where prices come from: add --enable-cross-hedge")
    if hedging.gamma:
        raise ConfigError("hedging.gamma is hedged in options, where they are priced: not with another hedge venue")
    if hedging.mode == "option":
        raise ConfigError("hedging.mode option goes where it is priced: use --hedge-mode perpetual with another venue")
    return wanted


def book_directory(settings: Settings, venue: VenueAccount, endpoints: practice.Endpoints | None) -> Path:
    """Where the books of this account lie: one directory an account, and at the practice venues one a session."""
    root = Path(settings.journal.directory) / mode_of(settings)
    account = f"{venue.venue}-{venue.account}".replace("/", "-").replace(":", "-")
    if endpoints is None:
        return root / account
    return root / (endpoints.session if venue.venue == "derive" else f"{endpoints.session}-{account}")


def identity_of(venue: VenueAccount, directory: Path) -> Identity:
    """What the journal of this account is called, so that no other account's is ever continued."""
    return Identity(venue.venue, f"{venue.account} {directory.name}")


def state_directory(settings: Settings) -> Path:
    """The directory of the newest journal that these settings could mean, for commands that only read.

    Raises:
        ConfigError: there is none yet.
    """
    root = Path(settings.journal.directory) / mode_of(settings)
    found = sorted(root.glob("*/journal.atj"), key=os.path.getmtime)
    if not found:
        raise ConfigError(f"no journal under {root}: nothing was traded here yet, or journal.directory is another")
    return found[-1].parent
