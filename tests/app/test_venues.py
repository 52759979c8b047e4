"""The registry of venues: names, credentials, and what each mode may reach."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atomizer.app import practice
from atomizer.app.venues import VENUES, account_at, missing_at
from atomizer.config.load import load
from atomizer.config.units import VenueName
from atomizer.errors import ConfigError

KEY = "0x" + practice.DERIVE_KEY.hex()  # public anvil test key #0
ENDPOINTS = practice.Endpoints(
    "session",
    1,
    1,
    practice.DeriveEndpoints("ws://127.0.0.1:1/ws", "ws://127.0.0.1:1/v3/ws", "http://127.0.0.1:1"),
    practice.DeribitEndpoints("ws://127.0.0.1:3/ws/api/v2", "http://127.0.0.1:3", "id", "secret", "ed25519"),
    practice.RyskEndpoints("ws://127.0.0.1:2/", "http://127.0.0.1:2"),
)
DERIVE = {"DERIVE_WALLET_ADDRESS": practice.DERIVE_WALLET, "DERIVE_SUBACCOUNT_ID": "7"}


def settings(**environment):
    return load({}, environment, None).settings


@pytest.mark.parametrize(
    ("name", "venue", "variant", "is_practice"),
    [
        ("derive", "derive", "", False),
        ("Deribit", "deribit", "", False),
        ("ccxt:binance", "ccxt", "binance", False),
        ("sim", "derive", "", True),
        ("sim:deribit", "deribit", "", True),
        ("sim:ccxt:deribit", "ccxt", "deribit", True),
    ],
)
def test_a_name_says_which_client_and_whether_it_is_practice(name, venue, variant, is_practice):
    """`sim` is practice Derive, `sim:VENUE` the practice twin of that venue, `ccxt:NAME` any exchange of ccxt."""
    parsed = VenueName.parse(name)
    assert (parsed.venue, parsed.variant, parsed.is_practice) == (venue, variant, is_practice)


@given(st.text() | st.integers() | st.none())
def test_any_other_name_is_refused_with_the_names_there_are(value):
    """A name is one of those, or a ValueError that lists them."""
    try:
        parsed = VenueName.parse(value)
    except ValueError:
        with pytest.raises(ValueError, match=r"derive, deribit, rysk, ccxt:NAME"):
            VenueName.parse(value)
    else:
        assert parsed.venue in {"derive", "deribit", "rysk", "ccxt"}


@pytest.mark.parametrize("venue", VENUES)
def test_practice_accounts_want_no_credentials(venue):
    """Every venue of the registry has a practice account that needs nothing of the environment."""
    if venue == "ccxt":
        venue = "ccxt:deribit"
    name = VenueName.parse(f"sim:{venue}")
    assert missing_at(name, settings(EXCHANGE_NAME=name)) == []


def test_an_account_wants_the_credentials_of_its_venue_only(monkeypatch):
    """With Derive's credentials alone there is an account at Derive; Rysk's are not asked for."""
    monkeypatch.setenv("DERIVE_PRIVATE_KEY", KEY)
    found = account_at(VenueName("derive"), settings(**DERIVE, EXCHANGE_TEST_MODE="true"), None)
    assert (found.venue, found.place) == ("derive", "derive v2 testnet")
    assert found.account == f"{practice.DERIVE_WALLET.lower()}/7"
    assert "ac0974" not in repr(found)


def test_everything_that_is_missing_is_listed_at_once(monkeypatch):
    """One error names all credentials that are missing, and the way without."""
    monkeypatch.delenv("DERIVE_PRIVATE_KEY", raising=False)
    with pytest.raises(ConfigError) as error:
        account_at(VenueName("derive"), settings(), None)
    for word in ("DERIVE_PRIVATE_KEY", "DERIVE_WALLET_ADDRESS", "DERIVE_SUBACCOUNT_ID", "--paper"):
        assert word in str(error.value)


def test_test_mode_and_practice_never_mean_a_main_network(monkeypatch):
    """Test mode reaches test networks, practice the addresses of this machine, whatever credentials there are."""
    monkeypatch.setenv("DERIVE_PRIVATE_KEY", KEY)
    for version in ("v2", "v3"):
        tested = settings(**DERIVE, EXCHANGE_TEST_MODE="true", DERIVE_API_VERSION=version)
        monkeypatch.setenv("DERIVE_PRIVATE_KEY", KEY)
        assert "testnet" in account_at(VenueName("derive"), tested, None).place
        practised = settings(EXCHANGE_NAME="sim", DERIVE_API_VERSION=version)
        assert "testnet" in account_at(VenueName("sim"), practised, ENDPOINTS).place


def test_no_orders_go_to_a_source_of_rfqs():
    """Rysk is no exchange: naming it as one is a configuration error that lists those there are."""
    with pytest.raises(ConfigError, match="no orders can be sent there"):
        missing_at(VenueName("rysk"), settings())
