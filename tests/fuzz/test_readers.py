"""Whatever a venue sends, its reader answers a value or says what is wrong. `scripts/fuzz` goes on for longer."""

import pytest
import readers
from bending import bend
from hypothesis import given, settings
from hypothesis import strategies as st

READERS = readers.found()


@pytest.mark.parametrize("name", READERS)
def test_every_reader_has_a_sample_that_it_takes(name):
    """What the fuzzing starts from is understood."""
    assert READERS[name].samples


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=15)
@given(st.data())
def test_a_bent_message_is_read_or_refused(name, data):
    """A good message with something else in a few places."""
    reader = READERS[name]
    sample = data.draw(st.sampled_from(reader.samples))
    readers.feed(reader, bend(sample, lambda n: data.draw(st.integers(0, n - 1))))


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=10)
@given(st.binary(max_size=200))
def test_bytes_are_read_or_refused(name, data):
    """Bytes that mean nothing."""
    readers.feed(READERS[name], data)
