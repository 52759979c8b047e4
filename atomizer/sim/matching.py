"""One order book and how a trade is shared out. Pure: integers in nanos, no clock, no accounts.

All of Deribit and Derive's perpetuals are first in, first out (`FIFO`). Derive's options blend (protocol sheet of
Derive, §5, "Matching"): at each price level an incoming size
s is served (1) first in, first out up to max(`fifo_minimum`, s·(1 - `pro_rata_fraction`)), (2) in proportion to what
then still rests, each share floored to `pro_rata_step`, (3) what the floors left over first in, first out. Whether the
shares of (2) count sizes before or after (1) is not documented; here it is after.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

NANOS = 10**9


@dataclass(frozen=True, slots=True)
class Rule:
    """How one instrument shares out a trade. A `pro_rata_fraction_nanos` of 0 is plain first in, first out."""

    fifo_minimum_nanos: int
    pro_rata_fraction_nanos: int
    pro_rata_step_nanos: int
    lot_nanos: int


FIFO = Rule(0, 0, NANOS, 1)


@dataclass(slots=True, eq=False)
class Resting:
    """What is left of one order in the book. `key` is unique in the book."""

    key: str
    owner: str
    is_bid: bool
    price: int
    remaining: int


@dataclass(frozen=True, slots=True)
class Match:
    """A part of a trade: this resting order gave `amount` at its own price."""

    resting: Resting
    amount: int


def allocate(size: int, resting: Sequence[int], rule: Rule) -> list[int]:
    """Share of each resting amount (oldest first) in an incoming `size` that is not larger than their sum."""
    queue_part = size
    if rule.pro_rata_fraction_nanos:
        kept = size * (NANOS - rule.pro_rata_fraction_nanos)
        lots = -(-kept // (NANOS * rule.lot_nanos))  # rounded up, so that every share stays a whole number of lots
        queue_part = min(size, max(rule.fifo_minimum_nanos, lots * rule.lot_nanos))
    shares = _first_in_first_out(queue_part, resting)
    left = size - queue_part
    if not left:
        return shares
    open_amounts = [amount - share for amount, share in zip(resting, shares, strict=True)]
    total = sum(open_amounts)
    proportional = [
        left * amount // total // rule.pro_rata_step_nanos * rule.pro_rata_step_nanos for amount in open_amounts
    ]
    open_amounts = [amount - share for amount, share in zip(open_amounts, proportional, strict=True)]
    leftovers = _first_in_first_out(left - sum(proportional), open_amounts)
    return [sum(parts) for parts in zip(shares, proportional, leftovers, strict=True)]


def _first_in_first_out(size: int, resting: Sequence[int]) -> list[int]:
    shares = []
    for amount in resting:
        share = min(size, amount)
        shares.append(share)
        size -= share
    return shares


class Book:
    """Bids and asks of one instrument. `version` grows with every change."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.version = 0
        self._levels: dict[bool, dict[int, list[Resting]]] = {True: {}, False: {}}
        self._prices: dict[bool, list[int]] = {True: [], False: []}  # rising, on both sides
        self._resting: dict[str, Resting] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._resting

    def get(self, key: str) -> Resting:
        return self._resting[key]

    def add(self, resting: Resting) -> None:
        """Rest at the end of the queue of its price. The caller has matched what crosses."""
        levels = self._levels[resting.is_bid]
        if resting.price not in levels:
            levels[resting.price] = []
            insort(self._prices[resting.is_bid], resting.price)
        levels[resting.price].append(resting)
        self._resting[resting.key] = resting
        self.version += 1

    def remove(self, key: str) -> Resting:
        resting = self._resting.pop(key)
        queue = self._levels[resting.is_bid][resting.price]
        queue.remove(resting)
        if not queue:
            del self._levels[resting.is_bid][resting.price]
            prices = self._prices[resting.is_bid]
            del prices[bisect_left(prices, resting.price)]
        self.version += 1
        return resting

    def reduce(self, key: str, remaining: int) -> None:
        """Less of the same order: it keeps its place."""
        self._resting[key].remaining = remaining
        self.version += 1

    def best(self, *, is_bid: bool) -> int | None:
        prices = self._prices[is_bid]
        if not prices:
            return None
        return prices[-1] if is_bid else prices[0]

    def crossing(self, *, is_buy: bool, limit: int) -> Iterator[Resting]:
        """What an order at `limit` would meet, best price first, oldest first."""
        for price in self._crossed_prices(is_buy=is_buy, limit=limit):
            yield from self._levels[not is_buy][price]

    def match(self, *, is_buy: bool, amount: int, limit: int) -> list[Match]:
        """Take up to `amount` at `limit` or better out of the book."""
        matches: list[Match] = []
        for price in self._crossed_prices(is_buy=is_buy, limit=limit):
            queue = list(self._levels[not is_buy][price])
            sizes = [resting.remaining for resting in queue]
            traded = min(amount, sum(sizes))
            for resting, share in zip(queue, allocate(traded, sizes, self.rule), strict=True):
                if share:
                    matches.append(Match(resting, share))
                    self._take(resting, share)
            amount -= traded
            if not amount:
                break
        return matches

    def levels(self, *, is_bid: bool, depth: int, bucket: int) -> list[tuple[int, int]]:
        """(price, amount) best first, prices gathered into buckets: bids rounded down, asks up."""
        gathered: dict[int, int] = {}
        prices = self._prices[is_bid]
        for price in reversed(prices) if is_bid else prices:
            key = price // bucket * bucket if is_bid else -(-price // bucket) * bucket
            if key not in gathered and len(gathered) == depth:
                break
            gathered[key] = gathered.get(key, 0) + sum(r.remaining for r in self._levels[is_bid][price])
        return list(gathered.items())

    def _crossed_prices(self, *, is_buy: bool, limit: int) -> list[int]:
        prices = self._prices[not is_buy]
        crossed = []
        for price in prices if is_buy else reversed(prices):
            if price > limit if is_buy else price < limit:
                break
            crossed.append(price)
        return crossed

    def _take(self, resting: Resting, share: int) -> None:
        resting.remaining -= share
        if resting.remaining:
            self.version += 1
        else:
            self.remove(resting.key)
