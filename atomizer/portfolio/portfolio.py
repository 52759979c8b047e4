"""All positions of one book of account with the latest marks."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from atomizer.domain.instruments import NANOS
from atomizer.domain.trading import Fill, FundingPaid, Mark, Record, Settled
from atomizer.portfolio.exposure import Exposure, net_exposure
from atomizer.portfolio.marks import Marks
from atomizer.portfolio.positions import Position


class Portfolio:
    """Positions by (venue, instrument), and per instrument the newest mark of each venue."""

    def __init__(self) -> None:
        self._positions: dict[tuple[str, str], Position] = {}
        self._marks = Marks()
        self._amounts: dict[str, int] = {}  # by contract, in coins over all venues
        self._coins: dict[tuple[str, str], int] = {}  # what each position has in that sum
        self._payments: set[tuple[str, str]] = set()
        self._last_payments: dict[str, int] = {}  # by venue, its own time
        self._holders: dict[str, list[Position]] = {}  # by contract
        self._nets: dict[tuple[str, str], int] = {}  # P&L of each position that has one, and their sum
        self._net_e18 = 0
        self._on_amount: Callable[[str, int], None] = _unwatched

    @classmethod
    def of(cls, positions: Iterable[Position], marks: Iterable[Mark]) -> "Portfolio":
        """One that holds these, as somebody kept them: to be looked at, since payments before are not remembered."""
        portfolio = cls()
        for mark in marks:
            portfolio.apply(mark)
        for position in positions:
            portfolio._adopt(position)
        return portfolio

    def __getstate__(self) -> dict[str, object]:
        """What a cache of the fold keeps: everything but who watches."""
        return {**self.__dict__, "_on_amount": _unwatched}

    def apply(self, record: Record) -> bool:
        """Fold one record in; False when it changes nothing.

        Every fill is booked: give it each one once, as the order table tells.
        """
        match record:
            case Fill():
                self._book(record)
                return True
            case FundingPaid():
                return self._pay(record)
            case Settled():
                return self._settle(record)
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
        """The venue's own mark, else the newest of that contract elsewhere."""
        return self._marks.at(venue, instrument)

    def amount_nanos(self, instrument: str) -> int:
        """Net signed amount of a contract over all venues, in coins."""
        return self._amounts.get(instrument, 0)

    def amounts(self) -> Mapping[str, int]:
        """The same of every contract that was ever traded."""
        return self._amounts

    def has_payment(self, venue: str, payment_id: str) -> bool:
        """Whether this funding is booked."""
        return (venue, payment_id) in self._payments

    def last_payment_ns(self, venue: str) -> int:
        """When the venue made the latest payment that is booked; 0 when none is."""
        return self._last_payments.get(venue, 0)

    def watch(self, on_amount: Callable[[str, int], None]) -> None:
        """Tell of the net signed amount of each contract over all venues, in coins: now, and whenever it changes."""
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
        if not self._marks.apply(mark):
            return False
        for position in self._holders.get(mark.instrument, ()):
            self._value(position)
            if mark.is_amount_usd and mark.venue == position.venue:
                self._count(position)
        return True

    def _book(self, fill: Fill) -> None:
        position = self._position(fill.venue, fill.instrument, fill.currency)
        position.book(fill)
        self._value(position)
        self._count(position, fill.price_nanos)

    def _pay(self, funding: FundingPaid) -> bool:
        key = funding.venue, funding.payment_id
        if key in self._payments:
            return False
        self._payments.add(key)
        self._last_payments[funding.venue] = max(self.last_payment_ns(funding.venue), funding.venue_time_ns)
        position = self._position(funding.venue, funding.instrument, funding.currency)
        position.pay(funding)
        self._value(position)
        return True

    def _settle(self, settled: Settled) -> bool:
        position = self.position(settled.venue, settled.instrument)
        if position is None or not position.settle(settled):
            return False
        self._value(position)
        self._count(position)
        return True

    def _count(self, position: Position, price_nanos: int = 0) -> None:
        """Keep the coins of each contract: for an inverse future what its USD are at its mark, or the price traded."""
        key = position.venue, position.instrument
        coins_nanos = position.amount_nanos
        if position.is_amount_usd:
            mark = self._marks.at(*key)
            price_nanos = mark.mark_nanos if mark is not None else price_nanos
            coins_nanos = coins_nanos * NANOS // price_nanos if price_nanos > 0 else 0
        amount_nanos = self.amount_nanos(position.instrument) + coins_nanos - self._coins.get(key, 0)
        self._coins[key] = coins_nanos
        self._amounts[position.instrument] = amount_nanos
        self._on_amount(position.instrument, amount_nanos)

    def _position(self, venue: str, instrument: str, currency: str) -> Position:
        key = (venue, instrument)
        position = self._positions.get(key)
        if position is None:
            position = Position(venue, instrument, currency)
            self._adopt(position)
        return position

    def _adopt(self, position: Position) -> None:
        self._positions[position.venue, position.instrument] = position
        self._holders.setdefault(position.instrument, []).append(position)
        self._value(position)
        self._count(position)

    def _value(self, position: Position) -> None:
        """Keep the sum of all P&L: asked for with every mark, so not added up anew."""
        key = position.venue, position.instrument
        self._net_e18 -= self._nets.pop(key, 0)
        net_e18 = position.net_at(self.mark(*key))
        if net_e18 is not None:
            self._nets[key] = net_e18
            self._net_e18 += net_e18


def _unwatched(_instrument: str, _amount_nanos: int) -> None:
    """Whoever only reads the books needs no word of each change."""
