"""Labels that name an order's owner."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atomizer.orders.client_ids import MAX_LENGTH, ClientIds, Owner, parse_client_id


@given(
    st.from_regex(r"[a-z][a-z0-9_-]{0,15}", fullmatch=True),
    st.from_regex(r"[a-z0-9]{1,12}", fullmatch=True),
    st.integers(1, 20),
)
def test_labels_name_their_owner(strategy, run, count):
    """Labels count from 1, name strategy and run, and the same calls give the same labels."""
    ids, again = ClientIds(strategy, run), ClientIds(strategy, run)
    labels = [ids.next() for _ in range(count)]
    assert [parse_client_id(label) for label in labels] == [Owner(strategy, run, n) for n in range(1, count + 1)]
    assert [again.next() for _ in range(count)] == labels
    assert max(map(len, labels)) <= MAX_LENGTH


@given(st.text(max_size=80))
def test_any_text_is_an_owner_or_is_not(text):
    """Text from a venue is our label exactly when it can be written back the same."""
    owner = parse_client_id(text)
    assert owner is None or f"{owner.strategy}.{owner.run}.{owner.counter}" == text


@pytest.mark.parametrize(
    "label", ["", "web", "hedger.r1", "hedger.r1.0", "hedger.r1.01", "Hedger.r1.1", "h.r.1.2", "h.r.1\n"]
)
def test_other_labels_have_no_owner(label):
    """Empty, foreign and almost right labels are nobody's."""
    assert parse_client_id(label) is None


@pytest.mark.parametrize(
    ("strategy", "run"), [("", "r1"), ("Hedger", "r1"), ("a.b", "r1"), ("hedger", "R 1"), ("h" * 60, "r1")]
)
def test_words_that_make_no_label_are_refused(strategy, run):
    """A strategy or run that would not make a label is refused before any order carries it."""
    with pytest.raises(ValueError, match="no label"):
        ClientIds(strategy, run)
