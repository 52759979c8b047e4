"""Positions as a fold over fills. Integer arithmetic to the last digit: nanos for prices and amounts, 10⁻¹⁸ for USD.

The rules, for a position of signed amount Q and signed cost (the exact sum of price x amount of what is open, without
fees):

* a fill in the position's direction adds price x amount to the cost;
* a fill of q against it releases ``cost * q / Q``, truncated toward zero, and realizes sign of Q x (price x q - the
  released cost's magnitude);
* a fill beyond zero closes the position first and opens the rest at the fill's price.

So ``realized - cost`` is always exactly the USD received less the USD paid: truncation moves digits between the two and
never loses one.
"""

import msgspec

from atomizer.domain.instruments import NANOS
from atomizer.domain.trading import Fill, Side


class Position(msgspec.Struct):
    """One instrument at one venue. Others read it; only `book` writes it."""

    venue: str
    instrument: str
    amount_nanos: int = 0  # signed: above 0 is long
    cost_e18: int = 0  # signed as the amount
    realized_e18: int = 0  # without fees
    fees_e18: int = 0  # paid; below 0 is a rebate

    @property
    def average_e18(self) -> int | None:
        """Average price of what is open, truncated to 10⁻¹⁸ USD; None when flat."""
        return abs(self.cost_e18) * NANOS // abs(self.amount_nanos) if self.amount_nanos else None

    @property
    def cash_e18(self) -> int:
        """USD received less USD paid, fees included: what the account's cash changed by."""
        return self.realized_e18 - self.cost_e18 - self.fees_e18

    def unrealized_e18(self, mark_nanos: int) -> int:
        """Worth of what is open at this mark, less what it cost."""
        return mark_nanos * self.amount_nanos - self.cost_e18

    def net_e18(self, mark_nanos: int) -> int:
        """Realized and unrealized less fees."""
        return self.realized_e18 + self.unrealized_e18(mark_nanos) - self.fees_e18

    def book(self, fill: Fill) -> None:
        """Fold one fill in. Whether it was booked before is for the caller to know."""
        self.fees_e18 += fill.fee_e18
        rest_nanos = fill.amount_nanos
        if self.amount_nanos * fill.side < 0:
            reduced_nanos = min(rest_nanos, abs(self.amount_nanos))
            self._reduce(fill.price_nanos, reduced_nanos)
            rest_nanos -= reduced_nanos
        self._increase(fill.side, fill.price_nanos, rest_nanos)

    def _increase(self, side: Side, price_nanos: int, amount_nanos: int) -> None:
        self.amount_nanos += side * amount_nanos
        self.cost_e18 += side * price_nanos * amount_nanos

    def _reduce(self, price_nanos: int, amount_nanos: int) -> None:
        sign = 1 if self.amount_nanos > 0 else -1
        # Of magnitudes, because // alone would round a short's cost away from zero.
        released_e18 = abs(self.cost_e18) * amount_nanos // abs(self.amount_nanos)
        self.amount_nanos -= sign * amount_nanos
        self.cost_e18 -= sign * released_e18
        self.realized_e18 += sign * (price_nanos * amount_nanos - released_e18)
