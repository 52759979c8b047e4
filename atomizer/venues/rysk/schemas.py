"""Which of Rysk's signing schemas a venue speaks. We sign the current one; the older ones of 2025 we know by sight.

Source: protocol sheet §3, "History". A deployment that still speaks an older schema would find our signature wrong,
and says only "Internal Error": so what it speaks is told in words as soon as it can be seen.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any


class Schema(StrEnum):
    """The value is the words for it."""

    CURRENT = "the current schema"
    NOVEMBER_2025 = "the schema of November 2025: without collateralAsset"
    AUGUST_2025 = "the schema of August to November 2025: text nonces and addresses, without collateralAsset"
    APRIL_2025 = "the schema of April to August 2025: text nonces and addresses, without usd and collateralAsset"


def schema_of_rfq(body: dict[str, Any]) -> Schema:
    """By the body of an RFQ: `usd` came in August 2025, `collateralAsset` in November."""
    if "collateralAsset" in body:
        return Schema.CURRENT
    return Schema.AUGUST_2025 if "usd" in body else Schema.APRIL_2025


def schema_of_types(types: Mapping[str, Sequence[Mapping[str, Any]]]) -> Schema | None:
    """By the EIP-712 types that a quote or a transfer was signed with; None for types that Rysk never had."""
    for name, history in _HISTORY.items():
        if name in types:
            fields = tuple((str(field.get("type")), str(field.get("name"))) for field in types[name])
            return history.get(fields)
    return None


def _fields(text: str) -> tuple[tuple[str, str], ...]:
    pairs = (field.split(" ") for field in text.split(","))
    return tuple((kind, name) for kind, name in pairs)


_APRIL = (
    "string assetAddress,uint256 chainId,bool isPut,uint256 strike,uint64 expiry,address maker,string nonce,"
    "uint256 price,uint256 quantity,bool isTakerBuy,uint64 validUntil"
)
_AUGUST = _APRIL + ",address usd"
_NOVEMBER = _AUGUST.replace("string assetAddress", "address assetAddress").replace("string nonce", "uint64 nonce")
_HISTORY: dict[str, dict[tuple[tuple[str, str], ...], Schema]] = {
    "Quote": {
        _fields(_APRIL): Schema.APRIL_2025,
        _fields(_AUGUST): Schema.AUGUST_2025,
        _fields(_NOVEMBER): Schema.NOVEMBER_2025,
        _fields(_NOVEMBER + ",address collateralAsset"): Schema.CURRENT,
    },
    "Transfer": {
        _fields("address asset,uint256 chainId,uint256 amount,bool isDeposit,string nonce"): Schema.APRIL_2025,
        _fields("address asset,uint256 chainId,uint256 amount,bool isDeposit,uint64 nonce"): Schema.NOVEMBER_2025,
        _fields(
            "address user,address asset,uint256 chainId,uint256 amount,bool isDeposit,uint64 nonce"
        ): Schema.CURRENT,
    },
}
