"""Decimal text to and from int64 nanos (10⁻⁹), and tick and lot rounding. Exact or an error, never through float."""

from typing import Final

NANOS: Final = 1_000_000_000
NO_PRICE: Final[int]  # -2**63: there is no such price; never a number to compute with

def parse_nanos(text: str | bytes) -> int:
    """Plain decimal text to nanos, exactly.

    Raises:
        ValueError: not a plain decimal (no exponent, no blank, no NaN), more than nine significant decimals, or overflow.
    """

def parse_nanos_nearest(text: str | bytes) -> int:
    """As `parse_nanos`, but further decimals are rounded half to even: for marks and indices, never for orders."""

def format_nanos(nanos: int) -> str:
    """Shortest plain decimal: 1500000000 is ``1.5``, -1 is ``-0.000000001``, 0 is ``0``."""

def floor_to(nanos: int, step_nanos: int) -> int:
    """Largest multiple of `step_nanos` (> 0) that is not above `nanos`."""

def ceil_to(nanos: int, step_nanos: int) -> int:
    """Smallest multiple of `step_nanos` (> 0) that is not below `nanos`."""

def is_multiple(nanos: int, step_nanos: int) -> bool: ...
def parse_e18(text: str | bytes) -> int:
    """Plain decimal text to 10⁻¹⁸ as a Python int, exactly; more than eighteen decimals is a ValueError."""

def format_e18(e18: int) -> str:
    """Shortest plain decimal of a 10⁻¹⁸ integer of any size."""
