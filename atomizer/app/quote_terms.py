"""A quote's terms: what its source can say of our prices, and what its fills must say of them. Pure."""

import msgspec

from atomizer._core.fixed import ceil_to, floor_to, format_nanos
from atomizer.app.rfq_source import RfqRequest
from atomizer.domain.instruments import NANOS, USD
from atomizer.domain.ports import MarketView
from atomizer.domain.reasons import Reason
from atomizer.domain.trading import Fill, QuoteLeg, QuoteSent, Side
from atomizer.errors import BadFrame
from atomizer.strategies.rfq_responder import QuotePlan


def fit(plan: QuotePlan, request: RfqRequest, market: MarketView, *, pays_coin: bool) -> QuotePlan:
    """Each leg's price in what the source pays in, where its grid allows one, to our good."""
    legs = [_coined(leg, market) for leg in plan.legs] if pays_coin else plan.legs
    first, *more = (_on_tick(leg, number, request) for number, leg in enumerate(legs))
    return msgspec.structs.replace(plan, price_nanos=first.price_nanos, fair_nanos=first.fair_nanos, more=tuple(more))


def _coined(leg: QuoteLeg, market: MarketView) -> QuoteLeg:
    """In coins, where the instrument is listed so, by the index that it was priced with."""
    mark = market.mark(leg.instrument)
    if mark is None or mark.currency == USD:
        return leg
    price_nanos, fair_nanos = (
        usd_nanos * NANOS // mark.index_nanos if leg.side is Side.BUY else -(-usd_nanos * NANOS // mark.index_nanos)
        for usd_nanos in (leg.price_nanos, leg.fair_nanos)
    )
    return msgspec.structs.replace(leg, price_nanos=price_nanos, fair_nanos=fair_nanos)


def _on_tick(leg: QuoteLeg, number: int, request: RfqRequest) -> QuoteLeg:
    round_to = floor_to if leg.side is Side.BUY else ceil_to
    price_nanos = round_to(leg.price_nanos, request.tick_nanos(number, leg.price_nanos))
    return leg if price_nanos == leg.price_nanos else msgspec.structs.replace(leg, price_nanos=price_nanos)


def told(leg: QuoteLeg) -> str:
    """A leg for people: buy 1 ETH-20250530-3000-C at 95.5."""
    size, price = format_nanos(leg.quantity_nanos), format_nanos(leg.price_nanos)
    return f"{leg.side.word} {size} {leg.instrument} at {price}"


def verify_fill(fill: Fill, quote: QuoteSent) -> None:
    """Hold a fill against the leg of the quote that it names.

    Raises:
        BadFrame: nonce, instrument, side, price or quantity is not what we signed; names both values.
    """
    leg = next((leg for leg in quote.legs if leg.instrument == fill.instrument), quote.legs[0])
    pairs = (
        ("nonce", fill.client_id, str(quote.nonce)),
        ("instrument", fill.instrument, leg.instrument),
        ("side", fill.side.word, leg.side.word),
        ("price_nanos", fill.price_nanos, leg.price_nanos),
        ("quantity_nanos", fill.amount_nanos, leg.quantity_nanos),
    )
    for name, traded, signed in pairs:
        if traded != signed:
            raise BadFrame(f"{name} is {traded}, we signed {signed}", reason=Reason.MALFORMED)
