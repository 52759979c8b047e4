"""What each error code of Derive's says of the request that it answers."""

import pytest

from atomizer.sim.derive import codes as practice
from atomizer.venues.derive.codes import ERRORS, LONGEST_HOLD_MS, NOTHING_TO_CANCEL, classify

UNKNOWN = {-32603, 9000}
NOT_NOW = {-32000, -32100, 9001, 11002}


def test_every_code_is_a_no_or_an_unknown():
    """Only what names itself a failure of the venue leaves an outcome unknown, and only what may pass is retryable."""
    for code in ERRORS:
        fault = classify(code, "", "")
        assert fault.code == code
        assert fault.words
        assert fault.is_unknown is (code in UNKNOWN)
        assert fault.is_retryable is (code in UNKNOWN | NOT_NOW)
        assert bool(fault.hold_ms) is (code == -32000)


def test_what_the_practice_venue_says_is_familiar():
    """Every refusal of practice Derive's, and all that a cancel may be answered, is in the table."""
    assert practice.MESSAGES.keys() <= ERRORS.keys()
    assert ERRORS.keys() >= NOTHING_TO_CANCEL


@pytest.mark.parametrize(("code", "is_unknown"), [(11999, False), (14099, False), (-32050, True), (500, True)])
def test_an_unfamiliar_code_is_a_no_only_where_the_venues_numbers_are(code, is_unknown):
    """Believing a no that is none costs an order; asking costs little."""
    assert classify(code, "odd", "").is_unknown is is_unknown


@pytest.mark.parametrize(
    ("data", "hold_ms"), [("", 1000), ("Retry after 250 ms", 250), ("999999999 ms", LONGEST_HOLD_MS)]
)
def test_the_venues_own_hint_is_kept_to_within_reason(data, hold_ms):
    """Silence is as long as it asks for, and never so long that cancels wait for minutes."""
    assert classify(-32000, "Rate limit exceeded", data).hold_ms == hold_ms


@pytest.mark.parametrize(
    ("code", "advice"),
    [(14014, "session key"), (14030, "expired"), (14001, "DERIVE_SUBACCOUNT_ID"), (11013, "ticks"), (11012, "lots")],
)
def test_a_person_is_told_what_to_do(code, advice):
    """The venue's words, then what helps."""
    words = classify(code, "the venue's words", "and its data").words
    assert words.startswith("the venue's words: and its data: ")
    assert advice in words
