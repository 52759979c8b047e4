"""The fused path to its end: what a frame leads to has left by the socket when the call returns."""

import asyncio
import contextlib
import json
import socket
from itertools import count

import picows
import pytest

from atomizer._core.ecdsa import Signer
from atomizer._core.lane import ROW, TickReader
from atomizer._core.outbox import ORDERS
from atomizer._core.socket_writer import SocketWriter
from atomizer._core.spinner import Spinner, SpunSocket
from atomizer.net.websocket import connect
from tests.core.test_lane import (
    ASSET,
    DERIVE,
    KEY,
    NANOS,
    NOW_NS,
    SNAPSHOTS,
    SUB_ID,
    TERMS,
    deribit_lane,
    lane_of,
    messages_of,
    outbox_of,
    writer_of,
    writing_lane,
)
from tests.reference.book_frames import derive


class Venue(picows.WSListener):
    """Keeps the requests that it got."""

    def __init__(self):
        self.requests = asyncio.Queue()

    def on_ws_frame(self, _transport, frame):
        if frame.msg_type == picows.WSMsgType.TEXT:
            self.requests.put_nowait(json.loads(frame.get_payload_as_bytes()))

    async def labels(self, count):
        return [(await self.requests.get())["params"]["label"] for _ in range(count)]


@contextlib.asynccontextmanager
async def joined(writer):
    venue = Venue()
    server = await picows.ws_create_server(lambda _request: venue, "127.0.0.1", 0, use_aiofastnet=False)
    async with server:
        port = server.sockets[0].getsockname()[1]
        connected = await connect("derive", f"ws://127.0.0.1:{port}/", print, lambda _reason: writer.shut())
        venue.part = connected.close
        connected.lend(writer)
        yield venue
        await connected.close_and_wait()


@pytest.fixture
def writer():
    return SocketWriter()


async def test_orders_have_left_when_the_call_returns(writer):
    """Nothing waits for whoever reads the rows: the orders of a frame are with the venue, and both times are known."""
    times = count(NOW_NS)
    outbox, _ = outbox_of(writer=writer, clock_ns=lambda: next(times))
    lane = writing_lane(outbox)
    async with joined(writer) as venue:
        assert lane.on_frame(SNAPSHOTS[DERIVE], NOW_NS) == 2
        assert (outbox.count, outbox.frames_size) == (0, 0)
        assert (outbox.written_ns, outbox.sent_ns) == (NOW_NS, NOW_NS + 1)
        assert await venue.labels(2) == ["mm.r1.1", "mm.r1.2"]
        slot = lane.slot(DERIVE.encode())
        slot.settle(True, 0, 0)
        assert lane.on_book_changed(slot, NOW_NS) == 1
        assert await venue.labels(1) == ["mm.r1.3"]


async def test_a_reader_tells_what_frames_led_to(writer):
    """It says whether a frame was read, and of what led to something, how much and at what time, once that has left."""
    outbox, _ = outbox_of(writer=writer)
    lane, told = writing_lane(outbox), []
    reader = TickReader(lane, lambda: NOW_NS, print, lambda rows, now_ns, *_: told.append((len(rows), now_ns)))
    async with joined(writer) as venue:
        assert not reader.read(memoryview(b'{"id":1,"result":{}}'))
        assert not reader.read(memoryview(SNAPSHOTS[DERIVE].replace(b"2600", b"2700")))
        assert told == []
        assert reader.read(memoryview(SNAPSHOTS[DERIVE]))
        assert told == [(2, NOW_NS)]
        assert reader.read(memoryview(SNAPSHOTS[DERIVE]))  # the same again
        assert len(told) == 1
        assert await venue.labels(2) == ["mm.r1.1", "mm.r1.2"]


