"""A short part of `scripts/quoting-hour`."""

from flow import quote_messages, quoting_hour


def test_a_bad_day_of_quoting_brings_no_surprise(tmp_path):
    """Under faults and hit by takers, no order is off tick, crossed, beyond a limit or late; the books tie."""
    found = quoting_hour.run(tmp_path / "day", 12, print, fault="rough")
    assert found.problems == []
    assert found.report["trades"]
    assert "none of ours left at the venue, verified" in found.output


def test_fewer_messages_than_cancel_and_replace_for_the_same_time_at_the_touch():
    """On the same seeded day at least 40 % fewer messages leave, and our quotes are as often the best of their side."""
    ours, plain = quote_messages.compare(60)
    assert quote_messages.is_better(ours, plain), list(quote_messages.tell((ours, plain)))
    assert ours.touch > 0.9
