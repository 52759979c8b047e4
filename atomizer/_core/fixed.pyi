"""Decimal text to and from int64 nanos (10⁻⁹), and tick and lot rounding. Exact or an error, never through float.

Plain decimal text is ``-?digits(.digits)?``: no blank, plus sign, exponent, NaN or bare point. The largest magnitude is
2⁶³ - 1 nanos (about 9.22e9 units).
"""

from typing import Final

NANOS: Final[int]  # 10**9
NO_PRICE: Final[int]  # -2**63: there is no such price; never a number to compute with

def parse_nanos(text: str | bytes) -> int:
    """Plain decimal text to nanos, exactly.

    Raises:
        ValueError: not a plain decimal, more than nine significant decimals, or overflow.
    """

def parse_nanos_nearest(text: str | bytes) -> int:
    """As `parse_nanos`, but further decimals are rounded half to even: for marks and indices, never for orders."""

def format_nanos(nanos: int) -> str:
    """Shortest plain decimal: 1500000000 is ``1.5``, -1 is ``-0.000000001``, 0 is ``0``."""

def floor_to(nanos: int, step_nanos: int) -> int:
    """Largest multiple of `step_nanos` (> 0) that is not above `nanos`; OverflowError when int64 has none."""

def ceil_to(nanos: int, step_nanos: int) -> int:
    """Smallest multiple of `step_nanos` (> 0) that is not below `nanos`; OverflowError when int64 has none."""

def is_multiple(nanos: int, step_nanos: int) -> bool:
    """Whether `nanos` lies on the grid of `step_nanos` (> 0). NO_PRICE does not."""

def parse_e18(text: str | bytes) -> int:
    """Plain decimal text (at most 128 characters) to 10⁻¹⁸ as a Python int, exactly.

    Raises:
        ValueError: not a plain decimal, or more than eighteen significant decimals.
    """

def format_e18(e18: int) -> str:
    """Shortest plain decimal of a 10⁻¹⁸ integer of any size."""
