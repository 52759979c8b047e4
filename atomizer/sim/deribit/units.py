"""Numbers of practice Deribit: JSON numbers on the wire to integers and back.

Prices and amounts are nanos (10⁻⁹), money is e18 (10⁻¹⁸) of its currency, so that price x amount is an exact integer.
"""

from decimal import Decimal

NANOS = 10**9
E18 = 10**18
NS_PER_US = 1_000
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
DAY_NS = 86_400 * NS_PER_S
YEAR_NS = 365 * DAY_NS


def nanos_of(value: float) -> int | None:
    """A JSON number as the decimal that was written, in nanos; None when it is finer or larger than we trade."""
    exact = Decimal(repr(value)) * NANOS
    if not exact.is_finite() or abs(exact) >= E18 or exact != int(exact):
        return None
    return int(exact)


def to_nanos(value: Decimal) -> int:
    """Decimal → nanos, truncated toward zero."""
    return int(value * NANOS)


def number(nanos: int) -> float:
    """The double next to this many nanos: 25500000 → 0.0255."""
    return nanos / NANOS


def money(e18: int) -> float:
    """The double next to an amount of money."""
    return e18 / E18


def div_toward_zero(numerator: int, denominator: int) -> int:
    """Integer quotient truncated toward zero. `denominator` is positive."""
    return numerator // denominator if numerator >= 0 else -(-numerator // denominator)
