"""What must be done so that our table and the venue's own account of our orders agree. Pure: a diff, no requests."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

import msgspec

from atomizer.domain.trading import Fill, OrderState, OrderUpdate
from atomizer.orders.client_ids import parse_client_id
from atomizer.orders.table import Order, OrderTable


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What one venue told us, open orders asked before fills.

    In that order, an order that trades between the two questions is missing from the first and found in the second.
    The other way round it would look cancelled until its fill arrives by itself.
    """

    venue: str
    open_orders: Sequence[OrderUpdate]
    fills: Sequence[Fill]  # every fill since before our oldest live order was sent
    asked_ns: int  # when the first question left; what we sent after that the venue need not know
    live: Collection[str]  # our orders that lived then, by client id: what has ended since may rest in the answer


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """Fold `fills`, then `adopted` and `ended` into the journal; cancel `strays`; only report `foreign`.

    Nothing is concluded from what is `outdated`; who must know that nothing rests asks again.
    """

    fills: tuple[Fill, ...]  # that we had missed, each once
    adopted: tuple[OrderUpdate, ...]  # ours, resting there, and more than we knew
    ended: tuple[OrderUpdate, ...]  # ours, believed live, and not there any more
    strays: tuple[OrderUpdate, ...]  # under our labels, and not what we want to rest
    outdated: tuple[OrderUpdate, ...]  # ours, and ended since the question by all that we know
    foreign: tuple[OrderUpdate, ...]  # someone else's on the same account: never touched

    @property
    def is_clean(self) -> bool:
        """Whether the two accounts agreed."""
        return not (self.fills or self.adopted or self.ended or self.strays)


def reconcile(
    table: OrderTable, answer: Answer, strategies: Collection[str], grace_ns: int, now_ns: int
) -> Reconciliation:
    """Our orders against what the venue answered.

    `strategies` are the names in the labels that this book of account owns. An order sent less than `grace_ns` before
    the question may have been in flight past it, so its absence says nothing yet.
    """
    fills = _missing_fills(table, answer)
    labels = Counter(update.client_id for update in answer.open_orders)
    adopted, strays, outdated, foreign = [], [], [], []
    for update in answer.open_orders:
        order = table.get(answer.venue, update.client_id)
        if order is not None and _has_ended_since(order, answer):
            outdated.append(update)
        elif (
            order is not None
            and not order.state.is_final
            and labels[update.client_id] == 1
            and not _is_succeeded(table, answer.venue, update.client_id, labels)
        ):
            if order.learns_from(update):
                adopted.append(update)
        elif order is not None or _is_owned(update.client_id, strategies):
            strays.append(update)
        else:
            foreign.append(update)
    gone = [
        order
        for order in table.live(answer.venue)
        if order.client_id not in labels and _sent_ns(order) <= answer.asked_ns - grace_ns
    ]
    return Reconciliation(
        fills=tuple(fills),
        adopted=tuple(adopted),
        ended=tuple(_ended(order, fills, now_ns) for order in gone),
        strays=tuple(strays),
        outdated=tuple(outdated),
        foreign=tuple(foreign),
    )


def _has_ended_since(order: Order, answer: Answer) -> bool:
    """Whether the answer is older than what we know: a maker's orders are replaced while the venue is asked."""
    return order.state.is_final and (order.client_id in answer.live or _sent_ns(order) >= answer.asked_ns)


def _missing_fills(table: OrderTable, answer: Answer) -> list[Fill]:
    missing: dict[str, Fill] = {}
    for fill in answer.fills:
        if not table.has_fill(answer.venue, fill.trade_id):
            missing.setdefault(fill.trade_id, fill)
    return list(missing.values())


def _is_owned(client_id: str, strategies: Collection[str]) -> bool:
    owner = parse_client_id(client_id)
    return owner is not None and owner.strategy in strategies


def _is_succeeded(table: OrderTable, venue: str, client_id: str, resting: Collection[str]) -> bool:
    """Whether an order that should have ended when this one was replaced rests beside it."""
    return any(order.client_id in resting for order in table.successors(venue, client_id))


def _sent_ns(order: Order) -> int:
    return order.placed.now_ns if order.placed is not None else 0


def _ended(order: Order, fills: Iterable[Fill], now_ns: int) -> OrderUpdate:
    """The final state of an order that no longer rests: filled if its fills add up to it, else cancelled."""
    missed_nanos = sum(fill.amount_nanos for fill in fills if fill.client_id == order.client_id)
    filled_nanos = max(order.reported_nanos, order.booked_nanos + missed_nanos)
    is_filled = order.placed is not None and filled_nanos >= order.placed.amount_nanos
    return OrderUpdate(
        now_ns=now_ns,
        venue=order.venue,
        client_id=order.client_id,
        state=OrderState.FILLED if is_filled else OrderState.CANCELLED,
        filled_nanos=filled_nanos,
        order_id=order.order_id,
        detail="not among the venue's open orders",
    )
