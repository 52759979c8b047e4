"""The compiled lane and our orders in step: frames in, rows out, rows to intents, intents to the venue, outcomes back.

A row is a wish that the lane takes as sent, so each one ends in `settle`: at once when nothing could leave, else when
the venue has told what rests. While anything about a side is unknown, the lane gets nothing but a cancel out of it.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from atomizer._core.book import Book
from atomizer._core.fixed import format_nanos
from atomizer._core.gate import REASONS, Gate, InstrumentLimits
from atomizer._core.histogram import Histogram
from atomizer._core.lane import CANCEL, PLACE, REPLACE, RESUBSCRIBE, Lane
from atomizer._core.quote import QuoteParams
from atomizer._core.slot import Slot
from atomizer.app.ledger import Ledger
from atomizer.domain.instruments import Instrument
from atomizer.domain.ports import OrderPen, OrderVenue
from atomizer.domain.trading import CancelSent, Mark, OrderPlaced, OrderState, Side, Signed, TimeInForce
from atomizer.errors import Disconnected, JournalError
from atomizer.orders.table import Order
from atomizer.strategies.market_maker import Rule

log = logging.getLogger("atomizer.quotes")

STRATEGY: Final = "mm"
FIRST_HOLD_NS: Final = 250_000_000
LONGEST_HOLD_NS: Final = 60_000_000_000
_WORDS: Final = {PLACE: "place", CANCEL: "cancel", REPLACE: "replace"}


class QuoteVenue(OrderVenue, Protocol):
    """Where quotes rest."""

    def book_channel(self, name: str) -> str:
        """The channel that an instrument's book comes on."""

    def renew_book(self, name: str) -> None:
        """Have the whole book sent again."""

    def pen(self, label_prefix: str, *, is_protected: bool) -> OrderPen | None: ...


class Quoted:
    """One instrument that we quote: its slot, its rule, and the orders that may live on each side."""

    def __init__(self, instrument: Instrument, slot: Slot) -> None:
        self.instrument = instrument
        self.slot = slot
        self.rule: Rule | None = None
        self.orders: dict[bool, list[str]] = {True: [], False: []}  # client ids by `is_bid`, oldest first
        self.is_written = False  # whether its slot can write its orders
        self.leaving: set[str] = set()  # of these, what another order is to replace
        self.refused = {True: 0, False: 0}  # orders that the venue refused, one after the other
        self.held_until_ns = {True: 0, False: 0}  # after which a side may be tried again

    @property
    def name(self) -> str:
        return self.instrument.name

    def is_leaving(self, order: Order) -> bool:
        """Whether we have asked the venue to end it."""
        return bool(order.cancel_sent_ns) or order.client_id in self.leaving


