"""Market maker protection at Derive: set, read back, reset. One of each currency in a subaccount.

Only orders and quotes that are tagged for it count towards its limits and are cancelled by it (protocol sheet §3.4).
"""

from typing import Any

import msgspec

from atomizer._core.fixed import format_nanos
from atomizer.domain.trading import Protection, ProtectionState
from atomizer.errors import Refused
from atomizer.net.rpc import Rpc
from atomizer.venues.derive.profile import VENUE
from atomizer.venues.derive.wire import Digits, Integer, Name, nanos, read


class _WireProtection(msgspec.Struct):
    currency: Name
    mmp_interval: Integer
    mmp_frozen_time: Integer
    mmp_amount_limit: Digits
    mmp_delta_limit: Digits
    is_frozen: bool


def build_protection(subaccount_id: int, wanted: Protection) -> dict[str, object]:
    """Parameters of private/set_mmp_config, which replaces what was there."""
    return {
        "subaccount_id": subaccount_id,
        "currency": wanted.underlying,
        "mmp_interval": wanted.window_ms,
        "mmp_frozen_time": wanted.frozen_ms,
        "mmp_amount_limit": format_nanos(wanted.amount_limit_nanos),
        "mmp_delta_limit": format_nanos(wanted.delta_limit_nanos),
    }


def parse_protections(result: Any) -> list[ProtectionState]:
    """Result of private/get_mmp_config.

    [{"subaccount_id":30769,"currency":"ETH","mmp_interval":5000,"mmp_frozen_time":10000,"mmp_amount_limit":"10",
    "mmp_delta_limit":"2","is_frozen":false,"mmp_unfreeze_time":0}]

    Raises:
        BadFrame: a field is missing, of another type or out of range.
    """
    return [_state(wire) for wire in read(result, list[_WireProtection], "protection")]


def _state(wire: _WireProtection) -> ProtectionState:
    what = f"protection of {wire.currency}"
    protection = Protection(
        underlying=wire.currency,
        window_ms=wire.mmp_interval,
        frozen_ms=wire.mmp_frozen_time,
        amount_limit_nanos=nanos(wire.mmp_amount_limit, f"{what} mmp_amount_limit"),
        delta_limit_nanos=nanos(wire.mmp_delta_limit, f"{what} mmp_delta_limit"),
    )
    return ProtectionState(protection=protection, is_frozen=wire.is_frozen)


async def protect(rpc: Rpc, subaccount_id: int, wanted: Protection) -> ProtectionState:
    """Set and read back: see `ProtectingVenue`."""
    await rpc.ask("private/set_mmp_config", build_protection(subaccount_id, wanted))
    for state in await fetch_protections(rpc, subaccount_id):
        if state.protection == wanted:
            return state
    words = f"market maker protection of {wanted.underlying} was set and reads back otherwise: do not quote without it"
    raise Refused(VENUE, words, request="private/set_mmp_config")


async def fetch_protections(rpc: Rpc, subaccount_id: int) -> list[ProtectionState]:
    return parse_protections(await rpc.ask("private/get_mmp_config", {"subaccount_id": subaccount_id}))


async def reset_protection(rpc: Rpc, subaccount_id: int, underlying: str) -> None:
    await rpc.ask("private/reset_mmp", {"subaccount_id": subaccount_id, "currency": underlying})
