"""What the numeric benchmarks share: the compiled loops, and a stream of book changes."""

import random

import numpy as np
from probe import probe

Ladder = list[tuple[int, int]]

TICK_NANOS = 10_000_000
LEVELS = 40
NEW_AT_TOUCH, NEAR_TOUCH = 0.2, 0.25  # how far from the touch changes fall: geometric, as in recorded books


def numeric_probe():
    return probe("numeric_probe")


def snapshot() -> tuple[Ladder, Ladder]:
    """Bids and asks, best first, around one price."""
    mid = 100_000
    return (
        [((mid - 1 - n) * TICK_NANOS, 10**9) for n in range(LEVELS)],
        [((mid + 1 + n) * TICK_NANOS, 10**9) for n in range(LEVELS)],
    )


def changes(count: int) -> np.ndarray:
    """(is_bid, price, size) near the touch that keep the book of `snapshot` uncrossed: sizes, removals, new levels."""
    rng = random.Random(7)  # noqa: S311  the same stream each time
    bids, asks = (dict(side) for side in snapshot())
    rows: list[tuple[int, int, int]] = []
    while len(rows) < count:
        is_bid = rng.random() < 0.5
        side, other = (bids, asks) if is_bid else (asks, bids)
        ladder = sorted(side, reverse=is_bid)
        touch_of_other = min(other) if is_bid else max(other)
        what = rng.random()
        distance = _geometric(rng, NEAR_TOUCH)
        price, size = ladder[min(distance, len(ladder) - 1)], rng.randrange(1, 100) * 10**8
        if what > 0.8:
            price = ladder[0] + (-1 if is_bid else 1) * (_geometric(rng, NEW_AT_TOUCH) - 1) * TICK_NANOS
            if price >= touch_of_other if is_bid else price <= touch_of_other:
                continue
        elif what > 0.6 and len(side) > LEVELS // 2:
            size = 0
        side.pop(price, None)
        if size:
            side[price] = size
        rows.append((int(is_bid), price, size))
    return np.array(rows, dtype=np.int64)


def _geometric(rng: random.Random, chance: float) -> int:
    count = 0
    while rng.random() > chance:
        count += 1
    return count
