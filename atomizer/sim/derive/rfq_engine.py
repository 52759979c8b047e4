"""RFQs and quotes in motion: opened, quoted, taken, ended. Trades are booked by the matching engine.

All or nothing: a quote is executed whole. It trusts its callers, as the matching engine does: what reaches it has
passed `rfq_admission`.
"""

from collections.abc import Iterable, Iterator

from atomizer.sim.derive.accounts import Subaccount
from atomizer.sim.derive.dialect import QUOTE_MARGIN_S
from atomizer.sim.derive.engine import Engine
from atomizer.sim.derive.instruments import Instrument
from atomizer.sim.derive.margin import Prices, headroom_e18, open_orders_e18, requirement_e18, resting
from atomizer.sim.derive.orders import PublicTrade, Status
from atomizer.sim.derive.rfqs import Quote, QuoteRequest, Rfq
from atomizer.sim.derive.units import NANOS, NS_PER_MS, NS_PER_S

_HALF = 2  # the two cheapest groups but one pay half


class Rfqs:
    """All RFQs of the venue: of accounts, and of practice takers that have none."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._all: dict[str, Rfq] = {}
        self._open: dict[str, Rfq] = {}
        self._quotes: dict[str, dict[str, Quote]] = {}  # makers' by RFQ and quote id

    # RFQs

    def get(self, rfq_id: str) -> Rfq | None:
        return self._all.get(rfq_id)

    def all(self) -> Iterable[Rfq]:
        return self._all.values()

    def open(self, rfq: Rfq, now_ns: int) -> None:
        self._all[rfq.rfq_id] = self._open[rfq.rfq_id] = rfq
        self._quotes[rfq.rfq_id] = {}
        subaccount = self._engine.subaccounts.get(rfq.subaccount_id)
        if subaccount is not None:  # else a practice taker's
            subaccount.rfqs[rfq.rfq_id] = rfq
        self._engine.touch_rfq(rfq, now_ns)

    def end(self, rfq: Rfq, status: Status, reason: str, now_ns: int) -> None:
        """No quote for it can be taken any more."""
        rfq.status, rfq.cancel_reason = status, reason
        del self._open[rfq.rfq_id]
        for quote in self.open_quotes(rfq):
            self._engine.close_quote(quote, Status.CANCELLED, "rfq_no_longer_open", now_ns)
        self._engine.touch_rfq(rfq, now_ns)

    def sweep(self, now_ns: int) -> None:
        """What time alone does: RFQs end after their window, quotes when their signature gets old."""
        for rfq in list(self._open.values()):
            if rfq.valid_until_ms * NS_PER_MS <= now_ns or any(leg.instrument.is_expired(now_ns) for leg in rfq.legs):
                self.end(rfq, Status.EXPIRED, "", now_ns)
        for subaccount in self._engine.subaccounts.values():
            for quote in list(subaccount.open_quotes.values()):
                if (quote.request.signature_expiry_s - QUOTE_MARGIN_S) * NS_PER_S <= now_ns:
                    self._engine.close_quote(quote, Status.EXPIRED, "", now_ns)

    # Quotes

    def quotes_for(self, rfq: Rfq) -> Iterable[Quote]:
        """Makers' quotes, in the order they came."""
        return self._quotes[rfq.rfq_id].values()

    def open_quotes(self, rfq: Rfq) -> list[Quote]:
        return [quote for quote in self.quotes_for(rfq) if quote.status is Status.OPEN]

    def best(self, rfq: Rfq, *, taker_buys: bool) -> Quote | None:
        """The open quote that is cheapest for a taker on this side, within its limits; of equals the earlier."""
        facing = [
            quote
            for quote in self.open_quotes(rfq)
            if quote.request.is_buy != taker_buys and is_within_limits(rfq, quote)
        ]
        return min(facing, key=lambda quote: -quote.request.cost_e18, default=None)

    def add(self, quote: Quote, now_ns: int) -> None:
        subaccount = self._engine.subaccounts[quote.request.subaccount_id]
        subaccount.quotes[quote.quote_id] = subaccount.open_quotes[quote.quote_id] = quote
        self._quotes[quote.rfq.rfq_id][quote.quote_id] = quote
        self._engine.touch_quote(quote, now_ns)

    def execute(self, maker: Quote, taker: Quote | None, now_ns: int) -> None:
        """Trade a maker's quote, with a taker's own side of it when the taker has an account here."""
        engine, rfq = self._engine, maker.rfq
        trade_ids = [engine.new_id() for _ in rfq.legs]
        for instrument, is_buy, price, amount in maker.request.trades():
            self._show(instrument, is_buy=not is_buy, price=price, amount=amount, quote=maker, now_ns=now_ns)
        sides = [maker] if taker is None else [maker, taker]
        for quote in sides:
            fees_e18 = leg_fees_e18(engine, quote.request, is_taker=not quote.is_maker)
            quote.status, quote.fee_e18 = Status.FILLED, sum(fees_e18)
            if not quote.is_maker:
                engine.subaccounts[quote.request.subaccount_id].quotes[quote.quote_id] = quote
            engine.book_quote(quote, trade_ids, fees_e18, now_ns)
        rfq.filled_is_buy = not maker.request.is_buy
        rfq.total_cost_e18 = -maker.request.cost_e18
        self.end(rfq, Status.FILLED, "", now_ns)

    def _show(
        self, instrument: Instrument, *, is_buy: bool, price: int, amount: int, quote: Quote, now_ns: int
    ) -> None:
        """On the tape, with the taker's side."""
        prices = self._engine.prices(instrument)
        trade = PublicTrade(
            trade_id=self._engine.new_id(),
            instrument=instrument,
            is_buy=is_buy,
            price=price,
            amount=amount,
            mark=prices.mark,
            index=prices.index,
            timestamp_ms=now_ns // NS_PER_MS,
            quote_id=quote.quote_id,
            rfq_id=quote.rfq.rfq_id,
        )
        self._engine.show_trade(trade, now_ns)


