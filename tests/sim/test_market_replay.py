"""One seed, one day: the market's stream is the same to the byte, however and wherever it is asked for."""

import hashlib
import os
import subprocess
import sys
from decimal import Decimal
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from atomizer.sim.market import STEP_NS, Market

START_NS = 1_771_977_600_000_000_000  # 2026-02-25 00:00 UTC
STEPS = 120
PROGRAM = f"""
import hashlib
from atomizer.sim.market import STEP_NS, Market
market = Market(11, {START_NS}, rfq_interval_s=0.5)
events = market.advance({START_NS} + {STEPS} * STEP_NS)
states = [market.state(name) for name in market.listings]
print(hashlib.sha256(repr((events, states)).encode()).hexdigest())
"""


@cache
def whole_stream(seed: int = 11) -> str:
    market = Market(seed, START_NS, rfq_interval_s=0.5)
    events = market.advance(START_NS + STEPS * STEP_NS)
    states = [market.state(name) for name in market.listings]
    return hashlib.sha256(repr((events, states)).encode()).hexdigest()


def stream_in_process(hash_seed: str) -> str:
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def test_stream_is_the_same_in_every_process():
    """Two processes with different hash seeds, and this one, see the same bytes."""
    assert stream_in_process("1") == stream_in_process("4242") == whole_stream()


def test_another_seed_is_another_day():
    """Seeds matter."""
    assert whole_stream(11) != whole_stream(12)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(-STEP_NS, 9 * STEP_NS), max_size=60))
def test_stream_does_not_depend_on_how_it_is_cut(gaps):
    """However `advance` is called, backwards and between steps too, its answers join to the same stream and state."""
    market = Market(11, START_NS, rfq_interval_s=0.5)
    now_ns, events = START_NS, []
    for gap_ns in gaps:
        now_ns = min(now_ns + gap_ns, START_NS + STEPS * STEP_NS)
        events += market.advance(now_ns)
    events += market.advance(START_NS + STEPS * STEP_NS)
    states = [market.state(name) for name in market.listings]
    assert hashlib.sha256(repr((events, states)).encode()).hexdigest() == whole_stream()


def test_events_come_in_order_and_on_whole_steps():
    """No event is stamped off the grid, earlier than the one before, or later than what was asked for."""
    market = Market(5, START_NS)
    until_ns = START_NS + 30 * STEP_NS + STEP_NS // 2
    stamps = [event.now_ns for event in market.advance(until_ns)]
    assert stamps == sorted(stamps)
    assert stamps[0] == START_NS
    assert stamps[-1] <= market.now_ns == START_NS + 30 * STEP_NS
    assert all((stamp - START_NS) % STEP_NS == 0 for stamp in stamps)
    assert market.advance(until_ns) == []


def test_start_moves_the_calendar_and_not_the_draws():
    """The same seed a week later opens with the same spot and as many listings, a week on."""
    week_ns = 7 * 86_400 * 1_000_000_000
    first, second = Market(3, START_NS), Market(3, START_NS + week_ns)
    assert first.spot("ETH") == second.spot("ETH") > Decimal(0)
    assert len(first.listings) == len(second.listings)
    nearest = [min(item.expiry_s for item in m.listings.values() if item.expiry_s) for m in (first, second)]
    assert nearest[1] - nearest[0] == week_ns // 1_000_000_000
