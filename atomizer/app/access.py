"""Which venues this run may reach, as whom, and where its books lie. Opens nothing but what it must read."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from atomizer._core.ecdsa import Signer, checksum_address
from atomizer.app import practice
from atomizer.config.mode import Mode, mode_of
from atomizer.config.secrets import take_key, wipe
from atomizer.config.settings import Settings
from atomizer.errors import ConfigError
from atomizer.journal.frames import Identity
from atomizer.net import http
from atomizer.venues.derive.auth import Credentials
from atomizer.venues.derive.profile import Profile, choose_profile
from atomizer.venues.rysk.assets import AssetMap, parse_assets, parse_mapping
from atomizer.venues.rysk.auth import MakerKey
from atomizer.venues.rysk.profile import HOSTS

DERIVE_HOSTS = ("lyra.finance", "derive.xyz")


class Access(msgspec.Struct, frozen=True):
    """Everything a run needs to reach its venues. Holds signers, which never show their keys."""

    mode: Mode
    profile: Profile
    derive: Credentials
    rysk_url: str
    maker: MakerKey
    assets: AssetMap
    rfq_assets: tuple[str, ...]
    directory: Path

    @property
    def identity(self) -> Identity:
        return Identity("derive", f"{self.derive.wallet.lower()}/{self.derive.subaccount_id} {self.directory.name}")


async def practice_access(settings: Settings, endpoints: practice.Endpoints) -> Access:
    """Access to the practice venues, with their public test keys."""
    version = settings.exchange.derive_api_version
    rows = [
        row
        for row in parse_assets(await http.get("rysk", endpoints.rysk.http.rstrip("/") + "/api/assets"))
        if row.is_active
    ]
    assets = AssetMap({row.address: row.underlying for row in rows})
    maker_address = checksum_address(Signer(practice.RYSK_KEY).address)
    return Access(
        mode=Mode.SIM,
        profile=choose_profile(
            version, is_test=True, url=endpoints.derive.ws_v2 if version == "v2" else endpoints.derive.ws_v3
        ),
        derive=Credentials(practice.DERIVE_WALLET, Signer(practice.DERIVE_KEY), practice.DERIVE_SUBACCOUNT),
        rysk_url=endpoints.rysk.ws,
        maker=MakerKey(practice.RYSK_KEY, maker_address),
        assets=assets,
        rfq_assets=settings.rfq.assets or assets.addresses,
        directory=Path(settings.journal.directory) / "sim" / endpoints.session,
    )


async def venue_access(settings: Settings) -> Access:
    """Access to real venues, by the credentials of the environment.

    Raises:
        ConfigError: something is missing (all of it is listed), or an address contradicts the mode.
    """
    mode = mode_of(settings)
    exchange = settings.exchange
    rysk = HOSTS["testnet" if mode is Mode.TEST else "mainnet"]
    rysk_url = settings.rfq.ws_url or rysk.websocket
    _check_rfq_host(rysk_url, mode)
    derive_key, rysk_key = take_key("DERIVE_PRIVATE_KEY"), take_key("PRIVATE_KEY")
    missing = [
        name
        for name, value in (
            ("DERIVE_PRIVATE_KEY", derive_key),
            ("DERIVE_WALLET_ADDRESS", exchange.derive_wallet_address),
            ("DERIVE_SUBACCOUNT_ID", exchange.derive_subaccount_id),
            ("PRIVATE_KEY", rysk_key),
            ("MAKER_ADDRESS", settings.rfq.maker_address),
            ("RFQ_ASSET_ADDRESSES", settings.rfq.assets),
        )
        if not value
    ]
    if missing or derive_key is None or rysk_key is None:
        raise ConfigError(f"missing {', '.join(missing)}: set them, or use --paper for the practice venues")
    signer, maker = _signers(derive_key, rysk_key, settings.rfq.maker_address)
    wallet = exchange.derive_wallet_address
    return Access(
        mode=mode,
        profile=choose_profile(exchange.derive_api_version, is_test=mode is Mode.TEST),
        derive=Credentials(wallet, signer, exchange.derive_subaccount_id),
        rysk_url=rysk_url,
        maker=maker,
        assets=await _asset_map(settings.rfq.asset_mapping, rysk.rest),
        rfq_assets=settings.rfq.assets,
        directory=Path(settings.journal.directory) / mode / f"derive-{wallet.lower()}-{exchange.derive_subaccount_id}",
    )


def _signers(derive_key: bytearray, rysk_key: bytearray, maker_address: str) -> tuple[Signer, MakerKey]:
    try:
        try:
            signer = Signer(derive_key)
        except ValueError:
            raise ConfigError("DERIVE_PRIVATE_KEY is not a secp256k1 key: 64 hex digits are expected") from None
        return signer, MakerKey(rysk_key, maker_address)
    finally:
        wipe(derive_key)
        wipe(rysk_key)


def _check_rfq_host(url: str, mode: Mode) -> None:
    host = urlsplit(url).hostname or ""
    if host.endswith(DERIVE_HOSTS):
        raise ConfigError(f"WS_URL {url}: RFQs are answered at Rysk: drop WS_URL or give a Rysk address")
    live = {urlsplit(each.websocket).hostname: each.is_live for each in HOSTS.values()}
    if mode is Mode.TEST and live.get(host, False):
        raise ConfigError(f"WS_URL {url} is the main network, and test mode may not reach it: drop WS_URL")


async def _asset_map(file: str, rest: str) -> AssetMap:
    """What the operator mapped, or when there is no such file, what the venue lists."""
    try:
        return parse_mapping(_read(file))
    except FileNotFoundError:
        rows = parse_assets(await http.get("rysk", f"{rest}/api/assets"))
        return AssetMap({row.address: row.underlying for row in rows if row.is_active})


def _read(file: str) -> bytes:
    return Path(file).read_bytes()


def state_directory(settings: Settings) -> Path:
    """The directory of the newest journal that these settings could mean, for commands that only read.

    Raises:
        ConfigError: there is none yet.
    """
    root = Path(settings.journal.directory) / mode_of(settings)
    found = sorted(root.glob("*/journal.atj"), key=os.path.getmtime)
    if not found:
        raise ConfigError(f"no journal under {root}: nothing was traded here yet, or journal.directory is another")
    return found[-1].parent
