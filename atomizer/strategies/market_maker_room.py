"""How much each side of each instrument may show, so that no limit is passed even if every order of ours fills.

The worst that can come of one instrument is the larger of what its position becomes when all bids fill and when all
asks do. The sum of these worsts stays within `max_exposure`; the net delta, gamma and vega of an underlying, pushed one
way by every order that pushes that way, within theirs. What only brings a quantity nearer to zero always has room, and
what makes a position smaller also beyond the limits that are not about a Greek: open orders, open notional, losses.

What lives at the venue is served first: another side may only use room that no living order can still take. So the
limits hold at every moment in between, also while orders are on their way.

The gate of orders that are checked one by one (`atomizer.risk.rules`) has the same limits, and lets through what this
leaves room for.
"""

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Final

import msgspec

from atomizer.domain.instruments import NANOS, Instrument
from atomizer.domain.reasons import Reason
from atomizer.domain.trading import Side
from atomizer.strategies.market_maker import whole_lots

SIDES: Final = (Side.BUY, Side.SELL)
_OTHER: Final = {Side.BUY: Side.SELL, Side.SELL: Side.BUY}
NO_GREEKS: Final = (0, 0, 0)

Greeks = tuple[int, int, int]  # delta, gamma and vega, in nanos


class RoomLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Amounts in nanos of units of the underlying, money in 10⁻¹⁸ USD; all above 0."""

    max_position_nanos: int  # per instrument, either way
    max_exposure_nanos: int  # of all instruments together: their worsts added up
    max_delta_nanos: int  # per underlying, net, either way, as the two below
    max_gamma_nanos: int
    max_vega_nanos: int
    max_order_notional_e18: int  # price x amount
    max_open_orders: int
    max_open_notional_e18: int

    @property
    def of_greeks(self) -> tuple[tuple[int, Reason], ...]:
        """In the order of `Greeks`, each with the reason that it is."""
        return (
            (self.max_delta_nanos, Reason.MAX_DELTA),
            (self.max_gamma_nanos, Reason.MAX_GAMMA),
            (self.max_vega_nanos, Reason.MAX_VEGA),
        )


class Line(msgspec.Struct):
    """One instrument: what is held, what lives at the venue on each side, and what we would like to show there."""

    name: str  # the instrument's
    instrument: Instrument
    position_nanos: int
    units: Greeks | None  # of one unit of it; None when one is not known
    price_nanos: dict[Side, int]  # USD: the highest that each side's orders are thought to trade at, above 0
    living_nanos: dict[Side, int]
    wanted_nanos: dict[Side, int]


class Held(msgspec.Struct, frozen=True):
    """What is held beside the lines, and whether so much is lost that only what reduces a position may show."""

    exposure_nanos: int = 0  # of options, absolute
    greeks: Mapping[str, Greeks | None] = {}  # net by underlying; None when one of them is not known
    lost: Reason = Reason.OK  # MAX_DAILY_LOSS or MAX_DRAWDOWN


class Room(msgspec.Struct, frozen=True):
    """What one side may show, and when that is less than wanted, which limit it is."""

    size_nanos: int
    reason: Reason = Reason.OK


class _Net:
    """The Greeks of one underlying, pushed down and up by all that was served and pushes that way."""

    __slots__ = ("high", "is_known", "low")

    def __init__(self, greeks: Greeks | None) -> None:
        self.low, self.high = list(greeks or NO_GREEKS), list(greeks or NO_GREEKS)
        self.is_known = greeks is not None

    def add(self, line: Line) -> None:
        """What is held of the line."""
        if line.units is None:
            self.is_known = self.is_known and not line.position_nanos
            return
        for at, unit in enumerate(line.units):
            held = line.position_nanos * unit
            self.low[at] += held // NANOS
            self.high[at] -= -held // NANOS

    def serve(self, at: int, push: int, before_nanos: int, size_nanos: int) -> None:
        """Orders that push so much per unit, rounded so that no exposure is hidden."""
        if push < 0:
            self.low[at] += size_nanos * push // NANOS - before_nanos * push // NANOS
        else:
            self.high[at] += before_nanos * -push // NANOS - size_nanos * -push // NANOS

    def room(self, at: int, push: int, served_nanos: int, limit: int) -> int:
        """The largest size with which a side that pushes so much per unit stays inside, with what it was served."""
        if push < 0:
            left = limit + self.low[at] - served_nanos * push // NANOS
        else:
            left = limit - self.high[at] - served_nanos * -push // NANOS
        return left * NANOS // abs(push)


class _Ledger:
    """What the sides that were served so far could lead to."""

    def __init__(self, lines: Iterable[Line], held: Held, limits: RoomLimits) -> None:
        self.limits = limits
        self.lost = held.lost
        self.exposure = held.exposure_nanos
        self.orders = 0
        self.notional_e18 = 0
        self.net = {name: _Net(greeks) for name, greeks in held.greeks.items()}
        self.served: dict[tuple[str, Side], int] = {}
        self._of_greeks = limits.of_greeks
        for line in lines:
            self.exposure += abs(line.position_nanos)
            self.net.setdefault(line.instrument.contract.underlying, _Net(NO_GREEKS)).add(line)

    def worst(self, line: Line, side: Side, size_nanos: int) -> int:
        """The worst of the line when this side shows so much and the other what it was served."""
        other = self.served.get((line.name, _OTHER[side]), 0)
        return max(abs(line.position_nanos + side * size_nanos), abs(line.position_nanos - side * other))

    def room(self, line: Line, side: Side) -> Room:
        """How much the side could show in all, and which limit says so."""
        net = self.net[line.instrument.contract.underlying]
        if line.units is None or not net.is_known:
            return Room(0, Reason.NO_GREEKS)
        limits, served = self.limits, self.served.get((line.name, side), 0)
        home = -side * line.position_nanos  # above 0: so much of the side only makes the position smaller
        price = line.price_nanos[side]
        left_e18 = limits.max_open_notional_e18 - self.notional_e18 + served * price
        rooms = [
            (limits.max_position_nanos + home, Reason.MAX_POSITION),
            (limits.max_order_notional_e18 // price, Reason.MAX_NOTIONAL),
            (max(self._exposure_room(line, side, served), home), Reason.MAX_EXPOSURE),
            (max(left_e18 // price, home), Reason.MAX_OPEN_NOTIONAL),
        ]
        if self.orders - bool(served) >= limits.max_open_orders:
            rooms.append((max(home, 0), Reason.MAX_OPEN_ORDERS))
        if self.lost is not Reason.OK:
            rooms.append((max(home, 0), self.lost))
        for at, (limit, reason) in enumerate(self._of_greeks):
            if push := side * line.units[at]:
                rooms.append((net.room(at, push, served, limit), reason))
        return Room(*min(rooms, key=itemgetter(0)))

    def _exposure_room(self, line: Line, side: Side, served: int) -> int:
        """Below 0 when already what the others and the other side lead to is too much."""
        others = self.exposure - self.worst(line, side, served)
        if others + self.worst(line, side, 0) > self.limits.max_exposure_nanos:
            return -1
        return self.limits.max_exposure_nanos - others - side * line.position_nanos

    def serve(self, line: Line, side: Side, size_nanos: int) -> None:
        """The side shows so much from now on, in place of what it was served before."""
        key = (line.name, side)
        if size_nanos == (before := self.served.get(key, 0)):
            return
        self.exposure += self.worst(line, side, size_nanos) - self.worst(line, side, before)
        self.orders += bool(size_nanos) - bool(before)
        self.notional_e18 += (size_nanos - before) * line.price_nanos[side]
        self.served[key] = size_nanos
        net = self.net[line.instrument.contract.underlying]
        for at, unit in enumerate(line.units or NO_GREEKS):
            net.serve(at, side * unit, before, size_nanos)


def share_room(lines: Sequence[Line], held: Held, limits: RoomLimits) -> Mapping[tuple[str, Side], Room]:
    """Room by (name, side). Living orders first, in the order of the lines, then what more is wanted."""
    ledger = _Ledger(lines, held, limits)
    found: dict[tuple[str, Side], Room] = {}
    pulled: set[tuple[str, Side]] = set()
    for line in lines:
        for side in SIDES:
            key, living = (line.name, side), line.living_nanos[side]
            if not living:
                continue
            room = ledger.room(line, side)
            if not line.wanted_nanos[side] or living > room.size_nanos:
                pulled.add(key)
                found[key] = Room(0, room.reason if line.wanted_nanos[side] else Reason.OK)
            ledger.serve(line, side, living)  # also what is pulled lives until the venue says that it is gone
    for line in lines:
        for side in SIDES:
            if (line.name, side) not in pulled:
                found[line.name, side] = _grow(ledger, line, side)
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
