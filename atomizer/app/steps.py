"""A check in steps: each is tried, timed and told, and one that fails does not hide those that do not need it."""

import time
from collections.abc import Awaitable
from enum import StrEnum

import msgspec

from atomizer.errors import AtomizerError, VenueError


class Result(StrEnum):
    OK = "ok"
    FAILED = "FAILED"
    SKIPPED = "skipped"


class No(msgspec.Struct, frozen=True):
    """A step's answer that is no error but not what was hoped for."""

    why: str
    exit_code: int


class Step(msgspec.Struct, frozen=True):
    """One step of a check. `detail` says what was found, or why it failed or was not tried."""

    name: str
    result: Result
    detail: str
    took_ns: int = 0
    exit_code: int = 0


class Steps:
    """The steps of one check, as they go."""

    def __init__(self) -> None:
        self.taken: list[Step] = []

    async def take(self, name: str, work: Awaitable[str | No]) -> bool:
        """Do one step: the text that `work` answers is what was found. Answers whether it succeeded."""
        started_ns = time.perf_counter_ns()
        try:
            found = await work
        except AtomizerError as error:
            found = No(str(error), error.exit_code)
        except OSError as error:
            found = No(str(error), VenueError.exit_code)
        took_ns = time.perf_counter_ns() - started_ns
        if isinstance(found, No):
            self.taken.append(Step(name, Result.FAILED, found.why, took_ns, found.exit_code))
            return False
        self.taken.append(Step(name, Result.OK, found, took_ns))
        return True

    def skip(self, name: str, because: str) -> None:
        self.taken.append(Step(name, Result.SKIPPED, because))

    @property
    def exit_code(self) -> int:
        """The gravest: orders that may live, else that of the first step that failed; 0 when none has."""
        codes = [step.exit_code for step in self.taken if step.exit_code]
        return max(codes) if ORDERS_MAY_LIVE in codes else next(iter(codes), 0)


ORDERS_MAY_LIVE = 9
