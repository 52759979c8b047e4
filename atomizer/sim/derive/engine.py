"""The matching engine: books, open orders, fills, settlements. What it does it also reports, as `Output`.

It trusts its callers: an order that reaches `place` has passed `admission`.
"""

import uuid
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from atomizer.sim.derive import margin
from atomizer.sim.derive.accounts import Account, Subaccount, open_accounts
from atomizer.sim.derive.funding import FundingClock
from atomizer.sim.derive.instruments import FeeSchedule, Instrument
from atomizer.sim.derive.margin import Prices
from atomizer.sim.derive.orders import Order, OrderRequest, PublicTrade, Status, Trade
from atomizer.sim.derive.output import Output
from atomizer.sim.derive.rfqs import Quote, QuoteRequest, Rfq
from atomizer.sim.derive.stats import Stats
from atomizer.sim.derive.units import NANOS, NS_PER_MS, NS_PER_S, to_nanos
from atomizer.sim.market import Event, MakerLadder, Market, TakerOrder
from atomizer.sim.matching import Book, Match, Resting

_MARGIN_CHECK_NS = NS_PER_S
_LONGEST_TAPE = 10_000  # trades; older ones are forgotten


@dataclass(frozen=True, slots=True)
class _Party:
    """Who trades, by which order or quote."""

    order_id: str
    request: OrderRequest | QuoteRequest
    quote_id: str | None = None
    rfq_id: str | None = None


@dataclass(frozen=True, slots=True)
class _Deal:
    """What one side does."""

    instrument: Instrument
    is_buy: bool
    price: int
    amount: int
    fee_e18: int
    is_maker: bool


