"""All block RFQs of the venue: who may see them, what is traded in them, and the practice market's own takers."""

from dataclasses import dataclass, field

from atomizer.sim.deribit import codes
from atomizer.sim.deribit.accounts import Holder
from atomizer.sim.deribit.codes import Rejection
from atomizer.sim.deribit.engine import Engine
from atomizer.sim.deribit.mmp import Protection
from atomizer.sim.deribit.orders import Life, Order, Trade
from atomizer.sim.deribit.rfqs import GRACE_NS, LIFE_NS, Leg, Quote, Rfq, State
from atomizer.sim.deribit.units import NANOS, NS_PER_MS, NS_PER_S
from atomizer.sim.market import RfqArrival

_PRACTICE_LIFE_NS = 10 * NS_PER_S  # the practice market's takers make up their minds after this
_PRACTICE_TAKER = 0


@dataclass(slots=True, eq=False)
class Desk:
    """`changed` and `quoted` are what listeners have not heard of yet."""

    engine: Engine
    rfqs: dict[int, Rfq] = field(default_factory=dict)
    quotes: dict[int, Rfq] = field(default_factory=dict)  # quote id to its RFQ
    changed: dict[int, Rfq] = field(default_factory=dict)
    quoted: dict[int, Quote] = field(default_factory=dict)
    tripped: list[tuple[int, Protection]] = field(default_factory=list)
    _last_rfq: int = 500
    _last_quote: int = 9000

    def ask(self, user_id: int, legs: tuple[Leg, ...], amount: int, label: str, now_ns: int) -> Rfq:
        self._last_rfq += 1
        rfq = Rfq(self._last_rfq, user_id, legs, amount, label, now_ns, now_ns + LIFE_NS)
        self.rfqs[rfq.rfq_id] = self.changed[rfq.rfq_id] = rfq
        return rfq

    def new_quote_id(self) -> int:
        self._last_quote += 1
        return self._last_quote

    def show(self, rfq: Rfq, quote: Quote) -> None:
        rfq.quotes[quote.quote_id] = self.quoted[quote.quote_id] = quote
        self.quotes[quote.quote_id] = self.changed[rfq.rfq_id] = rfq

    def withdraw(self, rfq: Rfq, quote: Quote, reason: str, now_ns: int) -> None:
        quote.state, quote.reason, quote.updated_ns = State.CANCELLED, reason, now_ns
        self.show(rfq, quote)

    def end(self, rfq: Rfq, state: State, now_ns: int) -> None:
        rfq.end(state, now_ns)
        self.changed[rfq.rfq_id] = rfq
        self.quoted.update({each.quote_id: each for each in rfq.quotes.values() if each.state is State.CANCELLED})

    def take(self, rfq: Rfq, *, is_buy: bool, limit: int, amount: int, now_ns: int) -> list[Trade]:
        """The taker's side of what it gets; all of `amount` or a refusal.

        Raises:
            Rejection: too early, or not that much at that price.
        """
        if rfq.state is not State.OPEN or now_ns - rfq.created_ns < GRACE_NS:
            raise Rejection(codes.OTHER_REJECT, detail="block_rfq_not_tradeable")
        taken = rfq.takeable(is_buy=is_buy, limit=limit, amount=amount)
        if sum(share for _, share in taken) < amount:
            raise Rejection(codes.OTHER_REJECT, detail="block_rfq_not_enough_quotes")
        trades: list[Trade] = []
        for quote, share in taken:
            trades += self._trade(rfq, quote, share, is_buy=is_buy, now_ns=now_ns)
        self.end(rfq, State.FILLED, now_ns)
        return trades

    def protection(self, holder: Holder, rfq: Rfq) -> Protection | None:
        return holder.protections.get((rfq.legs[0].instrument.index_name, "", True))

    # The practice market's takers

    def on_arrival(self, event: RfqArrival, now_ns: int) -> None:
        """Somebody asks the whole street: here, if the option is listed, for a block of it."""
        for instrument in self.engine.instruments.values():
            listing, is_inverse = instrument.listing, instrument.is_option and not instrument.is_linear
            same = (listing.expiry_s, listing.strike, listing.option_type == "P", listing.underlying)
            wanted = (event.expiry_s, event.strike, event.is_put, event.underlying)
            if is_inverse and not instrument.is_closed and same == wanted:
                legs, amount = (Leg(instrument, is_buy=True, ratio=1),), instrument.rules.block_minimum
                rfq = self.ask(_PRACTICE_TAKER, legs, amount, "", now_ns)
                rfq.expires_ns = now_ns + _PRACTICE_LIFE_NS
                rfq.is_taker_buy = event.is_taker_buy
                rfq.reserve = self.engine.quotation.price(instrument, event.reserve, up=not event.is_taker_buy)
                return

    def sweep(self, now_ns: int) -> None:
        """What time alone does: practice takers decide as their RFQ ends, RFQs and quotes expire."""
        for rfq in [rfq for rfq in self.rfqs.values() if rfq.state is State.OPEN]:
            if now_ns >= rfq.expires_ns:
                self._decide(rfq, now_ns)
            for quote in [quote for quote in rfq.open_quotes() if now_ns >= quote.expires_ns]:
                quote.state, quote.updated_ns = State.EXPIRED, now_ns
                self.show(rfq, quote)

    def _decide(self, rfq: Rfq, now_ns: int) -> None:
        if rfq.reserve is not None:
            try:
                self.take(rfq, is_buy=rfq.is_taker_buy, limit=rfq.reserve, amount=rfq.amount, now_ns=now_ns)
            except Rejection:
                self.end(rfq, State.EXPIRED, now_ns)
        else:
            self.end(rfq, State.EXPIRED, now_ns)

    # Inside

    def _trade(self, rfq: Rfq, quote: Quote, share: int, *, is_buy: bool, now_ns: int) -> list[Trade]:
        """Every leg between maker and taker; returns the taker's trades."""
        trades: list[Trade] = []
        for leg, price in zip(rfq.legs, quote.prices, strict=True):
            buys = leg.is_buy == is_buy
            maker = self._order(leg, quote.user_id, share * leg.ratio, price, is_buy=not buys, now_ns=now_ns)
            maker.label = quote.label
            taker = None
            if rfq.user_id != _PRACTICE_TAKER:
                taker = self._order(leg, rfq.user_id, share * leg.ratio, price, is_buy=buys, now_ns=now_ns)
            trade = self.engine.trade_block(maker, taker, price, rfq.rfq_id, now_ns)
            trades += [trade] if trade is not None else []
        quote.filled += share
        quote.updated_ns = now_ns
        if not quote.remaining:
            quote.state = State.FILLED
        self.show(rfq, quote)
        rfq.fills.append((now_ns, rfq.price_of(quote.prices), share, is_buy))
        self._protect(rfq, quote, share, now_ns)
        return trades

    def _protect(self, rfq: Rfq, quote: Quote, share: int, now_ns: int) -> None:
        """A protection of block RFQs that trips takes the maker's quotes of that index along."""
        holder = self.engine.holders[quote.user_id]
        protection = self.protection(holder, rfq)
        if protection is None:
            return
        delta = vega = 0.0
        for leg in rfq.legs:
            sign = (1 if leg.is_buy == quote.is_buy else -1) * leg.ratio * share / NANOS
            greeks = self.engine.view(leg.instrument).greeks
            delta, vega = delta + sign * greeks.delta, vega + sign * greeks.vega
        if protection.on_trade(now_ns, share, delta, vega):
            self.tripped.append((holder.user_id, protection))
            for other in self.rfqs.values():
                if self.protection(holder, other) is protection:
                    for mine in [each for each in other.open_quotes() if each.user_id == holder.user_id]:
                        self.withdraw(other, mine, "mmp_trigger", now_ns)

    def _order(self, leg: Leg, user_id: int, amount: int, price: int, *, is_buy: bool, now_ns: int) -> Order:
        return Order(
            order_id=self.engine.new_order_id(leg.instrument),
            user_id=user_id,
            instrument=leg.instrument,
            is_buy=is_buy,
            amount=amount,
            price=price,
            order_type="limit",
            life=Life.FILL_OR_KILL,
            label="",
            post_only=False,
            reject_post_only=False,
            reduce_only=False,
            mmp=False,
            connection=0,
            created_ms=now_ns // NS_PER_MS,
            updated_ms=now_ns // NS_PER_MS,
        )
