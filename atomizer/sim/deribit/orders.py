"""Orders and trades as the venue remembers them. Values; what happens to them is the engine's."""

from dataclasses import dataclass
from enum import StrEnum

from atomizer.sim.deribit.instruments import Instrument


class Status(StrEnum):
    OPEN = "open"
    FILLED = "filled"
    CANCELLED = "cancelled"


class Life(StrEnum):
    """Time in force."""

    GOOD_TIL_CANCELLED = "good_til_cancelled"
    GOOD_TIL_DAY = "good_til_day"
    FILL_OR_KILL = "fill_or_kill"
    IMMEDIATE_OR_CANCEL = "immediate_or_cancel"


@dataclass(frozen=True, slots=True)
class QuoteTag:
    """What makes an order one side of a mass quote."""

    quote_id: str
    quote_set_id: str
    mmp_group: str


@dataclass(slots=True, kw_only=True, eq=False)
class Order:
    """One order, and what has become of it. Prices and amounts in nanos; an edit changes it in place.

    `price` of a market order is the limit that the venue gave it. `connection` is the socket that it came from, 0 for
    HTTP; `sequence` counts the venue's changes to its orders, so that history has an order.
    """

    order_id: str
    user_id: int
    instrument: Instrument
    is_buy: bool
    amount: int
    price: int
    order_type: str
    life: Life
    label: str
    post_only: bool
    reject_post_only: bool
    reduce_only: bool
    mmp: bool
    connection: int
    created_ms: int
    updated_ms: int
    quote: QuoteTag | None = None
    status: Status = Status.OPEN
    cancel_reason: str = ""
    replaced: bool = False
    filled: int = 0
    cost_e18: int = 0  # Σ price x amount of its fills
    sequence: int = 0

    @property
    def remaining(self) -> int:
        return self.amount - self.filled

    @property
    def is_immediate(self) -> bool:
        """Never rests."""
        return self.order_type == "market" or self.life in {Life.FILL_OR_KILL, Life.IMMEDIATE_OR_CANCEL}


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicTrade:
    """A trade on the tape. `is_buy` is the taker's side; `iv` a fraction, 0.0 for futures."""

    trade_id: str
    trade_seq: int
    instrument: Instrument
    is_buy: bool
    price: int
    amount: int
    mark: int
    index: int
    forward: int
    iv: float
    tick_direction: int
    timestamp_ms: int
    block_rfq_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One side of a trade, as its owner sees it. Fee and profit in e18 of the instrument's currency; `state` is the
    order's after it.
    """

    public: PublicTrade
    order: Order
    is_buy: bool
    is_maker: bool
    fee_e18: int
    profit_e18: int
    state: Status
