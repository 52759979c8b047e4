"""Deribit by name: its deployment, our credentials there, and a session over both."""

import os
from collections.abc import Callable

from atomizer.app import practice
from atomizer.app.public_socket import Speech
from atomizer.app.venues import VenueAccount, VenueClient
from atomizer.config.mode import Mode, mode_of, rfq_source_of
from atomizer.config.secrets import has_secret, take_text
from atomizer.config.settings import Settings
from atomizer.domain.instruments import parse_name
from atomizer.domain.session import VenueSession, Wiring
from atomizer.errors import ConfigError
from atomizer.venues.deribit.auth import Credentials
from atomizer.venues.deribit.budgets import Budgets
from atomizer.venues.deribit.codec import build_request, parse_message
from atomizer.venues.deribit.market import BookKind
from atomizer.venues.deribit.market_codec import ticker_channel
from atomizer.venues.deribit.names import to_deribit
from atomizer.venues.deribit.opening import subscribe
from atomizer.venues.deribit.profile import VENUE, Profile, choose_profile
from atomizer.venues.deribit.rest import DeribitRest
from atomizer.venues.deribit.session import DeribitSession

API_KEY = "DERIBIT_API_KEY"
SECRET = "DERIBIT_API_SECRET"  # noqa: S105  the variable's name
PRIVATE_KEY = "DERIBIT_PRIVATE_KEY_ED25519"


def missing(settings: Settings, _variant: str) -> list[str]:
    proof = PRIVATE_KEY if settings.exchange.deribit_use_ed25519 else SECRET
    found = ((API_KEY, settings.exchange.deribit_api_key), (proof, has_secret(proof, os.environ)))
    return [name for name, is_there in found if not is_there]


def account(settings: Settings, endpoints: practice.Endpoints | None, _variant: str) -> VenueAccount:
    """Raises ConfigError: a key or secret that is none."""
    profile, credentials = profile_of(settings, endpoints), _credentials(settings, endpoints)
    books = BookKind(settings.exchange.deribit_books)

    def open_session(wiring: Wiring) -> VenueSession:
        return DeribitSession(
            profile,
            credentials,
            underlyings=wiring.underlyings,
            emit=wiring.emit,
            now_ns=wiring.now_ns,
            listeners=wiring.listeners,
            last_nonce=wiring.last_nonce,
            max_clock_offset_ns=wiring.max_clock_offset_ns,
            reader=wiring.reader,
            on_trade=wiring.on_trade,
            books=books,
        )

    key = credentials.api_key
    return VenueAccount(
        venue=VENUE,
        place=profile.name,
        owner=f"key {key}",
        account=key,
        short=key,
        open_session=open_session,
        open_client=lambda wiring: DeribitRest(profile, credentials, wiring),
    )


def public(settings: Settings, endpoints: practice.Endpoints | None, _variant: str) -> Callable[[Wiring], VenueClient]:
    profile = profile_of(settings, endpoints)
    return lambda wiring: DeribitRest(profile, None, wiring)


def speech(settings: Settings, endpoints: practice.Endpoints | None, _variant: str) -> Speech:
    return Speech(
        venue=VENUE,
        url=profile_of(settings, endpoints).url,
        build_request=build_request,
        parse_message=parse_message,
        budget_of=Budgets().of,
        subscribe=subscribe,
        ticker_channel=lambda name: ticker_channel(to_deribit(parse_name(name))),
        ping="public/test",
    )


def profile_of(settings: Settings, endpoints: practice.Endpoints | None) -> Profile:
    """The deployment that these settings mean; the practice venue's address at `endpoints`."""
    if endpoints is None:
        own_url = settings.rfq.ws_url if rfq_source_of(settings) == VENUE else ""
        return choose_profile(is_test=mode_of(settings) is Mode.TEST, url=own_url)
    return choose_profile(is_test=True, url=endpoints.deribit.ws)


def _credentials(settings: Settings, endpoints: practice.Endpoints | None) -> Credentials:
    is_asymmetric = settings.exchange.deribit_use_ed25519
    if endpoints is not None:
        known = endpoints.deribit
        if is_asymmetric:
            return Credentials.with_ed25519(known.ed25519_client_id, practice.DERIBIT_ED25519_SEED.hex())
        return Credentials.with_secret(known.client_id, known.client_secret.encode())
    name = PRIVATE_KEY if is_asymmetric else SECRET
    proof = take_text(name)
    if proof is None:
        raise ConfigError(f"missing {name}: set it, or use --paper for the practice venues")
    if is_asymmetric:
        return Credentials.with_ed25519(settings.exchange.deribit_api_key, proof)
    secret = proof.strip().encode()
    if settings.exchange.deribit_login == "credentials":
        return Credentials.with_sent_secret(settings.exchange.deribit_api_key, secret)
    return Credentials.with_secret(settings.exchange.deribit_api_key, secret)
