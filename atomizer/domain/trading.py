"""Requests, orders, fills: what strategies decide and venues report. These structs are also the journal's records.

`now_ns` is when we learned or decided it (wall clock, unix nanoseconds); `venue_time_ns` is the venue's own stamp.
Prices and amounts are nanos (10⁻⁹ USD, 10⁻⁹ of a unit of the underlying); money is e18 (10⁻¹⁸ USD), because price x
amount is exact there and venues charge fees to that digit. Amounts are positive; the side carries the sign. Where a
record has a `currency` other than USD, what price and amount count is in the table at `domain.instruments.Instrument`.
"""

from enum import IntEnum, StrEnum

import msgspec

from atomizer.domain.instruments import NANOS, USD, Contract, is_option_name
from atomizer.domain.quality import MarkedOut, QuotesSampled

RFQ_STRATEGY = "rfq"  # of trades that name a quote by its nonce
FOREIGN_STRATEGY = "foreign"


class Side(IntEnum):
    """Our side of a trade. The value is the sign of the position change."""

    BUY = 1
    SELL = -1

    @property
    def word(self) -> str:
        return "buy" if self is Side.BUY else "sell"


class OrderState(StrEnum):
    """Where an order is, as far as we know.

    ```
    SENT ──► OPEN ──► FILLED | CANCELLED | EXPIRED
      │  ╲────────────► (any of them at once: immediate orders)
      ├──► REFUSED
      └──► UNKNOWN ──► (any of them, once the venue has been asked or the nonce burned)
    ```
    """

    SENT = "sent"
    OPEN = "open"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REFUSED = "refused"
    UNKNOWN = "unknown"

    @property
    def is_final(self) -> bool:
        return self in _FINAL


_FINAL = frozenset({OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REFUSED})


class TimeInForce(StrEnum):
    GTC = "gtc"
    IOC = "ioc"
    POST_ONLY = "post_only"


class RfqLeg(msgspec.Struct, frozen=True):
    """One contract of what a taker asks for. `taker_buys` means that we would sell it."""

    contract: Contract
    quantity_nanos: int
    taker_buys: bool

    @property
    def side(self) -> Side:
        """Our side, should we win."""
        return Side.SELL if self.taker_buys else Side.BUY


class Rfq(msgspec.Struct, frozen=True, kw_only=True, tag="rfq"):
    """A taker asks for one price. `taker_buys` means that we would sell.

    A structure has `more` legs than the first one; it trades whole or not at all.
    """

    now_ns: int
    source: str
    rfq_id: str
    contract: Contract
    quantity_nanos: int
    taker_buys: bool
    taker: str
    more: tuple[RfqLeg, ...] = ()

    @property
    def side(self) -> Side:
        """Our side, should we win; of a structure, in its first leg."""
        return Side.SELL if self.taker_buys else Side.BUY

    @property
    def legs(self) -> tuple[RfqLeg, ...]:
        return (RfqLeg(self.contract, self.quantity_nanos, self.taker_buys), *self.more)


class QuoteLeg(msgspec.Struct, frozen=True):
    """One contract of a quote; `side` is ours. Prices in what the quote is paid in."""

    instrument: str
    side: Side
    price_nanos: int
    quantity_nanos: int
    fair_nanos: int  # the hedge price that the edge was taken from


class QuoteSent(msgspec.Struct, frozen=True, kw_only=True, tag="quote"):
    """Intent: this quote is about to leave. Written before the send; `nonce` is what its fills will name.

    A structure has `more` legs than the first one: all of them trade, or none, and each has a fill of its own.
    """

    now_ns: int
    source: str
    rfq_id: str
    nonce: int
    instrument: str
    side: Side
    price_nanos: int
    quantity_nanos: int
    valid_until_s: int
    fair_nanos: int  # the hedge price that the edge was taken from
    more: tuple[QuoteLeg, ...] = ()

    @property
    def legs(self) -> tuple[QuoteLeg, ...]:
        first = QuoteLeg(self.instrument, self.side, self.price_nanos, self.quantity_nanos, self.fair_nanos)
        return (first, *self.more)