class Engine:
    """All state of trading. `now_ns` is never taken from a clock."""

    def __init__(
        self, market: Market, accounts: tuple[Account, ...], fees: FeeSchedule, *, seed: int, now_ns: int
    ) -> None:
        self.market = market
        self.instruments = {
            listing.name: Instrument(listing, fees, now_ns // NS_PER_S) for listing in market.listings.values()
        }
        self.books = {name: Book(instrument.rule) for name, instrument in self.instruments.items()}
        self.stats = {name: Stats() for name in self.instruments}
        self.tape: deque[PublicTrade] = deque(maxlen=_LONGEST_TAPE)
        self.wallets = open_accounts(accounts, now_ns // NS_PER_MS)
        self.subaccounts: dict[int, Subaccount] = {}
        for wallet in self.wallets.values():
            self.subaccounts.update(wallet.subaccounts)
        self._open_orders: dict[str, Order] = {}
        self._ladders: dict[tuple[str, str], dict[tuple[bool, int], str]] = {}
        self._random = Random(seed)  # noqa: S311  names of practice orders, not secrets
        self._ladder_count = 0
        self._next_margin_check_ns = now_ns
        self._funding = FundingClock(now_ns)
        self._output = Output()

    def drain(self) -> Output:
        output, self._output = self._output, Output()
        return output

    def new_id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def prices(self, instrument: Instrument) -> Prices:
        state = self.market.state(instrument.name)
        return Prices(to_nanos(state.mark), to_nanos(state.index))

    # Orders of accounts

    def place(self, order: Order, now_ns: int) -> list[Trade]:
        """Match an admitted order and rest what may rest; returns its own fills."""
        request = order.request
        subaccount = self.subaccounts[request.subaccount_id]
        subaccount.orders[order.order_id] = order
        subaccount.open_orders[order.order_id] = order
        self._open_orders[order.order_id] = order
        self._touch(order, now_ns)
        first = len(self._output.trades)
        limit = order.limit_price
        if request.is_immediate:
            limit = self.bounded(request.instrument, is_buy=request.is_buy, price=limit)
        self._cancel_underpaying(request.instrument, is_buy=request.is_buy, limit=limit, now_ns=now_ns)
        self._match(request.instrument, request.is_buy, order.remaining, limit, now_ns, taker=order)
        if order.status is Status.OPEN:
            if request.is_immediate:
                self.close(order, Status.CANCELLED, "ioc_or_market_partial_fill", now_ns)
            else:
                owner = request.wallet.lower()
                self._book(order).add(
                    Resting(order.order_id, owner, request.is_buy, order.limit_price, order.remaining)
                )
        return [trade for trade in self._output.trades[first:] if trade.order_id == order.order_id]

    def close(self, order: Order, status: Status, reason: str, now_ns: int) -> None:
        """Take an open order out of the market for good."""
        book = self._book(order)
        if order.order_id in book:
            book.remove(order.order_id)
        order.status, order.cancel_reason = status, reason
        del self._open_orders[order.order_id]
        del self.subaccounts[order.request.subaccount_id].open_orders[order.order_id]
        self._touch(order, now_ns)

    def cancel_all(self, orders: Iterable[Order], reason: str, now_ns: int) -> int:
        """Cancel the open ones among `orders`; returns how many."""
        live = [order for order in orders if order.status is Status.OPEN]
        for order in live:
            self.close(order, Status.CANCELLED, reason, now_ns)
        return len(live)

    def bounded(self, instrument: Instrument, *, is_buy: bool, price: int) -> int:
        """An aggressive order never trades outside the price band."""
        band = instrument.band(self.market.state(instrument.name))
        return min(price, band.high) if is_buy else max(price, band.low)

    # The market

    def on_event(self, event: Event, now_ns: int) -> None:
        if isinstance(event, MakerLadder):
            self._on_ladder(event, now_ns)
        elif isinstance(event, TakerOrder):
            instrument = self.instruments[event.name]
            if instrument.is_active:
                limit = self.bounded(instrument, is_buy=event.is_buy, price=to_nanos(event.limit))
                amount = to_nanos(event.amount)
                self._cancel_underpaying(instrument, is_buy=event.is_buy, limit=limit, now_ns=now_ns)
                self._match(instrument, event.is_buy, amount, limit, now_ns, taker=None)

    def sweep(self, now_ns: int) -> None:
        """What time alone does: orders and options expire, funding accrues, margin is looked at once a second."""
        self._accrue(now_ns)
        if self._funding.is_due(now_ns):
            self.pay_funding(now_ns)
        for order in list(self._open_orders.values()):
            if order.request.signature_expiry_s * NS_PER_S <= now_ns:
                self.close(order, Status.EXPIRED, "", now_ns)
        for instrument in self.instruments.values():
            if instrument.is_active and instrument.is_expired(now_ns):
                self._settle(instrument, now_ns)
        if now_ns >= self._next_margin_check_ns:
            self._next_margin_check_ns = now_ns + _MARGIN_CHECK_NS
            for subaccount in self.subaccounts.values():
                self._cancel_unmargined(subaccount, now_ns)

    def pay_funding(self, now_ns: int) -> None:
        """What the full hour does, for every account."""
        self._accrue(now_ns)
        batch_id = self.new_id()
        for subaccount in self.subaccounts.values():
            self._output.balances += self._funding.pay(subaccount, batch_id, now_ns)

    def _accrue(self, now_ns: int) -> None:
        perpetuals = [each for each in self.instruments.values() if not each.is_option]
        self._funding.grow([(each, self.prices(each)) for each in perpetuals], now_ns)

    def _on_ladder(self, event: MakerLadder, now_ns: int) -> None:
        """Replace a maker's ladder. A level of the same price and no larger amount keeps its place in the queue."""
        instrument, book = self.instruments[event.name], self.books[event.name]
        if not instrument.is_active:
            return
        wanted = {(True, to_nanos(price)): to_nanos(amount) for price, amount in event.bids}
        wanted |= {(False, to_nanos(price)): to_nanos(amount) for price, amount in event.asks}
        shown = self._ladders.setdefault((event.maker, event.name), {})
        for level, key in list(shown.items()):
            remaining = book.get(key).remaining if key in book else 0
            if remaining and level in wanted and wanted[level] <= remaining:
                if wanted[level] < remaining:
                    book.reduce(key, wanted[level])
                del wanted[level]
                continue
            if remaining:
                book.remove(key)
            del shown[level]
        for (is_bid, price), amount in wanted.items():
            self._cancel_underpaying(instrument, is_buy=is_bid, limit=price, now_ns=now_ns)
            left = amount - self._match(instrument, is_bid, amount, price, now_ns, taker=None)
            if left:
                self._ladder_count += 1
                key = f"{event.maker}#{self._ladder_count}"
                book.add(Resting(key, event.maker, is_bid, price, left))
                shown[is_bid, price] = key

    # Trading

    def _match(
        self, instrument: Instrument, is_buy: bool, amount: int, limit: int, now_ns: int, *, taker: Order | None
    ) -> int:
        """Trade up to `amount`; returns how much traded."""
        first = len(self._output.trades)
        matches = self.books[instrument.name].match(is_buy=is_buy, amount=amount, limit=limit)
        for match in matches:
            self._trade(instrument, is_buy, match, now_ns, taker)
        trades = self._output.trades[first:]
        for trade in trades:
            order = self._open_orders.get(trade.order_id)
            if order is not None and not order.remaining:
                self.close(order, Status.FILLED, "", now_ns)
        self.protect(trades, now_ns)
        return sum(match.amount for match in matches)

    def _trade(self, instrument: Instrument, is_buy: bool, match: Match, now_ns: int, taker: Order | None) -> None:
        prices = self.prices(instrument)
        trade_id, price = self.new_id(), match.resting.price
        self.show_trade(
            PublicTrade(
                trade_id=trade_id,
                instrument=instrument,
                is_buy=is_buy,
                price=price,
                amount=match.amount,
                mark=prices.mark,
                index=prices.index,
                timestamp_ms=now_ns // NS_PER_MS,
            ),
            now_ns,
        )
        maker = self._open_orders.get(match.resting.key)
        if maker is not None:
            self._fill(maker, trade_id, match, prices, now_ns, is_maker=True)
        if taker is not None:
            self._fill(taker, trade_id, match, prices, now_ns, is_maker=False)

    def show_trade(self, trade: PublicTrade, now_ns: int) -> None:
        """On the tape and in the statistics."""
        self.stats[trade.instrument.name].add(now_ns, trade.price, trade.amount, trade.index)
        self.tape.append(trade)
        self._output.public_trades.append(trade)

    def _fill(self, order: Order, trade_id: str, match: Match, prices: Prices, now_ns: int, *, is_maker: bool) -> None:
        """Book one side of a trade."""
        request, price, amount = order.request, match.resting.price, match.amount
        instrument = request.instrument
        fee_e18 = instrument.proportional_fee_e18(is_maker=is_maker, index=prices.index, price=price, amount=amount)
        if not is_maker and not order.filled:
            fee_e18 += instrument.base_fee_nanos * NANOS
        order.filled += amount
        order.cost_e18 += price * amount
        order.fee_e18 += fee_e18
        self._touch(order, now_ns)
        deal = _Deal(instrument, request.is_buy, price, amount, fee_e18, is_maker)
        self._book_trade(_Party(order.order_id, request), trade_id, deal, now_ns)

    def _book_trade(self, party: _Party, trade_id: str, deal: _Deal, now_ns: int) -> Trade:
        request, subaccount = party.request, self.subaccounts[party.request.subaccount_id]
        booked = subaccount.book_fill(
            deal.instrument,
            is_buy=deal.is_buy,
            price=deal.price,
            amount=deal.amount,
            fee_e18=deal.fee_e18,
            now_ms=now_ns // NS_PER_MS,
        )
        prices = self.prices(deal.instrument)
        trade = Trade(
            trade_id=trade_id,
            order_id=party.order_id,
            wallet=request.wallet,
            subaccount_id=request.subaccount_id,
            instrument=deal.instrument,
            is_buy=deal.is_buy,
            label=request.label,
            mmp=request.mmp,
            transaction_id=self.new_id(),
            price=deal.price,
            amount=deal.amount,
            fee_e18=deal.fee_e18,
            mark=prices.mark,
            index=prices.index,
            is_maker=deal.is_maker,
            realized_e18=booked.realized_e18,
            realized_with_fees_e18=booked.realized_with_fees_e18,
            timestamp_ms=now_ns // NS_PER_MS,
            quote_id=party.quote_id,
            rfq_id=party.rfq_id,
        )
        subaccount.trades.append(trade)
        self._output.trades.append(trade)
        self._output.balances += booked.changes("trade")
        return trade

    def protect(self, trades: Iterable[Trade], now_ns: int) -> None:
        """Protection acts after the whole trade, never in the middle of it."""
        for trade in trades:
            subaccount, currency = self.subaccounts[trade.subaccount_id], trade.instrument.underlying
            protection = subaccount.protections.get(currency)
            if protection is None or not trade.mmp:
                continue
            delta_e18 = round(self.market.state(trade.instrument.name).delta * NANOS) * trade.amount
            if protection.on_fill(now_ns, trade.amount * NANOS, delta_e18 if trade.is_buy else -delta_e18):
                self._pull(subaccount, currency, now_ns)

    def _pull(self, subaccount: Subaccount, currency: str, now_ns: int) -> None:
        """Protection has tripped: every protected order and quote in the currency goes."""
        tagged = [
            order
            for order in subaccount.open_orders.values()
            if order.request.mmp and order.request.instrument.underlying == currency
        ]
        self.cancel_all(tagged, "mmp_trigger", now_ns)
        for quote in list(subaccount.open_quotes.values()):
            if quote.request.mmp and quote.request.legs[0].instrument.underlying == currency:
                self.close_quote(quote, Status.CANCELLED, "mmp_trigger", now_ns)

    # Quotes

    def close_quote(self, quote: Quote, status: Status, reason: str, now_ns: int) -> None:
        """An open quote ends for good."""
        quote.status, quote.cancel_reason = status, reason
        del self.subaccounts[quote.request.subaccount_id].open_quotes[quote.quote_id]
        self.touch_quote(quote, now_ns)

    def touch_quote(self, quote: Quote, now_ns: int) -> None:
        quote.updated_ms = now_ns // NS_PER_MS
        self._output.quotes[quote.quote_id] = quote

    def touch_rfq(self, rfq: Rfq, now_ns: int) -> None:
        rfq.updated_ms = now_ns // NS_PER_MS
        self._output.rfqs[rfq.rfq_id] = rfq

    def book_quote(self, quote: Quote, trade_ids: list[str], fees_e18: list[int], now_ns: int) -> None:
        """Book one side's legs of an executed quote."""
        request = quote.request
        trades = []
        for (instrument, is_buy, price, amount), trade_id, fee_e18 in zip(
            request.trades(), trade_ids, fees_e18, strict=True
        ):
            party = _Party(quote.quote_id, request, quote.quote_id, quote.rfq.rfq_id)
            match = _Deal(instrument, is_buy, price, amount, fee_e18, quote.is_maker)
            trades.append(self._book_trade(party, trade_id, match, now_ns))
        self.subaccounts[request.subaccount_id].open_quotes.pop(quote.quote_id, None)
        self.touch_quote(quote, now_ns)
        self.protect(trades, now_ns)

    def _cancel_underpaying(self, instrument: Instrument, *, is_buy: bool, limit: int, now_ns: int) -> None:
        """A resting order about to be met, whose signed fee no longer covers its maker fee, leaves instead."""
        crossing = self.books[instrument.name].crossing(is_buy=is_buy, limit=limit)
        met = [order for resting in crossing if (order := self._open_orders.get(resting.key))]
        if not met:
            return
        index = self.prices(instrument).index
        for order in met:
            price = order.limit_price
            fee = instrument.proportional_fee_e18(is_maker=True, index=index, price=price, amount=NANOS)
            if fee > order.request.max_fee_e18:
                self.close(order, Status.CANCELLED, "signed_max_fee_too_low", now_ns)

    def _cancel_unmargined(self, subaccount: Subaccount, now_ns: int) -> None:
        if not subaccount.open_orders:
            return
        orders = margin.open_orders_e18(subaccount, margin.resting(subaccount), self.prices)
        if margin.headroom_e18(subaccount, self.prices) + orders < 0:
            self.cancel_all(list(subaccount.open_orders.values()), "insufficient_margin", now_ns)

    def _settle(self, instrument: Instrument, now_ns: int) -> None:
        """An option expires: its orders end, and every position is paid its intrinsic value at the index."""
        index = self.prices(instrument).index
        instrument.is_active, instrument.settlement_price = False, index
        orders = [order for order in self._open_orders.values() if order.request.instrument is instrument]
        for order in orders:
            self.close(order, Status.EXPIRED, "", now_ns)
        self.books[instrument.name] = Book(instrument.rule)
        for subaccount in self.subaccounts.values():
            held = subaccount.amount_of(instrument.name)
            if held:
                booked = subaccount.book_fill(
                    instrument,
                    is_buy=held < 0,
                    price=instrument.intrinsic(index),
                    amount=abs(held),
                    fee_e18=0,
                    now_ms=now_ns // NS_PER_MS,
                )
                self._output.balances += booked.changes("option_settlement")

    def _book(self, order: Order) -> Book:
        return self.books[order.request.instrument.name]

    def _touch(self, order: Order, now_ns: int) -> None:
        order.updated_ms = now_ns // NS_PER_MS
        self._output.orders[order.order_id] = order
