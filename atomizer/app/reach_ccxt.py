"""Any exchange of ccxt by name: `ccxt:NAME`, for hedges and for looking."""

import os
from collections.abc import Callable
from typing import Final

from atomizer.app import practice
from atomizer.app.public_socket import Speech
from atomizer.app.venues import VenueAccount, VenueClient
from atomizer.config.mode import Mode, mode_of
from atomizer.config.secrets import has_secret, take_text
from atomizer.config.settings import Settings
from atomizer.domain.session import VenueSession, Wiring
from atomizer.errors import ConfigError
from atomizer.venues.ccxt.profile import PREFIX, credential_names, make_exchange
from atomizer.venues.ccxt.session import CcxtSession

PRACTICE: Final = ("deribit",)  # the exchanges of ccxt that have a practice twin here


def missing(_settings: Settings, variant: str) -> list[str]:
    return [name for name in credential_names(variant).values() if not has_secret(name, os.environ)]


def account(settings: Settings, endpoints: practice.Endpoints | None, variant: str) -> VenueAccount:
    """Raises ConfigError: no such exchange, no practice twin or test network, or credentials are missing."""
    secrets = _secrets(endpoints, variant)
    base_url, is_test = _base_url(endpoints, variant), mode_of(settings) is Mode.TEST

    def open_at(wiring: Wiring, *, keeps_prices: bool) -> CcxtSession:
        exchange = make_exchange(variant, secrets, is_test=is_test, base_url=base_url)
        return CcxtSession(variant, exchange, wiring, may_trade=True, keeps_prices=keeps_prices)

    def open_session(wiring: Wiring) -> VenueSession:
        return open_at(wiring, keeps_prices=True)

    def open_client(wiring: Wiring) -> VenueClient:
        return open_at(wiring, keeps_prices=False)

    owner = next((secrets[word] for word in ("apiKey", "walletAddress") if word in secrets), "")
    network = "practice" if base_url else "testnet" if is_test else "mainnet"
    return VenueAccount(
        venue=PREFIX + variant,
        place=f"{PREFIX}{variant} {network}",
        owner=f"key {owner}",
        account=owner,
        short=owner[:12],
        open_session=open_session,
        open_client=open_client,
    )


def public(settings: Settings, endpoints: practice.Endpoints | None, variant: str) -> Callable[[Wiring], VenueClient]:
    base_url, is_test = _base_url(endpoints, variant), mode_of(settings) is Mode.TEST

    def open_client(wiring: Wiring) -> VenueClient:
        exchange = make_exchange(variant, {}, is_test=is_test, base_url=base_url)
        return CcxtSession(variant, exchange, wiring, may_trade=False, keeps_prices=False)

    return open_client


def speech(_settings: Settings, _endpoints: practice.Endpoints | None, variant: str) -> Speech | None:
    """ccxt speaks to each exchange in its own way, over HTTP."""
    del variant
    return None


def _secrets(endpoints: practice.Endpoints | None, variant: str) -> dict[str, str]:
    if endpoints is not None:
        _check_practice(variant)
        return {"apiKey": endpoints.deribit.client_id, "secret": endpoints.deribit.client_secret}
    found = {word: take_text(name) for word, name in credential_names(variant).items()}
    return {word: text.strip() for word, text in found.items() if text is not None}


def _base_url(endpoints: practice.Endpoints | None, variant: str) -> str:
    if endpoints is None:
        return ""
    _check_practice(variant)
    return endpoints.deribit.http


def _check_practice(variant: str) -> None:
    if variant not in PRACTICE:
        raise ConfigError(f"ccxt:{variant} has no practice twin: use {', '.join(f'ccxt:{each}' for each in PRACTICE)}")
