"""Derive by name: its deployment, our credentials there, and a session over both."""

import os
from collections.abc import Callable

from atomizer._core.ecdsa import Signer
from atomizer.app import practice
from atomizer.app.public_socket import Speech
from atomizer.app.venues import VenueAccount, VenueClient
from atomizer.config.mode import Mode, mode_of, rfq_source_of
from atomizer.config.secrets import has_secret, take_key, wipe
from atomizer.config.settings import Settings
from atomizer.domain.session import VenueSession, Wiring
from atomizer.errors import ConfigError
from atomizer.venues.derive.auth import Credentials
from atomizer.venues.derive.budgets import Budgets
from atomizer.venues.derive.codec import build_request, parse_message
from atomizer.venues.derive.market_codec import ticker_channel
from atomizer.venues.derive.opening import subscribe
from atomizer.venues.derive.profile import VENUE, Profile, choose_profile
from atomizer.venues.derive.rest import DeriveRest
from atomizer.venues.derive.session import DeriveSession

KEY = "DERIVE_PRIVATE_KEY"


def missing(settings: Settings, _variant: str) -> list[str]:
    exchange = settings.exchange
    found = (
        (KEY, has_secret(KEY, os.environ)),
        ("DERIVE_WALLET_ADDRESS", exchange.derive_wallet_address),
        ("DERIVE_SUBACCOUNT_ID", exchange.derive_subaccount_id),
    )
    return [name for name, is_there in found if not is_there]


def account(settings: Settings, endpoints: practice.Endpoints | None, _variant: str) -> VenueAccount:
    """Raises ConfigError: a key, address or subaccount that is none."""
    exchange = settings.exchange
    if endpoints is not None:
        credentials = Credentials(practice.DERIVE_WALLET, Signer(practice.DERIVE_KEY), practice.DERIVE_SUBACCOUNT)
    else:
        credentials = Credentials(exchange.derive_wallet_address, _signer(), exchange.derive_subaccount_id)
    return _account(profile_of(settings, endpoints), credentials)


def public(settings: Settings, endpoints: practice.Endpoints | None, _variant: str) -> Callable[[Wiring], VenueClient]:
    profile = profile_of(settings, endpoints)
    return lambda wiring: DeriveRest(profile, None, wiring)


def speech(settings: Settings, endpoints: practice.Endpoints | None, _variant: str) -> Speech:
    return Speech(
        venue=VENUE,
        url=profile_of(settings, endpoints).url,
        build_request=build_request,
        parse_message=parse_message,
        budget_of=Budgets().of,
        subscribe=subscribe,
        ticker_channel=ticker_channel,
        ping="public/get_time",
    )


def profile_of(settings: Settings, endpoints: practice.Endpoints | None) -> Profile:
    """The deployment that these settings mean; the practice venue's address at `endpoints`."""
    version = settings.exchange.derive_api_version
    if endpoints is None:
        own_url = settings.rfq.ws_url if rfq_source_of(settings) == VENUE else ""
        return choose_profile(version, is_test=mode_of(settings) is Mode.TEST, url=own_url)
    url = endpoints.derive.ws_v2 if version == "v2" else endpoints.derive.ws_v3
    return choose_profile(version, is_test=True, url=url)


def _signer() -> Signer:
    key = take_key(KEY)
    if key is None:
        raise ConfigError(f"missing {KEY}: set it, or use --paper for the practice venues")
    try:
        return Signer(key)
    except ValueError:
        raise ConfigError(f"{KEY} is not a secp256k1 key: 64 hex digits are expected") from None
    finally:
        wipe(key)


def _account(profile: Profile, credentials: Credentials) -> VenueAccount:
    def open_session(wiring: Wiring) -> VenueSession:
        return DeriveSession(
            profile,
            credentials,
            underlyings=wiring.underlyings,
            emit=wiring.emit,
            now_ns=wiring.now_ns,
            listeners=wiring.listeners,
            reader=wiring.reader,
            on_trade=wiring.on_trade,
            last_nonce=wiring.last_nonce,
            max_clock_offset_ns=wiring.max_clock_offset_ns,
        )

    wallet, subaccount_id = credentials.wallet, credentials.subaccount_id
    return VenueAccount(
        venue=VENUE,
        place=profile.name,
        owner=f"wallet {wallet} subaccount {subaccount_id}",
        account=f"{wallet.lower()}/{subaccount_id}",
        short=f"{wallet[:6]}…{wallet[-4:]}/{subaccount_id}",
        open_session=open_session,
        open_client=lambda wiring: DeriveRest(profile, credentials, wiring),
        signers=(credentials.signer,),
    )
