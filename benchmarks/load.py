"""A trader's tick path under load: book frames of 500 instruments come by the clock, some of them move an order.

    python benchmarks/load.py [--minutes 10] [--per-second 200000]

A frame's time counts from when it was due, so waiting behind others counts too. Half of the instruments are changes of
Deribit books, half are whole Derive books; five are quoted, which makes some 200 signed orders a second. The process is
held as --performance-mode holds it. Start it with taskset on a CPU of its own.
"""

import argparse
import gc
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from derive_order import ACTIONS, ASSET, KEY, SUB_ID
from feeds import Deribit, Derive
from probe import probe
from test_lane import NANOS, SECOND_NS, SIZE, TERMS, add_slot, open_journal, open_outbox

from atomizer._core.ecdsa import Signer, parse_address
from atomizer._core.frame import DeriveOrders
from atomizer._core.gate import Gate
from atomizer._core.histogram import Histogram
from atomizer._core.lane import CANCEL, RESUBSCRIBE, Lane
from atomizer.app.nonces import NonceKeeper
from atomizer.app.performance import SWEEP_EVERY_S, Sweeper, lock_memory, quiet_collector

INSTRUMENTS, QUOTED = 500, 5
CYCLE = 20  # frames of an instrument until they come round again
PER_SECOND = 200_000
MARK_NANOS = 103 * NANOS
FIRST_ID = 100_000_000_000
FOREVER_S = 1 << 33
PUMP_EVERY_S = 0.1  # as a trader's journal goes to the disk


@dataclass
class Outcome:
    """What a run under load was like. Times are nanoseconds from a frame's due time to its order, or to nothing."""

    times: Histogram = field(default_factory=Histogram)
    frames: int = 0
    orders: int = 0
    most_behind: int = 0  # frames that were due and not read yet
    behind: int = 0  # at the end
    grown_kib: int = 0  # resident memory, from the first second to the last
    unprepared: int = 0  # signatures that found no nonce


