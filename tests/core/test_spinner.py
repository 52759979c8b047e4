"""Sockets that are read instead of being waited for: what comes is delivered whole, in order, and ticks first."""

import socket
from contextlib import ExitStack
from random import Random

import pytest

from atomizer._core.fixed import NANOS
from atomizer._core.lane import TickReader
from atomizer._core.spinner import Spinner, SpunSocket, TextReader
from tests.core.test_lane import NOW_NS, lane_of
from tests.reference.book_frames import DERIVE, derive


class Protocol:
    """Takes bytes as asyncio gives them to a BufferedProtocol, at most `room` at a time."""

    def __init__(self, room):
        self.memory = bytearray(room)
        self.heard = b""

    def get_buffer(self, _hint):
        return memoryview(self.memory)

    def buffer_updated(self, size):
        self.heard += self.memory[:size]


def spun(end, protocol, *, on_end=print, on_failure=print):
    return SpunSocket(end.fileno(), protocol, on_end, on_failure)


def frame_of(text, head=b"\x81"):
    """A server's frame around a text below 64 KiB."""
    if len(text) < 126:
        return head + bytes([len(text)]) + text
    return head + b"\x7e" + len(text).to_bytes(2) + text


@pytest.fixture
def pair():
    with ExitStack() as stack:
        ends = [stack.enter_context(end) for end in socket.socketpair()]
        yield ends


def test_what_comes_is_given_to_its_reader_whole():
    """Random pieces on several sockets, with room for a few bytes at a time, arrive whole and in order."""
    chance = Random(1)  # noqa: S311  test data
    spinner, sent = Spinner(), []
    with ExitStack() as stack:
        ways = []
        for room in (1, 7, 100_000):
            ours, theirs = (stack.enter_context(end) for end in socket.socketpair())
            protocol = Protocol(room)
            assert spinner.add(spun(ours, protocol))
            ways.append((theirs, protocol))
            sent.append(b"")
        for _ in range(200):
            at = chance.randrange(len(ways))
            piece = chance.randbytes(chance.randrange(1, 3_000))
            ways[at][0].sendall(piece)
            sent[at] += piece
            while spinner.spin(len(ways)):
                pass
        assert [protocol.heard for _, protocol in ways] == sent


def test_a_busy_socket_leaves_the_others_their_turn():
    """With bytes waiting on every socket, each look takes the next one's."""
    spinner = Spinner()
    with ExitStack() as stack:
        protocols = []
        for name in (b"a", b"b", b"c"):
            ours, theirs = (stack.enter_context(end) for end in socket.socketpair())
            protocols.append(Protocol(1))
            spinner.add(spun(ours, protocols[-1]))
            theirs.sendall(name)
        for heard in range(1, 4):
            assert spinner.spin(1)
            assert sum(bool(protocol.heard) for protocol in protocols) == heard


def test_silence_is_nothing(pair):
    """A socket that says nothing leads to no call."""
    spinner, protocol = Spinner(), Protocol(10)
    assert not spinner.spin(3)
    spinner.add(spun(pair[0], protocol))
    assert not spinner.spin(3)
    assert protocol.heard == b""


def test_a_stream_that_ends_is_left_to_its_loop(pair):
    """What came before the end is delivered; the end is told once, and the socket is not read any more."""
    ours, theirs = pair
    spinner, protocol, ended = Spinner(), Protocol(10), []
    spinner.add(spun(ours, protocol, on_end=lambda: ended.append(len(spinner))))
    theirs.sendall(b"last")
    theirs.close()
    assert (spinner.spin(1), protocol.heard, ended) == (True, b"last", [])
    assert (spinner.spin(1), ended) == (True, [0])
    assert (spinner.spin(1), ended) == (False, [0])


def test_who_was_removed_hears_nothing_more(pair):
    """The others go on; removing one that is not there is nothing."""
    ours, theirs = pair
    spinner, gone, stays = Spinner(), Protocol(10), Protocol(10)
    removed = spun(ours, gone)
    spinner.add(removed)
    spinner.add(spun(ours, stays))
    spinner.remove(removed)
    spinner.remove(removed)
    theirs.sendall(b"hello")
    assert spinner.spin(1)  # the only one that is left
    assert (gone.heard, stays.heard, len(spinner)) == (b"", b"hello", 1)


def test_there_is_room_for_sixty_four(pair):
    """What is beyond is left to its event loop, and said so."""
    spinner = Spinner()
    assert [spinner.add(spun(pair[0], Protocol(1))) for _ in range(65)] == [True] * 64 + [False]


