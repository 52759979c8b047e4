"""The rows and sums that `atomizer inventory` shows. Values only; how they look is the command line's."""

from collections.abc import Callable, Sequence

import msgspec

from atomizer.domain.instruments import NANOS, USD, parse_name
from atomizer.domain.trading import Mark
from atomizer.portfolio.exposure import Greeks, own_greeks, venue_greeks
from atomizer.portfolio.portfolio import Portfolio
from atomizer.portfolio.positions import Position


class InventoryRow(msgspec.Struct, frozen=True, kw_only=True):
    """One position. None is unknown, or for an average price: flat."""

    venue: str
    instrument: str
    underlying: str
    amount_nanos: int
    average_e18: int | None  # USD, as everything but what says otherwise
    mark_nanos: int | None
    mark_venue: str  # whose mark it is; empty without one
    mark_age_ns: int | None  # since that venue stamped it
    greeks: Greeks  # ours, by Black-76 at the mark's forward and volatility
    venue_greeks: Greeks  # what the mark says
    realized_e18: int
    unrealized_e18: int | None
    fees_e18: int
    funding_e18: int
    cash_e18: int
    currency: str  # what the instrument is paid in
    own_average_e18: int | None  # average price as the instrument is priced
    own_cash_e18: int  # in `currency`

    @property
    def net_e18(self) -> int | None:
        """Realized, unrealized and funding less fees; None when the position has no mark."""
        if self.unrealized_e18 is None:
            return None
        return self.realized_e18 + self.unrealized_e18 - self.fees_e18 + self.funding_e18


class InventoryTotal(msgspec.Struct, frozen=True, kw_only=True):
    """Sum over the rows of one underlying, or over all of them; None is unknown.

    Delta and gamma of different underlyings do not add up, so they are None over more than one.
    """

    label: str
    open_positions: int
    greeks: Greeks
    venue_greeks: Greeks
    realized_e18: int
    unrealized_e18: int | None
    fees_e18: int
    funding_e18: int
    net_e18: int | None
    unknown: tuple[str, ...]  # instruments, sorted, that have no mark or lack a Greek


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    by_underlying: tuple[InventoryTotal, ...]
    total: InventoryTotal


def inventory_rows(
    portfolio: Portfolio, now_ns: int, live_mark: Callable[[str], Mark | None] = lambda _: None
) -> list[InventoryRow]:
    """A row for every position, flat ones too because their P&L belongs to the totals, by instrument and venue.

    `live_mark` is newer than the books' marks, where a running trader has one.
    """
    return [
        _row(position, live_mark(position.instrument) or portfolio.mark(position.venue, position.instrument), now_ns)
        for position in portfolio.positions()
    ]


def inventory_summary(rows: Sequence[InventoryRow]) -> Summary:
    underlyings = sorted({row.underlying for row in rows})
    totals = tuple(_total(name, [row for row in rows if row.underlying == name]) for name in underlyings)
    everything = _total("total", rows)
    if len(underlyings) > 1:
        mixed = [Greeks(None, None, each.vega, each.theta) for each in (everything.greeks, everything.venue_greeks)]
        everything = msgspec.structs.replace(everything, greeks=mixed[0], venue_greeks=mixed[1])
    return Summary(by_underlying=totals, total=everything)


def _row(position: Position, mark: Mark | None, now_ns: int) -> InventoryRow:
    net_e18 = position.net_at(mark)
    unrealized_e18 = None
    if net_e18 is not None:
        unrealized_e18 = net_e18 - position.realized_e18 + position.fees_e18 - position.funding_e18
    return InventoryRow(
        venue=position.venue,
        instrument=position.instrument,
        underlying=parse_name(position.instrument).base,
        amount_nanos=position.amount_nanos,
        average_e18=position.average_usd_e18,
        mark_nanos=_usd_nanos(mark) if mark is not None else None,
        mark_venue=mark.venue if mark is not None else "",
        mark_age_ns=max(now_ns - mark.venue_time_ns, 0) if mark is not None else None,
        greeks=own_greeks(position.instrument, position.amount_nanos, mark),
        venue_greeks=venue_greeks(position.instrument, position.amount_nanos, mark),
        realized_e18=position.realized_e18,
        unrealized_e18=unrealized_e18,
        fees_e18=position.fees_e18,
        funding_e18=position.funding_e18,
        cash_e18=position.cash_e18,
        currency=position.currency,
        own_average_e18=position.average_e18,
        own_cash_e18=position.own_cash_e18,
    )


def _usd_nanos(mark: Mark) -> int:
    in_coins = mark.currency != USD and not mark.is_amount_usd
    return mark.mark_nanos * mark.index_nanos // NANOS if in_coins else mark.mark_nanos


def _total(label: str, rows: Sequence[InventoryRow]) -> InventoryTotal:
    return InventoryTotal(
        label=label,
        open_positions=sum(row.amount_nanos != 0 for row in rows),
        greeks=sum((row.greeks for row in rows), Greeks()),
        venue_greeks=sum((row.venue_greeks for row in rows), Greeks()),
        realized_e18=sum(row.realized_e18 for row in rows),
        unrealized_e18=_sum_known([row.unrealized_e18 for row in rows]),
        fees_e18=sum(row.fees_e18 for row in rows),
        funding_e18=sum(row.funding_e18 for row in rows),
        net_e18=_sum_known([row.net_e18 for row in rows]),
        unknown=tuple(sorted({row.instrument for row in rows if row.net_e18 is None or not row.greeks.is_known})),
    )


def _sum_known(values: Sequence[int | None]) -> int | None:
    """The sum, or None when any is unknown."""
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
