"""How many messages a market maker sends for its time at the touch, against cancel-and-replace on the same seeded day.

Pure, in virtual time: the practice market, practice Derive's matching, and the compiled lane as the market maker. What
a maker sends reaches the venue one step (100 ms) later, and takers of the market hit whom they find.

Cancel-and-replace is the same lane without memory: the same prices on the same events, but whenever one differs from
what rests, or something of it has traded, a cancel and a new order.
"""

from dataclasses import dataclass

from atomizer._core.gate import Gate, InstrumentLimits
from atomizer._core.lane import CANCEL, REPLACE, RESUBSCRIBE, Lane
from atomizer._core.quote import QuoteParams
from atomizer.sim.derive import PRACTICE_ACCOUNT, FeeSchedule
from atomizer.sim.derive.engine import Engine
from atomizer.sim.derive.orders import Order, OrderRequest, Status
from atomizer.sim.market import STEP_NS, Market, RfqArrival

NANOS = 10**9
START_NS = 1_790_000_000 * NANOS
DEPTH = 10
SIZE = NANOS // 2
STEPS_A_SECOND = NANOS // STEP_NS
FEWER = 0.4
NOISE = 0.002  # of the time at the touch: a fill more or less moves both
ALWAYS = 1 << 60


@dataclass
class Tally:
    """What one maker did on one day. A side-step is one side of one instrument in one step."""

    name: str
    messages: int = 0
    side_steps: int = 0
    touch_steps: int = 0
    filled: int = 0  # nanos

    @property
    def touch(self):
        return self.touch_steps / self.side_steps


class Day:
    """One seeded day and one maker on it."""

    def __init__(self, name, *, seed, aggression, strikes, keep_ticks):
        """Without `keep_ticks` the maker has no memory: every difference is a cancel and a new order."""
        self.tally = Tally(name)
        self.keep_ticks = keep_ticks
        self.market = Market(seed, START_NS)
        self.engine = Engine(self.market, (PRACTICE_ACCOUNT,), FeeSchedule(), seed=seed, now_ns=START_NS)
        self.account = self.engine.subaccounts[PRACTICE_ACCOUNT.subaccount_id]
        self.lane = Lane(Gate(4096))
        self.slots = {name: self.add(name, aggression) for name in near_the_money(self.market, strikes)}
        self.names = list(self.slots)
        self.versions = dict.fromkeys(self.names, -1)
        self.resting = {}  # (name, is_bid) to order
        self.seen = {}  # (name, is_bid) to what was left of it when we last looked
        self.on_their_way = []
        self.number = 0

    def add(self, name, aggression):
        rule = self.engine.instruments[name]
        keep = 0 if self.keep_ticks is None else self.keep_ticks
        return self.lane.add(
            f"orderbook.{name}.1.{DEPTH}".encode(),
            params=QuoteParams(
                aggression_nanos=int(aggression * NANOS),
                improvement_nanos=NANOS // 10,
                reference_size_nanos=0,
                spread_share_nanos=5_000_000,
                min_spread_share_nanos=1_000_000,
                bid_size_nanos=SIZE,
                ask_size_nanos=SIZE,
            ),
            limits=InstrumentLimits(
                tick_nanos=rule.tick,
                lot_nanos=rule.lot,
                min_amount_nanos=rule.minimum,
                max_amount_nanos=rule.maximum,
                max_order_size_nanos=ALWAYS,
                max_position_nanos=ALWAYS,
                mark_band_share_nanos=NANOS,
                max_book_age_ns=ALWAYS,
                max_mark_age_ns=ALWAYS,
            ),
            keep_price_nanos=keep * rule.tick,
            keep_size_nanos=SIZE if self.keep_ticks is None else rule.minimum,
        )

    def run(self, steps):
        for step in range(steps):
            now_ns = START_NS + step * STEP_NS
            self.arrive(now_ns)
            for event in self.market.advance(now_ns):
                if not isinstance(event, RfqArrival):
                    self.engine.on_event(event, now_ns)
            self.engine.drain()
            self.hear(now_ns)
            self.count()
        return self.tally

    # what the venue does with what we sent a step ago

    def arrive(self, now_ns):
        sent, self.on_their_way = self.on_their_way, []
        for name, is_bid, price, size in sent:
            old = self.resting.pop((name, is_bid), None)
            if old is not None and old.status is Status.OPEN:
                self.engine.close(old, Status.CANCELLED, "user_request", now_ns)
            if size and not self.would_trade(name, is_bid, price):
                order = self.order(name, is_bid, price, size, now_ns)
                self.engine.place(order, now_ns)
                self.resting[name, is_bid] = order
            self.settle(name, is_bid, now_ns)

    def would_trade(self, name, is_bid, price):
        other = self.engine.books[name].best(is_bid=not is_bid)
        return other is not None and (price >= other if is_bid else price <= other)

    def settle(self, name, is_bid, now_ns):
        order = self.resting.get((name, is_bid))
        left = order.remaining if order is not None and order.status is Status.OPEN else 0
        self.seen[name, is_bid] = left
        price = order.limit_price if left else 0
        self.slots[name].settle(is_bid, price, left, nonce=1 if left else 0, now_ns=now_ns)

    # what we hear and answer

    def hear(self, now_ns):
        for (name, is_bid), order in list(self.resting.items()):
            if order.remaining != self.seen[name, is_bid]:
                self.tally.filled += self.seen[name, is_bid] - order.remaining
                if order.status is not Status.OPEN:
                    del self.resting[name, is_bid]
                self.settle(name, is_bid, 0)
        for name, slot in self.slots.items():
            book = self.engine.books[name]
            if book.version == self.versions[name]:
                continue
            self.versions[name] = book.version
            levels = [book.levels(is_bid=is_bid, depth=DEPTH, bucket=1) for is_bid in (True, False)]
            slot.set_mark(int(self.market.state(name).mark * NANOS), now_ns)
            assert slot.book.apply_snapshot(*levels, book.version + 1, now_ns, now_ns + 1)
            self.act(self.lane.on_book_changed(slot, now_ns))

    def act(self, count):
        for number, action, is_bid, _, _, price, size, *_ in self.lane.rows[:count].tolist() if count else ():
            if action == RESUBSCRIBE:
                continue
            self.send(self.names[number], bool(is_bid), price, 0 if action == CANCEL else size, action)

    def send(self, name, is_bid, price, size, action):
        self.on_their_way.append((name, is_bid, price, size))
        self.tally.messages += 2 if action == REPLACE and self.keep_ticks is None else 1

    def count(self):
        for name in self.names:
            for is_bid in (True, False):
                order = self.resting.get((name, is_bid))
                self.tally.side_steps += 1
                if order is not None and order.limit_price == self.engine.books[name].best(is_bid=is_bid):
                    self.tally.touch_steps += 1

    def order(self, name, is_bid, price, size, now_ns):
        self.number += 1
        request = OrderRequest(
            wallet=PRACTICE_ACCOUNT.wallet,
            subaccount_id=PRACTICE_ACCOUNT.subaccount_id,
            instrument=self.engine.instruments[name],
            is_buy=is_bid,
            amount_e18=size * NANOS,
            limit_price_e18=price * NANOS,
            max_fee_e18=ALWAYS * NANOS,
            nonce=self.number,
            signer="",
            signature="",
            signature_expiry_s=ALWAYS,
            order_type="limit",
            time_in_force="post_only",
            label="mm",
            mmp=False,
            reduce_only=False,
            reject_post_only=True,
            reject_timestamp_ms=ALWAYS,
        )
        now_ms = now_ns // 1_000_000
        return Order(
            order_id=str(self.number),
            request=request,
            limit_price=price,
            amount=size,
            created_ms=now_ms,
            updated_ms=now_ms,
        )