def is_within_limits(rfq: Rfq, quote: Quote) -> bool:
    """Quotes beyond what the taker said it would pay, or take, are not shown to it."""
    taker_cost_e18 = -quote.request.cost_e18
    if quote.request.is_buy:  # the taker sells, and is paid
        return rfq.least_cost_e18 is None or -taker_cost_e18 >= rfq.least_cost_e18
    return rfq.most_cost_e18 is None or taker_cost_e18 <= rfq.most_cost_e18


def leg_fees_e18(engine: Engine, request: QuoteRequest, *, is_taker: bool) -> list[int]:
    """What one side pays for each leg (protocol sheet §5, "RFQ fees").

    The taker's rate for both sides, and the base fee for the taker, here on the first leg. Legs are grouped by kind
    and side: the dearest group pays in full, the cheapest of several nothing, the next two cheapest half.
    """
    full = [
        instrument.proportional_fee_e18(
            is_maker=False, index=engine.prices(instrument).index, price=price, amount=amount
        )
        for instrument, _, price, amount in request.trades()
    ]
    groups = [_group(instrument, is_buy=is_buy) for instrument, is_buy, _, _ in request.trades()]
    totals = dict.fromkeys(groups, 0)
    for group, fee_e18 in zip(groups, full, strict=True):
        totals[group] += fee_e18
    cheapest_first = sorted(totals, key=lambda group: (totals[group], group))
    free = set(cheapest_first[:1]) if len(totals) > 1 else set()
    half = set(cheapest_first[1 : 1 + _HALF]) - set(cheapest_first[-1:])
    fees = [
        0 if group in free else fee_e18 // _HALF if group in half else fee_e18
        for group, fee_e18 in zip(groups, full, strict=True)
    ]
    if is_taker:
        fees[0] += request.legs[0].instrument.base_fee_nanos * NANOS
    return fees


def _group(instrument: Instrument, *, is_buy: bool) -> str:
    """A perpetual is in one group whichever way it goes."""
    return f"{instrument.listing.option_type}{is_buy}" if instrument.is_option else "perp"


def headroom_after_e18(engine: Engine, subaccount: Subaccount, request: QuoteRequest, fee_e18: int) -> tuple[int, int]:
    """The subaccount's initial headroom now and after this side's trades, open orders at their worst."""
    orders_e18 = open_orders_e18(subaccount, resting(subaccount), engine.prices)
    before_e18 = headroom_e18(subaccount, engine.prices) + orders_e18
    effects = (_effect_e18(subaccount, trade, engine.prices(trade[0])) for trade in request.trades())  # legs are unique
    return before_e18, before_e18 - fee_e18 + sum(effects)


def _effect_e18(subaccount: Subaccount, trade: tuple[Instrument, bool, int, int], prices: Prices) -> int:
    instrument, is_buy, price, amount = trade
    held, signed = subaccount.amount_of(instrument.name), amount if is_buy else -amount
    need = requirement_e18(instrument, held + signed, prices) - requirement_e18(instrument, held, prices)
    value_e18 = 0 if instrument.is_option else prices.mark * signed
    return value_e18 - price * signed - need


def visible_to(rfqs: Iterable[Rfq], wallet: str) -> Iterator[Rfq]:
    """What a maker may see: everybody's that asked everybody, or it by name; never its own."""
    return (rfq for rfq in rfqs if rfq.is_for(wallet) and rfq.wallet.lower() != wallet.lower())
