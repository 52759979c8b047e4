"""Mass quotes: many two-sided quotes in one request, under market maker protection. Pure.

Fields as in the protocol sheet §4, "Mass quotes".
"""

from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec

from atomizer.domain.instruments import Contract
from atomizer.domain.trading import Fill, Side
from atomizer.venues.deribit.codec import VenueOrder, WireOrder, WireTrade, fills_of, number, order_of
from atomizer.venues.deribit.names import to_deribit
from atomizer.venues.deribit.profile import ORDER_VALID_MS
from atomizer.venues.deribit.wire import Count, Name, Word, read

MOST_QUOTES: Final = 100  # in one request, all on the same index


class QuoteSide(NamedTuple):
    """Price and size that we want to show; a size of 0 takes away what is shown."""

    price_nanos: int
    amount_nanos: int


class TwoSided(NamedTuple):
    """What we want to show of one contract; a side that is None stays as it is."""

    contract: Contract
    bid: QuoteSide | None
    ask: QuoteSide | None
    set_id: str = "1"  # quotes of one set can be cancelled together


class QuoteRefusal(NamedTuple):
    """A side that was not taken: what rested there before is cancelled."""

    instrument: str  # the venue's name
    side: Side
    code: int
    words: str


class MassQuoted(NamedTuple):
    """What became of each side; `pending` requests were not answered yet."""

    orders: list[VenueOrder]
    fills: list[Fill]
    refusals: list[QuoteRefusal]
    pending: int


class _WireRefusal(msgspec.Struct):
    code: int
    message: Word = ""


class _WireFailure(msgspec.Struct):
    instrument_name: Name
    side: Literal["bid", "ask", "buy", "sell"]
    error: _WireRefusal


class _WireMassQuoted(msgspec.Struct):
    orders: list[WireOrder] = []
    trades: list[WireTrade] = []
    errors: list[_WireFailure] = []
    pending_requests: Count | list[Any] = 0


def build_mass_quote(quotes: Sequence[TwoSided], group: str, quote_id: str, now_ms: int) -> dict[str, object]:
    """Parameters of private/mass_quote. Crossing prices are refused, never moved: `reject_post_only`.

    Raises:
        ValueError: none or too many, or a contract twice.
    """
    if not 0 < len(quotes) <= MOST_QUOTES or len({quote.contract for quote in quotes}) != len(quotes):
        raise ValueError(f"a mass quote has 1 to {MOST_QUOTES} quotes on different contracts, not {len(quotes)}")
    return {
        "quote_id": quote_id,
        "mmp_group": group,
        "quotes": [_quote(quote) for quote in quotes],
        "detailed": True,
        "wait_for_response": True,
        "valid_until": now_ms + ORDER_VALID_MS,
    }


def _quote(quote: TwoSided) -> dict[str, object]:
    built: dict[str, object] = {"instrument_name": to_deribit(quote.contract), "quote_set_id": quote.set_id}
    for word, side in (("bid", quote.bid), ("ask", quote.ask)):
        if side is not None:
            built[word] = {
                "price": number(side.price_nanos),
                "amount": number(side.amount_nanos),
                "post_only": True,
                "reject_post_only": True,
            }
    return built


def parse_mass_quoted(result: Any, now_ns: int) -> MassQuoted:
    """Result of private/mass_quote, detailed.

    {"orders":[…],"trades":[…],"errors":[{"instrument_name":"BTC-30MAY25-100000-C","side":"bid",
    "error":{"code":10009,"message":"not_enough_funds"}}],"pending_requests":0}; orders and trades as elsewhere.
    """
    wire = read(result, _WireMassQuoted, "mass quote")
    refusals = [
        QuoteRefusal(
            failure.instrument_name,
            Side.BUY if failure.side in {"bid", "buy"} else Side.SELL,
            failure.error.code,
            failure.error.message,
        )
        for failure in wire.errors
    ]
    pending = wire.pending_requests if isinstance(wire.pending_requests, int) else len(wire.pending_requests)
    return MassQuoted([order_of(order) for order in wire.orders], fills_of(wire.trades, now_ns), refusals, pending)
