"""Do our books and the venue's own ledger say the same, to the last digit?"""

from collections.abc import Iterable, Sequence

import msgspec

from atomizer._core.fixed import format_e18
from atomizer.domain.instruments import NANOS
from atomizer.domain.session import LedgerPosition
from atomizer.portfolio.positions import Position

E18_PER_NANO = 10**9


class Difference(msgspec.Struct, frozen=True):
    """One figure on which the two do not agree."""

    instrument: str
    figure: str
    ours: str
    venue: str


class Tie(msgspec.Struct, frozen=True):
    """The comparison: how many open positions were compared, and every figure that differs."""

    positions: int
    differences: tuple[Difference, ...]
    as_a_whole: tuple[str, ...] = ()  # of these, realized and unrealized were compared as one: trades were booked late

    @property
    def holds(self) -> bool:
        return not self.differences


def tie(ours: Iterable[Position], theirs: Sequence[LedgerPosition]) -> Tie:
    """Compare open positions: amount, profit (at the venue's mark), fees, and what the profit is made of.

    That is the average price, realized and unrealized, which depend on the order in which trades are booked. One that
    was booked late has the same part in the profit as a whole, and that is compared of every position.
    """
    mine = {position.instrument: position for position in ours if position.amount_nanos}
    ledger = {position.instrument: position for position in theirs if position.amount_e18}
    differences: list[Difference] = []
    for name in sorted(mine.keys() | ledger.keys()):
        position, venue = mine.get(name), ledger.get(name)
        if position is None or venue is None:
            ours_e18 = position.amount_nanos * E18_PER_NANO if position is not None else 0
            venue_e18 = venue.amount_e18 if venue is not None else 0
            differences.append(Difference(name, "position", format_e18(ours_e18), format_e18(venue_e18)))
        else:
            differences.extend(_compare(position, venue))
    both = mine.keys() & ledger.keys()
    as_a_whole = [name for name in sorted(both) if ledger[name].is_comparable and not mine[name].is_in_order]
    return Tie(len(ledger), tuple(differences), tuple(as_a_whole))


def _compare(position: Position, venue: LedgerPosition) -> Iterable[Difference]:
    # Unrealized in exact arithmetic of e18 marks: mark x amount / 10⁹, which is whole when the mark has nine decimals.
    unrealized_e18 = venue.mark_price_e18 * position.amount_nanos // NANOS - position.cost_e18
    figures = [("position", position.amount_nanos * E18_PER_NANO, venue.amount_e18)]
    if venue.is_comparable:
        profit_e18 = venue.realized_pnl_e18 + venue.unrealized_pnl_e18
        figures.append(("profit", position.realized_e18 + unrealized_e18, profit_e18))
    if venue.is_comparable and position.is_in_order:
        figures += [
            ("average price", position.average_e18 or 0, venue.average_price_e18),
            ("realized", position.realized_e18, venue.realized_pnl_e18),
            ("unrealized", unrealized_e18, venue.unrealized_pnl_e18),
        ]
    if venue.is_comparable and venue.total_fees_e18 is not None:
        figures.append(("fees", position.fees_e18, venue.total_fees_e18))
    for figure, ours, theirs in figures:
        if ours != theirs:
            yield Difference(position.instrument, figure, format_e18(ours), format_e18(theirs))
