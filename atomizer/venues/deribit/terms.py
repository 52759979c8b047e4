"""What the venue would refuse about an order's price or amount, known before it leaves. Pure."""

from atomizer._core.fixed import format_nanos, is_multiple
from atomizer.domain.instruments import Instrument
from atomizer.domain.trading import OrderPlaced


def off_terms(order: OrderPlaced, instrument: Instrument) -> str:
    """Why the venue would refuse this price or amount; empty when it would not."""
    name, price_nanos, amount_nanos = instrument.name, order.price_nanos, order.amount_nanos
    if not instrument.is_active:
        return f"{name} is not active"
    tick_nanos = instrument.tick_at(price_nanos)
    if price_nanos <= 0 or not is_multiple(price_nanos, tick_nanos):
        return f"price {format_nanos(price_nanos)} of {name} is not on its tick of {format_nanos(tick_nanos)}: round it"
    if amount_nanos < instrument.min_amount_nanos:
        least = format_nanos(instrument.min_amount_nanos)
        return f"amount {format_nanos(amount_nanos)} of {name} is below the least of {least}: raise the size"
    if not is_multiple(amount_nanos, instrument.lot_nanos):
        lot = format_nanos(instrument.lot_nanos)
        return f"amount {format_nanos(amount_nanos)} of {name} is not on its lot of {lot}: round it"
    return ""
