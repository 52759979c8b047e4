"""Greeks of one unit as integers: nanos, like amounts, so that sums of them are exact."""

import math
from typing import Final

from atomizer.domain.instruments import NANOS, is_option_name
from atomizer.domain.trading import Mark

UNKNOWN_NS: Final = -(2**63)  # of a mark that there is not, or with a Greek that is not a number
ALWAYS_NS: Final = 2**63  # a future needs no mark: the delta of a coin is one
NOTHING: Final = (0, 0, 0)

Units = tuple[int, int, int]  # delta, gamma and vega of one unit of an instrument, in nanos


def units_of(mark: Mark | None) -> Units | None:
    """Greeks of one unit of an option, in nanos; None when one of them is not known."""
    # One sum asks for all four: it is never finite when one of them is not.
    if mark is None or not math.isfinite(mark.delta + mark.gamma + mark.vega + mark.theta):
        return None
    return round(mark.delta * NANOS), round(mark.gamma * NANOS), round(mark.vega * NANOS)


def weights(name: str, mark: Mark | None) -> tuple[Units, int]:
    """Greeks of one unit in nanos, and since when they are known."""
    if not is_option_name(name):
        return (NANOS, 0, 0), ALWAYS_NS
    units = units_of(mark)
    return (NOTHING, UNKNOWN_NS) if mark is None or units is None else (units, mark.now_ns)


def scaled(amount_nanos: int, unit_nanos: int) -> int:
    """Amount times a unit's Greek, rounded away from zero so that rounding never hides exposure."""
    product = amount_nanos * unit_nanos
    return -(-product // NANOS) if product > 0 else product // NANOS
