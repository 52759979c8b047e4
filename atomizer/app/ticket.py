"""What a person wants of a venue, and what became of it."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

from atomizer.domain.ports import OrderVenue
from atomizer.domain.trading import Fill, OrderPlaced, OrderState, Side, TimeInForce
from atomizer.orders.table import Order

STRATEGY: Final = "manual"
OUTCOME_WITHIN_S: Final = 8.0


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """What a person wants, in nanos."""

    instrument: str
    side: Side
    price_nanos: int
    amount_nanos: int
    time_in_force: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False

    def order(self, venue: OrderVenue, client_id: str, now_ns: int) -> OrderPlaced:
        """The order that it becomes there, under this label and a nonce of its own."""
        return OrderPlaced(
            now_ns=now_ns,
            venue=venue.name,
            client_id=client_id,
            nonce=venue.next_nonce(now_ns),
            instrument=self.instrument,
            side=self.side,
            price_nanos=self.price_nanos,
            amount_nanos=self.amount_nanos,
            time_in_force=self.time_in_force,
            reduce_only=self.reduce_only,
        )


class Outcome(StrEnum):
    """What became of it, in the one word that decides the exit code."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    RISK_REFUSED = "risk refused"
    UNKNOWN = "unknown"


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """An order's outcome, as far as it is known."""

    outcome: Outcome
    detail: str
    client_id: str = ""
    order_id: str = ""
    state: OrderState | None = None
    filled_nanos: int = 0
    average_nanos: int | None = None
    fee_e18: int = 0


def as_placed(order: Order, fills: Iterable[Fill]) -> Placed:
    """What is known of an order; of the fills those are its that name it."""
    mine = [fill for fill in fills if fill.client_id == order.client_id]
    amount = sum(fill.amount_nanos for fill in mine)
    return Placed(
        outcome=_outcome(order),
        detail=f"{order.detail} (code {order.code})" if order.code is not None else order.detail,
        client_id=order.client_id,
        order_id=order.order_id,
        state=order.state,
        filled_nanos=order.filled_nanos,
        average_nanos=sum(fill.notional_e18 for fill in mine) // amount if amount else None,
        fee_e18=sum(fill.fee_e18 for fill in mine),
    )


def _outcome(order: Order) -> Outcome:
    if order.state is OrderState.REFUSED:
        return Outcome.REFUSED
    return Outcome.UNKNOWN if order.state in {OrderState.SENT, OrderState.UNKNOWN} else Outcome.ACCEPTED
