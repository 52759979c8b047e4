"""Book frames of 500 instruments on one core: what one takes, and whether 200,000 a second leave a queue behind."""

import gc

import pytest
from load import PER_SECOND, Market, run

FRAMES = 50_000
SECONDS = 5


@pytest.fixture(scope="module")
def market():
    return Market()


@pytest.mark.benchmark(group=f"{FRAMES} book frames of 500 instruments, some of them answered by an order")
def test_load_saturated(benchmark, market):
    """Frames one after another, as fast as they are read."""
    sent = 0

    def read():
        nonlocal sent
        for number in range(sent, sent + FRAMES):
            index, frame = market.next_frame(number)
            market.receive(market.slots[index], frame, number)
        sent += FRAMES

    benchmark.pedantic(read, setup=market.keeper.fill, rounds=10, warmup_rounds=1)


def test_load_by_the_clock(benchmark):
    """At 200,000 frames a second nothing waits at the end, and memory does not grow."""
    benchmark.group = f"{SECONDS} seconds of {PER_SECOND:,} frames a second (times from due to done in the extra info)"
    market = Market()
    gc.collect()
    gc.freeze()
    gc.disable()
    outcome = benchmark.pedantic(run, (market, SECONDS, PER_SECOND), rounds=1)
    gc.enable()
    times = outcome.times
    benchmark.extra_info |= {f"p{each}": times.percentile(each) for each in (50, 99, 99.9)}
    benchmark.extra_info |= {"behind": outcome.behind, "grown KiB": outcome.grown_kib}
    assert outcome.frames == SECONDS * PER_SECOND
    assert outcome.unprepared == 0
    assert outcome.behind < PER_SECOND // 1_000
    assert outcome.grown_kib < 1_024
