"""Everything in which Deribit's deployments differ, and what all of them agree on.

Source of every constant: protocol sheet §1, §2 and §8.
"""

from typing import Final
from urllib.parse import urlsplit

import msgspec

from atomizer._core.nonces import Nonces
from atomizer.errors import ConfigError

VENUE: Final = "deribit"
NANOS_PER_MS: Final = 1_000_000
# How long the venue may take an order that we sent: it refuses a later one (`valid_until`), so that an order without
# an answer cannot come to life after we have stopped waiting for it.
ORDER_VALID_MS: Final = 5_000
HEARTBEAT_S: Final = 10  # the venue's least


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment of the venue."""

    is_mainnet: bool
    url: str

    @property
    def name(self) -> str:
        """For people: ``deribit testnet``."""
        return f"{VENUE} {'mainnet' if self.is_mainnet else 'testnet'}"

    def nonces(self, last: int) -> Nonces:
        """Numbers above `last`. The venue wants none; our own books tell orders apart by them."""
        return Nonces(unit_ns=1, per_unit=1, last=last)


MAINNET: Final = Profile(is_mainnet=True, url="wss://www.deribit.com/ws/api/v2")
TESTNET: Final = Profile(is_mainnet=False, url="wss://test.deribit.com/ws/api/v2")
_HOSTS: Final = {"www.deribit.com": MAINNET, "deribit.com": MAINNET, "test.deribit.com": TESTNET}


def choose_profile(*, is_test: bool, url: str = "") -> Profile:
    """The main or the test network, at an address of our own choosing when given.

    Any host but Deribit's (a practice venue, a proxy) speaks as the test network.

    Raises:
        ConfigError: the address is the main network's and test mode is asked for.
    """
    if not url:
        return TESTNET if is_test else MAINNET
    host = urlsplit(url).hostname or ""
    known = _HOSTS.get(host, TESTNET)
    if is_test and known.is_mainnet:
        raise ConfigError(f"{host} is the main network, and test mode may not reach it: drop the address")
    return msgspec.structs.replace(known, url=url)
