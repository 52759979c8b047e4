"""A venue's own book of orders at its simplest: the truth that reconciliation has to find."""

from atomizer.domain.trading import Fill, OrderState, OrderUpdate


class VenueOrders:
    """Takes placed orders; every change of one makes the messages that the venue would push for it."""

    def __init__(self, name):
        self.name = name
        self.orders = {}  # client id → [placed, filled, is open]
        self.fills = []

    def accept(self, placed):
        self.orders[placed.client_id] = [placed, 0, True]
        return [self.update(placed.client_id, OrderState.OPEN)]

    def trade(self, client_id, amount_nanos):
        order = self.orders[client_id]
        placed = order[0]
        order[1] += amount_nanos
        fill = Fill(
            now_ns=len(self.fills),
            venue=self.name,
            trade_id=f"trade-{len(self.fills)}",
            client_id=client_id,
            instrument=placed.instrument,
            side=placed.side,
            price_nanos=placed.price_nanos,
            amount_nanos=amount_nanos,
            fee_e18=0,
            is_maker=True,
            venue_time_ns=len(self.fills),
        )
        self.fills.append(fill)
        order[2] = order[1] < placed.amount_nanos
        return [fill, self.update(client_id, OrderState.OPEN if order[2] else OrderState.FILLED)]

    def cancel(self, client_id):
        return self.end(client_id)

    def end(self, client_id):
        self.orders[client_id][2] = False
        return [self.update(client_id, OrderState.CANCELLED)]

    def replace(self, placed, *, is_taken=True):
        """End the order that this one replaces, then take this one; half of it when `is_taken` is false.

        Of an order that is gone the venue takes no successor.
        """
        before = self.orders.get(placed.replaces)
        if before is None or not before[2]:
            return [self.refusal(placed)]
        messages = self.end(placed.replaces)
        return messages + (self.accept(placed) if is_taken else [self.refusal(placed)])

    def refusal(self, placed):
        return OrderUpdate(now_ns=0, venue=self.name, client_id=placed.client_id, state=OrderState.REFUSED)

    def update(self, client_id, state):
        return OrderUpdate(
            now_ns=0,
            venue=self.name,
            client_id=client_id,
            state=state,
            filled_nanos=self.orders[client_id][1],
            order_id=f"id-{client_id}",
        )

    def open_orders(self):
        return [self.update(client_id, OrderState.OPEN) for client_id, order in self.orders.items() if order[2]]
