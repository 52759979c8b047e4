"""Slow oracle: every choice of quotes that might have traded, one by one."""

from collections import Counter
from itertools import combinations

E9 = 10**9


def sums(quotes):
    """(amount, premium) that these trades add up to, 10⁻¹⁸."""
    amount = sum(quote.side * quote.quantity_nanos * E9 for quote in quotes)
    return amount, sum(quote.side * quote.quantity_nanos * quote.price_nanos for quote in quotes)


def plus(one, other):
    return one[0] + other[0], one[1] + other[1]


def choices(quotes):
    return (choice for size in range(len(quotes) + 1) for choice in combinations(quotes, size))


def explanations(held, older, told, untold):
    """Every set of nonces of `untold`, one of an RFQ at most, that with some of `told` makes `older` into `held`."""
    found = set()
    for missed in choices(untold):
        if max(Counter(quote.rfq_id for quote in missed).values(), default=0) > 1:
            continue
        if any(plus(plus(older, sums(shown)), sums(missed)) == held for shown in choices(told)):
            found.add(frozenset(quote.nonce for quote in missed))
    return found
