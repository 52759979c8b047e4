"""JSON text → a checked tree, and its fields one by one. What a field means is the codec's business.

Every function raises BadFrame with a `Reason` and the name and value of what it would not take.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from atomizer.domain.reasons import Reason
from atomizer.errors import BadFrame
from atomizer.venues.rysk.assets import parse_address

_SHOWN: Final = 80  # characters of a refused value in the message
UINT: Final = re.compile(r"0|[1-9][0-9]{0,77}")  # 78 digits hold a uint256
_TOKEN = re.compile(r"[\x21-\x7e]{1,128}")

Fields = Mapping[str, Any]


def bad(message: str, reason: Reason = Reason.MALFORMED) -> BadFrame:
    return BadFrame(f"rysk: {message}", reason=reason)


def shown(value: object) -> str:
    """A value from outside as it may stand in a message: printable, on one line, short."""
    text = ascii(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def decode(borrowed: bytes | memoryview, limit_bytes: int) -> dict[str, Any] | None:
    """The object in a frame; None for a blank one, which the server sends now and then. Keeps none of the memory."""
    if len(borrowed) > limit_bytes:
        raise bad(f"frame of {len(borrowed)} bytes, at most {limit_bytes}", Reason.OVERSIZED)
    frame = bytes(borrowed)
    if not frame.strip():
        return None
    try:
        tree = orjson.loads(frame)
    except orjson.JSONDecodeError as error:
        raise bad(f"not JSON: {error}") from None
    if not isinstance(tree, dict):
        raise bad(f"not an object: {shown(tree)}")
    if b"\\" in frame:
        _refuse_repeated_keys(frame)
    elif frame.count(b'"') != 2 * _string_tokens(tree):
        # Without escapes every string is exactly two quotation marks, so a surplus is a key that was given twice.
        raise bad("a key is given twice")
    return tree


def _string_tokens(tree: dict[str, Any]) -> int:
    count = 0
    nodes: list[Any] = [tree]
    while nodes:
        node = nodes.pop()
        if isinstance(node, str):
            count += 1
        elif isinstance(node, dict):
            count += len(node)
            nodes.extend(node.values())
        elif isinstance(node, list):
            nodes.extend(node)
    return count


def _refuse_repeated_keys(frame: bytes) -> None:
    """The slow way, for frames with escapes."""

    def unique(pairs: list[tuple[str, Any]]) -> None:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a key is given twice")

    try:
        json.loads(frame, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise bad(shown(str(error))) from None


def text(fields: Fields, name: str) -> str:
    """A short printable word, such as an id."""
    value = fields.get(name)
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise bad(f"{name} is {shown(value)}, expected 1 to 128 printable characters")
    return value


def address(fields: Fields, name: str) -> str:
    """An address of any case, lower-cased."""
    value = parse_address(fields.get(name))
    if value is None:
        raise bad(f"{name} is {shown(fields.get(name))}, expected an address")
    return value


def integer(fields: Fields, name: str, highest: int) -> int:
    """A JSON integer in 1..highest."""
    value = fields.get(name)
    if type(value) is not int or not 0 < value <= highest:
        raise bad(f"{name} is {shown(value)}, expected an integer from 1 to {highest}")
    return value


def flag(fields: Fields, name: str, *, default: bool | None = None) -> bool:
    """A JSON boolean; `default` when the field is absent, unless that is None."""
    value = fields.get(name, default)
    if not isinstance(value, bool):
        raise bad(f"{name} is {shown(value)}, expected true or false")
    return value


def amount(fields: Fields, name: str, highest: int, reason: Reason) -> int:
    """A positive integer as decimal text, such as a quantity in 10⁻¹⁸.

    Absent or of another type is malformed; text that is no such number, 0 or above `highest` has the given reason.
    """
    value = fields.get(name)
    if not isinstance(value, str):
        raise bad(f"{name} is {shown(value)}, expected a number as text")
    if not UINT.fullmatch(value) or not 0 < int(value) <= highest:
        raise bad(f"{name} is {shown(value)}, expected an integer from 1 to {highest}", reason)
    return int(value)


def nanos(fields: Fields, name: str, highest_e18: int, reason: Reason) -> int:
    """A positive amount of 10⁻¹⁸ as decimal text that nanos can carry exactly."""
    e18 = amount(fields, name, highest_e18, reason)
    whole, rest = divmod(e18, 10**9)
    if rest:
        raise bad(f"{name} is {e18}, finer than 10^-9 of a unit", reason)
    return whole
