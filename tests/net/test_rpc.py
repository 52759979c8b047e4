"""Questions to a venue: which are asked again, and which end with the first word."""

import json

import pytest

from atomizer.errors import OutcomeUnknown, Refused
from atomizer.net.rate import RateBudget
from atomizer.net.rpc import Answer, Fault, Rpc

NOT_NOW = Fault(10041, "settlement_in_progress", is_retryable=True)
NO = Fault(13009, "unauthorized")
NO_MEANING = Fault(-32603, "Internal error", is_unknown=True, is_retryable=True)


class Venue:
    """Answers what it is sent with the next of these words; None is a result."""

    def __init__(self, *faults):
        self.faults = list(faults)
        self.asked = 0
        self.rpc = Rpc("venue", self.on_text, build, lambda _method, _instrument: RateBudget(100, 1))

    def on_text(self, text):
        self.asked += 1
        fault = self.faults.pop(0)
        self.rpc.on_answer(Answer(json.loads(text), None if fault else "done", fault))


def build(request_id, _method, _params):
    return json.dumps(request_id).encode()


@pytest.fixture(autouse=True)
def in_no_time(monkeypatch):
    monkeypatch.setattr("atomizer.net.rpc.FIRST_PAUSE_S", 0.0)


@pytest.mark.parametrize("method", ["private/cancel_all", "private/get_open_orders"])
async def test_a_no_for_now_is_asked_again(method):
    """Nothing was done, and the venue says that it may be different next time."""
    venue = Venue(NOT_NOW, NOT_NOW, None)
    assert await venue.rpc.ask(method, {}) == "done"
    assert venue.asked == 3


async def test_it_is_not_asked_for_ever():
    """After four times its word stands."""
    venue = Venue(*[NOT_NOW] * 9)
    with pytest.raises(Refused, match="settlement"):
        await venue.rpc.ask("private/get_positions", {})
    assert venue.asked == 4


@pytest.mark.parametrize("method", ["private/get_open_orders", "public/get_time", "subscribe", "public/subscribe"])
async def test_an_answer_without_meaning_to_a_question_is_asked_again(method):
    """What changes nothing at the venue can be asked twice whatever became of it."""
    venue = Venue(NO_MEANING, None)
    assert await venue.rpc.ask(method, {}) == "done"


@pytest.mark.parametrize("method", ["private/edit", "private/mass_quote", "private/send_quote", "public/auth"])
async def test_what_may_have_been_done_is_never_done_twice(method):
    """An answer without meaning to what changes something leaves it unknown."""
    venue = Venue(NO_MEANING, None)
    with pytest.raises(OutcomeUnknown):
        await venue.rpc.ask(method, {})
    assert venue.asked == 1


async def test_a_no_is_a_no():
    """What asking again cannot help is asked once."""
    venue = Venue(NO, None)
    with pytest.raises(Refused, match="unauthorized"):
        await venue.rpc.ask("private/get_positions", {})
    assert venue.asked == 1
