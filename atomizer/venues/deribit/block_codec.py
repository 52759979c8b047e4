"""Block RFQs from the maker's side: what takers ask for, and our quotes on it. Pure.

Fields as in the protocol sheet §6; the samples are those of the venue's documents.
"""

from decimal import Decimal
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta

from atomizer.domain.instruments import Contract
from atomizer.domain.trading import Side
from atomizer.errors import BadFrame
from atomizer.venues.deribit.codec import number
from atomizer.venues.deribit.names import to_deribit
from atomizer.venues.deribit.profile import NANOS_PER_MS
from atomizer.venues.deribit.wire import INT64_MAX, Integer, Millis, Name, Word, contract_of, nanos, read

MOST_LEGS: Final = 64
NOTHING: Final = Decimal(0)


class Leg(NamedTuple):
    """One contract of the structure, as the taker listed it: buying the structure trades it this way."""

    contract: Contract
    side: Side
    ratio: int  # its size is the structure's amount times this


class Hedge(NamedTuple):
    """A future that comes with the structure, at a price that the taker names."""

    contract: Contract
    side: Side
    price_nanos: int
    amount_nanos: int


class BlockRfq(msgspec.Struct, frozen=True, kw_only=True):
    """A taker asks makers for a price of a structure."""

    rfq_id: int
    state: str  # open, filled, cancelled, expired
    amount_nanos: int
    smallest_nanos: int  # that may trade; 0 is not said
    legs: tuple[Leg, ...]
    hedge: Hedge | None
    expires_ns: int
    taker: str  # empty when not disclosed
    rating: str  # of the taker, as a range


class BlockQuote(msgspec.Struct, frozen=True, kw_only=True):
    """A quote of ours, as the venue has it."""

    quote_id: int
    rfq_id: int
    state: str
    reason: str
    side: Side  # ours, on the structure as listed
    price_nanos: int  # of the whole structure; below 0 for one that pays its buyer
    amount_nanos: int
    filled_nanos: int
    label: str


class _WireLeg(msgspec.Struct):
    instrument_name: Name
    direction: Literal["buy", "sell"]
    ratio: Annotated[int, Meta(ge=1, le=10_000)]


class _WireHedge(msgspec.Struct):
    instrument_name: Name
    direction: Literal["buy", "sell"]
    price: Decimal
    amount: Decimal


class _WireRfq(msgspec.Struct):
    block_rfq_id: Integer
    state: Word
    amount: Decimal
    legs: Annotated[list[_WireLeg], Meta(min_length=1, max_length=MOST_LEGS)]
    expiration_timestamp: Millis
    min_trade_amount: Decimal | None = None
    hedge: _WireHedge | None = None
    taker: Word | None = None
    taker_rating: Word | None = None


class _WireRfqs(msgspec.Struct):
    block_rfqs: list[_WireRfq]


class _WireQuote(msgspec.Struct):
    block_rfq_quote_id: Integer
    block_rfq_id: Integer
    quote_state: Word
    direction: Literal["buy", "sell"]
    price: Decimal
    amount: Decimal
    filled_amount: Decimal = NOTHING
    quote_state_reason: Word | None = None
    label: Word | None = None


def parse_block_rfq(data: Any) -> BlockRfq:
    """Data of a block_rfq.maker channel.

    {"state":"open","amount":40000,"role":"maker","combo_id":"BTC-15NOV24","legs":[{"direction":"sell",
    "instrument_name":"BTC-15NOV24","ratio":1}],"creation_timestamp":1731062457741,"block_rfq_id":508,
    "expiration_timestamp":1731062757741,"hedge":{"amount":10,"direction":"buy","price":70000,
    "instrument_name":"BTC-PERPETUAL"},"taker_rating":"1-2"}

    Raises:
        BadFrame: a field is missing, of another type or out of range, or a leg that is no contract.
    """
    return _rfq(read(data, _WireRfq, "block RFQ"))


def parse_block_rfqs(result: Any) -> list[BlockRfq]:
    """Result of private/get_block_rfqs."""
    return [_rfq(wire) for wire in read(result, _WireRfqs, "block RFQs").block_rfqs]


