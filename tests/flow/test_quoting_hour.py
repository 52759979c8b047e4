"""A short part of `scripts/quoting-hour`."""

import json
import subprocess

from flow import quote_messages, quoting_hour
from flow.running import COMMAND


def report(directory, *flags):
    words = [*COMMAND, "reports", "quoting", "--exchange", "sim", "--format", "json", *flags]
    return subprocess.run(words, capture_output=True, text=True, check=True, cwd=directory).stdout


def test_a_bad_day_of_quoting_brings_no_surprise(tmp_path):
    """Under faults and hit by takers, no order is off tick, crossed, beyond a limit or late; the books tie."""
    found = quoting_hour.run(tmp_path / "day", 8, print, fault="rough")
    assert found.problems == []
    assert found.report["trades"]
    assert "none of ours left at the venue, verified" in found.output
    (whole,) = json.loads(report(tmp_path / "day", "--breakdown-by", "strategy"))
    assert (whole["trades"], whole["strategy"]) == (len(found.report["trades"]), "mm")
    assert whole["captured_trades"] > 0
    assert 0 < whole["uptime"] <= 1


def test_fewer_messages_than_cancel_and_replace_for_the_same_time_at_the_touch():
    """On the same seeded day at least 40 % fewer messages leave, and our quotes are as often the best of their side."""
    ours, plain = quote_messages.compare(60)
    assert quote_messages.is_better(ours, plain), list(quote_messages.tell((ours, plain)))
    assert ours.touch > 0.9
