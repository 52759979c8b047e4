"""The matching engine: books, open orders, fills, deliveries. What it does it also reports, as `Output`.

It trusts its callers: an order that reaches `place` has passed `admission`. All books are first in, first out.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from atomizer.sim.deribit.accounts import Account, Holder, open_accounts
from atomizer.sim.deribit.funding import FundingClock
from atomizer.sim.deribit.instruments import Instrument, list_instruments
from atomizer.sim.deribit.ladders import Ladders
from atomizer.sim.deribit.log import Heading
from atomizer.sim.deribit.mmp import Protection
from atomizer.sim.deribit.orders import Life, Order, PublicTrade, Status, Trade
from atomizer.sim.deribit.platform import Platform
from atomizer.sim.deribit.quotation import Quotation, View
from atomizer.sim.deribit.settlement import Average, delivery_fee_e18, trading_day
from atomizer.sim.deribit.stats import Tape
from atomizer.sim.deribit.units import NANOS, NS_PER_MS, NS_PER_S
from atomizer.sim.market import Event, MakerLadder, Market, TakerOrder
from atomizer.sim.matching import FIFO, Book, Match, Resting

_FIRST_CHANGE = 100_000_000_000  # change ids of a book grow from here
_FIRST_IDS = 10**9


@dataclass(slots=True)
class Output:
    """What happened since the last `drain`, in order; each changed order once, in its last state."""

    orders: dict[str, Order] = field(default_factory=dict)
    trades: list[Trade] = field(default_factory=list)
    public_trades: list[PublicTrade] = field(default_factory=list)
    triggers: list[tuple[int, Protection]] = field(default_factory=list)
    closed: list[Instrument] = field(default_factory=list)
    books: dict[str, None] = field(default_factory=dict)  # those that changed


class Engine:
    """All state of trading. `now_ns` is never taken from a clock."""

    def __init__(self, market: Market, accounts: tuple[Account, ...], *, seed: int, now_ns: int) -> None:
        self.market = market
        self.platform = Platform()
        self.instruments = list_instruments(market.listings, now_ns // NS_PER_S)
        self.quotation = Quotation(market, self.instruments)
        self.books = {name: Book(FIFO) for name in self.instruments}
        self.tapes = {name: Tape() for name in self.instruments}
        self.holders = open_accounts(accounts, now_ns // NS_PER_MS)
        self.orders: dict[str, Order] = {}
        self._open_orders: dict[str, Order] = {}
        self._ladders = Ladders(self.instruments, self.quotation)
        self._averages = {item.base: Average() for item in self.instruments.values()}
        random = Random(seed)  # noqa: S311  numbers of practice orders, not secrets
        self._last_order, self._last_trade = random.randrange(_FIRST_IDS), random.randrange(_FIRST_IDS)
        self._sequence = 0
        self._last_entry = _FIRST_IDS
        self._funding = FundingClock(now_ns)
        self._day = trading_day(now_ns)
        self._output = Output()

    def drain(self) -> Output:
        output, self._output = self._output, Output()
        return output

    def view(self, instrument: Instrument) -> View:
        return self.quotation.view(instrument)

    def change_id(self, name: str) -> int:
        return _FIRST_CHANGE + self.books[name].version

    def new_order_id(self, instrument: Instrument) -> str:
        """Like ETH-584864807; bitcoin's have no prefix."""
        self._last_order += 1
        return _prefixed(instrument.currency, self._last_order)

    def delivery_estimate(self, base: str) -> int:
        return self._averages[base].price(self.quotation.index(base))

    # Orders of accounts

    def place(self, order: Order, now_ns: int) -> list[Trade]:
        """Match an admitted order and rest what may rest; returns its own fills."""
        self._admit(order)
        return self._enter(order, now_ns)

    def reprice(self, order: Order, amount: int, price: int, now_ns: int, *, keeps_place: bool = True) -> list[Trade]:
        """An edit: less of the same price keeps the place in the queue where it may, anything else goes to its end."""
        keeps_place = keeps_place and price == order.price and amount <= order.amount
        order.amount, order.price, order.replaced = amount, price, True
        self._touch(order, now_ns)
        book = self._changing(order.instrument)
        if keeps_place:
            book.reduce(order.order_id, order.remaining)
            return []
        book.remove(order.order_id)
        return self._enter(order, now_ns)

    def close(self, order: Order, status: Status, reason: str, now_ns: int) -> None:
        """Take an open order out of the market for good."""
        if order.order_id in self.books[order.instrument.name]:
            self._changing(order.instrument).remove(order.order_id)
        order.status, order.cancel_reason = status, reason
        del self._open_orders[order.order_id]
        del self.holders[order.user_id].open_orders[order.order_id]
        self._touch(order, now_ns)

    def cancel_all(self, orders: Iterable[Order], reason: str, now_ns: int) -> list[Order]:
        """Cancel the open ones among `orders`; returns them."""
        live = [order for order in orders if order.status is Status.OPEN]
        for order in live:
            self.close(order, Status.CANCELLED, reason, now_ns)
        return live

    def trade_block(self, maker: Order, taker: Order | None, price: int, rfq_id: int, now_ns: int) -> Trade | None:
        """A trade outside the book, between orders of its own; returns the taker's side, None of a practice taker."""
        public = self._public_trade(
            maker.instrument, now_ns, is_buy=not maker.is_buy, price=price, amount=maker.amount, rfq_id=rfq_id
        )
        for order in [maker] if taker is None else [maker, taker]:
            self._admit(order)
            self._fill(order, public, now_ns, is_maker=order is maker)
            self.close(order, Status.FILLED, "", now_ns)
        return None if taker is None else self._output.trades[-1]

    # The market

    def on_event(self, event: Event, now_ns: int) -> None:
        if isinstance(event, MakerLadder):
            for instrument in self._ladders.instruments_of(event.name):
                if not instrument.is_closed:
                    self._on_ladder(event, instrument, now_ns)
        elif isinstance(event, TakerOrder):
            instrument = self._ladders.next_of(event.name)
            if not instrument.is_closed:
                limit = self.quotation.price(instrument, event.limit, up=not event.is_buy)
                amount = self.quotation.amount(instrument, event.amount, event.limit)
                self._match(instrument, event.is_buy, amount, max(limit, instrument.rules.tick), now_ns, taker=None)

    def sweep(self, now_ns: int) -> None:
        """What time alone does: the delivery average, funding, expiries, and the end of the trading day."""
        self._accrue(now_ns)
        for base, average in self._averages.items():
            average.sample(now_ns, self.quotation.index(base))
        day = trading_day(now_ns)
        if day == self._day:
            return
        self._day = day
        self.settle(now_ns)
        for instrument in self.instruments.values():
            if not instrument.is_closed and instrument.is_expired(now_ns):
                self._deliver(instrument, now_ns)
        ended = [order for order in self._open_orders.values() if order.life is Life.GOOD_TIL_DAY]
        self.cancel_all(ended, "settlement", now_ns)

    def settle(self, now_ns: int) -> None:
        """The end of a session: funding of the perpetuals that are held is paid."""
        self._accrue(now_ns)
        for holder in self.holders.values():
            for position in list(holder.positions.values()):
                instrument = position.instrument
                cash_e18 = holder.cash_e18[instrument.currency]
                paid_e18 = holder.book_funding(instrument)
                if paid_e18:
                    holder.note(
                        self._entry(instrument, now_ns),
                        kind="settlement",
                        side="long" if position.amount > 0 else "short",
                        amount=abs(position.amount),
                        price=self.view(instrument).mark,
                        change_e18=holder.cash_e18[instrument.currency] - cash_e18,
                        funding_e18=paid_e18,
                    )

    def _accrue(self, now_ns: int) -> None:
        perpetuals = [each for each in self.instruments.values() if not each.expiry_s]
        self._funding.grow([(each, self.view(each)) for each in perpetuals], now_ns)

    def _on_ladder(self, event: MakerLadder, instrument: Instrument, now_ns: int) -> None:
        book = self._changing(instrument)
        shown, wanted = self._ladders.changes(event, instrument, book)
        for (is_bid, price), amount in wanted.items():
            left = amount - self._match(instrument, is_bid, amount, price, now_ns, taker=None)
            if left:
                key = self._ladders.new_key(event.maker)
                book.add(Resting(key, event.maker, is_bid, price, left))
                shown[is_bid, price] = key

    # Trading

    def _admit(self, order: Order) -> None:
        holder = self.holders[order.user_id]
        self.orders[order.order_id] = holder.orders[order.order_id] = order
        self._open_orders[order.order_id] = holder.open_orders[order.order_id] = order

    def _enter(self, order: Order, now_ns: int) -> list[Trade]:
        self._touch(order, now_ns)
        first = len(self._output.trades)
        self._match(order.instrument, order.is_buy, order.remaining, order.price, now_ns, taker=order)
        if order.status is Status.OPEN:
            if order.is_immediate:
                self.close(order, Status.CANCELLED, "", now_ns)
            else:
                resting = Resting(order.order_id, str(order.user_id), order.is_buy, order.price, order.remaining)
                self._changing(order.instrument).add(resting)
        return [trade for trade in self._output.trades[first:] if trade.order is order]

    def _match(
        self, instrument: Instrument, is_buy: bool, amount: int, limit: int, now_ns: int, *, taker: Order | None
    ) -> int:
        """Trade up to `amount`; returns how much traded."""
        first = len(self._output.trades)
        matches = self._changing(instrument).match(is_buy=is_buy, amount=amount, limit=limit)
        for match in matches:
            self._trade(instrument, is_buy, match, now_ns, taker)
        trades = self._output.trades[first:]
        for order in [trade.order for trade in trades]:
            if order.status is Status.OPEN and not order.remaining:
                self.close(order, Status.FILLED, "", now_ns)
        for trade in trades:  # only now: protection acts after the whole trade, never in the middle of it
            self._protect(trade, now_ns)
        return sum(match.amount for match in matches)

    def _trade(self, instrument: Instrument, is_buy: bool, match: Match, now_ns: int, taker: Order | None) -> None:
        trade = self._public_trade(instrument, now_ns, is_buy=is_buy, price=match.resting.price, amount=match.amount)
        maker = self._open_orders.get(match.resting.key)
        if maker is not None:
            self._fill(maker, trade, now_ns, is_maker=True)
        if taker is not None:
            self._fill(taker, trade, now_ns, is_maker=False)

    def _public_trade(
        self, instrument: Instrument, now_ns: int, *, is_buy: bool, price: int, amount: int, rfq_id: int | None = None
    ) -> PublicTrade:
        view, tape = self.view(instrument), self.tapes[instrument.name]
        self._last_trade += 1
        trade = PublicTrade(
            trade_id=_prefixed(
                f"{instrument.base}_USDC" if instrument.is_linear else instrument.base, self._last_trade
            ),
            trade_seq=tape.last_seq + 1,
            instrument=instrument,
            is_buy=is_buy,
            price=price,
            amount=amount,
            mark=view.mark,
            index=view.index,
            forward=view.forward,
            iv=self.quotation.implied(instrument, price),
            tick_direction=tape.tick_direction(price),
            timestamp_ms=now_ns // NS_PER_MS,
            block_rfq_id=rfq_id,
        )
        tape.add(trade)
        self._output.public_trades.append(trade)
        return trade

    def _fill(self, order: Order, public: PublicTrade, now_ns: int, *, is_maker: bool) -> None:
        """Book one side of a trade."""
        instrument, price, amount = order.instrument, public.price, public.amount
        holder = self.holders[order.user_id]
        fee_e18 = instrument.fee_e18(is_maker=is_maker, price=price, amount=amount, index=public.index)
        cash_e18, is_closing = holder.cash_e18[instrument.currency], holder.is_closing(instrument, is_buy=order.is_buy)
        funding_e18 = holder.book_funding(instrument)
        profit = holder.book_fill(instrument, is_buy=order.is_buy, price=price, amount=amount, fee_e18=fee_e18)
        holder.note(
            self._entry(instrument, now_ns),
            kind="trade",
            side=f"{'close' if is_closing else 'open'} {'buy' if order.is_buy else 'sell'}",
            amount=amount,
            price=price,
            fee_e18=fee_e18,
            change_e18=holder.cash_e18[instrument.currency] - cash_e18,
            funding_e18=funding_e18,
            role="maker" if is_maker else "taker",
            trade_id=public.trade_id,
            order_id=order.order_id,
        )
        order.filled += amount
        order.cost_e18 += price * amount
        self._touch(order, now_ns)
        state = Status.OPEN if order.remaining else Status.FILLED
        trade = Trade(
            public=public,
            order=order,
            is_buy=order.is_buy,
            is_maker=is_maker,
            fee_e18=fee_e18,
            profit_e18=profit,
            state=state,
        )
        holder.trades.append(trade)
        self._output.trades.append(trade)

    def _protect(self, trade: Trade, now_ns: int) -> None:
        order, instrument = trade.order, trade.order.instrument
        holder = self.holders[order.user_id]
        group = order.quote.mmp_group if order.quote else ""
        protection = holder.protections.get((instrument.index_name, group, False))
        if protection is None or not order.mmp:
            return
        view, public = self.view(instrument), trade.public
        size = public.amount * NANOS // public.price if instrument.is_in_usd else public.amount
        signed = size / NANOS if trade.is_buy else -size / NANOS
        own_price = 0.0 if instrument.is_linear or not instrument.is_option else view.mark / NANOS
        if protection.on_trade(now_ns, size, signed * (view.greeks.delta - own_price), signed * view.greeks.vega):
            self.trip(holder, protection, now_ns)

    def trip(self, holder: Holder, protection: Protection, now_ns: int) -> None:
        """Cancel everything under a protection that has tripped."""
        config = protection.config
        tagged = [
            order
            for order in holder.open_orders.values()
            if order.mmp
            and order.instrument.index_name == config.index_name
            and (order.quote.mmp_group if order.quote else "") == config.group
        ]
        self.cancel_all(tagged, "mmp_trigger", now_ns)
        self._output.triggers.append((holder.user_id, protection))

    def _deliver(self, instrument: Instrument, now_ns: int) -> None:
        """An expiry: its orders end, and every position is closed at the delivery price."""
        delivery = self.delivery_estimate(instrument.base)
        orders = [order for order in self._open_orders.values() if order.instrument is instrument]
        self.cancel_all(orders, "settlement", now_ns)
        instrument.delivery_price = delivery
        price = instrument.intrinsic(delivery) if instrument.is_option else delivery
        book = Book(FIFO)
        book.version = self.books[instrument.name].version + 1
        self.books[instrument.name] = book
        self._output.books[instrument.name] = None
        for holder in self.holders.values():
            held = holder.amount_of(instrument.name)
            if held:
                fee_e18 = delivery_fee_e18(instrument, price, abs(held), delivery)
                cash_e18 = holder.cash_e18[instrument.currency]
                holder.book_fill(instrument, is_buy=held < 0, price=price, amount=abs(held), fee_e18=fee_e18)
                holder.note(
                    self._entry(instrument, now_ns),
                    kind="delivery",
                    side=f"close {'buy' if held < 0 else 'sell'}",
                    amount=abs(held),
                    price=price,
                    fee_e18=fee_e18,
                    change_e18=holder.cash_e18[instrument.currency] - cash_e18,
                )
        self._output.closed.append(instrument)

    def _entry(self, instrument: Instrument, now_ns: int) -> Heading:
        self._last_entry += 1
        return Heading(self._last_entry, now_ns // NS_PER_MS, instrument, self.view(instrument).index)

    def _changing(self, instrument: Instrument) -> Book:
        self._output.books[instrument.name] = None
        return self.books[instrument.name]

    def _touch(self, order: Order, now_ns: int) -> None:
        self._sequence += 1
        order.sequence, order.updated_ms = self._sequence, now_ns // NS_PER_MS
        self._output.orders[order.order_id] = order


def _prefixed(currency: str, count: int) -> str:
    return str(count) if currency == "BTC" else f"{currency}-{count}"
