"""Asks the strategy what to show, cuts it to the room that the limits leave, and tells the lane what changed."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from atomizer._core.room import Line, RoomLimits, share_room
from atomizer.app.market_making_lane import QuoteLane
from atomizer.app.market_making_quoted import Quoted, params_of
from atomizer.domain.instruments import NANOS
from atomizer.domain.reasons import Reason
from atomizer.domain.trading import Mark, Side
from atomizer.errors import AtomizerError
from atomizer.portfolio.portfolio import Portfolio
from atomizer.risk.exposure import as_flight
from atomizer.risk.greeks import Units, scaled, units_of
from atomizer.risk.limits import Limits
from atomizer.risk.losses import Losses
from atomizer.risk.rules import Proposal, check_signature, lost_beyond
from atomizer.strategies.market_maker import Rule, Seen, Strategy, View
from atomizer.strategies.market_maker_skew import NetGreeks
from atomizer.strategies.market_maker_spread import Moves

Room = tuple[int, str]  # size, and which limit keeps it below what is wanted


class Rules:
    """Of all quoted instruments. Has no memory but why a side shows less than the strategy wants."""

    def __init__(
        self,
        *,
        lane: QuoteLane,
        strategy: Strategy,
        limits: Limits,
        room: RoomLimits,
        losses: Losses,
        portfolio: Portfolio,
        mark: Callable[[str], Mark | None],
        volatility: Callable[[str], float | None],
        doubting: Callable[[str], str],
        move_window_ns: int,
    ) -> None:
        """`volatility` is the venue's index of a coin's.

        `doubting` names a venue that holds another position in an instrument than we booked, if one does.
        """
        self._lane = lane
        self._strategy = strategy
        self._losses = losses
        self._portfolio = portfolio
        self._mark = mark
        self._volatility = volatility
        self._doubting = doubting
        self.moves = Moves(move_window_ns)
        self.paused: Callable[[], frozenset[str]] = frozenset  # underlyings of which nothing may be shown now
        self.unpriced: Callable[[int], Mapping[str, Reason]] = _all_priced  # instruments without a fair value, and why
        self.why: dict[tuple[str, Side], Reason] = {}  # of each side that shows less than was wanted
        self.lost = Reason.OK  # MAX_DAILY_LOSS or MAX_DRAWDOWN: then only what reduces a position is shown
        self.use(limits, room)

    def use(self, limits: Limits, room: RoomLimits) -> None:
        """Limits that hold from the next `renew` on."""
        self._limits = limits
        self._room = room

    def renew(self, now_ns: int) -> list[Quoted]:
        """Ask anew; answers the instruments whose rule became another, which then want a decision."""
        quoted = list(self._lane)
        marks = {each.name: self._fresh(each.name, now_ns) for each in quoted}
        positions = {each.name: self._portfolio.amount_nanos(each.name) for each in quoted}
        seen = {each.name: self._see(each, marks[each.name], positions[each.name]) for each in quoted}
        self.lost = lost_beyond(self._limits, self._losses, now_ns)
        wanted = self._ask(View(now_ns, seen, self._net(now_ns), self.moves.shares()))
        paused = self.paused()
        silent = {each.name: Reason.PROTECTION for each in quoted if each.instrument.contract.underlying in paused}
        silent |= self.unpriced(now_ns)
        silent |= {each.name: why for each in quoted if (why := self._unsigned(each.name, marks[each.name]))}
        wants = {name: rule for name, rule in wanted.items() if name not in silent}
        rooms = self._share(quoted, marks, positions, wants, now_ns)
        self.why = {
            (each.name, side): Reason[reason]
            for each, sides in zip(quoted, rooms, strict=True)
            for side, (_, reason) in zip((Side.BUY, Side.SELL), sides, strict=True)
            if reason != "OK"
        }
        self.why |= {(name, side): reason for name, reason in silent.items() for side in Side}
        changed = []
        for each, ((bid_nanos, _), (ask_nanos, _)) in zip(quoted, rooms, strict=True):
            self._lane.fit(each)
            self._lane.set_position(each.name, positions[each.name])
            is_doubted = bool(self._doubting(each.name))
            if is_doubted:
                self.why |= {(each.name, side): Reason.POSITION_MISMATCH for side in Side}
            rule = None if is_doubted else wanted.get(each.name)
            if self._lane.set_rule(each, None if rule is None else _sized(rule, bid_nanos, ask_nanos)):
                changed.append(each)
        return changed

    def _share(
        self,
        quoted: Sequence[Quoted],
        marks: Mapping[str, Mark | None],
        positions: Mapping[str, int],
        wanted: Mapping[str, Rule],
        now_ns: int,
    ) -> Sequence[tuple[Room, Room]]:
        """Room of each bid and ask."""
        exposure_nanos, greeks = self._held(set(positions), now_ns)
        try:
            return share_room(
                [self._line(each, marks[each.name], positions[each.name], wanted.get(each.name)) for each in quoted],
                self._room,
                exposure_nanos=exposure_nanos,
                greeks_nanos=greeks,
                lost=self.lost.name,
            )
        except OverflowError as error:
            raise AtomizerError(f"nothing is quoted without knowing the room for it: {error}") from None

    def _line(self, quoted: Quoted, mark: Mark | None, position_nanos: int, rule: Rule | None) -> Line:
        instrument, sides = quoted.instrument, self._lane.sides
        return Line(
            underlying=instrument.contract.underlying,
            greeks_nanos=units_of(mark),
            position_nanos=position_nanos,
            lot_nanos=instrument.lot_nanos,
            min_amount_nanos=instrument.min_amount_nanos,
            max_amount_nanos=instrument.max_amount_nanos,
            price_nanos=(self._price_nanos(quoted, Side.BUY, mark), self._price_nanos(quoted, Side.SELL, mark)),
            living_nanos=(sides.living_nanos(quoted, is_bid=True), sides.living_nanos(quoted, is_bid=False)),
            wanted_nanos=(rule.bid_size_nanos, rule.ask_size_nanos) if rule is not None else (0, 0),
        )

    def _unsigned(self, name: str, mark: Mark | None) -> Reason | None:
        """Why no order of this instrument may be signed, if one may not: the venue asks for more than is allowed."""
        if mark is None:
            return None  # then nothing shows anyway
        proposal = Proposal(name, Side.BUY, 0, 0, signed=self._lane.signed(name))
        verdict = check_signature(self._limits, proposal, mark)
        return verdict.reason if verdict is not None else None

    def _ask(self, view: View) -> Mapping[str, Rule]:
        """The strategy's answer, each rule one that the lane can hold."""
        try:
            wanted = self._strategy(view)
            for rule in set(wanted.values()):
                params_of(rule)
        except Exception as error:
            raise AtomizerError(f"the strategy failed, nothing is quoted without it: {error!r}") from error
        return wanted

    def _net(self, now_ns: int) -> dict[str, NetGreeks]:
        """Net delta and vega of everything held; an underlying with a Greek that is not known is left out."""
        net: dict[str, NetGreeks] = {}
        unknown = set()
        for name in {each.instrument for each in self._portfolio.positions()}:
            amount = self._portfolio.amount_nanos(name) / NANOS
            underlying, is_option = name.partition("-")[0], not name.endswith("-PERP")
            mark = self._fresh(name, now_ns) if is_option else None
            if amount and is_option and (mark is None or not math.isfinite(mark.delta + mark.vega)):
                unknown.add(underlying)
            elif amount:
                before = net.get(underlying, NetGreeks())
                delta, vega = (mark.delta, mark.vega) if mark is not None else (1.0, 0.0)
                net[underlying] = NetGreeks(before.delta + amount * delta, before.vega + amount * vega)
        return {underlying: greeks for underlying, greeks in net.items() if underlying not in unknown}

    def _held(self, quoted: Iterable[str], now_ns: int) -> tuple[int, dict[str, Units | None]]:
        """Exposure and net Greeks of what is held and not quoted; a perpetual is no exposure, and its delta is one."""
        exposure = 0
        greeks: dict[str, Units | None] = {}
        for name in {each.instrument for each in self._portfolio.positions()} - set(quoted):
            amount = self._portfolio.amount_nanos(name)
            if not amount:
                continue
            underlying, is_option = name.partition("-")[0], not name.endswith("-PERP")
            exposure += abs(amount) * is_option
            units = units_of(self._fresh(name, now_ns)) if is_option else (NANOS, 0, 0)
            net = greeks.get(underlying, (0, 0, 0))
            greeks[underlying] = None if units is None or net is None else _added(net, amount, units)
        return exposure, greeks

    def _price_nanos(self, quoted: Quoted, side: Side, mark: Mark | None) -> int:
        """USD at which a side's orders count towards the notional: the highest of what lives, is next, and the mark."""
        highest = max(
            self._lane.sides.highest_nanos(quoted, side is Side.BUY), mark.mark_nanos if mark is not None else 0, 1
        )
        return as_flight(quoted.name, side, 0, highest, mark).price_nanos or 1

    def _see(self, quoted: Quoted, mark: Mark | None, position_nanos: int) -> Seen:
        book, contract = quoted.slot.book, quoted.instrument.contract
        depth_nanos = book.depth(True) + book.depth(False)
        return Seen(quoted.instrument, mark, position_nanos, depth_nanos, self._volatility(contract.underlying) or 0.0)

    def _fresh(self, name: str, now_ns: int) -> Mark | None:
        mark = self._mark(name)
        return mark if mark is not None and now_ns - mark.now_ns <= self._limits.max_mark_age_ns else None


def _all_priced(_now_ns: int) -> Mapping[str, Reason]:
    return {}


def _added(net: Units, amount_nanos: int, units: Units) -> Units:
    delta, gamma, vega = (before + scaled(amount_nanos, unit) for before, unit in zip(net, units, strict=True))
    return delta, gamma, vega


def _sized(rule: Rule, bid_nanos: int, ask_nanos: int) -> Rule:
    return msgspec.structs.replace(rule, bid_size_nanos=bid_nanos, ask_size_nanos=ask_nanos)
