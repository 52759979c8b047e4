"""What the venue holds for a maker: the answers to `positions` and `balances` on /maker. Pure, as the codec is.

Source: protocol sheet §5. The ids of these requests are fixed words, and the answers come among pushes that are shaped
as answers, too (§2.3).
"""

import re
from typing import Any, Final

import msgspec
import orjson

from atomizer.domain.instruments import Contract, OptionType
from atomizer.domain.reasons import Reason
from atomizer.venues.rysk import frames
from atomizer.venues.rysk.assets import AssetMap, parse_address

POSITIONS: Final = "positions"
BALANCES: Final = "balances"
REQUESTS: Final = (POSITIONS, BALANCES)

_SIGNED = re.compile(r"0|-?[1-9][0-9]{0,77}")
_STRIKE_LIMIT_E18: Final = 10**9 * 10**18
_EXPIRY_LIMIT_S: Final = 2**32 - 1


class AccountAnswer(msgspec.Struct, frozen=True):
    """The venue's word on a request: a result that is still to be read, or why it was refused."""

    request: str
    result: Any = None
    refusal: str = ""  # empty when it was not
    code: int | None = None


class RyskPosition(msgspec.Struct, frozen=True):
    """One oToken that the maker holds. Amounts are signed: below 0 the maker sold, and was paid."""

    otoken: str
    asset: str  # the token that the option is on
    contract: Contract | None  # None when that token has no symbol in the asset mapping
    balance_e18: int
    premium_e18: int  # USD paid less received


def build_request(request: str, maker: str) -> bytes:
    """Frame that asks for `POSITIONS` or `BALANCES`; `maker` lower case."""
    return orjson.dumps({"jsonrpc": "2.0", "id": request, "method": request, "params": {"account": maker}})


def parse_answer(tree: frames.Fields) -> AccountAnswer | None:
    """Frame → answer to a request for our account; None when the frame speaks of something else."""
    request = tree.get("id")
    result = tree.get("result")
    # An RFQ that is called as our requests are is answered like every other.
    if request not in REQUESTS or result == "OK" or (isinstance(result, dict) and "newBest" in result):
        return None
    error = tree.get("error")
    if error is None:
        return AccountAnswer(request, result)
    code, message = (error.get("code"), error.get("message")) if isinstance(error, dict) else (None, error)
    return AccountAnswer(request, None, frames.shown(message), code if type(code) is int else None)


def parse_positions(result: object, assets: AssetMap) -> list[RyskPosition]:
    """Result of `positions` → what the maker holds, as signed as it came.

    [{"assetAddress":"0x…","balance":"1000000000000000000","strike":"2600000000000000000000","expiry":1751011200,
    "isPut":false,"underlying":"0x…","optionAsset":"0x…","premium":"12500000000000000000","isOtoken":true}]

    The strike is in 10⁻¹⁸ here and in 10⁻⁸ everywhere else.

    Raises:
        BadFrame: names the field and its value.
    """
    if not isinstance(result, list) or not all(isinstance(row, dict) for row in result):
        raise frames.bad(f"positions are {frames.shown(result)}, expected a list of objects")
    return [_position(row, assets) for row in result if frames.flag(row, "isOtoken", default=True)]


def _position(row: frames.Fields, assets: AssetMap) -> RyskPosition:
    asset = frames.address(row, "underlying")
    underlying = assets.underlying(asset)
    contract = Contract(
        underlying=underlying or "",
        expiry_s=frames.integer(row, "expiry", _EXPIRY_LIMIT_S),
        strike_nanos=frames.nanos(row, "strike", _STRIKE_LIMIT_E18, Reason.BAD_STRIKE),
        option_type=OptionType.PUT if frames.flag(row, "isPut") else OptionType.CALL,
    )
    return RyskPosition(
        otoken=frames.address(row, "assetAddress"),
        asset=asset,
        contract=contract if underlying is not None else None,
        balance_e18=_signed(row, "balance"),
        premium_e18=_signed(row, "premium"),
    )


def parse_balances(result: object) -> dict[str, int]:
    """Result of `balances` → units of each token (of its own decimals) by its address.

    {"0x98d5…":"5000000000000"}

    Raises:
        BadFrame: names the field and its value.
    """
    if not isinstance(result, dict):
        raise frames.bad(f"balances are {frames.shown(result)}, expected an object")
    balances: dict[str, int] = {}
    for name in result:
        token = parse_address(name)
        if token is None or token in balances:
            raise frames.bad(f"balances name {frames.shown(name)}, expected an address, each once")
        balances[token] = _signed(result, name)
    return balances


def _signed(fields: frames.Fields, name: str) -> int:
    value = fields.get(name)
    if not isinstance(value, str) or not _SIGNED.fullmatch(value):
        raise frames.bad(f"{name} is {frames.shown(value)}, expected an integer as text")
    return int(value)
