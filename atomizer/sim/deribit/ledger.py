"""The arithmetic of one position, exact to 10⁻¹⁸ of its currency.

A fill's value is what it is worth in the settlement currency: price x amount, or amount / price for an inverse future.
Costs carry the sign of the amount. A long profits when its value rises, except in an inverse future, where the value
of the same dollars in coins falls as the price rises. Reducing by q of Q releases cost·q/Q, truncated toward zero; a
flip reduces to nothing, then opens the rest.
"""

from dataclasses import dataclass

from atomizer.sim.deribit.instruments import Instrument
from atomizer.sim.deribit.units import NANOS, div_toward_zero

_GRAIN_E18 = 10**8  # funding has ten decimals, so that a double carries it


@dataclass(slots=True)
class Position:
    """One account in one instrument. It stays after it is closed, with what it has realized."""

    instrument: Instrument
    amount: int = 0
    cost_e18: int = 0
    realized_e18: int = 0
    fees_e18: int = 0
    funding_e18: int = 0  # received; below 0 is paid
    _pending_e18: int = 0
    _seen_e18: int = 0  # of the instrument's aggregate, how much is in `_pending_e18`

    def take_funding(self) -> int:
        """What is due for holding it, now paid; what is finer than the venue's money waits."""
        aggregate_e18 = self.instrument.aggregate_funding_e18
        grown_e18, self._seen_e18 = aggregate_e18 - self._seen_e18, aggregate_e18
        self._pending_e18 -= div_toward_zero(self.amount * grown_e18, NANOS)
        due_e18 = div_toward_zero(self._pending_e18, _GRAIN_E18) * _GRAIN_E18
        self._pending_e18 -= due_e18
        self.funding_e18 += due_e18
        return due_e18

    def apply(self, *, is_buy: bool, price: int, amount: int, fee_e18: int) -> int:
        """Book one fill; returns what it realized."""
        sign = 1 if is_buy else -1
        closing = min(amount, abs(self.amount)) if self.amount * sign < 0 else 0
        realized = self._reduce(price, closing) if closing else 0
        opening = amount - closing
        self.amount += sign * opening
        self.cost_e18 += sign * self.instrument.value_e18(price, opening)
        self.fees_e18 += fee_e18
        self.realized_e18 += realized
        return realized

    def unrealized_e18(self, mark: int) -> int:
        return self._profit(self.value_e18(mark) - self.cost_e18)

    def value_e18(self, mark: int) -> int:
        """Signed like the amount."""
        value = self.instrument.value_e18(mark, abs(self.amount))
        return value if self.amount >= 0 else -value

    @property
    def average_price(self) -> int:
        """Nanos; 0 for nothing."""
        if not self.cost_e18:
            return 0
        size, cost = abs(self.amount), abs(self.cost_e18)
        return size * NANOS * NANOS // cost if self.instrument.is_in_usd else cost // size

    def _reduce(self, price: int, amount: int) -> int:
        size, sign = abs(self.amount), 1 if self.amount > 0 else -1
        released = div_toward_zero(self.cost_e18 * amount, size)
        self.cost_e18 -= released
        self.amount -= sign * amount
        return self._profit(sign * self.instrument.value_e18(price, amount) - released)

    def _profit(self, gain_e18: int) -> int:
        return -gain_e18 if self.instrument.is_in_usd else gain_e18
