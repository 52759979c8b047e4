"""The label that names an order's owner: ``strategy.run.counter``, for example ``hedger.k3f9.17``."""

import re
from typing import NamedTuple

MAX_LENGTH = 64  # Deribit's limit for a label; Derive states none
_PATTERN = re.compile(r"([a-z][a-z0-9_-]*)\.([a-z0-9]+)\.([1-9][0-9]{0,17})", re.ASCII)


class Owner(NamedTuple):
    strategy: str
    run: str
    counter: int


def parse_client_id(client_id: str) -> Owner | None:
    """Who made the order with this label; None when it is not a label of ours."""
    match = _PATTERN.fullmatch(client_id) if len(client_id) <= MAX_LENGTH else None
    return Owner(match[1], match[2], int(match[3])) if match else None


class ClientIds:
    """Makes the labels of one strategy in one run: the same calls give the same labels."""

    def __init__(self, strategy: str, run: str) -> None:
        """`strategy` is lower-case letters, digits, ``_`` and ``-``; `run` lower-case letters and digits, new each run.

        Raises:
            ValueError: words that would not make a label.
        """
        self._prefix = f"{strategy}.{run}."
        self._counter = 0
        if parse_client_id(f"{self._prefix}{10**17}") is None:
            raise ValueError(f"no label can be made of strategy {strategy!r} and run {run!r}")

    def next(self) -> str:
        self._counter += 1
        return f"{self._prefix}{self._counter}"
