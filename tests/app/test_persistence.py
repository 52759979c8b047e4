"""What of a start is tried again, and for how long."""

from functools import partial

import pytest

from atomizer.app import persistence
from atomizer.app.persistence import persist
from atomizer.errors import BadFrame, ConfigError, Disconnected, OutcomeUnknown, Refused, UsageError
from atomizer.net.backoff import Backoff

PASSING = [
    OutcomeUnknown("derive", "internal error", code=-32603, request="private/set_mmp_config", retryable=True),
    OutcomeUnknown("derive", "no answer within 5 s"),
    Refused("derive", "rate limit", code=-32000, retryable=True),
    Disconnected("derive", "not connected: nothing was sent", retryable=True),
    BadFrame("positions: amount missing"),
]
LASTING = [Refused("derive", "bad signature", code=14014), ConfigError("the key has expired"), UsageError("no strike")]


class Step:
    """Fails with each of these in turn, then answers."""

    def __init__(self, *failures):
        self.failures = list(failures)
        self.taken = 0

    async def __call__(self):
        self.taken += 1
        if self.failures:
            raise self.failures.pop(0)
        return "done"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    """A microsecond between two tries."""
    short = partial(Backoff, first_ns=1_000, ceiling_ns=1_000)
    monkeypatch.setattr(persistence, "Backoff", short)


async def test_what_passes_is_tried_again_and_said():
    """Each failure that may pass is one line with its cause, and the step is taken until it succeeds."""
    said = []
    step = Step(*PASSING)
    assert await persist(step, said.append) == "done"
    assert said == [f"{error}: trying again" for error in PASSING]
    assert step.taken == len(PASSING) + 1


@pytest.mark.parametrize("error", LASTING, ids=lambda error: type(error).__name__)
async def test_what_no_repetition_repairs_ends_at_once(error):
    """A wrong key or a wrong configuration is raised the first time, and nothing is said of another try."""
    said = []
    step = Step(error, error)
    with pytest.raises(type(error)) as caught:
        await persist(step, said.append)
    assert caught.value is error
    assert (step.taken, said) == (1, [])


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
async def test_the_last_failure_is_raised_when_no_time_is_left(monkeypatch, error):
    """Trying again has an end: then the failure itself says why the run cannot begin."""
    monkeypatch.setattr(persistence, "TRY_FOR_S", 0.01)
    step = Step(*[error] * 100_000)
    with pytest.raises(type(error)) as caught:
        await persist(step, lambda _line: None)
    assert caught.value is error
    assert 1 <= step.taken < 100_000