def _rfq(wire: _WireRfq) -> BlockRfq:
    what = f"block RFQ {wire.block_rfq_id}"
    hedge = wire.hedge
    return BlockRfq(
        rfq_id=wire.block_rfq_id,
        state=wire.state,
        amount_nanos=nanos(wire.amount, f"{what} amount", at_least=1),
        smallest_nanos=nanos(wire.min_trade_amount or NOTHING, f"{what} min_trade_amount"),
        legs=tuple(Leg(contract_of(leg.instrument_name, what), _side(leg.direction), leg.ratio) for leg in wire.legs),
        hedge=None
        if hedge is None
        else Hedge(
            contract_of(hedge.instrument_name, what),
            _side(hedge.direction),
            nanos(hedge.price, f"{what} hedge price", at_least=1),
            nanos(hedge.amount, f"{what} hedge amount", at_least=1),
        ),
        expires_ns=wire.expiration_timestamp * NANOS_PER_MS,
        taker=wire.taker or "",
        rating=wire.taker_rating or "",
    )


def build_quote(
    rfq: BlockRfq, side: Side, amount_nanos: int, leg_prices_nanos: tuple[int, ...], *, label: str, expires_ms: int
) -> dict[str, object]:
    """Parameters of private/add_block_rfq_quote: our side of the whole structure, and a price for each leg.

    The legs repeat the RFQ's own directions whatever our side is.
    """
    params: dict[str, object] = {
        "block_rfq_id": rfq.rfq_id,
        "direction": side.word,
        "label": label,
        "expires_at": expires_ms,
    }
    return params | _terms(rfq, amount_nanos, leg_prices_nanos)


def build_quote_edit(
    rfq: BlockRfq, quote_id: int, amount_nanos: int, leg_prices_nanos: tuple[int, ...]
) -> dict[str, object]:
    """Parameters of private/edit_block_rfq_quote."""
    return {"block_rfq_quote_id": quote_id} | _terms(rfq, amount_nanos, leg_prices_nanos)


def _terms(rfq: BlockRfq, amount_nanos: int, leg_prices_nanos: tuple[int, ...]) -> dict[str, object]:
    if len(leg_prices_nanos) != len(rfq.legs):
        raise ValueError(f"block RFQ {rfq.rfq_id} has {len(rfq.legs)} legs and {len(leg_prices_nanos)} prices")
    terms: dict[str, object] = {
        "amount": number(amount_nanos),
        "legs": [
            {
                "instrument_name": to_deribit(leg.contract),
                "direction": leg.side.word,
                "ratio": leg.ratio,
                "price": number(price_nanos),
            }
            for leg, price_nanos in zip(rfq.legs, leg_prices_nanos, strict=True)
        ],
    }
    if rfq.hedge is not None:
        terms["hedge"] = {
            "instrument_name": to_deribit(rfq.hedge.contract),
            "direction": rfq.hedge.side.word,
            "price": number(rfq.hedge.price_nanos),
            "amount": number(rfq.hedge.amount_nanos),
        }
    return terms


def parse_quote(result: Any) -> BlockQuote:
    """Result of private/add_block_rfq_quote, edit_block_rfq_quote and cancel_block_rfq_quote.

    {"label":"example_quote","amount":10000,"direction":"buy","price":69600,"legs":[{"direction":"buy","price":69600,
    "instrument_name":"BTC-15NOV24","ratio":1}],"creation_timestamp":1731076586371,"block_rfq_id":3,"replaced":false,
    "filled_amount":0,"last_update_timestamp":1731076586371,"block_rfq_quote_id":8,"quote_state":"open"}
    """
    return _quote(read(result, _WireQuote, "block quote"))


def parse_quotes(data: Any) -> list[BlockQuote]:
    """Data of a block_rfq.maker.quotes channel, and result of private/get_block_rfq_quotes: an array of quotes."""
    return [_quote(wire) for wire in read(data, list[_WireQuote], "block quotes")]


def _quote(wire: _WireQuote) -> BlockQuote:
    what = f"block quote {wire.block_rfq_quote_id}"
    price_nanos = nanos(wire.price, f"{what} price", at_least=-INT64_MAX)
    amount_nanos = nanos(wire.amount, f"{what} amount")
    filled_nanos = nanos(wire.filled_amount, f"{what} filled_amount")
    if filled_nanos > amount_nanos:
        raise BadFrame(f"{what}: filled {wire.filled_amount} of {wire.amount}")
    return BlockQuote(
        quote_id=wire.block_rfq_quote_id,
        rfq_id=wire.block_rfq_id,
        state=wire.quote_state,
        reason=wire.quote_state_reason or "",
        side=_side(wire.direction),
        price_nanos=price_nanos,
        amount_nanos=amount_nanos,
        filled_nanos=filled_nanos,
        label=wire.label or "",
    )


def _side(word: str) -> Side:
    return Side.BUY if word == "buy" else Side.SELL
