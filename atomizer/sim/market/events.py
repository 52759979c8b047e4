"""What happens in the market, in the order in which it happens."""

from dataclasses import dataclass
from decimal import Decimal

Level = tuple[Decimal, Decimal]  # price in USD, amount in units of the underlying


@dataclass(frozen=True, slots=True)
class MakerLadder:
    """All that this maker wants to show in this instrument, best first; it replaces what the maker showed before.

    An empty side means: nothing there. Never crossed in itself, nor with another maker's current ladder.
    """

    now_ns: int
    maker: str
    name: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class TakerOrder:
    """An immediate-or-cancel order at `limit` or better."""

    now_ns: int
    taker: str
    name: str
    is_buy: bool
    amount: Decimal
    limit: Decimal


@dataclass(frozen=True, slots=True)
class Rival:
    """Another maker in one auction: quotes `price` after `delay_ms`; when outbid, improves a little after
    `reaction_ms`, never beyond `limit`.
    """

    maker: str
    delay_ms: int
    price: Decimal
    limit: Decimal
    reaction_ms: int


@dataclass(frozen=True, slots=True)
class RfqArrival:
    """A taker asks the Rysk makers for a price: USD per unit of the underlying, size-weighted for `quantity`."""

    now_ns: int
    rfq_id: str  # uuid form
    chain_id: int
    asset: str
    symbol: str
    underlying: str
    expiry_s: int
    strike: Decimal
    is_put: bool
    quantity: Decimal
    is_taker_buy: bool
    taker: str
    usd: str
    collateral: str
    rivals: tuple[Rival, ...]
    reserve: Decimal  # the taker trades at this price or better for it, else not at all


Event = MakerLadder | TakerOrder | RfqArrival
