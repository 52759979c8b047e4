"""Orders and trades as the venue remembers them. Values; what happens to them is the engine's."""

from dataclasses import dataclass
from enum import StrEnum

from atomizer.sim.derive.instruments import Instrument


class Status(StrEnum):
    OPEN = "open"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """What was asked, as it was signed: prices, amounts and fees in e18, which is finer than the venue trades."""

    wallet: str
    subaccount_id: int
    instrument: Instrument
    is_buy: bool
    amount_e18: int
    limit_price_e18: int
    max_fee_e18: int
    nonce: int
    signer: str
    signature: str
    signature_expiry_s: int
    order_type: str
    time_in_force: str
    label: str
    mmp: bool
    reduce_only: bool
    reject_post_only: bool
    reject_timestamp_ms: int

    @property
    def is_immediate(self) -> bool:
        """Never rests: a market order, or a limit order that is immediate-or-cancel or fill-or-kill."""
        return self.order_type == "market" or self.time_in_force in {"ioc", "fok"}


@dataclass(slots=True, kw_only=True, eq=False)
class Order:
    """A request that was accepted, and what has become of it. Prices and amounts in nanos."""

    order_id: str
    request: OrderRequest
    limit_price: int
    amount: int
    created_ms: int
    updated_ms: int
    status: Status = Status.OPEN
    cancel_reason: str = ""
    filled: int = 0
    cost_e18: int = 0  # Σ price x amount of its fills
    fee_e18: int = 0
    signed_limit_price: int | None = None  # set when a post-only order was slid away from its signed price
    replaced_order_id: str | None = None

    @property
    def remaining(self) -> int:
        return self.amount - self.filled


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One side of a trade, as its owner sees it. `order_id` is the quote's when an RFQ made it."""

    trade_id: str
    order_id: str
    wallet: str
    subaccount_id: int
    instrument: Instrument
    is_buy: bool
    label: str
    mmp: bool
    transaction_id: str
    price: int
    amount: int
    fee_e18: int
    mark: int
    index: int
    is_maker: bool
    realized_e18: int
    realized_with_fees_e18: int
    timestamp_ms: int
    quote_id: str | None = None
    rfq_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicTrade:
    """A trade on the tape. `is_buy` is the taker's side."""

    trade_id: str
    instrument: Instrument
    is_buy: bool
    price: int
    amount: int
    mark: int
    index: int
    timestamp_ms: int
    quote_id: str | None = None
    rfq_id: str | None = None


@dataclass(frozen=True, slots=True)
class BalanceChange:
    """One asset of one subaccount moved from `before_e18` to `after_e18`."""

    subaccount_id: int
    name: str
    before_e18: int
    after_e18: int
    update_type: str  # "trade" | "option_settlement"
