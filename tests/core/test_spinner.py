"""Sockets that are read instead of being waited for: what comes is given to its reader, whole and in order."""

import socket
from contextlib import ExitStack
from random import Random

import pytest

from atomizer._core.spinner import Spinner


class Reader:
    """Takes bytes as asyncio gives them to a BufferedProtocol, at most `room` at a time."""

    def __init__(self, room):
        self.memory = bytearray(room)
        self.heard = b""

    def get_buffer(self, _hint):
        return memoryview(self.memory)

    def buffer_updated(self, size):
        self.heard += self.memory[:size]


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
            reader = Reader(room)
            assert spinner.add(ours.fileno(), reader)
            ways.append((theirs, reader))
            sent.append(b"")
        for _ in range(200):
            at = chance.randrange(len(ways))
            piece = chance.randbytes(chance.randrange(1, 3_000))
            ways[at][0].sendall(piece)
            sent[at] += piece
            while spinner.spin(len(ways)):
                pass
        assert [reader.heard for _, reader in ways] == sent


def test_a_busy_socket_leaves_the_others_their_turn():
    """With bytes waiting on every socket, each look takes the next one's."""
    spinner = Spinner()
    with ExitStack() as stack:
        readers = []
        for name in (b"a", b"b", b"c"):
            ours, theirs = (stack.enter_context(end) for end in socket.socketpair())
            readers.append(Reader(1))
            spinner.add(ours.fileno(), readers[-1])
            theirs.sendall(name)
        for heard in range(1, 4):
            assert spinner.spin(1)
            assert sum(bool(reader.heard) for reader in readers) == heard


def test_silence_and_an_end_are_nothing(pair):
    """A socket that says nothing, or has ended, leads to no call: its event loop sees the end."""
    ours, theirs = pair
    spinner, reader = Spinner(), Reader(10)
    assert not spinner.spin(3)
    spinner.add(ours.fileno(), reader)
    assert not spinner.spin(3)
    theirs.close()
    assert not spinner.spin(3)
    assert (reader.heard, len(spinner)) == (b"", 1)


def test_who_was_removed_hears_nothing_more(pair):
    """The others go on; removing one that is not there is nothing."""
    ours, theirs = pair
    spinner, gone, stays = Spinner(), Reader(10), Reader(10)
    spinner.add(ours.fileno(), gone)
    spinner.add(ours.fileno(), stays)
    spinner.remove(gone)
    spinner.remove(gone)
    theirs.sendall(b"hello")
    assert spinner.spin(1)  # the only one that is left
    assert (gone.heard, stays.heard, len(spinner)) == (b"", b"hello", 1)


def test_there_is_room_for_sixty_four(pair):
    """What is beyond is left to its event loop, and said so."""
    spinner = Spinner()
    assert [spinner.add(pair[0].fileno(), Reader(1)) for _ in range(65)] == [True] * 64 + [False]


def test_what_a_reader_raises_comes_out(pair):
    """Nothing is swallowed."""
    ours, theirs = pair

    class Broken(Reader):
        def buffer_updated(self, _size):
            raise ZeroDivisionError

    spinner = Spinner()
    spinner.add(ours.fileno(), Broken(10))
    theirs.sendall(b"x")
    with pytest.raises(ZeroDivisionError):
        spinner.spin(1)
