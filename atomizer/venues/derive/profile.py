"""Everything in which Derive's deployments differ: hosts, signing domain, modules, nonce and expiry rules.

Source of every constant: protocol sheet §0 and §2.
"""

from enum import StrEnum
from functools import cached_property
from typing import Final
from urllib.parse import urlsplit

import msgspec

from atomizer._core.ecdsa import parse_address
from atomizer._core.eip712 import domain_separator
from atomizer._core.nonces import Nonces
from atomizer.errors import ConfigError

VENUE: Final = "derive"
NANOS_PER_MS: Final = 1_000_000
NONCES_PER_MS_V2: Final = 1000  # milliseconds and three more digits still fit a JSON double


class Version(StrEnum):
    V2 = "v2"
    V3 = "v3"


class Contracts(msgspec.Struct, frozen=True):
    """Addresses that a signature names."""

    matching: str  # verifying contract of the signing domain
    trade_module: str
    rfq_module: str


class Profile(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One deployment of the venue."""

    version: Version
    is_mainnet: bool
    url: str
    chain_id: int
    contracts: Contracts
    minimum_life_s: int  # the venue refuses an order whose signature expires sooner
    order_life_s: int  # what we sign: nothing of ours outlives this at the venue, whatever happens to us
    quote_life_s: int  # the venue refuses a quote or an execution whose signature expires sooner

    @cached_property
    def domain_separator(self) -> bytes:
        return domain_separator("Matching", "1.0", self.chain_id, parse_address(self.contracts.matching))

    @property
    def name(self) -> str:
        """For people: ``derive v3 testnet``."""
        return f"{VENUE} {self.version} {'mainnet' if self.is_mainnet else 'testnet'}"

    def nonces(self, last: int) -> Nonces:
        """Those that come after `last`. v2: the venue reads unix seconds from the first ten digits. v3: nanoseconds."""
        if self.version is Version.V3:
            return Nonces(unit_ns=1, per_unit=1, last=last)
        return Nonces(unit_ns=NANOS_PER_MS, per_unit=NONCES_PER_MS_V2, last=last)

    def nonce_on_wire(self, nonce: int) -> int | str:
        """v3 nonces are beyond a JSON double, so they travel as text."""
        return str(nonce) if self.version is Version.V3 else nonce

    def at(self, url: str) -> "Profile":
        """The same deployment's rules at another address."""
        return msgspec.structs.replace(self, url=url)


_CONTRACTS: Final = Contracts(
    matching="0xeB8d770ec18DB98Db922E9D83260A585b9F0DeAD",
    trade_module="0xB8D20c2B7a1Ad2EE33Bc50eF10876eD3035b5e7b",
    rfq_module="0x9371352CCef6f5b36EfDFE90942fFE622Ab77F1D",
)
V2_MAINNET: Final = Profile(
    version=Version.V2,
    is_mainnet=True,
    url="wss://api.lyra.finance/ws",
    chain_id=957,
    contracts=_CONTRACTS,
    minimum_life_s=300,
    order_life_s=600,
    quote_life_s=310,
)
V2_TESTNET: Final = msgspec.structs.replace(
    V2_MAINNET,
    is_mainnet=False,
    url="wss://api-demo.lyra.finance/ws",
    chain_id=901,
    contracts=Contracts(
        matching="0x3cc154e220c2197c5337b7Bd13363DD127Bc0C6E",
        trade_module="0x87F2863866D85E3192a35A73b388BD625D83f2be",
        rfq_module="0x4E4DD8Be1e461913D9A5DBC4B830e67a8694ebCa",
    ),
)
V3_MAINNET: Final = Profile(
    version=Version.V3,
    is_mainnet=True,
    url="wss://api.derive.xyz/v3/ws",
    chain_id=1,
    contracts=_CONTRACTS,
    minimum_life_s=10,
    order_life_s=300,
    quote_life_s=700,  # beyond the 600 s that an RFQ is open, with the margin that the venue's own client takes
)
# v3 has the same contracts on both networks; the chain id tells them apart.
V3_TESTNET: Final = msgspec.structs.replace(
    V3_MAINNET, is_mainnet=False, url="wss://testnet.api.derive.xyz/v3/ws", chain_id=11155111
)
PROFILES: Final = (V2_MAINNET, V2_TESTNET, V3_MAINNET, V3_TESTNET)


def choose_profile(version: str, *, is_test: bool, url: str = "") -> Profile:
    """The deployment for DERIVE_API_VERSION (``v2``, ``v3`` or empty) and, when given, an address of our own choosing.

    A Derive host decides by itself and must not contradict the version or the test mode; any other host (a practice
    venue, a proxy) speaks as the test network of the version, or of the version in its path.

    Raises:
        ConfigError: an unknown version, or an address that contradicts what was asked for.
    """
    version = version.lower().removeprefix("v")
    if version not in ("", "2", "3"):
        raise ConfigError(f"DERIVE_API_VERSION {version!r} is unknown: use v2 or v3")
    if not url:
        return next(p for p in PROFILES if p.version == f"v{version or 2}" and p.is_mainnet != is_test)
    parts = urlsplit(url)
    known = next((p for p in PROFILES if urlsplit(p.url).hostname == parts.hostname), None)
    if known is None:
        spoken = version or ("3" if "/v3/" in parts.path else "2")
        return (V3_TESTNET if spoken == "3" else V2_TESTNET).at(url)
    if version and known.version != f"v{version}":
        raise ConfigError(f"{parts.hostname} speaks {known.version}, not v{version}: change DERIVE_API_VERSION")
    if is_test and known.is_mainnet:
        raise ConfigError(f"{parts.hostname} is the main network, and test mode may not reach it: drop the address")
    return known.at(url)
