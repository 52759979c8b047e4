"""Which orders of ours may live on which side of which instrument, and when all is known of a side."""

from atomizer.app.market_making_quoted import Quoted
from atomizer.domain.trading import OrderPlaced, OrderState, Side
from atomizer.orders.table import Order, OrderTable


class Sides:
    """Of all instruments quoted at one venue. Asks the order table, and tells the slots."""

    def __init__(self, table: OrderTable, venue: str) -> None:
        self._table = table
        self._venue = venue
        self._owners: dict[str, tuple[Quoted, bool]] = {}  # by client id, while the order may live

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

    def living_nanos(self, quoted: Quoted, is_bid: bool) -> int:
        """The most that can still fill on a side: a replacement comes instead of what it replaces."""
        return max((order.open_nanos for order in self.live(quoted, is_bid)), default=0)

    def highest_nanos(self, quoted: Quoted, is_bid: bool) -> int:
        """The highest price of what lives on a side and of what it would show now; below 1 when there is neither."""
        living = [order.placed.price_nanos for order in self.live(quoted, is_bid) if order.placed is not None]
        return max(quoted.slot.wanted()[0 if is_bid else 1], *living, 0)

    def tell(self, quoted: Quoted, is_bid: bool, now_ns: int) -> bool:
        """Settle a side if all is known of it: also the fill behind each amount that the venue reported as filled.

        `now_ns` when the book is yet to show the change, 0 when there is none to show.
        """
        live = self.live(quoted, is_bid)
        if len(live) > 1 or any(order.state is not OrderState.OPEN or quoted.is_leaving(order) for order in live):
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

    def _all(self, quoted: Quoted, is_bid: bool) -> list[Order]:
        found = (self.order(client_id) for client_id in quoted.orders[is_bid])
        return [order for order in found if order is not None]
