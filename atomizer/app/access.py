"""Which venues an RFQ responder reaches, as whom, and where its books lie. Opens nothing but what it must read."""

import os
from pathlib import Path

import msgspec

from atomizer.app import practice, reach_rysk
from atomizer.app.reach_rysk import RyskAccess
from atomizer.app.venues import VenueAccount, account_at, missing_at, require
from atomizer.config.mode import Mode, mode_of
from atomizer.config.settings import Settings
from atomizer.errors import ConfigError
from atomizer.journal.frames import Identity


class Access(msgspec.Struct, frozen=True):
    """Everything a run needs to reach its venues. Holds signers, which never show their keys."""

    mode: Mode
    venue: VenueAccount
    rysk: RyskAccess
    directory: Path

    @property
    def identity(self) -> Identity:
        return identity_of(self.venue, self.directory)


async def responder_access(settings: Settings, endpoints: practice.Endpoints | None) -> Access:
    """Access of an RFQ responder: to the practice venues at `endpoints`, else by the credentials of the environment.

    Raises:
        ConfigError: something is missing (all of it is listed), or an address contradicts the mode.
    """
    name = settings.exchange.name
    if endpoints is None:
        reach_rysk.websocket_url(settings, None)  # an address that will not do is told before any key is taken
        require(missing_at(name, settings) + reach_rysk.missing(settings))
    venue = account_at(name, settings, endpoints)
    return Access(
        mode=mode_of(settings),
        venue=venue,
        rysk=await reach_rysk.maker_access(settings, endpoints),
        directory=book_directory(settings, venue, endpoints),
    )


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
