"""Which venues there are, and how each is reached by name: one line a venue, imported when it is named.

A module of the table turns settings and credentials into a `VenueAccount`. It wants the credentials of its own venue
only, so whoever talks to one venue needs no other's.
"""

import importlib
from collections.abc import Callable, Iterable
from typing import Final, Protocol

import msgspec

from atomizer._core.ecdsa import Signer
from atomizer.app.practice import Endpoints
from atomizer.app.public_socket import Speech
from atomizer.config.mode import Mode, mode_of
from atomizer.config.settings import Settings
from atomizer.config.units import VenueName
from atomizer.domain.session import OpenOrder, VenueSession, Wiring
from atomizer.domain.trading import OrderPlaced
from atomizer.errors import ConfigError
from atomizer.net.clock import ClockOffset

VENUES: Final = {
    "derive": "atomizer.app.reach_derive",
    "deribit": "atomizer.app.reach_deribit",
    "ccxt": "atomizer.app.reach_ccxt",
}


class VenueClient(VenueSession, Protocol):
    """A presence for one command: the same account, prices when asked for. Public things work without credentials."""

    keeps_orders: bool  # whether an order may rest when the command has ended
    clock_offset: ClockOffset | None  # measured by `start`
    address: str  # of its requests

    async def fetch_prices(self, names: Iterable[str]) -> None:
        """Bring mark and touch of these instruments up to now."""

    async def validate(self, order: OrderPlaced) -> str:
        """What the venue says to this order without placing it, in words.

        Raises:
            Refused: it would not take it, or would have us sign something else.
        """

    async def resting(self) -> list[OpenOrder]:
        """What rests on this account, whoever placed it."""


class VenueAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Who we are at one venue, and the way in. Holds keys only inside signers, which never show them."""

    venue: str  # as orders and journal name it: derive
    place: str  # for people: derive v2 testnet
    owner: str  # for people: wallet 0x… subaccount 30769
    account: str  # the account in the venue's own terms, for the journal: 0x…/30769
    short: str  # the same for a narrow screen
    open_session: Callable[[Wiring], VenueSession]
    open_client: Callable[[Wiring], VenueClient]
    signers: tuple[Signer, ...] = ()  # of its messages, whose nonces are worth preparing


class Reach(Protocol):
    """What a module of the table has. `variant` is what follows the colon of ``ccxt:NAME``."""

    def missing(self, settings: Settings, variant: str) -> list[str]:
        """Names of the credentials that an account wants and that are not there."""

    def account(self, settings: Settings, endpoints: Endpoints | None, variant: str) -> VenueAccount:
        """Take the credentials and check that they belong together; `endpoints` are the practice venues in mode sim."""

    def public(self, settings: Settings, endpoints: Endpoints | None, variant: str) -> Callable[[Wiring], VenueClient]:
        """The way to what the venue tells everybody."""

    def speech(self, settings: Settings, endpoints: Endpoints | None, variant: str) -> Speech | None:
        """How to speak on a socket that nobody logs in on; None where there is no such socket of ours."""


def account_at(name: VenueName, settings: Settings, endpoints: Endpoints | None) -> VenueAccount:
    """Our account at the venue of this name, which no socket has been opened to yet.

    Raises:
        ConfigError: a venue that takes no orders, or credentials that are missing or will not do.
    """
    reach = _reach(name)
    if mode_of(settings) is not Mode.SIM:
        require(reach.missing(settings, name.variant))
    return reach.account(settings, endpoints, name.variant)


def public_at(name: VenueName, settings: Settings, endpoints: Endpoints | None) -> Callable[[Wiring], VenueClient]:
    """The way to the public part of the venue of this name: listings and prices, without credentials."""
    return _reach(name).public(settings, endpoints, name.variant)


def speech_at(name: VenueName, settings: Settings, endpoints: Endpoints | None) -> Speech | None:
    """How the venue of this name is spoken to on a socket that nobody logs in on, if there is one of ours."""
    return _reach(name).speech(settings, endpoints, name.variant)


def missing_at(name: VenueName, settings: Settings) -> list[str]:
    """Names of the credentials that are missing for an account at this venue."""
    return _reach(name).missing(settings, name.variant) if mode_of(settings) is not Mode.SIM else []


def require(missing: Iterable[str]) -> None:
    """Raises ConfigError with everything that is missing at once."""
    if names := ", ".join(dict.fromkeys(missing)):
        raise ConfigError(f"missing {names}: set them, or use --paper for the practice venues")


def _reach(name: VenueName) -> Reach:
    module = VENUES.get(name.venue)
    if module is None:
        raise ConfigError(f"exchange {name}: no orders can be sent there: use {', '.join(VENUES)}")
    found: Reach = importlib.import_module(module)
    return found
