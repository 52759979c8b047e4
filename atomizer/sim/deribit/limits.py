"""Rate limits in credits: a bucket refills steadily, every call takes its price out of it (protocol sheet §8).

A socket whose bucket is empty is answered 10028 and then closed. Callers that are not logged in share a bucket by
address, the others by account.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from atomizer.sim.deribit.units import NS_PER_S


class Rate(StrEnum):
    """Which bucket a method draws on."""

    MATCHING = "matching"
    NON_MATCHING = "non_matching"
    INSTRUMENTS = "instruments"
    SUBSCRIBE = "subscribe"
    LOG = "log"


@dataclass(frozen=True, slots=True)
class Bucket:
    """Credits: what a call costs, what the bucket holds, what flows in a second."""

    cost: int
    capacity: int
    refill: int


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The venue's figures, but for its matching engine, which gives a small trader 5 a second and the largest 30."""

    matching: Bucket = Bucket(1000, 250_000, 200_000)
    non_matching: Bucket = Bucket(500, 50_000, 10_000)
    instruments: Bucket = Bucket(10_000, 500_000, 10_000)
    subscribe: Bucket = Bucket(3_000, 30_000, 10_000)
    log: Bucket = Bucket(10_000, 80_000, 10_000)
    connections: int = 32  # per address

    def of(self, rate: Rate) -> Bucket:
        return {
            Rate.MATCHING: self.matching,
            Rate.NON_MATCHING: self.non_matching,
            Rate.INSTRUMENTS: self.instruments,
            Rate.SUBSCRIBE: self.subscribe,
            Rate.LOG: self.log,
        }[rate]


@dataclass(slots=True, eq=False)
class Credits:
    """The buckets of one account or address: rate to (credits x second in ns, when)."""

    _left: dict[Rate, tuple[int, int]] = field(default_factory=dict)

    def take(self, rate: Rate, bucket: Bucket, now_ns: int) -> bool:
        """Pay for one call; False when there are not enough credits, which costs nothing."""
        full = bucket.capacity * NS_PER_S
        left, then_ns = self._left.get(rate, (full, now_ns))
        left = min(full, left + bucket.refill * max(now_ns - then_ns, 0))
        cost = bucket.cost * NS_PER_S
        self._left[rate] = (left - cost if left >= cost else left, now_ns)
        return left >= cost
