"""Numbers of the practice venue: text on the wire to integers and back, exactly.

Prices and amounts are nanos (10⁻⁹), money is e18 (10⁻¹⁸), so that price x amount is an exact integer.
"""

import re
from decimal import Decimal
from functools import lru_cache

NANOS = 10**9
E18 = 10**18
NANOS_PLACES = 9
E18_PLACES = 18
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
MAX_INT64 = 2**63 - 1  # the venue's word for "never": perpetuals are deactivated then

_PLAIN = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,18})?", re.ASCII)


def parse_e18(text: str, max_places: int) -> int:
    """Plain decimal text → e18.

    Raises:
        ValueError: exponent form, NaN, infinity, a sign but no digits, more than twenty digits before the point or
            more than `max_places` after it.
    """
    if not _PLAIN.fullmatch(text):
        raise ValueError("Not a plain decimal number.")
    whole, _, fraction = text.partition(".")
    if len(fraction) > max_places:
        raise ValueError(f"More than {max_places} decimal places.")
    magnitude = int(whole.lstrip("-")) * E18 + int(fraction.ljust(E18_PLACES, "0"))
    return -magnitude if text.startswith("-") else magnitude


def to_nanos(value: Decimal) -> int:
    """Decimal → nanos, truncated toward zero (the market's marks have nine places at most)."""
    return int(value * NANOS)


def _text(value: int, places: int) -> str:
    whole, fraction = divmod(abs(value), 10**places)
    digits = f"{whole}.{fraction:0{places}d}".rstrip("0").rstrip(".") if fraction else str(whole)
    return f"-{digits}" if value < 0 else digits


@lru_cache(65_536)  # the same prices and amounts are printed again and again
def nanos_text(value: int) -> str:
    return _text(value, NANOS_PLACES)


def e18_text(value: int) -> str:
    return _text(value, E18_PLACES)


def float_text(value: float, places: int) -> str:
    """Greeks and volatilities: fixed places, trailing zeros dropped, no negative zero."""
    return nanos_text(round(round(value, places) * NANOS))


def div_toward_zero(numerator: int, denominator: int) -> int:
    """Integer quotient truncated toward zero. `denominator` is positive."""
    return numerator // denominator if numerator >= 0 else -(-numerator // denominator)
