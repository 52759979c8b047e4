"""Turns fills into hedges, and hedges into one order at a time until each has a known outcome."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from atomizer._core.book import Book
from atomizer._core.fixed import NO_PRICE, ceil_to, floor_to, format_nanos
from atomizer.domain.instruments import NANOS, Contract, Instrument, is_option_name, parse_name
from atomizer.domain.ports import MarketView
from atomizer.domain.reasons import Reason, Verdict
from atomizer.domain.trading import Fill, HedgeClosed, HedgeOpened, Side, TimeInForce
from atomizer.strategies.freshness import fresh_book, fresh_mark

_BPS: Final = 10_000


class HedgeMode(StrEnum):
    OPTION = "option"  # back to back: the same option, the other way
    PERPETUAL = "perpetual"  # the delta of the fill, in the underlying's perpetual


class HedgerParams(msgspec.Struct, frozen=True):
    """What to hedge with, how much of it, and when to stop trying."""

    mode: HedgeMode
    ratio_nanos: int  # share of the fill that is hedged; NANOS is all of it
    slippage_bps: int  # how far beyond the worst level needed an order may reach
    max_attempts: int
    max_duration_ns: int
    max_book_age_ns: int
    max_mark_age_ns: int
    max_gamma_nanos: int | None = None  # net, per coin: what adds to more is hedged in its own option, in either mode
    gamma_ratio_nanos: int = NANOS  # how much of such a fill


class OrderPlan(msgspec.Struct, frozen=True):
    """An immediate order that a hedge needs now. Prices and amounts in nanos."""

    hedge_of: str  # trade id of the fill
    instrument: str
    side: Side
    price_nanos: int
    amount_nanos: int
    time_in_force: TimeInForce = TimeInForce.IOC


class Hedger:
    """Decides. What it remembers is the part of earlier fills that was too small for an order."""

    def __init__(self, params: HedgerParams, market: MarketView, carried: Mapping[str, int]) -> None:
        """`carried` is the `carried_nanos` of the journal's last hedge record of each instrument."""
        self._params = params
        self._market = market
        self._carried = dict(carried)

    @property
    def limits_gamma(self) -> bool:
        """Whether a fill's hedge depends on the net gamma."""
        return self._params.max_gamma_nanos is not None

    def on_fill(self, fill: Fill, now_ns: int, gamma_nanos: int = 0) -> HedgeOpened | Verdict:
        """Hedge for a fill; to be written down at once, since each fill counts when it is asked about.

        A fill that is too small to trade opens a hedge of amount 0 and is carried into the instrument's next one.
        Amounts are as the instrument counts them: an inverse perpetual's are dollars. `gamma_nanos` is the net gamma
        of the fill's coin, with the fill.
        A verdict (UNLISTED, NO_GREEKS) means that nothing was counted: ask again with the same fill.
        """
        if self._is_too_much(fill, gamma_nanos):
            name, wanted = fill.instrument, -fill.side * fill.amount_nanos * self._params.gamma_ratio_nanos // NANOS
        elif self._params.mode is HedgeMode.OPTION:
            name, wanted = fill.instrument, -fill.side * fill.amount_nanos * self._params.ratio_nanos // NANOS
        else:
            mark = fresh_mark(self._market, fill.instrument, self._params.max_mark_age_ns, now_ns)
            if isinstance(mark, Verdict):
                return mark
            name = Contract(parse_name(fill.instrument).underlying).name
            wanted = -fill.side * round(mark.delta * fill.amount_nanos * self._params.ratio_nanos / NANOS)
        instrument = self._market.instrument(name)
        if instrument is None or not instrument.is_active:
            return Verdict(Reason.UNLISTED, f"hedge instrument {name} is not listed")
        if instrument.is_amount_usd:
            price = fresh_mark(self._market, name, self._params.max_mark_age_ns, now_ns)
            if isinstance(price, Verdict):
                return price
            wanted = wanted * price.mark_nanos // NANOS  # it counts dollars
        return self._open(fill, instrument, wanted + self._carried.get(instrument.name, 0), now_ns)

    def _is_too_much(self, fill: Fill, gamma_nanos: int) -> bool:
        """Whether an option that we got adds to more gamma than may be kept. A bought one has gamma above 0."""
        limit = self._params.max_gamma_nanos
        return limit is not None and is_option_name(fill.instrument) and fill.side * gamma_nanos > limit

    def _open(self, fill: Fill, instrument: Instrument, wanted: int, now_ns: int) -> HedgeOpened:
        amount = floor_to(abs(wanted), instrument.lot_nanos)
        if amount < instrument.min_amount_nanos:
            amount = 0
        side = Side.BUY if wanted > 0 else Side.SELL
        carried = self._carried[instrument.name] = wanted - side * amount
        return HedgeOpened(
            now_ns=now_ns,
            trade_id=fill.trade_id,
            instrument=instrument.name,
            side=side,
            amount_nanos=amount,
            carried_nanos=carried,
        )

    def next_order(
        self, hedge: HedgeOpened, filled_nanos: int, attempts: int, now_ns: int
    ) -> OrderPlan | Verdict | HedgeClosed:
        """Next step of a hedge: an order, a verdict that says why to wait, or its end.

        Ask only when the outcome of the hedge's last order is known: `filled_nanos` is the sum of what its orders
        filled, `attempts` how many were sent.
        """
        instrument = self._market.instrument(hedge.instrument)
        smallest = instrument.min_amount_nanos if instrument else 1
        if outcome := self._outcome(hedge, filled_nanos, smallest, attempts, now_ns):
            return _close(hedge, filled_nanos, outcome, now_ns)
        if instrument is None or not instrument.is_active:
            return Verdict(Reason.UNLISTED, f"hedge instrument {hedge.instrument} is not listed")
        book = fresh_book(self._market, hedge.instrument, self._params.max_book_age_ns, now_ns)
        if isinstance(book, Verdict):
            return book
        return _order(hedge, instrument, book, hedge.amount_nanos - filled_nanos, self._params.slippage_bps)

    def _outcome(self, hedge: HedgeOpened, filled_nanos: int, smallest: int, attempts: int, now_ns: int) -> str:
        """Why the hedge is over, in words; empty while it is not."""
        remaining = hedge.amount_nanos - filled_nanos
        age_ns = now_ns - hedge.now_ns
        if hedge.amount_nanos == 0:
            return f"is too small to trade, {format_nanos(abs(hedge.carried_nanos))} joins the next hedge"
        if remaining <= 0:
            return "hedged"
        if remaining < smallest:
            return "hedged but for less than the smallest order"
        if attempts >= self._params.max_attempts:
            return f"given up after {attempts} orders"
        if age_ns >= self._params.max_duration_ns:
            return f"given up after {age_ns // NANOS} s"
        return ""


