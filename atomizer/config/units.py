"""Words that people write in configuration and what they mean."""

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

NANOS = Decimal(1_000_000_000)
INT64_MAX = 2**63 - 1
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?")
_VENUE_NAME = re.compile(r"sim|(sim:)?(derive|deribit|rysk|ccxt:[a-z0-9_]+)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, None: 1.0}


class Seconds(float):
    """A duration: ``30``, ``30s``, ``500ms``, ``5m``, ``24h``."""

    __slots__ = ()

    @classmethod
    def parse(cls, value: object) -> "Seconds":
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError(f"not a duration: {value!r}, write 30, 30s, 500ms, 5m or 24h")
        match = _DURATION.fullmatch(str(value).strip())
        if match is None:
            raise ValueError(f"not a duration: {value!r}, write 30, 30s, 500ms, 5m or 24h")
        return cls(float(match[1]) * _SECONDS[match[2]])

    @property
    def ns(self) -> int:
        return round(self * 1e9)


class Amount(Decimal):
    """A finite decimal that nanos carry exactly: a price, size, delta or fraction as a person writes it."""

    @classmethod
    def parse(cls, value: object) -> "Amount":
        if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
            raise ValueError(f"not a number: {value!r}")
        try:
            amount = cls(str(value))
        except InvalidOperation:
            raise ValueError(f"not a number: {value!r}") from None
        if not amount.is_finite():
            raise ValueError(f"not a finite number: {value!r}")
        scaled = amount * NANOS
        if scaled != scaled.to_integral_value() or abs(scaled) > INT64_MAX:
            raise ValueError(f"{value!r} is too large or has more than nine decimals")
        return amount

    @property
    def nanos(self) -> int:
        return int(self * NANOS)


class Positive(Amount):
    """An amount above 0."""

    @classmethod
    def parse(cls, value: object) -> "Positive":
        amount = super().parse(value)
        if amount <= 0:
            raise ValueError(f"must be above 0, not {value!r}")
        return cls(amount)


class VenueName(str):
    """A venue: ``derive``, ``deribit``, ``rysk``, ``ccxt:NAME``; ``sim`` or ``sim:VENUE`` for its practice twin.

    ``sim`` alone is practice Derive.
    """

    __slots__ = ()

    @classmethod
    def parse(cls, value: object) -> "VenueName":
        if not isinstance(value, str) or _VENUE_NAME.fullmatch(value.strip().lower()) is None:
            raise ValueError(f"unknown exchange {value!r}: use derive, deribit, rysk, ccxt:NAME, sim or sim:VENUE")
        return cls(value.strip().lower())

    @property
    def is_practice(self) -> bool:
        return self.partition(":")[0] == "sim"

    @property
    def venue(self) -> str:
        """``derive`` of ``sim``, ``ccxt`` of ``ccxt:NAME``: which client speaks to it."""
        return self._real.partition(":")[0]

    @property
    def variant(self) -> str:
        """``NAME`` of ``ccxt:NAME``; else empty."""
        return self._real.partition(":")[2]

    @property
    def _real(self) -> str:
        return (self.partition(":")[2] or "derive") if self.is_practice else str(self)


class NotNegative(Amount):
    """An amount of 0 or above."""

    @classmethod
    def parse(cls, value: object) -> "NotNegative":
        amount = super().parse(value)
        if amount < 0:
            raise ValueError(f"must not be below 0, not {value!r}")
        return cls(amount)


class Days(tuple[str, ...]):
    """One day or several, each written YYYYMMDD: as a number, as text, in a list, or comma-separated."""

    __slots__ = ()

    @classmethod
    def parse(cls, value: object) -> "Days":
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        words = value.split(",") if isinstance(value, str) else value
        if not isinstance(words, list | tuple) or not words:
            raise ValueError(f"not a day: {value!r}, write YYYYMMDD")
        return cls(_day(str(word).strip()) for word in words)


def _day(text: str) -> str:
    try:
        datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        raise ValueError(f"not a day: {text!r}, write YYYYMMDD") from None
    return text


class Strikes(tuple[Amount, ...]):
    """A list of strikes, also comma-separated; the word ``all`` is the empty list."""

    __slots__ = ()

    @classmethod
    def parse(cls, value: object) -> "Strikes":
        if value == "all":
            return cls()
        words = value.split(",") if isinstance(value, str) else [value] if isinstance(value, int | float) else value
        if not isinstance(words, list | tuple) or not words:
            raise ValueError(f"not strikes: {value!r}, write 2800,3000 or all")
        return cls(Positive.parse(word.strip() if isinstance(word, str) else word) for word in words)

    def __str__(self) -> str:
        return ",".join(map(str, self)) or "all"


class Words(tuple[str, ...]):
    """A list in a file, or comma-separated text in a variable or flag."""

    __slots__ = ()

    @classmethod
    def parse(cls, value: object) -> "Words":
        if isinstance(value, str):
            return cls(word for part in value.split(",") if (word := part.strip()))
        if isinstance(value, list | tuple) and all(isinstance(word, str) for word in value):
            return cls(value)
        raise ValueError(f"not a list of words: {value!r}")
