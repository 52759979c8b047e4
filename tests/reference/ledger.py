"""Positions written the slow way: in exact fractions, and again with the published truncation."""

from fractions import Fraction

NANOS = 10**9


class FractionLedger:
    """Average-cost position in exact fractions, without any rounding. `trades` is (sign, price, amount) in nanos."""

    def __init__(self, trades):
        self.amount = self.cost = self.realized = Fraction(0)
        for sign, price_nanos, amount_nanos in trades:
            self.book(sign, Fraction(price_nanos, NANOS), Fraction(amount_nanos, NANOS))

    def book(self, sign, price, amount):
        closing = min(amount, abs(self.amount)) if self.amount * sign < 0 else Fraction(0)
        if closing:
            average = self.cost / self.amount
            self.realized += -sign * (price - average) * closing
            self.cost += sign * average * closing
            self.amount += sign * closing
        self.amount += sign * (amount - closing)
        self.cost += sign * price * (amount - closing)


def truncated_ledger(trades):
    """(amount, cost, realized) in nanos and 10⁻¹⁸ USD, each release of cost truncated toward zero as it happens."""
    amount = cost = realized = 0
    for sign, price, size in trades:
        closing = min(size, abs(amount)) if amount * sign < 0 else 0
        if closing:
            released = int(Fraction(cost * closing, abs(amount)))  # int() truncates toward zero
            realized += (1 if amount > 0 else -1) * (price * closing - abs(released))
            cost -= released
            amount += sign * closing
        opening = size - closing
        amount += sign * opening
        cost += sign * price * opening
    return amount, cost, realized
