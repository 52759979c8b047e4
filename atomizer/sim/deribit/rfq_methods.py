"""Methods of block RFQs: asking, quoting, taking, and reading them back."""

from collections.abc import Iterable
from math import gcd
from typing import Any

from atomizer.sim.deribit import codes
from atomizer.sim.deribit.admission import check_amount
from atomizer.sim.deribit.codes import Rejection, invalid
from atomizer.sim.deribit.limits import Rate
from atomizer.sim.deribit.methods import Call, Handler, Method
from atomizer.sim.deribit.rfq_desk import Desk
from atomizer.sim.deribit.rfqs import MOST_QUOTES, Leg, Quote, Rfq, State
from atomizer.sim.deribit.units import NS_PER_MS, nanos_of, number
from atomizer.sim.deribit.wire_account import user_trade_shape

_DEFAULT_COUNT = 20
_MOST_LEGS = 20


def rfq_shape(desk: Desk, rfq: Rfq, user_id: int) -> dict[str, Any]:
    """As this account sees it: its taker sees everybody's quotes, a maker none."""
    is_taker = rfq.user_id == user_id
    instrument = rfq.legs[0].instrument
    marks = [desk.engine.view(leg.instrument).mark for leg in rfq.legs]
    shape: dict[str, Any] = {
        "block_rfq_id": rfq.rfq_id,
        "state": rfq.state.value,
        "role": "taker" if is_taker else "maker",
        "amount": number(rfq.amount),
        "min_trade_amount": number(instrument.rules.lot),
        "legs": [
            {"instrument_name": leg.instrument.name, "direction": "buy" if leg.is_buy else "sell", "ratio": leg.ratio}
            for leg in rfq.legs
        ],
        "creation_timestamp": rfq.created_ns // NS_PER_MS,
        "expiration_timestamp": rfq.expires_ns // NS_PER_MS,
        "taker_rating": "1-2",
        "disclosed": False,
        "mark_price": number(rfq.price_of(marks)),
        "combo_id": "",
    }
    if rfq.fills:
        shape["trades"] = [_fill_shape(fill) for fill in rfq.fills]
        shape["index_prices"] = {instrument.index_name: number(desk.engine.quotation.index(instrument.base))}
    if is_taker:
        shape |= {
            "label": rfq.label,
            "makers": [],
            "bids": _ladder(rfq, is_buy=True),
            "asks": _ladder(rfq, is_buy=False),
        }
    return shape


def _fill_shape(fill: tuple[int, int, int, bool]) -> dict[str, Any]:
    _, price, amount, is_buy = fill
    return {"price": number(price), "amount": number(amount), "direction": "buy" if is_buy else "sell"}


def _ladder(rfq: Rfq, *, is_buy: bool) -> list[dict[str, Any]]:
    quotes = [quote for quote in rfq.open_quotes() if quote.is_buy == is_buy]
    quotes.sort(key=lambda quote: rfq.price_of(quote.prices), reverse=is_buy)
    return [
        {
            "price": number(rfq.price_of(quote.prices)),
            "amount": number(quote.remaining),
            "makers": [],
            "last_update_timestamp": quote.updated_ns // NS_PER_MS,
            "execution_instruction": "all_or_none" if quote.all_or_none else "any_part_of",
            "expires_at": quote.expires_ns // NS_PER_MS,
        }
        for quote in quotes
    ]


def quote_shape(rfq: Rfq, quote: Quote) -> dict[str, Any]:
    legs = [
        {
            "instrument_name": leg.instrument.name,
            "direction": "buy" if leg.is_buy else "sell",
            "ratio": leg.ratio,
            "price": number(price),
        }
        for leg, price in zip(rfq.legs, quote.prices, strict=True)
    ]
    shape = {
        "block_rfq_quote_id": quote.quote_id,
        "block_rfq_id": rfq.rfq_id,
        "quote_state": quote.state.value,
        "price": number(rfq.price_of(quote.prices)),
        "amount": number(quote.amount),
        "filled_amount": number(quote.filled),
        "direction": "buy" if quote.is_buy else "sell",
        "legs": legs,
        "label": quote.label,
        "replaced": quote.replaced,
        "execution_instruction": "all_or_none" if quote.all_or_none else "any_part_of",
        "creation_timestamp": quote.created_ns // NS_PER_MS,
        "last_update_timestamp": quote.updated_ns // NS_PER_MS,
        "expires_at": quote.expires_ns // NS_PER_MS,
    }
    return {**shape, "quote_state_reason": quote.reason} if quote.reason else shape