def rss_kib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def cycle_of(feed: Any, first: bytes) -> list[bytearray]:
    """The frames of one instrument: two of them move the touch, and the last leads to the first."""
    frames = [
        feed.moving(number) if number in (1, CYCLE // 2) else feed.quiet(number) for number in range(1, CYCLE + 1)
    ]
    if isinstance(feed, Derive):
        return [bytearray(frame.replace(b'"publish_id":', b'"publish_id":%d' % FIRST_ID)) for frame in frames]
    begun = change_id_of(first)
    frames[-1] = frames[-1].replace(b'"change_id":%d' % feed.change_id, b'"change_id":%d' % begun)
    return [bytearray(frame) for frame in frames]


def change_id_of(frame: bytes) -> int:
    return int(frame.split(b'"change_id":')[1].split(b",")[0])


class Market:
    """The lane with its slots, and the frames that its instruments send."""

    def __init__(self) -> None:
        self.journal = open_journal()
        self.outbox = open_outbox(self.journal)
        self.lane = Lane(Gate(4_096), self.outbox)
        self.signer = Signer(KEY)
        self.keeper = NonceKeeper([self.signer])
        self.keeper.fill()
        writer = DeriveOrders(self.signer, ACTIONS, label_prefix="mm.r1.", nonces_as_text=True)
        self.slots = []
        self.frames: list[list[bytearray]] = []
        self.last_digits: list[list[int]] = []  # of the ids that count up; none of a cycle that comes round by itself
        for index in range(INSTRUMENTS):
            feed = Derive() if index % 2 else Deribit()
            name = f"ETH-25JUN27-{1_000 + 10 * index}-C"
            feed.channel = f"orderbook.{name}.1.20" if index % 2 else f"book.{name}.raw"
            is_quoted = index % (INSTRUMENTS // QUOTED) == 0
            slot = add_slot(self.lane, feed.channel, size_nanos=SIZE if is_quoted else 0)
            if is_quoted:
                order = writer.add_instrument(name, parse_address(ASSET), SUB_ID)
                slot.write_with(writer, order, **TERMS | {"last_s": FOREVER_S})
            self.slots.append(slot)
            first = feed.first()
            self.frames.append(cycle_of(feed, first))
            self.last_digits.append([frame.index(b',"bids"') - 1 for frame in self.frames[-1]] if index % 2 else [])
            self.receive(slot, first, time.time_ns())
        self.count_up = probe("load_probe").count_up

    def receive(self, slot: Any, frame: bytes | bytearray, now_ns: int) -> int:
        """Rows that a frame led to; an order for one of them is signed and journalled, and rests at once."""
        rows = self.lane.on_frame(frame, now_ns)
        if rows <= 0:
            if rows < 0:
                raise RuntimeError(f"status {rows} for {frame!r}")
            return 0
        self.outbox.clear()
        for _, action, is_bid, _, _, price_nanos, _, number, nonce in self.lane.rows[:rows].tolist():
            if action == RESUBSCRIBE or (action != CANCEL and not number):
                raise RuntimeError(f"a gap, or an order that was not written, at {frame!r}")
            slot.settle(is_bid, price_nanos, 0 if action == CANCEL else SIZE, nonce=nonce, label_number=number)
        return rows

    def next_frame(self, sent: int) -> tuple[int, bytearray]:
        """The instrument that sends now, and what."""
        index, turn = sent % INSTRUMENTS, sent // INSTRUMENTS
        place = turn % CYCLE
        frame = self.frames[index][place]
        if index % 2 and turn >= CYCLE:
            self.count_up(frame, self.last_digits[index][place], CYCLE)
        return index, frame


def run(market: Market, seconds: float, per_second: int) -> Outcome:
    """Frames by the clock, each read as soon as it is due."""
    outcome, keeper, sweeper = Outcome(), market.keeper, Sweeper()
    period_ns = SECOND_NS // per_second
    clock, record, receive, next_frame = time.perf_counter_ns, outcome.times.record, market.receive, market.next_frame
    slots, wall_ns = market.slots, time.time_ns() - time.perf_counter_ns()
    started = clock()
    ends, due = started + int(seconds * SECOND_NS), started
    next_nonces = next_sweep = next_marks = next_pump = started
    pumps = ThreadPoolExecutor(1)
    at_first = 0
    sent, missed = 0, keeper.missed_count
    while due < ends:
        now = clock()
        while due <= now and due < ends:
            index, frame = next_frame(sent)
            outcome.orders += receive(slots[index], frame, wall_ns + now)
            done = clock()
            record(done - due)
            sent += 1
            due += period_ns
            outcome.most_behind = max(outcome.most_behind, (done - due) // period_ns)
        if now >= next_nonces:
            next_nonces = now + int(keeper.top_up() * SECOND_NS)
        elif now >= next_marks:
            for index in range(0, INSTRUMENTS, INSTRUMENTS // QUOTED):
                slots[index].set_mark(MARK_NANOS, wall_ns + now)
            next_marks = now + SECOND_NS // 10
        elif now >= next_pump:
            market.journal.make_room()
            pumps.submit(market.journal.pump)
            next_pump = now + int(PUMP_EVERY_S * SECOND_NS)
        elif now >= next_sweep:
            sweeper.sweep()
            at_first = at_first or (rss_kib() if now > started + SECOND_NS else 0)
            next_sweep = now + int(SWEEP_EVERY_S * SECOND_NS)
    pumps.shutdown()
    outcome.frames = sent
    outcome.behind = max(0, (clock() - due) // period_ns)
    outcome.grown_kib = rss_kib() - at_first if at_first else 0
    outcome.unprepared = keeper.missed_count - missed
    return outcome


def main() -> None:
    parser = argparse.ArgumentParser(description="The tick path under load, and the tail of its times.")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--per-second", type=int, default=PER_SECOND)
    options = parser.parse_args()
    market = Market()
    for line in lock_memory():
        print(line)
    quiet_collector()
    gc.disable()
    outcome = run(market, options.minutes * 60, options.per_second)
    times = outcome.times
    shown = ", ".join(f"p{each} {times.percentile(each) / 1e3:.2f} µs" for each in (50, 99, 99.9))
    print(f"frames    {outcome.frames:,} of {INSTRUMENTS} instruments at {options.per_second:,} a second")
    print(f"answered  {shown}, max {times.maximum_ns / 1e3:.1f} µs, from due time")
    print(f"orders    {outcome.orders:,} signed, {outcome.unprepared:,} without a prepared nonce")
    print(f"queue     {outcome.most_behind:,} frames at most, {outcome.behind:,} at the end")
    print(f"memory    {outcome.grown_kib:+,} KiB since the first second")


if __name__ == "__main__":
    main()
