"""Whether the venue takes orders at all: what it says of maintenance and of indices that it has locked. Pure.

Fields as in the protocol sheet §3 and §4. What it says of something else than orders is left alone.
"""

from typing import Any, Final

import msgspec

from atomizer.venues.deribit.wire import Name, Word, read

CHANNEL: Final = "platform_state"
EVERYTHING: Final = ""  # in place of an index


class _WireState(msgspec.Struct):
    maintenance: bool | None = None
    locked: bool | None = None
    price_index: Name | None = None


class _WireStatus(msgspec.Struct):
    locked: Word | bool
    locked_indices: list[Name] = []


class Platform:
    """What the venue has said last. Open until it says otherwise."""

    def __init__(self) -> None:
        self._in_maintenance = False
        self._locked: set[str] = set()  # indices, or everything

    def on_state(self, data: Any) -> None:
        """Data of the platform_state channel: {"price_index":"btc_usd","locked":true} or {"maintenance":true}.

        Raises:
            BadFrame: a field of another type.
        """
        wire = read(data, _WireState, CHANNEL)
        if wire.maintenance is not None:
            self._in_maintenance = wire.maintenance
        if wire.locked:
            self._locked.add(wire.price_index or EVERYTHING)
        elif wire.locked is not None:
            self._locked.discard(wire.price_index or EVERYTHING)

    def on_status(self, result: Any) -> None:
        """Result of public/status, {"locked":"partial","locked_indices":["sol_usdc"]}: how it is now.

        `locked` is "true", "partial" or "false".

        Raises:
            BadFrame: a field is missing or of another type.
        """
        wire = read(result, _WireStatus, "status")
        self._in_maintenance = False  # it answers
        self._locked = set(wire.locked_indices)
        if wire.locked in {True, "true"}:
            self._locked.add(EVERYTHING)

    @property
    def words(self) -> str:
        """Its state for people; empty while everything is open."""
        if self._in_maintenance:
            return "maintenance"
        return "locked: " + ", ".join(sorted(index or "everything" for index in self._locked)) if self._locked else ""

    def why_shut(self, index_name: str) -> str:
        """In words why nothing of this index is traded now; empty while it is."""
        if self._in_maintenance:
            return "Deribit is under maintenance: nothing was sent"
        if self._locked & {EVERYTHING, index_name}:
            return f"Deribit has locked trading on {index_name}: nothing was sent"
        return ""
