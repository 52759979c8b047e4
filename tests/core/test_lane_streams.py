"""The fused path over streams of frames: sound, broken and foreign ones, against the parts put together in Python."""

from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from atomizer._core.fixed import NANOS
from atomizer._core.gate import Gate, InstrumentLimits
from atomizer._core.lane import NO_SLOT, Lane
from atomizer._core.quote import QuoteParams
from tests.reference.book_frames import DERIBIT, DERIVE, LINEAR, SNAPSHOTS, deribit, derive
from tests.reference.reference_lane import LIMITS, PARAMS, ReferenceLane, apply_book, read_book
from tests.reference.reference_slot import ReferenceSlot, as_tuples

NOW_NS = 1_750_000_000 * NANOS
SECOND_NS = 10**9
CHANNELS = (DERIBIT, LINEAR, DERIVE)
halves = st.integers(196, 212)
sizes = st.integers(1, 12)
rising = st.dictionaries(halves, sizes, max_size=4).map(lambda levels: sorted(levels.items()))
changes = st.lists(st.tuples(halves, st.integers(0, 12)), max_size=3, unique_by=lambda level: level[0])
channels = st.sampled_from(CHANNELS)


class LaneAgainstParts(RuleBasedStateMachine):
    """Any stream of sound, broken and foreign frames, outcomes and settings gives the rows of the parts together."""

    @initialize(per_second=st.integers(3, 12), keep=st.tuples(st.integers(0, NANOS), st.integers(0, NANOS)))
    def start(self, per_second, keep):
        self.lane, self.parts = Lane(Gate(per_second)), ReferenceLane()
        gate = Gate(per_second)
        for index, channel in enumerate(CHANNELS):
            self.lane.add(
                channel.encode(),
                params=QuoteParams(**PARAMS),
                limits=InstrumentLimits(**LIMITS),
                keep_price_nanos=keep[0],
                keep_size_nanos=keep[1],
            )
            self.parts.slots[channel] = ReferenceSlot(index, gate, PARAMS, LIMITS, keep=keep)
        self.gate = gate
        self.now_ns = NOW_NS
        for channel in CHANNELS:
            self._both(channel, "set_mark", 102 * NANOS, NOW_NS)

    def _pair(self, channel):
        return self.lane.slot(channel.encode()), self.parts.slots[channel]

    def _both(self, channel, method, *arguments, **named):
        for slot in self._pair(channel):
            getattr(slot, method)(*arguments, **named)

    def _feed(self, frame):
        count = self.lane.on_frame(frame, self.now_ns)
        assert count >= 0, f"status {count} for {frame}"
        event("rows" if count else "nothing")
        assert as_tuples(self.lane.rows, count) == self.parts.on_frame(frame, self.now_ns)

    def _feed_slowly(self, channel, frame):
        assert self.lane.on_frame(frame, self.now_ns) < 0
        slot, reference = self._pair(channel)
        for book in (slot.book, reference.book):
            apply_book(book, read_book(frame)[1], self.now_ns)
        count = self.lane.on_book_changed(slot, self.now_ns)
        assert as_tuples(self.lane.rows, count) == reference.decide(self.now_ns)

    def _sequence(self, channel):
        return self._pair(channel)[1].book.sequence

    @rule(channel=channels, levels=rising, split=st.integers(196, 212))
    def snapshot(self, channel, levels, split):
        bids = [level for level in levels[::-1] if level[0] < split]
        asks = [level for level in levels if level[0] >= split]
        build = derive if channel == DERIVE else deribit
        self._feed(build(channel, self._sequence(channel) + 1, bids, asks))

    @rule(channel=channels, mid=st.integers(200, 208), there=st.tuples(sizes, sizes))
    def sound_snapshot(self, channel, mid, there):
        build = derive if channel == DERIVE else deribit
        bids, asks = [(mid - 3, there[0]), (mid - 4, 9)], [(mid + 3, there[1]), (mid + 4, 9)]
        self._feed(build(channel, self._sequence(channel) + 1, bids, asks))

    @rule(channel=channels, bids=changes, asks=changes)
    def doubtful_snapshot(self, channel, bids, asks):
        build = derive if channel == DERIVE else deribit
        frame = build(channel, self._sequence(channel) + 1, bids, asks)
        if channel == DERIVE or all(size for _, size in bids + asks):
            self._feed(frame)
        else:  # something new of size nothing: the scanner leaves such a frame to the slow path
            self._feed_slowly(channel, frame)

    @rule(channel=st.sampled_from([DERIBIT, LINEAR]), bids=changes, asks=changes)
    def change(self, channel, bids, asks):
        sequence = self._sequence(channel)
        self._feed(deribit(channel, sequence + 3, bids, asks, previous=sequence))

    @rule(channel=st.sampled_from([DERIBIT, LINEAR]), far=st.integers(180, 194), size=sizes)
    def quiet_change(self, channel, far, size):
        sequence = self._sequence(channel)
        self._feed(deribit(channel, sequence + 1, [(far, size)], [], previous=sequence))

    @rule(channel=st.sampled_from([DERIBIT, LINEAR]), bids=changes, missed=st.integers(1, 9))
    def gap(self, channel, bids, missed):
        sequence = self._sequence(channel)
        self._feed(deribit(channel, sequence + missed + 1, bids, [], previous=sequence + missed))

    @rule(levels=rising, back=st.integers(0, 3))
    def old_publication(self, levels, back):
        sequence = self._sequence(DERIVE)
        self._feed(derive(DERIVE, max(sequence - back, 1), levels[:1], levels[1:]))

    @rule(channel=channels, cut=st.integers(0, 400), junk=st.binary(max_size=3))
    def garbage(self, channel, cut, junk):
        frame = SNAPSHOTS.get(channel, SNAPSHOTS[DERIBIT])[:cut] + junk + b"\x00"
        assert self.lane.on_frame(frame, self.now_ns) < 0

    @rule(bids=rising)
    def unknown_instrument(self, bids):
        assert self.lane.on_frame(derive("orderbook.BTC-PERP.1.20", 1, bids[::-1], []), self.now_ns) == NO_SLOT

    @rule(channel=channels, mid=st.integers(200, 208))
    def slow_path(self, channel, mid):
        """The same book in a spelling that only the slow path reads."""
        build = derive if channel == DERIVE else deribit
        frame = build(channel, self._sequence(channel) + 1, [(mid - 2, 5)], [(mid + 2, 5)]).replace(b",", b", ")
        self._feed_slowly(channel, frame)

    @rule(
        channel=channels,
        is_bid=st.booleans(),
        outcome=st.sampled_from(["sent", "rests", "gone", "filled"]),
        is_shown=st.booleans(),
    )
    def settle(self, channel, is_bid, outcome, is_shown):
        side = self.parts.slots[channel].sides[is_bid]
        order = {"sent": side.sent, "rests": side.rests, "filled": side.sent or side.rests}.get(outcome) or (0, 0)
        left = order[1] // (2 if outcome == "filled" else 1)
        self._both(channel, "settle", is_bid, order[0], left, now_ns=0 if is_shown else self.now_ns)

    @rule(
        channel=channels,
        changed=st.fixed_dictionaries(
            {},
            optional={
                "aggression_nanos": st.sampled_from([0, NANOS // 2, NANOS]),
                "improvement_nanos": st.integers(0, 2 * NANOS),
                "reference_size_nanos": st.integers(0, 5 * NANOS),
                "bid_size_nanos": st.sampled_from([0, NANOS, 2 * NANOS]),
                "skew_nanos": st.integers(-NANOS, NANOS),
            },
        ),
    )
    def set_params(self, channel, changed):
        slot, reference = self._pair(channel)
        slot.set_params(QuoteParams(**PARAMS | changed))
        reference.set_params(PARAMS | changed)

    @rule(channel=channels, position=st.integers(-6 * NANOS, 6 * NANOS))
    def set_position(self, channel, position):
        self._both(channel, "set_position", position, 0, 0)

    @rule(channel=channels, mark=st.integers(98 * NANOS, 106 * NANOS))
    def set_mark(self, channel, mark):
        self._both(channel, "set_mark", mark, self.now_ns)

    @rule(pause_ns=st.sampled_from([SECOND_NS // 10, SECOND_NS, 2 * SECOND_NS]))
    def wait(self, pause_ns):
        self.now_ns += pause_ns

    @rule()
    def look(self):
        slots = sorted(self.parts.slots.values(), key=lambda slot: -slot.exposed(self.now_ns))
        expected = [row for slot in slots for row in slot.decide(self.now_ns)]
        count = self.lane.look(self.now_ns)
        assert as_tuples(self.lane.rows, count) == expected

    @invariant()
    def same_books_and_refusals(self):
        if not hasattr(self, "lane"):
            return
        assert self.lane.gate.refusals == self.gate.refusals
        for channel in CHANNELS:
            slot, reference = self._pair(channel)
            ours, theirs = slot.book, reference.book
            assert (ours.dark, ours.sequence, ours.received_ns) == (theirs.dark, theirs.sequence, theirs.received_ns)
            for is_bid in (True, False):
                assert ours.levels(is_bid) == theirs.levels(is_bid)


TestLaneAgainstParts = LaneAgainstParts.TestCase
TestLaneAgainstParts.settings = settings(
    max_examples=200, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
