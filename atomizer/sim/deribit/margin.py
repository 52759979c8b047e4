"""The margin rule, currency by currency: what an account must hold against its positions and its open orders. In e18.

It has the shape of the venue's standard margin, without the part that grows with the size of a position:

* A long option is paid in full: it needs nothing and counts for nothing.
* A short option needs its mark plus a share of the coin: initially 15 % less what it is out of the money, at least
  10 %; for maintenance 7.5 %.
* A future needs 4 % of its value, for maintenance 2 %; its open profit counts.
* New risk is refused when what is left of the initial margin, with open orders at their worst, would be below nothing.
* Open orders at their worst: per instrument all its bids fill, or all its asks, or none, whichever is dearest.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from atomizer.sim.deribit.accounts import Holder
from atomizer.sim.deribit.instruments import Instrument
from atomizer.sim.deribit.quotation import View
from atomizer.sim.deribit.units import NANOS

_SHORT_INITIAL, _SHORT_FLOOR, _SHORT_MAINTENANCE = 150_000_000, 100_000_000, 75_000_000  # nanos of a coin
_FUTURE_INITIAL, _FUTURE_MAINTENANCE = 40_000_000, 20_000_000

ViewOf = Callable[[Instrument], View]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one resting order, or one about to be placed, would trade at its limit."""

    instrument: Instrument
    is_buy: bool
    price: int
    amount: int


@dataclass(frozen=True, slots=True)
class Standing:
    """One account in one currency."""

    cash_e18: int
    options_e18: int
    futures_profit_e18: int
    initial_e18: int
    maintenance_e18: int
    orders_e18: int  # what open orders may still take: 0 or less

    @property
    def equity_e18(self) -> int:
        return self.margin_balance_e18 + self.options_e18

    @property
    def margin_balance_e18(self) -> int:
        return self.cash_e18 + self.futures_profit_e18

    @property
    def available_e18(self) -> int:
        return self.margin_balance_e18 - self.initial_e18 + self.orders_e18


def requirement_e18(instrument: Instrument, amount: int, view: View, *, maintenance: bool = False) -> int:
    """What holding `amount` (signed nanos) needs."""
    if not instrument.is_option:
        share = _FUTURE_MAINTENANCE if maintenance else _FUTURE_INITIAL
        return share * instrument.value_e18(view.mark, abs(amount)) // NANOS
    if amount >= 0:
        return 0
    share = _SHORT_MAINTENANCE if maintenance else _initial_share(instrument, view.index)
    unit = share * view.index // NANOS if instrument.is_linear else share
    return (unit + view.mark) * -amount


def _initial_share(instrument: Instrument, index: int) -> int:
    distance = instrument.strike - index if instrument.is_call else index - instrument.strike
    return max(_SHORT_INITIAL - max(distance, 0) * NANOS // index, _SHORT_FLOOR)


def standing(holder: Holder, currency: str, view_of: ViewOf, extra: Wanted | None = None) -> Standing:
    """As it is, or with one more order."""
    options = profit = initial = maintenance = 0
    for position in holder.positions.values():
        instrument = position.instrument
        if instrument.currency != currency or not position.amount:
            continue
        view = view_of(instrument)
        initial += requirement_e18(instrument, position.amount, view)
        maintenance += requirement_e18(instrument, position.amount, view, maintenance=True)
        if instrument.is_option:
            options += position.value_e18(view.mark)
        else:
            profit += position.unrealized_e18(view.mark)
    wanted = [item for item in resting(holder) if item.instrument.currency == currency]
    if extra is not None:
        wanted.append(extra)
    orders = open_orders_e18(holder, wanted, view_of)
    return Standing(holder.cash_e18[currency], options, profit, initial, maintenance, orders)


def resting(holder: Holder) -> list[Wanted]:
    return [
        Wanted(order.instrument, order.is_buy, order.price, order.remaining) for order in holder.open_orders.values()
    ]


def open_orders_e18(holder: Holder, wanted: Iterable[Wanted], view_of: ViewOf) -> int:
    """The worst that the wanted trades can do to what is available: 0 or less."""
    sides: dict[tuple[str, bool], list[Wanted]] = {}
    for item in wanted:
        sides.setdefault((item.instrument.name, item.is_buy), []).append(item)
    worst: dict[str, int] = {}
    for (name, _), items in sides.items():
        effect = _effect_e18(holder, items, view_of(items[0].instrument))
        worst[name] = min(worst.get(name, 0), effect)
    return sum(worst.values())


def _effect_e18(holder: Holder, items: list[Wanted], view: View) -> int:
    """Change of what is available if all of `items` (one instrument, one side) traded at their limits; a future bought
    below its mark is no gain until it is bought.
    """
    instrument, sign = items[0].instrument, 1 if items[0].is_buy else -1
    amount = sum(item.amount for item in items)
    held = holder.amount_of(instrument.name)
    need = requirement_e18(instrument, held + sign * amount, view) - requirement_e18(instrument, held, view)
    paid = sign * sum(instrument.value_e18(item.price, item.amount) for item in items)
    if instrument.is_option:
        return -paid - need
    gain = sign * instrument.value_e18(view.mark, amount) - paid
    return min(-gain if instrument.is_in_usd else gain, 0) - need
