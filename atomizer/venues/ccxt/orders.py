"""Our orders at an exchange of ccxt: place, cancel, and find out what became of them.

There is no private stream here: while an order lives, its state and its fills are asked for again and again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple, TypeVar

from atomizer._core.fixed import format_nanos, is_multiple
from atomizer.domain.instruments import NANOS, Instrument
from atomizer.domain.session import LedgerPosition, OpenOrder
from atomizer.domain.trading import Fill, OrderPlaced, OrderState, OrderUpdate, TimeInForce
from atomizer.errors import BadFrame, OutcomeUnknown, Refused, VenueError
from atomizer.venues.ccxt.asking import Asking
from atomizer.venues.ccxt.codec import (
    Listing,
    client_id_of,
    parse_fill,
    parse_open_order,
    parse_order,
    parse_position,
)

log = logging.getLogger(__name__)

T = TypeVar("T")

FOLLOW_S: Final = 0.5
LOOKS: Final = 6  # for an order without an answer: an exchange's lists may lag behind its matching
PAGE: Final = 100
SYMBOL_WANTED: Final = "ArgumentsRequired"  # the class of ccxt's error
NOTHING: Final[Mapping[str, object]] = {}
OVERLAP_MS: Final = 60_000
NANOS_PER_MS: Final = 1_000_000
_PARAMS: Final[dict[TimeInForce, dict[str, object]]] = {
    TimeInForce.GTC: {"timeInForce": "GTC"},
    TimeInForce.IOC: {"timeInForce": "IOC"},
    TimeInForce.POST_ONLY: {"postOnly": True},
}

Emit = Callable[[OrderUpdate | Fill], None]


class Facts(NamedTuple):
    """What this exchange wants beside the unified API: see `profile`."""

    client_id: str  # the field that carries our label
    until: str  # the field for the end of a period of trades, if it wants one
    whole_account: list[dict[str, object]]  # parameters of the requests that together ask about everything


class _Known(NamedTuple):
    """A live order of ours: where it is, and what the exchange calls it once it has answered."""

    listing: Listing
    order_id: str
    since_ms: int


class OrderDesk:
    """Orders of one account. `emit` is never called from within `place` or `cancel`."""

    def __init__(
        self,
        venue: str,
        asking: Asking,
        listings: Mapping[str, Listing],
        facts: Facts,
        *,
        emit: Emit,
        now_ns: Callable[[], int],
    ) -> None:
        self._venue = venue
        self._asking = asking
        self._exchange = asking.exchange
        self._listings = listings
        self.facts = facts
        self._emit = emit
        self._now_ns = now_ns
        self._known: dict[str, _Known] = {}  # by label
        self._owners: dict[str, str] = {}  # label by the exchange's id, of every order of this run
        self._booked: set[str] = set()  # trades that were told
        self._tasks: set[asyncio.Task[object]] = set()
        self.is_open = False

    # --- what we send

    def place(self, order: OrderPlaced) -> None:
        """Send, or refuse what cannot succeed; the outcome comes as `OrderUpdate`."""
        self._do(self._place(order))

    def replace(self, order: OrderPlaced) -> None:
        """Cancel the old one, and place the new one when it has ended without having filled meanwhile."""
        self._do(self._replace(order))

    def cancel(self, client_id: str) -> None:
        self._do(self._cancel(client_id))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _do(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _place(self, order: OrderPlaced) -> None:
        listing = self._listings.get(order.instrument)
        words = f"{order.instrument} is not listed here" if listing is None else off_terms(order, listing.instrument)
        if not self.is_open:
            words = "not connected: nothing was sent"
        if words or listing is None:
            self._tell(order.client_id, OrderState.REFUSED, words)
            return
        since_ms = order.now_ns // NANOS_PER_MS - OVERLAP_MS
        self._known[order.client_id] = _Known(listing, "", since_ms)
        params: dict[str, object] = {**_PARAMS[order.time_in_force], self.facts.client_id: order.client_id}
        if order.reduce_only:
            params["reduceOnly"] = True
        amount = format(Decimal(order.amount_nanos) / NANOS / listing.scale, "f")
        price = format_nanos(order.price_nanos)
        answer, fault = await self._asking.attempt(
            self._exchange.create_order, listing.symbol, "limit", order.side.word, amount, price, params
        )
        if fault is not None:
            if not fault.is_unknown:
                self._known.pop(order.client_id, None)
            state = OrderState.UNKNOWN if fault.is_unknown else OrderState.REFUSED
            self._tell(order.client_id, state, fault.words)
            return
        await self._hear(answer, order.client_id)

    async def _replace(self, order: OrderPlaced) -> None:
        before = self._known.get(order.replaces)
        if before is None or before.listing.instrument.name != order.instrument:
            words = f"no live order {order.replaces} of {order.instrument} is known to replace"
            self._tell(order.client_id, OrderState.REFUSED, words)
            return
        filled_nanos = await self._cancel(order.replaces)
        if filled_nanos != 0:
            self._tell(order.client_id, OrderState.REFUSED, f"{order.replaces} filled, or may have, before it ended")
            return
        await self._place(order)

    async def _cancel(self, client_id: str) -> int | None:
        """Cancel; what it had filled when it had ended, None when that is not known."""
        known = self._known.get(client_id)
        if known is None:
            self._tell(client_id, OrderState.UNKNOWN, "cancel: no live order of this label is known")
            return None
        if not known.order_id:
            self._tell(client_id, OrderState.UNKNOWN, "cancel: the exchange has not answered to the order yet")
            return None
        _, fault = await self._asking.attempt(self._exchange.cancel_order, known.order_id, known.listing.symbol)
        update = await self._look(client_id, known)
        if update is None or not update.state.is_final:
            words = fault.words if fault is not None else "it still shows as open"
            self._tell(client_id, OrderState.UNKNOWN, f"cancel: {words}")
            return None
        return update.filled_nanos

    async def cancel_all(self, instrument: str) -> None:
        for order in await self.resting():
            if not instrument or order.instrument == instrument:
                symbol = self._listings[order.instrument].symbol
                await self._asking.ask("cancel", self._exchange.cancel_order, order.order_id, symbol)

    # --- what we hear

    async def follow(self) -> None:
        """Ask after every live order, again and again."""
        while True:
            await asyncio.sleep(FOLLOW_S)
            for client_id, known in list(self._known.items()):
                if known.order_id:
                    try:
                        await self._look(client_id, known)
                    except (VenueError, BadFrame) as error:
                        log.warning("%s: order %s could not be looked at: %s", self._venue, client_id, error)

    async def _look(self, client_id: str, known: _Known) -> OrderUpdate | None:
        """The order as the exchange has it now; None when it does not tell."""
        answer, fault = await self._asking.attempt(self._exchange.fetch_order, known.order_id, known.listing.symbol)
        return await self._hear(answer, client_id) if fault is None else None

    async def _hear(self, order: Any, client_id: str) -> OrderUpdate | None:
        """An order of ours in the exchange's words: fills first, so that no end overtakes them."""
        known = self._known.get(client_id)
        if known is None:
            return None
        try:
            update = parse_order(order, known.listing, self._venue, self.facts.client_id, self._now_ns())
        except BadFrame as error:
            self._tell(client_id, OrderState.UNKNOWN, f"unreadable answer: {error}")
            return None
        self._owners[update.order_id] = client_id
        self._known[client_id] = known._replace(order_id=update.order_id)
        if update.filled_nanos:
            await self._tell_fills(client_id, update.filled_nanos)
        if update.state.is_final:
            self._known.pop(client_id, None)
        named = OrderUpdate(
            now_ns=update.now_ns,
            venue=update.venue,
            client_id=client_id,
            state=update.state,
            filled_nanos=update.filled_nanos,
            order_id=update.order_id,
        )
        self._emit(named)
        return named

    async def _tell_fills(self, client_id: str, filled_nanos: int) -> None:
        """The fills of an order that are not told yet; trades may show later than the order that made them."""
        known = self._known[client_id]
        for _ in range(LOOKS):
            fills = await self._fills_of(known.listing.symbol, known.since_ms)
            fills = [fill for fill in fills if fill.client_id == client_id]
            for fill in fills:
                if fill.trade_id not in self._booked:
                    self._booked.add(fill.trade_id)
                    self._emit(fill)
            if sum(fill.amount_nanos for fill in fills) >= filled_nanos:
                return
            await asyncio.sleep(FOLLOW_S)

    def _tell(self, client_id: str, state: OrderState, words: str) -> None:
        self._emit(
            OrderUpdate(now_ns=self._now_ns(), venue=self._venue, client_id=client_id, state=state, detail=words)
        )

    # --- what we ask

    async def open_orders(self) -> list[OrderUpdate]:
        """What rests now; from here on these can be cancelled by their label."""
        updates = []
        for listing, order in await self._open():
            update = parse_order(order, listing, self._venue, self.facts.client_id, self._now_ns())
            self._owners[update.order_id] = update.client_id
            since_ms = int(order.get("timestamp") or 0) - OVERLAP_MS
            self._known.setdefault(update.client_id, _Known(listing, update.order_id, max(since_ms, 0)))
            updates.append(update)
        return updates

    async def resting(self) -> list[OpenOrder]:
        return [parse_open_order(order, listing, self.facts.client_id) for listing, order in await self._open()]

    async def fills_since(self, since_ms: int) -> list[Fill]:
        found = await self._everywhere(lambda symbol, params: self._fills_of(symbol, since_ms, params))
        fills = {fill.trade_id: fill for fill in found}
        return sorted(fills.values(), key=lambda fill: fill.venue_time_ns)

    @property
    def _by_symbol(self) -> dict[str, Listing]:
        return {listing.symbol: listing for listing in self._listings.values()}

    async def positions(self) -> list[LedgerPosition]:
        answer = await self._asking.ask("positions", self._exchange.fetch_positions)
        known = ((position, self._by_symbol.get(position.get("symbol"))) for position in answer)
        found = [parse_position(position, listing) for position, listing in known if listing is not None]
        return [position for position in found if position is not None]

    async def resolve(self, order: OrderPlaced) -> None:
        """Look for an order that had no answer, by its label, among what rests and what has traded.

        An exchange that shows nothing of it in several looks over some seconds does not have it: ccxt has given up on
        the request long before.

        Raises:
            VenueError, BadFrame: it could not be asked; the outcome stays unknown.
        """
        listing = self._listings.get(order.instrument)
        if listing is None:
            raise OutcomeUnknown(self._venue, f"{order.instrument} is not listed any more: look at the exchange")
        since_ms = order.now_ns // NANOS_PER_MS - OVERLAP_MS
        self._known.setdefault(order.client_id, _Known(listing, "", since_ms))
        for _ in range(LOOKS):
            for found in await self._recent(listing, since_ms):
                if client_id_of(found, self.facts.client_id) == order.client_id:
                    await self._hear(found, order.client_id)
                    return
            await asyncio.sleep(FOLLOW_S)
        self._known.pop(order.client_id, None)
        self._tell(order.client_id, OrderState.REFUSED, f"the exchange shows nothing of it in {LOOKS} looks")

    async def _recent(self, listing: Listing, since_ms: int) -> list[Any]:
        """Orders of this instrument that rest, and that have ended since."""
        found = list(await self._asking.ask("open orders", self._exchange.fetch_open_orders, listing.symbol))
        for method in ("fetchClosedOrders", "fetchCanceledOrders", "fetchOrders"):
            if self._exchange.has.get(method):
                call = getattr(self._exchange, _snake(method))
                found += await self._asking.ask("ended orders", call, listing.symbol, since_ms, PAGE)
        return found

    async def _open(self) -> list[tuple[Listing, Any]]:
        """What rests, with where; what is not among our listings is nothing that we trade."""
        pairs: dict[str, tuple[Listing, Any]] = {}

        async def ask(symbol: str | None, params: Mapping[str, object]) -> list[Any]:
            fetch = self._exchange.fetch_open_orders
            answer: list[Any] = await self._asking.ask("open orders", fetch, symbol, None, None, dict(params))
            return answer

        for order in await self._everywhere(ask):
            listing = self._by_symbol.get(order.get("symbol"))
            if listing is None:
                log.info("%s: open order %s of %s left alone", self._venue, order.get("id"), order.get("symbol"))
            else:
                pairs[str(order.get("id"))] = listing, order
        return list(pairs.values())

    async def _everywhere(self, ask: Callable[[str | None, Mapping[str, object]], Awaitable[list[T]]]) -> list[T]:
        """Ask about all of the account at once, or where an exchange wants a symbol, about each that can be ours."""
        try:
            return [each for params in self.facts.whole_account for each in await ask(None, params)]
        except Refused as error:
            if SYMBOL_WANTED not in str(error):
                raise
        return [each for listing in self._likely() for each in await ask(listing.symbol, NOTHING)]

    def _likely(self) -> list[Listing]:
        """Where orders of ours may be: perpetuals, which hedges go to, and where some are known to be."""
        live = {known.listing.instrument.name for known in self._known.values()}
        return [
            listing
            for name, listing in self._listings.items()
            if name in live or (listing.instrument.contract.is_perpetual and not listing.instrument.contract.is_option)
        ]

    async def _fills_of(self, symbol: str | None, since_ms: int, extra: Mapping[str, object] = NOTHING) -> list[Fill]:
        """Page by page: a page begins in the millisecond where the last one ended."""
        found: dict[str, Fill] = {}
        now_ns, since_ms = self._now_ns(), max(since_ms, 0)
        until = {self.facts.until: now_ns // NANOS_PER_MS + OVERLAP_MS} if self.facts.until else {}
        while True:
            fetch, params = self._exchange.fetch_my_trades, {**extra, **until}
            page = await self._asking.ask("trades", fetch, symbol, since_ms, PAGE, params)
            before = len(found)
            for trade in page:
                listing = self._by_symbol.get(trade.get("symbol"))
                if listing is not None:
                    fill = parse_fill(trade, listing, self._venue, self._owner_of(trade), now_ns)
                    found[fill.trade_id] = fill
            if len(page) < PAGE or len(found) == before:
                return list(found.values())
            since_ms = max(int(trade["timestamp"]) for trade in page)

    def _owner_of(self, trade: Any) -> str:
        """The label of the order behind a trade, as the exchange or this run knows it; else the exchange's id."""
        order_id = str(trade.get("order") or "")
        info = trade.get("info")
        told = info.get(self.facts.client_id) if isinstance(info, dict) else None
        return self._owners.get(order_id) or str(told or order_id)


def off_terms(order: OrderPlaced, instrument: Instrument) -> str:
    """Why the exchange would refuse this price or amount; empty when it would not."""
    price_nanos, amount_nanos = order.price_nanos, order.amount_nanos
    if not instrument.is_active:
        return f"{instrument.name} is not active"
    tick_nanos = instrument.tick_at(price_nanos)
    if price_nanos <= 0 or not is_multiple(price_nanos, tick_nanos):
        tick = format_nanos(tick_nanos)
        return f"price {format_nanos(price_nanos)} of {instrument.name} is not on its tick of {tick}"
    if not is_multiple(amount_nanos, instrument.lot_nanos):
        lot = format_nanos(instrument.lot_nanos)
        return f"amount {format_nanos(amount_nanos)} of {instrument.name} is not on its lot of {lot}"
    if not instrument.min_amount_nanos <= amount_nanos <= instrument.max_amount_nanos:
        least = format_nanos(instrument.min_amount_nanos)
        return f"amount {format_nanos(amount_nanos)} of {instrument.name} is below {least} or too large"
    return ""


def _snake(method: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in method)
