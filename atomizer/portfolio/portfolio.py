"""All positions of one book of account with the latest marks."""

from collections.abc import Callable, Iterator

from atomizer.domain.trading import Fill, Mark, Record
from atomizer.portfolio.exposure import Exposure, net_exposure
from atomizer.portfolio.positions import Position


class Portfolio:
    """Positions by (venue, instrument), and per instrument the newest mark of each venue."""

    def __init__(self) -> None:
        self._positions: dict[tuple[str, str], Position] = {}
        self._marks: dict[str, dict[str, Mark]] = {}
        self._amounts: dict[str, int] = {}  # by contract, over all venues
        self._holders: dict[str, list[Position]] = {}  # by contract
        self._nets: dict[tuple[str, str], int] = {}  # P&L of each position that has one, and their sum
        self._net_e18 = 0
        self._on_amount: Callable[[str, int], None] = _unwatched

    def apply(self, record: Record) -> bool:
        """Fold one record in; False when it changes nothing.

        Every fill is booked: give it each one once, as the order table tells.
        """
        match record:
            case Fill():
                self._book(record)
                return True
            case Mark():
                return self._apply_mark(record)
            case _:
                return False

    def position(self, venue: str, instrument: str) -> Position | None:
        """None when it was never traded there."""
        return self._positions.get((venue, instrument))

    def positions(self) -> Iterator[Position]:
        """Every position that was ever opened, flat ones too, by instrument and venue."""
        for _, position in sorted(self._positions.items(), key=lambda item: (item[0][1], item[0][0])):
            yield position

    def mark(self, venue: str, instrument: str) -> Mark | None:
        """The venue's own mark, else the newest of that contract elsewhere.

        An RFQ venue gives no marks: what was traded there is worth what the same contract is worth where it is hedged.
        """
        marks = self._marks.get(instrument, {})
        own = marks.get(venue)
        return own if own is not None else max(marks.values(), key=_age_key, default=None)

    def amount_nanos(self, instrument: str) -> int:
        """Net signed amount of a contract over all venues."""
        return self._amounts.get(instrument, 0)

    def watch(self, on_amount: Callable[[str, int], None]) -> None:
        """Tell of the net signed amount of each contract over all venues: now, and after every fill."""
        self._on_amount = on_amount
        for instrument, amount_nanos in self._amounts.items():
            on_amount(instrument, amount_nanos)

    @property
    def net_e18(self) -> int | None:
        """Realized and unrealized P&L less fees of everything; None while a position has no mark."""
        return self._net_e18 if len(self._nets) == len(self._positions) else None

    def exposure(self) -> dict[str, Exposure]:
        """Net Greeks by underlying."""
        return net_exposure(
            (position, self.mark(position.venue, position.instrument)) for position in self._positions.values()
        )

    def _apply_mark(self, mark: Mark) -> bool:
        marks = self._marks.setdefault(mark.instrument, {})
        known = marks.get(mark.venue)
        if known is not None and _age_key(mark) <= _age_key(known):
            return False
        marks[mark.venue] = mark
        for position in self._holders.get(mark.instrument, ()):
            self._value(position)
        return True

    def _book(self, fill: Fill) -> None:
        position = self._position(fill.venue, fill.instrument)
        position.book(fill)
        self._value(position)
        amount_nanos = self.amount_nanos(fill.instrument) + fill.side * fill.amount_nanos
        self._amounts[fill.instrument] = amount_nanos
        self._on_amount(fill.instrument, amount_nanos)

    def _position(self, venue: str, instrument: str) -> Position:
        key = (venue, instrument)
        position = self._positions.get(key)
        if position is None:
            position = self._positions[key] = Position(venue, instrument)
            self._holders.setdefault(instrument, []).append(position)
        return position

    def _value(self, position: Position) -> None:
        """Keep the sum of all P&L: asked for with every mark, so not added up anew."""
        key = position.venue, position.instrument
        self._net_e18 -= self._nets.pop(key, 0)
        mark = self.mark(*key)
        if mark is not None or position.amount_nanos == 0:
            self._nets[key] = position.net_e18(mark.mark_nanos if mark is not None else 0)
            self._net_e18 += self._nets[key]


def _age_key(mark: Mark) -> tuple[int, int, str]:
    return mark.venue_time_ns, mark.now_ns, mark.venue


def _unwatched(_instrument: str, _amount_nanos: int) -> None:
    """Whoever only reads the books needs no word of each change."""