def near_the_money(market, strikes):
    """Calls and puts at so many strikes round the money, of the nearest ETH expiry more than a day out."""
    options = [each for each in market.listings.values() if each.kind == "option" and each.underlying == "ETH"]
    day = min(each.expiry_s for each in options if each.expiry_s > START_NS // NANOS + 86_400)
    spot = market.spot("ETH")
    chosen = sorted({each.strike for each in options if each.expiry_s == day}, key=lambda strike: abs(strike - spot))
    return [each.name for each in options if each.expiry_s == day and each.strike in chosen[:strikes]]


def compare(seconds, *, seed=1, aggression=0.5, strikes=5, keep_ticks=1):
    """The tallies of ours and of cancel-and-replace."""
    steps, chosen = int(seconds * STEPS_A_SECOND), {"seed": seed, "aggression": aggression, "strikes": strikes}
    ours = Day("atomizer", keep_ticks=keep_ticks, **chosen).run(steps)
    plain = Day("cancel and replace", keep_ticks=None, **chosen).run(steps)
    return ours, plain


def is_better(ours, plain):
    """At least 40 % fewer messages, and as often at the touch."""
    return ours.messages <= (1 - FEWER) * plain.messages and ours.touch >= plain.touch - NOISE


def tell(tallies):
    """Lines for people; the first tally is ours."""
    ours = tallies[0]
    yield f"{'':<22}{'messages':>9}{'at touch':>10}{'filled':>9}   {'fewer':>6}"
    for each in tallies:
        fewer = f"{1 - ours.messages / each.messages:.0%}" if each is not ours else ""
        yield f"{each.name:<22}{each.messages:>9}{each.touch:>10.2%}{each.filled / NANOS:>9.1f}   {fewer:>6}"
