"""How much each side of each instrument may show, so that no limit is passed even if every order of ours fills.

The worst that can come of one instrument is the larger of what its position becomes when all bids fill and when all
asks do. The sum of these worsts stays within `max_exposure`; the net delta of an underlying, pushed one way by every
order that pushes that way, within `max_delta`. What only brings a quantity nearer to zero always has room.

What lives at the venue is served first: another side may only use room that no living order can still take. So the
limits hold at every moment in between, also while orders are on their way.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from atomizer.domain.instruments import NANOS, Instrument
from atomizer.domain.reasons import Reason
from atomizer.domain.trading import Side
from atomizer.strategies.market_maker import whole_lots

SIDES: Final = (Side.BUY, Side.SELL)


class RoomLimits(msgspec.Struct, frozen=True, kw_only=True):
    """All in nanos of units of the underlying, all above 0."""

    max_position_nanos: int  # per instrument, either way
    max_exposure_nanos: int  # of all instruments together: their worsts added up
    max_delta_nanos: int  # per underlying, net, either way


class Line(msgspec.Struct):
    """One instrument: what is held, what lives at the venue on each side, and what we would like to show there."""

    instrument: Instrument
    position_nanos: int
    unit_delta_nanos: int | None  # delta of one unit; None when it is not known
    living_nanos: dict[Side, int]
    wanted_nanos: dict[Side, int]


class Held(msgspec.Struct, frozen=True):
    """What is held beside the lines."""

    exposure_nanos: int = 0  # of options, absolute
    deltas_nanos: Mapping[str, int | None] = {}  # net by underlying; None when one of them is not known


class Room(msgspec.Struct, frozen=True):
    """What one side may show, and when that is less than wanted, which limit it is."""

    size_nanos: int
    reason: Reason = Reason.OK


class _Ledger:
    """What the sides that were served so far could lead to."""

    def __init__(self, lines: Iterable[Line], held: Held, limits: RoomLimits) -> None:
        self.limits = limits
        self.exposure = held.exposure_nanos
        self.unknown = {name for name, delta in held.deltas_nanos.items() if delta is None}
        self.low: dict[str, int] = defaultdict(int)  # net delta by underlying, pushed down by all that pushes down
        self.high: dict[str, int] = defaultdict(int)
        self.served: dict[tuple[str, Side], int] = {}
        for name, net in held.deltas_nanos.items():
            self.low[name] = self.high[name] = net or 0
        for line in lines:
            self.exposure += abs(line.position_nanos)
            if line.unit_delta_nanos is None and line.position_nanos:
                self.unknown.add(line.instrument.contract.underlying)
            delta = line.position_nanos * (line.unit_delta_nanos or 0) // NANOS
            self.low[line.instrument.contract.underlying] += delta
            self.high[line.instrument.contract.underlying] += delta

    def worst(self, line: Line, side: Side, size_nanos: int) -> int:
        """The worst of the line when this side shows so much and the other what it was served."""
        other = self.served.get((line.instrument.name, Side(-side)), 0)
        return max(abs(line.position_nanos + side * size_nanos), abs(line.position_nanos - side * other))

    def room(self, line: Line, side: Side) -> Room:
        """How much the side could show in all, and which limit says so."""
        limits, name = self.limits, line.instrument.contract.underlying
        toward = side * line.position_nanos  # above 0: the side makes the position larger
        position = limits.max_position_nanos - toward
        before = self.worst(line, side, self.served.get((line.instrument.name, side), 0))
        exposure = before + max(limits.max_exposure_nanos - self.exposure, 0) - toward
        best = min(Room(position, Reason.MAX_POSITION), Room(exposure, Reason.MAX_EXPOSURE), key=_size)
        if line.unit_delta_nanos is None or name in self.unknown:
            return Room(0, Reason.NO_GREEKS)
        push = side * line.unit_delta_nanos
        if push:
            already = self.served.get((line.instrument.name, side), 0) * push // NANOS
            left = limits.max_delta_nanos + (self.low[name] if push < 0 else -self.high[name]) + abs(already)
            best = min(best, Room(left * NANOS // abs(push), Reason.MAX_DELTA), key=_size)
        return best

    def serve(self, line: Line, side: Side, size_nanos: int) -> None:
        """The side shows so much from now on, in place of what it was served before."""
        key, name = (line.instrument.name, side), line.instrument.contract.underlying
        before = self.served.get(key, 0)
        self.exposure += self.worst(line, side, size_nanos) - self.worst(line, side, before)
        self.served[key] = size_nanos
        push = side * (line.unit_delta_nanos or 0)
        change = (size_nanos - before) * push
        if push < 0:
            self.low[name] += change // NANOS
        else:
            self.high[name] -= -change // NANOS


def share_room(lines: Sequence[Line], held: Held, limits: RoomLimits) -> Mapping[tuple[str, Side], Room]:
    """Room by (name, side). Living orders first, in the order of the lines, then what more is wanted."""
    ledger = _Ledger(lines, held, limits)
    found: dict[tuple[str, Side], Room] = {}
    pulled: set[tuple[str, Side]] = set()
    for line in lines:
        for side in SIDES:
            key, living = (line.instrument.name, side), line.living_nanos[side]
            room = ledger.room(line, side)
            if living and (not line.wanted_nanos[side] or living > room.size_nanos):
                pulled.add(key)
                found[key] = Room(0, room.reason if line.wanted_nanos[side] else Reason.OK)
            ledger.serve(line, side, living)  # also what is pulled lives until the venue says that it is gone
    for line in lines:
        for side in SIDES:
            if (line.instrument.name, side) not in pulled:
                found[line.instrument.name, side] = _grow(ledger, line, side)
    return found


def _grow(ledger: _Ledger, line: Line, side: Side) -> Room:
    """As much as is wanted and there is room for, and never less than what lives there and is wanted."""
    wanted, living = line.wanted_nanos[side], line.living_nanos[side]
    room = ledger.room(line, side)
    size = min(wanted, max(room.size_nanos, living))
    if wanted >= line.instrument.min_amount_nanos:  # one that no venue takes is for the gate to name
        size = whole_lots(size, line.instrument)
    ledger.serve(line, side, max(size, living))
    return Room(size, Reason.OK if size >= wanted else room.reason)


def _size(room: Room) -> int:
    return room.size_nanos
