"""The margin rule: what a subaccount must hold against its positions and its open orders. All results in e18.

It has the shape of the venue's standard manager, with figures of our own:

* A long option is paid in full: it needs nothing and counts for nothing.
* A short option needs its mark plus a share of the index: initially 15 % less what it is out of the money, at least
  13 %; for maintenance 9 %.
* A perpetual needs 10 % of its mark value, for maintenance 6.5 %; its open profit counts.
* Headroom is cash plus open profit of perpetuals less the needs. New risk is refused when initial headroom, with open
  orders at their worst, would fall below nothing.
* Open orders at their worst: per instrument all its bids fill, or all its asks, or none, whichever is dearest.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from atomizer.sim.derive.accounts import Subaccount
from atomizer.sim.derive.instruments import Instrument
from atomizer.sim.derive.units import NANOS

_SHORT_INITIAL_NANOS, _SHORT_FLOOR_NANOS, _SHORT_MAINTENANCE_NANOS = 150_000_000, 130_000_000, 90_000_000
_PERP_INITIAL_NANOS, _PERP_MAINTENANCE_NANOS = 100_000_000, 65_000_000


@dataclass(frozen=True, slots=True)
class Prices:
    """Mark and index of one instrument in nanos."""

    mark: int
    index: int


PricesOf = Callable[[Instrument], Prices]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one resting order, or one about to be placed, would trade at its limit. Nanos."""

    instrument: Instrument
    is_buy: bool
    price: int
    amount: int


def requirement_e18(instrument: Instrument, amount: int, prices: Prices, *, maintenance: bool = False) -> int:
    """What holding `amount` (signed nanos) needs."""
    if not instrument.is_option:
        share = _PERP_MAINTENANCE_NANOS if maintenance else _PERP_INITIAL_NANOS
        return share * prices.mark // NANOS * abs(amount)
    if amount >= 0:
        return 0
    if maintenance:
        of_index = _SHORT_MAINTENANCE_NANOS * prices.index // NANOS
    else:
        call = instrument.listing.option_type == "C"
        out_of_the_money = max(instrument.strike - prices.index if call else prices.index - instrument.strike, 0)
        floor = _SHORT_FLOOR_NANOS * prices.index // NANOS
        of_index = max(_SHORT_INITIAL_NANOS * prices.index // NANOS - out_of_the_money, floor)
    return (of_index + prices.mark) * -amount


def positions_need_e18(subaccount: Subaccount, prices_of: PricesOf, *, maintenance: bool = False) -> int:
    total = 0
    for name, position in subaccount.positions.items():
        if position.amount_nanos:
            instrument = subaccount.instruments[name]
            total += requirement_e18(instrument, position.amount_nanos, prices_of(instrument), maintenance=maintenance)
    return total


def perpetual_profit_e18(subaccount: Subaccount, prices_of: PricesOf) -> int:
    return sum(
        position.unrealized_e18(prices_of(subaccount.instruments[name]).mark)
        for name, position in subaccount.positions.items()
        if position.amount_nanos and not subaccount.instruments[name].is_option
    )


def headroom_e18(subaccount: Subaccount, prices_of: PricesOf, *, maintenance: bool = False) -> int:
    need = positions_need_e18(subaccount, prices_of, maintenance=maintenance)
    return subaccount.cash_e18 + perpetual_profit_e18(subaccount, prices_of) - need


def open_orders_e18(subaccount: Subaccount, wanted: Iterable[Wanted], prices_of: PricesOf) -> int:
    """The worst that the wanted trades can do to the headroom: 0 or less."""
    sides: dict[tuple[str, bool], list[Wanted]] = {}
    for item in wanted:
        sides.setdefault((item.instrument.name, item.is_buy), []).append(item)
    worst: dict[str, int] = {}
    for (name, _), items in sides.items():
        effect = _effect_e18(subaccount, items, prices_of(items[0].instrument))
        worst[name] = min(worst.get(name, 0), effect)
    return sum(worst.values())


def _effect_e18(subaccount: Subaccount, items: list[Wanted], prices: Prices) -> int:
    """Change of the initial headroom if all of `items` (one instrument, one side) traded at their limits."""
    instrument, sign = items[0].instrument, 1 if items[0].is_buy else -1
    amount = sign * sum(item.amount for item in items)
    cost_e18 = sign * sum(item.price * item.amount for item in items)
    held = subaccount.amount_of(instrument.name)
    need = requirement_e18(instrument, held + amount, prices) - requirement_e18(instrument, held, prices)
    value_e18 = 0 if instrument.is_option else prices.mark * amount
    return value_e18 - cost_e18 - need


def resting(subaccount: Subaccount) -> list[Wanted]:
    return [
        Wanted(order.request.instrument, order.request.is_buy, order.limit_price, order.remaining)
        for order in subaccount.open_orders.values()
    ]
