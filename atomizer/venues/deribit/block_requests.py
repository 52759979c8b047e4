"""Requests with a side, out of block RFQs without one. Pure.

A taker does not say whether it would buy or sell, so each block RFQ is two requests, one for each side of ours. An id
tells side and time, for to everybody else each offer is a request of its own.
"""

import msgspec

from atomizer.domain.instruments import Instrument
from atomizer.domain.reasons import Reason
from atomizer.domain.trading import Rfq, RfqLeg, Side
from atomizer.errors import BadFrame
from atomizer.venues.deribit.block_codec import BlockRfq
from atomizer.venues.deribit.market import MarketData
from atomizer.venues.deribit.profile import NANOS_PER_MS, VENUE


class BlockRequest(msgspec.Struct, frozen=True):
    """One of our sides of a block RFQ, as something that can be answered with a price for each leg."""

    rfq: Rfq
    deadline_ns: int
    instruments: tuple[Instrument, ...]  # of the legs
    structure: BlockRfq
    side: Side  # ours, of the structure

    def tick_nanos(self, leg: int, price_nanos: int) -> int:
        return self.instruments[leg].tick_at(price_nanos)


def sided(rfq: BlockRfq, side: Side, market: MarketData, now_ns: int) -> BlockRequest:
    """What our side of a structure would be: in each leg our own sign is the leg's times ours of the whole.

    Raises:
        BadFrame: a leg is not listed here, none is an option, or a future comes with it at the taker's price.
    """
    what = f"block RFQ {rfq.rfq_id}"
    if rfq.hedge is not None:
        raise BadFrame(
            f"{what}: comes with {rfq.hedge.contract.name} at a price of the taker's", reason=Reason.UNKNOWN_KIND
        )
    legs, instruments = [], []
    for leg in rfq.legs:
        listing = market.listing(leg.contract.name)
        if listing is None or listing.instrument.contract != leg.contract:
            raise BadFrame(f"{what}: {leg.contract.name} is not listed here", reason=Reason.UNLISTED)
        legs.append(RfqLeg(leg.contract, rfq.amount_nanos * leg.ratio, leg.side * side < 0))
        instruments.append(listing.instrument)
    if not any(leg.contract.is_option for leg in legs):
        raise BadFrame(f"{what}: no leg of it is an option", reason=Reason.UNKNOWN_KIND)
    first = legs[0]
    return BlockRequest(
        rfq=Rfq(
            now_ns=now_ns,
            source=VENUE,
            rfq_id=f"{rfq.rfq_id}/{side.word}/{now_ns // NANOS_PER_MS}",
            contract=first.contract,
            quantity_nanos=first.quantity_nanos,
            taker_buys=first.taker_buys,
            taker=rfq.taker,
            more=tuple(legs[1:]),
        ),
        deadline_ns=rfq.expires_ns,
        instruments=tuple(instruments),
        structure=rfq,
        side=side,
    )
