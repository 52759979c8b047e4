"""Our orders at Deribit: place, cancel, and find out what became of them. Says what it hears, keeps what it needs.

Every request ends as an `OrderUpdate`: accepted, refused or unknown. Nothing is sent twice.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple, Protocol

from atomizer._core.fixed import format_nanos
from atomizer.domain.instruments import Contract, parse_name
from atomizer.domain.trading import CancelSent, Fill, OrderPlaced, OrderState, OrderUpdate
from atomizer.errors import BadFrame, Disconnected, Refused, VenueError
from atomizer.net.echoes import Echoes
from atomizer.net.rpc import NANOS_PER_S, Fault, Rpc
from atomizer.venues.deribit.codec import (
    VenueOrder,
    build_edit,
    build_label,
    build_order,
    method_of,
    parse_changes,
    parse_count,
    parse_order,
    parse_orders,
    parse_placed,
    parse_trades,
)
from atomizer.venues.deribit.market import MarketData
from atomizer.venues.deribit.names import to_deribit
from atomizer.venues.deribit.profile import NANOS_PER_MS, ORDER_VALID_MS, VENUE
from atomizer.venues.deribit.terms import off_terms

PAGE_SIZE: Final = 1_000
MOST_PAGES: Final = 200
RECENT_MS: Final = 20 * 3_600_000  # the venue keeps a day's trades at hand; older ones must be asked for as history
FUTURE_MS: Final = 60_000
CLOCKS_APART_NS: Final = 1_000_000_000  # that ours and the venue's may be, after which an order is late for certain
CANCEL_AGAIN_S: Final = 0.25  # after a cancel that the venue could not take just then
# An order that waits so long for its predecessor to go is given up. Whoever compares our books with what rests takes an
# order of twice that age for one that never left; and the market has moved.
SUCCEED_WITHIN_NS: Final = 1_000_000_000
LOOK_AGAIN_S: Final = 0.25
LOOKS: Final = 4  # the venue's list of orders may lag behind its matching: look again before concluding anything

Emit = Callable[[OrderUpdate | Fill], None]


class OrderNames(Protocol):
    """Whoever must name our orders to the venue as the venue does."""

    def name(self, client_id: str, order_id: str) -> None:
        """It is there, and called so."""

    def forget(self) -> None:
        """What rested is gone with its connection."""

    def hold(self) -> None:
        """Nothing may leave for now, or less than before."""


class _Known(NamedTuple):
    """What a cancel must name, and how far it has filled. Without an `order_id` it has not been acknowledged."""

    contract: Contract | None
    order_id: str
    filled_nanos: int


class _Successor(NamedTuple):
    """An order that leaves when another has been cancelled, if that has filled so far and no further."""

    order: OrderPlaced
    decided_ns: int
    filled_nanos: int


class OrderDesk:
    """Orders of one account. `emit` is never called from within `place` or `cancel`: see `flush`."""

    def __init__(self, rpc: Rpc, market: MarketData, echoes: Echoes, *, emit: Emit, now_ns: Callable[[], int]) -> None:
        self._rpc = rpc
        self._echoes = echoes
        self._market = market
        self._emit = emit
        self._now_ns = now_ns
        self._known: dict[str, _Known] = {}
        self._untold: deque[OrderUpdate] = deque()
        self._waiting_cancels: deque[tuple[str, bool]] = deque()  # label, and whether the order was known to us
        self._successors: dict[str, _Successor] = {}  # by the label of the order that is being cancelled
        self.is_open = False  # whether new orders may leave
        self.names: OrderNames | None = None
        self.wake = asyncio.Event()  # there is something to flush

    @property
    def successor_count(self) -> int:
        """How many orders wait here until the ones that they replace are gone."""
        return len(self._successors)

    def forget(self) -> None:
        """The connection is gone, and with it what rested; `open_orders` learns it anew."""
        self.is_open = False
        self._known.clear()
        self._echoes.forget()
        self._waiting_cancels.clear()
        if self.names is not None:
            self.names.forget()
        for client_id in list(self._successors):
            self._drop_successor(client_id, "the connection was lost: nothing was sent")

    # --- what we send

    def place(self, order: OrderPlaced, now_ns: int) -> None:
        """Send, or refuse what cannot succeed."""
        method = method_of(order.side)
        words = self._off_terms(order)
        if not words and not self._rpc.may_send(method):
            words = "rate budget is used up: lower the number of orders or ask Deribit for higher limits"
        if words:
            self._report(order.client_id, OrderState.REFUSED, words)
            return
        contract = parse_name(order.instrument)
        params = build_order(order, contract, now_ns // NANOS_PER_MS)
        try:
            self._rpc.send(method, params, partial(self._on_placed, order.client_id))
        except Disconnected as error:
            self._report(order.client_id, OrderState.REFUSED, str(error))
            return
        self._known[order.client_id] = _Known(contract, "", 0)

    def replace(self, order: OrderPlaced, now_ns: int) -> None:
        """Cancel the old order, and place the new one when the venue has said that no more of the old one has filled.

        The venue's own edit is not it: an edited order keeps its label, so fills of its two lives could not be told
        apart.
        """
        words = self._off_terms(order)
        oldest = order.replaces if order.replaces in self._successors else self._ahead_of(order.replaces)
        if oldest is not None and not words:  # its cancel is under way: only what follows it changes
            waiting = self._successors[oldest]
            self._successors[oldest] = waiting._replace(order=order, decided_ns=now_ns)
            self._report(waiting.order.client_id, OrderState.REFUSED, "replaced before it left")
            return
        old = self._known.get(order.replaces)
        if old is None or old.contract != parse_name(order.instrument):
            words = f"no live order {order.replaces} of {order.instrument} is known to replace"
        if old is None or words:
            self._report(order.client_id, OrderState.REFUSED, words)
            self._drop(order.replaces)
            return
        self._successors[order.replaces] = _Successor(order, now_ns, old.filled_nanos)
        self._cancel(order.replaces)

    def expect(self, order: OrderPlaced, request_id: int, unsent: str) -> None:
        """An order that was written and sent elsewhere, under that request id; or not, and why.

        Of one that replaces another, what has left is the cancel of that.
        """
        if unsent:
            self._report(order.client_id, OrderState.REFUSED, unsent)
            if order.replaces:
                self._drop(order.replaces)
            return
        contract = parse_name(order.instrument)
        if order.replaces:
            old = self._known.get(order.replaces, _Known(contract, "?", -1))  # cancelled by an id that we have lost
            self._successors[order.replaces] = _Successor(order, order.now_ns, old.filled_nanos)
            self._rpc.expect(request_id, "private/cancel", partial(self._on_cancelled, order.replaces, old))
        else:
            self._rpc.expect(request_id, method_of(order.side), partial(self._on_placed, order.client_id))
            self._known[order.client_id] = _Known(contract, "", 0)

    def cancel(self, cancel: CancelSent) -> None:
        """Send a cancel: by the venue's id, or by the label of an order that is in flight or unknown to us.

        A cancel beyond the budget, its reserve included, leaves as soon as the budget allows.
        """
        self._drop_successor(cancel.client_id, "cancelled together with the order that it was to replace")
        self._drop(cancel.client_id)

    def _drop(self, client_id: str) -> None:
        """Cancel at the venue, unless it waits here for another to be gone."""
        oldest = self._ahead_of(client_id)
        if oldest is not None:
            self._drop_successor(oldest, "cancelled before it left")
        else:
            self._cancel(client_id)

    def _ahead_of(self, client_id: str) -> str | None:
        """The order that must be gone before this one leaves."""
        return next((old for old, each in self._successors.items() if each.order.client_id == client_id), None)

    def _cancel(self, client_id: str) -> None:
        known = self._known.get(client_id)
        if self._waiting_cancels or not self._may_cancel(known):
            self._waiting_cancels.append((client_id, known is not None))
        else:
            self._send_cancel(client_id, known)

    def flush(self) -> None:
        """Tell what `place` and `cancel` found, and send the cancels that had to wait."""
        while self._untold:
            self._emit(self._untold.popleft())
        while self._waiting_cancels:
            client_id, was_known = self._waiting_cancels[0]
            known = self._known.get(client_id)
            is_over = known is None and was_known  # it ended while its cancel waited
            if not is_over and not self._may_cancel(known):
                return
            self._waiting_cancels.popleft()
            if not is_over:
                self._send_cancel(client_id, known)

    def _may_cancel(self, known: _Known | None) -> bool:
        return self._rpc.may_send(_cancel_method(known), is_cancel=True)

    def _send_cancel(self, client_id: str, known: _Known | None) -> None:
        if known is not None and known.order_id:
            subject: dict[str, object] = {"order_id": known.order_id}
        else:
            subject = build_label(client_id, known.contract if known is not None else None)
        try:
            self._rpc.send(_cancel_method(known), subject, partial(self._on_cancelled, client_id, known))
        except Disconnected as error:
            self._drop_successor(client_id, str(error))
            self._report(client_id, OrderState.UNKNOWN, f"cancel: {error}")

    def _succeed(self, old: VenueOrder) -> None:
        """The old order has ended: what was to replace it may leave now, unless it filled further than we knew."""
        successor = self._successors.pop(old.client_id, None)
        if successor is None:
            return
        if self._now_ns() - successor.decided_ns > SUCCEED_WITHIN_NS:
            words = f"{old.client_id} took too long to go: nothing was sent"
        elif old.state is not OrderState.CANCELLED or old.filled_nanos != successor.filled_nanos:
            words = (
                f"{old.client_id} ended {old.state} with {format_nanos(old.filled_nanos)} filled: nothing to replace"
            )
        else:
            self.place(successor.order, successor.decided_ns)
            return
        self._report(successor.order.client_id, OrderState.REFUSED, words)

    def _drop_successor(self, client_id: str, words: str) -> None:
        successor = self._successors.pop(client_id, None)
        if successor is not None:
            self._report(successor.order.client_id, OrderState.REFUSED, words)

    def _off_terms(self, order: OrderPlaced) -> str:
        """Why the order would be refused anyway; empty when it would not."""
        if not self.is_open:
            return "not connected: nothing was sent"
        listing = self._market.listing(order.instrument)
        if listing is None:
            return f"{order.instrument} is not listed here"
        return self._market.platform.why_shut(listing.index_name) or off_terms(order, listing.instrument)

    # --- what we hear

    def on_changes(self, data: Any, now_ns: int) -> None:
        """Data of our changes channel, which may come before the answer to what caused it. Raises BadFrame."""
        orders, fills = parse_changes(data, now_ns)
        for fill in fills:
            self._emit(fill)
        for order in orders:
            self._echoes.hear(order.client_id)
            self._hear(order, now_ns)

    def _on_placed(self, client_id: str, result: Any, fault: Fault | None) -> None:
        now_ns = self._now_ns()
        if fault is not None:
            state = OrderState.UNKNOWN if fault.is_unknown else OrderState.REFUSED
            if state is OrderState.REFUSED:
                self._known.pop(client_id, None)
            self._drop_successor(client_id, f"{client_id} is {state}: nothing to replace")
            self._emit(_update(now_ns, client_id, state, fault.words, fault.code))
            return
        try:
            order, fills = parse_placed(result, now_ns)
        except BadFrame as error:
            self._emit(_update(now_ns, client_id, OrderState.UNKNOWN, f"unreadable answer: {error}"))
            return
        known = self._known.get(client_id)
        if order.state is OrderState.OPEN and known is not None and not known.order_id:
            self._echoes.owe(client_id)  # unless the channel has told of it before
        for fill in fills:
            self._emit(fill)
        self._hear(order, now_ns)

    def _on_cancelled(self, client_id: str, known: _Known | None, result: Any, fault: Fault | None) -> None:
        now_ns = self._now_ns()
        if fault is not None and fault.hold_ms:
            # A definite no, so it may leave again once the hold is over.
            self._waiting_cancels.append((client_id, client_id in self._known))
            self.hold()
            return
        if fault is not None and fault.is_retryable and not fault.is_unknown:
            again = partial(self._cancel_again, client_id, was_known=client_id in self._known)
            asyncio.get_running_loop().call_later(CANCEL_AGAIN_S, again)
            return
        if fault is not None:
            self._drop_successor(client_id, f"{client_id} could not be cancelled: {fault.words}")
            self._emit(_update(now_ns, client_id, OrderState.UNKNOWN, f"cancel: {fault.words}", fault.code))
            return
        try:
            if known is not None and known.order_id:
                self._hear(parse_order(result), now_ns)
            elif parse_count(result) == 0 and known is None:
                words = "cancel: no order of this label rests there"
                self._drop_successor(client_id, words)
                self._emit(_update(now_ns, client_id, OrderState.UNKNOWN, words))
        except BadFrame as error:
            self._drop_successor(client_id, f"{client_id}: unreadable answer to its cancel")
            words = f"cancel: unreadable answer: {error}"
            self._emit(_update(now_ns, client_id, OrderState.UNKNOWN, words))

    def _cancel_again(self, client_id: str, *, was_known: bool) -> None:
        has_ended = was_known and client_id not in self._known  # or went with its connection
        if self.is_open and not has_ended:
            self._cancel(client_id)

    def hold(self) -> None:
        """Tell whoever writes orders elsewhere that less may leave than before."""
        if self.names is not None:
            self.names.hold()

    def _hear(self, order: VenueOrder, now_ns: int) -> None:
        if order.state.is_final:
            self._known.pop(order.client_id, None)
        else:
            self._known[order.client_id] = _known(order)
            self._name(order)
        self._emit(order.as_update(now_ns))
        if order.state.is_final:
            self._succeed(order)

    def _name(self, order: VenueOrder) -> None:
        if self.names is not None:
            self.names.name(order.client_id, order.order_id)

    def _report(self, client_id: str, state: OrderState, words: str) -> None:
        self._untold.append(_update(self._now_ns(), client_id, state, words))
        self.wake.set()

    # --- what we ask

    async def open_orders(self) -> list[OrderUpdate]:
        """What rests now; from here on these can be cancelled by their label."""
        orders = parse_orders(await self._rpc.ask("private/get_open_orders", {}))
        for order in orders:
            known = self._known.get(order.client_id)
            if known is None or not known.order_id:  # else how far it has filled is told first, and then known here
                self._known[order.client_id] = _known(order)
            self._name(order)
        now_ns = self._now_ns()
        return [order.as_update(now_ns) for order in orders]

    async def fills_since(self, since_ms: int, currencies: list[str]) -> list[Fill]:
        """Our fills of options and futures since then, oldest first; `currencies` as the venue groups its answers."""
        fills: dict[str, Fill] = {}
        is_old = since_ms < self._now_ns() // NANOS_PER_MS - RECENT_MS
        for currency in currencies:
            for historical in (True, False) if is_old else (False,):
                for fill in await self._ask_fills(currency, since_ms, historical=historical):
                    fills[fill.trade_id] = fill
        return sorted(fills.values(), key=lambda fill: fill.venue_time_ns)

    async def _ask_fills(self, currency: str, since_ms: int, *, historical: bool) -> list[Fill]:
        method = "private/get_user_trades_by_currency_and_time"
        fills: list[Fill] = []
        for _ in range(MOST_PAGES):
            now_ns = self._now_ns()
            params: dict[str, object] = {
                "currency": currency,
                "start_timestamp": since_ms,
                "end_timestamp": max(since_ms, now_ns // NANOS_PER_MS + FUTURE_MS),
                "count": PAGE_SIZE,
                "sorting": "asc",
                "historical": historical,
            }
            found, has_more, last_ms = parse_trades(await self._rpc.ask(method, params), now_ns)
            fills += found
            if not has_more:
                return fills
            # Trades of one millisecond may lie on both sides of the page's end, so that millisecond is asked for again.
            if last_ms <= since_ms:
                raise BadFrame(f"{PAGE_SIZE} trades and more in one millisecond: {since_ms}")
            since_ms = last_ms
        raise VenueError(VENUE, f"more than {MOST_PAGES} pages of trades", request=method)

    async def cancel_all(self, instrument: str = "") -> None:
        """Cancel everything of this account, or of one instrument. The outcomes come through the changes channel."""
        if instrument:
            subject: dict[str, object] = {"instrument_name": to_deribit(parse_name(instrument)), "type": "all"}
            await self._rpc.ask("private/cancel_all_by_instrument", subject)
        else:
            await self._rpc.ask("private/cancel_all", {})

    async def cancel_currency(self, currency: str) -> int:
        """Cancel everything of one currency of the venue's (``ETH``, ``USDC``); how many."""
        return parse_count(await self._rpc.ask("private/cancel_all_by_currency", {"currency": currency}))

    async def cancel_label(self, label: str, instrument: str) -> int:
        """Cancel what rests under a label in the currency of that instrument; how many."""
        return parse_count(await self._rpc.ask("private/cancel_by_label", build_label(label, parse_name(instrument))))

    async def edit(self, label: str, price_nanos: int, amount_nanos: int) -> VenueOrder:
        """Give an order that rests another price and whole amount, the filled part included. Emits what it is now.

        For people: the label stays, so a strategy could not tell the order's two lives apart.

        Raises:
            Refused: it does not rest, or the venue says no.
            OutcomeUnknown: no answer; `resolve` ends the order.
        """
        known = self._known.get(label)
        if known is None or known.contract is None:
            raise Refused(VENUE, f"no live order of ours has the label {label}", request="edit")
        params = build_edit(price_nanos, amount_nanos)
        if known.order_id:
            answer = await self._rpc.ask("private/edit", params | {"order_id": known.order_id})
        else:
            subject: dict[str, object] = {"label": label, "instrument_name": to_deribit(known.contract)}
            answer = await self._rpc.ask("private/edit_by_label", params | subject)
        now_ns = self._now_ns()
        order, fills = parse_placed(answer, now_ns)
        for fill in fills:
            self._emit(fill)
        self._hear(order, now_ns)
        return order

    async def resolve(self, order: OrderPlaced) -> None:
        """End an unknown outcome: cancel by its label, then ask what became of it. Emits the answer.

        The venue refuses the order once its `valid_until` is past; until then "not found" may mean "not yet".

        Raises:
            VenueError, BadFrame: the venue could not be asked; the outcome stays unknown.
        """
        subject = build_label(order.client_id, parse_name(order.instrument))
        late_ns = order.now_ns + ORDER_VALID_MS * NANOS_PER_MS + CLOCKS_APART_NS
        looks = 0
        while True:
            await self._rpc.ask("private/cancel_by_label", subject)
            is_late = self._now_ns() > late_ns
            found = parse_orders(await self._rpc.ask("private/get_order_state_by_label", subject))
            ended = next((each for each in found if each.client_id == order.client_id), None)
            if ended is not None and ended.state.is_final:
                self._hear(ended, self._now_ns())
                return
            looks += is_late
            if ended is None and looks >= LOOKS:
                break
            await asyncio.sleep(max((late_ns - self._now_ns()) / NANOS_PER_S, LOOK_AGAIN_S))
        self._known.pop(order.client_id, None)
        words = "never reached the venue, and would be refused there by now"
        self._emit(_update(self._now_ns(), order.client_id, OrderState.REFUSED, words))


def _known(order: VenueOrder) -> _Known:
    return _Known(order.contract, order.order_id, order.filled_nanos)


def _cancel_method(known: _Known | None) -> str:
    return "private/cancel" if known is not None and known.order_id else "private/cancel_by_label"


def _update(now_ns: int, client_id: str, state: OrderState, words: str, code: int | None = None) -> OrderUpdate:
    return OrderUpdate(now_ns=now_ns, venue=VENUE, client_id=client_id, state=state, code=code, detail=words)