class RfqMethods:
    """The methods that need to know the venue's block RFQs."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    # Takers

    def create(self, call: Call) -> dict[str, Any]:
        legs, amounts = [], []
        rows = call.params["legs"]
        if not 0 < len(rows) <= _MOST_LEGS:
            raise invalid("legs", f"from 1 to {_MOST_LEGS} legs")
        if "hedge" in call.params:
            raise Rejection(codes.NOT_IMPLEMENTED, "practice Deribit has no hedge legs", param="hedge")
        for row in rows:
            instrument = call.instrument_named(str(row.get("instrument_name")))
            amount = nanos_of(row.get("amount", 0)) or 0
            check_amount(instrument, amount)
            if amount < instrument.rules.block_minimum:
                raise Rejection(codes.QUANTITY_TOO_LOW)
            if "direction" not in row:
                raise invalid("legs.direction", "value required")
            legs.append((instrument, row["direction"] == "buy"))
            amounts.append(amount)
        unit = gcd(*amounts)
        whole = tuple(Leg(item, buy, amount // unit) for (item, buy), amount in zip(legs, amounts, strict=True))
        if len({leg.instrument.index_name for leg in whole}) != 1 or len({leg.instrument.name for leg in whole}) != len(
            legs
        ):
            raise invalid("legs", "one index, each instrument once")
        rfq = self._desk.ask(call.holder.user_id, whole, unit, call.params.get("label", ""), call.now_ns)
        return rfq_shape(self._desk, rfq, call.holder.user_id)

    def cancel(self, call: Call) -> dict[str, Any]:
        rfq = self._open_rfq(call)
        if rfq.user_id != call.holder.user_id:
            raise Rejection(codes.FORBIDDEN)
        self._desk.end(rfq, State.CANCELLED, call.now_ns)
        return rfq_shape(self._desk, rfq, call.holder.user_id)

    def accept(self, call: Call) -> dict[str, Any]:
        """All of it now, at the price or better."""
        rfq, params = self._open_rfq(call), call.params
        if rfq.user_id != call.holder.user_id:
            raise Rejection(codes.FORBIDDEN)
        if params["time_in_force"] != "fill_or_kill":
            raise Rejection(codes.NOT_IMPLEMENTED, "practice Deribit takes fill_or_kill", param="time_in_force")
        self._check_legs(rfq, params["legs"])
        limit, amount = call.nanos("price"), call.nanos("amount")
        check_amount(rfq.legs[0].instrument, amount)
        if amount > rfq.amount:
            raise invalid("amount", "more than was asked for")
        is_buy = params["direction"] == "buy"
        trades = self._desk.take(rfq, is_buy=is_buy, limit=limit, amount=amount, now_ns=call.now_ns)
        rows = [user_trade_shape(trade) for trade in trades]
        block = {"id": f"BLOCK-{rfq.rfq_id}", "timestamp": call.now_ms, "trades": rows}
        trigger = {"state": "untriggered", "price": number(limit), "direction": params["direction"]}
        return {"block_trades": [block], "trade_trigger": trigger}

    # Makers

    def add(self, call: Call) -> dict[str, Any]:
        rfq, params, holder = self._open_rfq(call), call.params, call.holder
        if rfq.user_id == holder.user_id:
            raise Rejection(codes.FORBIDDEN)
        protection = self._desk.protection(holder, rfq)
        if protection is not None and protection.is_frozen(call.now_ns):
            raise Rejection(codes.MMP_TRIGGER)
        if sum(quote.user_id == holder.user_id for quote in rfq.open_quotes()) >= MOST_QUOTES:
            raise Rejection(codes.OTHER_REJECT, detail="too_many_quotes_per_block_rfq")
        all_or_none = params.get("execution_instruction") == "all_or_none"
        amount, prices = self._terms(call, rfq, all_or_none=all_or_none)
        expires_ms = params.get("expires_at", rfq.expires_ns // NS_PER_MS)
        if expires_ms <= call.now_ms:
            raise Rejection(codes.TIMED_OUT)
        quote = Quote(
            quote_id=self._desk.new_quote_id(),
            user_id=holder.user_id,
            is_buy=params["direction"] == "buy",
            amount=amount,
            prices=prices,
            label=params.get("label", ""),
            all_or_none=all_or_none,
            created_ns=call.now_ns,
            updated_ns=call.now_ns,
            expires_ns=expires_ms * NS_PER_MS,
        )
        self._desk.show(rfq, quote)
        return quote_shape(rfq, quote)

    def edit(self, call: Call) -> dict[str, Any]:
        rfq, quote = self._own_quote(call)
        amount, quote.prices = self._terms(call, rfq, all_or_none=quote.all_or_none)
        quote.amount, quote.replaced, quote.updated_ns = quote.filled + amount, True, call.now_ns
        self._desk.show(rfq, quote)
        return quote_shape(rfq, quote)

    def cancel_quote(self, call: Call) -> dict[str, Any]:
        rfq, quote = self._own_quote(call)
        self._desk.withdraw(rfq, quote, "user_request", call.now_ns)
        return quote_shape(rfq, quote)

    def cancel_all(self, call: Call) -> Any:
        gone = []
        for rfq in self._desk.rfqs.values():
            if call.params.get("block_rfq_id", rfq.rfq_id) == rfq.rfq_id:
                for quote in [each for each in rfq.open_quotes() if each.user_id == call.holder.user_id]:
                    self._desk.withdraw(rfq, quote, "user_request", call.now_ns)
                    gone.append(quote_shape(rfq, quote))
        return gone if call.flag("detailed") else len(gone)

    # Reading

    def get_rfqs(self, call: Call) -> dict[str, Any]:
        params, user_id = call.params, call.holder.user_id
        found = [
            rfq_shape(self._desk, rfq, user_id)
            for rfq in reversed(self._desk.rfqs.values())
            if params.get("block_rfq_id", rfq.rfq_id) == rfq.rfq_id
            and params.get("state", rfq.state.value) == rfq.state.value
            and params.get("currency", "any") in {"any", rfq.legs[0].instrument.currency}
            and params.get("role", "any") in {"any", "taker" if rfq.user_id == user_id else "maker"}
        ]
        return {"block_rfqs": found[: params.get("count", _DEFAULT_COUNT)], "continuation": ""}

    def get_quotes(self, call: Call) -> list[dict[str, Any]]:
        params = call.params
        return [
            quote_shape(rfq, quote)
            for rfq in self._desk.rfqs.values()
            for quote in rfq.open_quotes()
            if quote.user_id == call.holder.user_id
            and params.get("block_rfq_id", rfq.rfq_id) == rfq.rfq_id
            and params.get("block_rfq_quote_id", quote.quote_id) == quote.quote_id
            and params.get("label", quote.label) == quote.label
        ]

    def get_makers(self, call: Call) -> list[str]:
        return [item.account.name for item in call.engine.holders.values() if item is not call.holder]

    def get_trades(self, call: Call) -> dict[str, Any]:
        """Anybody's, latest first."""
        found = [
            self.traded_shape(rfq)
            for rfq in reversed(self._desk.rfqs.values())
            if rfq.fills and call.params["currency"] in {"any", rfq.legs[0].instrument.currency}
        ]
        return {"block_rfqs": found[: call.params.get("count", _DEFAULT_COUNT)], "continuation": ""}

    def traded_shape(self, rfq: Rfq) -> dict[str, Any]:
        now_ns, _, _, is_buy = rfq.fills[-1]
        quote = next(each for each in rfq.quotes.values() if each.filled)
        shape = rfq_shape(self._desk, rfq, -1)
        kept = ("mark_price", "combo_id", "trades", "index_prices")
        return {
            "id": rfq.rfq_id,
            "timestamp": now_ns // NS_PER_MS,
            "amount": number(sum(fill[2] for fill in rfq.fills)),
            "direction": "buy" if is_buy else "sell",
            "legs": quote_shape(rfq, quote)["legs"],
            **{name: shape[name] for name in kept},
        }

    # Inside

    def _open_rfq(self, call: Call) -> Rfq:
        rfq = self._desk.rfqs.get(call.params["block_rfq_id"])
        if rfq is None:
            raise Rejection(codes.NOT_FOUND)
        if rfq.state is not State.OPEN:
            raise Rejection(codes.OTHER_REJECT, detail=f"block_rfq_{rfq.state.value}")
        return rfq

    def _own_quote(self, call: Call) -> tuple[Rfq, Quote]:
        """By its id, or by label within an RFQ."""
        params = call.params
        for rfq in self._desk.rfqs.values():
            for quote in rfq.open_quotes():
                by_id = params.get("block_rfq_quote_id") == quote.quote_id
                by_label = "label" in params and (params["label"], params.get("block_rfq_id")) == (
                    quote.label,
                    rfq.rfq_id,
                )
                if quote.user_id == call.holder.user_id and (by_id or by_label):
                    return rfq, quote
        raise Rejection(codes.NOT_FOUND)

    def _terms(self, call: Call, rfq: Rfq, *, all_or_none: bool) -> tuple[int, tuple[int, ...]]:
        """Amount and the legs' prices of a quote."""
        if "hedge" in call.params:
            raise Rejection(codes.NOT_IMPLEMENTED, "practice Deribit has no hedge legs", param="hedge")
        rows = call.params["legs"]
        self._check_legs(rfq, rows)
        amount = call.nanos("amount")
        check_amount(rfq.legs[0].instrument, amount)
        if amount > rfq.amount or (all_or_none and amount != rfq.amount):
            raise invalid("amount", "more than was asked for, or not all of it")
        prices = []
        for leg, row in zip(rfq.legs, rows, strict=True):
            price = nanos_of(row.get("price", 0)) or 0
            if price <= 0 or price % leg.instrument.rules.tick:
                raise invalid("legs.price", "must conform to tick size")
            prices.append(price)
        return amount, tuple(prices)

    @staticmethod
    def _check_legs(rfq: Rfq, rows: Iterable[dict[str, Any]]) -> None:
        """The request repeats the RFQ's legs."""
        echoed = [(row.get("instrument_name"), row.get("direction"), int(row.get("ratio", 0))) for row in rows]
        asked = [(leg.instrument.name, "buy" if leg.is_buy else "sell", leg.ratio) for leg in rfq.legs]
        if echoed != asked:
            raise invalid("legs", "must be the legs of the RFQ")

    def methods(self) -> dict[str, Method]:
        def write(handle: Handler) -> Method:
            return Method(handle, Rate.MATCHING, area="block_rfq", level="read_write")

        def read(handle: Handler) -> Method:
            return Method(handle, area="block_rfq")

        return {
            "private/create_block_rfq": write(self.create),
            "private/cancel_block_rfq": write(self.cancel),
            "private/accept_block_rfq": write(self.accept),
            "private/add_block_rfq_quote": write(self.add),
            "private/edit_block_rfq_quote": write(self.edit),
            "private/cancel_block_rfq_quote": write(self.cancel_quote),
            "private/cancel_all_block_rfq_quotes": write(self.cancel_all),
            "private/get_block_rfqs": read(self.get_rfqs),
            "private/get_block_rfq_quotes": read(self.get_quotes),
            "private/get_block_rfq_makers": read(self.get_makers),
            "public/get_block_rfq_trades": Method(self.get_trades),
        }
