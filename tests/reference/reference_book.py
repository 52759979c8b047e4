"""A book as slow and plain as it can be written: one dict a side, sorted and searched anew for every answer."""

from bisect import bisect_left, insort
from fractions import Fraction
from math import ceil, floor

NO_PRICE = -(2**63)
CAPACITY = 512


class ReferenceBook:
    def __init__(self) -> None:
        self.sizes: dict[bool, dict[int, int]] = {True: {}, False: {}}
        self.own: dict[bool, dict[int, int]] = {True: {}, False: {}}
        self.stamps = (0, 0, 0)
        self.dark = True

    def apply_snapshot(self, bids, asks, sequence, venue_time_ns, received_ns) -> bool:
        self.sizes = {True: dict(bids), False: dict(asks)}
        self.dark = not all(self._is_ladder(list(levels), is_bid) for is_bid, levels in ((True, bids), (False, asks)))
        return self.finish_change(sequence, venue_time_ns, received_ns)

    @staticmethod
    def _is_ladder(levels, is_bid) -> bool:
        prices = [price for price, _ in levels]
        ordered = sorted(set(prices), reverse=is_bid)
        return len(levels) <= CAPACITY and prices == ordered and all(price > 0 and size > 0 for price, size in levels)

    def apply_change(self, is_bid, price, size) -> bool:
        if self.dark:
            return False
        side = self.sizes[is_bid]
        if price <= 0 or size < 0 or (size and price not in side and len(side) == CAPACITY):
            self.dark = True
            return False
        side.pop(price, None)
        if size:
            side[price] = size
        return True

    def finish_change(self, sequence, venue_time_ns, received_ns) -> bool:
        if self.dark:
            return False
        self.stamps = (sequence, venue_time_ns, received_ns)
        bids, asks = self.sizes[True], self.sizes[False]
        self.dark = bool(bids and asks and max(bids) >= min(asks))
        return not self.dark

    def darken(self) -> None:
        self.dark = True

    def set_own(self, is_bid, price, size) -> None:
        self.own[is_bid].pop(price, None)
        if size:
            self.own[is_bid][price] = size

    def levels(self, is_bid) -> list[tuple[int, int]]:
        if self.dark:
            return []
        prices: list[int] = []
        for price in self.sizes[is_bid]:
            insort(prices, price)
        others = [(price, self.sizes[is_bid][price] - self.own[is_bid].get(price, 0)) for price in prices]
        return [(price, size) for price, size in (reversed(others) if is_bid else others) if size > 0]

    def best(self, is_bid) -> int:
        levels = self.levels(is_bid)
        return levels[0][0] if levels else NO_PRICE

    def depth(self, is_bid) -> int:
        return min(sum(size for _, size in self.levels(is_bid)), 2**63 - 1)

    def worst(self, is_bid, size) -> int:
        levels = self.levels(is_bid)
        running = [sum(s for _, s in levels[: n + 1]) for n in range(len(levels))]
        at = bisect_left(running, size)
        return levels[at][0] if size > 0 and at < len(levels) else NO_PRICE

    def vwap(self, is_bid, size) -> int:
        if self.worst(is_bid, size) == NO_PRICE:
            return NO_PRICE
        paid, missing = 0, size
        for price, there in self.levels(is_bid):
            taken = min(missing, there)
            paid += taken * price
            missing -= taken
        return (floor if is_bid else ceil)(Fraction(paid, size))
