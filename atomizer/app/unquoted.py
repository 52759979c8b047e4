"""RFQs that go on without a quote of ours and may get one yet: what stood in the way may pass. Pure."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final, Generic

import msgspec

from atomizer.app.rfq_source import Request
from atomizer.domain.instruments import NANOS
from atomizer.domain.reasons import Reason

KEPT: Final = 4096
REST_NS: Final = 2 * NANOS  # after a quote has ended, or could not be sent, which is in the journal, until the next one
# A book or a mark that is yet to come, a market that moves, room that other quotes and fills take and give back, a way
# out that opens again. What is not here stays as it is for as long as the RFQ: what it asks for, and how we are set up.
PASSING: Final = frozenset(
    {
        Reason.NO_BOOK,
        Reason.STALE_BOOK,
        Reason.THIN_BOOK,
        Reason.NO_GREEKS,
        Reason.UNPROFITABLE,
        Reason.PRICE_BAND,
        Reason.MAX_POSITION,
        Reason.MAX_EXPOSURE,
        Reason.MAX_DELTA,
        Reason.MAX_GAMMA,
        Reason.MAX_VEGA,
        Reason.MAX_PREMIUM,
        Reason.NOT_CONNECTED,
        Reason.POSITION_MISMATCH,
    }
)


class Case(msgspec.Struct, Generic[Request], frozen=True):
    """An RFQ, and why it was declined; None when it had a quote, which has ended."""

    request: Request
    declined: Reason | None
    due_ns: int  # not to be looked at before


class Unquoted(Generic[Request]):
    """By RFQ, the one to be looked at next first."""

    def __init__(self) -> None:
        self._cases: OrderedDict[str, Case[Request]] = OrderedDict()

    def keep(self, request: Request, declined: Reason | None, now_ns: int) -> None:
        """Look at it again, after a rest where it needs one. `declined` for a reason that may pass: see `Case`."""
        rests = declined is None or declined is Reason.NOT_CONNECTED
        self._cases[request.rfq.rfq_id] = Case(request, declined, now_ns + REST_NS if rests else now_ns)
        if len(self._cases) > KEPT:
            self._cases.popitem(last=False)

    def drop(self, request: Request) -> None:
        self._cases.pop(request.rfq.rfq_id, None)

    def due(self, most: int, now_ns: int) -> Iterator[Case[Request]]:
        """So many at most, in turns. One whose time is over is forgotten: its last word stays."""
        for rfq_id in list(self._cases)[: min(most, len(self._cases))]:
            case = self._cases[rfq_id]
            if now_ns >= case.request.deadline_ns:
                del self._cases[rfq_id]
                continue
            self._cases.move_to_end(rfq_id)
            if now_ns >= case.due_ns:
                yield case
