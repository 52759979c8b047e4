"""Positions as a fold over fills. Integer arithmetic to the last digit: nanos for prices and amounts, 10⁻¹⁸ for money.

The rules, for a position of signed amount Q and signed cost (the exact sum of the worth of what is open, without fees):

* a fill in the position's direction adds its worth to the cost;
* a fill of q against it releases ``cost * q / Q``, truncated toward zero, and realizes the difference to what it is
  worth;
* a fill beyond zero closes the position first and opens the rest at the fill's price.

So ``realized - cost`` is always exactly the money received less the money paid: truncation moves digits between the two
and never loses one.

What something is worth depends on what its instrument is paid in (`domain.instruments.Instrument`). Linear: price x
amount. Paid in a coin, it is counted twice: in coins, exactly as the venue does, and in USD. An inverse option's
premium changes hands, so in USD it is worth what its coins are at the index of that moment. An inverse future of N USD
is worth ``-N / price`` coins; only its profit changes hands, so in USD there is no cost, and each profit is taken at
its index.
"""

import msgspec

from atomizer.domain.instruments import NANOS, USD, OptionType, is_option_name, parse_name
from atomizer.domain.trading import Fill, FundingPaid, Mark, Settled, Side

E18 = 10**18


class Tally(msgspec.Struct):
    """A position counted in one money."""

    amount_nanos: int = 0  # signed: above 0 is long
    cost_e18: int = 0
    realized_e18: int = 0  # without fees

    def trade(self, side: Side, amount_nanos: int, worth_e18: int) -> None:
        """Fold in a trade of this amount, which all of it is worth so much; below 0 for an inverse future."""
        if self.amount_nanos * side < 0:
            closing_nanos = min(amount_nanos, abs(self.amount_nanos))
            closing_e18 = toward_zero(worth_e18 * closing_nanos, amount_nanos)
            self._reduce(closing_nanos, closing_e18)
            amount_nanos, worth_e18 = amount_nanos - closing_nanos, worth_e18 - closing_e18
        if amount_nanos:
            self.amount_nanos += side * amount_nanos
            self.cost_e18 += side * worth_e18

    def _reduce(self, amount_nanos: int, worth_e18: int) -> None:
        sign = 1 if self.amount_nanos > 0 else -1
        released_e18 = toward_zero(self.cost_e18 * amount_nanos, abs(self.amount_nanos))
        self.amount_nanos -= sign * amount_nanos
        self.cost_e18 -= released_e18
        self.realized_e18 += sign * worth_e18 - released_e18


