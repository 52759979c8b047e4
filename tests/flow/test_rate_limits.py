"""What a venue allows in a second, kept by a real market maker on a market that moves faster."""

import sys
from collections import defaultdict
from pathlib import Path

from flow.running import desk, finish, maker

from atomizer.domain.trading import OrderPlaced
from atomizer.journal.reader import JournalReader

STRICT = (sys.executable, str(Path(__file__).with_name("strict_derive.py")))
WINDOW_NS = 5 * 10**9
ORDERS = 4  # of the five requests in a window; the fifth is kept for cancels
LATE_NS = 250_000_000  # by which an order may leave after it was written, and shorten the window to the next


def test_an_instrument_without_room_has_nothing_written_or_sent(tmp_path):
    """Derive counts the requests about each instrument by itself. The account has room for hundreds, so the lane goes
    on quoting all of them, each as often as its own budget allows: nothing beyond that is in the journal, and nothing
    is refused.
    """
    (tmp_path / "config.yaml").write_text("market_maker: {keep_ticks: 0}")
    with desk(tmp_path, rfq_interval="1h", command=STRICT) as venues:
        flags = ("--paper", "--aggression", "0.9", "--min-spread", "1", "--for", "8s")
        code, out, err = finish(maker(tmp_path, *flags))
        assert code == 0, err
        assert "none of ours left at the venue, verified" in out
        told = venues.log("atomizer.log") + venues.log("quotes.log") + venues.log("errors.log")
    assert "Rate limit" not in told
    assert "rate budget" not in told
    placed = defaultdict(list)
    with JournalReader(next(tmp_path.glob("state/sim/*/journal.atj"))) as journal:
        for entry in journal.read():
            if isinstance(entry.record, OrderPlaced):
                placed[entry.record.instrument].append(entry.record.now_ns)
    for times in placed.values():
        for first_ns, past_ns in zip(times, times[ORDERS:], strict=False):
            assert past_ns - first_ns > WINDOW_NS - LATE_NS
    assert max(map(len, placed.values())) > ORDERS  # the limit was felt, and the instrument came back
