"""What we hold, and what we would hold if everything in flight came true on the side that hurts.

Delta is kept in nanos of the underlying, like amounts. A Greek that is not known is never guessed: the answer is a
verdict, and whoever asked must not trade on it.

It is asked before every quote, so it is kept as sums, which move with each fill, quote and mark, and not added up anew.
All of it is integers, so the sums are exact.
"""

import math
from collections.abc import Iterable
from typing import Final

import msgspec

from atomizer._core.book import Book
from atomizer.domain.instruments import NANOS, USD, Instrument
from atomizer.domain.reasons import Reason, Verdict
from atomizer.domain.trading import Mark, Side

_UNKNOWN_NS: Final = -(2**63)  # of a mark that there is not, or with a Greek that is not a number
_ALWAYS_NS: Final = 2**63  # a future needs no mark: its delta is one


class InFlight(msgspec.Struct, frozen=True):
    """An order or a quote that may still become a position: what of it is not yet filled, in nanos."""

    instrument: str
    side: Side
    amount_nanos: int
    price_nanos: int


class Span(msgspec.Struct, frozen=True):
    """One signed quantity in nanos: as it is, and how far orders, and orders and quotes, can push it either way."""

    now: int = 0
    orders_low: int = 0
    orders_high: int = 0
    low: int = 0
    high: int = 0

    def after(self, change: int) -> int:
        """The farthest that it can get in the direction of the change, once that is added."""
        return self.low + change if change < 0 else self.high + change

    def shrinks(self, change: int) -> bool:
        """Whether the change brings it nearer to zero, not past it, even when every order of ours fills.

        Quotes are left out: few of them are taken, and a hedge must not wait for them to run out.
        """
        return self.orders_low + change >= 0 if change < 0 else self.orders_high + change <= 0


class Exposure(msgspec.Struct, frozen=True):
    """What one more trade in `instrument` would add to: its position, and the net delta of its underlying."""

    instrument: str
    position: Span
    unit_delta_nanos: int  # delta of one unit of the instrument
    delta: Span
    premium_e18: int  # USD that taken quotes of any underlying would make us pay


class _Reach:
    """A signed quantity, and how far orders or quotes can push it down and up."""

    __slots__ = ("down", "now", "up")

    def __init__(self) -> None:
        self.now = self.down = self.up = 0

    def push(self, change: int, sign: int = 1) -> None:
        """Something that may change the quantity, or with sign -1 no longer may."""
        if change < 0:
            self.down += sign * change
        else:
            self.up += sign * change

    def span(self, orders: "_Reach") -> Span:
        low, high = self.now + orders.down, self.now + orders.up
        return Span(self.now, low, high, low + self.down, high + self.up)


class _Underlying:
    """All lines of one underlying: their deltas, and the marks that those come from."""

    __slots__ = ("delta", "lines", "oldest_ns")

    def __init__(self) -> None:
        self.delta = _Reach()
        self.lines: set[_Line] = set()  # those that are held or quoted
        self.oldest_ns = _ALWAYS_NS  # no mark of theirs is older; it may be behind, never ahead

    def stale(self, oldest_ns: int) -> "_Line | None":
        """A line whose mark is older than that."""
        if self.oldest_ns >= oldest_ns:
            return None
        oldest = min(self.lines, key=_mark_ns, default=None)
        self.oldest_ns = oldest.mark_ns if oldest is not None else _ALWAYS_NS
        return oldest if self.oldest_ns < oldest_ns else None


class _Line:
    """One instrument: what we hold and quote of it, and what that weighs in its underlying at the present mark."""

    __slots__ = ("amount", "mark_ns", "name", "quotes", "underlying", "unit_nanos")

    def __init__(self, name: str, underlying: _Underlying) -> None:
        self.name = name
        self.underlying = underlying
        self.amount = _Reach()
        self.quotes: dict[str, int] = {}  # by RFQ: what it would change
        self.unit_nanos = 0  # delta of one unit; 0 while it is not known
        self.mark_ns = _UNKNOWN_NS

    def hold(self, amount_nanos: int) -> None:
        delta = self.underlying.delta
        delta.now += scaled(amount_nanos, self.unit_nanos) - scaled(self.amount.now, self.unit_nanos)
        self.amount.now = amount_nanos
        self._settle()

    def put(self, key: str, change: int) -> None:
        self.quotes[key] = change
        self.amount.push(change)
        self.underlying.delta.push(scaled(change, self.unit_nanos))
        self._settle()

    def drop(self, key: str) -> None:
        change = self.quotes.pop(key)
        self.amount.push(change, -1)
        self.underlying.delta.push(scaled(change, self.unit_nanos), -1)
        self._settle()

    def value(self, unit_nanos: int, mark_ns: int) -> None:
        """Another mark: weigh everything again, where it says something else."""
        if unit_nanos != self.unit_nanos:
            delta, before = self.underlying.delta, self.unit_nanos
            delta.now += scaled(self.amount.now, unit_nanos) - scaled(self.amount.now, before)
            for change in self.quotes.values():
                delta.push(scaled(change, before), -1)
                delta.push(scaled(change, unit_nanos))
            self.unit_nanos = unit_nanos
        self.mark_ns = mark_ns
        self._settle()

    def _settle(self) -> None:
        underlying = self.underlying
        if self.quotes or self.amount.now:
            underlying.lines.add(self)
            underlying.oldest_ns = min(underlying.oldest_ns, self.mark_ns)
        else:
            underlying.lines.discard(self)


