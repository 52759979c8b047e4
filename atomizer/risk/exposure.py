"""What we hold, and what we would hold if everything in flight came true on the side that hurts.

Greeks are kept in nanos, like amounts: delta in units of the underlying, gamma in units per USD, vega in USD per
volatility point. A Greek that is not known is never guessed: the answer is a verdict, and whoever asked must not trade
on it.

It is asked before every order and quote, so it is kept as sums, which move with each fill, order, quote and mark, and
not added up anew. All of it is integers, so the sums are exact.
"""

from collections.abc import Iterable

import msgspec

from atomizer._core.book import Book
from atomizer._core.fixed import NO_PRICE
from atomizer.domain.instruments import NANOS, USD, Instrument, is_option_name
from atomizer.domain.reasons import Reason, Verdict
from atomizer.domain.trading import Mark, Side
from atomizer.risk.greeks import ALWAYS_NS, NOTHING, UNKNOWN_NS, Units, scaled, weights


class InFlight(msgspec.Struct, frozen=True):
    """An order or a quote that may still become a position: what of it is not yet filled, in nanos.

    Amount in coins and price in USD, however the venue counts: see `as_flight`.
    """

    instrument: str
    side: Side
    amount_nanos: int
    price_nanos: int

    @property
    def change(self) -> int:
        return self.side * self.amount_nanos

    @property
    def notional_e18(self) -> int:
        return self.price_nanos * self.amount_nanos


