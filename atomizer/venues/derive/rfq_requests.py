"""Requests with a side, out of structures without one. Pure.

A taker does not say whether it would buy or sell, so each RFQ is two requests, one for each side of ours, and each may
be quoted. An id tells side and time, for to everybody else each offer is a request of its own.
"""

import msgspec

from atomizer.domain.reasons import Reason
from atomizer.domain.trading import Rfq, RfqLeg, Side
from atomizer.errors import BadFrame
from atomizer.venues.derive.market import MarketData
from atomizer.venues.derive.profile import NANOS_PER_MS, VENUE
from atomizer.venues.derive.rfq_codec import DeriveRfq


class DeriveRequest(msgspec.Struct, frozen=True):
    """One of our sides of an RFQ, as something that can be answered with a price for each leg."""

    rfq: Rfq
    deadline_ns: int
    ticks_nanos: tuple[int, ...]  # of the legs
    structure: DeriveRfq
    side: Side  # ours, of the structure

    def tick_nanos(self, leg: int, _price_nanos: int) -> int:
        return self.ticks_nanos[leg]


def sided(rfq: DeriveRfq, side: Side, market: MarketData, now_ns: int) -> DeriveRequest:
    """What our side of a structure would be: in each leg our own sign is the leg's times ours of the whole.

    Raises:
        BadFrame: a leg is not listed here, or none is an option.
    """
    legs, ticks_nanos = [], []
    for leg in rfq.legs:
        listing = market.listing(leg.instrument)
        if listing is None:
            raise BadFrame(f"rfq {rfq.rfq_id}: {leg.instrument} is not listed here", reason=Reason.UNLISTED)
        legs.append(RfqLeg(listing.instrument.contract, leg.amount_nanos, leg.side * side < 0))
        ticks_nanos.append(listing.instrument.tick_nanos)
    if not any(leg.contract.is_option for leg in legs):
        raise BadFrame(f"rfq {rfq.rfq_id}: no leg of it is an option", reason=Reason.UNKNOWN_KIND)
    first = legs[0]
    return DeriveRequest(
        rfq=Rfq(
            now_ns=now_ns,
            source=VENUE,
            rfq_id=f"{rfq.rfq_id}/{side.word}/{now_ns // NANOS_PER_MS}",
            contract=first.contract,
            quantity_nanos=first.quantity_nanos,
            taker_buys=first.taker_buys,
            taker="",
            more=tuple(legs[1:]),
        ),
        deadline_ns=rfq.valid_until_ns,
        ticks_nanos=tuple(ticks_nanos),
        structure=rfq,
        side=side,
    )
