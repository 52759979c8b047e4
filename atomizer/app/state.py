"""All that a trader knows of its own doings, as one fold over the journal.

`State.apply` is the only way in: the same function while trading, on restart, in replay and in tests.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import TypeVar

from atomizer.domain.trading import (
    Fill,
    HedgeClosed,
    HedgeOpened,
    PositionsCompared,
    QuoteSent,
    Record,
    Rfq,
    RunStarted,
    RunStopped,
)
from atomizer.orders.table import OrderTable
from atomizer.portfolio.portfolio import Portfolio
from atomizer.risk.losses import Losses

# Quotes live for seconds and RFQs for minutes; the newest of each are kept, so that a trader's memory does not grow.
KEPT_QUOTES = 16_384
KEPT_RFQS = 16_384
KEPT_HEDGES = 16_384

R = TypeVar("R")


class State:
    """Orders, positions, open hedges and the RFQs in play of one book of account."""

    def __init__(self) -> None:
        self.orders = OrderTable()
        self.portfolio = Portfolio()
        self.losses = Losses()
        self.run: RunStarted | None = None  # the latest
        self.begun_ns = 0  # when the first run started
        self.stop: RunStopped | None = None  # how the latest run ended; None while it runs or when it died
        self._open_hedges: dict[str, HedgeOpened] = {}
        self._closed_hedges: dict[str, HedgeClosed] = {}
        self._carried: dict[str, int] = {}
        self._quotes: OrderedDict[tuple[str, str], QuoteSent] = OrderedDict()
        self._rfqs: OrderedDict[tuple[str, str], Rfq] = OrderedDict()
        self._quote_nonces: dict[str, int] = {}
        self._won: dict[str, Fill] = {}  # fills of our quotes that no hedge was opened for, by trade id
        self._compared_ns: dict[str, int] = {}  # by venue: when our positions were last held against its own
        self._differing: dict[tuple[str, str], int] = {}  # by venue and instrument: when they last agreed

    def apply(self, record: Record) -> bool:
        """Fold one record in. False when it says nothing new: a duplicate, or news that is older than what we know.

        Never raises, whatever the order of the records.
        """
        match record:
            case Fill():
                return self._apply_fill(record)
            case HedgeOpened() | HedgeClosed():
                return self._apply_hedge(record)
            case Rfq() | QuoteSent():
                return self._apply_rfq(record)
            case PositionsCompared():
                return self._apply_compared(record)
            case RunStarted() | RunStopped():
                return self._apply_run(record)
            case _:
                return self.orders.apply(record) or self._apply_money(record)

    def quote(self, source: str, nonce: str) -> QuoteSent | None:
        """The quote that a fill names by its nonce, which is the fill's `client_id`."""
        return self._quotes.get((source, nonce))

    def quotes(self, source: str) -> Iterator[QuoteSent]:
        """Every quote there that is remembered, oldest first."""
        return (quote for quote in self._quotes.values() if quote.source == source)

    def quotes_on(self, source: str, instruments: Iterable[str]) -> dict[str, list[QuoteSent]]:
        """By instrument every quote for it that is remembered, oldest first. Walks once through all that there are."""
        found: dict[str, list[QuoteSent]] = {name: [] for name in instruments}
        for quote in self._quotes.values() if found else ():
            if quote.instrument in found and quote.source == source:
                found[quote.instrument].append(quote)
        return found

    def doubting(self, instrument: str) -> str:
        """A venue whose position in this instrument was not ours when they were last compared; empty when none."""
        return next((venue for venue, name in self._differing if name == instrument), "")

    def agreed_ns(self, venue: str, instrument: str) -> int:
        """When our position was last the venue's own; 0 when it never was."""
        return self._differing.get((venue, instrument), self._compared_ns.get(venue, 0))

    def has_rfq(self, source: str, rfq_id: str) -> bool:
        """Whether this RFQ was seen before, also by an earlier run."""
        return (source, rfq_id) in self._rfqs

    def rfq(self, source: str, rfq_id: str) -> Rfq | None:
        return self._rfqs.get((source, rfq_id))

    def open_hedges(self) -> list[HedgeOpened]:
        """Hedges without a known outcome, oldest first."""
        return list(self._open_hedges.values())

    def carried(self) -> dict[str, int]:
        """Signed nanos by instrument that were too small to hedge and join the next hedge there."""
        return dict(self._carried)

    def unhedged_wins(self) -> list[Fill]:
        """Fills of our quotes for which no hedge was ever opened, oldest first.

        After a crash between the fill and its hedge this is what must still be hedged.
        """
        return list(self._won.values())

    def last_nonce(self, venue: str) -> int:
        """Largest nonce that an order or a quote has used at this venue; 0 when none has."""
        return max(self.orders.last_nonce(venue), self._quote_nonces.get(venue, 0))

    def _apply_run(self, record: RunStarted | RunStopped) -> bool:
        if isinstance(record, RunStopped):
            self.stop = record
        else:
            self.run, self.stop = record, None
            self.begun_ns = self.begun_ns or record.now_ns
        return True

    def _apply_fill(self, fill: Fill) -> bool:
        if not self.orders.apply(fill):
            return False
        self._apply_money(fill)
        is_hedge_known = fill.trade_id in self._open_hedges or fill.trade_id in self._closed_hedges
        if self.quote(fill.venue, fill.client_id) is not None and not is_hedge_known:
            self._won[fill.trade_id] = fill
        return True

    def _apply_money(self, record: Record) -> bool:
        if not self.portfolio.apply(record):
            return False
        net_e18 = self.portfolio.net_e18
        if net_e18 is not None:
            self.losses.update(net_e18, record.now_ns)
        return True

    def _apply_hedge(self, record: HedgeOpened | HedgeClosed) -> bool:
        self._won.pop(record.trade_id, None)
        if record.trade_id in self._closed_hedges:
            return False
        if isinstance(record, HedgeClosed):
            self._closed_hedges[record.trade_id] = record
            if len(self._closed_hedges) > KEPT_HEDGES:
                del self._closed_hedges[next(iter(self._closed_hedges))]
            self._open_hedges.pop(record.trade_id, None)
            return True
        if record.trade_id in self._open_hedges:
            return False
        self._open_hedges[record.trade_id] = record
        self._carried[record.instrument] = record.carried_nanos
        return True

    def _apply_compared(self, compared: PositionsCompared) -> bool:
        venue = compared.venue
        others = {key: agreed_ns for key, agreed_ns in self._differing.items() if key[0] != venue}
        differing = others | {(venue, name): self.agreed_ns(venue, name) for name in compared.differing}
        if compared.now_ns == self._compared_ns.get(venue) and differing == self._differing:
            return False
        self._differing = differing
        self._compared_ns[venue] = compared.now_ns
        return True

    def _apply_rfq(self, record: Rfq | QuoteSent) -> bool:
        source = record.source
        if isinstance(record, Rfq):
            return _keep(self._rfqs, (source, record.rfq_id), record, KEPT_RFQS)
        self._quote_nonces[source] = max(self._quote_nonces.get(source, 0), record.nonce)
        return _keep(self._quotes, (source, str(record.nonce)), record, KEPT_QUOTES)


def _keep(kept: OrderedDict[tuple[str, str], R], key: tuple[str, str], record: R, limit: int) -> bool:
    if key in kept:
        return False
    kept[key] = record
    if len(kept) > limit:
        kept.popitem(last=False)
    return True