class QuoteOutcome(StrEnum):
    BEST = "best"
    STANDS = "stands"  # taken; how it compares is not told
    OUTBID = "outbid"
    REFUSED = "refused"
    ENDED = "ended"  # it stood, and cannot be taken any more


class QuoteAnswered(msgspec.Struct, frozen=True, kw_only=True, tag="quote_answer"):
    """The RFQ venue's word on our last quote for this RFQ. OUTBID carries the best price there is."""

    now_ns: int
    source: str
    rfq_id: str
    outcome: QuoteOutcome
    best_nanos: int = 0
    detail: str = ""


class OrderPlaced(msgspec.Struct, frozen=True, kw_only=True, tag="order"):
    """Intent: this order is about to leave. Written before the send.

    `client_id` is ``strategy.run.counter``; it is the venue's label, so that every order can be traced to its owner.
    """

    now_ns: int
    venue: str
    client_id: str
    nonce: int
    instrument: str
    side: Side
    price_nanos: int
    amount_nanos: int
    time_in_force: TimeInForce
    reduce_only: bool = False
    hedge_of: str = ""  # trade id of the fill that this order hedges
    replaces: str = ""  # client id of the order that it succeeds: one request ends that one and places this
    is_protected: bool = False  # counts towards the venue's market maker protection, and goes when it trips

    @property
    def strategy(self) -> str:
        return self.client_id.partition(".")[0]


class Signed(msgspec.Struct, frozen=True):
    """What a signature allows beyond the order itself; zeros where a venue is sent none."""

    max_fee_nanos: int = 0  # USD per unit that may be charged
    life_ns: int = 0  # how long it is valid


class CancelSent(msgspec.Struct, frozen=True, kw_only=True, tag="cancel"):
    """Intent: a cancel for this order is about to leave."""

    now_ns: int
    venue: str
    client_id: str


class OrderUpdate(msgspec.Struct, frozen=True, kw_only=True, tag="order_update"):
    """What a venue says (or what we must assume) about one order. `filled_nanos` is cumulative."""

    now_ns: int
    venue: str
    client_id: str
    state: OrderState
    filled_nanos: int = 0
    order_id: str = ""
    code: int | None = None
    detail: str = ""


class Fill(msgspec.Struct, frozen=True, kw_only=True, tag="fill"):
    """A trade of ours. `trade_id` is unique per venue; `client_id` is the order's, or the quote nonce for an RFQ.

    Paid in `currency`: the coin for what Deribit lists as inverse (`index_nanos` makes USD of it), else USD.
    """

    now_ns: int
    venue: str
    trade_id: str
    client_id: str
    instrument: str
    side: Side
    price_nanos: int
    amount_nanos: int
    fee_e18: int
    is_maker: bool
    venue_time_ns: int
    currency: str = USD  # of the fee, and of what the trade pays
    index_nanos: int = 0  # the venue's USD for one coin when it traded; 0 is unknown

    @property
    def strategy(self) -> str:
        """Whose it is: its order's, `rfq` when it answers a quote, `foreign` when it is nobody's of ours."""
        owner, dot, _ = self.client_id.partition(".")
        if dot and owner:
            return owner
        return RFQ_STRATEGY if self.client_id.isdigit() else FOREIGN_STRATEGY

    @property
    def is_amount_usd(self) -> bool:
        """Whether `amount_nanos` counts USD (an inverse future) instead of coins."""
        return self.currency != USD and not is_option_name(self.instrument)

    @property
    def notional_e18(self) -> int:
        """Price x amount: what the trade pays in `currency`, unless the amount is in USD."""
        return self.price_nanos * self.amount_nanos


class FundingPaid(msgspec.Struct, frozen=True, kw_only=True, tag="funding"):
    """A venue paid us funding on a future, or took it. `payment_id` is unique per venue."""

    now_ns: int
    venue: str
    payment_id: str
    instrument: str
    amount_e18: int  # in `currency`; below 0 when we paid
    venue_time_ns: int
    currency: str = USD
    index_nanos: int = 0  # the venue's USD for one coin of it; 0 is unknown


