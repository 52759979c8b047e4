"""Reading what came: types and ranges are checked here, so that nothing behind has to. Pure."""

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta

from atomizer._core.fixed import parse_e18, parse_nanos, parse_nanos_nearest
from atomizer.errors import BadFrame

Word = Annotated[str, Meta(max_length=512)]
Name = Annotated[str, Meta(min_length=1, max_length=64)]  # of an instrument
Identity = Annotated[str, Meta(min_length=1, max_length=128)]  # the venue's name for an order, a trade
Digits = Annotated[str, Meta(max_length=128)]  # decimal text; its reader below checks the form
Millis = Annotated[int, Meta(ge=1_577_836_800_000, lt=4_102_444_800_000)]  # 2020 to 2100
Seconds = Annotated[int, Meta(ge=0, lt=4_102_444_800)]
Count = Annotated[int, Meta(ge=0, le=2**31)]
Integer = Annotated[int, Meta(ge=0, le=2**63 - 1)]

Nonce = Integer | Annotated[str, Meta(pattern=r"^[0-9]{1,19}$")]  # v3 prints it as text

Wire = TypeVar("Wire")

_PLAIN: Final = re.compile(r"-?[0-9]{1,100}(\.[0-9]{1,100})?", re.ASCII)
_WIDE: Final = Context(prec=256, rounding=ROUND_HALF_EVEN)
_E18: Final = Decimal("1e-18")


def read(data: Any, kind: type[Wire], what: str) -> Wire:
    """Decoded JSON → the wire struct, every field checked; unknown fields are ignored.

    Raises:
        BadFrame: a field is missing, of another type or out of range (which, and where).
    """
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise BadFrame(f"{what}: {error}") from None


def nanos(text: str, what: str, *, at_least: int = 0) -> int:
    """Decimal text of a price or an amount that must be exact and not below `at_least`."""
    try:
        value = parse_nanos(text)
    except ValueError as error:
        raise BadFrame(f"{what}: {error}") from None
    if value < at_least:
        raise BadFrame(f"{what}: {text} is out of range")
    return value


def nanos_nearest(text: str, what: str, *, at_least: int = 0) -> int:
    """Decimal text of a mark or an index, which venues compute to more digits than nanos have."""
    try:
        value = parse_nanos_nearest(text)
    except ValueError as error:
        raise BadFrame(f"{what}: {error}") from None
    if value < at_least:
        raise BadFrame(f"{what}: {text} is out of range")
    return value


def e18(text: str, what: str) -> int:
    """Decimal text of money, exact to 10⁻¹⁸."""
    try:
        return parse_e18(text)
    except ValueError as error:
        raise BadFrame(f"{what}: {error}") from None


def e18_nearest(text: str, what: str) -> int:
    """Decimal text of money that may carry more than eighteen decimals, rounded half to even."""
    if not _PLAIN.fullmatch(text):
        raise BadFrame(f"{what}: not a plain decimal: {text[:64]!r}")
    return int(Decimal(text).quantize(_E18, context=_WIDE).scaleb(18, context=_WIDE))


def figure(text: str, what: str, low: float, high: float) -> float:
    """Decimal text of a Greek or a volatility, within [low, high]."""
    if not _PLAIN.fullmatch(text):
        raise BadFrame(f"{what}: not a plain decimal: {text[:64]!r}")
    value = float(text)
    if not low <= value <= high:
        raise BadFrame(f"{what}: {text[:64]} is outside {low:g} to {high:g}")
    return value
