"""How the outcome of an order looks, and which exit code it is."""

from typing import Final

import orjson

from atomizer._core.fixed import format_e18, format_nanos
from atomizer.app.ticket import Outcome, Placed, Ticket

EXIT_CODES: Final = {Outcome.ACCEPTED: 0, Outcome.REFUSED: 6, Outcome.RISK_REFUSED: 7, Outcome.UNKNOWN: 9}
_NEXT: Final = {
    Outcome.REFUSED: "nothing rests: correct the order, or see why with test-order",
    Outcome.RISK_REFUSED: "nothing was sent",
    Outcome.UNKNOWN: "IT MAY STILL LIVE: look at the venue, then `atomizer orders`",
}


def render_placed(ticket: Ticket, placed: Placed, *, as_json: bool) -> str:
    """What was asked, what became of it, and what to do."""
    if as_json:
        return orjson.dumps(_fields(ticket, placed), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
    asked = f"{ticket.side.word} {format_nanos(ticket.amount_nanos)} {ticket.instrument}"
    lines = [f"{placed.outcome}: {asked} at {format_nanos(ticket.price_nanos)}, {ticket.time_in_force.value}"]
    if placed.state is not None:
        filled = f"{format_nanos(placed.filled_nanos)} of {format_nanos(ticket.amount_nanos)} filled"
        average = f" at {format_nanos(placed.average_nanos)}" if placed.average_nanos is not None else ""
        fees = f", fees {format_e18(placed.fee_e18)}" if placed.average_nanos is not None else ""
        lines.append(f"  {placed.state}: {filled}{average}{fees}")
        lines.append(f"  label {placed.client_id}, venue's id {placed.order_id or 'none'}")
    if placed.detail:
        lines.append(f"  {placed.detail}")
    if placed.outcome in _NEXT:
        lines.append(f"  {_NEXT[placed.outcome]}")
    return "\n".join(lines) + "\n"


def _fields(ticket: Ticket, placed: Placed) -> dict[str, object]:
    return {
        "outcome": placed.outcome.value,
        "detail": placed.detail,
        "instrument": ticket.instrument,
        "side": ticket.side.word,
        "price": format_nanos(ticket.price_nanos),
        "amount": format_nanos(ticket.amount_nanos),
        "time_in_force": ticket.time_in_force.value,
        "client_id": placed.client_id,
        "order_id": placed.order_id,
        "state": placed.state.value if placed.state is not None else None,
        "filled": format_nanos(placed.filled_nanos),
        "average_price": format_nanos(placed.average_nanos) if placed.average_nanos is not None else None,
        "fees": format_e18(placed.fee_e18),
    }
