"""Deribit's names for contracts, and ours: exact both ways, or an error that says what the name is.

``ETH-30MAY25-3000-C`` is ours ``ETH-20250530-3000-C``, ``SOL_USDC-2OCT26-72d5-P`` ours ``SOL_USDC-20261002-72_5-P``,
``BTC-25SEP26`` ours ``BTC-20260925``, ``BTC-PERPETUAL`` ours ``BTC-PERP`` (protocol sheet §7). The month is spelled
here and not by strptime, which asks the locale.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from atomizer.domain.instruments import EXPIRY_HOUR_UTC, NANOS, Contract, OptionType

_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_CENTURY: Final = 2000

_UNDERLYING: Final = r"([A-Z0-9]+(?:_[A-Z0-9]+)?)"
_CONTRACT: Final = re.compile(
    _UNDERLYING + r"-(?:PERPETUAL|(\d{1,2})([A-Z]{3})(\d{2})(?:-(\d+)(?:d(\d{1,9}))?-([CP]))?)", re.ASCII
)
# BTC-CS-19MAY26-70000_75000, BTC-FS-19MAY26_PERP, BTC-CCAL-22SEP26_21SEP26-82000: a strategy stands where a day would.
_COMBO: Final = re.compile(_UNDERLYING + r"-([A-Z][A-Z0-9]*)-[A-Z0-9_d]+(?:-[A-Z0-9_d-]+)?", re.ASCII)
_SPOT: Final = re.compile(r"[A-Z0-9]+_[A-Z0-9]+", re.ASCII)


def is_combo(name: str) -> bool:
    """Whether it is the name of several contracts traded as one."""
    return _COMBO.fullmatch(name) is not None and _CONTRACT.fullmatch(name) is None


# Names are asked for with every message, and there are only as many as the venue lists.
@lru_cache(maxsize=65_536)
def from_deribit(name: str) -> Contract:
    """The venue's name → contract.

    Raises:
        ValueError: no contract of ours (a combo, a spot pair, an impossible day), or not how the venue would write it.
    """
    match = _CONTRACT.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r:.80} is {_describe(name)}")
    underlying, day, month, year, whole, fraction, kind = match.groups()
    if day is None:
        return Contract(underlying)
    if month not in _MONTHS:
        raise ValueError(f"{name!r:.80} has no such month: {month}")
    try:
        at = datetime(_CENTURY + int(year), _MONTHS.index(month) + 1, int(day), EXPIRY_HOUR_UTC, tzinfo=UTC)
    except ValueError as error:
        raise ValueError(f"{name!r:.80}: {error}") from None
    expiry_s = int(at.timestamp())
    if kind is None:
        contract = Contract(underlying, expiry_s)
    else:
        strike_nanos = int(whole) * NANOS + int((fraction or "").ljust(9, "0"))
        contract = Contract(underlying, expiry_s, strike_nanos, OptionType(kind))
    if to_deribit(contract) != name:
        raise ValueError(f"{name!r:.80} is not how Deribit writes {to_deribit(contract)}")
    return contract


@lru_cache(maxsize=65_536)
def to_deribit(contract: Contract) -> str:
    """Contract → the venue's name.

    Raises:
        ValueError: the venue has no name for it: another hour of expiry, or a year that two digits cannot carry.
    """
    if contract.is_perpetual:
        return f"{contract.underlying}-PERPETUAL"
    at = datetime.fromtimestamp(contract.expiry_s, UTC)
    if at.hour != EXPIRY_HOUR_UTC or contract.expiry_s % 3600 or not 0 <= at.year - _CENTURY < 100:  # noqa: PLR2004  seconds of an hour, two digits of a year
        raise ValueError(f"Deribit has no name for {contract.name}, which expires at {at:%Y-%m-%d %H:%M:%S}")
    day = f"{at.day}{_MONTHS[at.month - 1]}{at.year % 100:02d}"
    if contract.option_type is None:
        return f"{contract.underlying}-{day}"
    whole, rest = divmod(contract.strike_nanos, NANOS)
    strike = f"{whole}d{rest:09d}".rstrip("0") if rest else str(whole)
    return f"{contract.underlying}-{day}-{strike}-{contract.option_type}"


def _describe(name: str) -> str:
    if is_combo(name):
        return "a combo: several contracts in one, which we do not trade"
    if _SPOT.fullmatch(name):
        return "a spot pair, which we do not trade"
    return "not a Deribit instrument name, expected one like ETH-30MAY25-3000-C, BTC-25SEP26 or BTC-PERPETUAL"
