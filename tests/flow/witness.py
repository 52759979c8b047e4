"""`atomizer sim start` with a witness at practice Derive: what a market maker sends is judged where it arrives.

`witness.py REPORT LIMITS SEED FLAGS…`: LIMITS is {"position": nanos, "exposure": nanos, "hits": bool} as JSON, FLAGS
are those of `sim start`. With hits, takers take what rests there, one at a time and now and then everything at once.
There is a second account besides. What the file `witness.orders` says is done to the list of instruments. The report is
written when the venues end, as JSON; the venue's own code has nothing in it for this.
"""

import json
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from atomizer.cli import main
from atomizer.sim.derive import PRACTICE_ACCOUNT, Account
from atomizer.sim.derive.venue import Venue
from atomizer.sim.market import TakerOrder

NANOS = 10**9
ORDERS = {"private/order": "place", "private/replace": "replace"}
CANCELS = ("private/cancel", "private/cancel_by_nonce", "private/cancel_by_label", "private/cancel_all")
QUESTION = "private/get_open_orders"
# Who trades with the practice account on purpose; a public anvil key signs for it. Never fund it.
COUNTERPARTY = Account("0x70997970C51812dc3A010C7d01b50e0d17dc79C8", (), 30770, Decimal(1_000_000))
HIT_CHANCE = 0.1  # of a step, of which ten are a second
SWEEP_EVERY_STEPS = 400  # everything that rests is hit at once
ORDERS_FILE = "witness.orders"  # [[verb, instrument, value], …] as JSON; gone once it is done
WORDS_KEPT = 20  # of each kind of offence


@dataclass
class Report:
    """What was seen. Shares are of the time that anything of ours rested or had rested on a side."""

    messages: Counter = field(default_factory=Counter)  # by kind
    refusals: Counter = field(default_factory=Counter)  # of orders, by code
    offences: dict = field(default_factory=dict)  # by kind, in words: there must be none
    hits: int = 0
    steps: int = 0
    worst_position: int = 0  # nanos: that one instrument could have come to, everything filled
    worst_exposure: int = 0  # nanos: of all instruments, in the same way
    side_steps: int = 0  # a side in one step, once it has been quoted
    resting_steps: int = 0
    touch_steps: int = 0  # at the best price of its side
    trips: int = 0
    last_order_ns: int = 0
    last_question_ns: int = 0
    trades: list = field(default_factory=list)
    positions: dict = field(default_factory=dict)  # nanos by instrument