class Position(msgspec.Struct):
    """One instrument at one venue. Others read it; only `book`, `pay` and `settle` write it. Money is in USD."""

    venue: str
    instrument: str
    currency: str = USD  # what the instrument is paid in
    own: Tally = msgspec.field(default_factory=Tally)  # in `currency`
    usd: Tally = msgspec.field(default_factory=Tally)
    fees_e18: int = 0  # paid; below 0 is a rebate
    own_fees_e18: int = 0  # in `currency`
    funding_e18: int = 0  # received; below 0 is paid
    own_funding_e18: int = 0
    is_usd_known: bool = True  # false once a trade in a coin came without the coin's index price
    # Whether what is open was traded in the order in which it was booked. If not, the same money is split otherwise
    # between realized and cost than by who booked it as it came; their difference is the same whatever the order.
    is_in_order: bool = True
    last_trade_ns: int = 0  # the venue's time of the latest one booked

    @property
    def amount_nanos(self) -> int:
        """Signed, as the instrument counts: coins, or USD for an inverse future."""
        return self.own.amount_nanos

    @property
    def cost_e18(self) -> int:
        return self.usd.cost_e18

    @property
    def realized_e18(self) -> int:
        """Without fees and funding."""
        return self.usd.realized_e18

    @property
    def average_usd_e18(self) -> int | None:
        """Average price of what is open in USD, truncated to 10⁻¹⁸; None when flat."""
        if self.is_amount_usd or not self.amount_nanos:
            return self.average_e18
        return abs(self.usd.cost_e18) * NANOS // abs(self.amount_nanos)

    @property
    def average_e18(self) -> int | None:
        """The same as the instrument is priced."""
        if not self.amount_nanos or not self.own.cost_e18:
            return 0 if self.amount_nanos else None
        if self.is_amount_usd:
            return abs(self.amount_nanos) * NANOS * E18 // abs(self.own.cost_e18)
        return abs(self.own.cost_e18) * NANOS // abs(self.amount_nanos)

    @property
    def cash_e18(self) -> int:
        """Received less paid, fees and funding included: what the account's cash changed by."""
        return self.realized_e18 - self.cost_e18 - self.fees_e18 + self.funding_e18

    @property
    def own_cash_e18(self) -> int:
        """The same in `currency`; of an inverse future only what was realized."""
        cost_e18 = 0 if self.is_amount_usd else self.own.cost_e18
        return self.own.realized_e18 - cost_e18 - self.own_fees_e18 + self.own_funding_e18

    def unrealized_e18(self, mark_nanos: int, index_nanos: int = NANOS) -> int:
        """Worth of what is open at this mark, less what it cost. `index_nanos` is USD for one coin of `currency`."""
        if self.currency == USD:
            return mark_nanos * self.amount_nanos - self.usd.cost_e18
        if self.is_amount_usd:
            return toward_zero(self.own_unrealized_e18(mark_nanos) * index_nanos, NANOS)
        return toward_zero(mark_nanos * self.amount_nanos * index_nanos, NANOS) - self.usd.cost_e18

    def own_unrealized_e18(self, mark_nanos: int) -> int:
        """The same in `currency`."""
        sign = 1 if self.amount_nanos > 0 else -1
        return sign * self._worth_e18(mark_nanos, abs(self.amount_nanos)) - self.own.cost_e18

    def net_e18(self, mark_nanos: int, index_nanos: int = NANOS) -> int:
        """Realized, unrealized and funding less fees."""
        unrealized_e18 = self.unrealized_e18(mark_nanos, index_nanos) if self.amount_nanos else 0
        return self.realized_e18 + unrealized_e18 - self.fees_e18 + self.funding_e18

    def net_at(self, mark: Mark | None) -> int | None:
        """P&L at this mark; None when it is not known: open without a mark, or paid in a coin of unknown price."""
        if not self.is_usd_known or (mark is None and self.amount_nanos):
            return None
        if mark is None:
            return self.net_e18(0)
        price_nanos, index_nanos = mark.mark_nanos, mark.index_nanos
        if mark.currency != self.currency and not mark.is_amount_usd:  # another venue's, that lists it otherwise
            if self.currency != USD and index_nanos <= 0:
                return None
            is_usd = self.currency == USD
            price_nanos = price_nanos * index_nanos // NANOS if is_usd else price_nanos * NANOS // index_nanos
        return self.net_e18(price_nanos, index_nanos)

    def book(self, fill: Fill) -> None:
        """Fold one fill in. Whether it was booked before is for the caller to know."""
        self._learn(fill.index_nanos)
        self.is_in_order = self.is_in_order and fill.venue_time_ns >= self.last_trade_ns
        self.last_trade_ns = max(self.last_trade_ns, fill.venue_time_ns)
        worth_e18 = self._worth_e18(fill.price_nanos, fill.amount_nanos)
        self._trade(fill.side, fill.amount_nanos, worth_e18, fill.index_nanos)
        self.own_fees_e18 += fill.fee_e18
        self.fees_e18 += self._usd_e18(fill.fee_e18, fill.index_nanos)
        self.is_in_order = self.is_in_order or not self.amount_nanos  # all of it is realized then

    def pay(self, funding: FundingPaid) -> None:
        """Fold one funding payment in."""
        self._learn(funding.index_nanos)
        self.own_funding_e18 += funding.amount_e18
        self.funding_e18 += self._usd_e18(funding.amount_e18, funding.index_nanos)

    def settle(self, settled: Settled) -> bool:
        """Close what is open at the delivery price; False when nothing is, so that a second word changes nothing."""
        amount_nanos, price_nanos = abs(self.amount_nanos), settled.price_nanos
        if not amount_nanos or price_nanos <= 0:
            return False
        worth_e18 = self._settled_worth_e18(price_nanos, amount_nanos)
        self._trade(Side.SELL if self.amount_nanos > 0 else Side.BUY, amount_nanos, worth_e18, price_nanos)
        return True

    @property
    def is_amount_usd(self) -> bool:
        """Whether amounts count USD instead of coins: an inverse future."""
        return self.currency != USD and not is_option_name(self.instrument)

    def _trade(self, side: Side, amount_nanos: int, worth_e18: int, index_nanos: int) -> None:
        realized_e18 = self.own.realized_e18
        self.own.trade(side, amount_nanos, worth_e18)
        if self.currency != USD and self.is_amount_usd:
            self.usd.realized_e18 += self._usd_e18(self.own.realized_e18 - realized_e18, index_nanos)
        else:
            self.usd.trade(side, amount_nanos, self._usd_e18(worth_e18, index_nanos))

    def _worth_e18(self, price_nanos: int, amount_nanos: int) -> int:
        """In `currency`, of an unsigned amount."""
        if self.currency == USD or not self.is_amount_usd:
            return price_nanos * amount_nanos
        return -(amount_nanos * E18 // price_nanos) if price_nanos > 0 else 0

    def _settled_worth_e18(self, price_nanos: int, amount_nanos: int) -> int:
        if not is_option_name(self.instrument):
            return self._worth_e18(price_nanos, amount_nanos)
        contract = parse_name(self.instrument)
        above_nanos = price_nanos - contract.strike_nanos
        intrinsic_nanos = max(above_nanos if contract.option_type is OptionType.CALL else -above_nanos, 0)
        if self.currency == USD:
            return intrinsic_nanos * amount_nanos
        return intrinsic_nanos * amount_nanos * NANOS // price_nanos

    def _usd_e18(self, own_e18: int, index_nanos: int) -> int:
        return own_e18 if self.currency == USD else toward_zero(own_e18 * index_nanos, NANOS)

    def _learn(self, index_nanos: int) -> None:
        if self.currency != USD and index_nanos <= 0:
            self.is_usd_known = False


def toward_zero(numerator: int, denominator: int) -> int:
    """Quotient truncated toward zero; the denominator is above 0."""
    return numerator // denominator if numerator >= 0 else -(-numerator // denominator)
