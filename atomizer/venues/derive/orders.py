"""Our orders at Derive: place, cancel, and find out what became of them. Says what it hears, keeps what it needs.

Every request ends as an `OrderUpdate`: accepted, refused or unknown. Nothing is sent twice.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

from atomizer.domain.instruments import parse_name
from atomizer.domain.trading import CancelSent, Fill, OrderPlaced, OrderState, OrderUpdate, Signed
from atomizer.errors import BadFrame, Disconnected, Refused
from atomizer.net.echoes import Echoes
from atomizer.net.rpc import Fault, Rpc
from atomizer.venues.derive.auth import Credentials
from atomizer.venues.derive.codec import (
    VenueOrder,
    build_order,
    build_replacement,
    parse_cancelled_count,
    parse_order,
    parse_order_notice,
    parse_orders,
    parse_placed,
    parse_replaced,
    parse_trade_notice,
    parse_trades,
)
from atomizer.venues.derive.codes import NOTHING_TO_CANCEL
from atomizer.venues.derive.market import MarketData
from atomizer.venues.derive.profile import NANOS_PER_MS, VENUE, Profile, Version
from atomizer.venues.derive.terms import Terms

PAGE_SIZE: Final = 500
MOST_PAGES: Final = 200
HISTORY_ATTEMPTS: Final = 4  # history may lag behind the matching engine: look again before concluding anything
FIRST_PAUSE_S: Final = 0.25

Emit = Callable[[OrderUpdate | Fill], None]


class _Known(NamedTuple):
    """What a cancel must name. Without an `order_id` the order has not been acknowledged."""

    instrument: str
    nonce: int
    order_id: str
    filled_nanos: int


class OrderDesk:
    """Orders of one subaccount. `emit` is never called from within `place` or `cancel`: see `flush`."""

    def __init__(
        self,
        profile: Profile,
        credentials: Credentials,
        rpc: Rpc,
        market: MarketData,
        echoes: Echoes,
        *,
        emit: Emit,
        now_ns: Callable[[], int],
    ) -> None:
        self._profile = profile
        self._credentials = credentials
        self._terms = Terms(profile, credentials, market)
        self._rpc = rpc
        self._echoes = echoes
        self._emit = emit
        self._now_ns = now_ns
        self._known: dict[str, _Known] = {}
        self._history_asked: asyncio.Future[list[VenueOrder]] | None = None  # whose answer may be too old by now
        self._history_wanted: asyncio.Future[list[VenueOrder]] | None = None  # that is not asked for yet
        self._untold: deque[OrderUpdate] = deque()
        self._waiting_cancels: deque[tuple[str, bool]] = deque()  # with whether we knew the order
        self.is_open = False  # whether new orders may leave
        self.wake = asyncio.Event()  # there is something to flush

    def signed(self, instrument: str) -> Signed:
        return self._terms.signed(instrument)

    def forget(self) -> None:
        """The connection is gone, and with it what rested; `open_orders` learns it anew."""
        self.is_open = False
        self._known.clear()
        self._echoes.forget()
        self._waiting_cancels.clear()

    # --- what we send

    def place(self, order: OrderPlaced, now_ns: int) -> None:
        """Sign and send, or refuse what cannot succeed."""
        params = self._build(order, now_ns)
        if isinstance(params, str):
            self._report(order.client_id, OrderState.REFUSED, params)
            return
        try:
            self._rpc.send("private/order", params, partial(self._on_placed, order.client_id))
        except Disconnected as error:
            self._report(order.client_id, OrderState.REFUSED, str(error))
            return
        self._known[order.client_id] = _Known(order.instrument, order.nonce, "", 0)

    def replace(self, order: OrderPlaced, now_ns: int) -> None:
        """Cancel one and place the other in one request; a new order that cannot be leaves a plain cancel of the old.

        The venue creates nothing unless the old order has filled exactly as far as we know.
        """
        old = self._known.get(order.replaces)
        is_there = old is not None and old.instrument == order.instrument
        words = f"no live order {order.replaces} of {order.instrument} is known to replace"
        params = self._build(order, now_ns) if is_there else words
        if old is None or isinstance(params, str):
            self._report(order.client_id, OrderState.REFUSED, str(params))
            self._cancel(order.replaces)
            return
        params = build_replacement(params, self._profile, old.order_id, old.nonce, old.filled_nanos)
        try:
            self._rpc.send("private/replace", params, partial(self._on_replaced, order.client_id, order.replaces))
        except Disconnected as error:
            self._report(order.client_id, OrderState.REFUSED, str(error))
            self._report(order.replaces, OrderState.UNKNOWN, f"cancel: {error}")
            return
        self._known[order.client_id] = _Known(order.instrument, order.nonce, "", 0)

    def expect(self, order: OrderPlaced, request_id: int, unsent: str) -> None:
        """An order that was signed, written and sent elsewhere, under that request id; or not, and why.

        A replacement named its predecessor by nonce.
        """
        if unsent:
            self._report(order.client_id, OrderState.REFUSED, unsent)
            if order.replaces:
                self._cancel(order.replaces)
            return
        if order.replaces:
            heard, method = partial(self._on_replaced, order.client_id, order.replaces), "private/replace"
        else:
            heard, method = partial(self._on_placed, order.client_id), "private/order"
        self._rpc.expect(request_id, method, heard, order.instrument)
        self._known[order.client_id] = _Known(order.instrument, order.nonce, "", 0)

    def cancel(self, cancel: CancelSent) -> None:
        """Send a cancel: by the venue's id; by the nonce of an order that is still in flight, which burns it; or by the
        label of one that we know nothing of.

        A cancel beyond the budget, its reserve included, leaves as soon as the budget allows.
        """
        self._cancel(cancel.client_id)

    def _cancel(self, client_id: str) -> None:
        known = self._known.get(client_id)
        if not self._try_cancel(client_id, known):
            self._waiting_cancels.append((client_id, known is not None))

    def flush(self) -> None:
        """Tell what `place` and `cancel` found, and send the cancels that had to wait, each in its turn."""
        while self._untold:
            self._emit(self._untold.popleft())
        for _ in range(len(self._waiting_cancels)):
            client_id, was_known = self._waiting_cancels.popleft()
            known = self._known.get(client_id)
            has_ended = was_known and known is None  # while its cancel waited
            if not has_ended and not self._try_cancel(client_id, known):
                self._waiting_cancels.append((client_id, was_known))

    def _try_cancel(self, client_id: str, known: _Known | None) -> bool:
        """Whether the budgets let it leave: that of one instrument holds back no cancel of another."""
        instrument = known.instrument if known is not None else ""
        if not self._rpc.may_send("private/cancel", instrument, is_cancel=True):
            return False
        self._send_cancel(client_id, known)
        return True

    def _send_cancel(self, client_id: str, known: _Known | None) -> None:
        if known is None:
            method, params = "private/cancel_by_label", self._subject() | {"label": client_id}
        elif known.order_id:
            method, params = "private/cancel", self._order_subject(known.instrument) | {"order_id": known.order_id}
        else:
            method, params = "private/cancel_by_nonce", self._nonce_subject(known.instrument, known.nonce)
        try:
            self._rpc.send(method, params, partial(self._on_cancelled, client_id))
        except Disconnected as error:
            self._report(client_id, OrderState.UNKNOWN, f"cancel: {error}")

    def _build(self, order: OrderPlaced, now_ns: int) -> dict[str, object] | str:
        """The signed request, its place in the budget taken, or in words why it cannot leave."""
        if not self.is_open:
            return "not connected: nothing was sent"
        signed = self._terms.sign(order, now_ns)
        if isinstance(signed, str):
            return signed
        if not self._rpc.may_send("private/order", order.instrument):
            return "rate budget is used up: lower the number of orders or ask Derive for a market maker's limits"
        signer, subaccount_id = self._credentials.signer_address, self._credentials.subaccount_id
        return build_order(order, self._profile, subaccount_id, signer, signed)

    # --- what we hear

    def on_orders(self, data: Any, now_ns: int) -> None:
        """Data of our orders channel. Raises BadFrame."""
        for order in parse_order_notice(data):
            self._echoes.hear(order.client_id)
            self._hear(order, now_ns)

    def on_trades(self, data: Any, now_ns: int) -> None:
        """Data of our trades channel. Raises BadFrame."""
        for fill in parse_trade_notice(data, now_ns):
            if _is_contract(fill.instrument):
                self._emit(fill)

    def _on_placed(self, client_id: str, result: Any, fault: Fault | None) -> None:
        now_ns = self._now_ns()
        if fault is not None:
            state = OrderState.UNKNOWN if fault.is_unknown else OrderState.REFUSED
            if state is OrderState.REFUSED:
                self._known.pop(client_id, None)
            self._emit(_update(now_ns, client_id, state, fault.words, fault.code))
            return
        try:
            order, fills = parse_placed(result, now_ns)
        except BadFrame as error:
            self._emit(_update(now_ns, client_id, OrderState.UNKNOWN, f"unreadable answer: {error}"))
            return
        self._hear_answer(order, now_ns)
        for fill in fills:
            self._emit(fill)

    def _on_replaced(self, client_id: str, replaced: str, result: Any, fault: Fault | None) -> None:
        """Half done is a result, too: what is cancelled stays cancelled, and what was not created is refused."""
        now_ns = self._now_ns()
        if fault is None:
            try:
                done = parse_replaced(result, now_ns)
            except BadFrame as error:
                fault = Fault(None, f"unreadable answer: {error}", is_unknown=True)
            else:
                self._hear(done.cancelled, now_ns)
                if done.order is not None:
                    self._hear_answer(done.order, now_ns)
                    for fill in done.fills:
                        self._emit(fill)
                else:
                    self._on_placed(client_id, None, done.fault)
                return
        self._on_placed(client_id, None, fault)
        if fault.is_unknown:
            self._emit(_update(now_ns, replaced, OrderState.UNKNOWN, f"cancel: {fault.words}", fault.code))
        elif fault.code in NOTHING_TO_CANCEL:
            self._on_cancelled(replaced, None, fault)
        else:  # the old order still rests, and is to go all the same
            self._cancel(replaced)

    def _on_cancelled(self, client_id: str, result: Any, fault: Fault | None) -> None:
        now_ns = self._now_ns()
        known = self._known.get(client_id)
        if fault is not None and fault.hold_ms:
            # A definite no, so it may leave again once the hold is over.
            self._waiting_cancels.append((client_id, known is not None))
            return
        if fault is not None:
            self._emit(_update(now_ns, client_id, OrderState.UNKNOWN, f"cancel: {fault.words}", fault.code))
            return
        try:
            if isinstance(result, dict) and "cancelled_orders" in result:
                # By nonce or by label: the orders channel or the order's own answer says what became of it.
                if known is None and parse_cancelled_count(result) == 0:
                    words = "cancel: no order of this label rests there"
                    self._emit(_update(now_ns, client_id, OrderState.UNKNOWN, words))
            else:
                self._hear(parse_order(result), now_ns)
        except BadFrame as error:
            words = f"cancel: unreadable answer: {error}"
            self._emit(_update(now_ns, client_id, OrderState.UNKNOWN, words))

    def _hear_answer(self, order: VenueOrder, now_ns: int) -> None:
        """Of a new order; the channel may have told of it before."""
        known = self._known.get(order.client_id)
        if order.state is OrderState.OPEN and known is not None and not known.order_id:
            self._echoes.owe(order.client_id)
        self._hear(order, now_ns)

    def _hear(self, order: VenueOrder, now_ns: int) -> None:
        if order.state.is_final:
            self._known.pop(order.client_id, None)
        else:
            self._known[order.client_id] = _known(order)
        self._emit(order.as_update(now_ns))

    def _report(self, client_id: str, state: OrderState, words: str) -> None:
        self._untold.append(_update(self._now_ns(), client_id, state, words))
        self.wake.set()

    # --- what we ask

    async def open_orders(self) -> list[OrderUpdate]:
        """What rests now; from here on these can be cancelled by their label."""
        orders, _ = parse_orders(await self._rpc.ask("private/get_open_orders", self._subject()))
        self._known.update((order.client_id, _known(order)) for order in orders)
        now_ns = self._now_ns()
        return [order.as_update(now_ns) for order in orders]

    async def fills_since(self, since_ms: int) -> list[Fill]:
        """Our fills of options and perpetuals since then, oldest first."""
        now_ns = self._now_ns()
        period = {"from_timestamp": since_ms, "to_timestamp": max(since_ms, now_ns // NANOS_PER_MS + 60_000)}
        fills: dict[str, Fill] = {}
        page, page_count = 1, 1
        while page <= min(page_count, MOST_PAGES):
            params = self._subject() | period | {"page": page, "page_size": PAGE_SIZE}
            result = await self._rpc.ask("private/get_trade_history", params)
            found, page_count = parse_trades(result, now_ns)
            fills.update((fill.trade_id, fill) for fill in found if _is_contract(fill.instrument))
            page += 1
        oldest_first = list(fills.values())[::-1]  # as the venue traded, those of one millisecond too
        return sorted(oldest_first, key=lambda fill: fill.venue_time_ns)

    async def cancel_all(self, instrument: str = "") -> None:
        """Cancel everything of this subaccount, or of one instrument. The outcomes come through the orders channel."""
        if instrument:
            await self._rpc.ask("private/cancel_by_instrument", self._order_subject(instrument), instrument=instrument)
        else:
            await self._rpc.ask("private/cancel_all", self._subject())

    async def resolve(self, order: OrderPlaced) -> None:
        """End an unknown outcome: burn the nonce, so that nothing new can come of it, then ask what did. Emits it.

        Raises:
            VenueError, BadFrame: the venue could not be asked; the outcome stays unknown.
        """
        params = self._nonce_subject(order.instrument, order.nonce)
        try:
            result = await self._rpc.ask("private/cancel_by_nonce", params, instrument=order.instrument)
            was_open = parse_cancelled_count(result) > 0
        except Refused as error:
            if error.code not in NOTHING_TO_CANCEL:
                raise
            was_open = False
        for attempt in range(HISTORY_ATTEMPTS):
            if attempt:
                await asyncio.sleep(FIRST_PAUSE_S * 2 ** (attempt - 1))
            found = await self._find_ended(order.nonce)
            if found is not None:
                self._hear(found, self._now_ns())
                return
        self._known.pop(order.client_id, None)
        if was_open:
            update = _update(self._now_ns(), order.client_id, OrderState.CANCELLED, "cancelled by its nonce")
        else:
            words = "never reached the venue, and its nonce is burned"
            update = _update(self._now_ns(), order.client_id, OrderState.REFUSED, words)
        self._emit(update)

    async def _find_ended(self, nonce: int) -> VenueOrder | None:
        """The ended order with this nonce, among the latest page of history."""
        if self._history_wanted is None:
            self._history_wanted = asyncio.ensure_future(self._ask_history(self._history_asked))
        orders = await asyncio.shield(self._history_wanted)
        return next((order for order in orders if order.nonce == nonce), None)

    async def _ask_history(self, asked: asyncio.Future[list[VenueOrder]] | None) -> list[VenueOrder]:
        """One answer for all who wanted it before it was asked for: it is long, and many may be unknown at once."""
        if asked is not None:
            await asyncio.wait([asked])
        self._history_asked, self._history_wanted = self._history_wanted, None
        params = self._subject() | {"page": 1, "page_size": PAGE_SIZE}
        orders, _ = parse_orders(await self._rpc.ask("private/get_order_history", params))
        return orders

    def _subject(self) -> dict[str, object]:
        return {"subaccount_id": self._credentials.subaccount_id}

    def _order_subject(self, instrument: str) -> dict[str, object]:
        return self._subject() | {"instrument_name": instrument}

    def _nonce_subject(self, instrument: str, nonce: int) -> dict[str, object]:
        """Parameters of private/cancel_by_nonce; its nonce is an integer in both versions."""
        subject = self._order_subject(instrument) | {"nonce": nonce}
        return subject | {"wallet": self._credentials.wallet} if self._profile.version is Version.V2 else subject


def _known(order: VenueOrder) -> _Known:
    return _Known(order.instrument, order.nonce, order.order_id, order.filled_nanos)


def _is_contract(name: str) -> bool:
    """Spot trades of the same subaccount are not ours to book."""
    try:
        parse_name(name)
    except (ValueError, OverflowError):
        return False
    return True


def _update(now_ns: int, client_id: str, state: OrderState, words: str, code: int | None = None) -> OrderUpdate:
    return OrderUpdate(now_ns=now_ns, venue=VENUE, client_id=client_id, state=state, code=code, detail=words)
