"""Room for quotes as it is meant, in integers without end: what `_core.room` does in 128 bits."""

from operator import itemgetter

import msgspec

NANOS = 10**9
SIGNS = (1, -1)  # of a bid and of an ask, by which a side's place in a pair is told
NOTHING = (0, 0, 0)
OF_GREEKS = ("MAX_DELTA", "MAX_GAMMA", "MAX_VEGA")


class RoomLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of the compiled one."""

    max_position_nanos: int
    max_exposure_nanos: int
    max_delta_nanos: int
    max_gamma_nanos: int
    max_vega_nanos: int
    max_order_notional_nanos: int
    max_open_notional_nanos: int
    max_open_orders: int


class Line(msgspec.Struct, kw_only=True):
    """The arguments of the compiled one; pairs are of bid and ask."""

    underlying: str
    greeks_nanos: tuple[int, int, int] | None
    position_nanos: int
    lot_nanos: int
    min_amount_nanos: int
    max_amount_nanos: int
    price_nanos: tuple[int, int]
    living_nanos: tuple[int, int]
    wanted_nanos: tuple[int, int]


class _Net:
    """The Greeks of one underlying, pushed down and up by all that was served and pushes that way."""

    def __init__(self, greeks) -> None:
        self.low, self.high = list(greeks or NOTHING), list(greeks or NOTHING)
        self.is_known = greeks is not None

    def add(self, line: Line) -> None:
        """What is held of the line."""
        if line.greeks_nanos is None:
            self.is_known = self.is_known and not line.position_nanos
            return
        for at, unit in enumerate(line.greeks_nanos):
            held = line.position_nanos * unit
            self.low[at] += held // NANOS
            self.high[at] -= -held // NANOS

    def serve(self, at: int, push: int, before: int, size: int) -> None:
        """Orders that push so much per unit, rounded so that no exposure is hidden."""
        if push < 0:
            self.low[at] += size * push // NANOS - before * push // NANOS
        else:
            self.high[at] += before * -push // NANOS - size * -push // NANOS

    def room(self, at: int, push: int, served: int, limit: int) -> int:
        """The largest size with which a side that pushes so much per unit stays inside, with what it was served."""
        if push < 0:
            left = limit + self.low[at] - served * push // NANOS
        else:
            left = limit - self.high[at] - served * -push // NANOS
        return left * NANOS // abs(push)


class _Ledger:
    """What the sides that were served so far could lead to. A side is (number of its line, its sign)."""

    def __init__(self, lines, limits, exposure, greeks, lost) -> None:
        self.limits = limits
        self.of_greeks = (limits.max_delta_nanos, limits.max_gamma_nanos, limits.max_vega_nanos)
        self.lost = lost
        self.exposure = exposure
        self.orders = 0
        self.notional_e18 = 0
        self.served: dict[tuple[int, int], int] = {}
        self.net = {name: _Net(units) for name, units in greeks.items()}
        for line in lines:
            self.exposure += abs(line.position_nanos)
            self.net.setdefault(line.underlying, _Net(NOTHING)).add(line)

    def worst(self, number, line, sign, size) -> int:
        """The worst of the line when this side shows so much and the other what it was served."""
        other = self.served.get((number, -sign), 0)
        return max(abs(line.position_nanos + sign * size), abs(line.position_nanos - sign * other))

    def room(self, number, line, sign) -> tuple[int, str]:
        """How much the side could show in all, and which limit says so."""
        net, limits = self.net[line.underlying], self.limits
        if line.greeks_nanos is None or not net.is_known:
            return 0, "NO_GREEKS"
        served = self.served.get((number, sign), 0)
        home = -sign * line.position_nanos  # above 0: so much of the side only makes the position smaller
        price = line.price_nanos[SIGNS.index(sign)]
        left_e18 = limits.max_open_notional_nanos * NANOS - self.notional_e18 + served * price
        rooms = [
            (limits.max_position_nanos + home, "MAX_POSITION"),
            (limits.max_order_notional_nanos * NANOS // price, "MAX_NOTIONAL"),
            (max(self.exposure_room(number, line, sign, served), home), "MAX_EXPOSURE"),
            (max(left_e18 // price, home), "MAX_OPEN_NOTIONAL"),
        ]
        if self.orders - bool(served) >= limits.max_open_orders:
            rooms.append((max(home, 0), "MAX_OPEN_ORDERS"))
        if self.lost != "OK":
            rooms.append((max(home, 0), self.lost))
        for at, limit in enumerate(self.of_greeks):
            if push := sign * line.greeks_nanos[at]:
                rooms.append((net.room(at, push, served, limit), OF_GREEKS[at]))
        return min(rooms, key=itemgetter(0))

    def exposure_room(self, number, line, sign, served) -> int:
        """Below 0 when already what the others and the other side lead to is too much."""
        others = self.exposure - self.worst(number, line, sign, served)
        if others + self.worst(number, line, sign, 0) > self.limits.max_exposure_nanos:
            return -1
        return self.limits.max_exposure_nanos - others - sign * line.position_nanos

    def serve(self, number, line, sign, size) -> None:
        """The side shows so much from now on, in place of what it was served before."""
        before = self.served.get((number, sign), 0)
        self.exposure += self.worst(number, line, sign, size) - self.worst(number, line, sign, before)
        self.orders += bool(size) - bool(before)
        self.notional_e18 += (size - before) * line.price_nanos[SIGNS.index(sign)]
        self.served[number, sign] = size
        for at, unit in enumerate(line.greeks_nanos or NOTHING):
            self.net[line.underlying].serve(at, sign * unit, before, size)


def _grow(ledger, side, wanted, living) -> tuple[int, str]:
    """As much as is wanted and there is room for, and never less than what lives there and is wanted."""
    room, reason = ledger.room(*side)
    line = side[1]
    size = min(wanted, max(room, living))
    if wanted >= line.min_amount_nanos:  # one that no venue takes is for the gate to name
        size = min(size, line.max_amount_nanos) // line.lot_nanos * line.lot_nanos
        size = size if size >= line.min_amount_nanos else 0
    ledger.serve(*side, max(size, living))
    return size, "OK" if size >= wanted else reason


def share_room(lines, limits, *, exposure_nanos=0, greeks_nanos, lost="OK"):
    """As the compiled one, of lines and limits from here."""
    ledger = _Ledger(lines, limits, exposure_nanos, greeks_nanos, lost)
    sides = [
        (number, line, sign, line.wanted_nanos[at], line.living_nanos[at])
        for number, line in enumerate(lines)
        for at, sign in enumerate(SIGNS)
    ]
    found: dict[tuple[int, int], tuple[int, str]] = {}
    for number, line, sign, wanted, living in sides:
        if living:
            room, reason = ledger.room(number, line, sign)
            if not wanted or living > room:
                found[number, sign] = (0, reason if wanted else "OK")
            ledger.serve(number, line, sign, living)  # also what is pulled lives until the venue says that it is gone
    for number, line, sign, wanted, living in sides:
        if (number, sign) not in found:
            found[number, sign] = _grow(ledger, (number, line, sign), wanted, living)
    return [tuple(found[number, sign] for sign in SIGNS) for number in range(len(lines))]
