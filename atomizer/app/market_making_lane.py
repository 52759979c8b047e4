"""The compiled lane and our orders in step: frames in, rows out, rows to intents, intents to the venue, outcomes back.

A row is a wish that the lane takes as sent, so each one ends in `settle`: at once when nothing could leave, else when
the venue has told what rests. While anything about a side is unknown, the lane gets nothing but a cancel out of it.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, Protocol

from atomizer._core.book import Book
from atomizer._core.fixed import format_nanos
from atomizer._core.gate import REASONS, Gate, InstrumentLimits
from atomizer._core.histogram import Histogram
from atomizer._core.lane import CANCEL, PLACE, REPLACE, RESUBSCRIBE, Lane, TickReader
from atomizer._core.outbox import FIRST_REQUEST_ID, Outbox
from atomizer.app.ledger import Ledger
from atomizer.app.market_making_quoted import SILENT, Quoted, Row, params_of
from atomizer.app.market_making_sides import Sides
from atomizer.domain.instruments import Instrument
from atomizer.domain.ports import OrderPen, OrderVenue
from atomizer.domain.trading import CancelSent, Mark, OrderPlaced, OrderState, Side, Signed, TimeInForce
from atomizer.errors import Disconnected, JournalError
from atomizer.orders.table import Order
from atomizer.strategies.market_maker import Rule

log = logging.getLogger("atomizer.quotes")

STRATEGY: Final = "mm"
AHEAD_AT_ONCE: Final = 16  # digests: as long as a nonce takes
_WORDS: Final = {PLACE: "place", CANCEL: "cancel", REPLACE: "replace"}


class QuoteVenue(OrderVenue, Protocol):
    """Where quotes rest."""

    def book_channel(self, name: str) -> str:
        """The channel that an instrument's book comes on."""

    def renew_book(self, name: str) -> None:
        """Have the whole book sent again."""

    def pen(self, label_prefix: str, *, is_protected: bool) -> OrderPen: ...

    @property
    def is_open(self) -> bool: ...


