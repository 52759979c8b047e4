"""What a slot decides, put together in plain Python from the book, the quote and the gate."""

from atomizer._core.book import NO_PRICE, Book
from atomizer._core.gate import REASONS, InstrumentLimits
from atomizer._core.lane import CANCEL, PLACE, REPLACE, RESUBSCRIBE
from atomizer._core.quote import QuoteParams, quote

AT_REST, MOVING, PULLING = range(3)
ALLOWED, NO_BOOK = "OK", "NO_BOOK"


class _Side:
    def __init__(self):
        self.flight = AT_REST
        self.rests = None  # (price, size)
        self.sent = None
        self.settled_ns = 0  # since when it waits for the book to show it

    def lives(self):
        return [order for order in (self.rests, self.sent) if order]


class ReferenceSlot:
    """Same inputs as the compiled slot; rows as (slot, action, is_bid, reason, price, size)."""

    def __init__(self, index, gate, params, limits, *, keep):
        self.index, self.gate = index, gate
        self.book = Book()
        self.set_params(params)
        self.set_limits(limits)
        self.keep = keep
        self.sides = {True: _Side(), False: _Side()}
        self.mark = self.fair = (NO_PRICE, 0)
        self.position = (0, 0, 0)
        self.was_dark = True
        self.unsettled = True  # something but the market changed, or was refused
        self.seen = None
        self.taken_out = {}  # our sizes by (is_bid, price), while MOVING at one price the larger one
        self.taken_sequence = 0  # of the frame that they were taken out of

    def set_params(self, params):
        self.unsettled = True
        self.size_of_reference = params["reference_size_nanos"]
        self.sizes = {True: params["bid_size_nanos"], False: params["ask_size_nanos"]}
        self.params = QuoteParams(**params)

    def set_limits(self, limits):
        self.unsettled = True
        self.tick = limits["tick_nanos"]
        self.limits = InstrumentLimits(**limits)

    def set_mark(self, *mark):
        self.unsettled = True
        self.mark = mark

    def set_fair(self, *fair):
        self.unsettled = True
        self.fair = fair

    def set_position(self, *position):
        self.unsettled = True
        self.position = position

    def settle(self, is_bid, price, size, now_ns=0):
        self.unsettled = True
        side = self.sides[is_bid]
        side.flight, side.rests, side.sent = AT_REST, (price, size) if size else None, None
        side.settled_ns = now_ns
        if not now_ns:
            self._take_own_out()

    def unsettle(self, is_bid):
        self.unsettled = True
        side = self.sides[is_bid]
        if side.flight == AT_REST:
            side.flight, side.sent = MOVING if side.rests else PULLING, side.rests

    def _read_frame(self, now_ns):
        over = [side for side in self.sides.values() if side.settled_ns and not self._waits(side, now_ns)]
        for side in over:
            side.settled_ns = 0
        if over or self.book.sequence != self.taken_sequence:
            self._take_own_out()

    def _waits(self, side, now_ns):
        return self.book.received_ns <= side.settled_ns and 0 <= now_ns - side.settled_ns < 10**9

    def _take_own_out(self):
        self.taken_sequence = self.book.sequence
        for is_bid, price in self.taken_out:
            self.book.set_own(is_bid, price, 0)
        self.taken_out = {}
        for is_bid, side in self.sides.items():
            for price, size in side.lives():
                self.taken_out[is_bid, price] = max(size, self.taken_out.get((is_bid, price), 0))
        for (is_bid, price), size in self.taken_out.items():
            self.book.set_own(is_bid, price, size)

    def _nearest(self, is_bid):
        prices = [price for price, _ in self.sides[is_bid].lives()]
        return (max if is_bid else min)(prices) if prices else NO_PRICE

    def _ask_gate(self, is_bid, order, now_ns, *, rests):
        return self.gate.check(
            self.limits,
            is_bid=is_bid,
            price_nanos=order[0],
            size_nanos=order[1],
            now_ns=now_ns,
            rests=rests,
            book_dark=self.book.dark,
            book_received_ns=self.book.received_ns,
            mark_nanos=self.mark[0],
            mark_ns=self.mark[1],
            fair_nanos=self.fair[0],
            fair_ns=self.fair[1],
            position_nanos=self.position[0],
            open_bids_nanos=self.position[1],
            open_asks_nanos=self.position[2],
            own_bid_nanos=self._nearest(True),
            own_ask_nanos=self._nearest(False),
        )

    def market(self):
        """All of the book that a quote depends on."""
        sides = [self.book.levels(is_bid) for is_bid in (True, False)]
        large = [[level for level in side if level[1] >= self.size_of_reference] for side in sides]
        return [side[0][0] if side else None for side in sides + large]

    def is_quiet(self, now_ns):
        self._read_frame(now_ns)
        return not (self.unsettled or self.book.dark or self.was_dark) and self.market() == self.seen

    def exposed(self, now_ns):
        """What lives of ours against what we want now, times its size; all of it without a price to stand at."""
        self._read_frame(now_ns)
        wanted = quote(self.book, self.params, self.mark[0], self.tick, self.fair[0])
        most = 0
        for is_bid, price in zip((True, False), wanted, strict=True):
            nearest, side = self._nearest(is_bid), self.sides[is_bid]
            size = max((size for _, size in side.lives()), default=0)
            if nearest != NO_PRICE:
                worse = nearest - price if is_bid else price - nearest
                most = max(most, (nearest if price == NO_PRICE else worse) * size)
        return most

    def decide(self, now_ns):
        self._read_frame(now_ns)
        self.unsettled = False
        self.seen = self.market()
        bid, ask = quote(self.book, self.params, self.mark[0], self.tick, self.fair[0])
        wanted = {True: bid, False: ask}
        rested = self.sides[True].rests
        bid_stands_too_high = rested is not None and rested[0] > bid
        order = (True, False) if bid_stands_too_high else (False, True)
        rows = [row for is_bid in order for row in self._decide_side(is_bid, wanted[is_bid], now_ns)]
        rows.sort(key=lambda row: row[1] != CANCEL)
        if self.book.dark and not self.was_dark:
            rows.append((self.index, RESUBSCRIBE, False, NO_BOOK, NO_PRICE, 0))
        self.was_dark = self.book.dark
        return rows

    def _decide_side(self, is_bid, price, now_ns):
        side, want = self.sides[is_bid], (price, self.sizes[is_bid])
        if side.flight == PULLING:
            return []
        if price == NO_PRICE:
            return self._pull(is_bid, NO_BOOK if self.book.dark else ALLOWED) if side.lives() else []
        if side.flight == MOVING:
            return self._pull_unless_allowed(is_bid, side.sent, now_ns)
        if side.settled_ns:
            self.unsettled = True
        if side.rests and (side.settled_ns or self._may_stay(is_bid, side.rests, want)):
            return self._pull_unless_allowed(is_bid, side.rests, now_ns)
        if side.settled_ns:
            return []
        return self._move(is_bid, want, now_ns)

    def _move(self, is_bid, want, now_ns):
        side = self.sides[is_bid]
        refusal = self._ask_gate(is_bid, want, now_ns, rests=False)
        if refusal == ALLOWED:
            action = REPLACE if side.rests else PLACE
            side.flight, side.sent = MOVING, want
            return [(self.index, action, is_bid, ALLOWED, *want)]
        self.unsettled = True
        if not side.rests:
            return []
        stands_too_near = side.rests[0] > want[0] if is_bid else side.rests[0] < want[0]
        if stands_too_near or side.rests[1] > want[1]:
            return self._pull(is_bid, refusal)
        return self._pull_unless_allowed(is_bid, side.rests, now_ns)

    def _may_stay(self, is_bid, rests, want):
        keep_price, keep_size = self.keep
        is_near = abs(rests[0] - want[0]) <= keep_price and keep_size <= rests[1] <= want[1]
        return is_near and (self._is_behind(is_bid, want[0]) or not self._is_behind(is_bid, rests[0]))

    def _is_behind(self, is_bid, price):
        """Whether others show a better price."""
        touch = self.seen[0 if is_bid else 1]
        return touch is not None and (touch > price if is_bid else touch < price)

    def _pull_unless_allowed(self, is_bid, order, now_ns):
        refusal = self._ask_gate(is_bid, order, now_ns, rests=True)
        return [] if refusal == ALLOWED else self._pull(is_bid, refusal)

    def _pull(self, is_bid, reason):
        side = self.sides[is_bid]
        side.flight = PULLING
        price = self._nearest(is_bid)
        size = next(size for order_price, size in side.lives() if order_price == price)
        return [(self.index, CANCEL, is_bid, reason, price, size)]


def as_tuples(rows, count):
    """The first rows of a lane's array, as the reference words them."""
    return [
        (
            int(row["slot"]),
            int(row["action"]),
            bool(row["is_bid"]),
            REASONS[row["reason"]],
            int(row["price_nanos"]),
            int(row["size_nanos"]),
        )
        for row in rows[:count]
    ]
