"""Rysk by name, as the source of RFQs: its address, the maker's key, and whose RFQs are answered."""

import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from atomizer._core.ecdsa import Signer, checksum_address
from atomizer.app import practice
from atomizer.config.mode import Mode, mode_of
from atomizer.config.secrets import has_secret, take_key, wipe
from atomizer.config.settings import Settings
from atomizer.errors import ConfigError
from atomizer.net import http
from atomizer.venues.rysk.assets import AssetMap, parse_assets, parse_mapping
from atomizer.venues.rysk.auth import MakerKey
from atomizer.venues.rysk.profile import HOSTS, Hosts

KEY = "PRIVATE_KEY"
DERIVE_HOSTS = ("lyra.finance", "derive.xyz")

Get = Callable[[str], Awaitable[bytes]]  # what stands at an address
get_once: Get = partial(http.get, "rysk")


class RyskAccess(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that answering RFQs at Rysk takes. Holds a signer, which never shows its key."""

    url: str
    maker: MakerKey
    assets: AssetMap
    rfq_assets: tuple[str, ...]

    @property
    def underlyings(self) -> tuple[str, ...]:
        """What the RFQ assets are about; what of it another venue lists is for that venue to say."""
        found = {self.assets.underlying(address.lower()) for address in self.rfq_assets}
        return tuple(sorted(name for name in found if name is not None))


def missing(settings: Settings) -> list[str]:
    """Names of what a maker wants and that is not there."""
    found = (
        (KEY, has_secret(KEY, os.environ)),
        ("MAKER_ADDRESS", settings.rfq.maker_address),
        ("RFQ_ASSET_ADDRESSES", settings.rfq.assets),
    )
    return [name for name, is_there in found if not is_there]


def websocket_url(settings: Settings, endpoints: practice.Endpoints | None) -> str:
    """Where RFQs come from.

    Raises:
        ConfigError: an address that contradicts the mode.
    """
    if endpoints is not None:
        return endpoints.rysk.ws
    mode = mode_of(settings)
    url = settings.rfq.ws_url or _hosts(mode).websocket
    _check_host(url, mode)
    return url


def rest_url(settings: Settings, endpoints: practice.Endpoints | None) -> str:
    return endpoints.rysk.http.rstrip("/") if endpoints is not None else _hosts(mode_of(settings)).rest


async def maker_access(settings: Settings, endpoints: practice.Endpoints | None, get: Get = get_once) -> RyskAccess:
    """A maker's access, by the credentials of the environment or, at the practice venue, by its public test key.

    Raises:
        ConfigError: a key or address that is none, or an address that contradicts the mode.
    """
    url = websocket_url(settings, endpoints)
    if endpoints is not None:
        assets = await _listed(rest_url(settings, endpoints), get)
        return RyskAccess(
            url=url,
            maker=MakerKey(practice.RYSK_KEY, checksum_address(Signer(practice.RYSK_KEY).address)),
            assets=assets,
            rfq_assets=settings.rfq.assets or assets.addresses,
        )
    key = take_key(KEY)
    if key is None:
        raise ConfigError(f"missing {KEY}: set it, or use --paper for the practice venues")
    try:
        maker = MakerKey(key, settings.rfq.maker_address)
    finally:
        wipe(key)
    assets = await _asset_map(settings.rfq.asset_mapping, rest_url(settings, None), get)
    return RyskAccess(url=url, maker=maker, assets=assets, rfq_assets=settings.rfq.assets)


def _hosts(mode: Mode) -> Hosts:
    return HOSTS["testnet" if mode is Mode.TEST else "mainnet"]


def _check_host(url: str, mode: Mode) -> None:
    host = urlsplit(url).hostname or ""
    if host.endswith(DERIVE_HOSTS):
        raise ConfigError(f"WS_URL {url}: RFQs are answered at Rysk: drop WS_URL or give a Rysk address")
    live = {urlsplit(each.websocket).hostname: each.is_live for each in HOSTS.values()}
    if mode is Mode.TEST and live.get(host, False):
        raise ConfigError(f"WS_URL {url} is the main network, and test mode may not reach it: drop WS_URL")


async def _asset_map(file: str, rest: str, get: Get) -> AssetMap:
    """What the operator mapped, or when there is no such file, what the venue lists."""
    try:
        return parse_mapping(_read(file))
    except FileNotFoundError:
        return await _listed(rest, get)


def _read(file: str) -> bytes:
    return Path(file).read_bytes()


async def _listed(rest: str, get: Get) -> AssetMap:
    rows = parse_assets(await get(f"{rest}/api/assets"))
    return AssetMap({row.address: row.underlying for row in rows if row.is_active})