class Burst:
    """A socket that is spun on, whose ticks a lane of two instruments reads; what is heard of them, in one order."""

    def __init__(self, ours, writer):
        other = DERIVE.replace("2600", "2700")
        self.frames = [SNAPSHOTS[DERIVE], SNAPSHOTS[DERIVE].replace(b"2600", b"2700")]
        self.outbox, _ = outbox_of(writer=writer)
        self.lane, self.heard, self.failure = lane_of(DERIVE, other, outbox=self.outbox), [], None
        orders, _ = writer_of()
        for channel in (DERIVE, other):
            instrument = orders.add_instrument(channel[:60], ASSET, SUB_ID)
            self.lane.slot(channel.encode()).write_with(orders, instrument, **TERMS)
        self.spinner, self.memory, self.failures = Spinner(), bytearray(10_000), []
        self.socket = SpunSocket(ours.fileno(), self, print, self.failures.append)
        self.spinner.add(self.socket)
        self.socket.read_first(TickReader(self.lane, lambda: NOW_NS, self.on_rows, self.on_sent))
        self.socket.protocol_is_between_frames(True)

    def get_buffer(self, _hint):
        return memoryview(self.memory)

    def buffer_updated(self, size):
        self.heard.append(bytes(self.memory[:size]))
        self.socket.protocol_is_between_frames(True)

    def on_rows(self, count, _now_ns):
        self.heard.append((count, self.lane.rows["number"][:count].tolist()))

    def on_sent(self, rows, now_ns, written_ns, sent_ns):
        if self.failure is not None:
            raise self.failure
        assert now_ns == NOW_NS < written_ns < sent_ns
        self.heard.append(([row[ROW.names.index("number")] for row in rows], self.outbox.last_number))


@pytest.fixture
async def burst(writer):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        async with joined(writer) as venue:
            made = Burst(ours, writer)

            def play(*texts):
                theirs.sendall(b"".join(b"\x81\x7e" + len(text).to_bytes(2) + text for text in texts))
                assert made.spinner.spin(1)
                return made.heard

            yield made, play, venue


async def test_a_burst_is_answered_before_its_first_order_is_told(burst):
    """The orders of all ticks that came together have left when the first of them is told, each by itself."""
    made, play, venue = burst
    assert play(*made.frames) == [([1, 2], 4), ([3, 4], 4)]
    assert await venue.labels(4) == [f"mm.r1.{number}" for number in (1, 2, 3, 4)]


async def test_orders_are_told_before_anything_else_is_heard(burst):
    """An answer between two ticks reaches books that know of the first one's orders, and not of the second one's."""
    made, play, _ = burst
    answer = b'{"id":1,"result":' + b" " * 120 + b"{}}"
    first, heard, second = play(made.frames[0], answer, made.frames[1])
    assert (first, second) == (([1, 2], 2), ([3, 4], 4))
    assert heard.endswith(answer)


async def test_an_instrument_that_was_not_told_of_writes_no_more(burst):
    """A second decision about it in one burst is told as rows, after what has left: holds and budgets count that."""
    made, play, _ = burst
    slot = made.lane.slot(DERIVE.encode())
    moved = made.frames[0].replace(b'"publish_id":7', b'"publish_id":8').replace(b'"104.0"', b'"106.0"')
    slot.settle(True, 99 * NANOS, NANOS, nonce=5)
    slot.settle(False, 104 * NANOS, NANOS, nonce=6)
    assert play(made.frames[0], moved) == [([1], 1), (1, [0])]
    assert made.lane.send(NOW_NS)
    assert made.outbox.last_number == 2


async def test_a_reader_that_comes_in_the_middle_of_a_burst_is_told_of_its_orders(burst):
    """What was handed on brought another reader: the ticks behind it are that one's, and so are their orders."""
    made, play, _ = burst
    other, heard = TickReader(made.lane, lambda: NOW_NS, made.on_rows, made.on_sent), made.buffer_updated

    def buffer_updated(size):
        heard(size)
        made.socket.read_first(other)

    made.buffer_updated = buffer_updated
    made.socket.read_first(TickReader(made.lane, lambda: NOW_NS, made.on_rows, print))
    assert play(b" " * 130, made.frames[0])[1:] == [([1, 2], 2)]


