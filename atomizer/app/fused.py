"""The compiled quoter, kept in step with the hedge venue: first answers to RFQs, from the frame's bytes alone.

It answers what it fully understands: options whose books are in USD. Of everything else it says nothing, and the codec,
the responder and its pricer answer; they would give the same quote for what is answered here.
"""

import logging
from collections.abc import Callable, Iterable

from atomizer._core.book import Book
from atomizer._core.rfq import RfqQuoter
from atomizer.domain.instruments import Instrument, OptionType
from atomizer.domain.trading import Mark, Side
from atomizer.strategies.rfq_responder import QuotePlan
from atomizer.venues.rysk.profile import NANOS_PER_E8

log = logging.getLogger("atomizer")


class FusedQuotes:
    """Listens to the hedge venue and holds a quoter of what it lists, with the books where they are."""

    def __init__(self, make_quoter: Callable[[], RfqQuoter]) -> None:
        """`make_quoter` gives a new one with its chains and tokens, and without any series."""
        self._make_quoter = make_quoter
        self._quoter = make_quoter()
        self._series: dict[str, int] = {}  # by name of the option
        self._names: list[str] = []  # by number of the series
        self._marks: dict[str, Mark] = {}

    # what the hedge venue says

    def on_listings(self, listed: Iterable[tuple[Instrument, Book]]) -> None:
        """Begin a new quoter: a listing may have gone, or come again with another book or other fees."""
        quoter = self._make_quoter()
        series: dict[str, int] = {}
        for instrument, book in listed:
            if instrument.is_active and instrument.contract.is_option and not instrument.is_inverse:
                try:
                    series[instrument.name] = _add_series(quoter, instrument, book)
                except ValueError as error:
                    log.warning("%s: RFQs are answered the slow way: %s", instrument.name, error)
        self._quoter, self._series, self._names = quoter, series, list(series)
        self._marks = {name: mark for name, mark in self._marks.items() if name in series}
        for mark in self._marks.values():
            self._set_mark(mark)

    def on_mark(self, mark: Mark) -> None:
        if mark.instrument in self._series:
            self._marks[mark.instrument] = mark
            self._set_mark(mark)

    def on_dark(self) -> None:
        self._marks.clear()
        for series in self._series.values():
            self._quoter.set_mark(series, index_nanos=0, delta=0.0, vega=0.0, mark_ns=0)

    # answers

    def price(self, frame: memoryview, now_ns: int) -> QuotePlan | None:
        """The quote to show for the RFQ in a frame; None when only the slow path can tell."""
        quoter = self._quoter
        if not quoter.price(frame, now_ns):
            return None
        return QuotePlan(
            rfq_id=quoter.rfq_id,
            instrument=self._names[quoter.series_index],
            side=Side.SELL if quoter.taker_buys else Side.BUY,
            price_nanos=quoter.price_nanos,
            quantity_nanos=quoter.quantity_nanos,
            fair_nanos=quoter.hedge_nanos,
            limit_nanos=quoter.limit_nanos,
        )

    def build_quote(self, nonce: int, valid_until_s: int) -> memoryview:
        """The signed frame of the quote that was priced last. Borrowed until the next one is built."""
        return self._quoter.build_quote(nonce, valid_until_s)

    def _set_mark(self, mark: Mark) -> None:
        self._quoter.set_mark(
            self._series[mark.instrument],
            index_nanos=mark.index_nanos,
            delta=mark.delta,
            vega=mark.vega,
            mark_ns=mark.now_ns,
        )


def _add_series(quoter: RfqQuoter, instrument: Instrument, book: Book) -> int:
    contract = instrument.contract
    strike_e8, rest = divmod(contract.strike_nanos, NANOS_PER_E8)
    if rest:
        raise ValueError(f"no RFQ can name a strike of {contract.strike_nanos} nanos")
    return quoter.add_series(
        contract.underlying,
        expiry_s=contract.expiry_s,
        strike_e8=strike_e8,
        is_put=contract.option_type is OptionType.PUT,
        book=book,
        taker_fee_nanos=instrument.taker_fee_nanos,
        base_fee_nanos=instrument.base_fee_nanos,
        fee_cap_nanos=instrument.fee_cap_nanos,
    )
