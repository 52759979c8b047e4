"""Logins are proven as Deribit's documents and published vectors have it, and nothing secret shows."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atomizer.errors import ConfigError
from atomizer.venues.deribit.auth import Credentials, build_refresh, parse_seed
from atomizer.venues.deribit.profile import MAINNET, TESTNET, choose_profile

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "vectors" / "deribit.json").read_text())
HMAC = VECTORS["hmac_client_signature"]
ED25519 = VECTORS["ed25519_client_signature"]  # public test keys of RFC 8032 and of our own making


@pytest.mark.parametrize("vector", [each for each in HMAC if not each["request"]["params"]["data"]])
def test_a_secret_signs_as_the_venue_documents(vector):
    """The request is the published one, signature included; the secret is not in it."""
    params = vector["request"]["params"]
    credentials = Credentials.with_secret(params["client_id"], vector["client_secret"].encode())
    assert credentials.build_login(params["timestamp"], params["nonce"]) == params
    assert vector["client_secret"] not in json.dumps(credentials.build_login(params["timestamp"], params["nonce"]))


@pytest.mark.parametrize("vector", ED25519, ids=lambda vector: vector["label"])
@pytest.mark.parametrize("form", ["private_key_pem", "seed_hex"])
def test_an_ed25519_key_signs_in_either_form(vector, form):
    """PEM and bare seed are the same key, and sign in URL-safe base64 without padding."""
    params = vector["request"]["params"]
    credentials = Credentials.with_ed25519(params["client_id"], vector[form])
    assert credentials.build_login(params["timestamp"], params["nonce"]) == params


def test_the_secret_is_sent_only_where_that_is_asked_for():
    """client_credentials carry the secret, whatever the time."""
    login = Credentials.with_sent_secret("AMANDA", b"AMANDASECRECT").build_login(1, "n")
    assert login == {"grant_type": "client_credentials", "client_id": "AMANDA", "client_secret": "AMANDASECRECT"}
    assert build_refresh("t") == {"grant_type": "refresh_token", "refresh_token": "t"}


@pytest.mark.parametrize(
    ("make", "secret"),
    [
        (Credentials.with_secret, b"AMANDASECRECT"),
        (Credentials.with_sent_secret, b"AMANDASECRECT"),
        (Credentials.with_ed25519, ED25519[0]["seed_hex"]),
    ],
)
def test_credentials_show_only_the_name_of_the_key(make, secret):
    """No representation of credentials, in a log or a traceback, holds the secret."""
    credentials = make("AMANDA", secret)
    shown = repr(credentials) + str(credentials) + f"{credentials!r:s}"
    assert "AMANDA" in shown
    assert "SECRECT" not in shown
    assert ED25519[0]["seed_hex"] not in shown


def test_a_secret_may_be_wiped_after_it_was_taken():
    """Signing goes on when the buffer that the secret came in is overwritten."""
    secret = bytearray(b"AMANDASECRECT")
    credentials = Credentials.with_secret("AMANDA", secret)
    before = credentials.build_login(1, "n")
    secret[:] = bytes(len(secret))
    assert credentials.build_login(1, "n") == before


@pytest.mark.parametrize("key", ["", " ", "two words", "x" * 129, "schlüssel"])
def test_a_name_that_is_none_is_refused(key):
    """Without an API key, or with one that cannot be typed, there is nothing to log in with."""
    with pytest.raises(ConfigError, match="DERIBIT_API_KEY"):
        Credentials.with_secret(key, b"s")


@pytest.mark.parametrize("make", [Credentials.with_secret, Credentials.with_sent_secret])
def test_an_empty_secret_is_refused(make):
    """An empty secret would sign, and be refused only by the venue."""
    with pytest.raises(ConfigError, match="DERIBIT_API_SECRET"):
        make("AMANDA", b"")


def test_a_key_file_with_its_line_ends_written_out_is_read():
    """Environment files cannot hold line ends, so people write them as two characters."""
    pem = ED25519[0]["private_key_pem"]
    assert parse_seed(pem.replace("\n", "\\n")) == parse_seed(pem) == bytes.fromhex(ED25519[0]["seed_hex"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ab" * 31,
        "zz" * 32,
        VECTORS["rsa_client_signature"][0]["private_key_pem"],
        ED25519[0]["public_key_pem"],
        ED25519[0]["private_key_pem"].replace("MC4C", "MC4D"),
    ],
)
def test_another_kind_of_key_is_refused_without_repeating_it(text):
    """RSA, public and damaged keys are named for what they are not; the text itself is not shown."""
    with pytest.raises(ConfigError, match="DERIBIT_PRIVATE_KEY_ED25519") as caught:
        parse_seed(text)
    assert not text or text not in str(caught.value)


@given(st.text(max_size=200))
def test_any_text_is_a_key_or_an_error(text):
    """Whatever was pasted: a seed of 32 bytes, or a ConfigError."""
    with contextlib.suppress(ConfigError):
        assert len(parse_seed(text)) == 32


def test_the_network_is_chosen_by_mode_and_never_against_it():
    """Test mode reaches the test network; the main network's address in test mode is refused; other hosts are tests."""
    assert choose_profile(is_test=False) == MAINNET
    assert choose_profile(is_test=True) == TESTNET
    assert not choose_profile(is_test=False, url="ws://127.0.0.1:9/ws/api/v2").is_mainnet
    assert choose_profile(is_test=False, url=MAINNET.url).is_mainnet
    with pytest.raises(ConfigError, match="main network"):
        choose_profile(is_test=True, url=MAINNET.url)


@given(st.integers(0, 2**62), st.integers(0, 2**62))
def test_numbers_of_orders_only_rise(now_ns, last):
    """Also when the clock stands still or steps back."""
    nonces = MAINNET.nonces(last)
    assert last < nonces.next(now_ns) < nonces.next(0)