def as_flight(instrument: str, side: Side, amount_nanos: int, price_nanos: int, mark: Mark | None) -> InFlight:
    """An order in coins and USD, as the mark of its instrument makes them; USD for USD without one."""
    if mark is None or mark.currency == USD:
        return InFlight(instrument, side, amount_nanos, price_nanos)
    if mark.is_amount_usd:
        return InFlight(instrument, side, -(-amount_nanos * NANOS // max(mark.mark_nanos, 1)), price_nanos)
    return InFlight(instrument, side, amount_nanos, usd_nanos(price_nanos, mark))


def usd_nanos(price_nanos: int, mark: Mark | None) -> int:
    """A price in USD, as the mark of its instrument makes it; without one it is USD."""
    if mark is None or mark.currency == USD or mark.is_amount_usd:
        return price_nanos
    return price_nanos * mark.index_nanos // NANOS


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

    def farthest_after(self, change: int) -> int:
        """The farthest from zero that it can get in either direction, once the change is in flight, too."""
        return max(-self.low - min(change, 0), self.high + max(change, 0))

    def shrinks(self, change: int) -> bool:
        """Whether the change brings it nearer to zero, not past it, even when every order of ours fills.

        Quotes are left out: few of them are taken, and a hedge must not wait for them to run out.
        """
        return self.orders_low + change >= 0 if change < 0 else self.orders_high + change <= 0


class Exposure(msgspec.Struct, frozen=True):
    """What one more trade in `instrument` would add to: its position, and the net Greeks of its underlying."""

    instrument: str
    is_option: bool
    position: Span
    delta: Span
    gamma: Span
    vega: Span
    unit_delta_nanos: int  # of one unit of the instrument, as the two below
    unit_gamma_nanos: int
    unit_vega_nanos: int
    others_nanos: int  # sum over the underlying's other options of the farthest from zero that each can get
    premium_e18: int  # USD that taken quotes of any underlying would make us pay
    open_orders: int  # live orders of any underlying
    open_notional_e18: int  # price x amount of what is open of them
    own_bid_nanos: int  # highest price of our live bids in the instrument; NO_PRICE without one
    own_ask_nanos: int  # lowest of our live asks


class _Reach:
    """A signed quantity, and how far orders and quotes can push it down and up."""

    __slots__ = ("now", "orders_down", "orders_up", "quotes_down", "quotes_up")

    def __init__(self) -> None:
        self.now = self.orders_down = self.orders_up = self.quotes_down = self.quotes_up = 0

    def push(self, change: int, is_quote: bool, sign: int = 1) -> None:
        """Something that may change the quantity, or with sign -1 no longer may."""
        if is_quote:
            if change < 0:
                self.quotes_down += sign * change
            else:
                self.quotes_up += sign * change
        elif change < 0:
            self.orders_down += sign * change
        else:
            self.orders_up += sign * change

    def span(self) -> Span:
        low, high = self.now + self.orders_down, self.now + self.orders_up
        return Span(self.now, low, high, low + self.quotes_down, high + self.quotes_up)

    def farthest(self) -> int:
        return max(-self.now - self.orders_down - self.quotes_down, self.now + self.orders_up + self.quotes_up)


class _Underlying:
    """All lines of one underlying: their Greeks, and the marks that those come from."""

    __slots__ = ("greeks", "lines", "oldest_ns", "options_nanos")

    def __init__(self) -> None:
        self.greeks = (_Reach(), _Reach(), _Reach())  # in the order of _Units
        self.options_nanos = 0  # sum over the options of the farthest that each can get
        self.lines: set[_Line] = set()  # those that are held, ordered or quoted
        self.oldest_ns = ALWAYS_NS  # no mark of theirs is older; it may be behind, never ahead

    def stale(self, oldest_ns: int) -> "_Line | None":
        """A line whose mark is older than that."""
        if self.oldest_ns >= oldest_ns:
            return None
        oldest = min(self.lines, key=_mark_ns, default=None)
        self.oldest_ns = oldest.mark_ns if oldest is not None else ALWAYS_NS
        return oldest if self.oldest_ns < oldest_ns else None


class _Flight:
    """One order or quote on its line."""

    __slots__ = ("change", "is_quote", "line", "money_e18", "price_nanos", "structure")

    def __init__(self, line: "_Line", flight: InFlight, is_quote: bool) -> None:
        self.line = line
        self.change = flight.change
        self.is_quote = is_quote
        self.price_nanos = flight.price_nanos
        self.money_e18 = flight.notional_e18
        self.structure: _Structure | None = None  # of a leg: then that weighs its Greeks


class _Structure:
    """The legs of one quote, which are taken all together: what they weigh in Greeks is their net."""

    __slots__ = ("flights", "pushed")

    def __init__(self, flights: "list[_Flight]") -> None:
        self.flights = flights
        self.pushed: dict[_Reach, int] = {}
        for flight in flights:
            flight.structure = self

    def weigh(self, sign: int = 1) -> None:
        """At the marks of now, in place of before; with sign -1 not any more."""
        for reach, change in self.pushed.items():
            reach.push(change, is_quote=True, sign=-1)
        self.pushed = {}
        for flight in self.flights if sign > 0 else ():
            line = flight.line
            for reach, unit in zip(line.underlying.greeks, line.units, strict=True):
                self.pushed[reach] = self.pushed.get(reach, 0) + scaled(flight.change, unit)
        for reach, change in self.pushed.items():
            reach.push(change, is_quote=True)


class _Line:
    """One instrument: what we hold, order and quote of it, and what that weighs in its underlying at the mark."""

    __slots__ = ("amount", "farthest", "flights", "is_option", "mark_ns", "name", "underlying", "units")

    def __init__(self, name: str, underlying: _Underlying) -> None:
        self.name = name
        self.underlying = underlying
        self.is_option = is_option_name(name)
        self.amount = _Reach()
        self.farthest = 0  # what of `amount` is in the underlying's sum
        self.flights: set[_Flight] = set()
        self.units: Units = NOTHING  # zeros while they are not known
        self.mark_ns = UNKNOWN_NS

    def hold(self, amount_nanos: int) -> None:
        for reach, unit in zip(self.underlying.greeks, self.units, strict=True):
            reach.now += scaled(amount_nanos, unit) - scaled(self.amount.now, unit)
        self.amount.now = amount_nanos
        self._settle()

    def put(self, flight: _Flight, sign: int = 1) -> None:
        """Something is in flight, or with sign -1 no longer is."""
        if sign > 0:
            self.flights.add(flight)
        else:
            self.flights.discard(flight)
        change, is_quote = flight.change, flight.is_quote
        self.amount.push(change, is_quote, sign)
        for reach, unit in zip(self.underlying.greeks, self.units, strict=True):
            if unit and flight.structure is None:
                reach.push(scaled(change, unit), is_quote, sign)
        self._settle()

    def value(self, units: Units, mark_ns: int) -> None:
        """Another mark: weigh everything again, where it says something else."""
        for reach, unit, before in zip(self.underlying.greeks, units, self.units, strict=True):
            if unit != before:
                reach.now += scaled(self.amount.now, unit) - scaled(self.amount.now, before)
                for flight in self.flights:
                    if flight.structure is None:
                        reach.push(scaled(flight.change, before), flight.is_quote, -1)
                        reach.push(scaled(flight.change, unit), flight.is_quote)
        self.units = units
        for flight in self.flights:
            if flight.structure is not None:
                flight.structure.weigh()
        self.mark_ns = mark_ns
        self._settle()

    def own_nanos(self, side: Side) -> int:
        """Price of our live order on that side which is nearest to the other one; NO_PRICE without any."""
        prices = [each.price_nanos for each in self.flights if not each.is_quote and each.change * side > 0]
        return side * max(side * price for price in prices) if prices else NO_PRICE

    def _settle(self) -> None:
        underlying = self.underlying
        if self.flights or self.amount.now:
            underlying.lines.add(self)
            underlying.oldest_ns = min(underlying.oldest_ns, self.mark_ns)
        else:
            underlying.lines.discard(self)
        if self.is_option:
            farthest = self.amount.farthest()
            underlying.options_nanos += farthest - self.farthest
            self.farthest = farthest


class RunningExposure:
    """The exposure of one book of account. Listens to the market; is told of positions, and of orders and quotes that
    may still trade.

    Remembers a line for each instrument that was ever held, ordered or quoted.
    """

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}
        self._underlyings: dict[str, _Underlying] = {}
        self._marks: dict[str, Mark] = {}
        self._quotes: dict[str, tuple[list[_Flight], int]] = {}  # by RFQ: legs, and USD that it would make us pay
        self._orders: dict[tuple[str, str], _Flight] = {}  # by venue and client id
        self._premium_e18 = 0
        self._notional_e18 = 0

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
        """Our position is so much now, in signed nanos of a coin."""
        self._line(instrument).hold(amount_nanos)

    def put_quote(self, rfq_id: str, *legs: InFlight) -> None:
        """A quote that may be taken, in place of an earlier one for the same RFQ.

        Of a structure each leg weighs in its own instrument, and all of them net in Greeks and money.
        """
        self.drop_quote(rfq_id)
        cost_e18 = max(sum(leg.side * leg.notional_e18 for leg in legs), 0)
        flights = [_Flight(self._line(leg.instrument), leg, is_quote=True) for leg in legs]
        self._quotes[rfq_id] = flights, cost_e18
        self._premium_e18 += cost_e18
        structure = _Structure(flights) if len(flights) > 1 else None
        for flight in flights:
            flight.line.put(flight)
        if structure is not None:
            structure.weigh()

    def drop_quote(self, rfq_id: str) -> None:
        """Our quote for this RFQ, if there is one, cannot be taken any more."""
        flights, cost_e18 = self._quotes.pop(rfq_id, ((), 0))
        self._premium_e18 -= cost_e18
        for flight in flights:
            if flight.structure is not None:
                flight.structure.weigh(-1)
            flight.line.put(flight, -1)

    def put_order(self, venue: str, client_id: str, order: InFlight) -> None:
        """So much of this order is open now; nothing of it when its amount is 0."""
        key = venue, client_id
        self._take_order(key)
        if order.amount_nanos:
            self._give_order(key, _Flight(self._line(order.instrument), order, is_quote=False))

    @property
    def premium_e18(self) -> int:
        """USD that taken quotes of any underlying would make us pay."""
        return self._premium_e18

    # what the gate asks

    def measure(self, instrument: str, oldest_ns: int, replaced: tuple[str, str] | None = None) -> Exposure | Verdict:
        """Exposure before one more trade in `instrument`, without the order (venue, client id) that it would replace.

        Marks before `oldest_ns` count as unknown. NO_GREEKS when an option of this underlying has no mark, an old one,
        or one with a Greek that is not a number.
        """
        taken = self._take_order(replaced) if replaced is not None else None
        exposure = self._measure(instrument, oldest_ns)
        if replaced is not None and taken is not None:
            self._give_order(replaced, taken)
        return exposure

    def _measure(self, instrument: str, oldest_ns: int) -> Exposure | Verdict:
        line = self._line(instrument)
        underlying = line.underlying
        stale = line if line.mark_ns < oldest_ns else underlying.stale(oldest_ns)
        if stale is not None:
            return Verdict(Reason.NO_GREEKS, f"{stale.name} has no recent mark with all Greeks: exposure is not known")
        delta, gamma, vega = underlying.greeks
        return Exposure(
            instrument,
            line.is_option,
            line.amount.span(),
            delta.span(),
            gamma.span(),
            vega.span(),
            *line.units,
            underlying.options_nanos - line.farthest,
            self._premium_e18,
            len(self._orders),
            self._notional_e18,
            line.own_nanos(Side.BUY),
            line.own_nanos(Side.SELL),
        )

    def _give_order(self, key: tuple[str, str], flight: _Flight) -> None:
        self._orders[key] = flight
        self._notional_e18 += flight.money_e18
        flight.line.put(flight)

    def _take_order(self, key: tuple[str, str]) -> _Flight | None:
        flight = self._orders.pop(key, None)
        if flight is not None:
            flight.line.put(flight, -1)
            self._notional_e18 -= flight.money_e18
        return flight

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
            line.value(*weights(name, mark))


def _mark_ns(line: _Line) -> int:
    return line.mark_ns
