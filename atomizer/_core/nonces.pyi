"""Nonces, by which orders and other actions are told one from another: numbers that rise with the clock."""

from typing import Self, final

@final
class Nonces:
    """Numbers that rise and are never used twice, also when the clock stands still or steps back."""

    last: int

    def __new__(cls, *, unit_ns: int, per_unit: int, last: int) -> Self:
        """In each `unit_ns` of unix time there are `per_unit` of them; all are above `last`.

        Raises:
            ValueError: they would not rise.
        """

    def next(self, now_ns: int) -> int:
        """One more.

        Raises:
            ValueError: a time before 1970.
        """
