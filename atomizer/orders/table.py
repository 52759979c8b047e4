"""The order table: a fold over what we sent and what venues said.

Messages come in any order, late and twice, so nothing here depends on their order: an order's state is the furthest
that anything has been heard of, its filled amount the largest that anything has proven.

A replace is one request that ends an order and places its successor, in that order: once the venue has taken the
successor, the order before it is gone. A successor that was refused, or of which nothing is known, says nothing about
the one before: it may rest on or be gone already, so both stay live until the venue tells.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec

from atomizer.domain.trading import CancelSent, Fill, OrderPlaced, OrderState, OrderUpdate, Record

# So that a trader's memory does not grow: the newest orders that have ended, and the newest trades. Venues tell again
# only of what happened since we last agreed with them.
KEPT_ORDERS = 16_384
KEPT_FILLS = 131_072

# How far along each state is: a later word wins, an earlier one that arrives late changes nothing. Among final states a
# fill is the strongest evidence. UNKNOWN is below OPEN because it only says that nobody has answered yet.
_PROGRESS = {
    OrderState.SENT: 0,
    OrderState.UNKNOWN: 1,
    OrderState.OPEN: 2,
    OrderState.REFUSED: 3,
    OrderState.EXPIRED: 4,
    OrderState.CANCELLED: 5,
    OrderState.FILLED: 6,
}


def _accepts(update: OrderUpdate) -> bool:
    """Whether only an order that the venue has taken is spoken of so; a refused one may have an id there, too."""
    if update.order_id:
        return update.state is not OrderState.REFUSED
    return update.state in {OrderState.OPEN, OrderState.FILLED}


K = TypeVar("K")


class Order(msgspec.Struct):
    """What is known of one order. Others read it; only the table writes it."""

    venue: str
    client_id: str
    placed: OrderPlaced | None = None  # None while only the venue has spoken of it
    state: OrderState = OrderState.SENT
    reported_nanos: int = 0  # largest cumulative amount that the venue reported
    booked_nanos: int = 0  # sum of the fills we hold
    order_id: str = ""  # the venue's name for it; empty until told
    is_accepted: bool = False  # the venue has taken it at some time: it spoke of it as resting, by its id, or filled it
    code: int | None = None  # the venue's, with `detail`, of the word that brought the present state
    detail: str = ""
    cancel_sent_ns: int = 0  # of the latest cancel; 0 when none was sent

    @property
    def filled_nanos(self) -> int:
        """Cumulative; never falls."""
        return max(self.reported_nanos, self.booked_nanos)

    @property
    def open_nanos(self) -> int:
        """What may still be filled."""
        if self.placed is None or self.state.is_final:
            return 0
        return max(self.placed.amount_nanos - self.filled_nanos, 0)

    def learns_from(self, update: OrderUpdate) -> bool:
        """Whether the update says anything that is not known yet."""
        return (
            _PROGRESS[update.state] > _PROGRESS[self.state]
            or update.filled_nanos > self.reported_nanos
            or bool(update.order_id and not self.order_id)
            or (_accepts(update) and not self.is_accepted)
        )

    def advance(self, state: OrderState) -> bool:
        """Take the state if it is further than the present one."""
        if _PROGRESS[state] <= _PROGRESS[self.state]:
            return False
        self.state = state
        return True

    def advance_by_fills(self) -> None:
        """A filled amount is itself word of the order: it was accepted, or it is done."""
        self.is_accepted = self.is_accepted or self.filled_nanos > 0
        if self.placed is not None and self.filled_nanos >= self.placed.amount_nanos:
            self.advance(OrderState.FILLED)
        elif self.filled_nanos:
            self.advance(OrderState.OPEN)


class OrderTable:
    """The orders of one book of account, by (venue, client id): all that may live, and the newest that have ended."""

    def __init__(self) -> None:
        self._orders: dict[tuple[str, str], Order] = {}
        self._live: dict[tuple[str, str], Order] = {}
        self._ended: dict[tuple[str, str], None] = {}  # in the order in which they ended, or were first heard of
        self._fills: dict[tuple[str, str], None] = {}
        self._hedges: defaultdict[str, list[Order]] = defaultdict(list)
        self._successors: defaultdict[tuple[str, str], list[Order]] = defaultdict(list)
        self._nonces: dict[str, int] = {}
        self._on_open: Callable[[Order], None] = _unwatched

    def __getstate__(self) -> dict[str, object]:
        """What a cache of the fold keeps: everything but who watches."""
        return {**self.__dict__, "_on_open": _unwatched}

    def apply(self, record: Record) -> bool:
        """Fold one record in. False when it says nothing new, so that nobody books a fill twice; never raises."""
        is_news = self._fold(record)
        while len(self._ended) > KEPT_ORDERS:
            self._forget(next(iter(self._ended)))
        return is_news

    def _fold(self, record: Record) -> bool:
        match record:
            case OrderPlaced():
                return self._apply_placed(record)
            case OrderUpdate():
                return self._apply_update(record)
            case Fill():
                return self._apply_fill(record)
            case CancelSent():
                return self._apply_cancel(record)
            case _:
                return False

    def get(self, venue: str, client_id: str) -> Order | None:
        """The order we placed under this label, if we did."""
        order = self._orders.get((venue, client_id))
        return order if order is not None and order.placed is not None else None

    def is_replaced(self, order: Order) -> bool:
        """Whether we asked for another order in its place."""
        return (order.venue, order.client_id) in self._successors

    def live(self, venue: str | None = None) -> Iterator[Order]:
        """Orders that we placed and that may still rest or trade, at one venue or all, as they became known."""
        return (order for order in list(self._live.values()) if venue is None or order.venue == venue)

    def unknown(self) -> Iterator[Order]:
        """Live orders whose placing was never answered: ask the venue or burn the nonce."""
        return (order for order in self.live() if order.state is OrderState.UNKNOWN)

    def watch(self, on_open: Callable[[Order], None]) -> None:
        """Tell of each live order: now, and whenever what may still be filled of it changes, to nothing at its end."""
        self._on_open = on_open
        for order in self.live():
            on_open(order)

    def has_fill(self, venue: str, trade_id: str) -> bool:
        return (venue, trade_id) in self._fills

    def filled_nanos(self, venue: str, client_id: str) -> int:
        """Amount filled under a label (or a quote's nonce), from fills and from what the venue reported."""
        order = self._orders.get((venue, client_id))
        return order.filled_nanos if order is not None else 0

    def successors(self, venue: str, client_id: str) -> tuple[Order, ...]:
        """The orders that were sent to replace this one, in the order they were placed."""
        return tuple(self._successors.get((venue, client_id), ()))

    def hedges_of(self, trade_id: str) -> tuple[Order, ...]:
        """The orders placed to hedge this trade, in the order they were placed."""
        return tuple(self._hedges.get(trade_id, ()))

    def hedged_nanos(self, trade_id: str) -> int:
        """Amount filled by all orders that hedge this trade."""
        return sum(order.filled_nanos for order in self.hedges_of(trade_id))

    def last_nonce(self, venue: str) -> int:
        """Largest nonce that an order has used there; 0 when none has."""
        return self._nonces.get(venue, 0)

    def _apply_placed(self, placed: OrderPlaced) -> bool:
        self._nonces[placed.venue] = max(self.last_nonce(placed.venue), placed.nonce)
        order = self._order(placed.venue, placed.client_id)
        if order.placed is not None:
            return False
        order.placed = placed
        if placed.hedge_of:
            self._hedges[placed.hedge_of].append(order)
        if placed.replaces:
            self._successors[placed.venue, placed.replaces].append(order)
        order.advance_by_fills()
        self._settle(order)
        return True

    def _apply_update(self, update: OrderUpdate) -> bool:
        order = self._order(update.venue, update.client_id)
        if not order.learns_from(update):
            return False
        order.order_id = order.order_id or update.order_id
        order.reported_nanos = max(order.reported_nanos, update.filled_nanos)
        if order.advance(update.state):
            order.code, order.detail = update.code, update.detail
        order.is_accepted = order.is_accepted or _accepts(update)
        order.advance_by_fills()
        self._settle(order)
        return True

    def _apply_fill(self, fill: Fill) -> bool:
        if self.has_fill(fill.venue, fill.trade_id):
            return False
        self._fills[fill.venue, fill.trade_id] = None
        if len(self._fills) > KEPT_FILLS:
            del self._fills[next(iter(self._fills))]
        order = self._order(fill.venue, fill.client_id)
        order.booked_nanos += fill.amount_nanos
        order.advance_by_fills()
        self._settle(order)
        return True

    def _apply_cancel(self, cancel: CancelSent) -> bool:
        order = self._order(cancel.venue, cancel.client_id)
        if cancel.now_ns <= order.cancel_sent_ns:
            return False
        order.cancel_sent_ns = cancel.now_ns
        return True

    def _order(self, venue: str, client_id: str) -> Order:
        key = (venue, client_id)
        order = self._orders.get(key)
        if order is None:
            order = self._orders[key] = Order(venue, client_id)
            self._ended[key] = None  # until it is known to live
        return order

    def _settle(self, order: Order) -> None:
        """What follows from the news of an order: whether it is live, and that an order it replaced is gone."""
        if order.placed is not None and order.placed.replaces and order.is_accepted:
            replaced = self._order(order.venue, order.placed.replaces)
            replaced.advance(OrderState.CANCELLED)
            self._index(replaced)
        if order.placed is not None and any(each.is_accepted for each in self.successors(order.venue, order.client_id)):
            order.advance(OrderState.CANCELLED)
        self._index(order)

    def _index(self, order: Order) -> None:
        key = (order.venue, order.client_id)
        if order.placed is None or order.state.is_final:
            self._live.pop(key, None)
            self._ended[key] = None
        else:
            self._live[key] = order
            self._ended.pop(key, None)
        if order.placed is not None:
            self._on_open(order)

    def _forget(self, key: tuple[str, str]) -> None:
        del self._ended[key]
        order = self._orders.pop(key)
        if order.placed is not None:
            _drop(self._hedges, order.placed.hedge_of, order)
            _drop(self._successors, (order.venue, order.placed.replaces), order)


def _drop(groups: dict[K, list[Order]], key: K, order: Order) -> None:
    """Take the order out of its group, if it has one, and the group away once it is empty."""
    group = [each for each in groups.get(key, ()) if each is not order]
    if group:
        groups[key] = group
    else:
        groups.pop(key, None)


def _unwatched(_order: Order) -> None:
    """Whoever only reads the table needs no word of each change."""
