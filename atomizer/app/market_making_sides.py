"""Which orders of ours may live on which side of which instrument, and when all is known of a side."""

from atomizer.app.market_making_quoted import Living, Quoted
from atomizer.domain.trading import OrderPlaced, OrderState, Side
from atomizer.orders.table import Order, OrderTable


class Sides:
    """Of all instruments quoted at one venue. Asks the order table, and tells the slots."""

    def __init__(self, table: OrderTable, venue: str) -> None:
        self._table = table
        self._venue = venue
        self._owners: dict[str, tuple[Quoted, bool]] = {}  # by client id, while the order may live
        table.watch(self._on_open)

    def own(self, quoted: Quoted, order: OrderPlaced) -> None:
        """A new order of a side, in place of the one that it replaces if it does."""
        is_bid = order.side is Side.BUY
        self._owners[order.client_id] = quoted, is_bid
        quoted.orders[is_bid].append(order.client_id)
        if order.replaces:
            quoted.leaving.add(order.replaces)

    def owner(self, client_id: str) -> tuple[Quoted, bool] | None:
        """Whose order it is, and whether a bid; None when it can no longer live."""
        return self._owners.get(client_id)

    def order(self, client_id: str) -> Order | None:
        return self._table.get(self._venue, client_id)

    def live(self, quoted: Quoted, is_bid: bool) -> list[Order]:
        return [order for order in self._all(quoted, is_bid) if not order.state.is_final]

    def resting(self, quoted: Quoted, is_bid: bool) -> Order | None:
        """The order that is known to rest on a side."""
        return next(
            (o for o in self.live(quoted, is_bid) if o.state is OrderState.OPEN and not quoted.is_leaving(o)), None
        )

    def living(self, quoted: Quoted, is_bid: bool) -> Living:
        """What may still trade on a side. Looked up once, and again when the table has news of an order there."""
        found = quoted.living[is_bid]
        if found is None:
            live = self.live(quoted, is_bid)
            found = quoted.living[is_bid] = Living(
                max((order.open_nanos for order in live), default=0),
                max((order.placed.price_nanos for order in live if order.placed is not None), default=0),
            )
        return found

    def tell(self, quoted: Quoted, is_bid: bool, now_ns: int) -> bool:
        """Settle a side if all is known of it: also the fill behind each amount that the venue reported as filled, and
        by the rules what it has traded.

        `now_ns` when the book is yet to show the change, 0 when there is none to show.
        """
        live = self.live(quoted, is_bid)
        if (
            is_bid in quoted.filled
            or len(live) > 1
            or any(order.state is not OrderState.OPEN or quoted.is_leaving(order) for order in live)
        ):
            return False
        if any(order.reported_nanos > order.booked_nanos for order in self._all(quoted, is_bid)):
            return False
        resting = [order.client_id for order in live]
        for client_id in quoted.orders[is_bid]:
            if client_id not in resting:
                self._owners.pop(client_id, None)
                quoted.leaving.discard(client_id)
        quoted.orders[is_bid] = resting
        if live and (placed := live[0].placed) is not None:
            quoted.refused[is_bid] = 0
            quoted.slot.settle(
                is_bid,
                placed.price_nanos,
                live[0].open_nanos,
                nonce=placed.nonce,
                label_number=int(placed.client_id.rpartition(".")[2]),
                filled_nanos=live[0].filled_nanos,
                now_ns=now_ns,
            )
        else:
            quoted.slot.settle(is_bid, 0, 0, now_ns=now_ns)
        return True

    def _on_open(self, order: Order) -> None:
        if (owner := self._owners.get(order.client_id)) is not None:
            quoted, is_bid = owner
            quoted.living[is_bid] = None

    def _all(self, quoted: Quoted, is_bid: bool) -> list[Order]:
        found = (self.order(client_id) for client_id in quoted.orders[is_bid])
        return [order for order in found if order is not None]
