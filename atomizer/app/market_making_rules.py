"""Asks the strategy what to show, cuts it to the room that the limits leave, and tells the lane what changed."""

import math
from collections.abc import Callable, Container, Mapping, Sequence

import msgspec

from atomizer._core.room import Line, RoomLimits, share_room
from atomizer.app.market_making_lane import QuoteLane
from atomizer.app.market_making_quoted import Quoted, params_of
from atomizer.domain.instruments import NANOS, is_option_name
from atomizer.domain.reasons import Reason
from atomizer.domain.trading import Mark, Side
from atomizer.errors import AtomizerError
from atomizer.portfolio.portfolio import Portfolio
from atomizer.risk.exposure import usd_nanos
from atomizer.risk.greeks import Units, scaled, units_of
from atomizer.risk.limits import Limits
from atomizer.risk.losses import Losses
from atomizer.risk.rules import lost_beyond, signed_beyond
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
        marks = [self._fresh(each.name, now_ns) for each in quoted]
        seen = {each.name: self._see(each, mark) for each, mark in zip(quoted, marks, strict=True)}
        self.lost = lost_beyond(self._limits, self._losses, now_ns)
        rules = self._ask(View(now_ns, seen, self._net(now_ns), self.moves.shares()))
        silent = self._silent(quoted, marks, now_ns)
        wanted = [rules.get(each.name) for each in quoted]
        shown = [None if each.name in silent else rule for each, rule in zip(quoted, wanted, strict=True)]
        rooms = self._share(quoted, marks, shown, now_ns)
        self.why = {(name, side): reason for name, reason in silent.items() for side in Side}
        changed = []
        for each, rule, (bid, ask) in zip(quoted, wanted, rooms, strict=True):
            for side, (_, reason) in ((Side.BUY, bid), (Side.SELL, ask)):
                if reason != "OK":
                    self.why[each.name, side] = Reason[reason]
            self._lane.set_position(each, self._portfolio.amount_nanos(each.name))
            if self._lane.set_rule(each, None if rule is None else _sized(rule, bid[0], ask[0])):
                changed.append(each)
        return changed

    def _silent(self, quoted: Sequence[Quoted], marks: Sequence[Mark | None], now_ns: int) -> dict[str, Reason]:
        """What may show nothing now, whatever is wanted, and why."""
        paused = self.paused()
        silent = {each.name: Reason.PROTECTION for each in quoted if each.instrument.contract.underlying in paused}
        silent |= self.unpriced(now_ns)
        silent |= {each.name: Reason.UNLISTED for each in quoted if not each.instrument.is_active}
        for each, mark in zip(quoted, marks, strict=True):
            signed = self._lane.fit(each)
            if mark is not None:  # else nothing shows anyway
                reason = signed_beyond(self._limits, signed, mark.index_nanos)
                if reason is not Reason.OK:
                    silent[each.name] = reason
            if self._doubting(each.name):
                silent[each.name] = Reason.POSITION_MISMATCH
        return silent

    def _share(
        self,
        quoted: Sequence[Quoted],
        marks: Sequence[Mark | None],
        shown: Sequence[Rule | None],
        now_ns: int,
    ) -> Sequence[tuple[Room, Room]]:
        """Room of each bid and ask."""
        exposure_nanos, greeks_nanos = self._held({each.name for each in quoted}, now_ns)
        try:
            lines = [self._line(*each) for each in zip(quoted, marks, shown, strict=True)]
            return share_room(
                lines, self._room, exposure_nanos=exposure_nanos, greeks_nanos=greeks_nanos, lost=self.lost.name
            )
        except OverflowError as error:
            raise AtomizerError(f"nothing is quoted without knowing the room for it: {error}") from None

    def _line(self, quoted: Quoted, mark: Mark | None, rule: Rule | None) -> Line:
        instrument, sides = quoted.instrument, self._lane.sides
        bid, ask = sides.living(quoted, is_bid=True), sides.living(quoted, is_bid=False)
        wanted_bid_nanos, wanted_ask_nanos = quoted.slot.wanted()
        mark_nanos = mark.mark_nanos if mark is not None else 1
        # The highest of what lives, is next, and the mark.
        bid_nanos = usd_nanos(max(bid.highest_nanos, wanted_bid_nanos, mark_nanos), mark)
        ask_nanos = usd_nanos(max(ask.highest_nanos, wanted_ask_nanos, mark_nanos), mark)
        return Line(
            underlying=instrument.contract.underlying,
            greeks_nanos=units_of(mark),
            position_nanos=self._portfolio.amount_nanos(quoted.name),
            lot_nanos=instrument.lot_nanos,
            min_amount_nanos=instrument.min_amount_nanos,
            max_amount_nanos=instrument.max_amount_nanos,
            price_nanos=(max(bid_nanos, 1), max(ask_nanos, 1)),
            living_nanos=(bid.nanos, ask.nanos),
            wanted_nanos=(rule.bid_size_nanos, rule.ask_size_nanos) if rule is not None else (0, 0),
        )

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
        for name, amount_nanos in self._portfolio.amounts().items():
            if not amount_nanos:
                continue
            underlying, is_option, amount = name.partition("-")[0], is_option_name(name), amount_nanos / NANOS
            mark = self._fresh(name, now_ns) if is_option else None
            if is_option and (mark is None or not math.isfinite(mark.delta + mark.vega)):
                unknown.add(underlying)
                continue
            before = net.get(underlying, NetGreeks())
            delta, vega = (mark.delta, mark.vega) if mark is not None else (1.0, 0.0)
            net[underlying] = NetGreeks(before.delta + amount * delta, before.vega + amount * vega)
        return {underlying: greeks for underlying, greeks in net.items() if underlying not in unknown}

    def _held(self, quoted: Container[str], now_ns: int) -> tuple[int, dict[str, Units | None]]:
        """Exposure and net Greeks of what is held and not quoted; a future is no exposure, and its delta is one."""
        exposure = 0
        greeks: dict[str, Units | None] = {}
        for name, amount in self._portfolio.amounts().items():
            if not amount or name in quoted:
                continue
            underlying, is_option = name.partition("-")[0], is_option_name(name)
            exposure += abs(amount) * is_option
            units = units_of(self._fresh(name, now_ns)) if is_option else (NANOS, 0, 0)
            net = greeks.get(underlying, (0, 0, 0))
            greeks[underlying] = None if units is None or net is None else _added(net, amount, units)
        return exposure, greeks

    def _see(self, quoted: Quoted, mark: Mark | None) -> Seen:
        book, instrument = quoted.slot.book, quoted.instrument
        depth_nanos = book.depth(True) + book.depth(False)
        position_nanos = self._portfolio.amount_nanos(quoted.name)
        index_iv = self._volatility(instrument.contract.underlying) or 0.0
        return Seen(instrument, mark, position_nanos, depth_nanos, index_iv)

    def _fresh(self, name: str, now_ns: int) -> Mark | None:
        mark = self._mark(name)
        return mark if mark is not None and now_ns - mark.now_ns <= self._limits.max_mark_age_ns else None


def _all_priced(_now_ns: int) -> Mapping[str, Reason]:
    return {}


def _added(net: Units, amount_nanos: int, units: Units) -> Units:
    delta, gamma, vega = (before + scaled(amount_nanos, unit) for before, unit in zip(net, units, strict=True))
    return delta, gamma, vega


def _sized(rule: Rule, bid_nanos: int, ask_nanos: int) -> Rule:
    if rule.bid_size_nanos == bid_nanos and rule.ask_size_nanos == ask_nanos:
        return rule
    return msgspec.structs.replace(rule, bid_size_nanos=bid_nanos, ask_size_nanos=ask_nanos)
