"""What is traded and what is known about it: values only."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Listing:
    """One instrument on the board. Prices in USD per unit of the underlying, amounts in units of the underlying.

    A perpetual has `expiry_s` 0, strike 0 and an empty option type.
    """

    name: str
    kind: str  # "option" | "perp"
    underlying: str
    expiry_s: int  # unix seconds, always 08:00 UTC
    strike: Decimal
    option_type: str  # "C" | "P" | ""
    tick: Decimal
    step: Decimal
    minimum: Decimal
    maximum: Decimal


@dataclass(frozen=True, slots=True)
class MarketState:
    """The venue's own view of one instrument at the last step. A perpetual has delta 1 and no other Greek.

    Greeks in Derive's units (checked against its captures): vega and rho as below, theta per day by the plain
    Black-76 formula.
    """

    mark: Decimal  # discounted
    index: Decimal
    forward: Decimal
    iv: float  # fraction a year
    delta: float
    gamma: float  # per USD
    vega: float  # per volatility point
    theta: float  # per day
    rho: float  # Derive publishes mark x years to expiry
    discount: float


@dataclass(frozen=True, slots=True)
class RyskAsset:
    """One asset of the Rysk market list. Trade sizes in units of the underlying, price in USD at the market's start."""

    chain_id: int
    address: str  # lower case
    symbol: str
    underlying: str
    decimals: int
    min_trade_size: Decimal
    max_trade_size: Decimal
    price: Decimal
    underlying_address: str
    usd: str  # the chain's strike asset
