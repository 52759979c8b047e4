"""What the P&L came from: a fold over fills, marks, funding and settlements that splits it by cause, to the last digit.

Each holding (venue, instrument, strategy) is a position by itself, valued at every mark of its contract as the
inventory does. What its worth changes by belongs to the day of the news that changed it, and to a cause:

| cause    | of                                                                                              |
|----------|-------------------------------------------------------------------------------------------------|
| edge     | a fill: what it was worth at the mark, less what it cost                                        |
| delta    | the forward's move, times the delta before it; all that a future earns                          |
| gamma    | half its square, times the gamma                                                                |
| vega     | the volatility's move, times the vega                                                           |
| theta    | the time that went by, times the theta                                                          |
| fees     | what venues took, with its sign                                                                 |
| funding  | what they paid for holding futures                                                              |
| residual | the rest: higher orders, discounting, and marks without a volatility                            |

Greeks are ours, Black-76 at the mark's own forward and volatility. The causes add up to the P&L exactly, because the
residual is what is left of an integer. A fill without a recent mark of its contract waits for the next one.
"""

import math
from typing import Final, NamedTuple

import msgspec

from atomizer._core.black76 import greeks
from atomizer.domain.instruments import NANOS, OptionType, is_option_name, parse_name
from atomizer.domain.trading import FOREIGN_STRATEGY, Fill, FundingPaid, Mark, Record, Settled
from atomizer.portfolio.exposure import YEAR_NS
from atomizer.portfolio.marks import Marks
from atomizer.portfolio.positions import Position

DAY_NS: Final = 86_400 * NANOS
FRESH_NS: Final = 60 * NANOS  # an older mark does not say what a new position was worth when it was traded


class Causes(msgspec.Struct):
    """USD in 10⁻¹⁸ by cause; below 0 is a loss. `trades` counts fills."""

    edge_e18: int = 0
    delta_e18: int = 0
    gamma_e18: int = 0
    vega_e18: int = 0
    theta_e18: int = 0
    fees_e18: int = 0
    funding_e18: int = 0
    residual_e18: int = 0
    trades: int = 0

    @property
    def total_e18(self) -> int:
        return sum(msgspec.structs.astuple(self)[:-1])

    def add(self, other: "Causes") -> None:
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Key(NamedTuple):
    """What a line of the report is about. `day` counts from 1970-01-01, UTC."""

    day: int
    venue: str
    instrument: str
    strategy: str


class _Holding:
    """One strategy's position, the mark it was last valued at, and its P&L then."""

    __slots__ = ("mark", "net_e18", "position", "strategy")

    def __init__(self, position: Position, strategy: str) -> None:
        self.position = position
        self.strategy = strategy
        self.mark: Mark | None = None
        self.net_e18 = 0


