import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atomizer.errors import ConfigError
from atomizer.net.clock import ATTEMPTS_A_SAMPLE, CLOCK_SAMPLES, ClockSample, check_offset, measure_offset

MS = 1_000_000


@settings(deadline=None)
@given(
    st.integers(-(10**13), 10**13),
    st.lists(st.tuples(st.integers(0, 10**12), st.integers(0, 10**9), st.integers(0, 10**9)), min_size=1, max_size=9),
)
def test_the_true_offset_lies_within_the_stated_error(true_offset_ns, exchanges):
    """However the delay is split between the two ways, the true offset is within `error_ns` of the measured one."""
    start_ns = 1_750_000_000 * 10**9
    samples = []
    for at_ns, out_ns, back_ns in exchanges:
        sent_ns = start_ns + at_ns
        venue_ns = (sent_ns + out_ns + true_offset_ns) // MS * MS
        samples.append(ClockSample(sent_ns, venue_ns, sent_ns + out_ns + back_ns))
    measured = measure_offset(samples, MS)
    assert abs(measured.offset_ns - true_offset_ns) <= measured.error_ns
    assert measured.error_ns <= min((s.received_ns - s.sent_ns + MS) // 2 + 1 for s in samples)


def test_a_limit_is_exceeded_only_beyond_doubt():
    """A clock is too far off when the offset less its error is beyond the limit."""
    sample = ClockSample(0, 3_000, 1_000)
    assert measure_offset([sample], 0).exceeds(1_999)
    assert not measure_offset([sample], 0).exceeds(2_000)


def test_an_answer_before_its_question_is_not_measured():
    """A clock that stepped back during the measurement is an error, not an offset."""
    with pytest.raises(ValueError, match="stepped back"):
        measure_offset([ClockSample(10, 10, 9)], MS)


async def measured(steps_ns):
    """A check over a clock that moves by these steps, one at each look; the venue's is right all the time."""
    clock = [1_750_000_000 * 10**9]
    moves = iter(steps_ns)

    def now_ns():
        clock[0] += next(moves, MS)
        return clock[0]

    async def ask_ns():
        return clock[0]

    return await check_offset("Venue", ask_ns, now_ns, MS, limit_ns=10**9)


async def test_a_clock_set_back_during_a_question_is_asked_again():
    """What a step spoiled is not counted; the check ends with what was measured well."""
    offset = await measured([MS, -(5 * 10**9), MS, -1, MS, MS])
    assert abs(offset.offset_ns) <= offset.error_ns


async def test_a_clock_set_back_again_and_again_is_refused():
    """When no question can be measured, the start is refused with the remedy, and does not break."""
    with pytest.raises(ConfigError, match="time service"):
        await measured([MS, -(10**9)] * CLOCK_SAMPLES * ATTEMPTS_A_SAMPLE)