async def test_nothing_leaves_on_a_connection_that_was_ended_in_the_middle_of_a_burst(burst):
    """What comes between two ticks makes us say goodbye: the orders of the second stay here, and are told as rows."""
    made, play, venue = burst
    hear = made.buffer_updated

    def buffer_updated(size):
        hear(size)
        venue.part()

    made.buffer_updated = buffer_updated
    heard = play(made.frames[0], b" " * 130, made.frames[1])
    assert (heard[0], heard[2]) == (([1, 2], 2), (2, [3, 4]))
    assert made.outbox.count == 2
    assert await venue.labels(2) == ["mm.r1.1", "mm.r1.2"]


@pytest.mark.parametrize("brings", [b"", b"x"], ids=["nothing", "another socket's"])
async def test_nothing_leaves_on_a_connection_that_was_ended_after_it_was_last_read(burst, brings):
    """Whatever the sockets brought meanwhile, a connection is asked again before orders are handed to it."""
    made, _, venue = burst

    def decide():
        venue.part()
        assert made.lane.on_frame(made.frames[0], NOW_NS) == 2
        assert made.outbox.count == 2

    class Other:
        def get_buffer(self, _hint):
            return memoryview(bytearray(100))

        def buffer_updated(self, _size):
            decide()

    ours, theirs = socket.socketpair()
    with ours, theirs:
        made.spinner.add(SpunSocket(ours.fileno(), Other(), print, made.failures.append))
        theirs.sendall(brings)
        assert made.spinner.spin(2) == bool(brings)
        if not brings:
            decide()
    assert made.failures == []


async def test_all_that_has_left_is_told_whatever_the_telling_of_one_does(burst):
    """A failure there ends the connection's reading, and the other decisions' orders are told all the same."""
    made, play, _ = burst
    made.failure, told = ZeroDivisionError(), []
    made.socket.read_first(
        TickReader(made.lane, lambda: NOW_NS, made.on_rows, lambda *sent: (told.append(sent), made.on_sent(*sent)))
    )
    play(*made.frames)
    assert len(told) == 2
    assert made.failures == [made.failure]


async def test_cancels_leave_before_orders(writer):
    """Orders of a decision that also cancels wait until whoever sends the cancels says so."""
    outbox, _ = outbox_of(writer=writer)
    lane = writing_lane(outbox)
    slot = lane.slot(DERIVE.encode())
    slot.settle(False, 104 * NANOS, 9 * NANOS)
    slot.unsettle(False)
    async with joined(writer) as venue:
        assert lane.on_frame(SNAPSHOTS[DERIVE], NOW_NS) == 2
        assert (lane.cancel_count, outbox.count) == (1, 1)
        assert lane.send(NOW_NS)
        assert outbox.count == 0
        assert await venue.labels(1) == ["mm.r1.1"]


async def test_more_orders_than_an_outbox_holds_all_leave(writer):
    """A look at everything sends one full outbox after the other."""
    channels = [DERIVE.replace("2600", str(2600 + at)) for at in range(ORDERS)]
    outbox, _ = outbox_of(allowance=ORDERS * 2, room=ORDERS * 2_000, writer=writer)
    lane = lane_of(*channels, outbox=outbox, per_second=4_000)
    orders, _ = writer_of()
    for channel in channels:
        slot = lane.slot(channel.encode())
        slot.write_with(orders, orders.add_instrument(channel[:60], ASSET, SUB_ID), **TERMS)
        slot.book.apply_snapshot([(100 * NANOS, NANOS)], [(104 * NANOS, NANOS)], 1, NOW_NS, NOW_NS)
    async with joined(writer) as venue:
        assert lane.look(NOW_NS) == 2 * ORDERS
        assert outbox.count == 0
        assert await venue.labels(2 * ORDERS) == [f"mm.r1.{number}" for number in range(1, 2 * ORDERS + 1)]


