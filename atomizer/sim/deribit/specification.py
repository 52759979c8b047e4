"""What the venue's own description says of every method's parameters, and requests held against it.

The facts are distilled from its OpenAPI document by `scripts/distil_deribit`. Names that the description does not know
are tolerated, as the venue tolerates them; a null counts as left out.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib import resources
from typing import Any

import orjson

from atomizer.sim.deribit.codes import Rejection, invalid

Facts = dict[str, Any]

_LONGEST_TEXT = 4096
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


@cache
def methods() -> Mapping[str, dict[str, Facts]]:
    """Method → parameter → facts."""
    text = resources.files("atomizer.sim").joinpath("figures", "deribit.json").read_text("utf-8")
    specified: dict[str, dict[str, Facts]] = json.loads(text)["methods"]
    return specified


def checked(method: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that were given, each of the described type.

    Raises:
        Rejection: -32602 with the parameter and the reason.
    """
    kept = {name: value for name, value in given.items() if value is not None}
    for name, facts in methods()[method].items():
        if name in kept:
            _check(name, kept[name], facts)
        elif facts.get("needed"):
            raise invalid(name, "value required")
    return kept


def from_query(method: str, query: Mapping[str, str]) -> dict[str, Any]:
    """Parameters of a GET request as values of the described types; lists and objects are JSON text."""
    specified = methods()[method]
    return {name: _parsed(name, text, specified[name]) for name, text in query.items() if name in specified}


def _parsed(name: str, text: str, facts: Facts) -> Any:
    kind = facts["type"]
    if kind == "string" or (kind == "either" and not text.startswith("[")):
        return text
    if kind == "boolean" and text not in {"true", "false"}:
        raise invalid(name, "must be a boolean")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise invalid(name, f"must be {kind}") from None


def _check(name: str, value: Any, facts: Facts) -> None:
    kind = facts.get("type", "string")
    if kind == "either":
        _check_either(name, value, facts["options"])
        return
    if type(value) not in _TYPES[kind]:
        raise invalid(name, f"must be {kind}")
    if "enum" in facts and value not in facts["enum"]:
        raise invalid(name, "value not allowed")
    if "minimum" in facts and value < facts["minimum"]:
        raise invalid(name, f"must be at least {facts['minimum']}")
    if "maximum" in facts and value > facts["maximum"]:
        raise invalid(name, f"must be at most {facts['maximum']}")
    if kind == "string" and len(value) > _LONGEST_TEXT:
        raise invalid(name, "too long")
    for item in value if kind == "array" and "items" in facts else ():
        _check(name, item, facts["items"])
    if kind == "object":
        _check_fields(name, value, facts)


def _check_either(name: str, value: Any, options: list[Facts]) -> None:
    for option in options:
        with suppress(Rejection):
            _check(name, value, option)
            return
    raise invalid(name, "value not allowed")


def _check_fields(name: str, value: dict[str, Any], facts: Facts) -> None:
    for field in facts.get("required", ()):
        if value.get(field) is None:
            raise invalid(f"{name}.{field}", "value required")
    for field, inner in facts.get("fields", {}).items():
        if value.get(field) is not None:
            _check(f"{name}.{field}", value[field], inner)
