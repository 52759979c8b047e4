"""How much each side of each instrument may show, so that no limit is passed even if every order of ours fills.

The worst that can come of one instrument is the larger of what its position becomes when all bids fill and when all
asks do. The sum of these worsts stays within `max_exposure`; the net delta, gamma and vega of an underlying, pushed one
way by every order that pushes that way, within theirs. What only brings a quantity nearer to zero always has room, and
what makes a position smaller also beyond the limits that are not about a Greek: open orders, open notional, losses.

What lives at the venue is served first: another side may only use room that no living order can still take. So the
limits hold at every moment in between, also while orders are on their way.

The gate of orders that are checked one by one (`atomizer.risk.rules`) has the same limits, and lets through what this
leaves room for. All prices, amounts and Greeks of a unit are in nanos; a pair is of bid and ask.
"""

from collections.abc import Iterable
from typing import Final, Self, final

REASONS: Final[tuple[str, ...]]  # names of the members of atomizer.domain.reasons.Reason, OK first

@final
class RoomLimits:
    """Checked once, never changed. A limit binds at its value."""

    def __new__(
        cls,
        *,
        max_position_nanos: int,
        max_exposure_nanos: int,
        max_delta_nanos: int,
        max_gamma_nanos: int,
        max_vega_nanos: int,
        max_order_notional_nanos: int,
        max_open_notional_nanos: int,
        max_open_orders: int,
    ) -> Self:
        """Position per instrument, either way; exposure of all of them together, their worsts added up; Greeks net per
        underlying, either way; notionals in USD, of one order and of all that are open.

        Raises:
            ValueError: a limit is not above 0.
            OverflowError: it does not fit 64 bits.
        """

@final
class Line:
    """One instrument: what is held, what lives at the venue on each side, and what we would like to show there."""

    underlying: str

    def __new__(
        cls,
        *,
        underlying: str,
        greeks_nanos: tuple[int, int, int] | None,
        position_nanos: int,
        lot_nanos: int,
        min_amount_nanos: int,
        max_amount_nanos: int,
        price_nanos: tuple[int, int],
        living_nanos: tuple[int, int],
        wanted_nanos: tuple[int, int],
    ) -> Self:
        """`greeks_nanos`: delta, gamma and vega of one unit, None when one is not known; one that 64 bits do not hold
        is none that is known. `price_nanos`: USD, the highest that each side's orders are thought to trade at.

        Raises:
            ValueError: an amount is below 0, or a price or the lot not above it.
            OverflowError: a number does not fit 64 bits, or the largest amount times the largest price or Greek is more
                than 10^34 (ten quadrillion USD), so that sums might not fit 128.
        """

def share_room(
    lines: Iterable[Line],
    limits: RoomLimits,
    *,
    exposure_nanos: int = 0,
    greeks_nanos: dict[str, tuple[int, int, int] | None],
    lost: str = "OK",
) -> list[tuple[tuple[int, str], tuple[int, str]]]:
    """By line, for bid and ask: the size that may show, and which limit makes it less than wanted, "OK" for none.

    Living orders are served first, in the order of the lines, bids before asks; then what more is wanted. Sizes are
    whole lots that the venue takes as an order, or 0. A living order whose side gets 0 is to be pulled.

    Beside the lines are held options of `exposure_nanos` (absolute) and, by underlying, `greeks_nanos` (net; None when
    one of them is not known). After a loss, "MAX_DAILY_LOSS" or "MAX_DRAWDOWN", only what reduces a position may show.

    Raises:
        ValueError: more than 2,048 lines, or `lost` is no such word.
        OverflowError: `exposure_nanos` does not fit 64 bits.
    """
