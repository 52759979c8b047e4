"""Requests for quote and quotes as the venue remembers them. Values; what happens to them is `rfq_engine`'s.

Source: protocol sheet §3.5 and §6. Amounts and prices in nanos, money in e18.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from atomizer.sim.derive.instruments import Instrument
from atomizer.sim.derive.orders import Status

WINDOW_MS = 600_000  # an RFQ is open this long


@dataclass(frozen=True, slots=True)
class RfqLeg:
    """One leg of the structure that is asked for; the amount is positive, the side is the structure's own."""

    instrument: Instrument
    is_buy: bool
    amount: int

    @property
    def signed_amount(self) -> int:
        return self.amount if self.is_buy else -self.amount


@dataclass(slots=True, kw_only=True, eq=False)
class Rfq:
    """A taker asks what a structure costs. The taker does not say whether it would buy or sell it."""

    rfq_id: str
    wallet: str
    subaccount_id: int
    legs: tuple[RfqLeg, ...]
    label: str
    counterparties: tuple[str, ...] | None  # wallets, lower case; None is everybody
    most_cost_e18: int | None  # what the taker pays at most when it buys
    least_cost_e18: int | None  # what it receives at least when it sells
    created_ms: int
    updated_ms: int
    status: Status = Status.OPEN
    cancel_reason: str = ""
    filled_is_buy: bool | None = None  # the taker's side
    total_cost_e18: int | None = None

    @property
    def valid_until_ms(self) -> int:
        return self.created_ms + WINDOW_MS

    def is_for(self, wallet: str) -> bool:
        """Whether this maker may see and answer it."""
        return self.counterparties is None or wallet.lower() in self.counterparties


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteRequest:
    """What one side signed: a maker its quote, a taker its execution. `is_buy` is its own side of the structure."""

    wallet: str
    subaccount_id: int
    is_buy: bool
    legs: tuple[RfqLeg, ...]
    prices: tuple[int, ...]  # of the legs, in the same order
    max_fee_e18: int
    nonce: int
    signer: str
    signature: str
    signature_expiry_s: int
    label: str
    mmp: bool

    @property
    def cost_e18(self) -> int:
        """What this side pays: below 0 it is paid."""
        cost = structure_cost_e18(self.legs, self.prices)
        return cost if self.is_buy else -cost

    def trades(self) -> list[tuple[Instrument, bool, int, int]]:
        """What this side does in each leg: instrument, whether it buys, price, amount."""
        return [
            (leg.instrument, leg.is_buy == self.is_buy, price, leg.amount)
            for leg, price in zip(self.legs, self.prices, strict=True)
        ]


@dataclass(slots=True, kw_only=True, eq=False)
class Quote:
    """One side's quote, and what has become of it."""

    quote_id: str
    rfq: Rfq
    request: QuoteRequest
    legs_hash: str
    is_maker: bool
    created_ms: int
    updated_ms: int
    status: Status = Status.OPEN
    cancel_reason: str = ""
    fee_e18: int = 0


def structure_cost_e18(legs: Sequence[RfqLeg], prices: Sequence[int]) -> int:
    """What buying the structure at these prices costs: Σ side x price x amount."""
    return sum(leg.signed_amount * price for leg, price in zip(legs, prices, strict=True))
