"""The other makers of an auction, and what the taker would settle for.

A rival prices as any maker with a hedge does: what the hedge venue's books pay for the quantity, less the fee, less an
edge of its own. The edges are drawn so that a maker who asks 1-3 % of the premium wins a third to a half of its quotes.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from math import exp

import numpy as np

from atomizer.sim.market.events import Level, Rival

_COUNTS = (1, 2, 2, 3, 3, 4)  # rivals in an auction, equally likely
_EDGE_MEDIAN, _EDGE_LOG_SD = 0.03, 1.2  # least edge of a rival, as a share of the hedge price
_LARGEST_EDGE = 0.6
_OPENING = (1.2, 2.7)  # a first quote's edge over the least one, from and to
_DELAY_MS = (40, 700)
_REACTION_MS = (60, 450)
_RESERVE = (0.04, 0.35)  # how far below the hedge price a seller still trades, as a share of it
_PRICE_GRID = Decimal("0.0001")
_FEE_RATE, _FEE_CAP = 0.0003, 0.125  # Derive option taker: of spot, at most this share of the premium
_FEE_BASE = 0.5  # USD an order


def hedge_price(levels: list[Level], quantity: Decimal, spot: float, *, is_taker_buy: bool) -> float | None:
    """USD per unit that trading `quantity` through `levels` costs or brings, fee included; None without any level."""
    left, cost = quantity, Decimal(0)
    for price, amount in levels:
        taken = min(amount, left)
        cost += taken * price
        left -= taken
        if not left:
            break
    if left == quantity:
        return None
    average = float(cost / (quantity - left))
    fee = min(_FEE_RATE * spot, _FEE_CAP * average) + _FEE_BASE / float(quantity)
    return average + fee if is_taker_buy else max(average - fee, 0.0)


def draw_rivals(rng: np.random.Generator, hedge: float, *, is_taker_buy: bool) -> tuple[Rival, ...]:
    sign = 1 if is_taker_buy else -1
    rivals = []
    for number in range(_COUNTS[int(rng.integers(len(_COUNTS)))]):
        least = min(_EDGE_MEDIAN * exp(_EDGE_LOG_SD * float(rng.standard_normal())), _LARGEST_EDGE)
        opening = min(least * float(rng.uniform(*_OPENING)), _LARGEST_EDGE)
        rivals.append(
            Rival(
                maker=f"rival-{number + 1}",
                delay_ms=int(rng.integers(*_DELAY_MS)),
                price=_price(hedge * (1 + sign * opening), is_taker_buy=is_taker_buy),
                limit=_price(hedge * (1 + sign * least), is_taker_buy=is_taker_buy),
                reaction_ms=int(rng.integers(*_REACTION_MS)),
            )
        )
    return tuple(rivals)


def draw_reserve(rng: np.random.Generator, hedge: float, *, is_taker_buy: bool) -> Decimal:
    sign = 1 if is_taker_buy else -1
    return _price(hedge * (1 + sign * float(rng.uniform(*_RESERVE))), is_taker_buy=is_taker_buy)


def _price(value: float, *, is_taker_buy: bool) -> Decimal:
    """On the grid, to the maker's good, and positive."""
    rounded = Decimal(value).quantize(_PRICE_GRID, rounding=ROUND_CEILING if is_taker_buy else ROUND_FLOOR)
    return max(rounded, _PRICE_GRID)