class QuoteLane:
    """The quoted instruments of one venue. Reads book frames, sends orders, settles their outcomes."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        venue: QuoteVenue,
        gate: Gate,
        run: str,
        time_in_force: TimeInForce,
        is_protected: bool,
        clock_ns: Callable[[], int],
    ) -> None:
        self._ledger = ledger
        self._venue = venue
        self._gate = gate
        self._lane = Lane(gate)
        self._prefix = f"{STRATEGY}.{run}."
        self._made = 0  # orders of this run
        self._time_in_force = time_in_force
        self._is_protected = is_protected
        self._pen = venue.pen(self._prefix, is_protected=is_protected)
        self._clock_ns = clock_ns
        self._quoted: list[Quoted] = []  # by slot
        self._by_name: dict[str, Quoted] = {}
        self._by_channel: dict[str, Quoted] = {}
        self._owners: dict[str, tuple[Quoted, bool]] = {}  # by client id, while the order may live
        self.is_on = False  # whether rows leave
        self.sent: Counter[str] = Counter()  # messages by kind
        self.latency = Histogram()  # from a frame to its last order

    def add(self, instrument: Instrument, book: Book, limits: InstrumentLimits, keep_price_nanos: int) -> Quoted:
        """Make an instrument ours to quote. It shows nothing before it has a rule."""
        channel = self._venue.book_channel(instrument.name)
        slot = self._lane.add(
            channel.encode(),
            params=params_of(_SILENT),
            limits=limits,
            keep_price_nanos=keep_price_nanos,
            keep_size_nanos=instrument.min_amount_nanos,
            book=book,
        )
        quoted = Quoted(instrument, slot)
        self._quoted.append(quoted)
        self._by_name[instrument.name] = self._by_channel[channel] = quoted
        return quoted

    def __iter__(self) -> Iterator[Quoted]:
        return iter(self._quoted)

    def get(self, name: str) -> Quoted | None:
        return self._by_name.get(name)

    @property
    def refusals(self) -> dict[str, int]:
        """Orders that the gate did not let out, by reason."""
        return {reason.lower(): count for reason, count in self._gate.refusals.items()}

    def shut(self, now_ns: int) -> None:
        """Let nothing more out, and pull what rests."""
        self._gate.shut()
        self.look(now_ns)

    def fit(self, quoted: Quoted) -> None:
        """Let the lane write the instrument's orders itself, by what the venue wants now."""
        if self._pen is not None:
            quoted.is_written = self._pen.fit(quoted.slot, quoted.name, self._time_in_force)

    def signed(self, name: str) -> Signed:
        """What the signature of an order would let the venue do."""
        return self._venue.signed(name)

    def set_rule(self, quoted: Quoted, rule: Rule | None) -> bool:
        """From the next decision on; None shows nothing. False when it is the same as before."""
        if rule == quoted.rule:
            return False
        quoted.rule = rule
        quoted.slot.set_params(params_of(_SILENT if rule is None else rule))
        return True

    # what comes

    def on_frame(self, frame: memoryview, now_ns: int) -> bool:
        count = self._lane.on_frame(frame, now_ns)
        if count > 0:
            self._act(count, now_ns)
            if self.is_on:
                self.latency.record(self._clock_ns() - now_ns)
        return count >= 0

    def on_channel(self, channel: str, now_ns: int) -> None:
        quoted = self._by_channel.get(channel)
        if quoted is not None:
            self.decide(quoted, now_ns)

    def on_mark(self, mark: Mark) -> None:
        quoted = self._by_name.get(mark.instrument)
        if quoted is not None:
            quoted.slot.set_mark(mark.mark_nanos, mark.now_ns)
            self.decide(quoted, mark.now_ns)

    def look(self, now_ns: int) -> None:
        """Decide everything anew. While the lane is off, only find out what it would do, and say so."""
        self._act(self._lane.look(now_ns), now_ns)

    def settle(self, client_id: str, now_ns: int) -> None:
        """Something was heard of this order: once all is known of its side, say what rests and decide again."""
        owner = self._owners.get(client_id)
        if owner is None:
            return
        quoted, is_bid = owner
        order = self._order(client_id)
        if order is not None and order.state is OrderState.REFUSED:
            _hold(quoted, is_bid, order, now_ns)
            self._tell(quoted, is_bid, 0)
        elif self._tell(quoted, is_bid, now_ns):
            self.decide(quoted, now_ns)

    def set_position(self, name: str, position_nanos: int) -> None:
        """What we hold; every order of ours there is the lane's own."""
        quoted = self._by_name.get(name)
        if quoted is not None:
            quoted.slot.set_position(position_nanos, 0, 0)

    def living_nanos(self, quoted: Quoted, is_bid: bool) -> int:
        """The most that can still fill on a side: a replacement comes instead of what it replaces."""
        return max((order.open_nanos for order in self._live(quoted, is_bid)), default=0)

    def highest_nanos(self, quoted: Quoted, is_bid: bool) -> int:
        """The highest price of what lives on a side and of what it would show now; below 1 when there is neither."""
        living = [order.placed.price_nanos for order in self._live(quoted, is_bid) if order.placed is not None]
        return max(quoted.slot.wanted()[0 if is_bid else 1], *living, 0)

    def resting(self, quoted: Quoted, is_bid: bool) -> Order | None:
        """The order that is known to rest on a side, for people."""
        return next(
            (o for o in self._live(quoted, is_bid) if o.state is OrderState.OPEN and not quoted.is_leaving(o)), None
        )

    # rows to orders

    def decide(self, quoted: Quoted, now_ns: int) -> None:
        """Decide one instrument, whose book, rule or orders changed."""
        self._act(self._lane.on_book_changed(quoted.slot, now_ns), now_ns)

    def _act(self, count: int, now_ns: int) -> None:
        """Send the rows of the last decision. While the lane is off nothing leaves, and the sides are as they were."""
        for row, wish in enumerate(self._lane.rows[:count].tolist() if count else ()):
            number, action, is_bid, reason, _, price_nanos, size_nanos = wish
            if action == RESUBSCRIBE:
                self._venue.renew_book(self._quoted[number].name)
                continue
            quoted = self._quoted[number]
            if log.isEnabledFor(logging.DEBUG):
                what = f"{_WORDS[action]} {'bid' if is_bid else 'ask'} {format_nanos(size_nanos)}"
                _explain(quoted, f"{what} at {format_nanos(price_nanos)}", REASONS[reason])
            if not self.is_on:
                self._tell(quoted, bool(is_bid), 0)
            elif action == CANCEL:
                self._cancel(quoted, bool(is_bid), now_ns)
            elif now_ns < quoted.held_until_ns[is_bid]:
                self._tell(quoted, bool(is_bid), 0)
            else:
                self._place(quoted, row, price_nanos, size_nanos, now_ns, is_bid=bool(is_bid))

    def _place(self, quoted: Quoted, row: int, price_nanos: int, size_nanos: int, now_ns: int, *, is_bid: bool) -> None:
        """A new order, in place of what rests on that side if anything does."""
        self._made += 1
        resting = quoted.orders[is_bid]
        order = OrderPlaced(
            now_ns=now_ns,
            venue=self._venue.name,
            client_id=f"{self._prefix}{self._made}",
            nonce=self._venue.next_nonce(now_ns),
            instrument=quoted.name,
            side=Side.BUY if is_bid else Side.SELL,
            price_nanos=price_nanos,
            amount_nanos=size_nanos,
            time_in_force=self._time_in_force,
            replaces=resting[-1] if resting else "",
            is_protected=self._is_protected,
        )
        if not self._write(order, fold=False):
            self._tell(quoted, is_bid, 0)
            return
        self._owners[order.client_id] = quoted, is_bid
        resting.append(order.client_id)
        if order.replaces:
            quoted.leaving.add(order.replaces)
        self.sent["replace" if order.replaces else "place"] += 1
        try:
            self._leave(quoted, order, row)
        finally:
            self._ledger.fold(order)  # after the send: the venue need not wait for our own books

    def _leave(self, quoted: Quoted, order: OrderPlaced, row: int) -> None:
        """By the lane's own writer where there is one: signed and written there in microseconds."""
        now_ns = order.now_ns
        expiry_s = self._pen.expiry_s(quoted.name, now_ns) if self._pen is not None and quoted.is_written else 0
        if self._pen is not None and expiry_s:
            old = self._order(order.replaces) if order.replaces else None
            filled_nanos = old.filled_nanos if old is not None else 0
            terms = order.nonce, expiry_s, self._made
            self._pen.send(order, lambda request: self._lane.build_order(row, *terms, request, filled_nanos))
        elif order.replaces:
            self._venue.replace(order, now_ns)
        else:
            self._venue.place(order, now_ns)

    def _cancel(self, quoted: Quoted, is_bid: bool, now_ns: int) -> None:
        """Whatever may live on that side. A cancel only takes risk away, so it leaves whatever the journal says."""
        for order in self._live(quoted, is_bid):
            if not order.cancel_sent_ns:
                cancel = CancelSent(now_ns=now_ns, venue=self._venue.name, client_id=order.client_id)
                if not self._write(cancel):
                    order.cancel_sent_ns = now_ns
                self.sent["cancel"] += 1
                try:
                    self._venue.cancel(cancel, now_ns)
                except Disconnected as error:
                    log.warning("order %s: not cancelled: %s", order.client_id, error)

    def _write(self, record: OrderPlaced | CancelSent, *, fold: bool = True) -> bool:
        try:
            if fold:
                self._ledger.write(record)
            else:
                self._ledger.append(record)
        except JournalError as error:
            if not self._gate.is_shut:
                log.error("nothing more leaves: %s", error)  # noqa: TRY400  one line, no trace
            self._gate.shut()
            return False
        return True

    # outcomes

    def _tell(self, quoted: Quoted, is_bid: bool, now_ns: int) -> bool:
        """Settle a side if all is known of it: also the fill behind each amount that the venue reported as filled.

        `now_ns` when the book is yet to show the change, 0 when there is none to show.
        """
        live = self._live(quoted, is_bid)
        if len(live) > 1 or any(order.state is not OrderState.OPEN or quoted.is_leaving(order) for order in live):
            return False
        if any(order.reported_nanos > order.booked_nanos for order in self._orders(quoted, is_bid)):
            return False
        resting = [order.client_id for order in live]
        for client_id in quoted.orders[is_bid]:
            if client_id not in resting:
                self._owners.pop(client_id, None)
                quoted.leaving.discard(client_id)
        quoted.orders[is_bid] = resting
        if live and (placed := live[0].placed) is not None:
            quoted.refused[is_bid] = 0
            quoted.slot.settle(is_bid, placed.price_nanos, live[0].open_nanos, placed.nonce, now_ns)
        else:
            quoted.slot.settle(is_bid, 0, 0, 0, now_ns)
        return True

    def _live(self, quoted: Quoted, is_bid: bool) -> list[Order]:
        return [order for order in self._orders(quoted, is_bid) if not order.state.is_final]

    def _orders(self, quoted: Quoted, is_bid: bool) -> list[Order]:
        found = (self._order(client_id) for client_id in quoted.orders[is_bid])
        return [order for order in found if order is not None]

    def _order(self, client_id: str) -> Order | None:
        return self._ledger.state.orders.get(self._venue.name, client_id)


