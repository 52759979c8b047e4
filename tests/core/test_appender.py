"""Frames of the journal in memory: byte for byte what the layout's own description builds, and zeros behind."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atomizer._core.appender import INSTRUCTION_SETS, Appender, HeadMemory, use_instructions
from atomizer._core.nonces import Nonces
from atomizer.journal.frames import FRAME_BYTES, build_frame

START = b"header"


@pytest.fixture(autouse=True, scope="module")
def fastest_afterwards():
    """Whatever a test has used."""
    yield
    use_instructions(INSTRUCTION_SETS[-1])


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=8), st.integers(1, 2**63))
def test_frames_are_those_of_the_layout(payloads, first):
    """Each payload becomes the frame of its sequence, behind what stood there, and nothing else is touched."""
    expected = START + b"".join(build_frame(first + at, payload) for at, payload in enumerate(payloads))
    for name in INSTRUCTION_SETS:
        use_instructions(name)
        memory = bytearray(START.ljust(len(expected) + 7, b"\0"))
        head = HeadMemory(memory, len(START))
        appender = Appender(head, first)
        assert [appender.append(payload) for payload in payloads] == list(range(first, first + len(payloads)))
        assert bytes(memory) == expected.ljust(len(memory), b"\0")
        assert (head.size, appender.next_sequence) == (len(expected), first + len(payloads))


@pytest.mark.parametrize("name", INSTRUCTION_SETS)
def test_a_frame_of_any_length_has_the_checksum_of_the_layout(name):
    """By every set of instructions, whatever part of a block its payload leaves over."""
    use_instructions(name)
    for size in range(1, 100):
        payload = bytes(index * 37 + size & 0xFF for index in range(size))
        memory = bytearray(FRAME_BYTES + size)
        Appender(HeadMemory(memory, 0), 7).append(payload)
        assert bytes(memory) == build_frame(7, payload)


def test_only_what_the_machine_has_can_be_used():
    """Every machine can do with the plain instructions, and an unknown name is refused."""
    assert INSTRUCTION_SETS[0] == "plain"
    with pytest.raises(ValueError, match="no 'mmx' instructions"):
        use_instructions("mmx")


def test_what_has_no_room_is_not_stored():
    """A frame that does not fit to its last byte leaves everything as it was; the next head takes it."""
    payload = b"x" * 40
    memory, larger = bytearray(FRAME_BYTES + 39), bytearray(FRAME_BYTES + 40)
    appender = Appender(HeadMemory(memory, 0), 7)
    assert appender.append(payload) == 0
    assert (appender.next_sequence, any(memory)) == (7, False)
    appender.begin(HeadMemory(larger, 0))
    assert appender.append(payload) == 7
    assert bytes(larger) == build_frame(7, payload)


def test_a_shut_journal_takes_nothing():
    """Whatever room there is."""
    memory = bytearray(1_000)
    appender = Appender(HeadMemory(memory, 0), 1)
    appender.is_shut = True
    assert appender.append(b"record") == 0
    assert not any(memory)


def test_memory_that_was_let_go_takes_nothing():
    """It can be resized again, and an appender that still has it finds no room."""
    memory = bytearray(1_000)
    head = HeadMemory(memory, 0)
    appender = Appender(head, 1)
    with pytest.raises(BufferError):
        memory.extend(b"more")
    head.release()
    memory.extend(b"more")
    assert appender.append(b"record") == 0


def test_memory_must_be_writable_and_large_enough():
    """What cannot be a head is refused."""
    with pytest.raises(BufferError):
        HeadMemory(b"read-only", 0)
    for size in (-1, 11):
        with pytest.raises(ValueError, match="do not lie"):
            HeadMemory(bytearray(10), size)


def test_nonces_that_would_not_rise_are_refused():
    """Some in a time that is above zero, and no time before 1970."""
    for wrong in ({"unit_ns": 0}, {"per_unit": 0}):
        with pytest.raises(ValueError, match="do not rise"):
            Nonces(**{"unit_ns": 1, "per_unit": 1, "last": 0} | wrong)
    with pytest.raises(ValueError, match="not a time"):
        Nonces(unit_ns=1, per_unit=1, last=0).next(-1)
