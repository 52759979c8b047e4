"""How practice Derive shares out a trade: the documented tables, and what must hold for any flow of orders."""

from fractions import Fraction
from itertools import count, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atomizer.sim.matching import Book, Resting, Rule, allocate

N = 10**9
LOT = N // 100
ETH = Rule(10 * N, 800_000_000, N, LOT)
BTC = Rule(N, 800_000_000, N // 10, LOT)
FIFO = Rule(0, 0, N, LOT)


@pytest.mark.parametrize(
    ("size", "resting", "shares"),
    [
        (10, (10, 30, 60), (10, 0, 0)),
        (50, (10, 30, 60), (10, 14, 26)),
        (100, (10, 30, 60), (10, 30, 60)),
        (5, (10, 30, 60), (5, 0, 0)),
    ],
)
def test_options_blend_as_documented(size, resting, shares):
    """ETH options, one level of 10, 30 and 60: first in first out, then in proportion, then what the floors left."""
    given_out = allocate(size * N, [amount * N for amount in resting], ETH)
    assert given_out == [share * N for share in shares]


def slow_shares(size, resting, rule):
    """The same blend in exact fractions of units, written from the sheet."""
    size, resting = Fraction(size, N), [Fraction(amount, N) for amount in resting]
    fraction, step = Fraction(rule.pro_rata_fraction_nanos, N), Fraction(rule.pro_rata_step_nanos, N)
    lot = Fraction(rule.lot_nanos, N)

    def queue(amount, open_amounts):
        shares = []
        for open_amount in open_amounts:
            shares.append(min(amount, open_amount))
            amount -= shares[-1]
        return shares

    if not fraction:
        return queue(size, resting)
    part = -(-(size * (1 - fraction)) // lot) * lot
    first = queue(min(size, max(Fraction(rule.fifo_minimum_nanos, N), part)), resting)
    left = size - sum(first)
    if not left:
        return first
    after = [amount - share for amount, share in zip(resting, first, strict=True)]
    second = [left * amount / sum(after) // step * step for amount in after]
    third = queue(left - sum(second), [amount - share for amount, share in zip(after, second, strict=True)])
    return [sum(shares) for shares in zip(first, second, third, strict=True)]


lots = st.integers(1, 10_000).map(lambda lot: lot * LOT)


@given(st.lists(lots, min_size=1, max_size=8), st.data(), st.sampled_from([ETH, BTC, FIFO]))
def test_shares_agree_with_exact_fractions(resting, data, rule):
    """Shares are those of exact fractions, add up to the trade, are whole lots and never more than what rests."""
    size = data.draw(st.integers(1, sum(resting) // LOT)) * LOT
    shares = allocate(size, resting, rule)
    assert [Fraction(share, N) for share in shares] == slow_shares(size, resting, rule)
    assert sum(shares) == size
    assert all(0 <= share <= amount and share % LOT == 0 for share, amount in zip(shares, resting, strict=True))


@given(st.lists(lots, min_size=1, max_size=8), st.data())
def test_small_option_flow_is_first_in_first_out(resting, data):
    """Below ten ETH contracts an option trades like a perpetual."""
    size = data.draw(st.integers(1, min(sum(resting), 10 * N) // LOT)) * LOT
    assert allocate(size, resting, ETH) == allocate(size, resting, FIFO)


orders = st.lists(
    st.tuples(st.booleans(), st.integers(1, 12), st.integers(1, 3000).map(lambda lot: lot * LOT), st.booleans()),
    max_size=60,
)


def play(flow, rule):
    """Each order takes what it crosses and rests what is left, some are cancelled; yields the book and the matches."""
    book, names, placed = Book(rule), count(), {}
    for is_buy, price, amount, cancels in flow:
        if cancels and placed:
            key = next(iter(placed))
            del placed[key]
            if key in book:
                book.remove(key)
            continue
        met = list(book.crossing(is_buy=is_buy, limit=price))
        before = {resting.key: resting.remaining for resting in met}
        matches = book.match(is_buy=is_buy, amount=amount, limit=price)
        left = amount - sum(match.amount for match in matches)
        yield book, (is_buy, price, amount), before, matches, left
        if left:
            key = str(next(names))
            placed[key] = None
            book.add(Resting(key, "somebody", is_buy, price, left))


@given(orders, st.sampled_from([ETH, BTC, FIFO]))
def test_any_flow_keeps_size_and_never_crosses(flow, rule):
    """What one side gives the other gets, at the resting price or better, and the book never stays crossed."""
    for book, (is_buy, price, amount), before, matches, left in play(flow, rule):
        assert sum(match.amount for match in matches) == amount - left == min(amount, sum(before.values()))
        for match in matches:
            rest = book.get(match.resting.key).remaining if match.resting.key in book else 0
            assert before[match.resting.key] == match.amount + rest
            assert match.resting.price <= price if is_buy else match.resting.price >= price
        bid, ask = book.best(is_bid=True), book.best(is_bid=False)
        assert bid is None or ask is None or bid < ask


@given(orders)
def test_perpetuals_serve_price_then_time(flow):
    """First in, first out: nobody is served while somebody better or earlier still waits."""
    for _, (is_buy, _, amount), before, matches, _ in play(flow, FIFO):
        expected, left = {}, amount
        for key, remaining in before.items():  # best price first, oldest first, as the book walks
            if left:
                expected[key] = min(left, remaining)
                left -= expected[key]
        assert {match.resting.key: match.amount for match in matches} == expected
        prices = [match.resting.price for match in matches]
        assert prices == sorted(prices, reverse=not is_buy)
        for first, second in pairwise(matches):
            same = first.resting.price == second.resting.price
            assert not same or int(first.resting.key) < int(second.resting.key)


@given(orders, st.integers(1, 5), st.integers(1, 4))
def test_levels_are_the_resting_orders_in_buckets(flow, depth, bucket):
    """A snapshot is what rests, gathered into price buckets, best first, cut at its depth."""
    for book, *_ in play(flow, ETH):
        for is_bid in (True, False):
            gathered = {}
            for resting in book.crossing(is_buy=not is_bid, limit=0 if is_bid else 10**6):
                price = resting.price // bucket * bucket if is_bid else -(-resting.price // bucket) * bucket
                gathered[price] = gathered.get(price, 0) + resting.remaining
            wanted = sorted(gathered.items(), reverse=is_bid)[:depth]
            assert book.levels(is_bid=is_bid, depth=depth, bucket=bucket) == wanted