def params_of(rule: Rule) -> QuoteParams:
    """A rule as the lane holds it. ValueError names what cannot be meant."""
    return QuoteParams(
        aggression_nanos=rule.aggression_nanos,
        improvement_nanos=rule.improvement_nanos,
        reference_size_nanos=rule.reference_size_nanos,
        spread_share_nanos=rule.spread_share_nanos,
        min_spread_share_nanos=rule.min_spread_share_nanos,
        bid_size_nanos=rule.bid_size_nanos,
        ask_size_nanos=rule.ask_size_nanos,
        widen_nanos=rule.widen_nanos,
        skew_nanos=rule.skew_nanos,
        is_round_fair=rule.is_round_fair,
    )


def _hold(quoted: Quoted, is_bid: bool, order: Order, now_ns: int) -> None:
    """What was refused would be refused again: each time in a row the side waits twice as long."""
    times = quoted.refused[is_bid] = quoted.refused[is_bid] + 1
    quoted.held_until_ns[is_bid] = now_ns + min(FIRST_HOLD_NS << min(times - 1, 10), LONGEST_HOLD_NS)
    code = f" (code {order.code})" if order.code is not None else ""
    log.warning("%s: order refused: %s%s", quoted.name, order.detail, code)


def _explain(quoted: Quoted, what: str, reason: str) -> None:
    book, why = quoted.slot.book, "" if reason == "OK" else f" because {reason.lower()}"
    market = " / ".join(format_nanos(price) if price > 0 else "none" for price in (book.best_bid(), book.best_ask()))
    log.debug("%s: %s%s; market without us %s", quoted.name, what, why, market)


_SILENT: Final = Rule(
    aggression_nanos=0,
    improvement_nanos=0,
    reference_size_nanos=0,
    spread_share_nanos=0,
    min_spread_share_nanos=0,
    bid_size_nanos=0,
    ask_size_nanos=0,
)
