"""How well quotes did: a fold over orders, trades, what the contracts were worth afterwards, and samples of the quotes.

Per day, venue, instrument and strategy. Of orders that may rest; what is immediate was no quote. With s the sign of our
side, q the amount, p the price of a trade and m(t) the venue's mark a time t after it, all in USD:

| figure            | unit  | is                                                                                     |
|-------------------|-------|----------------------------------------------------------------------------------------|
| fill rate         | share | orders that traded, in part or whole, of all orders that the venue took                |
| spread captured   | USD   | the sum of s (m(0) - p) q: what trades were better than the mark when we heard of them |
| adverse selection | USD   | the sum of s (m(0) - m(t)) q after 1, 10 and 60 s: what marks then moved against us    |
| uptime            | share | samples in which both sides rested, of all samples while the strategy quoted           |
| time at touch     | share | sides that rested with no better price of others, of both sides in all samples         |

A sum is of the trades whose marks were known; how many those are stands beside it. Captured less adverse after t is
what the trades were worth at t. Samples of an instrument are a second apart.
"""

from collections import OrderedDict
from typing import Final, NamedTuple, TypeVar

import msgspec

from atomizer.domain.instruments import NANOS, USD
from atomizer.domain.quality import MarkedOut, QuotesSampled
from atomizer.domain.trading import Fill, TimeInForce
from atomizer.orders.table import KEPT_ORDERS, Order
from atomizer.portfolio.attribution import DAY_NS, Key

HORIZONS_MS: Final = (1_000, 10_000, 60_000)
AFTER: Final = ("1s", "10s", "60s")  # their names
KEPT_TRADES: Final = 16_384  # newest ones, whose marks may still come

T = TypeVar("T")


class Adverse(msgspec.Struct):
    """Adverse selection after one time: USD in 10⁻¹⁸, above 0 when the mark moved against us, of so many trades."""

    usd_e18: int = 0
    trades: int = 0


class Quality(msgspec.Struct):
    """One line's sums, see the table above. Amounts in nanos, USD in 10⁻¹⁸."""

    orders: int = 0  # that the venue took
    filled_orders: int = 0
    trades: int = 0
    amount_nanos: int = 0
    notional_e18: int = 0
    captured_e18: int = 0
    captured_trades: int = 0
    adverse: tuple[Adverse, Adverse, Adverse] = msgspec.field(default_factory=lambda: (Adverse(), Adverse(), Adverse()))
    samples: int = 0
    bids: int = 0
    asks: int = 0
    both: int = 0
    bid_touches: int = 0
    ask_touches: int = 0

    @property
    def fill_rate(self) -> float | None:
        return self.filled_orders / self.orders if self.orders else None

    @property
    def uptime(self) -> float | None:
        return self.both / self.samples if self.samples else None

    @property
    def at_touch(self) -> float | None:
        return (self.bid_touches + self.ask_touches) / (2 * self.samples) if self.samples else None

    def add(self, other: "Quality") -> None:
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for ours, theirs in zip(self.adverse, other.adverse, strict=True):
            ours.usd_e18 += theirs.usd_e18
            ours.trades += theirs.trades


COUNTS: Final = tuple(name for name in Quality.__struct_fields__ if name != "adverse")


class _Traded(NamedTuple):
    """A trade whose marks may still come."""

    key: Key
    fill: Fill
    mark_e18: int = 0  # what its amount was worth at m(0)
    known_ms: tuple[int, ...] = ()  # the times at which it was marked


class Quoting:
    """Give it each order as it changes and each trade once, in the order of the journal."""

    def __init__(self) -> None:
        self.lines: dict[Key, Quality] = {}
        self.touched: set[Key] = set()  # lines that changed; whoever reads them empties it
        self._counted: OrderedDict[tuple[str, str], tuple[bool, bool]] = OrderedDict()
        self._traded: OrderedDict[tuple[str, str], _Traded] = OrderedDict()

    def on_order(self, order: Order) -> None:
        """It may have been taken or filled since it was last given."""
        placed, name = order.placed, (order.venue, order.client_id)
        if placed is None or placed.time_in_force is TimeInForce.IOC:
            return
        before, now = self._counted.get(name, (False, False)), (order.is_accepted, order.filled_nanos > 0)
        if now == before:
            return
        _keep(self._counted, name, now, KEPT_ORDERS)
        line = self._line(Key(placed.now_ns // DAY_NS, order.venue, placed.instrument, placed.strategy))
        line.orders += now[0] - before[0]
        line.filled_orders += now[1] - before[1]

    def on_fill(self, fill: Fill, order: Order | None) -> None:
        """A trade, and the order that it is of."""
        placed = order.placed if order is not None else None
        if placed is None or placed.time_in_force is TimeInForce.IOC or fill.is_amount_usd:
            return
        key = Key((fill.venue_time_ns or fill.now_ns) // DAY_NS, fill.venue, fill.instrument, fill.strategy)
        line = self._line(key)
        line.trades += 1
        line.amount_nanos += fill.amount_nanos
        line.notional_e18 += _usd_e18(fill, fill.price_nanos, fill.index_nanos)
        _keep(self._traded, (fill.venue, fill.trade_id), _Traded(key, fill), KEPT_TRADES)

    def on_mark(self, marked: MarkedOut) -> None:
        """m(t) of a trade. One of another time, or without a known m(0), says nothing."""
        name, after_ms = (marked.venue, marked.trade_id), marked.after_ms
        traded = self._traded.get(name)
        if traded is None or after_ms in traded.known_ms:
            return
        fill, worth_e18 = traded.fill, _usd_e18(traded.fill, marked.mark_nanos, marked.index_nanos)
        if after_ms == 0:
            line = self._line(traded.key)
            line.captured_e18 += fill.side * (worth_e18 - _usd_e18(fill, fill.price_nanos, fill.index_nanos))
            line.captured_trades += 1
            self._traded[name] = traded._replace(mark_e18=worth_e18, known_ms=(0,))
        elif after_ms in HORIZONS_MS and traded.known_ms:
            adverse = self._line(traded.key).adverse[HORIZONS_MS.index(after_ms)]
            adverse.usd_e18 += fill.side * (traded.mark_e18 - worth_e18)
            adverse.trades += 1
            self._traded[name] = traded._replace(known_ms=(*traded.known_ms, after_ms))

    def on_samples(self, sampled: QuotesSampled) -> None:
        line = self._line(Key(sampled.now_ns // DAY_NS, sampled.venue, sampled.instrument, sampled.strategy))
        for name in ("samples", "bids", "asks", "both", "bid_touches", "ask_touches"):
            setattr(line, name, getattr(line, name) + getattr(sampled, name))

    def _line(self, key: Key) -> Quality:
        """To be changed."""
        self.touched.add(key)
        return self.lines.setdefault(key, Quality())


def _usd_e18(fill: Fill, price_nanos: int, index_nanos: int) -> int:
    """What the amount of a trade is worth at this price, rounded down where the price is in a coin."""
    worth = price_nanos * fill.amount_nanos
    return worth if fill.currency == USD else worth * index_nanos // NANOS


def _keep(kept: OrderedDict[tuple[str, str], T], name: tuple[str, str], value: T, limit: int) -> None:
    kept[name] = value
    if len(kept) > limit:
        kept.popitem(last=False)
