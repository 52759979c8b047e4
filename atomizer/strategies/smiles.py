"""Our own value of an expiry's options: a smile fitted to what others show, judged before any price is taken from it.

Points are out of the money options: the middle of bid and ask in volatility where others show both, weighing by how
near those are, else the venue's own mark. Prices become undiscounted USD by the discount that the marks are made with,
which is what their sum is of the sum of their Black-76 values. A smile is not used when it misses its points by too
much, when too few are there, or when it implies a density below 0 between them (butterfly arbitrage). Total variance
that falls from one expiry to the next (calendar arbitrage) is told; both expiries may be as the market has them.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from atomizer._core import black76
from atomizer._core.chain import butterfly, calendar, nanos_of_prices, reprice
from atomizer._core.smile import OK, Smile, fit, volatility
from atomizer.domain.reasons import Reason

Floats = NDArray[np.float64]

NARROWEST: Final = 0.005  # volatility between bid and ask: nearer ones weigh no more
WIDEST: Final = 0.3  # wider ones say less than the mark does
OF_MARK: Final = 0.1  # as which width a mark weighs
GRID: Final = 101
DISCOUNTS: Final = (0.7, 1.05)  # others mean that marks and their volatilities do not belong together
FLAT: Final = 1e-9  # less than this below 0 is rounding


class Option(msgspec.Struct, frozen=True):
    """One option as the market shows it. Prices in USD, NaN where there is none; `iv` a fraction a year."""

    is_call: bool
    strike: float
    bid: float
    ask: float
    mark: float
    iv: float
    forward: float  # at which it was marked


class Fitted(msgspec.Struct, frozen=True):
    """What came of one expiry. Without a reason its prices may be quoted."""

    smile: Smile
    discount: float
    forward: float
    reason: Reason = Reason.OK
    detail: str = ""
    lowest_g: float = np.nan  # of Durrleman's, between the points
    worst_k: float = np.nan  # where it is

    @property
    def at_the_money(self) -> float:
        """Volatility at the forward."""
        return volatility(self.smile, self.forward, self.forward)


def fit_chain(options: Sequence[Option], forward: float, years: float, most_rms: float) -> Fitted:
    """The smile of one expiry. `most_rms` is how many volatility points it may miss by on average."""
    nothing = Smile()
    discount = _discount(options, years)
    if not DISCOUNTS[0] <= discount <= DISCOUNTS[1]:
        why = f"marks are {discount:.4g} of what their volatilities say"
        return Fitted(nothing, discount, forward, Reason.NO_SMILE, why)
    smile = fit(*_points(options, forward, years, discount), years)
    if smile.status != OK:
        return Fitted(smile, discount, forward, Reason.NO_SMILE, f"{len(options)} options, too few points")
    worst_k, lowest_g = butterfly(smile, smile.lowest, smile.highest, GRID)
    made = Fitted(smile, discount, forward, lowest_g=lowest_g, worst_k=worst_k)
    if not smile.rms_points <= most_rms:
        why = f"misses its {smile.points} points by {smile.rms_points:.2f} volatility points, more than {most_rms:g}"
        return msgspec.structs.replace(made, reason=Reason.BAD_SMILE, detail=why)
    if not lowest_g >= -FLAT:
        why = f"butterfly arbitrage at strike {np.exp(worst_k) * forward:.6g}: density {lowest_g:.3g}"
        return msgspec.structs.replace(made, reason=Reason.SMILE_ARBITRAGE, detail=why)
    return made


def falls_by(earlier: Fitted, later: Fitted) -> tuple[float, float]:
    """(strike, fall) where total variance falls most from one expiry to the next; a fall of 0: nowhere."""
    if not (np.isfinite(earlier.smile.rms_points) and np.isfinite(later.smile.rms_points)):
        return np.nan, 0.0
    first, last = max(earlier.smile.lowest, later.smile.lowest), min(earlier.smile.highest, later.smile.highest)
    if not first < last:
        return np.nan, 0.0
    k, rise = calendar(earlier.smile, later.smile, first, last, GRID)
    return float(np.exp(k)) * later.forward, max(-rise, 0.0)


class Pricer:
    """The quoted options of one expiry: their fair values in one batch, in nanos of what their venue prices in."""

    def __init__(self, is_call: Sequence[bool], strikes: Sequence[float]) -> None:
        self._is_call = np.array(is_call, np.bool_)
        self._strikes = np.array(strikes, np.float64)
        self._out = np.empty((5, len(strikes)))
        self._nanos = np.empty(len(strikes), np.int64)

    def price(self, fitted: Fitted, forward: float, years: float, coin_usd: float = 1.0) -> list[int]:
        """In the order of the strikes; NO_PRICE for one that has none. `coin_usd` is what the venue's coin is worth."""
        reprice(fitted.smile, self._is_call, self._strikes, forward, years, self._out)
        nanos_of_prices(self._out[0] * (fitted.discount / coin_usd), self._nanos)
        return self._nanos.tolist()


def _discount(options: Sequence[Option], years: float) -> float:
    count = len(options)
    out = np.empty((5, count))
    black76.greeks_batch(
        np.array([each.is_call for each in options], np.bool_),
        np.array([each.forward for each in options], np.float64),
        np.array([each.strike for each in options], np.float64),
        np.full(count, years),
        np.array([each.iv for each in options], np.float64),
        out,
    )
    marks = np.array([each.mark for each in options], np.float64)
    known = np.isfinite(out[0]) & np.isfinite(marks)
    total = out[0][known].sum()
    return float(marks[known].sum() / total) if total > 0 else np.nan


def _points(options: Sequence[Option], forward: float, years: float, discount: float) -> tuple[Floats, Floats, Floats]:
    """(k, volatility, weight)."""
    chosen = [each for each in options if each.is_call == (each.strike >= forward)]
    count = len(chosen)
    strikes = np.array([each.strike for each in chosen], np.float64)
    marks = np.array([each.iv for each in chosen], np.float64)
    bids, asks = (
        _implied(chosen, np.array([getattr(each, side) for each in chosen], np.float64) / discount, forward, years)
        for side in ("bid", "ask")
    )
    width = asks - bids
    is_shown = (width >= 0) & (width <= WIDEST)
    middle = np.where(is_shown, (bids + asks) / 2, marks)
    weight = 1 / np.where(is_shown, np.maximum(width, NARROWEST), OF_MARK) ** 2
    is_point = np.isfinite(middle) & (middle > 0)
    k = np.log(strikes / forward) if count else strikes
    return k[is_point].copy(), middle[is_point].copy(), weight[is_point].copy()


def _implied(options: Sequence[Option], price: Floats, forward: float, years: float) -> Floats:
    count = len(options)
    out = np.empty(count)
    black76.implied_volatility_batch(
        np.array([each.is_call for each in options], np.bool_),
        price,
        np.full(count, forward),
        np.array([each.strike for each in options], np.float64),
        np.full(count, years),
        out,
    )
    return out