class Witness:
    """Of the practice account at one venue."""

    def __init__(self, limits, seed):
        self.limits = limits
        self.random = random.Random(seed)  # noqa: S311  a market, not a secret
        self.report = Report()
        self.quoted = set()  # sides that have been

    def lay(self):
        """Put ourselves where the venue hears, and where its time passes."""
        receive, publish, init = Venue.receive, Venue.publish, Venue.__init__

        def init_at(venue, market, **more):
            init(venue, market, (PRACTICE_ACCOUNT, COUNTERPARTY), **more)
            self.engine = venue._engine
            self.account = self.engine.subaccounts[PRACTICE_ACCOUNT.subaccount_id]

        def receive_at(venue, connection, text, now_ns):
            method, params = heard(text)
            if method in ORDERS:
                self.on_order(params, now_ns)
            receive(venue, connection, text, now_ns)
            self.on_answer(method, connection, now_ns)

        def publish_at(venue, now_ns):
            if self.limits["hits"]:
                self.hit(now_ns)
            publish(venue, now_ns)
            self.on_step(now_ns)

        Venue.__init__, Venue.receive, Venue.publish = init_at, receive_at, publish_at

    def on_order(self, params, now_ns):
        """Judged before the venue judges it."""
        self.report.last_order_ns = now_ns
        instrument = self.engine.instruments.get(params["instrument_name"])
        if instrument is None:
            self.offence("unlisted", params["instrument_name"])
            return
        price, amount = (int(Decimal(params[name]) * NANOS) for name in ("limit_price", "amount"))
        is_buy = params["direction"] == "buy"
        words = f"{instrument.name} {params['direction']} {amount / NANOS:g} at {price / NANOS:g}"
        if price <= 0 or price % instrument.tick:
            self.offence("off tick", words)
        if amount % instrument.lot or not instrument.minimum <= amount <= instrument.maximum:
            self.offence("off lot", words)
        others = [o.limit_price for o in self.resting(instrument.name) if o.request.is_buy is not is_buy]
        if any(price >= other if is_buy else price <= other for other in others):
            self.offence("crossed with ourselves", f"{words}, against {[other / NANOS for other in others]}")

    def on_answer(self, method, connection, now_ns):
        if method in ORDERS or method in CANCELS:
            self.report.messages[ORDERS.get(method, "cancel")] += 1
            self.measure()
        elif method == QUESTION:
            self.report.last_question_ns = now_ns
        if method in ORDERS and connection.outbox:
            answer = json.loads(connection.outbox[-1])
            error = answer.get("error") or (answer.get("result") or {}).get("create_order_error")
            if error:
                self.report.refusals[str(error["code"])] += 1

    def measure(self):
        """What positions and everything that rests could lead to, against the limits."""
        reach = {}
        for name, position in self.account.positions.items():
            reach[name] = [position.amount_nanos, position.amount_nanos]
        for order in self.account.open_orders.values():
            low_high = reach.setdefault(order.request.instrument.name, [0, 0])
            low_high[order.request.is_buy] += order.remaining * (1 if order.request.is_buy else -1)
        worst = {name: max(-low, high) for name, (low, high) in reach.items()}
        exposure = sum(worst.values())
        self.report.worst_exposure = max(self.report.worst_exposure, exposure)
        self.report.worst_position = max([self.report.worst_position, *worst.values()])
        if exposure > self.limits["exposure"]:
            self.offence("beyond the exposure limit", f"{exposure / NANOS:g}")
        for name, position in worst.items():
            if position > self.limits["position"]:
                self.offence("beyond the position limit", f"{name} {position / NANOS:g}")

    def hit(self, now_ns):
        """Takers who like one of our prices, or all of them."""
        orders = sorted(self.account.open_orders.values(), key=lambda order: order.request.nonce)
        if self.report.steps % SWEEP_EVERY_STEPS == SWEEP_EVERY_STEPS - 1:
            chosen = orders
        else:
            chosen = orders and self.random.random() < HIT_CHANCE and [self.random.choice(orders)]
        for order in chosen or ():
            if order.order_id in self.account.open_orders:
                step = order.request.instrument.lot
                amount = max(int(order.remaining * self.random.uniform(0.3, 1.3)) // step * step, step)
                name, price = order.request.instrument.name, Decimal(order.limit_price) / NANOS
                taker = TakerOrder(now_ns, "hitter", name, not order.request.is_buy, Decimal(amount) / NANOS, price)
                self.engine.on_event(taker, now_ns)
                self.report.hits += 1

    def obey(self, file, now_ns):
        """Hide an instrument, show it, let it expire now, or give it another tick."""
        if not file.exists():
            return
        for verb, name, value in json.loads(file.read_text()):
            instrument = self.engine.instruments[name]
            if verb == "expire":
                self.engine._settle(instrument, now_ns)
            elif verb == "tick":
                instrument.tick = value
            else:
                instrument.is_active = verb == "show"
        file.unlink()

    def on_step(self, now_ns):
        report = self.report
        report.steps += 1
        self.obey(Path(ORDERS_FILE), now_ns)
        self.measure()
        resting = {(o.request.instrument.name, o.request.is_buy): o for o in self.account.open_orders.values()}
        self.quoted |= resting.keys()
        report.side_steps += len(self.quoted)
        report.resting_steps += len(resting)
        report.touch_steps += sum(
            order.limit_price == self.engine.books[name].best(is_bid=is_bid)
            for (name, is_bid), order in resting.items()
        )

    def resting(self, name):
        return [order for order in self.account.open_orders.values() if order.request.instrument.name == name]

    def offence(self, kind, words):
        told = self.report.offences.setdefault(kind, [])
        if len(told) < WORDS_KEPT:
            told.append(f"{time.time_ns()} {words}")

    def write(self, file):
        report = self.report
        report.trades = [trade.trade_id for trade in self.account.trades]
        report.positions = {name: held.amount_nanos for name, held in self.account.positions.items()}
        orders = self.account.orders.values()
        report.trips = len({order.updated_ms for order in orders if order.cancel_reason == "mmp_trigger"})
        file.write_text(json.dumps(vars(report)))


def heard(text):
    """(method, parameters) of a request; empty ones of anything else."""
    try:
        frame = json.loads(text)
        return frame["method"], frame.get("params") or {}
    except (ValueError, TypeError, KeyError):
        return "", {}


if __name__ == "__main__":
    file, limits, seed, *flags = sys.argv[1:]
    witness = Witness(json.loads(limits), int(seed))
    witness.lay()
    sys.argv = ["atomizer", "sim", "start", *flags]
    try:
        main()
    finally:
        witness.write(Path(file))
