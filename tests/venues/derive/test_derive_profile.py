"""Which deployment is meant, and the rules that differ between them."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atomizer._core.ecdsa import parse_address
from atomizer.errors import ConfigError
from atomizer.venues.derive.profile import (
    PROFILES,
    V2_MAINNET,
    V2_TESTNET,
    V3_MAINNET,
    V3_TESTNET,
    choose_profile,
)

NETWORKS = json.loads((Path(__file__).parents[2] / "data" / "vectors" / "derive.json").read_text())["constants"][
    "networks"
]


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.name)
def test_domain_and_modules_are_the_published_ones(profile):
    """Chain, contracts and the domain separator computed from them are those of the protocol sheet."""
    network = NETWORKS[f"{profile.version}-{'mainnet' if profile.is_mainnet else 'testnet'}"]
    assert "0x" + profile.domain_separator.hex() == network["dom"]
    assert profile.chain_id == network["chain_id"]
    for ours, theirs in (("matching", "matching"), ("trade_module", "trade"), ("rfq_module", "rfq")):
        assert parse_address(getattr(profile.contracts, ours)) == parse_address(network[theirs])


@pytest.mark.parametrize(
    ("version", "is_test", "url", "expected"),
    [
        ("v2", False, "", V2_MAINNET),
        ("V2", True, "", V2_TESTNET),
        ("3", False, "", V3_MAINNET),
        ("v3", True, "", V3_TESTNET),
        ("", True, "wss://testnet.api.derive.xyz/v3/ws", V3_TESTNET),
        ("", False, "wss://api.lyra.finance/ws", V2_MAINNET),
        ("", True, "ws://127.0.0.1:9/v3/ws", V3_TESTNET.at("ws://127.0.0.1:9/v3/ws")),
        ("", False, "ws://127.0.0.1:9/ws", V2_TESTNET.at("ws://127.0.0.1:9/ws")),
        ("v3", True, "ws://127.0.0.1:9/ws", V3_TESTNET.at("ws://127.0.0.1:9/ws")),
    ],
)
def test_version_or_host_choose_the_deployment(version, is_test, url, expected):
    """The version chooses without an address; a known host by itself; any other host is a test network."""
    assert choose_profile(version, is_test=is_test, url=url) == expected


@pytest.mark.parametrize(
    ("version", "is_test", "url", "words"),
    [
        ("v4", True, "", "unknown"),
        ("v2", False, "wss://api.derive.xyz/v3/ws", "speaks v3"),
        ("v3", True, "wss://api.derive.xyz/v3/ws", "main network"),
    ],
)
def test_contradictions_are_refused(version, is_test, url, words):
    """A host that speaks another version, or the main network in test mode, is a configuration error."""
    with pytest.raises(ConfigError, match=words):
        choose_profile(version, is_test=is_test, url=url)


@settings(deadline=None)
@given(st.lists(st.integers(0, 5_000_000), min_size=2, max_size=50), st.sampled_from(PROFILES), st.integers(0, 2**62))
def test_nonces_rise_whatever_the_clock_does(steps_back, profile, start):
    """Nonces rise strictly while the clock stands, repeats or steps back, and after a restart with the last one."""
    now_ns, nonce = 1_780_000_000 * 10**9, start
    for at, back_ns in enumerate(steps_back):
        now_ns -= back_ns
        if at % 7 == 0:
            nonces = profile.nonces(nonce)
        following = nonces.next(now_ns)
        assert following > nonce
        nonce = following


def test_a_fresh_nonce_names_its_second():
    """v2: sixteen digits that begin with unix seconds, as a number; v3: nineteen, of nanoseconds, as text."""
    now_ns = 1_780_000_123_456_789_012
    v2, v3 = V2_TESTNET.nonces(0).next(now_ns), V3_TESTNET.nonces(0).next(now_ns)
    assert V2_TESTNET.nonce_on_wire(v2) == 1_780_000_123_456_000
    assert V3_TESTNET.nonce_on_wire(v3) == "1780000123456789012"