class Settled(msgspec.Struct, frozen=True, kw_only=True, tag="settlement"):
    """An instrument expired at this delivery price of its underlying: whatever a venue held of it for us is closed.

    Cash-settled: worth its intrinsic value. `is_physical`: the coins themselves changed hands against the strike. What
    we got or gave is then on the wallet and no position; the P&L is the same, with the coins at the delivery price.
    """

    now_ns: int
    venue: str
    instrument: str
    price_nanos: int  # USD for one coin
    is_physical: bool = False


class HedgeOpened(msgspec.Struct, frozen=True, kw_only=True, tag="hedge"):
    """A fill that must be hedged, and with what. Open until a `HedgeClosed` for the same trade.

    `carried_nanos` is the signed rest of this and earlier fills that is too small to trade and joins the next hedge of
    the instrument; the last record of an instrument holds it. A fill that is too small by itself has amount 0.
    """

    now_ns: int
    trade_id: str
    instrument: str
    side: Side
    amount_nanos: int
    carried_nanos: int = 0


class HedgeClosed(msgspec.Struct, frozen=True, kw_only=True, tag="hedge_closed"):
    """The known outcome of a hedge: how much was done, and in words why it ended."""

    now_ns: int
    trade_id: str
    filled_nanos: int
    detail: str


class PositionsCompared(msgspec.Struct, frozen=True, kw_only=True, tag="positions"):
    """Our positions were held against a venue's own, asked for at `now_ns`. Every instrument agreed but `differing`."""

    now_ns: int
    venue: str
    differing: tuple[str, ...] = ()


class Mark(msgspec.Struct, frozen=True, kw_only=True, tag="mark"):
    """A venue's mark and Greeks for one instrument.

    Greeks per unit of amount: delta in coins, gamma in coins per USD, vega in USD per volatility point, theta in USD
    per day. `mark_nanos` is a price of the instrument, in coins for an inverse option; index and forward are USD.
    """

    now_ns: int
    venue: str
    instrument: str
    mark_nanos: int
    index_nanos: int
    forward_nanos: int
    iv: float
    delta: float
    gamma: float
    vega: float
    theta: float
    venue_time_ns: int
    currency: str = USD  # of the instrument: what a price in it pays

    @property
    def is_amount_usd(self) -> bool:
        """Whether amounts of the instrument count USD (an inverse future) instead of coins."""
        return self.currency != USD and not is_option_name(self.instrument)

    @property
    def in_usd(self) -> "Mark":
        """Of an option that pays coins the same as if it paid USD; any other as it is."""
        if self.currency == USD or self.is_amount_usd:
            return self
        return msgspec.structs.replace(self, mark_nanos=self.mark_nanos * self.index_nanos // NANOS, currency=USD)


class Protection(msgspec.Struct, frozen=True, kw_only=True):
    """A venue's market maker protection of one underlying.

    When the protected orders' fills within a rolling `window_ms` exceed a limit, the venue cancels all that rest and
    refuses new ones for `frozen_ms`. A limit of 0 is none; a frozen time of 0 lasts until it is reset.
    """

    underlying: str
    window_ms: int
    frozen_ms: int
    amount_limit_nanos: int = 0  # both sides add up
    delta_limit_nanos: int = 0  # both sides net


class ProtectionState(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue holds of it, and whether it has tripped."""

    protection: Protection
    is_frozen: bool


class RunStarted(msgspec.Struct, frozen=True, kw_only=True, tag="run"):
    """First record of each run. `run` is the word in its client ids; `venue` and `account` name whose book it is."""

    now_ns: int
    run: str
    venue: str
    account: str


class RunStopped(msgspec.Struct, frozen=True, kw_only=True, tag="stop"):
    """Last record of a run that ended by itself. `live_orders` is what could not be proven gone."""

    now_ns: int
    run: str
    live_orders: int


Record = (
    RunStarted
    | RunStopped
    | Rfq
    | QuoteSent
    | QuoteAnswered
    | OrderPlaced
    | CancelSent
    | OrderUpdate
    | Fill
    | FundingPaid
    | Settled
    | HedgeOpened
    | HedgeClosed
    | PositionsCompared
    | Mark
    | MarkedOut
    | QuotesSampled
)
"""Everything the journal can hold. State is a fold over these."""
