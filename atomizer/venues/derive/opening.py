"""What must be true before we trade: clocks agree, we are who we say, our orders are protected, and what is listed."""

import logging
from collections.abc import Callable, Sequence
from typing import Final

from atomizer.errors import ConfigError, Refused
from atomizer.net.clock import ClockOffset, check_offset
from atomizer.net.rpc import Fault, Rpc
from atomizer.venues.derive.account_codec import Account, parse_account, parse_login, parse_session_keys
from atomizer.venues.derive.auth import Credentials, build_login
from atomizer.venues.derive.codec import parse_subscribed, parse_time
from atomizer.venues.derive.codes import CHANNELS, KEY_EXPIRED, NO_SUCH_CURRENCY
from atomizer.venues.derive.market_codec import Listing, build_instruments, parse_instruments
from atomizer.venues.derive.profile import NANOS_PER_MS, VENUE, Profile, Version

log = logging.getLogger(__name__)

INSTRUMENT_KINDS: Final = ("option", "perp")
MOST_PAGES: Final = 100
TRADING_SCOPE: Final = "admin"  # v2: all that is signed, and cancels, need it
KEY_WARNING_S: Final = 86_400
NANOS_PER_S: Final = 1_000_000_000


async def check_clock(rpc: Rpc, now_ns: Callable[[], int], limit_ns: int) -> ClockOffset:
    """The venue's clock against ours.

    Raises:
        ConfigError: they are further apart than the limit, beyond doubt.
    """

    async def venue_ns() -> int:
        return parse_time(await rpc.ask("public/get_time", {}))

    return await check_offset("Derive", venue_ns, now_ns, NANOS_PER_MS, limit_ns)


async def log_in(rpc: Rpc, profile: Profile, credentials: Credentials, now_ns: int) -> None:
    """Be known on this connection.

    Raises:
        Refused: the venue does not take this key for this wallet: says both, and what to do.
        ConfigError: the key may not use the subaccount: lists those that it may.
    """
    mine = credentials
    request = f"login of key {mine.signer_address} for wallet {mine.wallet} at {profile.name}"
    params = build_login(mine, now_ns // NANOS_PER_MS)
    usable = parse_login(await rpc.ask("public/login", params, request=request))
    if mine.subaccount_id not in usable:
        raise ConfigError(
            f"DERIVE_SUBACCOUNT_ID {mine.subaccount_id} is not among those that key {mine.signer_address} may use:"
            f" {', '.join(map(str, usable)) or 'none'}"
        )


async def protect(rpc: Rpc, profile: Profile, credentials: Credentials, now_ns: Callable[[], int]) -> Account:
    """Cancel on disconnect, set and read back.

    Raises:
        Refused: it cannot be had.
    """
    account = await fetch_account(rpc, credentials)
    if account.cancel_on_disconnect:
        return account
    params: dict[str, object] = {"enabled": True}
    if profile.version is Version.V2:
        params["wallet"] = credentials.wallet
    await rpc.ask("private/set_cancel_on_disconnect", params)
    if profile.version is Version.V3:
        await log_in(rpc, profile, credentials, now_ns())  # v3 applies the setting to connections as they log in
    account = await fetch_account(rpc, credentials)
    if not account.cancel_on_disconnect:
        raise Refused(VENUE, "cancel on disconnect was set and is still off: no order may rest unprotected")
    return account


async def check_key(rpc: Rpc, credentials: Credentials, now_ns: int) -> None:
    """The session key that signs for us: registered, alive, and allowed to trade. The wallet's own key needs nothing.

    Raises:
        ConfigError: it would be refused when the first order goes out: says why, and what to do.
    """
    mine = credentials
    if mine.signer_address == mine.wallet:
        return
    keys = parse_session_keys(await rpc.ask("private/session_keys", {"wallet": mine.wallet}))
    key = next((key for key in keys if key.address == mine.signer_address.lower()), None)
    if key is None:
        raise ConfigError(f"key {mine.signer_address} is no session key of wallet {mine.wallet}: register it there")
    left_s = key.expiry_s - now_ns // NANOS_PER_S
    if left_s <= 0:
        raise ConfigError(f"session key {mine.signer_address} has expired: register a new one")
    if key.scope not in ("", TRADING_SCOPE):
        raise ConfigError(
            f"session key {mine.signer_address} has scope {key.scope}: orders need the {TRADING_SCOPE} scope"
        )
    if left_s < KEY_WARNING_S:
        log.warning("%s: session key %s expires in %d minutes", VENUE, mine.signer_address, left_s // 60)


def leave_expired_key(drop: Callable[[], None], method: str, fault: Fault) -> None:
    """Told of every no: an expired key signs nothing more, and without its connection the venue pulls what rests.

    The next login says why, and ends the run.
    """
    if fault.code == KEY_EXPIRED and method.startswith("private/"):
        log.warning("%s: %s: %s: logging in anew", VENUE, method, fault.words)
        drop()


async def fetch_account(rpc: Rpc, credentials: Credentials) -> Account:
    return parse_account(await rpc.ask("private/get_account", {"wallet": credentials.wallet}))


async def fetch_listings(rpc: Rpc, underlyings: Sequence[str]) -> list[Listing]:
    """Options and perpetuals of these underlyings; one without any is left out with a warning.

    Raises:
        ConfigError: nothing of any of them.
    """
    listings: list[Listing] = []
    for underlying in underlyings:
        found = [listing for kind in INSTRUMENT_KINDS for listing in await _fetch_kind(rpc, underlying, kind)]
        if not found:
            log.warning("%s: lists no option or perpetual of %s", VENUE, underlying)
        listings += found
    if not listings:
        raise ConfigError(f"Derive lists nothing of {', '.join(underlyings)}: correct the underlyings")
    return listings


async def _fetch_kind(rpc: Rpc, underlying: str, kind: str) -> list[Listing]:
    listings: list[Listing] = []
    page, page_count = 1, 1
    while page <= min(page_count, MOST_PAGES):
        try:
            result = await rpc.ask("public/get_all_instruments", build_instruments(underlying, kind, page))
        except Refused as error:
            if error.code in NO_SUCH_CURRENCY:
                return []
            raise
        found = parse_instruments(result)
        listings += found.listings
        for name, reason in found.skipped.items():
            log.warning("%s: %s is left out: %s", VENUE, name, reason)
        page, page_count = page + 1, found.page_count
    return listings


async def subscribe(rpc: Rpc, channels: list[str]) -> dict[str, str]:
    """The venue's words for each channel that it does not take.

    One bad name can get a whole batch refused: then by halves.
    """
    try:
        return parse_subscribed(await rpc.ask("subscribe", {"channels": channels}), channels)
    except Refused as error:
        if error.code != CHANNELS:
            raise
        if len(channels) == 1:
            return {channels[0]: str(error)}
        half = len(channels) // 2
        return await subscribe(rpc, channels[:half]) | await subscribe(rpc, channels[half:])


async def unsubscribe(rpc: Rpc, channels: list[str]) -> None:
    await rpc.ask("unsubscribe", {"channels": channels})
