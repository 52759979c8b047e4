"""What each error code of Deribit's says of the request that it answers."""

import pytest

from atomizer.sim.deribit import codes as practice
from atomizer.venues.deribit.codes import ERRORS, NOTHING_TO_CANCEL, classify

UNKNOWN = {10001, 11031, 11094, 13008}


def test_every_code_is_a_no_or_an_unknown():
    """Only what names itself a failure of the venue leaves an outcome unknown."""
    for code in ERRORS:
        fault = classify(code, ERRORS[code].word, None)
        assert fault.code == code
        assert fault.is_unknown is (code in UNKNOWN)
        assert bool(fault.hold_ms) is (code in {10028, 10066})
        assert fault.is_retryable or not fault.hold_ms


def test_what_the_practice_venue_says_is_familiar():
    """Every refusal of practice Deribit's, and all that a cancel may be answered, is in the table."""
    assert practice.MESSAGES.keys() <= ERRORS.keys()
    assert ERRORS.keys() >= NOTHING_TO_CANCEL


@pytest.mark.parametrize(
    ("data", "hold_ms"),
    [(None, 1000), ({"wait": 2}, 2000), ({"wait": 0.2}, 200), ({"wait": 10**6}, 1000), ({"wait": "x"}, 1000)],
)
def test_the_venues_own_hint_is_kept_to_within_reason(data, hold_ms):
    """Silence is as long as it asks for, in seconds; what cannot be meant is a second."""
    assert classify(10028, "too_many_requests", data).hold_ms == hold_ms
