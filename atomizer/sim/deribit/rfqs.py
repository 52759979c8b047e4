"""Block RFQs: a taker asks for a structure, makers quote it, the taker takes the best of them (protocol sheet §6).

A structure is legs with sides and ratios; a quote's price is what its buyer pays for one unit, the legs' prices summed
with their signs. Quotes can be taken once the RFQ has stood for five seconds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from atomizer.sim.deribit.instruments import Instrument
from atomizer.sim.deribit.units import NS_PER_S

LIFE_NS = 300 * NS_PER_S
GRACE_NS = 5 * NS_PER_S
MOST_QUOTES = 20  # open, of one maker in one RFQ


class State(StrEnum):
    OPEN = "open"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Leg:
    instrument: Instrument
    is_buy: bool
    ratio: int


@dataclass(slots=True, eq=False)
class Quote:
    """One maker's side of a whole structure; `is_buy` is the maker's, `prices` are the legs', all in nanos."""

    quote_id: int
    user_id: int
    is_buy: bool
    amount: int
    prices: tuple[int, ...]
    label: str
    all_or_none: bool
    created_ns: int
    updated_ns: int
    expires_ns: int
    state: State = State.OPEN
    reason: str = ""
    filled: int = 0
    replaced: bool = False

    @property
    def remaining(self) -> int:
        return self.amount - self.filled


@dataclass(slots=True, eq=False)
class Rfq:
    """`user_id` 0 is a taker of the practice market, who takes what is at `reserve` or better when it ends."""

    rfq_id: int
    user_id: int
    legs: tuple[Leg, ...]
    amount: int
    label: str
    created_ns: int
    expires_ns: int
    is_taker_buy: bool = True
    reserve: int | None = None
    state: State = State.OPEN
    quotes: dict[int, Quote] = field(default_factory=dict)
    fills: list[tuple[int, int, int, bool]] = field(default_factory=list)  # (ns, price, amount, taker buys)

    def price_of(self, prices: Sequence[int]) -> int:
        """Of one unit of the structure, for its buyer."""
        signed = zip(self.legs, prices, strict=True)
        return sum((price if leg.is_buy else -price) * leg.ratio for leg, price in signed)

    def open_quotes(self) -> Iterator[Quote]:
        return (quote for quote in self.quotes.values() if quote.state is State.OPEN)

    def takeable(self, *, is_buy: bool, limit: int, amount: int) -> list[tuple[Quote, int]]:
        """What a taker of `amount` at `limit` gets, best price first; at one price all-or-none comes first."""
        facing = [quote for quote in self.open_quotes() if quote.is_buy != is_buy]
        sign = 1 if is_buy else -1
        facing.sort(key=lambda quote: (sign * self.price_of(quote.prices), not quote.all_or_none, quote.updated_ns))
        taken = []
        for quote in facing:
            if sign * self.price_of(quote.prices) > sign * limit or not amount:
                break
            if quote.all_or_none and quote.remaining != amount:
                continue
            share = min(quote.remaining, amount)
            taken.append((quote, share))
            amount -= share
        return taken

    def end(self, state: State, now_ns: int) -> None:
        self.state = state
        for quote in self.open_quotes():
            quote.state, quote.updated_ns = State.CANCELLED, now_ns
            quote.reason = f"block_rfq_{state.value}"
