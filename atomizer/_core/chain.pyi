"""What a smile says of a chain: its arbitrage, and what every option is worth when the forward moves.

Source of both conditions: J. Gatheral and A. Jacquier, "Arbitrage-free SVI volatility surfaces" (2014).
"""

import numpy as np
from numpy.typing import NDArray

from atomizer._core.smile import Smile

def butterfly(smile: Smile, first: float, last: float, count: int) -> tuple[float, float]:
    """(k, g): the lowest of Durrleman's g on `count` points of k, evenly apart; below 0 there is butterfly arbitrage.

    g = (1 - k w'/2w)^2 - w'^2/4 (1/w + 1/4) + w''/2. Both NaN without a smile.

    Raises:
        ValueError: the grid does not go up within -20 to 20, or has fewer than two points.
    """

def calendar(earlier: Smile, later: Smile, first: float, last: float, count: int) -> tuple[float, float]:
    """(k, rise): where total variance rises least from one expiry to the next; a `rise` below 0 is calendar arbitrage.

    Raises:
        ValueError: `later` does not expire later, or the grid is as `butterfly` refuses it.
    """

def reprice(
    smile: Smile,
    is_call: NDArray[np.bool_],
    strike: NDArray[np.float64],
    forward: float,
    years: float,
    out: NDArray[np.float64],
) -> int:
    """Rows of `out` (5 x n, C order) become price (USD), delta, gamma, vega, theta, as of `black76.greeks_batch`.

    The smile moves with the forward: the volatility is that of k, whatever time has passed; `years` is what is left.
    Greeks hold the volatility still. Answers how many columns are bad, hence NaN. Raises as `smile.fit` does.
    """

def nanos_of_prices(price: NDArray[np.float64], out: NDArray[np.int64]) -> int:
    """USD to nanos, nearest, half to even; NO_PRICE (the least int64) for NaN and from 9.2e9 USD on, up or down.

    Answers how many have no price. Raises as `smile.fit` does.
    """
