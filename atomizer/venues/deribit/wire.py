"""Reading what came: types and ranges are checked here, so that nothing behind has to. Pure.

Numbers are JSON numbers and are read from their text, never through a double: what is exact on the wire is exact here.
"""

from decimal import ROUND_HALF_EVEN, Context, Decimal, DecimalException, Inexact, InvalidOperation
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta

from atomizer.domain.instruments import USD, Contract
from atomizer.errors import BadFrame
from atomizer.venues.deribit.names import from_deribit

Word = Annotated[str, Meta(max_length=512)]
Name = Annotated[str, Meta(min_length=1, max_length=64)]  # of an instrument
Identity = Annotated[str, Meta(min_length=1, max_length=128)]  # the venue's name for an order, a trade
Millis = Annotated[int, Meta(ge=1_262_304_000_000, lt=32_535_216_000_000)]  # 2010 to 3000, where perpetuals "expire"
Count = Annotated[int, Meta(ge=0, le=2**31)]
Integer = Annotated[int, Meta(ge=0, le=2**63 - 1)]

Wire = TypeVar("Wire")

INT64_MAX: Final = 2**63 - 1
HIGHEST: Final = 30  # decimal exponents beyond ±this are no price, amount or sum of money
_EXACT: Final = Context(prec=96, traps=[Inexact, InvalidOperation])
_NEAREST: Final = Context(prec=96, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation])
_NANO: Final = Decimal("1e9")
_E18: Final = Decimal("1e18")


_DECODERS: Final[dict[Any, msgspec.json.Decoder[Any]]] = {}  # building one costs as much as a hundred uses


def _decoder(kind: type[Wire]) -> msgspec.json.Decoder[Wire]:
    decoder = _DECODERS.get(kind)
    if decoder is None:
        decoder = _DECODERS[kind] = msgspec.json.Decoder(kind)
    return decoder


def read(raw: Any, kind: type[Wire], what: str) -> Wire:
    """JSON text (bytes or `msgspec.Raw`) → the wire struct, every field checked; unknown fields are ignored.

    Raises:
        BadFrame: a field is missing, of another type or out of range (which, and where).
    """
    try:
        return _decoder(kind).decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadFrame(f"{what}: {error}") from None


def nanos(number: Decimal, what: str, *, at_least: int = 0) -> int:
    """A price or an amount that must be exact in nanos and not below `at_least`."""
    return _in_range(_scale(number, _NANO, _EXACT, what), number, what, at_least)


def nanos_nearest(number: Decimal, what: str, *, at_least: int = 0) -> int:
    """A mark or an index, which the venue computes to more digits than nanos have."""
    return _in_range(_scale(number, _NANO, _NEAREST, what), number, what, at_least)


def e18(number: Decimal, what: str) -> int:
    """Money or a position's figure, of either sign, exact to 10⁻¹⁸."""
    return _scale(number, _E18, _EXACT, what)


def e18_nearest(number: Decimal, what: str) -> int:
    """As `e18` for what the venue computes: further decimals are rounded half to even."""
    return _scale(number, _E18, _NEAREST, what)


def figure(value: float, what: str, low: float, high: float) -> float:
    """A Greek or a volatility, within [low, high]."""
    if not low <= value <= high:
        raise BadFrame(f"{what}: {value} is outside {low:g} to {high:g}")
    return value


def contract_of(name: str, what: str) -> Contract:
    """The contract that the venue calls so.

    Raises:
        BadFrame: a combo, a spot pair or no name at all.
    """
    try:
        return from_deribit(name)
    except ValueError as error:
        raise BadFrame(f"{what}: {error}", reason="no_contract") from None


def currency_of(contract: Contract, what: str) -> str:
    """What the venue pays for it in: its coin, or USD where it is quoted in USDC.

    Raises:
        BadFrame: quoted in a currency that we do not keep books in.
    """
    quote = contract.underlying.partition("_")[2]
    if quote not in {"", "USDC"}:
        raise BadFrame(f"{what}: {contract.name} is paid in {quote}, which we keep no books in", reason="no_contract")
    return USD if quote else contract.base


def account_currency(contract: Contract) -> str:
    """The word by which the venue's questions about orders and trades of this contract go: ``ETH``, ``USDC``."""
    return contract.underlying.partition("_")[2] or contract.base


def _scale(number: Decimal, units: Decimal, context: Context, what: str) -> int:
    """How many `units` make the number; where the context is exact, a fraction that is left over is an error."""
    if not number.is_finite() or (number and abs(number.adjusted()) > HIGHEST):
        raise BadFrame(f"{what}: {number!s:.64} is no such number")
    try:
        return int(context.to_integral_exact(context.multiply(number, units)))
    except DecimalException:
        raise BadFrame(f"{what}: {number!s:.64} has too many decimals") from None


def _in_range(value: int, number: Decimal, what: str, at_least: int) -> int:
    if not at_least <= value <= INT64_MAX:
        raise BadFrame(f"{what}: {number!s:.64} is out of range")
    return value
