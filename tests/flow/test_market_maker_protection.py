"""What pulls a market maker's quotes: a counterparty who takes too many of them, and data that is no good."""

import contextlib
import re
import signal
import time

import pytest
from flow.places import AtDeribit, AtDerive
from flow.running import finish, maker, wait_for

CONFIG = "market_maker: {{protection_amount: {}, protection_delta: 0.9, protection_pause: 1s}}"
TRIPPED, RESET = "protection has tripped", "protection is reset: quoting again"
PAUSE_WITHIN_S = 60.0  # of the second that it lasts, on a machine that does much else


def taken(venues):
    """Every bid that rests, one after the other, until nothing is left to take."""
    for resting in venues.orders():
        if resting["direction"] == "buy":
            with contextlib.suppress(OSError, KeyError):  # refused: it is gone by now
                venues.take(resting)


@pytest.mark.parametrize("place", [AtDerive, AtDeribit])
def test_a_trip_pauses_is_told_and_is_reset(tmp_path, place):
    """Hit on every bid, the venue pulls all; the operator is told, nothing rests in the pause, then quotes are back."""
    venues = place(tmp_path)
    try:
        (tmp_path / "config.yaml").write_text(CONFIG.format(place.protection))
        running = maker(tmp_path, *place.flags, "--aggression", "0.5")
        wait_for(lambda: len(venues.orders()) == 8)
        venues.freeze()  # else a quote moves between the look and the take
        wait_for(lambda: len(venues.orders()) == 8)
        taken(venues)
        venues.thaw()
        wait_for(lambda: TRIPPED in venues.log("atomizer.log"))
        end = time.monotonic() + PAUSE_WITHIN_S
        while RESET not in venues.log("atomizer.log"):
            assert time.monotonic() < end
            if venues.orders():  # the log's own thread may be a moment behind; the pause is longer than that
                wait_for(lambda: RESET in venues.log("atomizer.log"), within_s=0.5)
            time.sleep(0.1)
        wait_for(venues.orders)
        running.send_signal(signal.SIGINT)
        code, out, err = finish(running)
        assert code == 0, err
        assert "none of ours left at the venue, verified" in out
        assert "ties with the venue's own" in out
        assert venues.orders() == []
    finally:
        venues.close()


def test_a_gapped_or_silent_book_is_quoted_no_more_until_it_is_whole(tmp_path):
    """A change that is missing pulls both sides of that book alone, and so does silence; then they are back."""
    venues = AtDeribit(tmp_path, fault="deribit/gap=4%,deribit/freeze=1%:4s")
    try:
        (tmp_path / "config.yaml").write_text("risk: {max_book_age: 3s}")
        running = maker(tmp_path, *AtDeribit.flags, "--aggression", "0.5", "--log-level", "debug")
        wanted = {"because no_book", "because stale_book"}
        wait_for(lambda: wanted <= causes(venues.log("quotes.log")))
        venues.set_calm(is_calm=True)  # what was lost before is asked for until it is there
        wait_for(lambda: len(venues.orders()) == 8)
        running.send_signal(signal.SIGINT)
        code, out, err = finish(running)
        assert code == 0, err
        assert "none of ours left at the venue, verified" in out
    finally:
        venues.close()


def causes(log):
    """Why orders were cancelled."""
    return set(re.findall(r"cancel .* (because \w+);", log))
