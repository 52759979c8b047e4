from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from atomizer.net.backoff import CEILING_NS, FIRST_NS, Backoff


@settings(deadline=None)
@given(seed=st.integers(), tries=st.integers(1, 40), hint_ns=st.integers(0, 10 * CEILING_NS))
def test_a_delay_lies_in_the_upper_half_of_its_doubling_range_and_never_below_the_hint(seed, tries, hint_ns):
    """The n-th delay is between half and all of first x 2^n, capped at the ceiling, and at least the venue's hint."""
    backoff = Backoff(Random(seed))  # noqa: S311  jitter, not a secret
    for attempt in range(tries):
        limit_ns = min(FIRST_NS * 2**attempt, CEILING_NS)
        delay_ns = backoff.next_ns(hint_ns)
        assert max(hint_ns, limit_ns // 2) <= delay_ns <= max(hint_ns, limit_ns)


@settings(deadline=None)
@given(seed=st.integers())
def test_the_same_seed_waits_the_same(seed):
    """Two back-offs with one seed give the same delays, and a reset starts over at the first range."""
    one, other = (Backoff(Random(seed)) for _ in range(2))  # noqa: S311  jitter, not a secret
    assert [one.next_ns() for _ in range(9)] == [other.next_ns() for _ in range(9)]
    one.reset()
    assert one.next_ns() <= FIRST_NS