class RunningExposure:
    """The exposure of one book of account. Listens to the market; is told of positions and of quotes that may be taken.

    Remembers a line for each instrument that was ever held or quoted.
    """

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}
        self._underlyings: dict[str, _Underlying] = {}
        self._marks: dict[str, Mark] = {}
        self._quotes: dict[str, tuple[_Line, int]] = {}  # by RFQ: where it weighs, and the premium it would cost
        self._premium_e18 = 0

    # what the market says

    def on_listings(self, listed: Iterable[tuple[Instrument, Book]]) -> None:
        names = {instrument.name for instrument, _ in listed}
        for name in self._marks.keys() - names:
            del self._marks[name]
            self._value(name, None)

    def on_mark(self, mark: Mark) -> None:
        self._marks[mark.instrument] = mark
        self._value(mark.instrument, mark)

    def on_dark(self) -> None:
        self._marks.clear()
        for name in self._lines:
            self._value(name, None)

    # what we have and may get

    def hold(self, instrument: str, amount_nanos: int) -> None:
        """Our position is so much now, in signed nanos."""
        self._line(instrument).hold(amount_nanos)

    def put_quote(self, rfq_id: str, quote: InFlight) -> None:
        """A quote that may be taken, in place of an earlier one for the same RFQ."""
        self.drop_quote(rfq_id)
        line = self._line(quote.instrument)
        premium_e18 = quote.price_nanos * quote.amount_nanos if quote.side is Side.BUY else 0
        self._quotes[rfq_id] = line, premium_e18
        self._premium_e18 += premium_e18
        line.put(rfq_id, quote.side * quote.amount_nanos)

    def drop_quote(self, rfq_id: str) -> None:
        """Our quote for this RFQ, if there is one, cannot be taken any more."""
        found = self._quotes.pop(rfq_id, None)
        if found is not None:
            line, premium_e18 = found
            line.drop(rfq_id)
            self._premium_e18 -= premium_e18

    @property
    def premium_e18(self) -> int:
        """USD that taken quotes of any underlying would make us pay."""
        return self._premium_e18

    # what the gate asks

    def measure(self, instrument: str, orders: Iterable[InFlight], oldest_ns: int) -> Exposure | Verdict:
        """Exposure before one more trade in `instrument`.

        `orders` are the live ones, of any underlying; marks before `oldest_ns` count as unknown. NO_GREEKS when an
        option of this underlying has no mark, an old one, or one with a Greek that is not a number.
        """
        line = self._line(instrument)
        underlying = line.underlying
        stale = line if line.mark_ns < oldest_ns else underlying.stale(oldest_ns)
        position, delta = _Reach(), _Reach()
        for order in orders:
            ordered = self._line(order.instrument)
            if ordered.underlying is underlying:
                change = order.side * order.amount_nanos
                delta.push(scaled(change, ordered.unit_nanos))
                if ordered is line:
                    position.push(change)
                elif ordered.mark_ns < oldest_ns:
                    stale = ordered
        if stale is not None:
            return Verdict(Reason.NO_GREEKS, f"{stale.name} has no recent mark with all Greeks: exposure is not known")
        return Exposure(
            instrument,
            line.amount.span(position),
            line.unit_nanos,
            underlying.delta.span(delta),
            self._premium_e18,
        )

    def _line(self, name: str) -> _Line:
        line = self._lines.get(name)
        if line is None:
            symbol = name.partition("-")[0].partition("_")[0]  # the base: what is quoted in several coins nets
            underlying = self._underlyings.setdefault(symbol, _Underlying())
            line = self._lines[name] = _Line(name, underlying)
            self._value(name, self._marks.get(name))
        return line

    def _value(self, name: str, mark: Mark | None) -> None:
        line = self._lines.get(name)
        if line is not None:
            line.value(*_unit(name, mark))


def _mark_ns(line: _Line) -> int:
    return line.mark_ns


def _unit(name: str, mark: Mark | None) -> tuple[int, int]:
    """(delta of one unit in nanos, stamp of the mark)."""
    is_future = name.count("-") == 1  # a perpetual or a dated one; of an inverse one, only the mark knows the delta
    if is_future and (mark is None or mark.currency == USD):
        return NANOS, _ALWAYS_NS
    # One sum asks for all four: it is never finite when one of them is not.
    if mark is None or not math.isfinite(mark.delta + mark.gamma + mark.vega + mark.theta):
        return 0, _UNKNOWN_NS
    return round(mark.delta * NANOS), mark.now_ns


def scaled(amount_nanos: int, unit_nanos: int) -> int:
    """Amount times delta, rounded away from zero so that rounding never hides exposure."""
    product = amount_nanos * unit_nanos
    return -(-product // NANOS) if product > 0 else product // NANOS
