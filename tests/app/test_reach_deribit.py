"""Deribit by name: which credentials it wants, what it makes of them, and which network it reaches."""

import pytest

from atomizer.app import practice
from atomizer.app.venues import account_at, missing_at, speech_at
from atomizer.config.load import load
from atomizer.config.units import VenueName
from atomizer.errors import ConfigError
from tests.app.test_venues import ENDPOINTS

NAME = VenueName("deribit")
SEED = practice.DERIBIT_ED25519_SEED.hex()  # public test key of RFC 8032


def settings(**environment):
    return load({}, {"EXCHANGE_NAME": "deribit", **environment}, None).settings


def test_a_secret_is_wanted_or_a_private_key(monkeypatch):
    """With Ed25519 the private key takes the secret's place; what is missing is listed at once."""
    for name in ("DERIBIT_API_KEY", "DERIBIT_API_SECRET", "DERIBIT_PRIVATE_KEY_ED25519"):
        monkeypatch.delenv(name, raising=False)
    assert missing_at(NAME, settings()) == ["DERIBIT_API_KEY", "DERIBIT_API_SECRET"]
    ed25519 = settings(DERIBIT_USE_ED25519="true")
    assert missing_at(NAME, ed25519) == ["DERIBIT_API_KEY", "DERIBIT_PRIVATE_KEY_ED25519"]
    with pytest.raises(ConfigError, match=r"DERIBIT_API_KEY, DERIBIT_API_SECRET.*--paper"):
        account_at(NAME, settings(), None)


@pytest.mark.parametrize(
    ("secret", "value", "flags"),
    [
        ("DERIBIT_API_SECRET", "AMANDASECRECT", {}),
        ("DERIBIT_API_SECRET", "AMANDASECRECT", {"ATOMIZER__EXCHANGE__DERIBIT_LOGIN": "credentials"}),
        ("DERIBIT_PRIVATE_KEY_ED25519", SEED, {"DERIBIT_USE_ED25519": "true"}),
    ],
)
def test_credentials_are_taken_once_and_never_shown(monkeypatch, secret, value, flags):
    """The account is named by its API key; the secret is gone from the environment and in nothing that is printed."""
    monkeypatch.setenv(secret, value + "\n")
    flags = flags | {"DERIBIT_API_KEY": "AMANDA"}
    found = account_at(NAME, settings(EXCHANGE_TEST_MODE="true", **flags), None)
    assert (found.venue, found.place, found.account) == ("deribit", "deribit testnet", "AMANDA")
    assert value not in repr(found)
    assert missing_at(NAME, settings(**flags)) == [secret]


def test_a_private_key_that_is_none_is_refused_without_repeating_it(monkeypatch):
    """Half a key is named by its variable."""
    monkeypatch.setenv("DERIBIT_PRIVATE_KEY_ED25519", SEED[:-2])
    with pytest.raises(ConfigError, match="DERIBIT_PRIVATE_KEY_ED25519") as caught:
        account_at(NAME, settings(DERIBIT_USE_ED25519="true", DERIBIT_API_KEY="AMANDA"), None)
    assert SEED[:-2] not in str(caught.value)


def test_each_mode_reaches_its_network_only(monkeypatch):
    """The main network without a flag, the test network in test mode, this machine in practice."""
    addresses = [
        speech_at(NAME, settings(), None).url,
        speech_at(NAME, settings(EXCHANGE_TEST_MODE="true"), None).url,
        speech_at(VenueName("sim:deribit"), settings(EXCHANGE_NAME="sim:deribit"), ENDPOINTS).url,
    ]
    assert addresses == ["wss://www.deribit.com/ws/api/v2", "wss://test.deribit.com/ws/api/v2", ENDPOINTS.deribit.ws]
    for name in ("DERIBIT_API_KEY", "DERIBIT_API_SECRET"):
        monkeypatch.delenv(name, raising=False)
    practised = account_at(VenueName("sim:deribit"), settings(EXCHANGE_NAME="sim:deribit"), ENDPOINTS)
    assert practised.account == ENDPOINTS.deribit.client_id


def test_a_ticker_is_named_as_the_venue_names_it():
    """Who listens without a login asks by our names."""
    speech = speech_at(NAME, settings(), None)
    assert speech.ticker_channel("SOL_USDC-20261002-72_5-P") == "ticker.SOL_USDC-2OCT26-72d5-P.100ms"
