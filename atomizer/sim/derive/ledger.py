"""The arithmetic of one position, exact to 10⁻¹⁸ USD.

Costs carry the sign of the amount. A fill in the same direction adds price x amount to the cost. Reducing by q of Q
releases cost·q/Q, truncated toward zero, and realizes sign·price·q - released. A flip reduces to nothing, then opens
the rest. The figures "with fees" follow the same rule with fees inside the cost and the result, so that realized plus
unrealized always is the whole profit after fees. Funding is kept apart from both, and accrues before a fill changes the
amount.
"""

from dataclasses import dataclass

from atomizer.sim.derive.units import NANOS, div_toward_zero


@dataclass(frozen=True, slots=True)
class FundingEvent:
    """One payment of funding: e18 USD, above 0 received."""

    instrument: str
    funding_e18: int
    timestamp_ms: int
    batch_id: str


@dataclass(slots=True)
class Position:
    """One subaccount in one instrument. It stays after it is closed, with what it has realized."""

    amount_nanos: int = 0
    cost_e18: int = 0
    cost_with_fees_e18: int = 0
    realized_e18: int = 0
    realized_with_fees_e18: int = 0
    fees_e18: int = 0
    created_ms: int = 0
    funding_e18: int = 0  # received in cash; below 0 is paid
    pending_funding_e18: int = 0
    _seen_funding_e18: int = 0  # of the instrument's aggregate, how much is in `pending_funding_e18`

    def accrue(self, aggregate_e18: int) -> None:
        """Owe or be owed what holding has cost since the last time."""
        grown_e18, self._seen_funding_e18 = aggregate_e18 - self._seen_funding_e18, aggregate_e18
        self.pending_funding_e18 -= div_toward_zero(self.amount_nanos * grown_e18, NANOS)

    def take_funding(self, aggregate_e18: int) -> int:
        """What is due, now paid."""
        self.accrue(aggregate_e18)
        due_e18, self.pending_funding_e18 = self.pending_funding_e18, 0
        self.funding_e18 += due_e18
        return due_e18

    def apply(self, *, is_buy: bool, price: int, amount: int, fee_e18: int) -> tuple[int, int]:
        """Book one fill; returns what it realized, without and with fees."""
        before = self.realized_e18, self.realized_with_fees_e18
        sign = 1 if is_buy else -1
        closing = min(amount, abs(self.amount_nanos)) if self.amount_nanos * sign < 0 else 0
        closing_fee = fee_e18 * closing // amount
        if closing:
            self._reduce(price, closing, closing_fee)
        opening = amount - closing
        self.amount_nanos += sign * opening
        self.cost_e18 += sign * price * opening
        self.cost_with_fees_e18 += sign * price * opening + fee_e18 - closing_fee
        self.fees_e18 += fee_e18
        return self.realized_e18 - before[0], self.realized_with_fees_e18 - before[1]

    def _reduce(self, price: int, amount: int, fee_e18: int) -> None:
        size = abs(self.amount_nanos)
        sign = 1 if self.amount_nanos > 0 else -1
        released = div_toward_zero(self.cost_e18 * amount, size)
        released_with_fees = div_toward_zero(self.cost_with_fees_e18 * amount, size)
        self.cost_e18 -= released
        self.cost_with_fees_e18 -= released_with_fees
        self.realized_e18 += sign * price * amount - released
        self.realized_with_fees_e18 += sign * price * amount - released_with_fees - fee_e18
        self.amount_nanos -= sign * amount

    def unrealized_e18(self, mark: int) -> int:
        return mark * self.amount_nanos - self.cost_e18

    def unrealized_with_fees_e18(self, mark: int) -> int:
        return mark * self.amount_nanos - self.cost_with_fees_e18

    @property
    def average_price_e18(self) -> int:
        return _average(self.cost_e18, self.amount_nanos)

    @property
    def average_price_with_fees_e18(self) -> int:
        return _average(self.cost_with_fees_e18, self.amount_nanos)


def _average(cost_e18: int, amount_nanos: int) -> int:
    """|cost| / |amount|, truncated at eighteen places; 0 for nothing."""
    return abs(cost_e18) * NANOS // abs(amount_nanos) if amount_nanos else 0
