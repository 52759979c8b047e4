"""What must be true before we trade: clocks agree, we are who we say, our orders are protected, and what is listed."""

import logging
import secrets
from collections.abc import Callable, Sequence
from typing import Final

from atomizer.errors import ConfigError, Refused
from atomizer.net.clock import ClockOffset, check_offset
from atomizer.net.rpc import Fault, Rpc
from atomizer.venues.deribit.account_codec import (
    Limits,
    Standing,
    parse_cancel_on_disconnect,
    parse_standings,
)
from atomizer.venues.deribit.auth import Credentials, build_refresh
from atomizer.venues.deribit.codec import Login, parse_login, parse_subscribed, parse_time
from atomizer.venues.deribit.codes import NO_CHANNEL, UNAUTHORIZED
from atomizer.venues.deribit.listing_codec import Listing, build_instruments, parse_instruments
from atomizer.venues.deribit.profile import HEARTBEAT_S, NANOS_PER_MS, VENUE, Profile
from atomizer.version import VERSION

log = logging.getLogger(__name__)

INSTRUMENT_KINDS: Final = ("option", "future")
CURRENCIES: Final = frozenset({"BTC", "ETH", "USDC", "USDT", "EURR"})  # by which the venue lists and answers
NEEDED_SCOPES: Final = ("trade:read_write", "account:read")
LONGEST_NONCE_BYTES: Final = 8
_PRIVATE: Final = ("user.", "block_rfq.")


async def introduce(rpc: Rpc) -> None:
    """Say who calls, and have the venue notice when we fall silent: it answers a dead line by cancelling our orders."""
    await rpc.ask("public/hello", {"client_name": "atomizer", "client_version": VERSION})
    await rpc.ask("public/set_heartbeat", {"interval": HEARTBEAT_S})


async def check_clock(rpc: Rpc, now_ns: Callable[[], int], limit_ns: int) -> ClockOffset:
    """The venue's clock against ours.

    Raises:
        ConfigError: they are further apart than the limit, beyond doubt.
    """

    async def venue_ns() -> int:
        return parse_time(await rpc.ask("public/get_time", {}))

    return await check_offset("Deribit", venue_ns, now_ns, NANOS_PER_MS, limit_ns)


async def log_in(rpc: Rpc, profile: Profile, credentials: Credentials, now_ns: int) -> Login:
    """Be known on this connection.

    Raises:
        Refused: the venue does not take this key: says which, where, and what to do.
        ConfigError: the key may not do what we need.
    """
    request = f"login of key {credentials.api_key} at {profile.name}"
    params = credentials.build_login(now_ns // NANOS_PER_MS, secrets.token_hex(LONGEST_NONCE_BYTES))
    login = parse_login(await rpc.ask("public/auth", params, request=request))
    missing = [scope for scope in NEEDED_SCOPES if not _grants(login, scope)]
    if missing:
        raise ConfigError(
            f"key {credentials.api_key} lacks the scopes {', '.join(missing)}: grant them on Deribit's API page"
        )
    return login


def _grants(login: Login, scope: str) -> bool:
    """Whether the scope, or one that implies it, was granted."""
    name, _, right = scope.partition(":")
    return scope in login.scopes or (right == "read" and f"{name}:read_write" in login.scopes)


def may_quote_blocks(login: Login) -> bool:
    return _grants(login, "block_rfq:read_write")


async def renew(rpc: Rpc, profile: Profile, credentials: Credentials, login: Login, now_ns: int) -> Login:
    """Another token before this one ends; it renews once, and when the venue forgot it, we log in again."""
    try:
        return parse_login(await rpc.ask("public/auth", build_refresh(login.refresh_token), request="renewal of login"))
    except Refused as error:
        if error.code != UNAUTHORIZED:
            raise
        return await log_in(rpc, profile, credentials, now_ns)


def leave_lost_login(drop: Callable[[], None], method: str, fault: Fault) -> None:
    """Told of every no: when our login is gone, so is the connection, with what rests by it; the next one says why."""
    if fault.code == UNAUTHORIZED and method.startswith("private/"):
        log.warning("%s: %s: %s: logging in anew", VENUE, method, fault.words)
        drop()


async def protect(rpc: Rpc) -> None:
    """Cancel on disconnect for this connection, set and read back.

    Raises:
        Refused: it cannot be had.
    """
    scope: dict[str, object] = {"scope": "connection"}
    await rpc.ask("private/enable_cancel_on_disconnect", scope)
    if not parse_cancel_on_disconnect(await rpc.ask("private/get_cancel_on_disconnect", scope)):
        raise Refused(VENUE, "cancel on disconnect was set and is still off: no order may rest unprotected")


async def fetch_standings(rpc: Rpc) -> tuple[list[Standing], Limits]:
    return parse_standings(await rpc.ask("private/get_account_summaries", {"extended": True}))


async def fetch_listings(rpc: Rpc, underlyings: Sequence[str]) -> list[Listing]:
    """Options and futures of these underlyings; one without any is left out with a warning.

    ``ETH`` is what is paid in ether, ``ETH_USDC`` what is paid in dollars: two underlyings with one base.

    Raises:
        ConfigError: nothing of any of them.
    """
    wanted = set(underlyings)
    found: list[Listing] = []
    for currency in currencies_of(underlyings):
        for kind in INSTRUMENT_KINDS:
            listed = parse_instruments(await rpc.ask("public/get_instruments", build_instruments(currency, kind)))
            for name, reason in listed.skipped.items():
                log.warning("%s: %s is left out: %s", VENUE, name, reason)
            found += [each for each in listed.listings if each.instrument.contract.underlying in wanted]
    for underlying in sorted(wanted - {each.instrument.contract.underlying for each in found}):
        log.warning("%s: lists no option or future of %s", VENUE, underlying)
    if not found:
        raise ConfigError(
            f"Deribit lists nothing of {', '.join(underlyings)}: correct the underlyings (BTC and ETH are paid in"
            " coins; what is paid in USDC has it in its name, such as SOL_USDC)"
        )
    return found


def currencies_of(underlyings: Sequence[str]) -> list[str]:
    """How the venue groups its lists and answers: by what a contract is paid in. What it does not have is left out."""
    return sorted({underlying.partition("_")[2] or underlying for underlying in underlyings} & CURRENCIES)


async def subscribe(rpc: Rpc, channels: list[str]) -> dict[str, str]:
    """The venue's words for each channel that it does not take."""
    refused: dict[str, str] = {}
    for method, batch in _by_method("subscribe", channels).items():
        refused |= await _subscribe(rpc, method, batch)
    return refused


async def unsubscribe(rpc: Rpc, channels: list[str]) -> None:
    for method, batch in _by_method("unsubscribe", channels).items():
        await rpc.ask(method, {"channels": batch})


async def _subscribe(rpc: Rpc, method: str, channels: list[str]) -> dict[str, str]:
    """One bad name can get a whole batch refused: then by halves."""
    try:
        return parse_subscribed(await rpc.ask(method, {"channels": channels}), channels)
    except Refused as error:
        if error.code not in NO_CHANNEL:
            raise
        if len(channels) == 1:
            return {channels[0]: str(error)}
        half = len(channels) // 2
        return await _subscribe(rpc, method, channels[:half]) | await _subscribe(rpc, method, channels[half:])


def _by_method(verb: str, channels: list[str]) -> dict[str, list[str]]:
    batches: dict[str, list[str]] = {}
    for channel in channels:
        scope = "private" if channel.startswith(_PRIVATE) else "public"
        batches.setdefault(f"{scope}/{verb}", []).append(channel)
    return batches
