"""Mass quotes and market maker protection, asked and answered over the session's connection."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from atomizer.domain.trading import Fill, OrderUpdate, Protection, ProtectionState
from atomizer.errors import Refused
from atomizer.net.rpc import Rpc
from atomizer.venues.deribit.account_codec import (
    MmpConfig,
    MmpTrip,
    build_mmp,
    build_mmp_subject,
    parse_mmp,
    parse_trips,
)
from atomizer.venues.deribit.codec import parse_count
from atomizer.venues.deribit.profile import NANOS_PER_MS, VENUE
from atomizer.venues.deribit.quotes_codec import MassQuoted, TwoSided, build_mass_quote, parse_mass_quoted

MS_PER_S: Final = 1_000


class QuoteDesk:
    """Quotes of one account. What is said of their orders and trades is emitted like that of any other order."""

    def __init__(self, rpc: Rpc, *, emit: Callable[[OrderUpdate | Fill], None], now_ns: Callable[[], int]) -> None:
        self._rpc = rpc
        self._emit = emit
        self._now_ns = now_ns
        self.trips: dict[tuple[str, str], MmpTrip] = {}  # by index and group, until reset

    async def quote(self, quotes: Sequence[TwoSided], group: str, quote_id: str) -> MassQuoted:
        """Show these; what is not named stays as it is.

        Raises:
            Refused: all of it was refused.
            OutcomeUnknown: no answer: `cancel_all`, then ask for open orders.
        """
        now_ns = self._now_ns()
        params = build_mass_quote(quotes, group, quote_id, now_ns // NANOS_PER_MS)
        quoted = parse_mass_quoted(await self._rpc.ask("private/mass_quote", params), now_ns)
        for fill in quoted.fills:
            self._emit(fill)
        for order in quoted.orders:
            self._emit(order.as_update(now_ns))
        return quoted

    async def cancel_all(self, *, freeze: bool = False) -> int:
        """Take every quote away; `freeze` refuses new ones for a second. How many."""
        params: dict[str, object] = {"cancel_type": "all", "freeze_quotes": freeze}
        return parse_count(await self._rpc.ask("private/cancel_quotes", params))

    async def protect(self, index_name: str, wanted: Protection) -> ProtectionState:
        """`ProtectingVenue.protect` for what has this index; no quote may be larger than the limit on amounts."""
        if wanted.window_ms % MS_PER_S or wanted.frozen_ms % MS_PER_S or not wanted.amount_limit_nanos:
            words = "Deribit counts whole seconds and wants a limit on the amount: change the protection's settings"
            raise Refused(VENUE, words, request=f"protection of {wanted.underlying}")
        config = MmpConfig(
            index_name=index_name,
            interval_s=wanted.window_ms // MS_PER_S,
            frozen_s=wanted.frozen_ms // MS_PER_S,
            max_quote_nanos=wanted.amount_limit_nanos,
            quantity_nanos=wanted.amount_limit_nanos,
            delta_nanos=wanted.delta_limit_nanos,
        )
        await self.configure(config)
        return ProtectionState(protection=wanted, is_frozen=bool(await self.tripped(index_name)))

    async def protections(self, indices: Mapping[str, str]) -> list[ProtectionState]:
        """Protections outside of groups; `indices` are our underlyings by the venue's index."""
        return [
            ProtectionState(
                protection=Protection(
                    underlying=underlying,
                    window_ms=config.interval_s * MS_PER_S,
                    frozen_ms=config.frozen_s * MS_PER_S,
                    amount_limit_nanos=config.quantity_nanos,
                    delta_limit_nanos=config.delta_nanos,
                ),
                is_frozen=bool(await self.tripped(index_name)),
            )
            for index_name, underlying in indices.items()
            for config in await self.configured(index_name)
            if not config.group and not config.is_block_rfq
        ]

    async def configure(self, wanted: MmpConfig) -> None:
        """Set market maker protection in place of what was there, and read it back. Does not end a freeze.

        Raises:
            Refused: it cannot be had, or what the venue says it has is something else.
        """
        await self._rpc.ask("private/set_mmp_config", build_mmp(wanted))
        found = await self.configured(wanted.index_name, wanted.group, is_block_rfq=wanted.is_block_rfq)
        if wanted not in found:
            words = f"protection of {wanted.index_name} was set and reads back otherwise: do not quote without it"
            raise Refused(VENUE, words, request="private/set_mmp_config")

    async def configured(self, index_name: str, group: str = "", *, is_block_rfq: bool = False) -> list[MmpConfig]:
        subject = build_mmp_subject(index_name, group, is_block_rfq=is_block_rfq)
        return parse_mmp(await self._rpc.ask("private/get_mmp_config", subject))

    async def tripped(self, index_name: str, group: str = "") -> list[MmpTrip]:
        """What is frozen now."""
        return parse_trips(await self._rpc.ask("private/get_mmp_status", build_mmp_subject(index_name, group)))

    async def reset(self, index_name: str, group: str = "", *, is_block_rfq: bool = False) -> None:
        """End a freeze now."""
        await self._rpc.ask("private/reset_mmp", build_mmp_subject(index_name, group, is_block_rfq=is_block_rfq))
        self.trips.pop((index_name, group), None)

    def on_trip(self, trip: MmpTrip) -> None:
        """The venue has taken our protected orders of this index away."""
        self.trips[trip.index_name, trip.group] = trip
