"""How far both quotes of an instrument move against what we hold, so that the market takes it off us.

The reservation price of an inventory q whose price has variance v a unit of time lies g q v T below the mid (Avellaneda
and Stoikov, "High-frequency trading in a limit order book", 2008). For many assets q v becomes the covariance with the
whole inventory (Gueant, "Optimal market making", 2017). Options of one underlying move together through delta and vega,
so for instrument i

    skew = -g T (delta_i D (S IV)^2 + vega_i V w^2)                   USD per unit

with D and V the net delta (units) and vega (USD per volatility point) of everything held of the underlying, delta_i and
vega_i those of one unit of i, S the index (USD), IV its implied volatility a year, w the volatility of volatility in
points per square root of a year, T the horizon in years and g the risk aversion per USD. It is bounded by a share of
the mark, and in coins where the instrument is priced in them.

Sizes taper on the side that makes a position larger: from a share f of the largest position Q on,

    size = whole size · (Q - |q|) / (Q (1 - f))                             units

for an inventory q, in whole lots, and the venue's least order for as long as there is room for it. f of 1 is off: the
size stays whole until the limit cuts it. What makes a position smaller never tapers.
"""

from typing import Final

import msgspec

from atomizer.domain.instruments import NANOS, USD
from atomizer.domain.trading import Mark

YEAR_S: Final = 365 * 86_400


class SkewParams(msgspec.Struct, frozen=True, kw_only=True):
    """See the formula above; an aversion of 0 switches it off."""

    aversion: float = 0.0  # per USD
    horizon_s: float = 3_600.0
    vol_of_vol: float = 40.0  # volatility points per square root of a year
    most_share: float = 0.05  # of the mark, either way


class NetGreeks(msgspec.Struct, frozen=True):
    """Of everything held of one underlying."""

    delta: float = 0.0  # units
    vega: float = 0.0  # USD per volatility point


def skew_nanos(params: SkewParams, net: NetGreeks, mark: Mark) -> int:
    """Per unit to add to both prices, in the instrument's currency, rounded toward zero."""
    usd_vol = mark.index_nanos / NANOS * mark.iv
    through_delta = mark.delta * net.delta * usd_vol * usd_vol
    through_vega = mark.vega * net.vega * params.vol_of_vol * params.vol_of_vol
    usd = -params.aversion * params.horizon_s / YEAR_S * (through_delta + through_vega)
    if mark.currency != USD:
        usd /= mark.index_nanos / NANOS
    most = params.most_share * mark.mark_nanos
    return int(min(max(usd * NANOS, -most), most))


def tapered(size_nanos: int, position_nanos: int, max_position_nanos: int, taper_from: float) -> int:
    """The size of the side that makes the position larger; `position_nanos` is how far it goes that way already."""
    left = (max_position_nanos - position_nanos) / max_position_nanos
    if left >= 1.0 - taper_from or taper_from >= 1.0:
        return size_nanos
    return max(int(size_nanos * left / (1.0 - taper_from)), 0)
