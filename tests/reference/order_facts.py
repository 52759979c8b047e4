"""The order table written the slow way: every answer from the whole set of records, whatever their order."""

from atomizer.domain.trading import CancelSent, Fill, OrderPlaced, OrderState, OrderUpdate

FURTHEST_LAST = ["sent", "unknown", "open", "refused", "expired", "cancelled", "filled"]


def known_of(records, venue, client_id):
    """(state, filled, order id, latest cancel) of one order that was placed, from all records; None if it was not."""
    found = _alone(records, venue, client_id)
    if found is None:
        return None
    successors = {r.client_id: r for r in reversed(records) if isinstance(r, OrderPlaced) and r.venue == venue}
    if any(r.replaces == client_id and was_accepted(records, venue, name) for name, r in successors.items()):
        found = (OrderState(max(found[0].value, "cancelled", key=FURTHEST_LAST.index)), *found[1:])
    return found


def was_accepted(records, venue, client_id):
    """Whether anything shows that the venue took the order."""
    spoken = [r for r in records if isinstance(r, OrderUpdate) and (r.venue, r.client_id) == (venue, client_id)]
    taken = any(u.state in {"open", "filled"} or (u.order_id and u.state != "refused") for u in spoken)
    return taken or _alone(records, venue, client_id)[1] > 0


def _alone(records, venue, client_id):
    """The same, as if no order had ever replaced another."""
    mine = [r for r in records if getattr(r, "venue", "") == venue and getattr(r, "client_id", "") == client_id]
    placed = [r for r in mine if isinstance(r, OrderPlaced)]
    if not placed:
        return None
    updates = [r for r in mine if isinstance(r, OrderUpdate)]
    first_fills = {}
    for record in records:
        if isinstance(record, Fill):
            first_fills.setdefault((record.venue, record.trade_id), record)
    booked = sum(f.amount_nanos for f in first_fills.values() if (f.venue, f.client_id) == (venue, client_id))
    filled = max([booked, *(u.filled_nanos for u in updates)])
    heard = {"sent", *(u.state.value for u in updates)}
    if filled >= placed[0].amount_nanos:
        heard.add("filled")
    elif filled:
        heard.add("open")
    state = OrderState(max(heard, key=FURTHEST_LAST.index))
    order_id = next((u.order_id for u in updates if u.order_id), "")
    cancelled_ns = max((r.now_ns for r in mine if isinstance(r, CancelSent)), default=0)
    return state, filled, order_id, cancelled_ns