@pytest.mark.parametrize("is_signed", [True, False])
def test_a_rehearsal_leaves_nothing_behind(is_signed):
    """It takes no nonce and no number, journals nothing, and the orders after it are what they would have been."""

    def rehearse(lane, times):
        for _ in range(times):
            lane.rehearse(NOW_NS)

    said = []
    for rehearsals in (0, 3):
        outbox, memory = outbox_of(allowance=100)
        lane, unsigned = (writing_lane(outbox), None) if is_signed else deribit_lane(outbox, DERIVE)
        slot = lane.slot(DERIVE.encode())
        said.append([])
        for sequence, moved in enumerate((0, 6, 2), 7):
            rehearse(lane, rehearsals)
            assert outbox.last_number == 2 * (sequence - 7)
            assert lane.on_frame(derive(DERIVE, sequence, [(200 + moved, 8)], [(208 + moved, 8)]), NOW_NS) == 2
            said[-1].append((messages_of(outbox), bytes(memory), slot.book.levels(True), lane.gate.refusals))
            rehearse(lane, rehearsals)  # while something waits to leave
            assert (messages_of(outbox), bytes(memory)) == said[-1][-1][:2]
            outbox.clear()
            rehearse(lane, rehearsals)
            for row in lane.rows[:2]:
                numbers = {"nonce": int(row["nonce"]), "label_number": int(row["number"])}
                if unsigned is not None:
                    unsigned.name_order(int(row["number"]), f"ETH-{row['number']}")
                slot.settle(bool(row["is_bid"]), int(row["price_nanos"]), int(row["size_nanos"]), **numbers)
    assert said[0] == said[1]
    lane_of(DERIVE).rehearse(NOW_NS)  # where no orders are written it is nothing


def test_a_rehearsal_takes_no_prepared_nonce():
    """A signer's nonces are for signatures: each is still there."""
    outbox, _ = outbox_of()
    signer = Signer(KEY)
    signer.prepare(3)
    writer, _ = writer_of(signer)
    lane = lane_of(DERIVE, outbox=outbox)
    lane.slot(DERIVE.encode()).write_with(writer, writer.add_instrument("ETH-20250627-2600-C", ASSET, SUB_ID), **TERMS)
    lane.on_frame(SNAPSHOTS[DERIVE], NOW_NS)
    outbox.clear()
    for _ in range(5):
        lane.rehearse(NOW_NS)
    assert (signer.prepared_count, signer.unprepared_count) == (1, 0)


def test_orders_whose_sending_breaks_off_do_not_leave_again(writer):
    """What a failing stream had begun to take is given up: nothing sends it a second time."""

    class Broken:
        is_close_frame_sent = False

        def is_closing(self):
            return False

        def get_write_buffer_size(self):
            return 0

        def write(self, _frames):
            raise ZeroDivisionError

    writer.open(Broken(), Broken(), -1)
    outbox, _ = outbox_of(writer=writer)
    lane = writing_lane(outbox)
    with pytest.raises(ZeroDivisionError):
        lane.on_frame(SNAPSHOTS[DERIVE], NOW_NS)
    assert (outbox.count, outbox.frames_size, outbox.sent_ns) == (0, 0, 0)
    assert lane.send(NOW_NS)


async def test_without_a_connection_orders_stay_where_they_are(writer):
    """They are journalled and counted, and nothing of them leaves, before the connection is open and after its end."""
    before, memory_before = outbox_of(writer=writer)
    lane_before = writing_lane(before)
    assert lane_before.on_frame(SNAPSHOTS[DERIVE], NOW_NS) == 2
    after, memory_after = outbox_of(writer=writer)
    lane_after = writing_lane(after)
    async with joined(writer) as venue:
        pass
    assert lane_after.on_frame(SNAPSHOTS[DERIVE], NOW_NS) == 2
    for lane, outbox, memory in ((lane_before, before, memory_before), (lane_after, after, memory_after)):
        assert any(memory)
        assert not lane.send(NOW_NS)
        assert outbox.count == 2
    assert venue.requests.empty()
