"""RFQs and quotes: what takers ask for, what makers answer, and both sides' requests. Pure.

Fields as in the protocol sheet §3.5 and §6. The sign of every leg is made of two words: the leg's direction, which is
the structure's, and the direction of the quote or the execution, which says on which side of the structure one stands.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from atomizer._core.fixed import format_e18, format_nanos
from atomizer.domain.trading import OrderState, Side
from atomizer.errors import BadFrame
from atomizer.net.rpc import Fault
from atomizer.venues.derive.codes import WireError, fault_of
from atomizer.venues.derive.profile import NANOS_PER_MS
from atomizer.venues.derive.wire import Count, Digits, Identity, Millis, Name, Nonce, Word, e18, nanos, read

MOST_LEGS: Final = 64  # beyond is not a structure that anybody prices
_STATES: Final = {
    "open": OrderState.OPEN,
    "filled": OrderState.FILLED,
    "cancelled": OrderState.CANCELLED,
    "expired": OrderState.EXPIRED,
}
Direction = Literal["buy", "sell"]
Status = Literal["open", "filled", "cancelled", "expired"]


class Leg(msgspec.Struct, frozen=True):
    """One leg of a structure; its side is the structure's own. The amount is positive."""

    instrument: str
    side: Side
    amount_nanos: int


class DeriveRfq(msgspec.Struct, frozen=True, kw_only=True):
    """What a taker asks for. It does not say whether it would buy or sell the structure."""

    rfq_id: str
    legs: tuple[Leg, ...]
    state: OrderState
    created_ns: int
    valid_until_ns: int  # wall clock of the venue; nothing can be executed after it
    detail: str = ""


class DeriveQuote(msgspec.Struct, frozen=True, kw_only=True):
    """A quote or an execution. `side` is its owner's side of the structure; `prices_nanos` go with the legs.

    `nonce` is 0 and `label` empty where the quote is another's, which does not show them.
    """

    quote_id: str
    rfq_id: str
    side: Side
    legs: tuple[Leg, ...]
    prices_nanos: tuple[int, ...]
    state: OrderState
    is_maker: bool
    detail: str = ""
    fee_e18: int = 0
    nonce: int = 0
    label: str = ""
    wallet: str = ""

    @property
    def cost_e18(self) -> int:
        """What its owner pays; below 0 it is paid."""
        return self.side * structure_cost_e18(self.legs, self.prices_nanos)


class ReplacedQuote(msgspec.Struct, frozen=True):
    """The old quote as it ended, and the new one, or why there is none."""

    cancelled: DeriveQuote
    quote: DeriveQuote | None
    fault: Fault | None


class QuoteTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What one side signs: `side` is its own side of the structure, `prices_nanos` go with the legs."""

    side: Side
    legs: tuple[Leg, ...]
    prices_nanos: tuple[int, ...]
    max_fee_nanos: int  # of the whole trade
    nonce: int
    expiry_s: int


class SignedQuote(msgspec.Struct, frozen=True):
    """Terms and their signature (0x, 65 bytes)."""

    terms: QuoteTerms
    signature: str


class _WireLeg(msgspec.Struct):
    instrument_name: Name
    direction: Direction
    amount: Digits


class _WirePricedLeg(_WireLeg):
    price: Digits


class _WireRfq(msgspec.Struct):
    rfq_id: Identity
    status: Status
    legs: list[_WireLeg]
    creation_timestamp: Millis
    valid_until: Millis
    cancel_reason: Word | None = ""


class _WireQuote(msgspec.Struct):
    quote_id: Identity
    rfq_id: Identity
    direction: Direction
    legs: list[_WirePricedLeg]
    status: Status
    liquidity_role: Literal["maker", "taker"]
    cancel_reason: Word | None = ""
    fee: Digits = "0"
    nonce: Nonce = 0
    label: Word | None = ""
    wallet: Word | None = ""


class _WirePagination(msgspec.Struct):
    num_pages: Count


class _WireRfqs(msgspec.Struct):
    rfqs: list[_WireRfq]
    pagination: _WirePagination


class _WireQuotes(msgspec.Struct):
    quotes: list[_WireQuote]
    pagination: _WirePagination


class _WireReplaced(msgspec.Struct):
    cancelled_quote: _WireQuote
    quote: _WireQuote | None = None
    create_quote_error: WireError | None = None


class _WireBest(msgspec.Struct):
    best_quote: _WireQuote | None


def structure_cost_e18(legs: Sequence[Leg], prices_nanos: Sequence[int]) -> int:
    """What buying the structure at these prices costs: Σ side x price x amount."""
    return sum(leg.side * price * leg.amount_nanos for leg, price in zip(legs, prices_nanos, strict=True))


# --- what comes


def parse_rfq(result: Any) -> DeriveRfq:
    """One RFQ, as its taker or as makers see it.

    {"rfq_id":"364ca0b4-0ed4-4b2f-9b0a-3d9d0f7f2c11","subaccount_id":30770,"status":"open","cancel_reason":"",
    "legs":[{"instrument_name":"ETH-20250530-3000-C","direction":"buy","amount":"10"}],
    "creation_timestamp":1748500000000,"last_update_timestamp":1748500000000,"valid_until":1748500600000,
    "filled_direction":null,"total_cost":null}

    Raises:
        BadFrame: a field is missing, of another type or out of range.
    """
    return _rfq(read(result, _WireRfq, "rfq"))


def parse_rfq_notice(data: Any) -> list[DeriveRfq]:
    """Data of the {wallet}.rfqs channel: an array of RFQs, each when it is made and whenever its status changes."""
    return [_rfq(wire) for wire in read(data, list[_WireRfq], "rfqs")]


def parse_rfqs(result: Any) -> tuple[list[DeriveRfq], int]:
    """Result of poll_rfqs or get_rfqs → RFQs and the number of pages."""
    wire = read(result, _WireRfqs, "rfqs")
    return [_rfq(each) for each in wire.rfqs], wire.pagination.num_pages


def parse_quote(result: Any) -> DeriveQuote:
    """One quote, as its owner or as the other side sees it.

    {"quote_id":"9c3d7d3e-2a53-4a0f-8b2f-0a4f6c1f7e22","rfq_id":"364ca0b4-…","subaccount_id":30769,"direction":"sell",
    "legs":[{"instrument_name":"ETH-20250530-3000-C","direction":"buy","amount":"10","price":"95.5"}],
    "legs_hash":"0xc51e…","liquidity_role":"maker","status":"open","cancel_reason":"","fee":"0","max_fee":"50",
    "label":"","mmp":false,"nonce":1748500000000111,…}

    Raises:
        BadFrame: a field is missing, of another type or out of range.
    """
    return _quote(read(result, _WireQuote, "quote"))


def parse_quote_notice(data: Any) -> list[DeriveQuote]:
    """Data of the {subaccount}.quotes channel: our own quotes, as maker and as taker."""
    return [_quote(wire) for wire in read(data, list[_WireQuote], "quotes")]


def parse_quotes(result: Any) -> tuple[list[DeriveQuote], int]:
    """Result of get_quotes or poll_quotes → quotes and the number of pages."""
    wire = read(result, _WireQuotes, "quotes")
    return [_quote(each) for each in wire.quotes], wire.pagination.num_pages


def parse_replaced_quote(result: Any) -> ReplacedQuote:
    """Result of private/replace_quote, which is a result also when only the old quote went: see `codec.parse_replaced`.

    Raises:
        BadFrame: a field is missing, of another type or out of range, or there is neither a quote nor an error.
    """
    wire = read(result, _WireReplaced, "replacement")
    if (wire.quote is None) == (wire.create_quote_error is None):
        raise BadFrame("replacement: expected a quote or a create_quote_error, and not both")
    return ReplacedQuote(
        _quote(wire.cancelled_quote),
        _quote(wire.quote) if wire.quote is not None else None,
        fault_of(wire.create_quote_error) if wire.create_quote_error is not None else None,
    )


def parse_best_quote(result: Any) -> DeriveQuote | None:
    """Result of private/rfq_get_best_quote → the best quote, None while there is none."""
    best = read(result, _WireBest, "best quote").best_quote
    return _quote(best) if best is not None else None


def _rfq(wire: _WireRfq) -> DeriveRfq:
    return DeriveRfq(
        rfq_id=wire.rfq_id,
        legs=_legs(wire.legs, f"rfq {wire.rfq_id}"),
        state=_STATES[wire.status],
        created_ns=wire.creation_timestamp * NANOS_PER_MS,
        valid_until_ns=wire.valid_until * NANOS_PER_MS,
        detail=wire.cancel_reason or "",
    )


def _quote(wire: _WireQuote) -> DeriveQuote:
    what = f"quote {wire.quote_id}"
    return DeriveQuote(
        quote_id=wire.quote_id,
        rfq_id=wire.rfq_id,
        side=_side(wire.direction),
        legs=_legs(wire.legs, what),
        prices_nanos=tuple(nanos(leg.price, f"{what} price of {leg.instrument_name}") for leg in wire.legs),
        state=_STATES[wire.status],
        is_maker=wire.liquidity_role == "maker",
        detail=wire.cancel_reason or "",
        fee_e18=e18(wire.fee, f"{what} fee"),
        nonce=int(wire.nonce),
        label=wire.label or "",
        wallet=wire.wallet or "",
    )


def _legs(wires: Sequence[_WireLeg], what: str) -> tuple[Leg, ...]:
    if not 1 <= len(wires) <= MOST_LEGS:
        raise BadFrame(f"{what}: {len(wires)} legs")
    return tuple(
        Leg(
            wire.instrument_name,
            _side(wire.direction),
            nanos(wire.amount, f"{what} amount of {wire.instrument_name}", at_least=1),
        )
        for wire in wires
    )


def _side(direction: Direction) -> Side:
    return Side.BUY if direction == "buy" else Side.SELL


# --- what goes


def build_rfq(
    subaccount_id: int, legs: Sequence[Leg], *, label: str, most_cost_e18: int | None, least_cost_e18: int | None
) -> dict[str, object]:
    """Parameters of private/send_rfq; legs go sorted by name, as the venue wants them.

    `most_cost_e18` is what we pay at most if we buy the structure, `least_cost_e18` what we take at least if we sell
    it: makers see neither.
    """
    params: dict[str, object] = {
        "subaccount_id": subaccount_id,
        "legs": [_leg(leg) for leg in sorted(legs, key=lambda leg: leg.instrument)],
        "label": label,
    }
    if most_cost_e18 is not None:
        params["max_total_cost"] = format_e18(most_cost_e18)
    if least_cost_e18 is not None:
        params["min_total_cost"] = format_e18(least_cost_e18)
    return params


def build_quote(rfq_id: str, subaccount_id: int, signer: str, signed: SignedQuote, label: str) -> dict[str, object]:
    """Parameters that private/send_quote and private/execute_quote share.

    The nonce is a number in both versions: v3's specification has text for orders only.
    """
    terms = signed.terms
    return {
        "subaccount_id": subaccount_id,
        "rfq_id": rfq_id,
        "direction": terms.side.word,
        "legs": [
            _leg(leg) | {"price": format_nanos(price)}
            for leg, price in zip(terms.legs, terms.prices_nanos, strict=True)
        ],
        "max_fee": format_nanos(terms.max_fee_nanos),
        "nonce": terms.nonce,
        "signer": signer,
        "signature": signed.signature,
        "signature_expiry_sec": terms.expiry_s,
        "label": label,
    }


def _leg(leg: Leg) -> dict[str, object]:
    return {
        "instrument_name": leg.instrument,
        "direction": leg.side.word,
        "amount": format_nanos(leg.amount_nanos),
    }