class Attribution:
    """Give it each fill and each payment once, in the order of the journal."""

    def __init__(self) -> None:
        self.days: dict[Key, Causes] = {}
        self.touched: set[Key] = set()  # lines that changed; whoever reads them empties it
        self._marks = Marks()
        self._holdings: dict[tuple[str, str, str], _Holding] = {}
        self._holders: dict[str, list[_Holding]] = {}  # by contract

    def apply(self, record: Record) -> None:
        match record:
            case Fill():
                self._fill(record)
            case Mark():
                self._mark(record)
            case FundingPaid():
                self._pay(record)
            case Settled():
                self._settle(record)

    def _fill(self, fill: Fill) -> None:
        holding = self._holding(fill.venue, fill.instrument, fill.strategy, fill.currency)
        position = holding.position
        if position.amount_nanos == 0:  # marks are written of what is held, so the last one may be old
            mark = self._marks.at(fill.venue, fill.instrument)
            is_fresh = mark is not None and fill.now_ns - mark.now_ns <= FRESH_NS
            holding.mark = mark if is_fresh else None
        fees_e18 = position.fees_e18
        position.book(fill)
        paid_e18 = fees_e18 - position.fees_e18
        holding.net_e18 += paid_e18
        causes = Causes(edge_e18=self._revalue(holding), fees_e18=paid_e18, trades=1)
        self._book(holding, fill.venue_time_ns or fill.now_ns, causes)

    def _mark(self, mark: Mark) -> None:
        if not self._marks.apply(mark):
            return
        for holding in self._holders.get(mark.instrument, ()):
            before, after = holding.mark, self._marks.at(holding.position.venue, mark.instrument)
            if after is None or after is before or not holding.position.amount_nanos:
                continue
            holding.mark = after
            changed_e18 = self._revalue(holding)
            if before is None:  # fills that waited for it
                causes = Causes(edge_e18=changed_e18)
            else:
                causes = split(changed_e18, holding.position, before, after)
            self._book(holding, mark.now_ns, causes)

    def _settle(self, settled: Settled) -> None:
        for holding in self._holders.get(settled.instrument, ()):
            position = holding.position
            if position.venue == settled.venue:
                held = msgspec.structs.replace(position, own=msgspec.structs.replace(position.own))
                if position.settle(settled):
                    expiry_ns = parse_name(settled.instrument).expiry_s * NANOS
                    causes = _expired(self._revalue(holding), held, holding.mark, settled, expiry_ns)
                    self._book(holding, expiry_ns or settled.now_ns, causes)

    def _pay(self, funding: FundingPaid) -> None:
        """To the strategy that holds most of it."""
        held = [each for each in self._holders.get(funding.instrument, ()) if each.position.venue == funding.venue]
        largest = max(held, key=lambda each: abs(each.position.amount_nanos), default=None)
        strategy = largest.strategy if largest is not None else FOREIGN_STRATEGY
        holding = self._holding(funding.venue, funding.instrument, strategy, funding.currency)
        before_e18 = holding.position.funding_e18
        holding.position.pay(funding)
        paid_e18 = holding.position.funding_e18 - before_e18
        holding.net_e18 += paid_e18
        self._book(holding, funding.venue_time_ns or funding.now_ns, Causes(funding_e18=paid_e18))

    def _revalue(self, holding: _Holding) -> int:
        """What its P&L changed by; nothing while it is not known."""
        net_e18 = holding.position.net_at(holding.mark)
        if net_e18 is None:
            return 0
        changed_e18 = net_e18 - holding.net_e18
        holding.net_e18 = net_e18
        return changed_e18

    def _book(self, holding: _Holding, at_ns: int, causes: Causes) -> None:
        key = Key(at_ns // DAY_NS, holding.position.venue, holding.position.instrument, holding.strategy)
        self.days.setdefault(key, Causes()).add(causes)
        self.touched.add(key)

    def _holding(self, venue: str, instrument: str, strategy: str, currency: str) -> _Holding:
        key = venue, instrument, strategy
        holding = self._holdings.get(key)
        if holding is None:
            holding = self._holdings[key] = _Holding(Position(venue, instrument, currency), strategy)
            self._holders.setdefault(instrument, []).append(holding)
        return holding


def _expired(changed_e18: int, held: Position, before: Mark | None, settled: Settled, expiry_ns: int) -> Causes:
    """The last move, from the mark before to the delivery price."""
    if before is None:
        return Causes(edge_e18=changed_e18)
    last = msgspec.structs.replace(before, forward_nanos=settled.price_nanos, venue_time_ns=expiry_ns)
    return split(changed_e18, held, before, last)


def split(changed_e18: int, position: Position, before: Mark, after: Mark) -> Causes:
    """What a move from one mark to the next did to a position, by cause."""
    if not is_option_name(position.instrument):
        return Causes(delta_e18=changed_e18)
    contract = parse_name(position.instrument)
    left_ns = contract.expiry_s * NANOS - before.venue_time_ns
    found = greeks(
        contract.option_type is OptionType.CALL,
        before.forward_nanos / NANOS,
        contract.strike_nanos / NANOS,
        left_ns / YEAR_NS,
        before.iv,
    )
    amount = position.amount_nanos / NANOS
    moved = (after.forward_nanos - before.forward_nanos) / NANOS
    widened = after.iv - before.iv
    years = min(after.venue_time_ns - before.venue_time_ns, left_ns) / YEAR_NS
    parts = (
        amount * found.delta * moved,
        amount * found.gamma * moved * moved / 2,
        amount * found.vega * widened,
        amount * found.theta * years,
    )
    if not all(map(math.isfinite, parts)):
        return Causes(residual_e18=changed_e18)
    delta_e18, gamma_e18, vega_e18, theta_e18 = (round(part * 1e18) for part in parts)
    return Causes(
        delta_e18=delta_e18,
        gamma_e18=gamma_e18,
        vega_e18=vega_e18,
        theta_e18=theta_e18,
        residual_e18=changed_e18 - delta_e18 - gamma_e18 - vega_e18 - theta_e18,
    )