def test_what_a_protocol_raises_ends_its_reading(pair):
    """It has lost what it did not take, so nothing more is read: whoever ends the connection is told why."""
    ours, theirs = pair

    class Broken(Protocol):
        def buffer_updated(self, _size):
            raise ZeroDivisionError

    spinner, failures = Spinner(), []
    spinner.add(spun(ours, Broken(10), on_failure=failures.append))
    theirs.sendall(b"x")
    assert spinner.spin(1)
    assert [type(failure) for failure in failures] == [ZeroDivisionError]
    assert not len(spinner)


class Ticks:
    """A spun socket whose books are read by a lane. What its protocol gets is in `protocol.heard`."""

    def __init__(self, ours, theirs, clock_ns=lambda: NOW_NS):
        self.lane, self.told, self.failures = lane_of(DERIVE), [], []
        self.protocol, self.spinner, self.theirs = Protocol(100_000), Spinner(), theirs
        self.socket = spun(ours, self.protocol, on_failure=self.failures.append)
        self.spinner.add(self.socket)
        self.socket.read_first(TickReader(self.lane, clock_ns, self.on_rows, print))

    def on_rows(self, _count, _now_ns):
        slot = self.lane.slot(DERIVE.encode())
        self.told.append(slot.book.levels(True)[0][1] * 2 // NANOS)
        slot.settle(True, 0, 0)  # nothing came of it: the next one leads to something again
        slot.settle(False, 0, 0)

    def send(self, data):
        self.theirs.sendall(data)
        while self.spinner.spin(1):
            pass


def book(number):
    """A frame that moves the touch, with the number as the size of its bid, in halves."""
    return derive(DERIVE, number, [(200 + number % 2, number)], [(208, 8)])


def test_a_whole_text_is_offered_to_the_reader_once_the_protocol_is_between_frames(pair):
    """The protocol never sees what it reads; it has all else, and what follows that until it speaks again."""
    ticks = Ticks(*pair)
    ticks.send(frame_of(book(1)))  # the end of the handshake's bytes is the protocol's to know
    assert (ticks.protocol.heard, ticks.told) == (frame_of(book(1)), [])
    ticks.protocol.heard = b""
    ticks.socket.protocol_is_between_frames(True)
    answer = frame_of(b'{"id":1,"result":{}}')
    ticks.send(frame_of(book(2)) + frame_of(book(3)) + answer + frame_of(book(4)))
    assert ticks.told == [2, 3]
    assert ticks.protocol.heard == answer + frame_of(book(4))
    ticks.socket.protocol_is_between_frames(True)
    ticks.send(frame_of(book(5)))
    assert ticks.told == [2, 3, 5]
    ticks.socket.read_first(None)
    ticks.send(frame_of(book(6)))
    assert ticks.protocol.heard == answer + frame_of(book(4)) + frame_of(book(6))


@pytest.mark.parametrize(
    "data",
    [
        frame_of(book(1))[:-1],
        frame_of(book(1))[:3],
        b"\x81",
        frame_of(book(1), b"\x01"),
        frame_of(book(1), b"\xc1"),
        frame_of(book(1), b"\x82"),
        frame_of(b"", b"\x89"),
        b"\x81\xfe" + len(book(1)).to_bytes(2) + bytes(4) + book(1),
        b"\x81\x7e\x00\x02{}",
        b"\x81\x7f" + len(book(1)).to_bytes(8) + book(1),
        b"\x81\x7f" + (2**63 + 70_000).to_bytes(8) + book(1),
    ],
    ids=["cut", "head only", "a byte", "fragment", "extension", "binary", "ping", "masked", "length padded",
         "length padded wide", "length negative"],
)  # fmt: skip
def test_what_is_not_a_whole_text_is_the_protocols_to_judge(pair, data):
    """It gets every byte as it came, and those that follow."""
    ticks = Ticks(*pair)
    ticks.socket.protocol_is_between_frames(True)
    ticks.send(data)
    ticks.send(frame_of(book(2)))
    assert ticks.protocol.heard == data + frame_of(book(2))
    assert ticks.told == []


def test_what_the_reader_raises_is_told_and_ends_its_reading(pair):
    """The failure goes to whoever ends the connection; what comes meanwhile is the protocol's."""
    failure = ValueError("no clock")

    def broken():
        raise failure

    ticks = Ticks(*pair, clock_ns=broken)
    ticks.socket.protocol_is_between_frames(True)
    ticks.send(frame_of(book(1)) + frame_of(book(2)))
    assert ticks.failures == [failure]
    assert ticks.protocol.heard == frame_of(book(2))


def test_a_reader_is_written_in_compiled_code():
    """The base reads nothing, and says so."""
    with pytest.raises(NotImplementedError):
        TextReader().read(b"{}")
