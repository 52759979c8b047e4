"""One duration recorded, and a percentile read, beside keeping every duration."""

from bisect import insort

import pytest

from atomizer._core.histogram import Histogram

COUNT = 10_000
DURATIONS = [(n * 7_919) % 1_000_003 for n in range(COUNT)]


def filled():
    histogram = Histogram()
    for duration in DURATIONS:
        histogram.record(duration)
    return histogram


def test_record(benchmark):
    benchmark.group = "a duration recorded"
    benchmark.pedantic(Histogram().record, (4_711,), rounds=1_000, iterations=100)


def test_record_sorted_list(benchmark):
    benchmark.group = "a duration recorded"
    kept = sorted(DURATIONS)
    benchmark.pedantic(insort, (kept, 4_711), rounds=1_000, iterations=10)


@pytest.mark.parametrize("percent", [50.0, 99.9])
def test_percentile(benchmark, percent):
    benchmark.group = "a percentile read"
    exact = sorted(DURATIONS)[round(COUNT * percent / 100) - 1]
    assert exact <= benchmark(filled().percentile, percent) <= exact * (1 + 1 / 64)
