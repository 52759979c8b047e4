"""Reading a request's parameters: every type, range and choice is checked here, and nowhere behind.

Unknown names are tolerated, as the venue tolerates them. v2 wants an optional parameter left out, v3 also takes null.
"""

import re
from collections.abc import Collection, Sequence
from typing import Any, TypeVar

from atomizer.sim.derive import codes
from atomizer.sim.derive.codes import Rejection
from atomizer.sim.derive.dialect import Dialect
from atomizer.sim.derive.units import MAX_INT64, parse_e18

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)
_NONCE = re.compile(r"[0-9]{1,19}", re.ASCII)
_MAX_TEXT = 1024
_LARGEST_PAGE = 1000
_DEFAULT_PAGE = 100

Row = TypeVar("Row")


class Params:
    """One request's parameters in one dialect.

    Every reader raises `Rejection` -32602 with the name and the reason. Without a default a parameter is required.
    """

    def __init__(self, raw: dict[str, Any], dialect: Dialect) -> None:
        self._raw = raw
        self.dialect = dialect

    def has(self, name: str) -> bool:
        """Whether it was given. A null counts as given in v2, where its reader then refuses it."""
        return name in self._raw and not (self.dialect.is_v3 and self._raw[name] is None)

    def text(self, name: str, default: str | None = None, *, choices: Collection[str] = ()) -> str:
        if default is not None and not self.has(name):
            return default
        value = self._raw.get(name)
        if not isinstance(value, str):
            raise _invalid(name, "Not a valid string." if name in self._raw else "Missing data for required field.")
        if len(value) > _MAX_TEXT:
            raise _invalid(name, f"Longer than {_MAX_TEXT} characters.")
        if choices and value not in choices:
            raise _invalid(name, f"Invalid enum value {value}")
        return value

    def integer(self, name: str, default: int | None = None, *, low: int = 0, high: int = MAX_INT64) -> int:
        if default is not None and not self.has(name):
            return default
        value = self._raw.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise _invalid(name, "Not a valid integer." if name in self._raw else "Missing data for required field.")
        if not low <= value <= high:
            raise _invalid(name, f"Must be from {low} to {high}.")
        return value

    def flag(self, name: str, default: bool | None = None) -> bool:
        if default is not None and not self.has(name):
            return default
        value = self._raw.get(name)
        if not isinstance(value, bool):
            raise _invalid(name, "Not a valid boolean." if name in self._raw else "Missing data for required field.")
        return value

    def decimal_e18(self, name: str, default: str | None = None) -> int:
        text = self.text(name, default)
        try:
            return parse_e18(text, self.dialect.decimal_places)
        except ValueError as error:
            raise _invalid(name, str(error)) from None

    def address(self, name: str) -> str:
        value = self.text(name)
        if not _ADDRESS.fullmatch(value):
            raise Rejection(codes.NOT_AN_ADDRESS, f"{name}: {value[:80]}")
        return value

    def nonce(self, name: str) -> int:
        """An integer in v2, decimal text in v3."""
        if not self.dialect.nonce_is_text:
            return self.integer(name)
        value = self.text(name)
        if not _NONCE.fullmatch(value):
            raise _invalid(name, "Not a decimal integer.")
        return int(value)

    def any_nonce(self, name: str) -> int:
        """Where v3's specification has an integer and its clients send the text that they signed: both are taken."""
        try:
            return self.nonce(name)
        except Rejection:
            return self.integer(name)

    def texts(self, name: str) -> list[str]:
        value = self._raw.get(name)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise _invalid(name, "Not a list of strings.")
        return value

    def objects(self, name: str) -> list["Params"]:
        value = self._raw.get(name)
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise _invalid(name, "Not a list of objects.")
        return [Params(item, self.dialect) for item in value]


def _invalid(name: str, reason: str) -> Rejection:
    return Rejection(codes.INVALID_PARAMS, f"{{'{name}': ['{reason}']}}")


def paged(params: Params, rows: Sequence[Row]) -> tuple[Sequence[Row], dict[str, int]]:
    """The page that was asked for, and the pagination object. A page past the end gives the last one."""
    size = params.integer("page_size", _DEFAULT_PAGE, low=1, high=_LARGEST_PAGE)
    page_count = max(-(-len(rows) // size), 1)
    page = min(params.integer("page", 1, low=1), page_count)
    return rows[(page - 1) * size : page * size], {"count": len(rows), "num_pages": page_count}