class Unsent(NamedTuple):
    """Written orders above this number could not be sent, and why; no words when all were."""

    after: int
    why: str


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
        self._prefix = f"{STRATEGY}.{run}."
        self._time_in_force = time_in_force
        self._is_protected = is_protected
        self._pen = venue.pen(self._prefix, is_protected=is_protected)
        self._pen.on_hold = self._allow
        self._outbox = Outbox(venue.name, ledger.journal.appender, self._pen.nonces, self._pen.socket, clock_ns)
        self._lane = Lane(gate, self._outbox)
        self.ticks = TickReader(self._lane, clock_ns, self._act, self._on_sent)
        self._clock_ns = clock_ns
        self._quoted: list[Quoted] = []  # by slot
        self._by_name: dict[str, Quoted] = {}
        self._by_channel: dict[str, Quoted] = {}
        self.sides = Sides(ledger.state.orders, venue.name)
        self._filled: dict[tuple[Quoted, bool], None] = {}  # sides that have traded since the rules were renewed
        self._is_on = False
        self.sent: Counter[str] = Counter()  # messages by kind
        self._sent_ns = 0  # when the lane last sent
        self.waits = 0  # orders that the rate budget had no room for
        self.written = Histogram()  # from what made us decide one instrument until its orders were ready to leave
        self.latency = Histogram()  # and until they were sent
        self.looks = Histogram()  # from a look at every instrument until its last orders were sent

    def add(self, instrument: Instrument, book: Book, limits: InstrumentLimits, keep_price_nanos: int) -> Quoted:
        """Make an instrument ours to quote. It shows nothing before it has a rule."""
        channel = self._venue.book_channel(instrument.name)
        slot = self._lane.add(
            channel.encode(),
            params=params_of(SILENT),
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

    def shown(self, quoted: Quoted, *, is_bid: bool) -> Order | None:
        """The order that rests on a side for all we know. Without a connection that is none: the venue pulls them."""
        return self.sides.resting(quoted, is_bid) if self._venue.is_open else None

    @property
    def is_on(self) -> bool:
        """Whether rows leave."""
        return self._is_on

    @is_on.setter
    def is_on(self, value: bool) -> None:
        self._is_on = value
        self._allow()

    @property
    def refusals(self) -> dict[str, int]:
        """Orders that the gate did not let out, by reason."""
        return {reason.lower(): count for reason, count in self._gate.refusals.items()}

    def shut(self, now_ns: int) -> None:
        """Let nothing more out, and pull what rests."""
        self._gate.shut()
        self.look(now_ns)

    def fit(self, quoted: Quoted) -> Signed:
        """Let the lane write the instrument's orders itself, and answer what their signatures let the venue do now."""
        signed = self._venue.signed(quoted.name)
        self._pen.fit(quoted.slot, quoted.name, self._time_in_force, signed)
        return signed

    def set_position(self, quoted: Quoted, position_nanos: int) -> None:
        """What we hold; every order of ours there is the lane's own.

        Told when the rules know of it, and not before: what rests still counts as a whole until its side is settled.
        """
        if position_nanos != quoted.position_nanos:
            quoted.position_nanos = position_nanos
            quoted.slot.set_position(position_nanos, 0, 0)

    def set_rule(self, quoted: Quoted, rule: Rule | None) -> bool:
        """From the next decision on; None shows nothing. False when it is the same as before."""
        if rule == quoted.rule:
            return False
        quoted.rule = rule
        quoted.slot.set_params(params_of(SILENT if rule is None else rule))
        return True

    # what comes

    def on_channel(self, channel: str, now_ns: int) -> None:
        quoted = self._by_channel.get(channel)
        if quoted is not None:
            self.decide(quoted, now_ns)

    def on_mark(self, mark: Mark) -> None:
        quoted = self._by_name.get(mark.instrument)
        if quoted is not None:
            quoted.slot.set_mark(mark.mark_nanos, mark.now_ns)
            self.decide(quoted, mark.now_ns)

    def make_ahead(self) -> int:
        """Digests of orders that may be wanted next, for when nothing else is to do; how many of some were missing."""
        return self._lane.make_ahead(self._clock_ns(), AHEAD_AT_ONCE)

    def rehearse(self) -> None:
        """Keep the way of an order in the caches."""
        self._lane.rehearse(self._clock_ns())

    def look(self, now_ns: int) -> None:
        """Decide everything anew. While the lane is off, only find out what it would do, and say so."""
        self._act(self._lane.look(now_ns), now_ns, is_look=True)

    def settle(self, client_id: str, now_ns: int) -> None:
        """Something was heard of this order: once all is known of its side, say what rests and decide again.

        Until then the side gives nothing but a cancel: a part that has filled whose trade is not told yet, say.
        """
        if (owner := self.sides.owner(client_id)) is None:
            return
        quoted, is_bid = owner
        order = self.sides.order(client_id)
        if order is not None and order.state is OrderState.REFUSED:
            quoted.hold(is_bid, order, now_ns)
            self._allow()  # the venue may have said that it was too much
            self.sides.tell(quoted, is_bid, 0)
        elif self.sides.tell(quoted, is_bid, now_ns):
            self.decide(quoted, now_ns)
        else:
            quoted.slot.unsettle(is_bid)

    def on_fill(self, client_id: str) -> None:
        """An order has traded: until the rules are renewed its side gives nothing but a cancel."""
        if (owner := self.sides.owner(client_id)) is not None:
            quoted, is_bid = owner
            quoted.filled.add(is_bid)
            quoted.slot.unsettle(is_bid)
            self._filled[owner] = None

    def on_renewed(self, now_ns: int) -> None:
        """The rules know of all that has traded: its sides may be settled, all before one is decided."""
        filled, self._filled = self._filled, {}
        for quoted, _ in filled:
            quoted.filled.clear()
        told = [quoted for quoted, is_bid in filled if self.sides.tell(quoted, is_bid, now_ns)]
        for quoted in told:
            self.decide(quoted, now_ns)

    # rows to orders

    def decide(self, quoted: Quoted, now_ns: int) -> None:
        """Decide one instrument, whose book, rule or orders changed."""
        self._act(self._lane.on_book_changed(quoted.slot, now_ns), now_ns)

    def _act(self, count: int, now_ns: int, *, is_look: bool = False) -> None:
        """See to what the last decision wants. While the lane is off nothing leaves, and the sides are as they were.

        The lane's own orders have left already, unless cancels had to go first. Our own books of these follow, and then
        what the venue's session must write, by what room they have left.
        """
        if not count:
            return
        if self._lane.cancel_count:
            self._pull(count, now_ns)
        unsent = self._send(count, now_ns)
        times = self.looks if is_look else self.latency
        self._time(now_ns, times)
        rows = [Row._make(row) for row in self._lane.rows[:count].tolist()]
        self._explain(rows)
        for row in rows:
            if row.number:
                self._book(row, now_ns, unsent)
        has_placed = False
        for row in rows:
            if row.action == RESUBSCRIBE:
                self._venue.renew_book(self._quoted[row.slot].name)
            elif row.action != CANCEL and not row.number:
                has_placed |= self._place(row, now_ns)
        if has_placed:
            times.record(self._clock_ns() - now_ns)
        self._allow()

    def _on_sent(self, rows: list[tuple[int, ...]], now_ns: int, written_ns: int, sent_ns: int) -> None:
        """A decision whose orders the lane has written, journalled and sent, into our own books."""
        self._sent_ns = sent_ns
        self.written.record(written_ns - now_ns)
        self.latency.record(sent_ns - now_ns)
        booked = list(map(Row._make, rows))
        self._explain(booked)
        for row in booked:
            self._book(row, now_ns, Unsent(0, ""))
        self._allow()

    def _explain(self, rows: list[Row]) -> None:
        for row in rows if log.isEnabledFor(logging.DEBUG) else ():
            if row.action != RESUBSCRIBE:
                what = f"{_WORDS[row.action]} {'bid' if row.is_bid else 'ask'} {format_nanos(row.size_nanos)}"
                self._quoted[row.slot].explain(f"{what} at {format_nanos(row.price_nanos)}", REASONS[row.reason])

    def _pull(self, count: int, now_ns: int) -> None:
        try:
            for row in map(Row._make, self._lane.rows[:count].tolist()):
                if row.action == CANCEL and self.is_on:
                    self._cancel(self._quoted[row.slot], bool(row.is_bid), now_ns)
                elif row.action == CANCEL:
                    self.sides.tell(self._quoted[row.slot], bool(row.is_bid), 0)
        except BaseException:
            self._outbox.clear()  # orders of a decision that came to nothing: the next one must not send them
            raise

    def _send(self, count: int, now_ns: int) -> Unsent:
        """Send what the lane could not: behind cancels, or before it had an allowance. Answers what cannot leave."""
        outbox = self._outbox
        if self.is_on and not outbox.allowance and not self._lane.rows["number"][:count].any():
            self._allow()  # time has passed since it was used up
        unsent = Unsent(0, "")
        if not self._lane.send(now_ns):
            unsent = Unsent(outbox.last_number - outbox.count, f"{self._venue.name}: not connected: nothing was sent")
            outbox.allowance = 0
            outbox.clear()
        return unsent

    def _time(self, now_ns: int, times: Histogram) -> None:
        """How long a decision took whose orders the lane has sent."""
        outbox = self._outbox
        if outbox.sent_ns == self._sent_ns:
            return
        self._sent_ns = outbox.sent_ns
        times.record(outbox.sent_ns - now_ns)
        if times is self.latency:
            self.written.record(outbox.written_ns - now_ns)

    def _allow(self) -> None:
        """Let the lane write as many orders as may leave now."""
        self._outbox.allowance = self._pen.allowance() if self.is_on else 0

    def _book(self, row: Row, now_ns: int, unsent: Unsent) -> None:
        """An order that the lane has written and journalled, into our own books."""
        order = self._order_of(row, now_ns)
        self._note(row, order)
        self._ledger.fold_written(order)
        self._pen.sent(order, FIRST_REQUEST_ID + row.number, unsent.why if row.number > unsent.after else "")

    def _place(self, row: Row, now_ns: int) -> bool:
        """An order that the venue's session writes, if it may leave; whether it did."""
        quoted, is_bid = self._quoted[row.slot], bool(row.is_bid)
        if not self.is_on or now_ns < quoted.held_until_ns[is_bid]:
            self.sides.tell(quoted, is_bid, 0)
        elif not self._pen.allowance(quoted.name):
            self._wait(row, now_ns)
        else:
            order = self._order_of(
                row._replace(number=self._outbox.next_number(), nonce=self._venue.next_nonce(now_ns)), now_ns
            )
            if self._journal(order, fold=False):
                self._note(row, order)
                self._leave(order)
                return True
            self.sides.tell(quoted, is_bid, 0)
        return False

    def _leave(self, order: OrderPlaced) -> None:
        try:
            if order.replaces:
                self._venue.replace(order, order.now_ns)
            else:
                self._venue.place(order, order.now_ns)
        finally:
            self._ledger.fold(order)  # after the send: the venue need not wait for our own books

    def _wait(self, row: Row, now_ns: int) -> None:
        """The rate budget is used up: what rests too near to the market is pulled, the rest stays as it is for now."""
        quoted, is_bid = self._quoted[row.slot], bool(row.is_bid)
        self.waits += 1
        resting = self.sides.resting(quoted, is_bid)
        away_nanos = 0 if resting is None or resting.placed is None else resting.placed.price_nanos - row.price_nanos
        if (away_nanos if is_bid else -away_nanos) > 0:
            self._cancel(quoted, is_bid, now_ns)
        else:
            self.sides.tell(quoted, is_bid, 0)

    def _order_of(self, row: Row, now_ns: int) -> OrderPlaced:
        """A new order, in place of what rests on that side if anything does."""
        quoted = self._quoted[row.slot]
        resting = quoted.orders[bool(row.is_bid)]
        return OrderPlaced(
            now_ns=now_ns,
            venue=self._venue.name,
            client_id=f"{self._prefix}{row.number}",
            nonce=row.nonce,
            instrument=quoted.name,
            side=Side.BUY if row.is_bid else Side.SELL,
            price_nanos=row.price_nanos,
            amount_nanos=row.size_nanos,
            time_in_force=self._time_in_force,
            replaces=resting[-1] if resting else "",
            is_protected=self._is_protected,
        )

    def _note(self, row: Row, order: OrderPlaced) -> None:
        self.sides.own(self._quoted[row.slot], order)
        self.sent["replace" if order.replaces else "place"] += 1

    def _cancel(self, quoted: Quoted, is_bid: bool, now_ns: int) -> None:
        """Whatever may live on that side. A cancel only takes risk away, so it leaves whatever the journal says."""
        for order in self.sides.live(quoted, is_bid):
            if not order.cancel_sent_ns:
                cancel = CancelSent(now_ns=now_ns, venue=self._venue.name, client_id=order.client_id)
                if not self._journal(cancel):
                    order.cancel_sent_ns = now_ns
                self.sent["cancel"] += 1
                try:
                    self._venue.cancel(cancel, now_ns)
                except Disconnected as error:
                    log.warning("order %s: not cancelled: %s", order.client_id, error)

    def _journal(self, record: OrderPlaced | CancelSent, *, fold: bool = True) -> bool:
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
