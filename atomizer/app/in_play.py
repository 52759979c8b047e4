"""Our last quote for each RFQ, while it may still be taken, and what it weighs in the exposure meanwhile. Pure."""

from collections.abc import Callable, Iterator

import msgspec

from atomizer.domain.instruments import NANOS
from atomizer.domain.trading import Mark, QuoteLeg, QuoteSent
from atomizer.risk.exposure import RunningExposure, as_flight


class InPlay(msgspec.Struct):
    """One of them, and the legs of it that are no position yet."""

    quote: QuoteSent
    legs: tuple[QuoteLeg, ...]
    is_leaving: bool = False


class QuotesInPlay:
    """By RFQ, oldest first."""

    def __init__(self, exposure: RunningExposure, mark: Callable[[str], Mark | None]) -> None:
        """`mark` in what our quotes are paid in."""
        self._exposure = exposure
        self._mark = mark
        self._all: dict[str, InPlay] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __contains__(self, rfq_id: str) -> bool:
        return rfq_id in self._all

    def __getitem__(self, rfq_id: str) -> InPlay:
        return self._all[rfq_id]

    def put(self, in_play: InPlay) -> InPlay | None:
        """From now on it weighs, instead of the quote that is returned."""
        rfq_id = in_play.quote.rfq_id
        earlier = self._all.pop(rfq_id, None)  # so that the oldest stands first
        self._all[rfq_id] = in_play
        self._weigh(in_play)
        return earlier

    def drop(self, rfq_id: str) -> None:
        """Our last quote for this RFQ cannot be taken any more."""
        if self._all.pop(rfq_id, None) is not None:
            self._exposure.drop_quote(rfq_id)

    def set_aside(self, rfq_id: str) -> None:
        """Weigh the exposure without it, until `weigh`: another quote would stand in its place, not beside it."""
        self._exposure.drop_quote(rfq_id)

    def weigh(self, rfq_id: str) -> None:
        if (in_play := self._all.get(rfq_id)) is not None:
            self._weigh(in_play)

    def book(self, rfq_id: str, instrument: str) -> None:
        """A leg of our quote has become a position; its other legs are about to."""
        in_play = self._all.get(rfq_id)
        if in_play is None:
            return
        in_play.legs = tuple(leg for leg in in_play.legs if leg.instrument != instrument)
        in_play.is_leaving = True
        if in_play.legs:
            self._weigh(in_play)
        else:
            self.drop(rfq_id)

    def forget_expired(self, now_ns: int) -> None:
        """Quotes that cannot be taken any more no longer weigh."""
        now_s = now_ns // NANOS
        while self._all:
            rfq_id, in_play = next(iter(self._all.items()))
            if in_play.quote.valid_until_s >= now_s:
                return
            self.drop(rfq_id)

    def _weigh(self, in_play: InPlay) -> None:
        flights = [
            as_flight(leg.instrument, leg.side, leg.quantity_nanos, leg.price_nanos, self._mark(leg.instrument))
            for leg in in_play.legs
        ]
        self._exposure.put_quote(in_play.quote.rfq_id, *flights)
