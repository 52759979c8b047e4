"""Which quotes of ours must have traded for our position to be the venue's. Pure: a search, no requests, no clock.

For RFQ venues that tell of a trade once and replay nothing: what they hold for us is the only other word on it.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from atomizer.domain.trading import QuoteSent

E18_PER_NANO: Final = 10**9
MAX_SUMS: Final = 4_000  # what one search may hold at a time; it is what keeps it in milliseconds


class Holding(NamedTuple):
    """A position as it adds up: signed amount, 10⁻¹⁸, and USD paid less USD received for it, 10⁻¹⁸, without fees."""

    amount_e18: int
    premium_e18: int


NOTHING: Final = Holding(0, 0)


class Doubt(StrEnum):
    """Why no trade may be concluded."""

    UNEXPLAINED = "no quotes of ours explain it"
    AMBIGUOUS = "more than one choice of our quotes explains it"
    TOO_MANY = "too many quotes of ours might explain it"


_Pair = tuple[int, int]  # as a `Holding`, and quicker to make

# What a choice of quotes adds up to, and the missed ones among them; None when several choices add up to the same.
_Sums = dict[_Pair, tuple[QuoteSent, ...] | None]
# What one RFQ may add: nothing, or one of its quotes.
_Steps = list[tuple[int, int, QuoteSent | None]]
_Found = set[tuple[QuoteSent, ...]]


def missed_trades(
    held: Holding, booked: Holding, told: Sequence[QuoteSent], untold: Iterable[QuoteSent]
) -> tuple[QuoteSent, ...] | Doubt:
    """The only choice of `untold` that makes our books of one instrument what the venue holds, or why there is none.

    `told` are quotes whose trades are in `booked`, and so late that the venue's answer may not have them yet: each may
    be missing from `held`. `untold` are quotes that may have traded without our hearing; of one RFQ at most one did.
    Amount and premium must be met exactly. A difference that `told` alone explains is none.
    """
    if held == booked:
        return ()
    late = [traded(quote) for quote in told]
    start = booked.amount_e18 - sum(each[0] for each in late), booked.premium_e18 - sum(each[1] for each in late)
    known, missed = [_steps([quote]) for quote in told], [_steps(group) for group in _by_rfq(untold)]
    ends = _ends(held, known + missed)
    ours: _Sums = {start: ()}
    for steps, end in zip(known, ends, strict=False):
        ours = _widen(ours, steps, *end, is_missed=False)
        if len(ours) > MAX_SUMS:
            return Doubt.TOO_MANY
    if held in ours:
        return ()
    found = _meet(ours, held, missed, ends[len(known) :])
    if isinstance(found, Doubt):
        return found
    return found.pop() if len(found) == 1 else Doubt.AMBIGUOUS if found else Doubt.UNEXPLAINED


def _meet(ours: _Sums, held: _Pair, rounds: Sequence[_Steps], ends: Sequence[tuple[_Pair, _Pair]]) -> _Found | Doubt:
    """Every choice that leads from a sum of ours to what is held.

    Searched from both ends, the one that has fewer sums first: what our books can have become, and what the venue's
    position can have come from. Where they meet each has seen half of the rounds, and so the root of all choices.
    """
    starts = _starts(ours, rounds)
    theirs: _Sums = {held: ()}
    first, last = 0, len(rounds)
    while first < last:
        if len(ours) <= len(theirs):
            ours = _widen(ours, rounds[first], *ends[first], is_missed=True)
            first += 1
        else:
            last -= 1
            undone: _Steps = [(-amount, -premium, quote) for amount, premium, quote in rounds[last]]
            theirs = _widen(theirs, undone, *starts[last], is_missed=True)
        if max(len(ours), len(theirs)) > MAX_SUMS:
            return Doubt.TOO_MANY
    found: _Found = set()
    for total in ours.keys() & theirs.keys():
        earlier, later = ours[total], theirs[total]
        if earlier is None or later is None:
            return Doubt.AMBIGUOUS
        found.add((*earlier, *reversed(later)))
    return found


def traded(quote: QuoteSent) -> Holding:
    """What a quote adds to a position when it trades."""
    signed_nanos = quote.side * quote.quantity_nanos
    return Holding(signed_nanos * E18_PER_NANO, signed_nanos * quote.price_nanos)


def _by_rfq(quotes: Iterable[QuoteSent]) -> list[list[QuoteSent]]:
    groups: dict[str, list[QuoteSent]] = {}
    for quote in quotes:
        groups.setdefault(quote.rfq_id, []).append(quote)
    return list(groups.values())


def _steps(group: Iterable[QuoteSent]) -> _Steps:
    return [(0, 0, None), *((*traded(quote), quote) for quote in group)]


def _widen(sums: _Sums, steps: _Steps, low: _Pair, high: _Pair, *, is_missed: bool) -> _Sums:
    """Each sum with each step, as far as it stays between `low` and `high`."""
    wider: _Sums = {}
    (low_amount, low_premium), (high_amount, high_premium) = low, high
    for (amount, premium), missed in sums.items():
        for more_amount, more_premium, quote in steps:
            after = amount + more_amount, premium + more_premium
            if not (low_amount <= after[0] <= high_amount and low_premium <= after[1] <= high_premium):
                continue
            found = missed
            if is_missed and missed is not None and quote is not None:
                found = (*missed, quote)
            wider[after] = found if wider.get(after, found) == found else None
    return wider


def _ends(held: _Pair, rounds: Sequence[_Steps]) -> list[tuple[_Pair, _Pair]]:
    """After each round, the (lowest, highest) sums from which the rounds that are left can still lead to `held`."""
    low: _Pair = held
    high: _Pair = held
    bounds = []
    for steps in reversed(rounds):
        bounds.append((low, high))
        low = low[0] - max(step[0] for step in steps), low[1] - max(step[1] for step in steps)
        high = high[0] - min(step[0] for step in steps), high[1] - min(step[1] for step in steps)
    return bounds[::-1]


def _starts(sums: _Sums, rounds: Sequence[_Steps]) -> list[tuple[_Pair, _Pair]]:
    """Before each round, the (lowest, highest) sums to which the rounds before it can have led."""
    low = min((each[0] for each in sums), default=0), min((each[1] for each in sums), default=0)
    high = max((each[0] for each in sums), default=0), max((each[1] for each in sums), default=0)
    bounds = []
    for steps in rounds:
        bounds.append((low, high))
        low = low[0] + min(step[0] for step in steps), low[1] + min(step[1] for step in steps)
        high = high[0] + max(step[0] for step in steps), high[1] + max(step[1] for step in steps)
    return bounds
