"""What an answer said and a channel did not."""

from hypothesis import given, settings
from hypothesis import strategies as st

from atomizer.net.echoes import WITHIN_NS, Echoes

WORDS = st.tuples(st.sampled_from(["owe", "hear", "forget"]), st.sampled_from("abc"), st.integers(0, WITHIN_NS // 3))


@settings(deadline=None)
@given(st.lists(WORDS, max_size=40))
def test_the_oldest_order_that_was_not_heard_of_in_time_is_named(words):
    """The channel is in doubt exactly when an order is owed for the whole time; the one owed first is named, once."""
    now_ns, owed = 0, {}
    echoes = Echoes(lambda: now_ns)
    for word, client_id, pause_ns in words:
        now_ns += pause_ns
        if word == "owe":
            echoes.owe(client_id)
            owed.setdefault(client_id, now_ns)
        elif word == "hear":
            echoes.hear(client_id)
            owed.pop(client_id, None)
        else:
            echoes.forget()
            owed.clear()
        late = [each for each, since_ns in owed.items() if now_ns - since_ns >= WITHIN_NS]
        assert echoes.take_overdue() == (late[0] if late else "")
        if late:
            assert echoes.take_overdue() == ""
            owed.clear()
