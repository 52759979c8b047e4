"""The latency recorder against sorted lists."""

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atomizer._core.histogram import Histogram

HOUR_NS = 3_600_000_000_000
durations = st.one_of(st.integers(-10, 200), st.integers(0, 10**6), st.integers(0, 2 * HOUR_NS))


def filled(values) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


@given(st.lists(durations, min_size=1, max_size=200), st.sampled_from([0.0, 1.0, 25.0, 50.0, 90.0, 99.0, 99.9, 100.0]))
def test_a_percentile_is_never_low_and_high_by_less_than_a_64th(values, percent):
    """A percentile is at least the exact one of the clamped records, and above it by less than 1/64."""
    histogram = filled(values)
    clamped = sorted(min(max(value, 1), HOUR_NS) for value in values)
    exact = clamped[max(ceil(round(percent * len(values) / 100, 9)) - 1, 0)]
    assert exact <= histogram.percentile(percent) < exact * (1 + 1 / 64)
    assert histogram.count == len(values)
    assert histogram.maximum_ns == histogram.percentile(100) == clamped[-1]


@pytest.mark.parametrize("exponent", range(42))
def test_bucket_edges_are_counted_on_the_right_side(exponent):
    """On both sides of a power of two the answer keeps the promised error."""
    for value in (2**exponent - 1, 2**exponent, 2**exponent + 1):
        clamped = min(max(value, 1), HOUR_NS)
        histogram = filled([value, HOUR_NS])
        assert clamped <= histogram.percentile(50) < clamped * (1 + 1 / 64)


def test_a_decimal_percentile_hits_the_rank_it_means():
    """99.9 of a thousand records is the 999th although 99.9 is no double."""
    assert filled([1] * 999 + [60]).percentile(99.9) == 1
    assert filled([1] * 998 + [60] * 2).percentile(99.9) == 60


def test_an_empty_histogram_answers_zero():
    """Nothing recorded, or everything reset: percentiles, count and maximum are 0."""
    histogram = filled([5, 7])
    histogram.reset()
    for empty in (Histogram(), histogram):
        assert (empty.percentile(50), empty.percentile(100), empty.count, empty.maximum_ns) == (0, 0, 0, 0)


@pytest.mark.parametrize("percent", [-0.1, 100.1, float("nan"), float("inf")])
def test_a_percentile_outside_its_range_is_refused(percent):
    """Only 0 to 100 is a percentile."""
    with pytest.raises(ValueError, match=r"0\.\.100"):
        filled([1]).percentile(percent)