def _order(
    hedge: HedgeOpened, instrument: Instrument, book: Book, remaining: int, slippage_bps: int
) -> OrderPlan | Verdict:
    takes_bids = hedge.side is Side.SELL
    # What the book holds now is better than waiting for all of it; the rest is the next order's.
    amount = floor_to(min(remaining, instrument.max_amount_nanos, book.depth(takes_bids)), instrument.lot_nanos)
    worst = book.worst(takes_bids, amount) if amount >= instrument.min_amount_nanos else NO_PRICE
    if worst == NO_PRICE:
        return Verdict(Reason.THIN_BOOK, f"{hedge.instrument} holds less than the smallest order")
    slip = worst * slippage_bps // _BPS
    limit = worst - slip if takes_bids else worst + slip
    tick = instrument.tick_at(limit)
    # Rounded inwards, so that the limit stays within the slippage; never below one tick.
    price = max(ceil_to(limit, tick), tick) if takes_bids else floor_to(limit, tick)
    return OrderPlan(hedge.trade_id, hedge.instrument, hedge.side, price, amount)


def _close(hedge: HedgeOpened, filled_nanos: int, outcome: str, now_ns: int) -> HedgeClosed:
    residual = hedge.amount_nanos - filled_nanos
    what = f"{hedge.side.word} {hedge.instrument}"
    detail = f"{what} {outcome}" if not residual else f"{what} {outcome}, residual {format_nanos(residual)}"
    return HedgeClosed(now_ns=now_ns, trade_id=hedge.trade_id, filled_nanos=filled_nanos, detail=detail)
