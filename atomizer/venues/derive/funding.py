"""What holding perpetuals cost or earned: the venue's payments, each moved into cash when it settles."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from atomizer.domain.trading import FundingPaid
from atomizer.errors import BadFrame, VenueError
from atomizer.net.rpc import Rpc
from atomizer.venues.derive.profile import VENUE
from atomizer.venues.derive.wire import Count, Digits, Millis, Name, Word, e18_nearest, read

PAGE_SIZE: Final = 1000
MOST_PAGES: Final = 100
METHOD: Final = "private/get_funding_history"
_FAILED: Final = "Error"  # how the states of a batch end that did not come to be
NANOS_PER_MS: Final = 1_000_000


class _WireEvent(msgspec.Struct):
    instrument_name: Name
    funding: Digits
    timestamp: Millis
    batch_uuid: Word = ""  # v3 only, with the state of its batch
    batch_status: Word = ""


class _WirePagination(msgspec.Struct):
    num_pages: Count


class _WireEvents(msgspec.Struct):
    events: list[_WireEvent]
    pagination: _WirePagination


def parse_funding(result: Any, now_ns: int) -> tuple[list[FundingPaid], int]:
    """Result of private/get_funding_history → payments, and how many pages there are. Below 0 we paid.

    {"events":[{"subaccount_id":30769,"instrument_name":"ETH-PERP","funding":"-0.0125","pnl":"0",
    "timestamp":1783411200000,"tx_hash":null,"batch_uuid":"6f1c…","batch_status":"Settled"}],
    "pagination":{"count":1,"num_pages":1}}

    Settlements of a batch that failed moved no money, and come again in another. A payment has no name of its own: its
    perpetual and moment are one, with the batch where it is told.

    Raises:
        BadFrame: a field is missing, of another type or out of range.
    """
    wire = read(result, _WireEvents, "funding history")
    return [_payment(event, now_ns) for event in wire.events if not event.batch_status.endswith(_FAILED)], (
        wire.pagination.num_pages
    )


def _payment(event: _WireEvent, now_ns: int) -> FundingPaid:
    batch = f".{event.batch_uuid}" if event.batch_uuid else ""
    return FundingPaid(
        now_ns=now_ns,
        venue=VENUE,
        payment_id=f"{event.instrument_name}.{event.timestamp}{batch}",
        instrument=event.instrument_name,
        amount_e18=e18_nearest(event.funding, f"funding of {event.instrument_name}"),
        venue_time_ns=event.timestamp * NANOS_PER_MS,
    )


async def fetch_funding(rpc: Rpc, subject: Mapping[str, object], since_ms: int, now_ns: int) -> list[FundingPaid]:
    """Every payment to a subaccount, the `subject`, since then, oldest first.

    Raises:
        VenueError, BadFrame: not told, or two payments of one name differ.
    """
    found: dict[str, FundingPaid] = {}
    for page in range(1, MOST_PAGES + 1):
        asked = {"start_timestamp": since_ms, "page": page, "page_size": PAGE_SIZE}
        payments, page_count = parse_funding(await rpc.ask(METHOD, {**subject, **asked}), now_ns)
        for payment in payments:
            # A payment that came meanwhile moves the last of a page to the next one: that is the same again.
            if found.setdefault(payment.payment_id, payment) != payment:
                raise BadFrame(f"funding history: two payments are {payment.payment_id}, of different amounts")
        if page >= page_count:
            return sorted((each for each in found.values() if each.amount_e18), key=lambda each: each.venue_time_ns)
    raise VenueError(VENUE, f"more than {MOST_PAGES} pages of funding", request=METHOD)
